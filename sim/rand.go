package sim

import (
	"math/bits"

	"parley/raft"
)

// purpose is the first part of a draw's key: what the chance decides. Draws for
// different purposes never share a counter, so that a fault taken out of a plan
// moves no other decision.
type purpose uint64

// The purposes. Their numbers are part of what a seed means: append, never
// renumber.
const (
	purposePlan purpose = iota + 1
	purposeCluster
	purposeIncarnation
	purposeNodeSeed
	purposeLink
	purposeClientLink
	purposeWriteTime
	purposeSyncTime
	purposeCrashKeep
	purposeTarget
	purposeOperation
	purposeArrival
	purposeCallerSeed
	purposeSubscriber
	purposeFileSystem
	purposeTear
	purposeLoop
	purposePrepare
	purposeRecovery
	purposeOperator
	purposeTask
	purposeReport
	purposeDevice
	purposeReplace
	purposeSurvivor
	purposeBlob
	purposeBulk
	purposeUploader
	purposeUploaderLink
	_ // once the release of old nodes, which the plan says now
	purposeChunk
	purposeWear
	purposePast
	purposeScheduler
	purposeNotice
	purposeBackup
)

// chance is a run's one source of chance: a function of the seed and of a key,
// without any state of its own.
type chance struct{ seed uint64 }

// draw returns the 64 bits that belong to the key (purpose, who, n).
func (c chance) draw(p purpose, who, n uint64) uint64 {
	return raft.Mix(c.seed, uint64(p), who, n)
}

// series returns the draws of the keys (purpose, who, …): its Mix(n) is draw(p, who, n).
func (c chance) series(p purpose, who uint64) raft.Chain {
	return raft.ChainOf(c.seed, uint64(p), who)
}

// stream returns the draws of one key one after another.
func (c chance) stream(p purpose, who uint64) stream {
	return stream{chain: raft.ChainOf(raft.Mix(c.seed, uint64(p), who))}
}

// stream is a counter over one key. The generator of plans uses one per idea,
// each link and each disk has its own.
type stream struct {
	chain raft.Chain
	n     uint64
}

// next returns the following 64 bits.
func (s *stream) next() uint64 {
	s.n++
	return s.chain.Mix(s.n)
}

// below returns a number in [0, n); zero if n is zero.
func (s *stream) below(n uint64) uint64 { return below(s.next(), n) }

// between returns a number in [lo, hi].
func (s *stream) between(lo, hi int64) int64 { return between(s.next(), lo, hi) }

// chance reports true n times in 1,000.
func (s *stream) perMille(n int64) bool { return int64(s.below(1000)) < n }

// exponential returns a number with the given mean; see exponential.
func (s *stream) exponential(mean int64) int64 { return exponential(s.next(), mean) }

// below maps 64 random bits to [0, n) without division.
func below(x, n uint64) uint64 {
	hi, _ := bits.Mul64(x, n)
	return hi
}

// between maps 64 random bits to [lo, hi].
func between(x uint64, lo, hi int64) int64 {
	if hi <= lo {
		return lo
	}
	return lo + int64(below(x, uint64(hi-lo)+1))
}

// exponential maps 64 random bits to an exponentially distributed number with
// the given mean, cut off at about 44 times the mean. It computes -ln(x/2^64)
// in integers: floating point differs between processors (fused multiply-add)
// and would make one seed mean two things.
func exponential(x uint64, mean int64) int64 {
	if mean <= 0 {
		return 0
	}
	x |= 1
	zeros := bits.LeadingZeros64(x)
	// The mantissa in [1, 2) as 1.31 fixed point; its log2 by repeated squaring.
	m := (x << zeros) >> 32
	log := uint64(0)
	for range 16 {
		m = m * m >> 31
		bit := m >> 32 // 1 if it is two or more; which no processor can guess
		m >>= bit & 1
		log = log<<1 | bit
	}
	minusLog2 := uint64(zeros+1)<<16 - log // 16 fractional bits
	const ln2 = 45426                      // ln 2 with 16 fractional bits
	hi, lo := bits.Mul64(minusLog2*ln2, uint64(mean))
	return int64(hi<<32 | lo>>32)
}
