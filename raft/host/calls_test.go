package host

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft/node"
)

// What is at stake: an answer must never reach a caller that asked something else.
func TestAnAnswerToACallerThatLeftReachesNobody(t *testing.T) {
	c := newCalls(new(atomic.Int32))
	w, first, ok := c.open(false)
	require.True(t, ok)
	_, answered := w.leave(first)
	require.False(t, answered)
	c.close(first)

	again, second, ok := c.open(false)
	require.True(t, ok)
	require.Same(t, w, again, "the slot that was used last comes first")
	require.NotEqual(t, first, second, "no ticket is used twice")
	c.complete(&node.Answer{Ticket: first})
	c.complete(&node.Answer{Ticket: second, Position: 5})
	a, answered := again.leave(second)
	require.True(t, answered, "the answer was faster than the leaving")
	require.EqualValues(t, 5, a.Position)
	c.complete(&node.Answer{Ticket: second})
	require.Empty(t, again.answer, "nobody is answered twice")
}

func TestCallsAreBounded(t *testing.T) {
	c := newCalls(new(atomic.Int32))
	var tickets []node.Ticket
	for range callsMax {
		_, ticket, ok := c.open(false)
		require.True(t, ok)
		require.Zero(t, ticket&streamBit)
		tickets = append(tickets, ticket)
	}
	_, _, ok := c.open(false)
	require.False(t, ok)
	c.close(tickets[7])
	_, _, ok = c.open(false)
	require.True(t, ok)
}

func TestEverybodyWhoStillWaitsIsAnsweredAtTheEnd(t *testing.T) {
	c := newCalls(new(atomic.Int32))
	a, ticketA, _ := c.open(false)
	b, ticketB, _ := c.open(false)
	c.complete(&node.Answer{Ticket: ticketA, Outcome: node.Done})
	c.completeAll(node.Answer{Outcome: node.Unknown})
	require.Equal(t, node.Answer{Ticket: ticketA, Outcome: node.Done}, <-a.answer)
	require.Equal(t, node.Answer{Ticket: ticketB, Outcome: node.Unknown}, <-b.answer)
}
