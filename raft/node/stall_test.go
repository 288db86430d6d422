package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// One stalled disk must not keep a cluster from writing: its two followers are well.
func TestALeaderWhoseDiskStallsDoesNotKeepTheClusterFromWriting(t *testing.T) {
	c := newCluster(t, 3)
	c.settings.Raft.UnstoredBytesMax = 1 << 10
	c.startAll()
	c.until("a leader", func() bool { return c.leader() != nil && c.leader().node.applied > 0 })
	l := c.leader()
	s := l.open(1)
	l.held = true
	for seq := uint64(1); seq <= 2; seq++ {
		require.Equal(t, Done, l.do(command(s, seq, string(make([]byte, 600)))).Outcome)
	}
	require.Equal(t, CodeBusy, l.do(command(s, 3, "x")).Code, "no more fits before its disk")
	for range 60 {
		if c.leader().do(command(s, 3, "x")).Outcome == Done {
			require.NotEqual(t, l, c.leader())
			return
		}
		c.advance(100 * time.Millisecond)
	}
	t.Fatalf("after six seconds node %d leads and takes no write", c.leader().id)
}

// A refused read must not stay behind when an older one of the
// same Step is cancelled, or it would be answered twice.
func TestEveryReadIsAnsweredOnceWhenItComesWithACancelInTheStepThatDeposes(t *testing.T) {
	c := formed(t, 3)
	l := c.leader()
	c.isolate(l.id) // its reads wait for a round
	for range 3 {
		l.ask(query())
	}
	second := c.tickets - 1
	c.tickets++
	late := c.tickets
	to := c.member(l.id%3 + 1).node.self
	l.step(
		Event{Kind: EventMessage, Message: &raft.Message{Kind: raft.MsgHeartbeat, Cluster: l.node.identity.Cluster,
			From: to, To: l.node.self, Term: l.node.term + 1, Round: 1}},
		Event{Kind: EventQuery, Ticket: late},
		Event{Kind: EventCancel, Ticket: second},
	)
	require.Equal(t, raft.Follower, l.node.role)
	l.step(Event{Kind: EventDiskFailed, Err: ErrIdentityDamaged})
	n := 0
	for _, a := range l.answers {
		if a.Ticket == late {
			n++
		}
	}
	require.Equal(t, 1, n, "answers to the last read")
}
