package blob

import (
	"fmt"
	"math/bits"

	"parley/raft"
)

// Each member of the configuration has a bit, for as long as it is a member, so that a set of
// members is a word. A directory that comes back under the same id is another member:
// what the lost one held is forgotten with its bit.

// setMembers takes a configuration in.
func (r *Replicator) setMembers(c *raft.Configuration, index raft.Index) {
	if len(c.Members) > membersMax {
		broken("%d members", len(c.Members))
	}
	r.config, r.configIndex = c.Clone(), index
	var gone uint64
	for bit, who := range r.members {
		if !who.IsZero() && !c.Has(who) {
			gone |= 1 << bit
			r.members[bit] = raft.Ident{}
			r.listings[bit] = listing{}
		}
	}
	if gone != 0 {
		r.forgetMembers(gone)
	}
	for i := range c.Members {
		if who := c.Members[i].Ident; r.bitOf(who) == 0 {
			bit := bits.TrailingZeros64(^r.everybody())
			r.members[bit] = who
			r.listings[bit] = listing{at: r.now}
		}
	}
	if self := r.bitOf(r.self); self != r.selfBit {
		r.selfBit = self
		for _, b := range r.blobs {
			if b.held && b.wanted {
				b.holders |= self
			}
		}
		for i := range r.confirms {
			r.confirms[i].acks |= self
		}
	}
	r.peers = 0
	if r.selfBit != 0 {
		r.peers = r.everybody() &^ r.selfBit
	}
}

// forgetMembers takes bits out of everything, before others get them.
func (r *Replicator) forgetMembers(gone uint64) {
	for _, b := range r.blobs {
		b.holders &^= gone
		b.sources &^= gone
		b.suspects &^= gone
	}
	for i := range r.confirms {
		r.confirms[i].acks &^= gone
	}
	for i := range r.fetches {
		r.giveUpOn(&r.fetches[i], gone)
		r.fetches[i].forget(gone)
	}
}

// bitOf is a member's bit, zero if it is none.
func (r *Replicator) bitOf(who raft.Ident) uint64 {
	for bit := range r.members {
		if r.members[bit] == who && !who.IsZero() {
			return 1 << bit
		}
	}
	return 0
}

func (r *Replicator) everybody() uint64 {
	var all uint64
	for bit := range r.members {
		if !r.members[bit].IsZero() {
			all |= 1 << bit
		}
	}
	return all
}

// member is the member with a bit.
func (r *Replicator) member(bit uint64) raft.Ident { return r.members[r.slot(bit)] }

// slot is the place of a bit.
func (r *Replicator) slot(bit uint64) int { return bits.TrailingZeros64(bit) }

// eachOf calls yield with the members of a set, by bit.
func (r *Replicator) eachOf(set uint64, yield func(bit uint64, who raft.Ident)) {
	for ; set != 0; set &= set - 1 {
		bit := set & -set
		yield(bit, r.member(bit))
	}
}

// majority reports whether a set of members is a majority of a configuration, of both halves
// if it is joint [§6]. Learners count nowhere.
func (r *Replicator) majority(c *raft.Configuration, set uint64) bool {
	voters, have, old, haveOld := 0, 0, 0, 0
	for i := range c.Members {
		m := &c.Members[i]
		has := 0
		if r.bitOf(m.Ident)&set != 0 {
			has = 1
		}
		if m.Voter {
			voters, have = voters+1, have+has
		}
		if m.VoterOld {
			old, haveOld = old+1, haveOld+has
		}
	}
	return voters > 0 && 2*have > voters && (old == 0 || 2*haveOld > old)
}

// Verdict says whether a change of the membership leaves every blob that is named or pinned safe.
type Verdict struct {
	OK      bool
	Missing int // blobs that stand against it
	First   Sum // one of them
}

// String says it to the operator.
func (v Verdict) String() string {
	if v.OK {
		return "every file is where it must be"
	}
	return fmt.Sprintf("%d files are not yet stored where they must be (one is %s)", v.Missing, v.First.Short())
}

// MayPromote says whether a learner is known to hold every blob that is named or pinned.
// also are blobs that entries appended and not yet applied will pin. It belongs into the
// Step that appends the configuration entry.
func (r *Replicator) MayPromote(id raft.NodeID, also ...Sum) Verdict {
	m, _ := r.config.Find(id)
	bit := r.bitOf(m.Ident)
	return r.judge(also, func(b *record) bool { return b.holders&bit != 0 })
}

// MayRemove says whether every blob that is named or pinned is known to be held by a majority of
// what remains when a member is gone; see MayPromote for also.
func (r *Replicator) MayRemove(id raft.NodeID, also ...Sum) Verdict {
	next := raft.Configuration{}
	for _, m := range r.config.Members {
		if m.ID != id {
			next.Members = append(next.Members, m)
		}
	}
	return r.MayAdopt(&next, also...)
}

// MayAdopt says the same of any configuration.
func (r *Replicator) MayAdopt(next *raft.Configuration, also ...Sum) Verdict {
	return r.judge(also, func(b *record) bool { return r.majority(next, b.holders) })
}

func (r *Replicator) judge(also []Sum, safe func(*record) bool) Verdict {
	v := Verdict{OK: true}
	against := func(sum Sum) {
		if v.OK {
			v.First = sum
		}
		v.OK = false
		v.Missing++
	}
	for _, b := range r.blobs {
		if b.wanted && !safe(b) {
			against(b.sum)
		}
	}
	for _, sum := range also {
		if b := r.find(sum); b == nil || !b.wanted && !safe(b) {
			against(sum)
		}
	}
	return v
}

// Holders lists the members that are known to hold a blob durably.
func (r *Replicator) Holders(sum Sum) []raft.Ident {
	var list []raft.Ident
	if b := r.find(sum); b != nil {
		r.eachOf(b.holders, func(_ uint64, who raft.Ident) { list = append(list, who) })
	}
	return list
}

// Missing counts the wanted blobs that are not held here.
func (r *Replicator) Missing() int {
	n := 0
	for _, b := range r.blobs {
		if b.wanted && !b.held {
			n++
		}
	}
	return n
}
