package process

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"syscall"

	"parley/cmd/observe/logging"
	"parley/cmd/observe/tracing"
)

// Observe is how a node is watched from outside. Like Edge it is no part of the membership, and may be another from one start
// to the next; what a start does not say is as the one before said.
type Observe struct {
	HTTPAddr      string `json:"http_addr,omitempty"`      // metrics and health; "none"; none: DefaultHTTPAddr, or a free port beside it
	DebugAddr     string `json:"debug_addr,omitempty"`     // profiles and the log's level; none: where HTTPAddr is, if that is on loopback
	LogLevel      string `json:"log_level,omitempty"`      // debug, info, warn, error
	LogFormat     string `json:"log_format,omitempty"`     // text, json
	TraceEndpoint string `json:"trace_endpoint,omitempty"` // of an OpenTelemetry collector; "none"
}

// DefaultHTTPAddr is where a node is watched that was not told.
const DefaultHTTPAddr = "127.0.0.1:50080"

// none takes away what a former start said.
const none = "none"

// under returns what holds when the command line says something.
func (o Observe) under(asked Observe) Observe {
	for _, f := range []struct{ to, said *string }{
		{&o.HTTPAddr, &asked.HTTPAddr}, {&o.DebugAddr, &asked.DebugAddr}, {&o.LogLevel, &asked.LogLevel},
		{&o.LogFormat, &asked.LogFormat}, {&o.TraceEndpoint, &asked.TraceEndpoint},
	} {
		if *f.said != "" {
			*f.to = *f.said
		}
	}
	return o
}

// check reports what the command line, or somebody who edited the settings, got wrong.
func (o Observe) check() error {
	for _, a := range []struct{ flag, addr string }{{"--http-addr", o.HTTPAddr}, {"--debug-addr", o.DebugAddr}} {
		if a.addr == "" || a.addr == none {
			continue
		}
		if err := checkAddr(a.flag, a.addr); err != nil {
			return err
		}
	}
	if _, err := logging.ParseLevel(o.LogLevel); err != nil {
		return fmt.Errorf("--log-level: %w", err)
	}
	if _, err := logging.ParseFormat(o.LogFormat); err != nil {
		return fmt.Errorf("--log-format: %w", err)
	}
	if o.TraceEndpoint != none {
		if err := tracing.CheckEndpoint(o.TraceEndpoint); err != nil {
			return fmt.Errorf("--trace-endpoint: %w", err)
		}
	}
	return nil
}

// logger makes the node's log, and its level; what is in the settings was checked.
func (o Observe) logger(w io.Writer) (*slog.Logger, *slog.LevelVar) {
	format, _ := logging.ParseFormat(o.LogFormat)
	level, _ := logging.ParseLevel(o.LogLevel)
	return logging.New(w, format, level)
}

// watchers are the listeners for those who watch a node; each may be nil.
type watchers struct{ http, debug net.Listener }

// listen takes their addresses.
func (o Observe) listen(log *slog.Logger) (w watchers, err error) {
	switch o.HTTPAddr {
	case none:
	case "":
		w.http, err = listenBeside(log)
	default:
		if w.http, err = net.Listen("tcp", o.HTTPAddr); err != nil {
			err = listenError("--http-addr", o.HTTPAddr, err)
		}
	}
	if err == nil && o.DebugAddr != "" && o.DebugAddr != none {
		if w.debug, err = net.Listen("tcp", o.DebugAddr); err != nil {
			err = listenError("--debug-addr", o.DebugAddr, err)
		}
	}
	if err != nil {
		w.close()
		return watchers{}, err
	}
	return w, nil
}

// listenBeside takes the address that nobody chose; with several nodes on a machine it is one's alone, and the others
// take what is free: a node does not stay down for want of watchers.
func listenBeside(log *slog.Logger) (net.Listener, error) {
	l, err := net.Listen("tcp", DefaultHTTPAddr)
	if errors.Is(err, syscall.EADDRINUSE) {
		log.Info("another program listens where nodes are watched; this one takes a free port: --http-addr chooses one", "taken", DefaultHTTPAddr)
		l, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, listenError("--http-addr", DefaultHTTPAddr, err)
	}
	return l, nil
}

func (w watchers) close() {
	for _, l := range []net.Listener{w.http, w.debug} {
		if l != nil {
			_ = l.Close()
		}
	}
}

// addrs tells where they listen, for the log.
func (w watchers) addrs() (args []any) {
	if w.http != nil {
		args = append(args, "http", w.http.Addr().String())
	}
	if w.debug != nil {
		args = append(args, "debug", w.debug.Addr().String())
	}
	return args
}
