package node

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/raft/vfs/memfs"
)

func TestTheLowestIdFormsAndEntryOneIsTheFirstLeaders(t *testing.T) {
	c := formed(t, 3)
	require.Equal(t, raft.NodeID(1), c.leader().id)
	c.advance(200 * time.Millisecond)
	want := c.member(1).disk.Identity()
	require.Equal(t, raft.ClusterID(1<<32|1), want.Cluster, "the former's draw")
	for i, m := range c.members {
		got := m.disk.Identity()
		require.Equal(t, want.Cluster, got.Cluster)
		require.Equal(t, want.Members, got.Members)
		require.Equal(t, raft.Member{Ident: m.node.self, Voter: true, PeerAddr: fmt.Sprint("p", i+1), ClientAddr: fmt.Sprint("c", i+1)}, got.Members.Members[i])
		e, ok := m.node.raft.EntryAt(1)
		require.True(t, ok)
		require.Equal(t, raft.EntryConfig, e.Kind)
		require.Equal(t, raft.AppendConfiguration(nil, &want.Members), e.Payload)
		require.Empty(t, m.node.Status().Waiting)
	}
}

func TestTheClientAddressComesFromTheNodeThatListensThere(t *testing.T) {
	// "--cluster 1=P1,2=P2,3=P3" tells nobody where the others take clients.
	c := newCluster(t, 3)
	all := c.settings.Seeds
	for _, m := range c.members {
		c.settings.Seeds = append([]Seed(nil), all...)
		for i := range c.settings.Seeds {
			if c.settings.Seeds[i].ID != m.id {
				c.settings.Seeds[i].ClientAddr = ""
			}
		}
		require.NoError(t, m.start())
	}
	c.until("a leader", func() bool { return c.leader() != nil })
	for i, m := range c.member(1).disk.Identity().Members.Members {
		require.Equal(t, fmt.Sprint("c", i+1), m.ClientAddr)
	}
}

func TestNothingIsFormedUntilEveryFoundingMemberAccepted(t *testing.T) {
	c := newCluster(t, 3)
	require.NoError(t, c.member(1).start())
	require.NoError(t, c.member(2).start())
	c.advance(2 * time.Second)
	require.Nil(t, c.member(1).node.raft, "no record without having met all")
	require.Equal(t, []raft.NodeID{3}, c.member(1).node.Status().Waiting)

	c.cut = func(m *raft.Message) bool { return m.Kind == raft.MsgFormAccept && m.From.ID == 3 }
	require.NoError(t, c.member(3).start())
	c.advance(2 * time.Second)
	require.NotNil(t, c.member(3).node.raft)
	require.Equal(t, raft.Term(0), c.member(1).node.raft.Term(), "no campaign without the last accept")
	require.Equal(t, []raft.NodeID{3}, c.member(1).node.Status().Waiting)

	c.cut = nil
	c.until("a leader", func() bool { return c.leader() != nil })
}

func TestTheAcceptLeavesOnlyWhenTheRecordIsStored(t *testing.T) {
	c := newCluster(t, 2)
	c.cut = func(m *raft.Message) bool { return m.Kind == raft.MsgFormRecord } // this test delivers it by hand
	c.startAll()
	c.until("the former's own record", func() bool { return c.member(1).node.raft != nil })
	m := c.member(2)
	record := raft.Message{Kind: raft.MsgFormRecord, From: c.member(1).node.self, To: m.node.self, Payload: encodeRecord(&c.member(1).node.identity)}
	require.Nil(t, m.node.raft)
	var out Output
	out.Reset()
	m.node.Step(c.now, []Event{{Kind: EventMessage, Message: &record}}, &out)
	require.NotNil(t, out.Identity)
	require.Empty(t, out.Send)
	require.Nil(t, m.node.raft, "not a member before it is durable")
	out.Reset()
	m.node.Step(c.now, []Event{{Kind: EventMessage, Message: &record}}, &out)
	require.Nil(t, out.Identity, "at most one record")
	require.Empty(t, out.Send)
	out.Reset()
	m.node.Step(c.now, []Event{{Kind: EventIdentityStored}}, &out)
	require.Len(t, out.Send, 1)
	require.Equal(t, raft.MsgFormAccept, out.Send[0].Kind)
}

// errCrash is the end of a process in the middle of a file operation.
var errCrash = errors.New("crash")

// surviveCrashes restarts members whose disk said errCrash.
func (c *cluster) surviveCrashes(choose memfs.Chooser) {
	for _, m := range c.members {
		if m.up && m.failed != nil {
			require.ErrorIs(c.t, m.failed, errCrash)
			m.crash(choose)
			require.NoError(c.t, m.start())
		}
	}
}

func TestFormationSurvivesACrashAtEveryFileOperationOfEveryMember(t *testing.T) {
	crashes := map[string]memfs.Chooser{
		"process": nil, "machine, all kept": memfs.KeepAll, "machine, all lost": memfs.DropAll, "machine, by chance": memfs.Chance(1),
	}
	for name, choose := range crashes {
		for victim := raft.NodeID(1); victim <= 3; victim++ {
			for op := 1; ; op++ {
				if !formsDespite(t, name, choose, victim, op) {
					require.Greater(t, op, 10, "the workload has operations to crash at")
					break
				}
			}
		}
	}
}

