package raft

// Mix is Parley's one source of chance below the line: a keyed draw. Equal
// arguments give equal results on every processor, and a change of any argument gives
// an independent result, so that a draw is named by what it is for
// (seed, purpose, node, counter) instead of by how many draws came before.
//
// It chains the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
func Mix(parts ...uint64) uint64 {
	h := uint64(len(parts)) + 0x9e3779b97f4a7c15
	for _, p := range parts {
		h ^= p
		h += 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}
