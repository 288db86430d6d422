// Package scripted is a backend that says what it is told, the same every time. Tests use it, and whoever wants to
// see what a model would be asked.
package scripted

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"parley/llm"
	"parley/llm/prompt"
)

// A Step is one answer.
type Step struct {
	Kind   prompt.Kind // the kind of task that it answers; 0 is all
	Pieces []string    // what is said, piece by piece
	Err    error       // how it ends, instead of properly
	Hang   bool        // it does not end, behind the pieces
}

// A Provider answers from a script. Make one with New.
type Provider struct {
	mu     sync.Mutex
	script []Step
	asked  []llm.Request
	closed chan struct{}
	once   sync.Once
}

// askedMax bounds the requests that are remembered.
const askedMax = 1000

// New returns a provider that goes through the script: each request gets the first step for its kind that was not
// used, and the last one again when all were. A kind without a step gets an answer that is made from the task.
func New(script ...Step) *Provider {
	return &Provider{script: slices.Clone(script), closed: make(chan struct{})}
}

// Asked returns the requests so far, exactly as they came.
func (p *Provider) Asked() []llm.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// Describe tells that nothing leaves the machine.
func (p *Provider) Describe() llm.Description {
	return llm.Description{Backend: "scripted", Ready: true, InputMax: llm.InputMax}
}

// Close ends what hangs.
func (p *Provider) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Generate says the next step.
func (p *Provider) Generate(ctx context.Context, r llm.Request, emit func(string) error) (llm.Result, error) {
	if err := ctx.Err(); err != nil {
		return llm.Result{}, err
	}
	select {
	case <-p.closed:
		return llm.Result{}, closedError()
	default:
	}
	s := p.next(r)
	out := llm.NewOutput(r.Limits, emit)
	for _, piece := range s.Pieces {
		if err := ctx.Err(); err != nil {
			return llm.Result{}, err
		}
		switch err := out.Write(piece); err {
		case nil:
		case llm.ErrFull:
			return result(r, out, llm.Length), nil
		default:
			return llm.Result{}, err
		}
	}
	if s.Hang {
		select {
		case <-ctx.Done():
			return llm.Result{}, ctx.Err()
		case <-p.closed:
			return llm.Result{}, closedError()
		}
	}
	if s.Err != nil {
		return llm.Result{}, s.Err
	}
	return result(r, out, llm.Stop), nil
}

func closedError() error { return llm.Errorf(llm.Unavailable, "the scripted backend is closed") }

func result(r llm.Request, out *llm.Output, f llm.Finish) llm.Result {
	return llm.Result{Model: "script", Finish: f, Usage: llm.Usage{
		InputTokens: llm.EstimateTokens(r.Prompt.Bytes()), OutputTokens: llm.EstimateTokens(out.Bytes()), Estimated: true,
	}}
}

// next records the request and takes its step.
func (p *Provider) next(r llm.Request) Step {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asked) < askedMax {
		p.asked = append(p.asked, r)
	}
	first, last := -1, -1
	for i, s := range p.script {
		if s.Kind == 0 || s.Kind == r.Task.Kind {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	switch {
	case first < 0:
		return Step{Pieces: strings.SplitAfter(Answer(r.Task), " ")}
	case first < last:
		s := p.script[first]
		p.script = slices.Delete(p.script, first, first+1)
		return s
	}
	return p.script[first]
}

// Answer returns a proper answer to a task, made of its numbers alone.
func Answer(t prompt.Task) string {
	var b strings.Builder
	repeat := func(n int, format string) {
		for i := range n {
			fmt.Fprintf(&b, format, i+1)
		}
	}
	switch t.Kind {
	case prompt.Reply:
		repeat(t.Count, "This is reply %d.\n")
	case prompt.Summarize:
		fmt.Fprintf(&b, "There are %d messages.\n", len(t.Messages))
		repeat(min(t.Count, len(t.Messages)), "- This is point %d.\n")
	case prompt.Complete:
		repeat(t.Count, "> "+strings.ReplaceAll(t.Text, "%", "%%")+" and this is way %d\n")
		repeat(t.Topics, "# topic %d\n")
	case prompt.DocumentSummary:
		repeat(t.Count, "- This is point %d.\n")
	case prompt.Ask:
		fmt.Fprintf(&b, "The question has %d characters.", len([]rune(t.Text)))
	default:
		b.WriteString(t.Text)
	}
	return b.String()
}