// formsDespite forms a cluster in which one member crashes at its op-th file operation, and
// reports whether it came that far.
func formsDespite(t *testing.T, name string, choose memfs.Chooser, victim raft.NodeID, op int) (crashed bool) {
	c := newCluster(t, 3)
	v := c.member(victim)
	v.fs.SetHook(func(o memfs.Op) error {
		if o.Seq >= op {
			crashed = true
			return errCrash
		}
		return nil
	})
	for _, m := range c.members {
		if err := m.start(); err != nil {
			require.ErrorIs(t, err, errCrash)
			m.crash(choose)
			require.NoError(t, m.start(), "%s crash of node %d at operation %d", name, victim, op)
		}
	}
	c.until(fmt.Sprintf("a cluster after a %s crash of node %d at operation %d", name, victim, op), func() bool {
		c.surviveCrashes(choose)
		return c.leader() != nil && c.leader().node.applied > 0
	})
	v.fs.SetHook(nil)
	c.advance(300 * time.Millisecond)
	c.surviveCrashes(choose)
	c.advance(300 * time.Millisecond)
	cluster := c.member(1).disk.Identity().Cluster
	for _, m := range c.members {
		require.Equal(t, cluster, m.disk.Identity().Cluster, "%s crash of node %d at operation %d", name, victim, op)
	}
	c.agree()
	return crashed
}

func TestFormationEndsInOneClusterWhateverIsLostAndWhoeverCrashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := newCluster(t, rapid.IntRange(1, 4).Draw(t, "nodes"))
		key := rapid.Uint64().Draw(t, "key")
		n := uint64(0)
		c.cut = func(*raft.Message) bool { n++; return raft.Mix(key, n)%3 == 0 }
		c.startAll()
		for range rapid.IntRange(0, 12).Draw(t, "crashes") {
			c.advance(time.Duration(rapid.IntRange(0, 150).Draw(t, "wait")) * time.Millisecond)
			m := c.members[rapid.IntRange(0, len(c.members)-1).Draw(t, "victim")]
			m.crash(memfs.Chance(key))
			require.NoError(t, m.start())
		}
		c.cut = nil
		c.until("a leader", func() bool { return c.leader() != nil && c.leader().node.applied > 0 })
		c.agree()
		for _, m := range c.members {
			require.Equal(t, c.members[0].disk.Identity().Cluster, m.disk.Identity().Cluster)
		}
	})
}

func TestAnEmptiedDirectoryOfAFormedClusterIsToldToComeBackByRemoveAndAdd(t *testing.T) {
	for victim := raft.NodeID(1); victim <= 3; victim++ {
		c := formed(t, 3)
		c.advance(500 * time.Millisecond)
		m := c.member(victim)
		m.wipe()
		require.NoError(t, m.start())
		c.until("the refusal", func() bool { return m.stopped != nil })
		require.ErrorIs(t, m.stopped, ErrFormedWithout)
		require.ErrorContains(t, m.stopped, "formed without this directory: remove and add it")
		c.until("a leader without it", func() bool { return c.leader() != nil })
		require.Len(t, c.leader().node.Status().Members, 3)
	}
}

func TestADirectoryLostBeforeEntryOneIsToldSoAndAllStartAgain(t *testing.T) {
	for victim := raft.NodeID(1); victim <= 3; victim++ {
		c := newCluster(t, 3)
		c.cut = func(m *raft.Message) bool { return m.Kind == raft.MsgFormAccept }
		c.startAll()
		c.until("the record everywhere", func() bool {
			return c.member(1).node.raft != nil && c.member(2).node.raft != nil && c.member(3).node.raft != nil
		})
		m := c.member(victim)
		m.wipe()
		c.cut = nil
		c.wire = nil
		require.NoError(t, m.start())
		c.until("the refusal", func() bool { return m.stopped != nil })
		require.ErrorIs(t, m.stopped, ErrFormedWithout)
		require.ErrorContains(t, m.stopped, "delete the directories of all its members and start again")
		c.advance(time.Second)
		require.Nil(t, c.leader(), "the record cannot be completed")

		for _, m := range c.members {
			m.wipe()
		}
		c.wire = nil
		c.startAll()
		c.until("a leader", func() bool { return c.leader() != nil })
	}
}

func TestADirectoryLostBeforeAnyRecordIsSimplyMetAgain(t *testing.T) {
	c := newCluster(t, 3)
	require.NoError(t, c.member(1).start())
	require.NoError(t, c.member(2).start())
	c.advance(time.Second)
	c.member(2).wipe()
	require.NoError(t, c.member(2).start())
	c.advance(time.Second)
	require.NoError(t, c.member(3).start())
	c.until("a leader", func() bool { return c.leader() != nil && c.leader().node.applied > 0 })
	require.Equal(t, c.member(2).node.self, c.leader().disk.Identity().Members.Members[1].Ident)
}

