package blob

import (
	"slices"

	"parley/raft"
)

// confirm is an upload that waits for a majority.
type confirm struct {
	ticket   uint64
	nonce    uint64
	sum      Sum
	acks     uint64       // members that have it, this one among them
	notAfter raft.LogTime // until when all who acknowledged keep it, at least
	offerAt  raft.Mono
	freshAt  raft.Mono // when an entry is asked for again, if the newest is too old
	until    raft.Mono
}

// confirm begins to ask for a majority. This node's own copy counts like the others':
// it is durable, and kept.
func (r *Replicator) confirm(ticket uint64, sum Sum) {
	b := r.find(sum)
	switch {
	case b == nil || !b.steady():
		r.out.Failed = append(r.out.Failed, Failure{ticket, sum, FailedNotHeld})
		return
	case len(r.confirms) >= r.o.ConfirmsMax:
		r.out.Failed = append(r.out.Failed, Failure{ticket, sum, FailedBusy})
		return
	}
	b.confirms++
	c := confirm{ticket: ticket, sum: sum, until: r.now.Add(confirmPatience)}
	r.beginRound(&c, b)
	r.confirms = append(r.confirms, c)
	r.settle(b)
}

// beginRound forgets the acknowledgements there were, if any, and asks for new ones.
func (r *Replicator) beginRound(c *confirm, b *record) {
	c.nonce, c.acks, c.notAfter, c.offerAt = r.draw(), r.selfBit, r.promise(b), r.now
	if !b.wanted {
		b.holders, b.proof = r.selfBit, c.notAfter
	}
}

// promise is until when this node keeps a blob that nothing wants yet, from now on. It counts from
// the latest log time heard of: a node that lags would promise what is past. It never counts from what a clock
// reckons: the process behind a crash knows what was committed, and not what was reckoned (catchUp).
func (r *Replicator) promise(b *record) raft.LogTime {
	b.keep = max(b.keep, r.latest.Add(r.o.Grace))
	return b.keep
}

// outdated reports whether nobody has written to the log for so long that a promise which counts from its last entry
// would be past before the pin is appended.
func (r *Replicator) outdated() bool { return r.reckoned > r.latest.Add(r.o.Grace/4) }

// driveConfirms offers, and ends what is done or takes too long.
func (r *Replicator) driveConfirms() {
	for i := 0; i < len(r.confirms); {
		c := &r.confirms[i]
		b := r.find(c.sum)
		if r.latest.Add(r.o.Grace/2) > c.notAfter {
			r.beginRound(c, b) // what was promised ends too soon for the pin
			r.settle(b)
		}
		switch {
		case r.majority(&r.config, c.acks) && r.reckoned <= c.notAfter:
			r.out.Confirmed = append(r.out.Confirmed, Confirmation{c.ticket, c.sum, b.size, r.configIndex, c.notAfter})
			r.note(Note{Kind: NoteConfirmed, Sum: c.sum})
			r.endConfirm(i, b)
		case r.now >= c.until:
			r.out.Failed = append(r.out.Failed, Failure{c.ticket, c.sum, FailedNoMajority})
			r.endConfirm(i, b)
		case r.outdated():
			if r.now >= c.freshAt {
				c.freshAt, r.out.Outdated = r.now.Add(offerEvery), true
			}
			i++
		default:
			if r.now >= c.offerAt {
				c.offerAt = r.now.Add(offerEvery)
				r.offer(c, b)
			}
			i++
		}
	}
}

// offer offers the blob to the voters of either half that did not acknowledge it.
func (r *Replicator) offer(c *confirm, b *record) {
	r.eachOf(r.peers&^c.acks, func(_ uint64, who raft.Ident) {
		if r.config.IsVoter(who) {
			r.send(who, Message{Kind: MsgOffer, Nonce: c.nonce, Sum: b.sum, Size: b.size})
		}
	})
}

