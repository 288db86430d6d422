// Package server serves Parley's gRPC services to clients, over one host.
//
//	                 who calls?      how often?     refused without the log?
//	client ──gRPC──▶ actor.go ─────▶ rates.go ────▶ edge.go ──node.Event──▶ host.Host
//	                                                  ▲ ▲
//	     session.go, account.go, channel.go, chat.go ─┘ └─ duties.go: what nobody asks for
//
// # Reading order
//
//	gate.go      what every call passes: the interceptors
//	actor.go     who calls: the table of methods that need no token
//	edge.go      the way of every command and query; cursor.go where pages end
//	account.go   AccountService; login.go and password.go are what touches passwords; blank.go names that nobody sees
//	channel.go   ChannelService
//	chat.go      ChatService; batch.go many messages at once
//	follow.go    every stream; tail.go and event.go what two of them show; ready.go what many of them share
//	file.go      FileService; upload.go and download.go the bytes
//	document.go  DocumentService; lock.go LockService
//	assistant.go AssistantService; the texts are made in rpc/answer
//	duties.go    keys, first decisions, dev mode; streams.go and present.go who is online
//	cluster.go   ClusterService; operator.go OperatorService, backup.go its stream, denial.go what is refused and noted; session.go SessionService; health.go grpc.health.v1 and reflection
//	guard.go     a handler that panics is one failed call; log.go a line for each call; codec.go what is no request; body.go
//	             the bytes of commands
//	crowd.go     how many connections and calls one address and one user may have at a time
//	limits.go    every bound, with the reason for its number
//
// It checks requests, turns them into events and answers into responses, and
// keeps nothing between calls that matters: whatever must survive a broken connection lives in the
// replicated state. Errors are made in rpc/convert and nowhere else.
package server

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"time"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"parley/raft/host"
	"parley/rpc/answer"
	"parley/rpc/auth"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
	"parley/statemachine/state"
)

// Config says what a server serves.
type Config struct {
	Host    *host.Host
	Limits  statemachine.Limits // of the host's state machine; zero is DefaultLimits
	Version string              // of the program, shown in Status
	Logger  *slog.Logger        // nil is slog.Default()

	// TLS protects the connections of clients; nil is plain TCP, for loopback and for whoever accepts that all is read on the way.
	TLS *tls.Config
	// Loopback says that no listener of this process is reachable from other machines.
	Loopback bool
	// SignUp is who may sign up in a cluster that is just being made; zero is everybody on loopback, and elsewhere whoever
	// has an invitation.
	SignUp state.SignUpMode
	// DemoUsers has the leader make the users of dev mode. It needs Loopback.
	DemoUsers bool
	// Token is where the first admin's token is left; nil is nowhere.
	Token TokenFile
	// BcryptCost is that of new passwords' hashes, TokenLifetime how long a token is good, PasswordRunesMin the least
	// number of characters of a password; zero are the defaults of rpc/auth.
	BcryptCost       int
	TokenLifetime    time.Duration
	PasswordRunesMin int
	// Connections is how many connections of clients there may be at a time, fewer than a process commonly can have if this one can't
	// have that many files open; zero is 4,096, which is the most.
	Connections int
	// GoneAfter is how long the leader hears nothing of a node before the users there are offline; zero is 15 s.
	GoneAfter time.Duration
	// Assistant says where the texts of assistance are made; zero is here, without a model.
	Assistant answer.Config
	// Rates says how often somebody may do something.
	Rates Rates
	// GRPC adds options to the gRPC server, for instance handlers that count calls or trace them.
	GRPC []grpc.ServerOption
	// Now is the wall clock; nil is time.Now.
	Now func() time.Time
}

// TokenFile is where the first admin's token lies.
type TokenFile interface {
	// Write leaves the token so that nobody but the operator can read it, in the place of one before.
	Write(token string) error
	// Remove takes it away; that there is none is no error.
	Remove() error
}

// Server serves clients over one listener.
type Server struct {
	cfg    Config
	grpc   *grpc.Server
	health *health
	duties *duties
	maker  *answer.Maker
}

