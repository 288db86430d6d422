// Package transporttest is the conformance test of host.Transport. Every
// implementation runs it:
//
//	func TestConformance(t *testing.T) { transporttest.Run(t, newFixture) }
package transporttest

import (
	"bytes"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

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
		{"messages arrive unaltered, in the order of their lane", arriveUnaltered},
		{"payloads stay as they are while more arrives", payloadsStay},
		{"within its bounds a live peer loses nothing", liveLosesNothing},
		{"a flood is dropped, reported, and over when the peer takes again", floodIsReported},
		{"a heartbeat passes what is stuck", heartbeatPasses},
		{"bulk that nobody takes holds up nothing else", stuckBulkHoldsUpNothing},
		{"a protocol that nobody takes holds up no bulk", stuckProtocolHoldsUpNoBulk},
		{"bulk that is dropped is not reported", droppedBulkIsSilent},
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
		require.False(t, e.sawMixed(), "a call of Deliver holds messages of one lane")
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

// entry makes an Append with one entry of n bytes.
func (w *world) entry(from, to raft.NodeID, n int) raft.Message {
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

// chunk makes a piece of a snapshot with n bytes.
func (w *world) chunk(from, to raft.NodeID, n int) raft.Message {
	w.seq++
	return raft.Message{
		Kind: raft.MsgSnapshotChunk, Cluster: cluster, From: ident(from), To: ident(to), Term: 3, Seq: w.seq,
		Payload: bytes.Repeat([]byte{byte(w.seq)}, n),
	}
}

// insist sends a small piece of bulk until it arrives. A lost one is not reported, so
// that this asks again as whoever waits for a snapshot does.
func (w *world) insist(t *testing.T, from, to raft.NodeID) {
	t.Helper()
	m, a, b := w.chunk(from, to, 10), w.ends[from], w.ends[to]
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	limit := time.NewTimer(awaitLimit)
	defer limit.Stop()
	for !b.has(seqIs(m.Seq)) {
		a.transport.Send([]raft.Message{m})
		select {
		case <-b.changed:
		case <-again.C:
		case <-limit.C:
			t.Fatal("bulk does not arrive however often it is sent")
		}
	}
}

func seqIs(seq uint64) func(*raft.Message) bool {
	return func(m *raft.Message) bool { return m.Seq == seq }
}

// What is at stake: log, wire and apply share bytes; a transport that alters one, or
// that shuffles Appends or the pieces of a snapshot, makes Raft slow at best.
func arriveUnaltered(t *testing.T, w *world) {
	a, b := w.open(t, host.QueueLimits{BulkMessages: 100})
	lost := a.lostCount()
	var sent, entries, chunks []raft.Message
	for i := range 100 {
		entries = append(entries, w.entry(1, 2, i*37))
		chunks = append(chunks, w.chunk(1, 2, i*53))
		sent = append(sent, entries[i], chunks[i])
	}
	a.transport.Send(sent[:100])
	for i := 100; i < 200; i++ {
		a.transport.Send(sent[i : i+1])
	}
	await(t, func() bool { return b.has(seqIs(entries[99].Seq)) && b.has(seqIs(chunks[99].Seq)) }, b.recorder)
	for _, lane := range [][]raft.Message{entries, chunks} {
		got := b.of(lane[0].Kind)
		require.Len(t, got, len(lane))
		for i := range lane {
			require.Equal(t, raft.AppendMessage(nil, &lane[i]), raft.AppendMessage(nil, &got[i]))
		}
	}
	require.Equal(t, lost, a.lostCount())
}

// What is at stake: entries stay in the log for as long as the process lives, so
// that a receive buffer used again would change history.
func payloadsStay(t *testing.T, w *world) {
	a, b := w.open(t, host.QueueLimits{})
	first := w.entry(1, 2, 3000)
	a.transport.Send([]raft.Message{first})
	await(t, func() bool { return b.has(seqIs(first.Seq)) }, b.recorder)
	kept := b.find(seqIs(first.Seq)).Entries[0].Payload
	for range 200 {
		more := w.entry(1, 2, 3000)
		a.transport.Send([]raft.Message{more})
		await(t, func() bool { return b.has(seqIs(more.Seq)) }, b.recorder)
	}
	require.Equal(t, first.Entries[0].Payload, kept)
}

func liveLosesNothing(t *testing.T, w *world) {
	limits := host.QueueLimits{Messages: 64, Bytes: 1 << 20}
	a, b := w.open(t, limits)
	lost := a.lostCount()
	b.hold(host.LaneProtocol)
	var last uint64
	for range limits.Messages {
		m := w.entry(1, 2, limits.Bytes/limits.Messages)
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
	b.hold(host.LaneProtocol)
	for lost := a.lostCount(); a.lostCount() == lost; {
		a.transport.Send([]raft.Message{w.entry(a.id, b.id, 64<<10)})
	}
}

// What is at stake: a peer that is busy with entries must not miss that its leader
// lives, or it starts an election that nobody needs.
func heartbeatPasses(t *testing.T, w *world) {
	a, b := w.open(t, host.QueueLimits{Messages: 8, Bytes: 1 << 20})
	w.flood(a, b)
	beat := w.heartbeat(1, 2)
	b.release()
	await(t, func() bool { return b.has(seqIs(beat)) }, b.recorder)
}

// floodBulk holds the receiver's bulk lane and sends far more than any queue, window or
// buffer on the way holds. It returns the sequences of first and last.
func (w *world) floodBulk(t *testing.T, a, b *end) (first, last uint64) {
	b.hold(host.LaneBulk)
	m := w.chunk(a.id, b.id, 1<<20)
	for first = m.Seq; m.Seq < first+64; m.Seq++ {
		a.transport.Send([]raft.Message{m})
	}
	w.seq = m.Seq
	await(t, func() bool { return b.stuck(host.LaneBulk) }, b.recorder)
	return first, m.Seq - 1
}

// What is at stake: a snapshot takes minutes and its receiver is slower than the network.
// If the leader's heartbeats waited behind it, whoever needs a snapshot would depose
// the leader that sends it.
func stuckBulkHoldsUpNothing(t *testing.T, w *world) {
	a, b := w.open(t, host.QueueLimits{})
	lost := a.lostCount()
	w.floodBulk(t, a, b)
	for range 20 {
		beat, e, back := w.heartbeat(1, 2), w.entry(1, 2, 1000), w.heartbeat(2, 1)
		a.transport.Send([]raft.Message{e})
		await(t, func() bool { return b.has(seqIs(beat)) && b.has(seqIs(e.Seq)) && a.has(seqIs(back)) }, a.recorder, b.recorder)
	}
	require.True(t, b.stuck(host.LaneBulk))
	require.Empty(t, b.of(raft.MsgSnapshotChunk))
	require.Equal(t, lost, a.lostCount())
}

func stuckProtocolHoldsUpNoBulk(t *testing.T, w *world) {
	a, b := w.open(t, host.QueueLimits{Messages: 8, Bytes: 1 << 20})
	w.flood(a, b)
	await(t, func() bool { return b.stuck(host.LaneProtocol) }, b.recorder)
	w.insist(t, 1, 2)
	require.True(t, b.stuck(host.LaneProtocol))
}

// What is at stake: a report has the leader probe its follower and send entries again, which
// no lost piece of a snapshot asks for.
func droppedBulkIsSilent(t *testing.T, w *world) {
	a, b := w.open(t, host.QueueLimits{BulkMessages: 2, BulkBytes: 2 << 20})
	lost := a.lostCount()
	first, last := w.floodBulk(t, a, b)
	b.release()
	w.insist(t, 1, 2) // what is sent behind the flood comes after it
	var came []uint64
	for _, m := range b.of(raft.MsgSnapshotChunk) {
		if m.Seq <= last {
			came = append(came, m.Seq)
		}
	}
	require.Equal(t, first, came[0])
	require.Less(t, len(came), int(last-first+1), "the flood exceeds the bounds")
	require.True(t, slices.IsSorted(came), "what is not dropped keeps its order")
	require.Equal(t, lost, a.lostCount())
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
	w.insist(t, 1, 2)
	w.insist(t, 2, 1)
}

func forgedStaysOut(t *testing.T, w *world) {
	a, b := w.open(t, host.QueueLimits{})
	for _, forged := range []raft.Message{w.entry(1, 2, 10), w.chunk(1, 2, 10)} {
		forged.From = ident(3)
		a.transport.Send([]raft.Message{forged})
		w.connect(t, 1, 2)
		w.insist(t, 1, 2)
		require.False(t, b.has(seqIs(forged.Seq)))
	}
}

func formerPeerHearsNothing(t *testing.T, w *world) {
	a, b := w.open(t, host.QueueLimits{})
	a.transport.SetLocal(host.Local{Self: ident(1), Cluster: cluster})
	unheard, unread := w.heartbeat(1, 2), w.chunk(1, 2, 10)
	a.transport.Send([]raft.Message{unread})
	a.transport.SetLocal(w.local(1))
	w.connect(t, 1, 2)
	w.insist(t, 1, 2)
	require.False(t, b.has(seqIs(unheard)))
	require.False(t, b.has(seqIs(unread.Seq)))
}

func closeEndsAll(t *testing.T, w *world) {
	a, b := w.open(t, host.QueueLimits{})
	w.insist(t, 1, 2) // so that both lanes are open
	send := func(n int) {
		for range n {
			a.transport.Send([]raft.Message{w.entry(1, 2, 1000), w.chunk(1, 2, 1000)})
		}
	}
	send(50)
	require.NoError(t, b.transport.Close())
	got := len(b.messages())
	send(50)
	require.NoError(t, a.transport.Close())
	require.NoError(t, a.transport.Close(), "closing again does no harm")
	send(1)
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
