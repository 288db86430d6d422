package front

import (
	"context"
	"net"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"parley/cmd/bench/peers/kv"
)

// Server serves a map on loopback.
type Server struct {
	grpc     *grpc.Server
	listener net.Listener
	sessions sync.Pool
	fanout   *Fanout
}

// Serve begins to serve. Every request takes a session, which makes them.
func Serve(session func() kv.Session, f *Fanout) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &Server{grpc: grpc.NewServer(grpc.MaxConcurrentStreams(1 << 20)), listener: l, fanout: f}
	s.sessions.New = func() any { return session() }
	s.grpc.RegisterService(&service, s)
	go func() { _ = s.grpc.Serve(l) }() // ends with Close
	return s, nil
}

// Addr is where it listens.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close ends all connections.
func (s *Server) Close() { s.grpc.Stop() }

const (
	methodPut    = "/peers.Front/Put"
	methodGet    = "/peers.Front/Get"
	methodListen = "/peers.Front/Listen"
)

// service describes what a generator would otherwise write.
var service = grpc.ServiceDesc{
	ServiceName: "peers.Front",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{
		{MethodName: "Put", Handler: handlePut},
		{MethodName: "Get", Handler: handleGet},
	},
	Streams: []grpc.StreamDesc{{StreamName: "Listen", Handler: handleListen, ServerStreams: true}},
}

func handlePut(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var in wrapperspb.BytesValue
	if err := decode(&in); err != nil {
		return nil, err
	}
	s := srv.(*Server)
	session := s.sessions.Get().(kv.Session)
	if err := session.Put(ctx, in.Value); err != nil {
		return nil, err // the session is not used again: it may wait for an answer still
	}
	s.sessions.Put(session)
	return &emptypb.Empty{}, nil
}

func handleGet(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	var in wrapperspb.UInt64Value
	if err := decode(&in); err != nil {
		return nil, err
	}
	s := srv.(*Server)
	session := s.sessions.Get().(kv.Session)
	value, err := session.Get(ctx, in.Value)
	if err != nil {
		return nil, err
	}
	s.sessions.Put(session)
	return &wrapperspb.BytesValue{Value: value}, nil
}

func handleListen(srv any, stream grpc.ServerStream) error {
	var in emptypb.Empty
	if err := stream.RecvMsg(&in); err != nil {
		return err
	}
	return srv.(*Server).fanout.serve(stream)
}

// Echo is a map that holds nothing and waits for nobody: what is left is gRPC.
type Echo struct{}

// Put does nothing.
func (Echo) Put(context.Context, []byte) error { return nil }

// Get returns nothing.
func (Echo) Get(context.Context, uint64) ([]byte, error) { return nil, nil }
