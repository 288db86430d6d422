package peer_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/host"
	"parley/rpc/auth"
	"parley/rpc/peer"
	"parley/rpc/trust"
)

// answerer is a node of a benchmark: it hands each message to a function.
type answerer func(m *raft.Message)

func (a answerer) Deliver(msgs []raft.Message) {
	for i := range msgs {
		a(&msgs[i])
	}
}

func (a answerer) PeerLost(raft.NodeID) {}

func benchIdent(id raft.NodeID) raft.Ident { return raft.Ident{ID: id, Inc: 7} }

func benchMessage(kind raft.MessageKind, from, to raft.NodeID, seq uint64) raft.Message {
	return raft.Message{Kind: kind, Cluster: 0xc1, From: benchIdent(from), To: benchIdent(to), Term: 3, Seq: seq}
}

// wire is node 1 and node 2 over loopback: node 2 answers each heartbeat and each
// Append, and asks for the next piece of a snapshot when one has come.
type wire struct {
	one, two *peer.Transport
	replies  chan uint64 // at node 1, to heartbeats and Appends
}

func newWire(b *testing.B, kind peer.Wire, security peer.Security) *wire {
	w := &wire{replies: make(chan uint64, 1<<16)}
	for _, t := range []**peer.Transport{&w.one, &w.two} {
		var err error
		*t, err = peer.Listen("127.0.0.1:0", peer.Options{Wire: kind, Security: security, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(b, err)
	}
	start := func(t, other *peer.Transport, self, peerID raft.NodeID, r answerer) {
		require.NoError(b, t.Start(host.Local{
			Self: benchIdent(self), Cluster: 0xc1,
			Peers: []raft.Member{{Ident: benchIdent(peerID), PeerAddr: other.Addr()}},
		}, r))
		b.Cleanup(func() { _ = t.Close() })
	}
	start(w.one, w.two, 1, 2, func(m *raft.Message) {
		switch m.Kind {
		case raft.MsgHeartbeatReply, raft.MsgAppendReply:
			w.replies <- m.Seq
		case raft.MsgSnapshotAsk:
			w.chunk()
		}
	})
	start(w.two, w.one, 2, 1, func(m *raft.Message) {
		switch m.Kind {
		case raft.MsgHeartbeat:
			w.two.Send([]raft.Message{benchMessage(raft.MsgHeartbeatReply, 2, 1, m.Seq)})
		case raft.MsgAppend:
			w.two.Send([]raft.Message{benchMessage(raft.MsgAppendReply, 2, 1, m.Seq)})
		case raft.MsgSnapshotChunk:
			w.two.Send([]raft.Message{benchMessage(raft.MsgSnapshotAsk, 2, 1, m.Seq)})
		}
	})
	for { // until both directions are up
		w.one.Send([]raft.Message{benchMessage(raft.MsgHeartbeat, 1, 2, 0)})
		select {
		case <-w.replies:
			return w
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// chunk sends a piece of a snapshot, as large as they get.
func (w *wire) chunk() {
	m := benchMessage(raft.MsgSnapshotChunk, 1, 2, 0)
	m.Payload = make([]byte, 1<<20)
	w.one.Send([]raft.Message{m})
}

// beats times heartbeats and their replies, one at a time.
func (w *wire) beats(b *testing.B) {
	for seq := uint64(1); b.Loop(); seq++ {
		w.one.Send([]raft.Message{benchMessage(raft.MsgHeartbeat, 1, 2, seq)})
		for <-w.replies != seq {
		}
	}
}

// overEach runs a benchmark over each wire, in the clear, with a secret and with certificates.
func overEach(b *testing.B, run func(b *testing.B, w *wire)) {
	secret, err := trust.NewShared(auth.NewSecret())
	require.NoError(b, err)
	for _, kind := range wires {
		b.Run(kind.String(), func(b *testing.B) { run(b, newWire(b, kind, nil)) })
		b.Run(kind.String()+"-secret", func(b *testing.B) { run(b, newWire(b, kind, secret)) })
		b.Run(kind.String()+"-tls", func(b *testing.B) { run(b, newWire(b, kind, newMutual(b))) })
	}
}

func BenchmarkAHeartbeatAndItsReply(b *testing.B) {
	overEach(b, func(b *testing.B, w *wire) { w.beats(b) })
}

// While a snapshot travels as fast as it can, three pieces at a time.
func BenchmarkAHeartbeatAndItsReplyBesideASnapshot(b *testing.B) {
	overEach(b, func(b *testing.B, w *wire) {
		for range 3 {
			w.chunk()
		}
		w.beats(b)
	})
}

// Appends of 1 KiB, 32 under way.
func BenchmarkAppends(b *testing.B) {
	overEach(b, func(b *testing.B, w *wire) { w.appends(b, 1<<10) })
}

// Appends of 1 MiB, 4 under way: what a document or a full batch is.
func BenchmarkLongAppends(b *testing.B) {
	overEach(b, func(b *testing.B, w *wire) { w.appends(b, 1<<20) })
}

func (w *wire) appends(b *testing.B, bytes int) {
	b.SetBytes(int64(bytes))
	payload := make([]byte, bytes)
	inflight, max, seq := 0, min(32, 4<<20/bytes), uint64(0)
	for b.Loop() {
		for inflight == max {
			if <-w.replies != 0 { // not to a heartbeat
				inflight--
			}
		}
		seq++
		m := benchMessage(raft.MsgAppend, 1, 2, seq)
		m.PrevIndex, m.PrevTerm = raft.Index(seq-1), 3
		m.Entries = []raft.Entry{{Index: raft.Index(seq), Term: 3, Kind: raft.EntryCommand, Payload: payload}}
		w.one.Send([]raft.Message{m})
		inflight++
	}
}
