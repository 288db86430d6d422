package node

import "encoding/binary"

// hasher makes the 128-bit hash of one record. State hashes are sums of such
// hashes, so that a record is replaced by subtracting the old hash and adding the
// new one, in any order. It finds nodes that drifted apart; it is no defence
// against somebody who chooses the records.
type hasher struct {
	a, b uint64
}

// The tables of the node's own replicated state.
const (
	tableSessions = 0x73657373696f6e73 // "sessions"
	tableReplies  = 0x7265706c69657320 // "replies "
	tableClock    = 0x636c6f636b202020 // "clock   "
	tableRequests = 0x7265717565737473 // "requests"
	tableBlobs    = 0x626c6f6273202020 // "blobs   "
)

func newHasher(table uint64) hasher {
	return hasher{a: 0x9e3779b97f4a7c15, b: 0xc2b2ae3d27d4eb4f}.u64(table)
}

// u64 takes one number into both halves: each is a chain of SplitMix64
// finalisers with a start and increment of its own.
func (h hasher) u64(v uint64) hasher {
	return hasher{a: finalise(h.a ^ v + 0x9e3779b97f4a7c15), b: finalise(h.b ^ v + 0xd1b54a32d192ed03)}
}

func finalise(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// bytes takes the length and then the bytes, eight at a time.
func (h hasher) bytes(p []byte) hasher {
	h = h.u64(uint64(len(p)))
	for len(p) >= 8 {
		h = h.u64(binary.LittleEndian.Uint64(p))
		p = p[8:]
	}
	if len(p) > 0 {
		var last [8]byte
		copy(last[:], p)
		h = h.u64(binary.LittleEndian.Uint64(last[:]))
	}
	return h
}

// string takes what bytes takes.
func (h hasher) string(s string) hasher { return h.bytes([]byte(s)) }

func (h hasher) sum() Hash { return Hash{h.a, h.b} }

func (h *Hash) add(o Hash) { h[0], h[1] = h[0]+o[0], h[1]+o[1] }
func (h *Hash) sub(o Hash) { h[0], h[1] = h[0]-o[0], h[1]-o[1] }
