package openai

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/llm"
	"parley/llm/providertest"
)

// asked is the request as a server reads it.
type asked struct {
	Model               string
	Stream              bool
	Messages            []struct{ Role, Content string }
	MaxTokens           int      `json:"max_tokens"`
	MaxCompletionTokens int      `json:"max_completion_tokens"`
	Temperature         *float64 `json:"temperature"`
	StreamOptions       struct {
		IncludeUsage bool `json:"include_usage"`
	} `json:"stream_options"`
}

// answerer answers like llama.cpp's server: the words of a text that depends on the request alone.
func answerer(w http.ResponseWriter, r *http.Request, a asked) {
	chunk(w, `{"role":"assistant","content":null}`, "null", "")
	words := 0
	for word := range strings.FieldsSeq(a.Messages[1].Content[:min(len(a.Messages[1].Content), 200)] + " grüße 世界") {
		b, _ := json.Marshal(word + " ")
		chunk(w, fmt.Sprintf(`{"content":%s}`, b), "null", "")
		words++
	}
	chunk(w, `{}`, `"stop"`, "")
	fmt.Fprintf(w, "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"model\":\"tiny\",\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\n", words, words+11)
	io.WriteString(w, "data: [DONE]\n\n")
}

func chunk(w http.ResponseWriter, delta, finish, more string) {
	fmt.Fprintf(w, "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"tiny\",\"choices\":[{\"index\":0,\"delta\":%s,\"finish_reason\":%s}]%s}\n\n", delta, finish, more)
	w.(http.Flusher).Flush()
}

// serve starts a server that answers completions by f.
func serve(t *testing.T, key string, f func(w http.ResponseWriter, r *http.Request, a asked)) llm.Provider {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var a asked
		b, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(b, &a) != nil || r.URL.Path != "/v1/chat/completions" || r.Method != http.MethodPost || !a.Stream || len(a.Messages) != 2 {
			http.Error(w, "not what was expected: "+string(b), http.StatusTeapot)
			return
		}
		if want := "Bearer " + key; key != "" && r.Header.Get("Authorization") != want || key == "" && r.Header.Get("Authorization") != "" {
			http.Error(w, `{"error":{"message":"wrong key","type":"auth","code":"401"}}`, http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		f(w, r, a)
	}))
	t.Cleanup(s.Close)
	p, err := New(Config{BaseURL: s.URL + "/v1", Model: "tiny", Key: key})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// fails answers with a status, and repeats what it was sent, as some servers do.
func fails(status int, header ...string) func(t *testing.T) llm.Provider {
	return func(t *testing.T) llm.Provider {
		return serve(t, "", func(w http.ResponseWriter, _ *http.Request, a asked) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": "cannot: " + a.Messages[1].Content, "type": "x", "code": "x"}})
		})
	}
}

func TestTheOpenAIBackendKeepsTheContract(t *testing.T) {
	providertest.Run(t, providertest.Backend{
		New: func(t *testing.T) llm.Provider { return serve(t, "", answerer) },
		Endless: func(t *testing.T) (llm.Provider, llm.Request) { // not even a first token
			return serve(t, "", func(_ http.ResponseWriter, r *http.Request, _ asked) { <-r.Context().Done() }), providertest.Request(t, providertest.Tasks()[0])
		},
		Failing: map[llm.Failure]func(*testing.T) llm.Provider{
			llm.RateLimited:   fails(429),
			llm.Unavailable:   fails(503),
			llm.Refused:       fails(400),
			llm.Misconfigured: fails(404),
			llm.TooLarge:      fails(413),
			llm.Malformed: func(t *testing.T) llm.Provider {
				return serve(t, "", func(w http.ResponseWriter, _ *http.Request, a asked) {
					chunk(w, `{"content":"half "}`, "null", "")
					fmt.Fprintf(w, "data: {\"choices\":[{\"delta\":{\"content\":%q\n\n", a.Messages[1].Content)
				})
			},
		},
	})
}

