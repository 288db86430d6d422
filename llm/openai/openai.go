// Package openai is the backend for every server that speaks OpenAI's protocol of chat completions: llama.cpp's server,
// Ollama, vLLM and others at home, OpenAI and others elsewhere.
//
// Reference: the API of chat completions with "stream": true, server-sent events of chat.completion.chunk, ended by [DONE].
package openai

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"parley/llm"
	"parley/llm/web"
)

// A Config says which server and model.
type Config struct {
	BaseURL string // with the version: http://127.0.0.1:11434/v1
	Model   string
	Key     string // "" for servers that want none
}

// DefaultBaseURL is OpenAI's own.
const DefaultBaseURL = "https://api.openai.com/v1"

// temperature keeps small models to what they were asked.
const temperature = 0.3

// A Provider asks one server.
type Provider struct {
	config   Config
	external bool
	own      bool // OpenAI's own server, whose newer models take neither max_tokens nor a temperature
	client   openai.ChatCompletionService
	backend  *web.Backend
}

// New returns a provider. Nothing is sent before the first text.
func New(c Config) (*Provider, error) {
	if c.BaseURL == "" {
		c.BaseURL = DefaultBaseURL
	}
	if c.Model == "" {
		return nil, errors.New("name the model, as the server calls it")
	}
	external, err := web.Base(c.BaseURL, c.Key != "")
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(c.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("the base address: %w", err)
	}
	p := &Provider{backend: web.NewBackend("openai"), config: c, external: external, own: u.Hostname() == "api.openai.com"}
	options := []option.RequestOption{
		option.WithBaseURL(strings.TrimSuffix(c.BaseURL, "/") + "/"), option.WithHTTPClient(p.backend.Client),
		option.WithMaxRetries(0), // whoever asks decides whether to wait
	}
	if c.Key != "" {
		options = append(options, option.WithAPIKey(c.Key))
	} else {
		options = append(options, option.WithAPIKey("none"), option.WithHeaderDel("Authorization"))
	}
	// The service and not the client: that one would take more from the environment than was said here.
	p.client = openai.NewChatCompletionService(options...)
	return p, nil
}

// Describe tells which server is asked.
func (p *Provider) Describe() llm.Description {
	return llm.Description{Backend: "openai", Model: p.config.Model, External: p.external, Ready: true, InputMax: llm.InputMax}
}

// Close ends the texts that are generated.
func (p *Provider) Close() error { return p.backend.Close() }

// Generate asks the server.
func (p *Provider) Generate(ctx context.Context, r llm.Request, emit func(string) error) (llm.Result, error) {
	asked, err := p.backend.Begin(ctx)
	if err != nil {
		return llm.Result{}, err
	}
	defer asked.End()
	stream := p.client.NewStreaming(asked.Context, p.params(r))
	defer stream.Close()

	t := text{out: llm.NewOutput(r.Limits, emit)}
	for stream.Next() {
		if done, err := t.take(stream.Current()); done || err != nil {
			if err != nil {
				return llm.Result{}, err
			}
			return p.result(r, t, llm.Length), nil
		}
	}
	if err := stream.Err(); err != nil || !t.finished {
		return llm.Result{}, asked.Failed(web.Error(ctx, "the server", asked.Answer, err))
	}
	switch err := t.out.Flush(); {
	case errors.Is(err, llm.ErrFull):
		return p.result(r, t, llm.Length), nil
	case err != nil:
		return llm.Result{}, err
	case t.refused:
		return llm.Result{}, llm.Errorf(llm.Refused, "the model does not want to answer this")
	}
	return p.result(r, t, t.finish), nil
}

// params makes the request: the instruction as the system's turn, the data as the user's.
func (p *Provider) params(r llm.Request) openai.ChatCompletionNewParams {
	q := openai.ChatCompletionNewParams{
		Model: p.config.Model,
		Messages: []openai.ChatCompletionMessageParamUnion{
			openai.SystemMessage(r.Prompt.Instruction), openai.UserMessage(r.Prompt.User()),
		},
		StreamOptions: openai.ChatCompletionStreamOptionsParam{IncludeUsage: openai.Bool(true)},
	}
	if p.own {
		q.MaxCompletionTokens = openai.Int(int64(r.Limits.Tokens))
	} else {
		q.MaxTokens, q.Temperature = openai.Int(int64(r.Limits.Tokens)), openai.Float(temperature)
	}
	return q
}

// A text is what came so far.
type text struct {
	out      *llm.Output
	model    string
	usage    llm.Usage
	finish   llm.Finish
	finished bool // a reason to finish came
	refused  bool
	tokens   int // chunks with text: about one token each
}

// take takes the next chunk. done says that the text is as long as it may be.
func (t *text) take(c openai.ChatCompletionChunk) (done bool, err error) {
	if c.Model != "" {
		t.model = c.Model
	}
	if c.Usage.TotalTokens > 0 || c.Usage.PromptTokens > 0 {
		t.usage = llm.Usage{InputTokens: int(c.Usage.PromptTokens), OutputTokens: int(c.Usage.CompletionTokens)}
	}
	if len(c.Choices) == 0 {
		return false, nil
	}
	choice := c.Choices[0]
	if choice.Delta.Refusal != "" {
		t.refused = true
	}
	if s := choice.Delta.Content; s != "" {
		t.tokens++
		if err := t.out.Write(s); errors.Is(err, llm.ErrFull) {
			return true, nil
		} else if err != nil {
			return false, err
		}
	}
	switch choice.FinishReason {
	case "":
	case "length":
		t.finish, t.finished = llm.Length, true
	case "content_filter":
		t.finished, t.refused = true, true
	default: // "stop", and what servers call it that have no tools to call
		t.finish, t.finished = llm.Stop, true
	}
	return false, nil
}

func (p *Provider) result(r llm.Request, t text, f llm.Finish) llm.Result {
	u := t.usage
	if u.InputTokens == 0 {
		u = llm.Usage{InputTokens: llm.EstimateTokens(r.Prompt.Bytes()), OutputTokens: max(t.tokens, 1), Estimated: true}
	}
	model := t.model
	if model == "" || len(model) > modelBytesMax {
		model = p.config.Model
	}
	return llm.Result{Model: model, Finish: f, Usage: u}
}

// modelBytesMax bounds the name by which a server calls its model.
const modelBytesMax = 200
