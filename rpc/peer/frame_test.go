package peer

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
)

func testMessage(seq uint64, bytesPerEntry ...int) raft.Message {
	m := raft.Message{
		Kind: raft.MsgAppend, Cluster: 0xc1, Term: 3, Seq: seq,
		From: raft.Ident{ID: 1, Inc: 11}, To: raft.Ident{ID: 2, Inc: 22},
	}
	for i, n := range bytesPerEntry {
		m.Entries = append(m.Entries, raft.Entry{
			Index: raft.Index(i + 1), Term: 3, Kind: raft.EntryCommand, Payload: bytes.Repeat([]byte{byte(seq)}, n),
		})
	}
	return m
}

func testChunk(seq uint64, n int) raft.Message {
	m := testMessage(seq)
	m.Kind, m.Payload = raft.MsgSnapshotChunk, bytes.Repeat([]byte{byte(seq)}, n)
	return m
}

func TestAnyMessagesCrossInFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var sent, got []raft.Message
		for i := range rapid.IntRange(1, 20).Draw(t, "messages") {
			sizes := rapid.SliceOfN(rapid.IntRange(0, 2*frameBytes/3), 0, 4).Draw(t, "sizes")
			sent = append(sent, testMessage(uint64(i+1), sizes...))
			if rapid.Bool().Draw(t, "bulk") {
				sent[i] = testChunk(uint64(i+1), rapid.IntRange(0, 5*frameBytes).Draw(t, "piece"))
			}
		}
		for rest := sent; len(rest) > 0; {
			room := nextFrameSize(rest)
			frame, n := appendFrame(nil, rest)
			require.Positive(t, n)
			require.LessOrEqual(t, len(frame), room, "the frame fits what was reserved")
			require.True(t, n == 1 || len(frame) <= frameBytes, "only a single message may exceed a frame")
			msgs, err := decodeFrame(frame)
			require.NoError(t, err)
			require.Len(t, msgs, n)
			got, rest = append(got, msgs...), rest[n:]
		}
		require.Len(t, got, len(sent))
		for i := range sent {
			require.Equal(t, raft.AppendMessage(nil, &sent[i]), raft.AppendMessage(nil, &got[i]))
		}
	})
}

// What is at stake: the peers' port takes bytes from anybody.
func FuzzFramesAndHellos(f *testing.F) {
	frame, _ := appendFrame(nil, []raft.Message{testMessage(1, 10), testMessage(2)})
	f.Add(frame)
	f.Add(frame[:len(frame)-1])
	f.Add(appendHello(nil, hello{version: 3, lane: 1, from: raft.Ident{ID: 1, Inc: 2}, to: raft.Ident{ID: 2}}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if msgs, err := decodeFrame(b); err == nil {
			again := []byte{}
			for rest := msgs; len(rest) > 0; {
				var n int
				again, n = appendFrame(again, rest[:1])
				rest = rest[n:]
			}
			require.Equal(t, b, again, "what decodes is what was encoded")
		}
		if h, err := decodeHello(b); err == nil {
			back, err := decodeHello(appendHello(nil, h))
			require.NoError(t, err)
			require.Equal(t, h, back)
		}
	})
}
