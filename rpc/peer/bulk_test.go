package peer

import (
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"parley/raft"
	"parley/raft/host"
)

// counter is the receiver of a node that sends: it counts what was reported lost.
type counter struct {
	mu   sync.Mutex
	lost int
}

func (c *counter) Deliver([]raft.Message) {}

func (c *counter) PeerLost(raft.NodeID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost++
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// sender starts node 1, which reaches node 2 at an address and whose bulk lane hangs up
// after idle. It returns when the protocol's lane is up.
func sender(t *testing.T, w Wire, addr string, idle time.Duration) (*Transport, lines, *counter) {
	log, c := make(lines, 1000), new(counter)
	tr, err := Listen("127.0.0.1:0", Options{Wire: w, Logger: slog.New(slog.NewTextHandler(log, nil))})
	require.NoError(t, err)
	tr.bulkIdle = idle
	require.NoError(t, tr.Start(host.Local{
		Self: raft.Ident{ID: 1, Inc: 11}, Cluster: 0xc1,
		Peers: []raft.Member{{Ident: raft.Ident{ID: 2, Inc: 22}, PeerAddr: addr}},
	}, c))
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	log.await(t, "connected to a peer", "lane=protocol")
	return tr, log, c
}

// awaitSeq reads what node 2 gets until a message comes.
func (i inbox) awaitSeq(seq uint64) {
	for m := range i {
		if m.Seq == seq {
			return
		}
	}
}

// insist sends a piece of bulk until it arrives: after a loss nobody says when the lane
// is back.
func insist(tr *Transport, got inbox, seq uint64) {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		tr.Send([]raft.Message{testChunk(seq, 10)})
		select {
		case m := <-got:
			if m.Seq == seq {
				return
			}
		case <-again.C:
		}
	}
}

// beat sends a heartbeat until it arrives.
func beat(tr *Transport, got inbox, seq uint64) {
	m := testMessage(seq)
	m.Kind = raft.MsgHeartbeat
	tr.Send([]raft.Message{m})
	got.awaitSeq(seq)
}

// What is at stake: on one TCP connection a heartbeat waits in the kernel's buffers behind
// what was written before it, whatever the streams above are called. And most nodes
// never send a snapshot, so that most need no second connection.
func TestTheBulkLaneHasAConnectionOfItsOwnOnceThereIsSomethingToSend(t *testing.T) {
	overEach(t, func(t *testing.T, w Wire) {
		two, _, got := node2Over(t, w)
		r := newRelay(t, two.Addr())
		one, log, _ := sender(t, w, r.addr(), time.Hour)
		beat(one, got, 1)
		require.Equal(t, 1, r.count())
		one.Send([]raft.Message{testChunk(2, 1<<20)})
		got.awaitSeq(2)
		require.Equal(t, 2, r.count())
		log.await(t, "connected to a peer", "lane=bulk")
		for seq := uint64(3); seq < 20; seq++ {
			one.Send([]raft.Message{testChunk(seq, 1000)})
			got.awaitSeq(seq)
			beat(one, got, 100+seq)
		}
		require.Equal(t, 2, r.count(), "the lane stays while it is used")
		require.EqualValues(t, 2, two.streams.Load())
	})
}

func TestAnIdleBulkLaneHangsUpAndIsDialledAgain(t *testing.T) {
	overEach(t, func(t *testing.T, w Wire) {
		two, _, got := node2Over(t, w)
		r := newRelay(t, two.Addr())
		one, log, c := sender(t, w, r.addr(), time.Millisecond)
		lost := c.count()
		for round := range 5 {
			seq := uint64(round + 1)
			one.Send([]raft.Message{testChunk(seq, 300<<10)})
			got.awaitSeq(seq)
			log.await(t, "hung up on a peer", "lane=bulk")
			require.Equal(t, round+2, r.count())
			beat(one, got, 100+seq)
		}
		require.Equal(t, lost, c.count())
		two.turns.mu.Lock()
		defer two.turns.mu.Unlock()
		require.NotContains(t, two.turns.of, caller{raft.Ident{ID: 1, Inc: 11}, host.LaneBulk})
	})
}

// What is at stake: hanging up at once would lose what a slow receiver has not taken,
// and nobody would be told.
func TestHangingUpLosesNothing(t *testing.T) {
	overEach(t, func(t *testing.T, w Wire) {
		held := make(inbox) // takes one message at a time
		two, err := Listen("127.0.0.1:0", Options{Wire: w, Logger: slog.New(slog.DiscardHandler)})
		require.NoError(t, err)
		require.NoError(t, two.Start(host.Local{Self: raft.Ident{ID: 2, Inc: 22}, Cluster: 0xc1}, held))
		defer two.Close()
		one, log, _ := sender(t, w, two.Addr(), time.Millisecond)
		for seq := uint64(1); seq <= 10; seq++ {
			one.Send([]raft.Message{testChunk(seq, 300<<10)})
			if seq == 3 {
				held.awaitSeq(1)
			}
		}
		for seq := uint64(2); seq <= 10; seq++ {
			require.Equal(t, seq, (<-held).Seq)
		}
		log.await(t, "hung up on a peer", "lane=bulk")
	})
}

