// Package private serves what operators and their programs ask a node over HTTP.
//
//	/metrics         for Prometheus
//	/healthz         200 while the node's loop turns: for whoever restarts a process that hangs
//	/readyz          200 while the node can do what clients ask for: for whoever spreads clients over nodes
//	/debug/pprof/    profiles     } on loopback, and where an address of their own
//	/log/level       the log's level, also by PUT      } was configured, alone
//
// Nobody logs in here. What the first three say is meant for a network of operators; profiles and the log's level are for
// the machine itself.
package private

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"golang.org/x/net/netutil"

	"parley/cmd/observe/logging"
)

// The bounds of a server.
const (
	// A request is a line and a few headers.
	headerMax      = 5 * time.Second
	headerBytesMax = 8 << 10
	// A profile of 30 s takes that long to begin its answer.
	writeMax = 2 * time.Minute
	idleMax  = time.Minute
	// levelBytesMax bounds the name of a level.
	levelBytesMax = 16
	// connectionsMax bounds the connections: each is one of the node's files. The next one waits in the kernel's backlog.
	connectionsMax = 64
	// stopMax is how long a stop waits for answers under way.
	stopMax = time.Second
)

// Node is what is asked. Its functions may be called from any goroutine.
type Node struct {
	Metrics http.Handler
	Level   *slog.LevelVar
	Logger  *slog.Logger
	// Health returns why the node does not work, or nil.
	Health func(context.Context) error
	// Ready returns why the node can't do what clients ask for, or nil.
	Ready func(context.Context) error
}

// Handler returns what is served; private says whether profiles and the log's level are.
func (n *Node) Handler(private bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", n.Metrics)
	mux.HandleFunc("GET /healthz", says(n.Health))
	mux.HandleFunc("GET /readyz", says(n.Ready))
	if private {
		debug := n.Debug()
		mux.Handle("/debug/", debug)
		mux.Handle("/log/", debug)
	}
	return mux
}

// Debug returns profiles and the log's level alone.
func (n *Node) Debug() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	mux.HandleFunc("GET /log/level", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, strings.ToLower(n.Level.Level().String()))
	})
	mux.HandleFunc("PUT /log/level", n.setLevel)
	return byAddress(mux)
}

// byAddress refuses names other than localhost: a page in a browser on this machine could have a name of its own lead to
// loopback, and then ask in the browser's name.
func byAddress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.Host
		if host, _, err := net.SplitHostPort(name); err == nil {
			name = host
		}
		if name != "localhost" && net.ParseIP(strings.Trim(name, "[]")) == nil {
			http.Error(w, "ask by address, or as localhost", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// setLevel takes the new level from the body.
func (n *Node) setLevel(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, levelBytesMax))
	if err != nil {
		http.Error(w, "the body is the name of a level: debug, info, warn or error", http.StatusBadRequest)
		return
	}
	name := strings.TrimSpace(string(body))
	level, err := logging.ParseLevel(name)
	if err != nil || name == "" {
		http.Error(w, "the body is the name of a level: debug, info, warn or error", http.StatusBadRequest)
		return
	}
	was := n.Level.Level()
	n.Level.Set(min(was, slog.LevelInfo)) // whichever is asked for, the change is seen
	n.Logger.Info("the level of the log was changed", "from", was, "to", level, "by", r.RemoteAddr)
	n.Level.Set(level)
	fmt.Fprintln(w, strings.ToLower(level.String()))
}

// says answers with ok, or with what is wrong.
func says(ask func(context.Context) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := ask(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ok")
	}
}

// Server serves over one listener.
type Server struct {
	http *http.Server
	log  *slog.Logger
	done chan struct{}
}

// Serve answers on the listener until Stop.
func Serve(l net.Listener, h http.Handler, log *slog.Logger) *Server {
	s := &Server{log: log, done: make(chan struct{}), http: &http.Server{
		Handler: h, ReadHeaderTimeout: headerMax, ReadTimeout: headerMax, WriteTimeout: writeMax, IdleTimeout: idleMax, MaxHeaderBytes: headerBytesMax,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	go func() {
		defer close(s.done)
		// A process that ends, or only checks whether it could start, may close its listeners first.
		if err := s.http.Serve(netutil.LimitListener(l, connectionsMax)); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			log.Error("the node can't be watched any more: its HTTP listener failed", "address", l.Addr().String(), "error", err)
		}
	}()
	return s
}

// Stop lets answers under way finish for a moment.
func (s *Server) Stop() {
	ctx, cancel := context.WithTimeout(context.Background(), stopMax)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close()
	}
	<-s.done
}
