// Package transporttest is the conformance test of host.Transport. Every
// implementation runs it:
//
//	func TestConformance(t *testing.T) { transporttest.Run(t, newFixture) }
package transporttest

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/host"
)

// Fixture makes transports that can reach one another.
type Fixture interface {
	// Open returns a transport for the node that is not started yet. A node that
	// was opened before comes back at the same address; its former transport
	// is closed by then.
	Open(t *testing.T, id raft.NodeID, limits host.QueueLimits) host.Transport
	// Addr is where the node listens, once it was opened.
	Addr(id raft.NodeID) string
}

// Run runs the tests, each on a fixture of its own.
func Run(t *testing.T, fixture func(t *testing.T) Fixture) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, w *world)
	}{
		{"messages arrive unaltered and bulk keeps its order", arriveUnaltered},
		{"payloads stay as they are while more arrives", payloadsStay},
		{"within its bounds a live peer loses nothing", liveLosesNothing},
		{"a flood is dropped, reported, and over when the peer takes again", floodIsReported},
		{"a heartbeat passes what is stuck", heartbeatPasses},
		{"a peer that went away is reported and found again", peerComesBack},
		{"a message under another name does not arrive", forgedStaysOut},
		{"a peer hears nothing more once it is no peer", formerPeerHearsNothing},
		{"nothing arrives and nothing runs after Close", closeEndsAll},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.test(t, &world{fixture: fixture(t), ends: make(map[raft.NodeID]*end)})
		})
	}
}

const cluster raft.ClusterID = 0xc1

func ident(id raft.NodeID) raft.Ident {
	return raft.Ident{ID: id, Inc: raft.Incarnation(0xabc0 + id)}
}

// world is the nodes of one test.
type world struct {
	fixture Fixture
	ends    map[raft.NodeID]*end
	seq     uint64
}

// end is one node: its transport and what it received.
type end struct {
	*recorder
	id        raft.NodeID
	transport host.Transport
}

// open makes nodes 1 and 2, each knowing the other, and starts them.
func (w *world) open(t *testing.T, limits host.QueueLimits) (a, b *end) {
	for id := raft.NodeID(1); id <= 2; id++ {
		w.add(t, id, limits)
	}
	for id := raft.NodeID(1); id <= 2; id++ {
		w.start(t, id)
	}
	w.connect(t, 1, 2)
	w.connect(t, 2, 1)
	return w.ends[1], w.ends[2]
}

func (w *world) add(t *testing.T, id raft.NodeID, limits host.QueueLimits) {
	e := &end{recorder: newRecorder(), id: id, transport: w.fixture.Open(t, id, limits)}
	w.ends[id] = e
	t.Cleanup(func() {
		e.release()
		require.NoError(t, e.transport.Close())
	})
}

func (w *world) start(t *testing.T, id raft.NodeID) {
	require.NoError(t, w.ends[id].transport.Start(w.local(id), w.ends[id]))
}

func (w *world) local(id raft.NodeID) host.Local {
	l := host.Local{Self: ident(id), Cluster: cluster}
	for other := raft.NodeID(1); other <= 2; other++ {
		if other != id {
			l.Peers = append(l.Peers, raft.Member{Ident: ident(other), PeerAddr: w.fixture.Addr(other)})
		}
	}
	return l
}

// connect returns once messages get from one node to the other. It needs no
// pauses: what is dropped is reported, at the latest when the peer can be
// reached again.
func (w *world) connect(t *testing.T, from, to raft.NodeID) {
	a, b := w.ends[from], w.ends[to]
	for {
		lost, first := a.lostCount(), w.seq+1
		w.heartbeat(from, to)
		arrived := func() bool { return b.has(func(m *raft.Message) bool { return m.From.ID == from && m.Seq >= first }) }
		await(t, func() bool { return arrived() || a.lostCount() > lost }, a.recorder, b.recorder)
		if arrived() {
			return
		}
	}
}

// heartbeat sends one and returns its sequence.
func (w *world) heartbeat(from, to raft.NodeID) uint64 {
	w.seq++
	w.ends[from].transport.Send([]raft.Message{{
		Kind: raft.MsgHeartbeat, Cluster: cluster, From: ident(from), To: ident(to), Term: 3, Seq: w.seq, Round: 1,
	}})
	return w.seq
}

// bulk makes an Append with one entry of n bytes.
func (w *world) bulk(from, to raft.NodeID, n int) raft.Message {
	w.seq++
	e := raft.Entry{
		Index: raft.Index(w.seq), Term: 3, Time: 5, Kind: raft.EntryCommand,
		Payload: bytes.Repeat([]byte{byte(w.seq)}, n),
	}
	e.Sum = raft.EntrySum(cluster, &e)
	return raft.Message{
		Kind: raft.MsgAppend, Cluster: cluster, From: ident(from), To: ident(to), Term: 3, Seq: w.seq,
		PrevIndex: raft.Index(w.seq - 1), PrevTerm: 3, Commit: 1, Entries: []raft.Entry{e},
	}
}

func seqIs(seq uint64) func(*raft.Message) bool {
	return func(m *raft.Message) bool { return m.Seq == seq }
}

