package peer

import (
	"net"
	"slices"
	"sync"
)

// lobby has the connections that nobody has said hello on yet. Anybody who reaches the port can open some, so that they are few, and
// if there is one too many the oldest goes: a peer shakes hands in milliseconds, and whoever keeps a connection open and says
// nothing is in nobody's way. Peers that have said hello are not among them (streamsMax).
type lobby struct {
	mu    sync.Mutex
	conns []net.Conn // the oldest first
}

// enter takes a connection in, and closes the oldest if there is no room. leave, which may be called twice, takes it out.
func (l *lobby) enter(c net.Conn) (leave func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.conns) == lobbyMax {
		_ = l.conns[0].Close() // whoever waits for it finds out
		l.conns = slices.Delete(l.conns, 0, 1)
	}
	l.conns = append(l.conns, c)
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.conns = slices.DeleteFunc(l.conns, func(other net.Conn) bool { return other == c })
	}
}
