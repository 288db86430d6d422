package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"

	"parley/llm"
	pb "parley/rpc/proto/parley/v1"
)

// A Config says what a server serves.
type Config struct {
	Provider llm.Provider
	Offline  llm.Provider // for texts that no model is to make; nil: Provider, if it is the offline backend, or else nobody
	Secret   string       // that callers present; see ReadSecret
	TLS      *tls.Config
	Log      *slog.Logger

	Concurrent int // texts at a time; 0 is ConcurrentDefault
	Queue      int // callers that wait; 0 is QueueDefault
	Rate       int // texts a minute; 0 is RateDefault
}

// A Server serves one backend.
type Server struct {
	pb.UnimplementedModelServiceServer
	backend  llm.Provider // as it is
	provider llm.Provider // guarded
	offline  llm.Provider // guarded; nil: there is none
	config   Config
	gate     *gate
	side     *gate // for what the offline backend makes beside another one, which may hang
	grpc     *grpc.Server
	health   *health.Server
	log      *slog.Logger

	asked atomic.Int64 // texts so far
	stop  context.CancelFunc
	ended context.Context // when the server stops, texts end
	once  sync.Once
}

// warmer is a backend whose first text waits for something that can be done before.
type warmer interface{ Warm(context.Context) error }

// New returns a server. Stop closes its provider.
func New(c Config) (*Server, error) {
	switch {
	case c.Provider == nil:
		return nil, fmt.Errorf("llm server: no backend")
	case len(c.Secret) < secretCharsMin:
		return nil, fmt.Errorf("llm server: the secret has %d characters, and needs %d", len(c.Secret), secretCharsMin)
	case c.Concurrent < 0 || c.Queue < 0 || c.Rate < 0:
		return nil, fmt.Errorf("llm server: a negative limit")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	fill := func(n *int, otherwise int) {
		if *n == 0 {
			*n = otherwise
		}
	}
	fill(&c.Concurrent, ConcurrentDefault)
	fill(&c.Queue, QueueDefault)
	fill(&c.Rate, RateDefault)

	s := &Server{backend: c.Provider, provider: llm.Guard(c.Provider), config: c, log: c.Log, health: health.NewServer()}
	s.gate = newGate(c.Concurrent, c.Queue, c.Rate, time.Now())
	switch {
	case c.Offline != nil:
		s.offline, s.side = llm.Guard(c.Offline), newGate(offlineConcurrent, c.Queue, c.Rate, time.Now())
	case c.Provider.Describe().Backend == "offline":
		s.offline, s.side = s.provider, s.gate
	}
	s.ended, s.stop = context.WithCancel(context.Background())
	door := newDoor(c.Secret, c.Log)
	options := []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(door.unary), grpc.ChainStreamInterceptor(door.stream),
		grpc.MaxRecvMsgSize(messageBytesMax), grpc.MaxHeaderListSize(headerBytesMax), grpc.MaxConcurrentStreams(streamsMax),
		grpc.ConnectionTimeout(handshakeMax),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingAfter, Timeout: pingMax}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: clientPingMin, PermitWithoutStream: true}),
	}
	if c.TLS != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(c.TLS)))
	}
	s.grpc = grpc.NewServer(options...)
	pb.RegisterModelServiceServer(s.grpc, s)
	healthpb.RegisterHealthServer(s.grpc, s.health)
	reflection.Register(s.grpc)
	s.health.SetServingStatus(pb.ModelService_ServiceDesc.ServiceName, healthpb.HealthCheckResponse_SERVING)
	return s, nil
}

// Serve answers on a listener until Stop.
func (s *Server) Serve(l net.Listener) error {
	go s.warm()
	return s.grpc.Serve(netutil.LimitListener(l, connectionsMax))
}

// Stop lets texts end for a little while, ends those that do not, and closes the backend.
func (s *Server) Stop() (err error) {
	s.once.Do(func() {
		s.health.Shutdown()
		late := time.AfterFunc(stopMax, func() {
			s.stop()
			time.AfterFunc(stopMax/5, s.grpc.Stop)
		})
		s.grpc.GracefulStop()
		late.Stop()
		s.stop()
		err = s.backend.Close()
		if s.config.Offline != nil {
			err = errors.Join(err, s.config.Offline.Close())
		}
	})
	return err
}

