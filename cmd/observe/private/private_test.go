package private

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/cmd/observe/logging"
)

// served is a node that is watched over a real socket.
type served struct {
	t       *testing.T
	addr    string
	log     *bytes.Buffer
	level   *slog.LevelVar
	trouble error
}

func serve(t *testing.T, debug bool) *served {
	s := &served{t: t, log: new(bytes.Buffer)}
	logger, level := logging.New(s.log, logging.JSON, slog.LevelWarn)
	s.level = level
	ask := func(context.Context) error { return s.trouble }
	n := &Node{
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "numbers") }),
		Level:   level, Logger: logger, Health: ask, Ready: ask,
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.addr = l.Addr().String()
	server := Serve(l, n.Handler(debug), logger)
	t.Cleanup(server.Stop)
	return s
}

// ask makes a request; host is what it says it was sent to.
func (s *served) ask(method, path, body, host string) (int, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, "http://"+s.addr+path, strings.NewReader(body))
	require.NoError(s.t, err)
	if host != "" {
		r.Host = host
	}
	a, err := http.DefaultClient.Do(r)
	require.NoError(s.t, err)
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	require.NoError(s.t, err)
	return a.StatusCode, string(text)
}

func TestHealthAndReadinessAreToldWithTheReason(t *testing.T) {
	s := serve(t, false)
	for _, path := range []string{"/healthz", "/readyz"} {
		s.trouble = nil
		code, text := s.ask("GET", path, "", "")
		require.Equal(t, http.StatusOK, code)
		require.Equal(t, "ok\n", text)
		s.trouble = errors.New("the node knows no leader")
		code, text = s.ask("GET", path, "", "")
		require.Equal(t, http.StatusServiceUnavailable, code)
		require.Equal(t, "the node knows no leader\n", text)
	}
	_, text := s.ask("GET", "/metrics", "", "")
	require.Equal(t, "numbers", text)
}

// What is at stake: profiles show what a process works on, and a log's level fills a disk.
func TestProfilesAndTheLevelAreServedWhereTheyAreMeantToBeAndNowhereElse(t *testing.T) {
	open, private := serve(t, false), serve(t, true)
	for _, path := range []string{"/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=1", "/log/level"} {
		code, _ := open.ask("GET", path, "", "")
		require.Equal(t, http.StatusNotFound, code, path)
		code, _ = private.ask("GET", path, "", "")
		require.Equal(t, http.StatusOK, code, path)
		code, _ = private.ask("GET", path, "", "localhost:1")
		require.Equal(t, http.StatusOK, code, path)
		// A page in a browser on this machine whose name leads to loopback.
		code, _ = private.ask("GET", path, "", "rebound.example.org")
		require.Equal(t, http.StatusForbidden, code, path)
	}
	code, _ := open.ask("PUT", "/log/level", "debug", "")
	require.Equal(t, http.StatusNotFound, code)
	require.Equal(t, slog.LevelWarn, open.level.Level())
}

func TestTheLevelOfTheLogIsChangedWhileTheNodeRuns(t *testing.T) {
	s := serve(t, true)
	code, text := s.ask("PUT", "/log/level", "debug\n", "")
	require.Equal(t, http.StatusOK, code)
	require.Equal(t, "debug\n", text)
	require.Equal(t, slog.LevelDebug, s.level.Level())
	require.Contains(t, s.log.String(), `"from":"WARN","to":"DEBUG"`, "the change itself is in the log whatever the levels")

	_, text = s.ask("GET", "/log/level", "", "")
	require.Equal(t, "debug\n", text)
	for _, body := range []string{"", "loud", strings.Repeat("debug", 100)} {
		code, text = s.ask("PUT", "/log/level", body, "")
		require.Equal(t, http.StatusBadRequest, code)
		require.Contains(t, text, "debug, info, warn or error")
		require.Equal(t, slog.LevelDebug, s.level.Level())
	}
	code, _ = s.ask("POST", "/log/level", "info", "")
	require.Equal(t, http.StatusMethodNotAllowed, code)
}
