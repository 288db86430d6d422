package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs/memfs"
)

// spare starts a node that waits to be added.
func (c *cluster) spare() *member {
	id := raft.NodeID(len(c.members) + 1)
	m := &member{c: c, id: id, fs: memfs.New(uint64(id)), joins: true}
	c.members = append(c.members, m)
	require.NoError(c.t, m.start())
	return m
}

func addition(m *member) Event {
	return Event{Kind: EventChange, Change: raft.Change{Kind: raft.ChangeAdd, Member: raft.Member{
		Ident: raft.Ident{ID: m.id}, PeerAddr: "p" + string(rune('0'+m.id)), ClientAddr: "c" + string(rune('0'+m.id))}}}
}

func removal(id raft.NodeID) Event {
	return Event{Kind: EventChange, Change: raft.Change{Kind: raft.ChangeRemove, ID: id}}
}

// voters returns the ids that count, as the leader has it, or nil while a change is under way.
func (c *cluster) voters() (ids []raft.NodeID) {
	l := c.leader()
	if l == nil {
		return nil
	}
	for _, m := range l.node.Status().Members {
		if m.VoterOld {
			return nil
		}
		if m.Voter {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

func (c *cluster) untilVoters(want ...raft.NodeID) {
	c.until("the voters", func() bool {
		got := c.voters()
		if len(got) != len(want) {
			return false
		}
		for i := range got {
			if got[i] != want[i] {
				return false
			}
		}
		return true
	})
}

// The way of a member: added, promoted without being asked again, counted, and removed.
func TestANewNodeJoinsCatchesUpAndCounts(t *testing.T) {
	c := formed(t, 3)
	s := c.leader().open(1)
	require.Equal(t, Done, c.leader().do(command(s, 1, "a")).Outcome)
	four := c.spare()
	c.advance(time.Second)
	require.Zero(t, four.node.Status().Cluster, "it waits")

	require.Equal(t, Done, c.leader().do(addition(four)).Outcome)
	c.untilVoters(1, 2, 3, 4)
	require.Equal(t, c.leader().node.identity.Cluster, four.disk.Identity().Cluster)
	require.Equal(t, c.leader().node.identity.Members, four.disk.Identity().Members, "the same base")
	c.agree()
	require.Equal(t, []string{"a"}, four.sm.lines)
	require.Equal(t, Done, c.leader().do(addition(four)).Outcome, "a repetition is no error")

	c.member(2).crash(nil)
	require.Equal(t, Done, c.leader().do(removal(2)).Outcome)
	c.untilVoters(1, 3, 4)
	require.Equal(t, Done, c.leader().do(command(s, 2, "b")).Outcome)
	require.NoError(t, c.member(2).start())
	c.until("the removed node hears of it", func() bool { return c.member(2).node.Status().Removed != 0 })
	require.Equal(t, CodeWasRemoved, c.leader().do(addition(c.member(2))).Code)

	c.member(2).wipe()
	c.member(2).joins = true
	require.NoError(t, c.member(2).start())
	require.Equal(t, Done, c.leader().do(addition(c.member(2))).Outcome, "a new directory under the old id")
	c.untilVoters(1, 2, 3, 4)
	c.agree()
}

// A leader that removes itself answers, hands over, and knows that it is out.
func TestALeaderRemovesItself(t *testing.T) {
	c := formed(t, 3)
	old := c.leader()
	s := old.open(1)
	require.Equal(t, Done, old.do(removal(old.id)).Outcome)
	c.until("another leader", func() bool { l := c.leader(); return l != nil && l != old })
	require.NotZero(t, old.node.Status().Removed)
	require.Equal(t, Done, c.leader().do(command(s, 1, "a")).Outcome)
	require.Len(t, c.voters(), 2)
	c.advance(2 * time.Second)
	require.Equal(t, raft.Follower, old.node.role)
	require.Less(t, old.node.term, c.leader().node.term+1)
}

// What stands in the way of an addition is said, and nothing enters the log.
func TestAnAdditionThatCannotBeIsRefused(t *testing.T) {
	c := formed(t, 3)
	l := c.leader()
	ghost := &member{c: c, id: 9}
	require.Equal(t, CodeNoAnswer, l.do(addition(ghost)).Code, "nobody is there")

	moved := addition(c.member(2))
	moved.Change.Member.PeerAddr = "elsewhere"
	require.Equal(t, CodeIsMember, l.do(moved).Code)
	for _, m := range c.members {
		if m != l {
			require.Equal(t, CodeNotLeader, m.do(addition(ghost)).Code)
		}
	}
	require.Equal(t, CodeNoMember, l.do(removal(9)).Code)

	founder := c.spare()
	founder.crash(nil)
	founder.fs, founder.joins = memfs.New(99), false
	c.settings.Seeds = append(c.settings.Seeds, Seed{ID: 4, PeerAddr: "p4"}, Seed{ID: 5, PeerAddr: "p5"})
	c.cut = func(m *raft.Message) bool { return m.Kind == raft.MsgFormAsk } // else it hears why it can't, and stops
	require.NoError(t, founder.start())
	c.advance(300 * time.Millisecond)
	require.Equal(t, CodeOtherCluster, l.do(addition(founder)).Code, "it founds a cluster")

	first := l.ask(addition(ghost))
	require.Equal(t, CodeChangePending, l.do(addition(ghost)).Code)
	l.step(Event{Kind: EventCancel, Ticket: first})
	require.Empty(t, l.node.Status().Contacts)
}

// The record is accepted durably, and once: at stake is a node that votes in two clusters.
func TestAJoiningNodeCrashesAtEveryFileOperationAndStillJoinsOnce(t *testing.T) {
	for at := 1; ; at++ {
		c := formed(t, 1)
		four := c.spare()
		n, sprung := 0, false
		four.fs.SetHook(func(op memfs.Op) error {
			if sprung {
				return errCrash
			}
			if op.Kind.Changes() {
				n++
			}
			if n == at {
				sprung = true
				return errCrash
			}
			return nil
		})
		c.leader().ask(addition(four))
		crashed := false
		c.until("the node joins", func() bool {
			if four.up && sprung {
				four.crash(memfs.Chance(uint64(at)))
				require.NoError(t, four.start())
				crashed = true
			}
			return len(c.voters()) == 2
		})
		c.agree()
		require.Equal(t, c.leader().node.identity.Cluster, four.disk.Identity().Cluster)
		if !crashed {
			require.Greater(t, at, 5)
			return
		}
	}
}

// A new leader goes on where the old one stopped: the configuration entry says who is to come.
func TestAJoinGoesOnUnderAnotherLeader(t *testing.T) {
	c := formed(t, 3)
	four := c.spare()
	old := c.leader()
	c.cut = func(m *raft.Message) bool {
		return m.Kind == raft.MsgJoinRecord || m.Kind == raft.MsgAppend && m.To.ID == 4
	}
	require.Equal(t, Done, old.do(addition(four)).Outcome)
	old.crash(nil)
	c.cut = nil
	c.untilVoters(1, 2, 3, 4)
	require.NoError(t, old.start())
	c.agree()
}

// A member that was away while everybody else was replaced learns where the leader listens.
func TestAMemberThatWasAwayIsShownWhereTheLeaderListens(t *testing.T) {
	c := formed(t, 3)
	c.member(3).crash(nil)
	four := c.spare()
	require.Equal(t, Done, c.leader().do(addition(four)).Outcome)
	c.untilVoters(1, 2, 3, 4)
	require.Equal(t, Done, c.leader().do(Event{Kind: EventTransfer, Peer: 4}).Outcome)
	c.cut = func(m *raft.Message) bool { return m.Kind == raft.MsgAppend && m.To.ID == 3 }
	require.NoError(t, c.member(3).start())
	has := func() bool {
		for _, m := range c.member(3).node.Status().Contacts {
			if m.ID == 4 && m.PeerAddr == "p4" {
				return true
			}
		}
		return false
	}
	c.until("an introduction", has)
	c.cut = nil
	c.agree()
	require.False(t, has(), "now it is in the configuration")
}

func TestAnyBytesInAJoiningMessageHarmNothing(t *testing.T) {
	c := formed(t, 1)
	l := c.leader()
	for _, kind := range []raft.MessageKind{raft.MsgJoinAsk, raft.MsgJoinAnswer, raft.MsgJoinRecord, raft.MsgJoinAccept} {
		for size := range 40 {
			p := make([]byte, size)
			for i := range p {
				p[i] = byte(1 + i%3)
			}
			l.step(Event{Kind: EventMessage, Message: &raft.Message{Kind: kind, From: raft.Ident{ID: 7, Inc: 7}, To: l.node.self, Payload: p}})
		}
	}
	require.True(t, l.up)
}

// A learner that never took the record belongs to no cluster and can't vote. Made a voter too soon, it
// keeps everybody from being elected as soon as its vote is needed.
func TestALearnerThatNeverStoredAnythingIsNotPromoted(t *testing.T) {
	c := formed(t, 3)
	four := c.spare()
	c.cut = func(m *raft.Message) bool { return m.To.ID == four.id && m.Kind != raft.MsgJoinAsk }
	require.Equal(t, Done, c.leader().do(addition(four)).Outcome)
	promotion := Event{Kind: EventChange, Change: raft.Change{Kind: raft.ChangePromote, ID: four.id}}
	a := c.leader().do(promotion)
	require.Equal(t, Refused, a.Outcome)
	require.Equal(t, CodeNoAnswer, a.Code)
	c.advance(time.Second)
	require.False(t, c.leader().node.Status().Members[3].Voter)
	c.cut = nil
	c.untilVoters(1, 2, 3, 4)
	require.Equal(t, Done, c.leader().do(promotion).Outcome, "it is one already")
}