// What can go wrong on the way, besides statuses.
func TestEveryTroubleOfAServerHasAName(t *testing.T) {
	r := providertest.Request(t, providertest.Tasks()[0])
	for name, c := range map[string]struct {
		serve func(w http.ResponseWriter, r *http.Request, a asked)
		want  llm.Failure
	}{
		"the stream is cut": {func(w http.ResponseWriter, r *http.Request, _ asked) {
			chunk(w, `{"content":"half "}`, "null", "")
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = c.Close()
			}
		}, llm.Malformed},
		"the stream ends without a reason": {func(w http.ResponseWriter, _ *http.Request, _ asked) { chunk(w, `{"content":"half"}`, "null", "") }, llm.Malformed},
		"[DONE] before a reason":           {func(w http.ResponseWriter, _ *http.Request, _ asked) { io.WriteString(w, "data: [DONE]\n\n") }, llm.Malformed},
		"nothing at all":                   {func(http.ResponseWriter, *http.Request, asked) {}, llm.Malformed},
		"HTML":                             {func(w http.ResponseWriter, _ *http.Request, _ asked) { io.WriteString(w, "<html>hello</html>") }, llm.Malformed},
		"an error in the stream": {func(w http.ResponseWriter, _ *http.Request, _ asked) {
			chunk(w, `{"content":"half "}`, "null", "")
			io.WriteString(w, "data: {\"error\":{\"message\":\"out of memory\",\"code\":500}}\n\n")
		}, llm.Malformed},
		"a filter": {func(w http.ResponseWriter, _ *http.Request, _ asked) { chunk(w, `{}`, `"content_filter"`, "") }, llm.Refused},
		"a refusal": {func(w http.ResponseWriter, _ *http.Request, _ asked) {
			chunk(w, `{"refusal":"I must not"}`, "null", "")
			chunk(w, `{}`, `"stop"`, "")
		}, llm.Refused},
		"a redirect": {func(w http.ResponseWriter, r *http.Request, _ asked) {
			http.Redirect(w, r, "/elsewhere", http.StatusFound)
		}, llm.Malformed},
	} {
		_, _, err := providertest.Collect(t.Context(), serve(t, "", c.serve), r)
		require.Equal(t, c.want, llm.FailureOf(err), "%s: %v", name, err)
	}

	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	p, err := New(Config{BaseURL: s.URL, Model: "tiny"})
	require.NoError(t, err)
	_, _, err = providertest.Collect(t.Context(), p, r)
	require.Equal(t, llm.Unavailable, llm.FailureOf(err), "nobody listens")
}

func TestA429TellsWhenToComeBack(t *testing.T) {
	_, _, err := providertest.Collect(t.Context(), fails(429, "Retry-After", "17")(t), providertest.Request(t, providertest.Tasks()[0]))
	var e *llm.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, 17*time.Second, e.RetryAfter)
}

// The instruction is the system's turn and all that users wrote the user's: servers weigh them differently.
func TestInstructionAndDataAreTurnsOfTheirOwn(t *testing.T) {
	r := providertest.Request(t, providertest.Tasks()[0])
	r.Limits.Tokens = 77
	got := make(chan asked, 1)
	p := serve(t, "the-key", func(w http.ResponseWriter, req *http.Request, a asked) {
		got <- a
		answerer(w, req, a)
	})
	_, res, err := providertest.Collect(t.Context(), p, r)
	require.NoError(t, err)
	require.Equal(t, "tiny", res.Model)
	require.False(t, res.Usage.Estimated)
	require.Equal(t, 11, res.Usage.InputTokens)
	a := <-got
	require.Equal(t, "tiny", a.Model)
	require.Equal(t, "system", a.Messages[0].Role)
	require.Equal(t, r.Prompt.Instruction, a.Messages[0].Content)
	require.Equal(t, "user", a.Messages[1].Role)
	require.Equal(t, r.Prompt.User(), a.Messages[1].Content)
	require.Equal(t, 77, a.MaxTokens)
	require.Zero(t, a.MaxCompletionTokens)
	require.True(t, a.StreamOptions.IncludeUsage)
}

func TestAModelAndAProperAddressAreNeeded(t *testing.T) {
	for _, c := range []Config{{}, {Model: "m", BaseURL: "nonsense"}, {Model: "m", BaseURL: "http://example.org/v1", Key: "the-key"}} {
		_, err := New(c)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "the-key")
	}
	p, err := New(Config{Model: "m", Key: "k"})
	require.NoError(t, err)
	require.True(t, p.Describe().External)
	require.True(t, p.own)
	q := p.params(providertest.Request(t, providertest.Tasks()[0]))
	require.EqualValues(t, llm.OutputTokensDefault, q.MaxCompletionTokens.Value)
	require.False(t, q.MaxTokens.Valid())
}
