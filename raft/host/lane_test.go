package host

import (
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// What is at stake: a heartbeat, a vote or an answer on the bulk lane would wait behind a
// snapshot; a snapshot on the protocol's would make them wait.
func TestOnlySnapshotsBlobsAndAsidesTakeTheBulkLane(t *testing.T) {
	var bulk []raft.MessageKind
	for k := range raft.MessageKind(255) {
		if LaneOf(k) == LaneBulk {
			bulk = append(bulk, k)
		}
	}
	require.Equal(t, []raft.MessageKind{raft.MsgSnapshotChunk, raft.MsgBlob, raft.MsgAside}, bulk)
}

// The numbers are in the hello of two releases.
func TestLanesKeepTheirNumbers(t *testing.T) {
	require.Equal(t, [...]Lane{1, 2}, Lanes)
	for lane := range Lane(255) {
		require.Equal(t, lane == LaneProtocol || lane == LaneBulk, lane.Known())
	}
	require.Equal(t, "protocol bulk lane3", LaneProtocol.String()+" "+LaneBulk.String()+" "+Lane(3).String())
}

func TestAFormerPeerHasNoBulkLane(t *testing.T) {
	l := Local{
		Peers:  []raft.Member{{Ident: raft.Ident{ID: 2}}},
		Former: []raft.Member{{Ident: raft.Ident{ID: 3}}},
	}
	require.Equal(t, []Route{{2, LaneProtocol}, {2, LaneBulk}, {3, LaneProtocol}}, l.Routes())
}