func TestADirectoryOfAnotherClusterRefusesAFreshFormer(t *testing.T) {
	old := formed(t, 3)
	c := newCluster(t, 3)
	c.member(1).starts, c.member(2).starts = 100, 100 // other directories, other incarnations
	c.members[2] = old.member(3)
	c.members[2].crash(nil)
	c.members[2].c = c
	c.startAll()
	c.until("the refusal", func() bool { return c.member(1).stopped != nil })
	require.ErrorIs(t, c.member(1).stopped, ErrFormedWithout)
	require.ErrorContains(t, c.member(1).stopped, "node 3 belongs to cluster "+old.member(1).node.identity.Cluster.String())
	require.Nil(t, c.member(3).stopped, "the formed node is not harmed")
}

func TestNodesThatWereToldDifferentFoundingMembersSaySo(t *testing.T) {
	c := newCluster(t, 3)
	all := c.settings.Seeds
	c.settings.Seeds = all[:2]
	require.NoError(t, c.member(1).start())
	c.settings.Seeds = all
	require.NoError(t, c.member(2).start())
	c.until("the refusal", func() bool { return c.member(1).stopped != nil || c.member(2).stopped != nil })
	for _, m := range c.members[:2] {
		if m.stopped != nil {
			require.ErrorIs(t, m.stopped, ErrSeedsDiffer)
		}
		require.Zero(t, m.disk.Identity().Cluster)
	}
}

func TestARefusalOfALostDirectoryDoesNotStopTheNewOne(t *testing.T) {
	c := newCluster(t, 2)
	require.NoError(t, c.member(2).start())
	m := c.member(2)
	stale := raft.Message{Kind: raft.MsgFormRefuse, From: raft.Ident{ID: 1, Inc: 1}, To: raft.Ident{ID: 2, Inc: 999}, Payload: encodeRefuse(refusedFormedWithout, 5)}
	m.step(Event{Kind: EventMessage, Message: &stale})
	require.NoError(t, m.stopped)
	stale.To.Inc = 0
	m.step(Event{Kind: EventMessage, Message: &stale})
	require.NoError(t, m.stopped)
	stale.To = m.node.self
	m.step(Event{Kind: EventMessage, Message: &stale})
	require.ErrorIs(t, m.stopped, ErrFormedWithout)
}

func TestARecordFromAnybodyButTheFormerIsGarbage(t *testing.T) {
	c := newCluster(t, 3)
	require.NoError(t, c.member(3).start())
	m := c.member(3)
	id := Identity{Cluster: 5, Members: raft.Configuration{Members: []raft.Member{
		{Ident: raft.Ident{ID: 1, Inc: 1}}, {Ident: raft.Ident{ID: 2, Inc: 2}}, {Ident: m.node.self}}}}
	g := raft.Message{Kind: raft.MsgFormRecord, From: raft.Ident{ID: 2, Inc: 2}, To: m.node.self, Payload: encodeRecord(&id)}
	m.step(Event{Kind: EventMessage, Message: &g})
	require.Zero(t, m.disk.Identity().Cluster)
	require.Equal(t, NoteDropped, m.notes[len(m.notes)-1].Kind)
}

func TestAMemberRefusesASecondRecord(t *testing.T) {
	c := formed(t, 3)
	m := c.member(2)
	second := Identity{Cluster: 77, Members: m.node.identity.Members}
	g := raft.Message{Kind: raft.MsgFormRecord, From: c.member(1).node.self, To: m.node.self, Payload: encodeRecord(&second)}
	m.step(Event{Kind: EventMessage, Message: &g})
	reply := c.wire[len(c.wire)-1]
	require.Equal(t, raft.MsgFormRefuse, reply.Kind)
	require.NotEqual(t, raft.ClusterID(77), m.disk.Identity().Cluster)

	g.Payload = encodeRecord(&m.node.identity)
	m.step(Event{Kind: EventMessage, Message: &g})
	require.Equal(t, raft.MsgFormAccept, c.wire[len(c.wire)-1].Kind, "the same record again is accepted again")
	c.deliver()
	require.NoError(t, c.member(1).stopped, "a refusal means nothing to a node whose cluster is formed")
}

func TestSettingsThatCannotFormAreRefusedAtTheStart(t *testing.T) {
	seeds := func(ids ...raft.NodeID) Settings {
		s := Settings{Cluster: 1}
		for _, id := range ids {
			s.Seeds = append(s.Seeds, Seed{ID: id})
		}
		return s
	}
	s := seeds(1, 2)
	require.NoError(t, s.Validate(2))
	require.ErrorContains(t, s.Validate(3), "node 3 is not among the founding members")
	s = seeds(1, 1)
	require.ErrorContains(t, s.Validate(1), "twice")
	s = seeds(0, 1)
	require.ErrorContains(t, s.Validate(1), "ids start at 1")
	s = seeds(1)
	s.Cluster = 0
	require.ErrorContains(t, s.Validate(1), "draw one")
	s = Settings{}
	require.NoError(t, s.Validate(1))
}
