package peer

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync/atomic"
	"time"

	"parley/raft"
	"parley/raft/host"
)

// link is one lane to one peer: it dials, says hello, and writes what is queued. One
// goroutine does that; a second one waits for the stream's end while it is up. The two
// lanes have a TCP connection each: in one they would share the kernel's buffers, and heartbeats would wait there.
type link struct {
	t       *Transport
	peer    raft.Member
	lane    host.Lane
	queue   *host.PeerQueue
	line    line // nil: the peer's address is none
	ctx     context.Context
	cancel  context.CancelFunc
	trouble seldom
	dropped seldom
	nudged  chan struct{} // the peer is known to be up: dial now
	shy     atomic.Bool   // dial only then: the peer was removed, and most likely is gone
}

func newLink(t *Transport, peer raft.Member, lane host.Lane) *link {
	l := &link{t: t, peer: peer, lane: lane, nudged: make(chan struct{}, 1)}
	l.ctx, l.cancel = context.WithCancel(t.ctx)
	lost := func() { t.to.PeerLost(peer.ID) }
	if lane == host.LaneBulk {
		lost = l.bulkDropped
	}
	l.queue = host.NewPeerQueue(lane, t.opts.Queue, lost)
	var err error
	if l.line, err = t.wire.line(l); err != nil {
		t.log.Error("this peer can't be dialled", l.with("error", err)...)
	}
	return l
}

// run is the link's goroutine.
func (l *link) run() {
	if l.line == nil {
		return
	}
	defer l.line.close()
	if l.lane == host.LaneBulk {
		l.runBulk()
	} else {
		l.runProtocol()
	}
}

// with adds whom a line in the log is about.
func (l *link) with(args ...any) []any {
	return append([]any{"peer", uint64(l.peer.ID), "address", l.peer.PeerAddr, "lane", l.lane}, args...)
}

// serves reports whether the link still leads to one of the peers.
func (l *link) serves(peers []raft.Member) bool {
	for _, p := range peers {
		if p.ID == l.peer.ID {
			return p.PeerAddr == l.peer.PeerAddr
		}
	}
	return false
}

// runProtocol keeps the link up until it is cancelled.
func (l *link) runProtocol() {
	pause := backoffMin
	for l.ctx.Err() == nil {
		if l.shy.Load() && !l.called() {
			return
		}
		welcome, err := l.line.talk()
		l.queue.SetUp(false)
		if l.ctx.Err() != nil {
			return
		}
		l.trouble.warn(l.t.log, "no connection to a peer", l.with("error", plain(err))...)
		if welcome {
			pause = backoffMin
		}
		l.wait(pause)
		pause = min(2*pause, backoffMax)
	}
}

// nudge ends the wait before the next attempt: the peer has just said hello, so that it
// can be reached again. Without this a peer that came back could be heard and not
// answered for a whole backoff, and an election with its vote would fail. (gRPC's own
// backoff between dials is not ended: its ResetConnectBackoff races with a dial under
// way in 1.85. It is kept short instead.)
func (l *link) nudge() {
	select {
	case l.nudged <- struct{}{}:
	default: // told already
	}
}

// called waits until the peer is known to be up; false is the end of the link.
func (l *link) called() bool {
	select {
	case <-l.nudged:
		return true
	case <-l.ctx.Done():
		return false
	}
}

// wait pauses for d, until the peer is known to be up, or until the link ends.
func (l *link) wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.nudged:
	case <-l.ctx.Done():
	}
}

// carry has what is queued sent, until the connection ends or the lane has been idle for long enough. flush
// sends all there is and says how many messages that were.
func (l *link) carry(ctx context.Context, flush func() (sent int, err error)) error {
	idle := time.NewTimer(l.t.bulkIdle)
	defer idle.Stop()
	var over <-chan time.Time // never, for the protocol
	if l.lane == host.LaneBulk {
		over = idle.C
	}
	for {
		sent, err := flush()
		if err != nil {
			return err
		}
		if over != nil && sent > 0 {
			idle.Reset(l.t.bulkIdle)
		}
		select {
		case <-l.queue.Wake():
		case <-over:
			return errIdle
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// judgeAnswer says whether a peer's answer to the hello is the one that is expected.
// state is what the handshake showed, nil without TLS.
func (l *link) judgeAnswer(bytes []byte, local *host.Local, state *tls.ConnectionState) error {
	h, err := decodeHello(bytes)
	if err != nil {
		return err
	}
	if h.from.ID != l.peer.ID {
		return fmt.Errorf("node %v answers at the address of node %d", h.from, l.peer.ID)
	}
	if h.lane != l.lane {
		return fmt.Errorf("node %d answers on the %v lane", h.from.ID, h.lane)
	}
	if err := l.t.fits(state, &h, local); err != nil {
		return err
	}
	return h.judge(local)
}

// tooLarge logs that a message is beyond what is read at the other end, and is not sent.
func (l *link) tooLarge(m *raft.Message, bytes int) {
	l.trouble.warn(l.t.log, "a message is too large to be sent: lower raft.Limits", l.with("kind", m.Kind, "bytes", bytes)...)
}

// nextFrameSize is at least what the next frame of these messages takes.
func nextFrameSize(msgs []raft.Message) int {
	size := frameSize(&msgs[0])
	for i := 1; i < len(msgs) && size < frameBytes; i++ {
		size += frameSize(&msgs[i])
	}
	return size
}