// New returns a server that does not listen yet. The error says what is wrong with the configuration.
func New(cfg Config) (*Server, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Limits == (statemachine.Limits{}) {
		cfg.Limits = statemachine.DefaultLimits()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.GoneAfter = cmp.Or(cfg.GoneAfter, goneAfter)
	if cfg.SignUp == 0 {
		cfg.SignUp = state.SignUpInvite
		if cfg.Loopback {
			cfg.SignUp = state.SignUpOpen
		}
	}
	if cfg.DemoUsers && !cfg.Loopback {
		return nil, errors.New("server: the users of dev mode are for loopback alone: everybody knows their passwords")
	}
	e, err := newEdge(&cfg)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	maker, err := answer.New(cfg.Assistant)
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	g := &gate{e, guard{cfg.Logger}, requestLog{cfg.Logger}}
	s := &Server{cfg: cfg, duties: newDuties(e, cfg), maker: maker, grpc: grpc.NewServer(append(slices.Concat(cfg.GRPC, transport(cfg.TLS)),
		grpc.MaxRecvMsgSize(messageBytesMax),
		grpc.MaxHeaderListSize(headerBytesMax),
		grpc.MaxConcurrentStreams(streamsMax),
		grpc.NumStreamWorkers(callWorkers),
		grpc.StaticStreamWindowSize(streamWindowBytes),
		grpc.StaticConnWindowSize(connectionWindowBytes),
		grpc.ConnectionTimeout(handshakeMax),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingAfter, Timeout: pingMax}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: clientPingMin, PermitWithoutStream: true}),
		grpc.ForceServerCodecV2(newCodec()),
		grpc.UnaryInterceptor(g.unary),
		grpc.StreamInterceptor(g.stream),
	)...)}
	pb.RegisterSessionServiceServer(s.grpc, &sessions{edge: e})
	pb.RegisterAccountServiceServer(s.grpc, &accounts{edge: e})
	pb.RegisterChannelServiceServer(s.grpc, &channels{edge: e})
	pb.RegisterChatServiceServer(s.grpc, &messages{edge: e})
	pb.RegisterFileServiceServer(s.grpc, &files{edge: e})
	pb.RegisterDocumentServiceServer(s.grpc, &documents{edge: e})
	pb.RegisterLockServiceServer(s.grpc, &locks{edge: e})
	pb.RegisterAssistantServiceServer(s.grpc, &assistant{edge: e, maker: maker})
	pb.RegisterEventServiceServer(s.grpc, &events{edge: e})
	pb.RegisterPresenceServiceServer(s.grpc, &who{edge: e})
	pb.RegisterClusterServiceServer(s.grpc, &cluster{edge: e, version: cfg.Version})
	pb.RegisterOperatorServiceServer(s.grpc, &operators{edge: e, lifetime: cmp.Or(cfg.TokenLifetime, auth.LifetimeDefault)})
	s.health = registerHealth(s.grpc, cfg.Host)
	return s, nil
}

// transport is what protects the connections.
func transport(c *tls.Config) []grpc.ServerOption {
	if c == nil {
		return nil
	}
	return []grpc.ServerOption{grpc.Creds(credentials.NewTLS(c))}
}

// newEdge makes what the services share.
func newEdge(cfg *Config) (*edge, error) {
	hasher, err := auth.NewHasher(cfg.BcryptCost, cfg.Loopback)
	if err != nil {
		return nil, err
	}
	ring, err := auth.NewKeyring(cfg.TokenLifetime, cfg.Now)
	if err != nil {
		return nil, err
	}
	rates, err := newRates(cfg.Rates, cfg.Loopback, time.Now)
	if err != nil {
		return nil, err
	}
	denials, err := newDenials(cfg.Host, cfg.Now)
	if err != nil {
		return nil, err
	}
	policy := auth.Policy{RunesMin: cfg.PasswordRunesMin}
	e := &edge{
		host:     cfg.Host,
		limits:   cfg.Limits,
		now:      cfg.Now,
		loopback: cfg.Loopback,
		policy:   policy,
		door:     auth.Door{Attempts: auth.NewAttempts(time.Now), Hasher: hasher},
		keys:     &keys{host: cfg.Host, ring: ring, now: time.Now},
		rates:    rates,
		streams:  newStreams(),
		denials:  denials,
		ready:    newReady(),
		calls:    newCounts(callsPerUserMax),
	}
	e.demoDue.Store(cfg.DemoUsers)
	return e, policy.Validate()
}

// Serve answers calls until Stop; it closes the listener. The error is nil after
// Stop.
func (s *Server) Serve(l net.Listener) error {
	go s.health.watch()
	go s.duties.run()
	defer s.health.stop()
	defer s.duties.stop()
	most := min(cmp.Or(s.cfg.Connections, connectionsMax), connectionsMax)
	if err := s.grpc.Serve(newCrowd(netutil.LimitListener(l, most), most/connectionShare, isLoopback)); !errors.Is(err, grpc.ErrServerStopped) && err != nil {
		return fmt.Errorf("server: serve clients on %s: %w", l.Addr(), err)
	}
	return nil
}

// Stop refuses new calls, lets those under way finish for a moment, then ends
// them. Stop the host at the same time: it answers whoever waits for it.
func (s *Server) Stop() {
	s.health.stop()
	_ = s.maker.Close() // the first closes it, and calls under way go on without a model
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
