package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/llm"
	"parley/llm/gemini"
	"parley/llm/openai"
	"parley/rpc/answer"
)

// wellFormed is an answer in the form of every task.
const wellFormed = "All is well.\n- one\n- two\n- three\n"

// service is a local server that answers as one of the services does: f writes the answer to a request, whose body is b.
func service(t *testing.T, path string, f func(w http.ResponseWriter, r *http.Request)) (url string) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || !strings.HasPrefix(r.URL.Path, path) || !strings.Contains(string(b), "The release is on Friday") && !strings.Contains(string(b), "recieved") {
			http.Error(w, "not what was expected: "+r.URL.Path, http.StatusTeapot)
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		f(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// openAI is a backend that asks a server which speaks OpenAI's protocol, as llama.cpp's, Ollama and vLLM do.
func openAI(t *testing.T, f func(w http.ResponseWriter, r *http.Request)) llm.Provider {
	p, err := openai.New(openai.Config{BaseURL: service(t, "/v1/chat/completions", f) + "/v1", Model: "tiny"})
	require.NoError(t, err)
	return p
}

func openAIChunk(w http.ResponseWriter, text, finish string) {
	fmt.Fprintf(w, "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"tiny\",\"choices\":[{\"index\":0,\"delta\":{\"content\":%q},\"finish_reason\":%s}]}\n\n", text, finish)
	w.(http.Flusher).Flush()
}

// From a member's question through node, LLM server and backend to a service that speaks the real protocol, and back.
func TestR80_AServicesAnswersComeFromTheServiceAndItsFailuresAreAnsweredWithoutIt(t *testing.T) {
	slow := make(chan struct{})
	t.Cleanup(func() { close(slow) })
	for name, c := range map[string]struct {
		backend  llm.Provider
		source   string
		note     string
		patience time.Duration
	}{
		"openai": {openAI(t, func(w http.ResponseWriter, _ *http.Request) {
			for _, piece := range strings.SplitAfter(wellFormed, " ") {
				openAIChunk(w, piece, "null")
			}
			openAIChunk(w, "", `"stop"`)
			_, _ = io.WriteString(w, "data: [DONE]\n\n")
		}), "openai", "", 20 * time.Second},
		"gemini": {func() llm.Provider {
			url := service(t, "/v1beta/models/gemini-test:streamGenerateContent", func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":%q}]},\"finishReason\":\"STOP\",\"index\":0}],\"modelVersion\":\"gemini-test-001\"}\r\n\r\n", wellFormed)
			})
			p, err := gemini.New(t.Context(), gemini.Config{BaseURL: url, Model: "gemini-test", Key: "the-key"})
			require.NoError(t, err)
			return p
		}(), "gemini", "", 20 * time.Second},
		"asked too often": {openAI(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			http.Error(w, `{"error":{"message":"slow down"}}`, http.StatusTooManyRequests)
		}), "offline", "again in 7s", 20 * time.Second},
		"trouble of its own": {openAI(t, func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "<html>The release is on Friday</html>", http.StatusBadGateway)
		}), "offline", "can't be reached", 20 * time.Second},
		"malformed": {openAI(t, func(w http.ResponseWriter, _ *http.Request) {
			openAIChunk(w, "All is", "null")
			_, _ = io.WriteString(w, "data: {\"choices\":[{\"delta\":{\"content\":\n\n")
		}), "offline", "made no sense", 20 * time.Second},
		"cut": {openAI(t, func(w http.ResponseWriter, _ *http.Request) {
			openAIChunk(w, wellFormed, "null")
			panic(http.ErrAbortHandler)
		}), "offline", "", 20 * time.Second},
		"a slow first token": {openAI(t, func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-slow:
			}
		}), "offline", "in time", 1500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, answer.External, c.backend.Describe().Backend, "an admin can name it")
			m := serveModel(t, "127.0.0.1:0", c.backend)
			cfg := governed()
			cfg.Assistant, cfg.Rates = answer.Config{Addr: m.addr, Secret: modelSecret}, Rates{Asks: 10_000}
			cl := startCluster(t, 1, cfg)
			ann := cl.signUp("ann")
			cl.signUp("bob")
			ann.send("general", "The release is on Friday.")
			id := ann.newDocument("We recieved teh letter, and the release is on Friday.\n", "bob")
			sources, notes, err := ann.helped("general", id, c.patience)
			require.NoError(t, err)
			for i := range sources {
				require.Equal(t, c.source, sources[i], notes[i])
				require.Contains(t, notes[i], c.note)
				require.NotContains(t, notes[i], "Friday", "what a service says is not repeated")
			}
		})
	}
}