// What is at stake: a leader that is told of a loss probes its follower instead of sending on.
// A snapshot that broke off is no reason for that.
func TestABulkLaneThatBreaksIsSaidInTheLogAndNotToTheProtocol(t *testing.T) {
	overEach(t, func(t *testing.T, w Wire) {
		two, _, got := node2Over(t, w)
		r := newRelay(t, two.Addr())
		one, log, c := sender(t, w, r.addr(), time.Hour)
		beat(one, got, 1)
		insist(one, got, 2)
		lost := c.count()
		r.cut(1)
		log.await(t, "WARN", "no connection to a peer", "lane=bulk")
		beat(one, got, 3)
		insist(one, got, 4)
		require.Equal(t, 3, r.count(), "the bulk lane came back by itself")
		require.Equal(t, lost, c.count())

		r.cut(0)
		log.await(t, "WARN", "no connection to a peer", "lane=protocol")
		require.Greater(t, c.count(), lost, "the protocol's own loss is told")
		insist(one, got, 5)
	})
}

// A bulk lane that nobody can open drops what waits and leaves the protocol alone.
func TestABulkLaneThatCannotBeOpenedDropsAndTriesAgain(t *testing.T) {
	overEach(t, func(t *testing.T, w Wire) {
		two, _, got := node2Over(t, w)
		r := newRelay(t, two.Addr())
		one, log, c := sender(t, w, r.addr(), time.Hour)
		beat(one, got, 1)
		lost := c.count()
		r.setShut(true)
		for seq := uint64(2); seq < 100; seq++ {
			one.Send([]raft.Message{testChunk(seq, 1<<20)})
		}
		log.await(t, "WARN", "dropped or may be lost", "lane=bulk")
		log.await(t, "WARN", "no connection to a peer", "lane=bulk")
		beat(one, got, 100)
		r.setShut(false)
		insist(one, got, 101)
		require.Equal(t, lost, c.count())
	})
}

func TestTwoLanesOfOnePeerAreReadSideBySide(t *testing.T) {
	tr, _, got := node2(t)
	protocol, bulk := speak(t, tr, goodHello()), speak(t, tr, helloOn(host.LaneBulk))
	for seq := uint64(1); seq < 100; seq += 2 {
		entry, _ := appendFrame(nil, []raft.Message{testMessage(seq, 100)})
		chunk, _ := appendFrame(nil, []raft.Message{testChunk(seq+1, 5000)})
		require.NoError(t, protocol.SendMsg(outgoing{&entry}))
		require.NoError(t, bulk.SendMsg(outgoing{&chunk}))
		a, b := <-got, <-got
		require.ElementsMatch(t, []uint64{seq, seq + 1}, []uint64{a.Seq, b.Seq})
	}
}

// What is at stake: a peer whose machine died comes back while its old connection still
// looks alive here.
func TestANewerStreamReplacesTheOlderOfItsLaneAndNoOther(t *testing.T) {
	tr, log, got := node2(t)
	send := func(s interface{ SendMsg(any) error }, m raft.Message) {
		frame, _ := appendFrame(nil, []raft.Message{m})
		require.NoError(t, s.SendMsg(outgoing{&frame}))
		got.awaitSeq(m.Seq)
	}
	old, bulk := speak(t, tr, goodHello()), speak(t, tr, helloOn(host.LaneBulk))
	send(old, testMessage(1))
	send(bulk, testChunk(2, 10))

	newer := speak(t, tr, goodHello())
	s := refusedWith(t, old)
	require.Equal(t, codes.Aborted, s.Code(), s.Message())
	require.Contains(t, s.Message(), "a newer connection")
	log.await(t, "WARN", "two processes run with copies of one directory")
	send(newer, testMessage(3))
	send(bulk, testChunk(4, 10))

	newerBulk := speak(t, tr, helloOn(host.LaneBulk))
	require.Equal(t, codes.Aborted, refusedWith(t, bulk).Code())
	send(newerBulk, testChunk(5, 10))
	send(newer, testMessage(6))
}

func TestAnUnknownLaneIsRefusedByName(t *testing.T) {
	tr, log, got := node2(t)
	s := refusedWith(t, speak(t, tr, helloOn(7)))
	require.Equal(t, codes.FailedPrecondition, s.Code())
	require.Contains(t, s.Message(), "opens lane7, a lane that node 2 does not have")
	log.await(t, "WARN", "refused a peer", "lane7")
	stillWorks(t, tr, got)
}

// Connections that come and go leave neither goroutines of Parley's behind nor of gRPC's.
func TestLanesThatCameAndWentLeaveNothingBehind(t *testing.T) {
	overEach(t, func(t *testing.T, w Wire) {
		require.Eventually(t, func() bool { return goroutines() == 0 }, awaitLimit, time.Millisecond, "before")
		func() {
			two, err := Listen("127.0.0.1:0", Options{Wire: w, Logger: slog.New(slog.DiscardHandler)})
			require.NoError(t, err)
			got := make(inbox, 1000)
			require.NoError(t, two.Start(host.Local{Self: raft.Ident{ID: 2, Inc: 22}, Cluster: 0xc1}, got))
			one, log, _ := sender(t, w, two.Addr(), time.Millisecond)
			for seq := uint64(1); seq <= 10; seq++ {
				insist(one, got, seq)
				log.await(t, "hung up on a peer")
			}
			require.NoError(t, one.Close())
			require.NoError(t, two.Close())
		}()
		require.Eventually(t, func() bool { return goroutines() == 0 }, awaitLimit, time.Millisecond)
	})
}

// awaitLimit keeps a broken transport from hanging a test, and nothing else.
const awaitLimit = 30 * time.Second

// goroutines counts those of the transports, other than the tests' own.
func goroutines() (n int) {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		if strings.Contains(stack, "testing.tRunner(") {
			continue
		}
		if strings.Contains(stack, "google.golang.org/grpc") || strings.Contains(stack, "parley/rpc/peer.(*Transport)") ||
			strings.Contains(stack, "parley/rpc/peer.(*link)") || strings.Contains(stack, "parley/rpc/peer.(*tcp") {
			n++
		}
	}
	return n
}
