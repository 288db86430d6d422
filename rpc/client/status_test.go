package client

import (
	"testing"

	"github.com/stretchr/testify/require"

	pb "parley/rpc/proto/parley/v1"
)

// A node that was cut off still believes in the old leader; the newest term knows
// better.
func TestThePictureOfTheClusterIsThatOfTheNewestTerm(t *testing.T) {
	members := []*pb.Member{{Id: 1, ClientAddress: "a"}, {Id: 2, ClientAddress: "b"}, {Id: 3, ClientAddress: "c"}}
	view := func(id, term, leader, commit, applied uint64) *pb.StatusResponse {
		return &pb.StatusResponse{Cluster: 7, Leader: leader, Members: members,
			Self: &pb.NodeStatus{Id: id, Term: term, Commit: commit, Applied: applied}}
	}
	stranger := view(3, 99, 3, 1, 1)
	stranger.Cluster = 8
	s := merge([]*pb.StatusResponse{view(1, 1, 1, 5, 5), view(2, 2, 2, 9, 8), stranger})
	require.EqualValues(t, 2, s.Leader)
	require.EqualValues(t, 2, s.Term)
	require.EqualValues(t, 7, s.Cluster)
	require.Equal(t, []bool{true, true, false}, []bool{s.Nodes[0].Alive, s.Nodes[1].Alive, s.Nodes[2].Alive})
	require.EqualValues(t, 4, s.Nodes[0].Lag)
	require.EqualValues(t, 1, s.Nodes[1].Lag)
}

func TestBeforeFormationThePictureIsWhoAnswers(t *testing.T) {
	s := merge([]*pb.StatusResponse{{Self: &pb.NodeStatus{Id: 2}}, {Self: &pb.NodeStatus{Id: 1}}})
	require.Zero(t, s.Leader)
	require.Len(t, s.Nodes, 2)
	require.EqualValues(t, 1, s.Nodes[0].ID)
	require.True(t, s.Nodes[0].Alive)
}
