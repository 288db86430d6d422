package raft

import (
	"bytes"
	"encoding/hex"
	"hash/crc32"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// decodeFramed decodes bytes that are exactly one message in its frame.
func decodeFramed(b []byte) (Message, bool) {
	raw, rest, err := CutFramed(b)
	if err != nil || len(rest) > 0 {
		return Message{}, false
	}
	m, err := DecodeMessage(raw)
	return m, err == nil
}

func framedHeartbeat() []byte {
	return AppendFramed(nil, &Message{Kind: MsgHeartbeat, Cluster: 0xc1, From: Ident{1, 11}, To: Ident{2, 22}, Term: 3, Seq: 4, Round: 5, Commit: 6})
}

// Two releases meet at these bytes.
func TestAFrameKeepsItsBytes(t *testing.T) {
	b := framedHeartbeat()
	require.Equal(t, "50000000"+"1da5a50a", hex.EncodeToString(b[:FrameOverhead]))
	require.Equal(t, AppendMessage(nil, &Message{Kind: MsgHeartbeat, Cluster: 0xc1, From: Ident{1, 11}, To: Ident{2, 22}, Term: 3, Seq: 4, Round: 5, Commit: 6}), b[FrameOverhead:])
}

// The length's checksum is the same that everything else has, or the guarantee of the frame would be another.
func TestTheChecksumOfALengthIsThatOfItsBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint32().Draw(t, "length")
		require.Equal(t, crc32.Checksum(le.AppendUint32(nil, n), castagnoli), sumOfLength(n))
	})
}

// What is at stake: a connection promises no more than sixteen bits of a sum, and machines between
// nodes turn bits. Nothing of one message's frame may turn unseen, its length included.
func TestEveryFlipOfUpToThreeBitsAndEveryBurstInAFrameIsRefused(t *testing.T) {
	good := framedHeartbeat()
	_, ok := decodeFramed(good)
	require.True(t, ok)
	bad := make([]byte, len(good))
	flip := func(bits ...int) {
		for _, i := range bits {
			bad[i/8] ^= 1 << (i % 8)
		}
	}
	refused := func(what string, bits ...int) {
		if _, ok := decodeFramed(bad); ok {
			require.Fail(t, "accepted", "%s %v", what, bits)
		}
	}
	copy(bad, good)
	n := 8 * len(good)
	for i := range n {
		flip(i)
		refused("one bit", i)
		for j := i + 1; j < n; j++ {
			flip(j)
			refused("two bits", i, j)
			flip(j)
		}
		flip(i)
	}
	for first := range n {
		for length := 2; length <= 32 && first+length <= n; length++ {
			for _, inner := range []uint64{0, 1<<30 - 1, 0x2aaaaaaa, 0x12345678} {
				pattern := 1 | 1<<(length-1) | inner<<1&(1<<(length-1)-1)
				turn := func() {
					for k := range length {
						if pattern>>k&1 != 0 {
							flip(first + k)
						}
					}
				}
				turn()
				refused("burst", first, length)
				turn()
			}
		}
	}
	require.Equal(t, good, bad)
}

// Three bits of a message of any size, entries and all; and they may lie far apart.
func TestThreeFlippedBitsAnywhereInAFrameAreSeen(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Message{Kind: MsgAppend, Cluster: 0xc1, From: Ident{1, 11}, To: Ident{2, 22}, Term: 3}
		for i, n := range rapid.SliceOfN(rapid.IntRange(0, 3000), 0, 5).Draw(t, "sizes") {
			m.Entries = append(m.Entries, Entry{Index: Index(i + 1), Term: 3, Kind: EntryCommand, Payload: bytes.Repeat([]byte{byte(i)}, n)})
		}
		b := AppendFramed(nil, &m)
		for _, i := range rapid.SliceOfNDistinct(rapid.IntRange(0, 8*len(b)-1), 1, 3, rapid.ID[int]).Draw(t, "bits") {
			b[i/8] ^= 1 << (i % 8)
		}
		_, ok := decodeFramed(b)
		require.False(t, ok)
	})
}

// Frames stand one behind the other; what follows is left alone, and what is short is refused.
func TestFramesAreCutOffOneAfterTheOther(t *testing.T) {
	one := framedHeartbeat()
	two := append(bytes.Clone(one), one...)
	raw, rest, err := CutFramed(two)
	require.NoError(t, err)
	require.Equal(t, one[FrameOverhead:], raw)
	require.Equal(t, one, rest)
	for n := range len(one) {
		_, _, err := CutFramed(one[:n])
		require.ErrorIs(t, err, ErrCodec)
	}
}
