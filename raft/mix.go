package raft

// Mix is Parley's one source of chance below the line: a keyed draw. Equal
// arguments give equal results on every processor, and a change of any argument gives
// an independent result, so that a draw is named by what it is for
// (seed, purpose, node, counter) instead of by how many draws came before.
//
// It chains the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
func Mix(parts ...uint64) uint64 {
	return chain(len(parts), parts)
}

// Chain is a Mix whose last part is still open. Draws that differ in that part alone, a counter mostly, take one round each.
type Chain uint64

// ChainOf returns the Chain of all parts but the last: ChainOf(a, b).Mix(c) is Mix(a, b, c).
func ChainOf(parts ...uint64) Chain { return Chain(chain(len(parts)+1, parts)) }

// Mix closes the chain.
func (c Chain) Mix(last uint64) uint64 { return round(uint64(c), last) }

// chain begins a chain that will have n parts.
func chain(n int, parts []uint64) uint64 {
	h := uint64(n) + 0x9e3779b97f4a7c15
	for _, p := range parts {
		h = round(h, p)
	}
	return h
}

func round(h, part uint64) uint64 {
	h ^= part
	h += 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
