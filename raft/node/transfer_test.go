package node

import (
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// Leadership moves to the node that was named; what is proposed meanwhile is refused
// with that node as the hint, and then done there, once.
func TestLeadershipIsHandedToTheNodeThatIsNamed(t *testing.T) {
	c := formed(t, 3)
	old := c.leader()
	session := old.open(1)
	to := raft.NodeID(1)
	if to == old.node.self.ID {
		to = 2
	}
	ticket := old.ask(Event{Kind: EventTransfer, Peer: to})
	refused := old.ask(command(session, 1, "a"))
	a, ok := old.answer(refused)
	require.True(t, ok, "a command meanwhile is refused at once")
	require.Equal(t, Refused, a.Outcome)
	require.Equal(t, CodeNotLeader, a.Code)
	require.Equal(t, to, a.Hint)

	c.until("the transfer", func() bool { _, ok := old.answer(ticket); return ok })
	a, _ = old.answer(ticket)
	require.Equal(t, Done, a.Outcome)
	require.Equal(t, to, a.Hint)
	require.Equal(t, to, c.leader().node.self.ID)
	require.Equal(t, Done, c.leader().do(command(session, 1, "a")).Outcome)
	c.agree()
}

// One that does not lead, or finds nobody, says so at once or after an election timeout.
func TestATransferThatCannotBeIsRefused(t *testing.T) {
	c := formed(t, 3)
	leader := c.leader()
	for _, m := range c.members {
		if m != leader {
			a := m.do(Event{Kind: EventTransfer, Peer: m.node.self.ID})
			require.Equal(t, CodeNotLeader, a.Code)
			require.Equal(t, leader.node.self.ID, a.Hint)
		}
	}
	require.Equal(t, CodeNoTakeover, leader.do(Event{Kind: EventTransfer, Peer: 9}).Code, "no such voter")

	for _, m := range c.members {
		if m != leader {
			m.crash(nil)
			a := leader.do(Event{Kind: EventTransfer, Peer: m.node.self.ID})
			require.Equal(t, Refused, a.Outcome)
			require.Equal(t, CodeNoTakeover, a.Code)
			break
		}
	}
	require.Equal(t, leader, c.leader(), "it leads on")
	require.Equal(t, Done, leader.do(Event{Kind: EventQuery}).Outcome)
}

// A node that stops answers the transfer that is under way.
func TestANodeThatStopsAnswersItsTransfer(t *testing.T) {
	c := formed(t, 3)
	leader := c.leader()
	c.isolate(leader.node.self.ID)
	ticket := leader.ask(Event{Kind: EventTransfer})
	leader.step(Event{Kind: EventDiskFailed, Err: ErrIdentityDamaged})
	a, ok := leader.answer(ticket)
	require.True(t, ok)
	require.Equal(t, CodeStopping, a.Code)
}
