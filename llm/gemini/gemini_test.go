package gemini

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

const testKey = "the-key"

// content is a turn, as the service reads it.
type content struct {
	Role  string
	Parts []struct{ Text string }
}

// asked is the request.
type asked struct {
	Contents          []content
	SystemInstruction content
	GenerationConfig  struct {
		MaxOutputTokens int
		Temperature     float64
	}
}

// answerer answers with the words of a text that depends on the request alone.
func answerer(w http.ResponseWriter, _ *http.Request, a asked) {
	user := a.Contents[0].Parts[0].Text
	for word := range strings.FieldsSeq(user[:min(len(user), 200)] + " grüße 世界") {
		b, _ := json.Marshal(word + " ")
		chunk(w, fmt.Sprintf(`[{"content":{"role":"model","parts":[{"text":"secret thoughts","thought":true},{"text":%s}]},"index":0}]`, b))
	}
	chunk(w, `[{"content":{"role":"model","parts":[{"text":"."}]},"finishReason":"STOP","index":0}]`)
}

func chunk(w http.ResponseWriter, candidates string) {
	fmt.Fprintf(w, "data: {\"candidates\":%s,\"usageMetadata\":{\"promptTokenCount\":11,\"candidatesTokenCount\":3,\"totalTokenCount\":14},\"modelVersion\":\"gemini-test-001\"}\r\n\r\n", candidates)
	w.(http.Flusher).Flush()
}

// serve starts a server that answers by f.
func serve(t *testing.T, f func(w http.ResponseWriter, r *http.Request, a asked)) llm.Provider {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var a asked
		b, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(b, &a) != nil || r.URL.Path != "/v1beta/models/gemini-test:streamGenerateContent" || r.URL.Query().Get("alt") != "sse" || len(a.Contents) != 1 {
			http.Error(w, "not what was expected: "+r.URL.String()+string(b), http.StatusTeapot)
			return
		}
		if r.Header.Get("X-Goog-Api-Key") != testKey || strings.Contains(r.URL.String(), testKey) {
			http.Error(w, "wrong key", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		f(w, r, a)
	}))
	t.Cleanup(s.Close)
	p, err := New(t.Context(), Config{BaseURL: s.URL, Model: "gemini-test", Key: testKey})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// fails answers with a status and details, and repeats what it was sent.
