package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"parley/raft"
	"parley/raft/host"
)

// tcpLine is a link's way out over TCP. Two kinds of goroutines write: the link's, and whoever sends. A sender with
// little to say, who finds nobody writing and room in the kernel's buffer, writes by itself: to wake another goroutine for
// that would cost more than the write, and one message's way to a follower and back has four such places.
// What does not fit, and all that is long, is the link's goroutine's, which may wait.
type tcpLine struct {
	*link

	mu   sync.Mutex // held by who writes
	conn net.Conn   // nil: there is none
	raw  syscall.RawConn
	rest []byte // of out, that the kernel has no room for
	err  error  // of a sender's write: for the link's goroutine to find

	out     []byte // what was encoded last
	gaps    []raft.Gap
	msgs    []raft.Message
	cut     net.Buffers
	attempt func(fd uintptr) bool // try
}

const (
	// pushBytesMax bounds what a sender writes by itself: the loop of the node is one, and has better things to
	// do than to copy much.
	pushBytesMax = 16 << 10
	// gapBytesMin is the length from which a payload is not copied before it is written: below, one copy more is
	// cheaper than one piece more.
	gapBytesMin = 32 << 10
)

func (w *tcpWire) line(l *link) (line, error) {
	t := &tcpLine{link: l}
	t.attempt = t.try
	return t, nil
}

func (l *tcpLine) close() {}

// talk dials, says hello, and carries what is queued.
func (l *tcpLine) talk() (welcome bool, err error) {
	c, err := l.reach()
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithCancelCause(l.ctx)
	defer cancel(nil)
	defer closeWith(ctx, c)()
	if err := l.greet(ctx, c); err != nil {
		return false, err
	}
	ended := make(chan struct{})
	var listener sync.WaitGroup
	defer listener.Wait()
	listener.Go(func() {
		defer close(ended)
		cancel(heard(c))
	})
	l.use(c)
	l.queue.SetUp(true)
	l.t.log.Info("connected to a peer", l.with()...)
	err = l.carry(ctx, l.flush)
	l.use(nil)
	if errors.Is(err, errIdle) {
		return true, l.hangUp(ctx, c, ended)
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause // the peer's word says more than a failed write
	}
	cancel(nil)
	_ = c.Close()
	<-ended
	var w *word
	return !errors.As(err, &w) || w.reason != wordReplaced, err
}

// reach dials until the peer answers, or for as long as nobody need know that it does not.
func (l *tcpLine) reach() (net.Conn, error) {
	dialer := net.Dialer{Timeout: dialTimeout}
	pause := backoffMin
	for begin := time.Now(); ; {
		c, err := dialer.DialContext(l.ctx, "tcp", l.peer.PeerAddr)
		if err == nil {
			watch(c)
			if s := l.t.opts.Security; s != nil {
				return tls.Client(c, forTCP(s.Dial(l.peer.ID))), nil
			}
			return c, nil
		}
		if l.ctx.Err() != nil {
			return nil, l.ctx.Err()
		}
		if time.Since(begin) >= unreachableAfter {
			return nil, fmt.Errorf("can't be reached; is the address right, and does the node run? %w", err)
		}
		l.wait(pause)
		pause = min(2*pause, dialBackoffMax)
	}
}

// greet says hello and hears the peer's.
func (l *tcpLine) greet(ctx context.Context, c net.Conn) error {
	_ = c.SetDeadline(time.Now().Add(helloTimeout)) // without one the link's end is the bound
	state, err := handshake(ctx, c)
	if err != nil {
		return err
	}
	local := l.t.localNow()
	if _, err := c.Write(appendHello(nil, greet(&local, l.t.identOf(l.peer.ID), l.lane))); err != nil {
		return err
	}
	var b [helloLen]byte
	if _, err := io.ReadFull(c, b[:4]); err != nil {
		return fmt.Errorf("the peer does not answer the hello: %w", err)
	}
	switch string(b[:4]) {
	case helloMagic:
	case wordMagic:
		return readWord(c, b[:4])
	default:
		return errors.New("who answers there does not speak the peers' protocol: do both nodes talk the same way?")
	}
	if _, err := io.ReadFull(c, b[4:]); err != nil {
		return err
	}
	_ = c.SetDeadline(time.Time{})
	return l.judgeAnswer(b[:], &local, state)
}

