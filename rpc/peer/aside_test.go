package peer

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/host"
)

// aside is what was said, and by whom.
type aside struct {
	from raft.NodeID
	text string
}

// listener is a node that hears what others say beside the protocol, if it listens at all.
func listener(t *testing.T, id raft.NodeID, listens bool) (*Transport, chan aside) {
	heard := make(chan aside, 100)
	o := Options{Logger: slog.New(slog.DiscardHandler)}
	if listens {
		o.Aside = func(from raft.NodeID, text []byte) { heard <- aside{from, string(text)} }
	}
	tr, err := Listen("127.0.0.1:0", o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close()) })
	return tr, heard
}

// begin makes nodes peers of one another.
func begin(t *testing.T, cluster raft.ClusterID, nodes ...*Transport) {
	for i, tr := range nodes {
		l := host.Local{Self: raft.Ident{ID: raft.NodeID(i + 1), Inc: 7}, Cluster: cluster}
		for j, other := range nodes {
			if j != i {
				l.Peers = append(l.Peers, raft.Member{Ident: raft.Ident{ID: raft.NodeID(j + 1), Inc: 7}, PeerAddr: other.Addr()})
			}
		}
		require.NoError(t, tr.Start(l, new(counter)))
	}
}

// say repeats it until it is heard: nothing is kept for a peer that can't be reached yet.
func say(t *testing.T, tr *Transport, text string, heard chan aside) aside {
	t.Helper()
	end := time.After(awaitLimit)
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		tr.Aside([]byte(text))
		select {
		case a := <-heard:
			return a
		case <-again.C:
		case <-end:
			require.FailNow(t, "nobody hears it")
		}
	}
}

func TestAnAsideReachesEveryPeerThatListens(t *testing.T) {
	one, fromOthers := listener(t, 1, true)
	two, heard := listener(t, 2, true)
	deaf, _ := listener(t, 3, false)
	begin(t, 0xc1, one, two, deaf)
	require.Equal(t, aside{1, "hello"}, say(t, one, "hello", heard))
	require.Equal(t, aside{2, "hello too"}, say(t, two, "hello too", fromOthers))
	deaf.Aside([]byte("nobody hears this")) // who does not listen does not speak
	one.Aside(make([]byte, asideBytesMax+1))
	require.Equal(t, aside{1, "again"}, func() aside {
		for {
			if a := say(t, one, "again", heard); a.text != "hello" {
				return a
			}
		}
	}())
}

// What is at stake: a text that nobody asked for must not reach the node, nor end the stream that it came on.
func TestAnAsideNeverReachesTheNode(t *testing.T) {
	for _, listens := range []bool{false, true} {
		heard := make(chan aside, 10)
		o := Options{Logger: slog.New(slog.DiscardHandler)}
		if listens {
			o.Aside = func(from raft.NodeID, text []byte) { heard <- aside{from, string(text)} }
		}
		tr, err := Listen("127.0.0.1:0", o)
		require.NoError(t, err)
		got := make(inbox, 100)
		require.NoError(t, tr.Start(host.Local{Self: raft.Ident{ID: 2, Inc: 22}, Cluster: 0xc1}, got))
		said := testChunk(1, 0)
		said.Kind, said.Payload = raft.MsgAside, []byte("x")
		long := said
		long.Payload = make([]byte, asideBytesMax+1)
		tr.deliver([]raft.Message{said, testChunk(2, 10), long, testChunk(3, 10)})
		tr.deliver([]raft.Message{said})
		tr.deliver([]raft.Message{testChunk(4, 10)})
		for seq := uint64(2); seq <= 4; seq++ {
			require.Equal(t, seq, (<-got).Seq)
		}
		require.Empty(t, got)
		require.Len(t, heard, map[bool]int{true: 2}[listens])
		require.NoError(t, tr.Close())
	}
}
