// Package server serves Parley's gRPC services to clients, over one host.
//
//	client ──gRPC──▶ Server ──node.Event──▶ host.Host
//	                   │
//	                   ├─ session.go   SessionService
//	                   ├─ chat.go      ChatService, its stream in tail.go
//	                   ├─ cluster.go   ClusterService
//	                   ├─ health.go    grpc.health.v1, reflection
//	                   └─ guard.go     a handler that panics is one failed call
//
// It checks requests, turns them into events and answers into responses, and
// keeps nothing between calls: whatever must survive a broken connection lives in the
// replicated state. Errors are made in rpc/convert and nowhere else.
package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"parley/raft/host"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
)

// Principal is under whom sessions are opened: there are no accounts, and
// everybody is the same anonymous user.
const Principal = "anonymous"

// Config says what a server serves.
type Config struct {
	Host    *host.Host
	Limits  statemachine.Limits // of the host's state machine; zero is DefaultLimits
	Version string              // of the program, shown in Status
	Logger  *slog.Logger        // nil is slog.Default()
}

// Server serves clients over one listener.
type Server struct {
	cfg    Config
	grpc   *grpc.Server
	health *health
}

// New returns a server that does not listen yet.
func New(cfg Config) *Server {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Limits == (statemachine.Limits{}) {
		cfg.Limits = statemachine.DefaultLimits()
	}
	g := guard{log: cfg.Logger}
	s := &Server{cfg: cfg, grpc: grpc.NewServer(
		grpc.MaxRecvMsgSize(messageBytesMax),
		grpc.MaxHeaderListSize(headerBytesMax),
		grpc.MaxConcurrentStreams(streamsMax),
		grpc.ConnectionTimeout(handshakeMax),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingAfter, Timeout: pingMax}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: clientPingMin, PermitWithoutStream: true}),
		grpc.UnaryInterceptor(g.unary),
		grpc.StreamInterceptor(g.stream),
	)}
	pb.RegisterSessionServiceServer(s.grpc, &sessions{host: cfg.Host})
	pb.RegisterChatServiceServer(s.grpc, &chat{host: cfg.Host, limits: cfg.Limits, now: time.Now})
	pb.RegisterClusterServiceServer(s.grpc, &cluster{host: cfg.Host, version: cfg.Version})
	s.health = registerHealth(s.grpc, cfg.Host)
	return s
}

// Serve answers calls until Stop; it closes the listener. The error is nil after
// Stop.
func (s *Server) Serve(l net.Listener) error {
	go s.health.watch()
	defer s.health.stop()
	if err := s.grpc.Serve(netutil.LimitListener(l, connectionsMax)); !errors.Is(err, grpc.ErrServerStopped) && err != nil {
		return fmt.Errorf("server: serve clients on %s: %w", l.Addr(), err)
	}
	return nil
}

// Stop refuses new calls, lets those under way finish for a moment, then ends
// them. Stop the host at the same time: it answers whoever waits for it.
func (s *Server) Stop() {
	s.health.stop()
	done := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(done)
	}()
	timer := time.NewTimer(stopMax)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		s.grpc.Stop()
		<-done
	}
}
