package client

import (
	"context"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/keepalive"

	"parley/raft/node"
)

const (
	// A node that was down is tried again after at most reconnectMax, so that it
	// takes part soon after its restart.
	reconnectMin = 20 * time.Millisecond
	reconnectMax = 500 * time.Millisecond
	connectMax   = 2 * time.Second
	// A connection that says nothing for pingAfter is asked for a sign of life:
	// what a machine that vanished leaves behind looks like an idle connection.
	pingAfter = 5 * time.Second
	pingMax   = 3 * time.Second
	// replyBytesMax bounds a response: 1 MiB of text, names and framing.
	replyBytesMax = 4 << 20
	// streamWindowBytes is how much a node may send on one stream before it is read, and connectionWindowBytes on all of a
	// connection. They are fixed: gRPC would ask for a sign of life beside every answer to find them out.
	streamWindowBytes     = 512 << 10
	connectionWindowBytes = 2 << 20
)

// Transport returns the options of gRPC that every connection of a client has, for programs that make calls of their own with
// the generated code.
func Transport() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithNoProxy(), // a cluster's addresses mean what they say
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(replyBytesMax)),
		grpc.WithStaticStreamWindowSize(streamWindowBytes),
		grpc.WithStaticConnWindowSize(connectionWindowBytes),
		grpc.WithDisableRetry(), // repeating is the caller's decision
		grpc.WithDisableServiceConfig(),
	}
}

// conns holds one connection for each address, made when it is first asked for.
type conns struct {
	mu      sync.Mutex
	options []grpc.DialOption
	byAddr  map[string]*grpc.ClientConn
	closed  bool

	protection protection
	reached    reached
}

func newConns(cfg *Config) *conns {
	c := &conns{byAddr: make(map[string]*grpc.ClientConn), protection: protection{tls: cfg.TLS, clear: cfg.Insecure}}
	options := append(Transport(),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: reconnectMin, Multiplier: 1.6, Jitter: 0.2, MaxDelay: reconnectMax},
			MinConnectTimeout: connectMax,
		}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: pingAfter, Timeout: pingMax}),
		grpc.WithContextDialer(c.reached.dial),
	)
	c.options = append(options, cfg.Dial...)
	return c
}

func (c *conns) get(addr string) (*grpc.ClientConn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, fmt.Errorf("client: closed")
	}
	if conn := c.byAddr[addr]; conn != nil {
		return conn, nil
	}
	conn, err := grpc.NewClient("passthrough:///"+addr, append([]grpc.DialOption{c.protection.of(addr)}, c.options...)...)
	if err != nil {
		return nil, fmt.Errorf("client: address %q: %w", addr, err)
	}
	c.byAddr[addr] = conn
	return conn, nil
}

// connected waits until a connection stands, or its attempt to has failed. What is not sent over one that does not stand has
// certainly not happened; of an RPC that fails gRPC does not say whether it was sent.
func connected(ctx context.Context, conn *grpc.ClientConn) bool {
	for {
		switch state := conn.GetState(); state {
		case connectivity.Ready:
			return true
		case connectivity.TransientFailure, connectivity.Shutdown:
			return false
		default:
			conn.Connect()
			if !conn.WaitForStateChange(ctx, state) {
				return false
			}
		}
	}
}

// giveBack closes a session, as far as that is possible in closeMax: at the node that is
// asked, or at the leader that it names. What fails leaves a session that expires.
func (c *conns) giveBack(addr, token string, session node.SessionID, nonce uint64) {
	ctx, cancel := context.WithTimeout(context.Background(), closeMax)
	defer cancel()
	for range 2 {
		conn, err := c.get(addr)
		if err != nil {
			return
		}
		_, hint, ok := closeSession(withToken(ctx, token), conn, session, nonce)
		if !ok || hint == "" {
			return
		}
		addr = hint
	}
}

func (c *conns) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, conn := range c.byAddr {
		_ = conn.Close()
	}
}
