package client

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"google.golang.org/grpc"

	"parley/raft/node"
)

// Config says how to reach a cluster.
type Config struct {
	// Addrs are the nodes' client addresses, "host:port"; at least one.
	Addrs []string
	// Credentials are those of an earlier log-in; the zero value is nobody's.
	Credentials Credentials
	// Renewed is told of every token that takes the place of an older one, before it is used. It must not
	// call the client.
	Renewed func(Credentials)
	// Name says what the client is, for the list of a user's logins: at most 80 bytes. Empty is
	// "parley client".
	Name string
	// TLS protects every connection, also those to this machine. Nil is TLS by the CAs of this machine for addresses that
	// are not on loopback, and plain TCP for those that are: nothing goes to another machine in the clear by itself.
	TLS *tls.Config
	// Insecure has it go there in the clear: passwords, tokens, messages. It takes no TLS beside it.
	Insecure bool
	// Dial adds options to every connection.
	Dial []grpc.DialOption
	// ReadAnywhere has reads stay with whatever node answers them, the first of Addrs to begin
	// with, instead of following the writes to the leader. They are no less fresh, and take a
	// round trip to the leader more; the leader is spared the reading.
	ReadAnywhere bool
}

// Client talks to one cluster, over one connection for each node that it asks. Its
// methods may be called from any goroutine.
type Client struct {
	cfg   Config
	addrs []string
	conns *conns

	mu       sync.Mutex
	calls    *calls // of the login in use
	who      Credentials
	renewal  *time.Timer // nil while nobody is logged in
	renewing sync.WaitGroup
	closed   bool
}

// New returns a client. It connects to nobody until it is asked for something.
func New(cfg Config) (*Client, error) {
	if len(cfg.Addrs) == 0 {
		return nil, errors.New("client: no addresses")
	}
	if cfg.TLS != nil && cfg.Insecure {
		return nil, errors.New("client: TLS and in the clear at once")
	}
	cfg.Name = cmp.Or(cfg.Name, "parley client")
	conns := newConns(&cfg)
	c := &Client{cfg: cfg, addrs: cfg.Addrs, conns: conns, who: cfg.Credentials}
	c.calls = newCalls(&c.cfg, conns, c.who.Token)
	c.planRenewal(0)
	return c, nil
}

// Close ends every call under way, as unknown where that is the truth, gives the
// client's session back to the cluster, for which it waits at most closeMax, and
// hangs up. It waits as long for a token that is being renewed.
func (c *Client) Close() {
	c.mu.Lock()
	c.closed = true
	if c.renewal != nil {
		c.renewal.Stop()
	}
	calls := c.calls
	c.mu.Unlock()
	c.awaitRenewal()
	calls.close()
	c.renewing.Wait()
	c.conns.close()
}

// current is the driver of the login in use.
func (c *Client) current() *calls {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

// Ready waits until the cluster takes writes: it opens a session of nobody, which is one,
// and gives it back.
func (c *Client) Ready(ctx context.Context) error {
	nonce, hint := draw(), ""
	for tries := 0; ; tries++ {
		addr := cmp.Or(hint, c.addrs[tries%len(c.addrs)])
		hint = ""
		if conn, err := c.conns.get(addr); err == nil {
			attempt, cancel := context.WithTimeout(ctx, attemptMax)
			a, leader, ok := open(attempt, conn, nonce)
			cancel()
			if ok && a.Outcome == node.Done && a.Session != 0 {
				c.conns.giveBack(addr, "", a.Session, nonce)
				return nil
			}
			hint = leader
		}
		if err := pause(ctx, readyEvery); err != nil {
			return unavailable("no node of %v took a write: %v", c.addrs, err)
		}
	}
}

// draw returns a random number that is not zero.
func draw() uint64 {
	var b [8]byte
	for {
		_, _ = rand.Read(b[:]) // never fails, says its documentation
		if n := binary.LittleEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}
