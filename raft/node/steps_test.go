package node

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// Steps of docs/consensus.md that no test of the conversation as a whole shows, in the order of
// the chapter.

// Joining 4: the record is for the directory that was asked. One that took its place never said
// that it would join.
func TestAJoinRecordIsTakenOnceAndOnlyByTheDirectoryThatItNames(t *testing.T) {
	c := formed(t, 1)
	l, four := c.leader(), c.spare()
	show := func(cluster raft.ClusterID, to raft.Ident) (out Output) {
		record := append(l.node.introduction(), encodeRecord(&Identity{Cluster: cluster, Members: l.node.identity.Members})...)
		out.Reset()
		four.node.Step(c.now, []Event{{Kind: EventMessage, Message: &raft.Message{
			Kind: raft.MsgJoinRecord, From: l.node.self, To: to, Payload: record}}}, &out)
		return out
	}
	other := four.node.self
	other.Inc++
	require.Nil(t, show(5, other).Identity)
	require.Nil(t, show(5, raft.Ident{ID: four.id}).Identity)

	out := show(5, four.node.self)
	require.NotNil(t, out.Identity)
	require.Empty(t, out.Send, "it answers when the record is on its disk")
	require.Nil(t, four.node.raft, "and takes part in nothing before")
	again := show(6, four.node.self)
	require.Nil(t, again.Identity, "at most one record")
	out.Reset()
	four.node.Step(c.now, []Event{{Kind: EventIdentityStored}}, &out)
	var kinds []raft.MessageKind
	for _, m := range out.Send {
		kinds = append(kinds, m.Kind)
	}
	require.Contains(t, kinds, raft.MsgJoinAccept)
	require.Equal(t, raft.ClusterID(5), four.node.identity.Cluster)
	require.Nil(t, show(6, four.node.self).Identity, "in its life")
	require.Equal(t, raft.ClusterID(5), four.node.identity.Cluster)
}

// Joining 7: a directory that is lost before it caught up leaves a learner that nobody is. What was
// promised to it is not handed to the next directory under its id; the operator adds that anew.
func TestALearnerWhoseDirectoryIsLostStaysSilentUntilItIsRemoved(t *testing.T) {
	c := formed(t, 3)
	four := c.spare()
	c.cut = func(m *raft.Message) bool { return m.Kind == raft.MsgAppend && m.To.ID == 4 }
	require.Equal(t, Done, c.leader().do(addition(four)).Outcome)
	c.until("the record", func() bool { return four.node.Status().Cluster != 0 })
	four.wipe()
	four.joins = true
	c.cut = nil
	require.NoError(t, four.start())
	c.advance(3 * time.Second)
	require.Zero(t, four.node.Status().Cluster, "another directory is another node")
	require.Equal(t, []raft.NodeID{1, 2, 3}, c.voters())
	require.Equal(t, CodeIsMember, c.leader().do(addition(four)).Code)

	require.Equal(t, Done, c.leader().do(removal(4)).Outcome)
	require.Equal(t, Done, c.leader().do(addition(four)).Outcome)
	c.untilVoters(1, 2, 3, 4)
	c.agree()
}