// warm lets the backend prepare when nobody has asked for warmAfter since the start and the machine is idle. Whoever asks
// earlier has it prepared by asking.
func (s *Server) warm() {
	w, ok := s.backend.(warmer)
	if !ok {
		return
	}
	wait := time.NewTicker(warmAfter)
	defer wait.Stop()
	for first := true; first || !idle(); first = false {
		select {
		case <-s.ended.Done():
			return
		case <-wait.C:
		}
		if s.asked.Load() > 0 {
			return
		}
	}
	if err := w.Warm(s.ended); err != nil && s.ended.Err() == nil {
		s.log.Warn("the backend cannot prepare", "backend", s.backend.Describe().Backend, "err", err)
	}
}

// Describe tells about the backend.
func (s *Server) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	d := s.backend.Describe()
	return &pb.DescribeResponse{
		Backend: d.Backend, Model: d.Model, External: d.External, Ready: d.Ready, Detail: d.Detail,
		InputBytesMax: uint32(min(max(d.InputMax, 0), math.MaxInt32)),
		OutputMax:     &pb.OutputLimits{TokensMax: llm.OutputTokensMax, BytesMax: llm.OutputBytesMax},
		ConcurrentMax: uint32(s.config.Concurrent), QueueMax: uint32(s.config.Queue),
	}, nil
}

// A maker is one of the backends, as a request gets it.
type maker struct {
	provider llm.Provider
	gate     *gate
}

// makerFor returns the backend that a request is for.
func (s *Server) makerFor(r *pb.GenerateRequest) (maker, error) {
	if r.GetOffline() {
		if s.offline == nil {
			return maker{}, llm.Errorf(llm.Unavailable, "this server has no offline backend")
		}
		return maker{s.offline, s.side}, nil
	}
	if d := s.backend.Describe(); d.External && r.GetExternal() != d.Backend {
		return maker{s.provider, s.gate}, llm.Errorf(llm.External, "the backend %s is external, and the request is not for it", d.Backend)
	}
	return maker{s.provider, s.gate}, nil
}

// Generate streams one text.
func (s *Server) Generate(r *pb.GenerateRequest, stream grpc.ServerStreamingServer[pb.GenerateResponse]) error {
	s.asked.Add(1)
	began := time.Now()
	ctx, cancel := context.WithTimeout(stream.Context(), llm.DeadlineMax)
	defer cancel()
	defer context.AfterFunc(s.ended, cancel)()

	req, source, sent := toRequest(r), "", 0
	var res llm.Result
	by, err := s.makerFor(r)
	if err == nil {
		source = by.provider.Describe().Backend
		res, err = by.generate(ctx, began, req, func(piece string) error {
			sent += len(piece)
			return stream.Send(&pb.GenerateResponse{Part: &pb.GenerateResponse_Piece{Piece: piece}})
		})
	}
	if err == nil {
		err = stream.Send(&pb.GenerateResponse{Part: &pb.GenerateResponse_Final{Final: fromResult(source, res)}})
	}
	s.record(req, source, sent, res, err, time.Since(began))
	if err != nil && s.ended.Err() != nil {
		return toStatus(llm.Errorf(llm.Unavailable, "the LLM server stops"))
	}
	if err != nil {
		return toStatus(err)
	}
	return nil
}

// generate waits for a turn and generates.
func (m maker) generate(ctx context.Context, now time.Time, r llm.Request, emit func(string) error) (llm.Result, error) {
	if err := llm.Check(r, m.provider.Describe().InputMax); err != nil {
		return llm.Result{}, err // what is refused anyway costs nobody a turn
	}
	leave, err := m.gate.enter(ctx, now)
	if err != nil {
		return llm.Result{}, err
	}
	defer leave()
	return m.provider.Generate(ctx, r, emit)
}

// record logs what was asked and what it cost.
func (s *Server) record(r llm.Request, source string, sent int, res llm.Result, err error, took time.Duration) {
	attrs := []any{
		"task", r.Task.Kind.String(), "backend", source, "in_bytes", r.Prompt.Bytes(), "out_bytes", sent,
		"in_tokens", res.Usage.InputTokens, "out_tokens", res.Usage.OutputTokens, "took", took.Round(time.Millisecond),
	}
	if err != nil {
		s.log.Warn("no text", append(attrs, "err", toStatus(err))...) // errors hold no text of users: see llm.Error
		return
	}
	s.log.Info("text", attrs...)
}
