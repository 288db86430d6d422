package host

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
)

func aRead(t node.Ticket) *node.Event {
	return &node.Event{Kind: node.EventQuery, Ticket: t, Query: node.Query{Body: []byte{byte(t)}}}
}

// askedIn returns the tickets of the reads in an event.
func askedIn(t *testing.T, e node.Event) (tickets []node.Ticket) {
	require.Equal(t, node.EventQueries, e.Kind)
	for _, a := range e.Asked {
		require.Equal(t, []byte{byte(a.Ticket)}, a.Query.Body)
		tickets = append(tickets, a.Ticket)
	}
	return tickets
}

// What is at stake: a round costs as much as fifty reads. Of many who were answered together the first who asks again
// would have one of his own, and the others stand behind it.
func TestAReadWaitsForThoseWhoWereJustAnswered(t *testing.T) {
	b := newInbox()
	require.Equal(t, placedIn, b.call(aRead(1)))
	require.Len(t, b.wake, 1, "nobody was answered: nobody is waited for")
	events, _ := b.take(nil, nil, false)
	require.Equal(t, []node.Ticket{1}, askedIn(t, events[0]))

	b.gather.coming.Store(3)
	for ticket := node.Ticket(2); ticket < 4; ticket++ {
		b.came()
		require.Equal(t, placedIn, b.call(aRead(ticket)))
	}
	require.Empty(t, b.wake)
	require.Zero(t, b.waits(), "and nobody is given way for their sake")
	b.deliver([]raft.Message{{Kind: raft.MsgHeartbeatReply}})
	events, _ = b.take(nil, nil, false)
	require.Len(t, events, 1, "what is no read does not wait")
	require.Empty(t, b.wake)
	b.came()
	require.Len(t, b.wake, 1, "the last one has been run, and may as well be gone")
	events, _ = b.take(nil, nil, false)
	require.Equal(t, []node.Ticket{2, 3}, askedIn(t, events[0]))
	events, _ = b.take(nil, nil, false)
	require.Empty(t, events)
}

// A caller who is answered and finds no processor must not hold up the others for good.
func TestReadsThatGatherForTooLongAreTaken(t *testing.T) {
	b := newInbox()
	b.gather.coming.Store(1)
	require.Equal(t, placedIn, b.call(aRead(1)))
	events, _ := b.take(nil, nil, false)
	require.Empty(t, events)
	events, _ = b.take(nil, nil, true)
	require.Equal(t, []node.Ticket{1}, askedIn(t, events[0]))
}

// The loop turns for peers' messages all the time; that must not begin the time anew.
func TestHowLongReadsGatherIsCountedFromTheBegin(t *testing.T) {
	l, now := gatherLimit{raft.Never}, raft.Mono(5)
	read := func() raft.Mono { return now }
	require.False(t, l.reached(read))
	l.rest(true, now)
	for ; now < raft.Mono(5).Add(gatherMax); now = now.Add(gatherMax / 10) {
		require.False(t, l.reached(read))
		l.took([]node.Event{{Kind: node.EventMessage}}, false)
		l.rest(true, now)
	}
	require.True(t, l.reached(read))
	l.took(nil, true)
	require.False(t, l.reached(read), "else the loop would never rest again")
	l.rest(true, now)
	l.took([]node.Event{{Kind: node.EventQueries}}, false)
	require.Equal(t, raft.Never, l.at, "those are on their way")
	l.rest(true, now)
	l.rest(false, now)
	require.Equal(t, raft.Never, l.at)
}

// Who hands in several requests at once is promised that the node gets them in their order.
func TestACommandTakesTheReadsBeforeItAlong(t *testing.T) {
	b := newInbox()
	b.gather.coming.Store(1)
	require.Equal(t, placedIn, b.call(aRead(1)))
	require.Equal(t, placedIn, b.call(&node.Event{Kind: node.EventCommand, Ticket: 2}))
	require.Len(t, b.wake, 1)
	require.Equal(t, placedIn, b.call(aRead(3)))
	events, _ := b.take(nil, nil, false)
	require.Len(t, events, 2)
	require.Equal(t, []node.Ticket{1}, askedIn(t, events[0]))
	require.Equal(t, node.EventCommand, events[1].Kind)
	events, _ = b.take(nil, nil, true)
	require.Equal(t, []node.Ticket{3}, askedIn(t, events[0]))
}

// What is at stake: memory that is used again while somebody still reads it.
func TestBatchesOfReadsShareNoMemoryWhileTheyAreInUse(t *testing.T) {
	b := newInbox()
	for round := range node.Ticket(5) {
		first, second := 4*round+1, 4*round+2
		b.call(aRead(first))
		b.call(&node.Event{Kind: node.EventCommand})
		b.call(aRead(second))
		events, _ := b.take(nil, nil, false)
		b.call(aRead(second + 1)) // comes while the loop is at work
		require.Equal(t, []node.Ticket{first}, askedIn(t, events[0]))
		require.Equal(t, []node.Ticket{second}, askedIn(t, events[2]))
		b.done(events)
		events, _ = b.take(nil, nil, false)
		require.Equal(t, []node.Ticket{second + 1}, askedIn(t, events[0]))
		b.done(events)
	}
}

func TestReadsThatGatherAreBoundedLikeAllRequests(t *testing.T) {
	b := newInbox()
	b.gather.coming.Store(1)
	for range inboxCallsMax {
		require.Equal(t, placedIn, b.call(aRead(1)))
	}
	require.Equal(t, placedFull, b.call(aRead(1)))
	require.Equal(t, placedFull, b.call(&node.Event{Kind: node.EventCommand}))
	b.take(nil, nil, true)
	require.Equal(t, placedIn, b.call(aRead(1)))
}

// Whoever is counted as about to come must come, or reads wait in vain.
func TestOnlyReadsThatFindTheirCallerAreWaitedFor(t *testing.T) {
	var coming atomic.Int32
	c := newCalls(&coming)
	w, read, _ := c.open(true)
	_, write, _ := c.open(false)
	c.complete(&node.Answer{Ticket: write, Outcome: node.Done})
	require.Zero(t, coming.Load())
	_, answered := w.leave(read)
	require.False(t, answered)
	c.complete(&node.Answer{Ticket: read, Outcome: node.Done})
	require.Zero(t, coming.Load(), "he went before")
	c.close(read)
	_, read, _ = c.open(true)
	c.complete(&node.Answer{Ticket: read, Outcome: node.Done})
	require.EqualValues(t, 1, coming.Load())
}