func fails(status int, details string) func(t *testing.T) llm.Provider {
	return func(t *testing.T) llm.Provider {
		return serve(t, func(w http.ResponseWriter, _ *http.Request, a asked) {
			message, _ := json.Marshal("cannot: " + a.Contents[0].Parts[0].Text)
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"error":{"code":%d,"message":%s,"status":"X","details":[%s]}}`, status, message, details)
		})
	}
}

func TestTheGeminiBackendKeepsTheContract(t *testing.T) {
	providertest.Run(t, providertest.Backend{
		New: func(t *testing.T) llm.Provider { return serve(t, answerer) },
		Endless: func(t *testing.T) (llm.Provider, llm.Request) { // not even a first token
			return serve(t, func(_ http.ResponseWriter, r *http.Request, _ asked) { <-r.Context().Done() }), providertest.Request(t, providertest.Tasks()[0])
		},
		Failing: map[llm.Failure]func(*testing.T) llm.Provider{
			llm.RateLimited:   fails(429, ""),
			llm.Unavailable:   fails(503, ""),
			llm.Refused:       fails(400, ""),
			llm.Misconfigured: fails(400, `{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}`),
			llm.Malformed: func(t *testing.T) llm.Provider {
				return serve(t, func(w http.ResponseWriter, _ *http.Request, a asked) {
					fmt.Fprintf(w, "data: {\"candidates\":%q\r\n\r\n", a.Contents[0].Parts[0].Text)
				})
			},
		},
	})
}

func TestEveryTroubleOfTheServiceHasAName(t *testing.T) {
	r := providertest.Request(t, providertest.Tasks()[0])
	half := `[{"content":{"role":"model","parts":[{"text":"half "}]},"index":0}]`
	for name, c := range map[string]struct {
		serve func(w http.ResponseWriter, r *http.Request, a asked)
		want  llm.Failure
	}{
		"the stream is cut": {func(w http.ResponseWriter, _ *http.Request, _ asked) {
			chunk(w, half)
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = c.Close()
			}
		}, llm.Malformed},
		"the stream ends without a reason": {func(w http.ResponseWriter, _ *http.Request, _ asked) { chunk(w, half) }, llm.Malformed},
		"nothing at all":                   {func(http.ResponseWriter, *http.Request, asked) {}, llm.Malformed},
		"HTML":                             {func(w http.ResponseWriter, _ *http.Request, _ asked) { io.WriteString(w, "<html>hello</html>\n") }, llm.Malformed},
		"no room in the middle": {func(w http.ResponseWriter, _ *http.Request, _ asked) {
			chunk(w, half)
			io.WriteString(w, "data: {\"error\":{\"code\":503,\"message\":\"overloaded\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n")
		}, llm.Unavailable},
		"the prompt is blocked": {func(w http.ResponseWriter, _ *http.Request, _ asked) {
			io.WriteString(w, "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"}}\r\n\r\n")
		}, llm.Refused},
		"the text is blocked": {func(w http.ResponseWriter, _ *http.Request, _ asked) {
			chunk(w, half)
			chunk(w, `[{"finishReason":"SAFETY","index":0}]`)
		}, llm.Refused},
	} {
		_, _, err := providertest.Collect(t.Context(), serve(t, c.serve), r)
		require.Equal(t, c.want, llm.FailureOf(err), "%s: %v", name, err)
		require.NotContains(t, err.Error(), testKey)
	}

	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	p, err := New(t.Context(), Config{BaseURL: s.URL, Key: testKey})
	require.NoError(t, err)
	_, _, err = providertest.Collect(t.Context(), p, r)
	require.Equal(t, llm.Unavailable, llm.FailureOf(err), "nobody listens")
}

func TestA429TellsWhenToComeBack(t *testing.T) {
	p := fails(429, `{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"17s"}`)(t)
	_, _, err := providertest.Collect(t.Context(), p, providertest.Request(t, providertest.Tasks()[0]))
	var e *llm.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, 17*time.Second, e.RetryAfter)
}

// The instruction is a field of its own, and no text of a user is in it.
func TestInstructionAndDataAreFieldsOfTheirOwn(t *testing.T) {
	r := providertest.Request(t, providertest.Tasks()[0])
	r.Limits.Tokens = 77
	got := make(chan asked, 1)
	p := serve(t, func(w http.ResponseWriter, req *http.Request, a asked) {
		got <- a
		answerer(w, req, a)
	})
	text, res, err := providertest.Collect(t.Context(), p, r)
	require.NoError(t, err)
	require.NotContains(t, text, "thoughts")
	require.Equal(t, "gemini-test-001", res.Model)
	require.Equal(t, llm.Usage{InputTokens: 11, OutputTokens: 3}, res.Usage)
	a := <-got
	require.Equal(t, r.Prompt.Instruction, a.SystemInstruction.Parts[0].Text)
	require.Equal(t, r.Prompt.User(), a.Contents[0].Parts[0].Text)
	require.Equal(t, "user", a.Contents[0].Role)
	require.Equal(t, 77, a.GenerationConfig.MaxOutputTokens)
}

func TestAKeyIsNeededAndNeverGoesInTheClear(t *testing.T) {
	_, err := New(t.Context(), Config{})
	require.ErrorContains(t, err, "GEMINI_API_KEY")
	_, err = New(t.Context(), Config{Key: testKey, BaseURL: "http://example.org"})
	require.ErrorContains(t, err, "https")
	require.NotContains(t, err.Error(), testKey)
	p, err := New(t.Context(), Config{Key: testKey})
	require.NoError(t, err)
	require.True(t, p.Describe().External)
	require.Equal(t, DefaultModel, p.Describe().Model)
}
