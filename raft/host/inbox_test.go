package host

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
)

func TestABatchCostsOneWakeUp(t *testing.T) {
	b := newInbox()
	for range 10 {
		require.Equal(t, placedIn, b.call(&node.Event{Kind: node.EventCommand}))
	}
	<-b.wake
	require.Empty(t, b.wake)
	events, _ := b.take(nil, nil, false)
	require.Len(t, events, 10)
	events, _ = b.take(events[:0], nil, false)
	require.Empty(t, events)
}

// What is at stake: the loop looks once more before it rests. Who takes what waits has been woken for it: else the loop
// would turn in vain once for every batch.
func TestWhoTakesABatchIsNotWokenForItAgain(t *testing.T) {
	b := newInbox()
	require.Equal(t, placedIn, b.call(&node.Event{Kind: node.EventCommand}))
	status := make(chan node.Status, 1)
	require.True(t, b.ask(status))
	events, asks := b.take(nil, nil, false)
	require.Len(t, events, 1)
	require.Len(t, asks, 1)
	require.Empty(t, b.wake)
	require.Equal(t, placedIn, b.call(&node.Event{Kind: node.EventCommand}))
	require.Len(t, b.wake, 1, "what comes behind it wakes anew")
}

// What is at stake: callers and peers have budgets of their own, so that no flood of
// requests keeps a heartbeat out.
func TestAFloodOfCallersLeavesRoomForPeers(t *testing.T) {
	b := newInbox()
	for b.call(&node.Event{Kind: node.EventCommand}) == placedIn {
	}
	b.deliver([]raft.Message{{Kind: raft.MsgHeartbeat}})
	events, _ := b.take(nil, nil, false)
	require.Len(t, events, inboxCallsMax+1)
	require.Equal(t, raft.MsgHeartbeat, events[inboxCallsMax].Message.Kind)
}

func TestBodiesAreBoundedButOneRequestAlwaysFits(t *testing.T) {
	b := newInbox()
	large := node.Event{Kind: node.EventCommand, Command: node.Command{Body: make([]byte, inboxBytesMax+1)}}
	require.Equal(t, placedIn, b.call(&large))
	require.Equal(t, placedFull, b.call(&node.Event{Kind: node.EventCommand, Command: node.Command{Body: []byte{1}}}))
	b.take(nil, nil, false)
	require.Equal(t, placedIn, b.call(&node.Event{Kind: node.EventQuery, Query: node.Query{Body: []byte{1}}}))
	require.Equal(t, placedFull, b.call(&large))
}

func TestPeersWaitForRoomAndLeaveWhenTheInboxCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newInbox()
		delivered := make(chan int, 3)
		go func() {
			b.deliver(make([]raft.Message, inboxMessagesMax+10))
			delivered <- 1
		}()
		synctest.Wait()
		require.Empty(t, delivered, "the bound holds the transport back")
		events, _ := b.take(nil, nil, false)
		require.Len(t, events, inboxMessagesMax)
		require.Equal(t, 1, <-delivered)
		events, _ = b.take(nil, nil, false)
		require.Len(t, events, 10)

		go func() {
			b.deliver(make([]raft.Message, inboxMessagesMax+10))
			delivered <- 2
		}()
		synctest.Wait()
		b.close()
		require.Equal(t, 2, <-delivered)
		require.Equal(t, placedClosed, b.call(&node.Event{}))
		require.False(t, b.ask(nil))
	})
}

// What is at stake: a snapshot that comes faster than it is stored must not keep its
// receiver from hearing the leader.
func TestBulkThatWaitsForRoomHoldsUpNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newInbox()
		chunk := raft.Message{Kind: raft.MsgSnapshotChunk, Payload: make([]byte, 1<<20)}
		delivered := make(chan int, 1)
		go func() {
			for range inboxBulkBytesMax>>20 + 1 {
				b.deliver([]raft.Message{chunk})
			}
			delivered <- 1
		}()
		synctest.Wait()
		require.Empty(t, delivered, "the bound holds the bulk lane back")
		b.deliver(make([]raft.Message, inboxMessagesMax)) // at once, or this test never ends
		require.Equal(t, placedIn, b.call(&node.Event{Kind: node.EventCommand}))
		events, _ := b.take(nil, nil, false)
		require.Len(t, events, inboxBulkBytesMax>>20+inboxMessagesMax+1)
		require.Equal(t, 1, <-delivered)
		events, _ = b.take(nil, nil, false)
		require.Len(t, events, 1)

		small := raft.Message{Kind: raft.MsgBlob}
		go func() {
			for range inboxBulkMessagesMax + 1 {
				b.deliver([]raft.Message{small})
			}
			delivered <- 2
		}()
		synctest.Wait()
		require.Empty(t, delivered, "however small they are")
		b.close()
		require.Equal(t, 2, <-delivered)
	})
}

func TestProtocolThatWaitsForRoomHoldsUpNoBulk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newInbox()
		delivered := make(chan int, 1)
		go func() {
			b.deliver(make([]raft.Message, inboxMessagesMax+1))
			delivered <- 1
		}()
		synctest.Wait()
		require.Empty(t, delivered)
		b.deliver([]raft.Message{{Kind: raft.MsgBlob}})
		b.take(nil, nil, false)
		require.Equal(t, 1, <-delivered)
	})
}

func TestALostPeerIsToldOncePerStep(t *testing.T) {
	b := newInbox()
	b.peerLost(2)
	b.peerLost(3)
	b.peerLost(2)
	events, _ := b.take(nil, nil, false)
	require.Len(t, events, 2)
	b.peerLost(2)
	events, _ = b.take(nil, nil, false)
	require.Len(t, events, 1)
}
