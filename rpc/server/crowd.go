package server

import (
	"net"
	"sync"

	"parley/raft/node"
	"parley/rpc/auth"
	"parley/rpc/convert"
)

// Nobody has more than a quarter of what all share: of the connections, one address; of the calls under way, one user, or one
// address without a login. So it takes several to keep the others out, and each of them is known by then.

// counts are how many somebody has of something that is bounded.
type counts struct {
	mu  sync.Mutex
	max int
	of  map[string]int
}

func newCounts(max int) *counts { return &counts{max: max, of: map[string]int{}} }

// begin counts one more; false means that he has as many as he may.
func (c *counts) begin(who string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[who] >= c.max {
		return false
	}
	c.of[who]++
	return true
}

// end counts it no more.
func (c *counts) end(who string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of[who]--; c.of[who] == 0 {
		delete(c.of, who)
	}
}

// caller is whose calls are counted together.
func (a *actor) caller() string {
	if a.principal != "" {
		return a.principal
	}
	return auth.AddressKey(a.address()) // no user's id looks like one
}

// errCrowd refuses a call of who has too many under way. It never entered the log.
func errCrowd() error {
	return convert.AnswerError(node.Answer{Outcome: node.Refused, Code: node.CodeBusy}, "")
}

// crowd is a listener that closes the connections of an address which has too many. On loopback all addresses are one, and whoever
// is on the machine can stop the node anyway.
type crowd struct {
	net.Listener
	of     *counts
	exempt func(net.Addr) bool
}

func newCrowd(l net.Listener, max int, exempt func(net.Addr) bool) crowd {
	return crowd{l, newCounts(max), exempt}
}

// Accept returns the next connection of somebody who may have one more.
func (c crowd) Accept() (net.Conn, error) {
	for {
		conn, err := c.Listener.Accept()
		if err != nil || c.exempt(conn.RemoteAddr()) {
			return conn, err
		}
		who := auth.AddressKey(conn.RemoteAddr().String())
		if c.of.begin(who) {
			return &crowdConn{Conn: conn, end: func() { c.of.end(who) }}, nil
		}
		_ = conn.Close() // without a word: whoever has so many knows why
	}
}

// crowdConn is a connection that is counted until it is closed.
type crowdConn struct {
	net.Conn
	once sync.Once
	end  func()
}

// Close closes the connection; a second time it counts nothing.
func (c *crowdConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.end)
	return err
}

// isLoopback reports whether a connection comes from this machine.
func isLoopback(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