func (r *Replicator) endConfirm(i int, b *record) {
	r.confirms = slices.Delete(r.confirms, i, i+1)
	b.confirms--
	r.settle(b)
}

// failConfirms ends all confirmations of a blob.
func (r *Replicator) failConfirms(b *record, why Reason) {
	for i := len(r.confirms) - 1; i >= 0; i-- {
		if c := r.confirms[i]; c.sum == b.sum {
			r.out.Failed = append(r.out.Failed, Failure{c.ticket, c.sum, why})
			r.confirms = slices.Delete(r.confirms, i, i+1)
			b.confirms--
		}
	}
}

// onAck counts an acknowledgement: of this request, by this member's directory.
func (r *Replicator) onAck(m *Message, bit uint64) {
	for i := range r.confirms {
		c := &r.confirms[i]
		if c.nonce != m.Nonce || c.sum != m.Sum {
			continue
		}
		c.acks |= bit
		c.notAfter = min(c.notAfter, m.Promise)
		b := r.find(c.sum)
		b.sources |= bit
		if !b.wanted {
			b.holders |= bit
			b.proof = min(b.proof, m.Promise)
		} else if m.Position >= b.since {
			b.holders |= bit
		}
	}
}

// onOffer acknowledges what is here, or fetches it for the acknowledgement.
func (r *Replicator) onOffer(m *Message, bit uint64) {
	b := r.find(m.Sum)
	if m.Size > r.o.BlobBytesMax || b != nil && (b.held || b.wanted) && b.size != m.Size {
		return
	}
	if b != nil && b.steady() {
		r.acknowledge(b, m.From, m.Nonce)
		r.settle(b)
		return
	}
	if (b == nil || len(b.offers) == 0) && len(r.offered) >= r.o.OffersMax {
		return // it will be offered again
	}
	b = r.record(m.Sum, m.Size)
	if !b.held && !b.wanted && !b.fetching {
		b.size = m.Size // a part that was found at start has none
	}
	if len(b.offers) == 0 {
		r.offered = append(r.offered, b.sum)
	}
	b.offers = slices.DeleteFunc(b.offers, func(o offer) bool { return o.who == m.From && o.nonce == m.Nonce })
	if len(b.offers) < membersMax {
		b.offers = append(b.offers, offer{m.From, m.Nonce, r.now.Add(offerPatience)})
	}
	if b.sources&bit == 0 {
		b.sources |= bit
		b.retryAt = min(b.retryAt, r.now)
	}
	r.settle(b)
}

// acknowledge promises to keep a blob that is here.
func (r *Replicator) acknowledge(b *record, to raft.Ident, nonce uint64) {
	r.send(to, Message{Kind: MsgAck, Nonce: nonce, Sum: b.sum, Promise: r.promise(b)})
}

// answerOffers acknowledges a blob that has just come to be here.
func (r *Replicator) answerOffers(b *record) {
	if len(b.offers) == 0 || !b.steady() {
		return
	}
	for _, o := range b.offers {
		if r.bitOf(o.who) != 0 {
			r.acknowledge(b, o.who, o.nonce)
		}
	}
	r.dropOffers(b)
}

func (r *Replicator) dropOffers(b *record) {
	b.offers = nil
	r.offered = slices.DeleteFunc(r.offered, func(sum Sum) bool { return sum == b.sum })
}

// expireOffers forgets offers that are not repeated. A blob that was fetched for them alone
// is collected like any other.
func (r *Replicator) expireOffers() {
	for i := len(r.offered) - 1; i >= 0; i-- {
		b := r.find(r.offered[i])
		b.offers = slices.DeleteFunc(b.offers, func(o offer) bool { return r.now >= o.until })
		if len(b.offers) > 0 {
			continue
		}
		r.dropOffers(b)
		b.keep = max(b.keep, r.logTime.Add(r.o.Grace))
		if b.fetching && !b.needed() {
			r.cancel(b)
		}
		r.settle(b)
	}
}
