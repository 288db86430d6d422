package offline

import (
	"context"
	"errors"
	"strings"
	"sync"

	"parley/llm"
	"parley/llm/offline/extract"
	"parley/llm/offline/harper"
	"parley/llm/prompt"
)

// A Provider is the offline backend.
type Provider struct {
	checker *harper.Checker
	once    sync.Once
	closed  chan struct{}
	shared  bool // the checker is somebody else's to close
}

// New returns the backend. It keeps Harper's machine code in cacheDir (see harper.New).
func New(cacheDir string) *Provider {
	return &Provider{checker: harper.New(cacheDir), closed: make(chan struct{})}
}

// Warm does now what the first text to be corrected would have to wait for.
func (p *Provider) Warm(ctx context.Context) error { return p.checker.Warm(ctx) }

// Describe tells that nothing leaves the machine and that there is nothing to wait for.
func (p *Provider) Describe() llm.Description {
	d := llm.Description{Backend: "offline", Model: harper.Version(), Ready: true, InputMax: llm.InputMax}
	if !p.checker.Ready() {
		d.Detail = "the first text to be corrected waits some seconds, for the grammar checker to be compiled"
	}
	return d
}

// Close frees the memory of the grammar checker.
func (p *Provider) Close() error {
	p.once.Do(func() { close(p.closed) })
	if p.shared {
		return nil
	}
	return p.checker.Close()
}

// Generate answers by the parts of the task; the prompt is for models.
func (p *Provider) Generate(ctx context.Context, r llm.Request, emit func(string) error) (llm.Result, error) {
	if err := ctx.Err(); err != nil {
		return llm.Result{}, err
	}
	select {
	case <-p.closed:
		return llm.Result{}, llm.Errorf(llm.Unavailable, "the offline backend is closed")
	default:
	}
	out := llm.NewOutput(r.Limits, emit)
	err := p.generate(ctx, r.Task, out.Write)
	if err == nil {
		err = out.Flush()
	}
	finish := llm.Stop
	switch {
	case err == nil:
	case errors.Is(err, llm.ErrFull):
		finish = llm.Length
	case errors.Is(err, harper.ErrClosed):
		return llm.Result{}, llm.Errorf(llm.Unavailable, "the offline backend is closed")
	default:
		return llm.Result{}, llm.FromContext(ctx, err)
	}
	return llm.Result{Model: "", Finish: finish, Usage: llm.Usage{
		InputTokens: llm.EstimateTokens(max(r.Task.Bytes(), 1)), OutputTokens: llm.EstimateTokens(out.Bytes()), Estimated: true,
	}}, nil
}

// generate writes the answer to a task.
func (p *Provider) generate(ctx context.Context, t prompt.Task, write func(string) error) error {
	switch t.Kind {
	case prompt.Grammar:
		return p.correct(ctx, t.Text, write)
	case prompt.Enhance:
		return p.correct(ctx, extract.Tidy(t.Text), write)
	case prompt.Reply, prompt.Summarize, prompt.Complete, prompt.Ask, prompt.DocumentSummary:
		return write(extract.Answer(t))
	}
	return llm.Errorf(llm.Invalid, "the offline backend does not know the task %s", t.Kind)
}

// correct corrects a text. An emitted error stays what it is; an error of Harper becomes one of the backend.
func (p *Provider) correct(ctx context.Context, text string, write func(string) error) error {
	var failed error
	err := correct(ctx, p.checker, text, func(s string) error {
		failed = write(s)
		return failed
	})
	if err == nil || failed != nil || ctx.Err() != nil || errors.Is(err, harper.ErrClosed) {
		return err
	}
	return llm.Errorf(llm.Unavailable, "the grammar checker failed: %s", strings.TrimPrefix(err.Error(), "harper: "))
}
