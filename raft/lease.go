package raft

import (
	"math/bits"
	"time"
)

// Leases [T§6.4.1]: a leader that knows that nobody else can have been elected yet answers
// reads without a round. Off unless Config.Lease says how long one may last.
//
//	leader   ──┬ round n leaves ············ lease ends ┆
//	            ╲                               ↑       ┆
//	voter        ┴ hears it, answers ······················ may vote again
//
// A voter that answers a round grants nobody a vote for an election timeout on its own clock,
// from the moment at which it hears the round; that is later than the moment at which the round
// left, from which the leader counts on its own clock. A quorum of such answers meets every quorum
// that could elect somebody [§5.2], so that while the lease lasts nobody was elected, nobody
// else committed anything, and what this leader has committed is the latest there is.
//
// What that rests on:
//
//   - Clocks. Over the length of a lease every clock errs by less than Config.ClockDriftPPM, by
//     running fast or slow and by standing still taken together. Nothing tells a node that its
//     clock froze: an assumption it stays.
//   - Memory. The voter's word outlives its process, so that one that starts with leases on
//     grants no vote for an election timeout, unless it never was in any term.
//   - Terms. The word binds whatever term the voter is in meanwhile: a term may reach it in a
//     refusal that was long under way, from a candidate that nobody could elect.
//   - The same election timeout on all nodes. That leases are on may differ: a voter says so
//     in its answer, and the word of one that started without them is not counted.
//   - Transfer. A vote that a leader asked for is granted all the same, so that this leader's
//     lease is over before TimeoutNow leaves, for the rest of its term: TimeoutNow, and the
//     requests that it brings about, may be under way for as long as they like. Another leader
//     can't hold a lease then. One of a lower term has lost its own when this one was elected; and
//     for one of a higher term a quorum has voted in that term, which such a request does not reach.
//
// Learners, and whoever is not in the configuration in force, do not count; a joint
// configuration needs both halves [§6].

// DefaultClockDriftPPM is the default of Config.ClockDriftPPM: 5 %, hundreds of times
// what crystals drift, and with the default election timeout 12 ms of standing still.
const DefaultClockDriftPPM = 50_000

// clockDriftMaxPPM keeps a lease from getting absurd: half of the time.
const clockDriftMaxPPM = 500_000

// LeaseMax returns the longest lease that voters with this election timeout keep, in real
// time: one whose clock runs fast by the bound finds the timeout over that early.
func LeaseMax(electionTimeout time.Duration, ppm int64) time.Duration {
	return scale(electionTimeout, million, million+uint64(ppm))
}

const million = 1_000_000

// scale returns d*num/den, rounded down, without overflow for num <= den.
func scale(d time.Duration, num, den uint64) time.Duration {
	hi, lo := bits.Mul64(uint64(d), num)
	q, _ := bits.Div64(hi, lo, den)
	return time.Duration(q)
}

// limitLease brings the lease within what voters keep.
func (c *Config) limitLease() {
	if c.ClockDriftPPM <= 0 {
		c.ClockDriftPPM = DefaultClockDriftPPM
	}
	c.ClockDriftPPM = min(c.ClockDriftPPM, clockDriftMaxPPM)
	c.Lease = min(max(c.Lease, 0), LeaseMax(c.ElectionTimeout, c.ClockDriftPPM))
}

// lease is what a leader knows of its rounds beside their numbers.
type lease struct {
	sent [leaseRounds]Mono // when round n left, at n % leaseRounds
	over bool              // TimeoutNow left: no more leases in this term
}

// left notes when a round leaves: the time of this Step, which is before its messages go.
func (l *lease) left(round uint64, now Mono) { l.sent[round%leaseRounds] = now }

// leaseHolds reports whether reads may be answered now without a round. The leader's own clock
// may be slow by the bound: it counts that much less.
func (r *Raft) leaseHolds() bool { return r.leaseHoldsAt(r.now) }

func (r *Raft) leaseHoldsAt(now Mono) bool {
	q := &r.reads
	if r.cfg.Lease == 0 || q.lease.over {
		return false
	}
	n := uint64(r.reached(int64(q.round), func(p *progress) int64 { return int64(p.leased) }))
	if n == 0 || n > q.round || q.round-n >= leaseRounds {
		return false
	}
	span := scale(r.cfg.Lease, million-uint64(r.cfg.ClockDriftPPM), million)
	return now.Sub(q.lease.sent[n%leaseRounds]) < span
}

// Leased reports whether this node leads and has a lease at that reading of its own clock, which is not before its
// last Step. For judges.
func (r *Raft) Leased(now Mono) bool { return r.role == Leader && r.leaseHoldsAt(now) }

// giveWord binds this voter to the leader that it answers.
func (r *Raft) giveWord() {
	if r.cfg.Lease > 0 {
		r.boundTo = r.now.Add(r.cfg.ElectionTimeout)
	}
}

// bound reports whether this voter's word keeps it from voting, in whatever term.
func (r *Raft) bound() bool { return r.cfg.Lease > 0 && r.now < r.boundTo }
