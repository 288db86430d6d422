package blob

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// sampleMessages has one message of each kind with every field that the kind carries set.
func sampleMessages() []Message {
	a, b, c := Sum{0xa1, 0xa2}, Sum{0xb1, 0xb2}, Sum{0xc1}
	base := Message{Nonce: 0x1112131415161718, Position: 7, Time: 1 << 40}
	var list []Message
	for kind := MsgOffer; kind <= MsgPage; kind++ {
		m := base
		m.Kind = kind
		switch kind {
		case MsgOffer:
			m.Sum, m.Size = a, 100
		case MsgAck:
			m.Sum, m.Promise = a, 1<<41
		case MsgAsk, MsgHold:
			m.Sums = []Sum{a, b}
		case MsgAnswer:
			m.Sums, m.Parts = []Sum{a, b}, []Sum{c}
		case MsgPull:
			m.Sum, m.Offset, m.Bytes = a, 65536, 4096
		case MsgChunk:
			m.Sum, m.Offset, m.Data = a, 65536, []byte("content")
		case MsgNack:
			m.Sum, m.Offset, m.Busy = a, 65536, true
		case MsgList:
			m.FromSum = b
		case MsgPage:
			m.FromSum, m.ToSum, m.Sums = a, lastSum, []Sum{b, c}
		}
		list = append(list, m)
	}
	return list
}

// The bytes on the wire never change under a version: nodes of two releases talk.
func TestGoldenBytesOfMessagesStayStill(t *testing.T) {
	var got bytes.Buffer
	for _, m := range sampleMessages() {
		fmt.Fprintf(&got, "%s\n%s", m.Kind, hex.Dump(AppendMessage(nil, &m)))
	}
	golden(t, "testdata/codec.golden", got.String())
}

func TestEveryMessageComesBackAsItWasSent(t *testing.T) {
	for _, m := range sampleMessages() {
		back, err := DecodeMessage(AppendMessage([]byte("before"), &m)[len("before"):])
		require.NoError(t, err, m.Kind)
		require.Equal(t, &m, back)
	}
}

func TestAnyFlippedBitOfAMessageIsRefused(t *testing.T) {
	for _, m := range sampleMessages() {
		wire := AppendMessage(nil, &m)
		for bit := range len(wire) * 8 {
			bad := bytes.Clone(wire)
			bad[bit/8] ^= 1 << (bit % 8)
			_, err := DecodeMessage(bad)
			require.ErrorIs(t, err, ErrCodec, "%s bit %d", m.Kind, bit)
		}
		for n := range wire {
			_, err := DecodeMessage(wire[:n])
			require.ErrorIs(t, err, ErrCodec, "%s cut to %d", m.Kind, n)
		}
	}
}

// A count is believed only as far as bytes follow it.
func TestACountBeyondTheBytesIsRefused(t *testing.T) {
	for _, m := range []Message{{Kind: MsgAsk, Sums: []Sum{{1}, {1}}}, {Kind: MsgAsk, Sums: []Sum{{2}, {1}}}, {Kind: MsgHold, Sums: make([]Sum, sumsMax+1)}, {Kind: MsgPull, Bytes: chunkBytesLimit + 1}, {Kind: MsgOffer, Size: blobBytesLimit + 1}} {
		_, err := DecodeMessage(AppendMessage(nil, &m))
		require.ErrorIs(t, err, ErrCodec, "%v", m.Kind)
	}
	wire := AppendMessage(nil, &Message{Kind: MsgAsk, Sums: []Sum{{1}}})
	le.PutUint32(wire[messageStart:], 1000)
	wire = le.AppendUint32(wire[:len(wire)-crcBytes], checksum(wire[:len(wire)-crcBytes]))
	_, err := DecodeMessage(wire)
	require.ErrorIs(t, err, ErrCodec)
}

// Whatever arrives, decoding says yes or no; what it accepts encodes to the same bytes.
func FuzzDecodeMessage(f *testing.F) {
	for _, m := range sampleMessages() {
		f.Add(AppendMessage(nil, &m))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		// Behind the checksum, or hardly anything would come far.
		if len(src) >= crcBytes {
			le.PutUint32(src[len(src)-crcBytes:], checksum(src[:len(src)-crcBytes]))
		}
		m, err := DecodeMessage(src)
		if err != nil {
			return
		}
		if back := AppendMessage(nil, m); !bytes.Equal(back, src) {
			t.Fatalf("accepted %x, encodes to %x", src, back)
		}
	})
}

// FuzzStep reads bytes as what happens to one replicator: messages with any fields, wants, answers
// of the disk, time. Step never panics and its invariants hold.
func FuzzStep(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16})
	f.Add([]byte{1, 0, 3, 3, 1, 9, 1, 1, 0, 2, 0, 6, 1, 1, 1, 1, 4, 1, 200, 5, 1, 1})
	f.Fuzz(func(t *testing.T, src []byte) {
		next := func() int {
			if len(src) == 0 {
				return 0
			}
			b := src[0]
			src = src[1:]
			return int(b)
		}
		r := newRig(t, voters(1, 2, 3, -4))
		sums := []Sum{SumOf(content(0, 0)), SumOf(content(1, 40)), SumOf(content(2, 80)), SumOf(content(3, 120))}
		pick := func() (int, Sum) { k := next() % len(sums); return k, sums[k] }
		for at := range 200 {
			if len(src) == 0 {
				return
			}
			k, sum := pick()
			switch next() % 12 {
			case 0:
				r.want(sum, 40*k, raft.Position(at+2))
			case 1:
				r.step(Input{Kind: InputUnwant, Want: Want{Sum: sum}, Position: raft.Position(at + 2), Time: r.seen})
			case 2:
				r.upload(content(k, 40*k))
			case 3:
				r.confirm(sum)
			case 4:
				r.applied(raft.Position(at+2), worldOptions.Grace/4)
			case 5:
				r.step(Input{Kind: InputCaughtUp})
			case 6:
				r.hold = !r.hold
				r.step()
			case 7:
				_ = r.fs.FlipBit(dir+"/"+fileName(sum, suffixBlob), int64(next()))
			default:
				m := Message{Kind: MessageKind(next()%10 + 1), Sum: sum, Size: int64(40 * k), Sums: []Sum{sum}, ToSum: lastSum, Offset: int64(64 * (next() % 3)), Bytes: next(), Busy: next()%2 == 0}
				if len(r.rep.fetches) > 0 {
					m.Nonce = r.rep.fetches[0].id
				}
				if len(r.rep.confirms) > 0 {
					m.Nonce, m.Promise = r.rep.confirms[0].nonce, r.seen.Add(worldOptions.Grace)
				}
				if p := content(k, 40*k); m.Offset < int64(len(p)) {
					m.Data = p[m.Offset:min(len(p), int(m.Offset)+64)]
				}
				r.deliver(2+next()%3, m)
			}
			r.after(listEvery / 4)
		}
	})
}