// What is at stake: log, wire and apply share bytes; a transport that alters one, or
// that shuffles Appends, makes Raft slow at best.
func arriveUnaltered(t *testing.T, w *world) {
	a, b := w.open(t, host.QueueLimits{})
	lost := a.lostCount()
	var sent []raft.Message
	for i := range 100 {
		sent = append(sent, w.bulk(1, 2, i*37))
	}
	a.transport.Send(sent[:50])
	for i := 50; i < 100; i++ {
		a.transport.Send(sent[i : i+1])
	}
	await(t, func() bool { return b.has(seqIs(sent[99].Seq)) }, b.recorder)
	var got []raft.Message
	for _, m := range b.messages() {
		if m.Kind == raft.MsgAppend {
			got = append(got, m)
		}
	}
	require.Len(t, got, len(sent))
	for i := range sent {
		require.Equal(t, raft.AppendMessage(nil, &sent[i]), raft.AppendMessage(nil, &got[i]))
	}
	require.Equal(t, lost, a.lostCount())
}

// What is at stake: entries stay in the log for as long as the process lives, so
// that a receive buffer used again would change history.
func payloadsStay(t *testing.T, w *world) {
	a, b := w.open(t, host.QueueLimits{})
	first := w.bulk(1, 2, 3000)
	a.transport.Send([]raft.Message{first})
	await(t, func() bool { return b.has(seqIs(first.Seq)) }, b.recorder)
	kept := b.find(seqIs(first.Seq)).Entries[0].Payload
	for range 200 {
		more := w.bulk(1, 2, 3000)
		a.transport.Send([]raft.Message{more})
		await(t, func() bool { return b.has(seqIs(more.Seq)) }, b.recorder)
	}
	require.Equal(t, first.Entries[0].Payload, kept)
}

func liveLosesNothing(t *testing.T, w *world) {
	limits := host.QueueLimits{Messages: 64, Bytes: 1 << 20}
	a, b := w.open(t, limits)
	lost := a.lostCount()
	b.hold()
	var last uint64
	for range limits.Messages {
		m := w.bulk(1, 2, limits.Bytes/limits.Messages)
		last = m.Seq
		a.transport.Send([]raft.Message{m})
	}
	b.release()
	await(t, func() bool { return b.has(seqIs(last)) }, b.recorder)
	require.Equal(t, lost, a.lostCount())
}

func floodIsReported(t *testing.T, w *world) {
	a, b := w.open(t, host.QueueLimits{Messages: 8, Bytes: 1 << 20})
	w.flood(a, b)
	b.release()
	w.connect(t, 1, 2)
}

// flood holds the receiver and sends until something is dropped.
func (w *world) flood(a, b *end) {
	b.hold()
	for lost := a.lostCount(); a.lostCount() == lost; {
		a.transport.Send([]raft.Message{w.bulk(a.id, b.id, 64<<10)})
	}
}

// What is at stake: a peer that is busy with bulk must not miss that its leader
// lives, or it starts an election that nobody needs.
func heartbeatPasses(t *testing.T, w *world) {
	a, b := w.open(t, host.QueueLimits{Messages: 8, Bytes: 1 << 20})
	w.flood(a, b)
	beat := w.heartbeat(1, 2)
	b.release()
	await(t, func() bool { return b.has(seqIs(beat)) }, b.recorder)
}

func peerComesBack(t *testing.T, w *world) {
	a, b := w.open(t, host.QueueLimits{})
	lost := a.lostCount()
	require.NoError(t, b.transport.Close())
	await(t, func() bool { return a.lostCount() > lost }, a.recorder)
	w.add(t, 2, host.QueueLimits{})
	w.start(t, 2)
	w.connect(t, 1, 2)
	w.connect(t, 2, 1)
}

func forgedStaysOut(t *testing.T, w *world) {
	a, b := w.open(t, host.QueueLimits{})
	forged := w.bulk(1, 2, 10)
	forged.From = ident(3)
	a.transport.Send([]raft.Message{forged})
	w.connect(t, 1, 2)
	require.False(t, b.has(seqIs(forged.Seq)))
}

func formerPeerHearsNothing(t *testing.T, w *world) {
	a, b := w.open(t, host.QueueLimits{})
	a.transport.SetLocal(host.Local{Self: ident(1), Cluster: cluster})
	unheard := w.heartbeat(1, 2)
	a.transport.SetLocal(w.local(1))
	w.connect(t, 1, 2)
	require.False(t, b.has(seqIs(unheard)))
}

func closeEndsAll(t *testing.T, w *world) {
	a, b := w.open(t, host.QueueLimits{})
	for range 50 {
		a.transport.Send([]raft.Message{w.bulk(1, 2, 1000)})
	}
	require.NoError(t, b.transport.Close())
	got := len(b.messages())
	for range 50 {
		a.transport.Send([]raft.Message{w.bulk(1, 2, 1000)})
	}
	require.NoError(t, a.transport.Close())
	require.NoError(t, a.transport.Close(), "closing again does no harm")
	a.transport.Send([]raft.Message{w.bulk(1, 2, 1000)})
	require.Len(t, b.messages(), got)
	require.Empty(t, running())
}

// running returns the stacks of goroutines inside Parley's transports.
func running() []string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var found []string
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		if strings.Contains(stack, "parley/raft/host.(*") || strings.Contains(stack, "parley/rpc/peer.(*") {
			found = append(found, stack)
		}
	}
	return found
}
