package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheTimeToComeBackIsReadInBothForms(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "0.5": 500 * time.Millisecond, "-3": 0, "soon": 0, "1e99": 0, "NaN": 0,
		"Sun, 22 Nov 2026 12:01:00 GMT": time.Minute, "Sun, 22 Nov 2026 11:00:00 GMT": 0,
	} {
		require.Equal(t, want, retryAfter(http.Header{"Retry-After": {v}}, now), v)
	}
}

// A server that was told to send its callers on could have the key and the text sent anywhere.
func TestARedirectIsNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was followed") }))
	defer elsewhere.Close()
	s := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer s.Close()
	ctx, answer := Watch(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, strings.NewReader("text"))
	require.NoError(t, err)
	resp, err := NewClient().Do(r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusTemporaryRedirect, answer.Status)
}

func TestAnAnswerWithoutEndIsCut(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for block := make([]byte, 1<<16); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}))
	defer s.Close()
	ctx, answer := Watch(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	require.NoError(t, err)
	resp, err := NewClient().Do(r)
	require.NoError(t, err)
	n, err := io.Copy(io.Discard, resp.Body)
	require.ErrorIs(t, err, errTooLong)
	require.EqualValues(t, bodyBytesMax, n)
	require.NoError(t, resp.Body.Close())
	require.True(t, answer.Cut)
}

func TestABaseAddressTellsWhetherTextLeavesTheMachine(t *testing.T) {
	for address, want := range map[string]struct {
		external, ok bool
	}{
		"http://127.0.0.1:11434/v1": {false, true}, "http://localhost:8080": {false, true}, "http://[::1]:8080": {false, true},
		"http://10.1.2.3:8000/v1": {true, true}, "https://example.org/v1": {true, true}, "http://example.org/v1": {true, false},
		"http://user:secret@127.0.0.1": {false, false}, "example.org": {false, false}, "file:///etc/passwd": {false, false}, "https://example.org/?key=1": {false, false},
		"http://127.0.0.1.example.org/v1": {true, false},
	} {
		external, err := Base(address, true)
		require.Equal(t, want.ok, err == nil, address)
		if err == nil {
			require.Equal(t, want.external, external, address)
		}
	}
	_, err := Base("http://example.org/v1", false)
	require.NoError(t, err, "without a key there is none to lose")
}