// heard waits for what the peer says to the end of the conversation.
func heard(c net.Conn) error {
	var b [4]byte
	if n, err := io.ReadFull(c, b[:]); err != nil {
		if n == 0 {
			return err
		}
		return errHello
	}
	return readWord(c, b[:])
}

// use has writers use a connection, or none.
func (l *tcpLine) use(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn, l.raw, l.rest, l.err = c, nil, nil, nil
	if s, ok := c.(syscall.Conn); ok && l.lane == host.LaneProtocol {
		l.raw, _ = s.SyscallConn() // without it the link's goroutine does all
	}
}

// hangUp ends a connection without losing what is on the way.
func (l *tcpLine) hangUp(ctx context.Context, c net.Conn, ended <-chan struct{}) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite() // if it fails the connection has ended, and ctx knows why
	}
	return l.hungUp(ctx, ended)
}

// push writes what is queued if that is little, nobody else writes, and the kernel takes it at once.
func (l *tcpLine) push() bool {
	if !l.mu.TryLock() {
		return false
	}
	defer l.mu.Unlock()
	if l.raw == nil || l.err != nil || len(l.rest) > 0 || l.queue.Bytes() > pushBytesMax {
		return false
	}
	l.msgs = l.queue.Take(l.msgs[:0])
	all := l.encode(l.msgs) == len(l.msgs)
	clear(l.msgs)
	if !all { // so many without payloads are no live peer's
		l.err = errors.New("more messages than a frame has room for were sent at once")
		return false
	}
	if l.rest = l.out; len(l.rest) > 0 {
		if err := l.raw.Write(l.attempt); err != nil {
			l.err = err
		}
	}
	return len(l.rest) == 0 && l.err == nil
}

// try is one attempt to write the rest, for syscall.RawConn: it is over, whatever came of it.
func (l *tcpLine) try(fd uintptr) bool {
	for {
		n, err := syscall.Write(int(fd), l.rest)
		switch {
		case err == nil:
			l.rest = l.rest[n:]
		case errors.Is(err, syscall.EINTR):
			continue
		case !errors.Is(err, syscall.EAGAIN):
			l.err = err
		}
		return true
	}
}

// flush writes all that is queued, however long the kernel takes.
func (l *tcpLine) flush() (sent int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return 0, l.err
	}
	if len(l.rest) > 0 {
		if _, err := l.conn.Write(l.rest); err != nil {
			return 0, err
		}
		l.rest = nil
	}
	l.msgs = l.queue.Take(l.msgs[:0])
	defer clear(l.msgs)
	for todo := l.msgs; len(todo) > 0; {
		todo = todo[l.encode(todo):]
		if err := l.write(); err != nil {
			return 0, err
		}
	}
	return len(l.msgs), nil
}

// encode makes frames of messages until that is as much as one write should have, and returns of how many.
func (l *tcpLine) encode(msgs []raft.Message) (n int) {
	l.out, l.gaps = l.out[:0], l.gaps[:0]
	for bytes := 0; n < len(msgs) && bytes < frameBytes; n++ {
		m := &msgs[n]
		size := frameSize(m)
		if size > frameBytesMax {
			l.tooLarge(m, size)
			continue
		}
		bytes += size
		l.out, l.gaps = raft.AppendFramedAround(l.out, l.gaps, m, gapBytesMin)
	}
	return n
}

// write writes what was encoded, with the long payloads in their places, in one system call if the kernel takes as much.
func (l *tcpLine) write() error {
	if len(l.gaps) == 0 {
		_, err := l.conn.Write(l.out)
		return err
	}
	cut, from := l.cut[:0], 0
	for _, g := range l.gaps {
		cut = append(cut, l.out[from:g.At], g.Payload)
		from = g.At
	}
	cut = append(cut, l.out[from:])
	l.cut = cut
	_, err := cut.WriteTo(l.conn) // which moves cut along, and leaves l.cut to be used again
	clear(l.cut)
	clear(l.gaps)
	return err
}
