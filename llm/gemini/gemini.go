// Package gemini is the backend for Google's Gemini.
//
// Reference: the Gemini API, models.streamGenerateContent with alt=sse.
package gemini

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"google.golang.org/genai"

	"parley/llm"
	"parley/llm/web"
)

// A Config says which model.
type Config struct {
	Model   string // "" is DefaultModel
	Key     string
	BaseURL string // "" is Google's own
}

// DefaultModel is a fast and cheap one: chat needs no more.
const DefaultModel = "gemini-2.5-flash"

// DefaultBaseURL is Google's own.
const DefaultBaseURL = "https://generativelanguage.googleapis.com/"

// temperature keeps the model to what it was asked.
const temperature = 0.3

// A Provider asks Gemini.
type Provider struct {
	config   Config
	external bool
	client   *genai.Client
	backend  *web.Backend
}

// New returns a provider. Nothing is sent before the first text.
func New(ctx context.Context, c Config) (*Provider, error) {
	if c.Model == "" {
		c.Model = DefaultModel
	}
	if c.BaseURL == "" {
		c.BaseURL = DefaultBaseURL
	}
	if c.Key == "" {
		return nil, errors.New("a key is needed for Gemini, in GEMINI_API_KEY or a file that --key-file names: see docs/ai.md")
	}
	external, err := web.Base(c.BaseURL, true)
	if err != nil {
		return nil, err
	}
	p := &Provider{backend: web.NewBackend("gemini"), config: c, external: external}
	p.client, err = genai.NewClient(ctx, &genai.ClientConfig{
		APIKey: c.Key, Backend: genai.BackendGeminiAPI, HTTPClient: p.backend.Client,
		HTTPOptions: genai.HTTPOptions{BaseURL: strings.TrimSuffix(c.BaseURL, "/") + "/"},
	})
	if err != nil {
		return nil, fmt.Errorf("the client of Gemini: %w", err)
	}
	return p, nil
}

// Describe tells that text leaves this machine, unless the base address is on it.
func (p *Provider) Describe() llm.Description {
	return llm.Description{Backend: "gemini", Model: p.config.Model, External: p.external, Ready: true, InputMax: llm.InputMax}
}

// Close ends the texts that are generated.
func (p *Provider) Close() error { return p.backend.Close() }

// Generate asks Gemini.
func (p *Provider) Generate(ctx context.Context, r llm.Request, emit func(string) error) (llm.Result, error) {
	asked, err := p.backend.Begin(ctx)
	if err != nil {
		return llm.Result{}, err
	}
	defer asked.End()

	once := false // a text that goes on by itself could go on for ever
	t := text{out: llm.NewOutput(r.Limits, emit)}
	config := &genai.GenerateContentConfig{
		SystemInstruction:     genai.NewContentFromText(r.Prompt.Instruction, genai.RoleUser),
		MaxOutputTokens:       int32(min(r.Limits.Tokens, llm.OutputTokensMax)),
		Temperature:           genai.Ptr[float32](temperature),
		AutomaticContinuation: &once,
	}
	for chunk, err := range p.client.Models.GenerateContentStream(asked.Context, p.config.Model, genai.Text(r.Prompt.User()), config) {
		if err != nil {
			return llm.Result{}, asked.Failed(failure(ctx, asked.Answer, err))
		}
		if done, err := t.take(chunk); done || err != nil {
			if err != nil {
				return llm.Result{}, err
			}
			return p.result(r, t, llm.Length), nil
		}
	}
	if !t.finished {
		return llm.Result{}, asked.Failed(web.Error(ctx, "Gemini", asked.Answer, nil))
	}
	switch err := t.out.Flush(); {
	case errors.Is(err, llm.ErrFull):
		return p.result(r, t, llm.Length), nil
	case err != nil:
		return llm.Result{}, err
	}
	return p.result(r, t, t.finish), nil
}

// failure makes the error of a text. Gemini tells when to come back in the body and not in a header.
func failure(ctx context.Context, a *web.Answer, err error) error {
	if e, ok := errors.AsType[genai.APIError](err); ok && ctx.Err() == nil {
		status := a.Status
		if status >= 200 && status < 300 { // in the middle of a stream
			status = e.Code
		}
		after := a.RetryAfter
		for _, d := range e.Details {
			if s, ok := d["retryDelay"].(string); ok && after == 0 {
				after, _ = time.ParseDuration(s) // 0 if it is none
			}
			if reason, ok := d["reason"].(string); ok && reason == "API_KEY_INVALID" {
				status = http.StatusUnauthorized // which it says with 400
			}
		}
		return llm.FromStatus("Gemini", status, after)
	}
	return web.Error(ctx, "Gemini", a, err)
}

// A text is what came so far.
type text struct {
	out      *llm.Output
	model    string
	usage    llm.Usage
	finish   llm.Finish
	finished bool
}

// take takes the next chunk. done says that the text is as long as it may be.
func (t *text) take(c *genai.GenerateContentResponse) (done bool, err error) {
	if c.ModelVersion != "" && len(c.ModelVersion) <= modelBytesMax {
		t.model = c.ModelVersion
	}
	if u := c.UsageMetadata; u != nil && u.PromptTokenCount > 0 {
		t.usage = llm.Usage{InputTokens: int(u.PromptTokenCount), OutputTokens: int(u.CandidatesTokenCount + u.ThoughtsTokenCount)}
	}
	if c.PromptFeedback != nil && c.PromptFeedback.BlockReason != "" {
		return false, refused()
	}
	if len(c.Candidates) == 0 || c.Candidates[0] == nil {
		return false, nil
	}
	candidate := c.Candidates[0]
	if candidate.Content != nil {
		for _, part := range candidate.Content.Parts {
			if part == nil || part.Thought || part.Text == "" {
				continue
			}
			if err := t.out.Write(part.Text); errors.Is(err, llm.ErrFull) {
				return true, nil
			} else if err != nil {
				return false, err
			}
		}
	}
	switch candidate.FinishReason {
	case "", genai.FinishReasonUnspecified:
	case genai.FinishReasonStop:
		t.finish, t.finished = llm.Stop, true
	case genai.FinishReasonMaxTokens, genai.FinishReasonContinuation:
		t.finish, t.finished = llm.Length, true
	default: // safety, recitation, a list of words and so on
		return false, refused()
	}
	return false, nil
}

func refused() error { return llm.Errorf(llm.Refused, "Gemini does not want to answer this") }

// modelBytesMax bounds the name by which the service calls its model.
const modelBytesMax = 200

func (p *Provider) result(r llm.Request, t text, f llm.Finish) llm.Result {
	u := t.usage
	if u.InputTokens == 0 {
		u = llm.Usage{InputTokens: llm.EstimateTokens(r.Prompt.Bytes()), Estimated: true}
	}
	if u.OutputTokens == 0 {
		u.OutputTokens, u.Estimated = max(llm.EstimateTokens(t.out.Bytes()), 1), true
	}
	model := t.model
	if model == "" {
		model = p.config.Model
	}
	return llm.Result{Model: model, Finish: f, Usage: u}
}
