package peer

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// relay stands between two nodes and knows each TCP connection by the order in which
// they came.
type relay struct {
	listener net.Listener
	to       string
	run      sync.WaitGroup

	mu    sync.Mutex
	conns [][2]net.Conn
	shut  bool // refuses new ones
}

func newRelay(t *testing.T, to string) *relay {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	r := &relay{listener: l, to: to}
	r.run.Go(r.accept)
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		for i := range r.count() {
			r.cut(i)
		}
		r.run.Wait()
	})
	return r
}

func (r *relay) addr() string { return r.listener.Addr().String() }

func (r *relay) accept() {
	for {
		in, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		shut := r.shut
		r.mu.Unlock()
		if shut {
			_ = in.Close() // that it is closed is the whole point
			continue
		}
		out, err := net.Dial("tcp", r.to)
		if err != nil {
			_ = in.Close() // the other end is gone, so this one goes too
			continue
		}
		r.mu.Lock()
		r.conns = append(r.conns, [2]net.Conn{in, out})
		r.mu.Unlock()
		r.run.Go(func() { pass(in, out) })
		r.run.Go(func() { pass(out, in) })
	}
}

// pass copies bytes until one end is closed, and closes the other.
func pass(from, to net.Conn) {
	_, _ = io.Copy(to, from) // how it ended does not matter
	_ = to.Close()           // closing twice does no harm
}

// count is how many connections came so far.
func (r *relay) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns)
}

// cut breaks a connection.
func (r *relay) cut(i int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.conns[i] {
		_ = c.Close() // it may be closed already
	}
}

// setShut refuses connections, or takes them again.
func (r *relay) setShut(shut bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.shut = shut
}
