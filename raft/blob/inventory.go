package blob

import (
	"parley/raft"
)

// listing is how far a peer was asked page by page what it holds.
type listing struct {
	from  Sum
	nonce uint64 // of the last question; other answers are late
	at    raft.Mono
}

// onAsk takes back what the peer was thought to hold, and answers.
func (r *Replicator) onAsk(m *Message, bit uint64) {
	answer := Message{Kind: MsgAnswer}
	for _, sum := range m.Sums {
		b := r.find(sum)
		if b == nil {
			continue
		}
		b.holders &^= bit
		b.sources &^= bit
		for i := range r.confirms {
			if c := &r.confirms[i]; c.sum == sum {
				c.acks &^= bit
			}
		}
		switch {
		case b.steady():
			answer.Sums = append(answer.Sums, sum)
		case b.part:
			answer.Parts = append(answer.Parts, sum)
		}
	}
	if len(answer.Sums)+len(answer.Parts) > 0 {
		r.send(m.From, answer)
	}
}

// onHave takes in what a peer says it has: an Answer or a Hold.
func (r *Replicator) onHave(m *Message, bit uint64) {
	for _, sum := range m.Sums {
		if b := r.find(sum); b != nil {
			r.believe(b, bit, m.Position)
		}
	}
	for _, sum := range m.Parts {
		if b := r.find(sum); b != nil {
			r.source(b, bit)
		}
	}
}

// believe notes that a peer has a blob. It counts as a holder only if the peer, too, had
// applied that the blob is wanted: only then is it sure to keep it.
func (r *Replicator) believe(b *record, bit uint64, at raft.Position) {
	if b.wanted && at >= b.since {
		b.holders |= bit
	}
	r.source(b, bit)
}

// source notes that a peer may have chunks. What waits for that is taken up at once.
func (r *Replicator) source(b *record, bit uint64) {
	b.sources |= bit
	if b.inMissing {
		b.retryAt = min(b.retryAt, r.now)
		r.settle(b)
	}
}

// askPages asks each peer for a page of its inventory. What was told one by one may have been lost;
// the pages find it, a round at a time.
func (r *Replicator) askPages() {
	if r.wanted == 0 {
		return
	}
	r.eachOf(r.peers, func(bit uint64, who raft.Ident) {
		l := &r.listings[r.slot(bit)]
		if r.now < l.at {
			return
		}
		l.at = r.now.Add(listEvery)
		l.nonce = r.draw()
		r.send(who, Message{Kind: MsgList, Nonce: l.nonce, FromSum: l.from})
	})
}

// onList answers with the next page: of what is wanted, all that is here in a range.
func (r *Replicator) onList(m *Message) {
	page := Message{Kind: MsgPage, Nonce: m.Nonce, FromSum: m.FromSum, ToSum: lastSum}
	page.Sums = make([]Sum, 0, min(r.wanted, sumsMax))
	at, _ := r.search(m.FromSum)
	seen := 0
	for _, b := range r.blobs[at:] {
		if !b.wanted {
			continue
		}
		if seen == sumsMax {
			break
		}
		if seen++; seen == sumsMax {
			page.ToSum = b.sum
		}
		if b.steady() {
			page.Sums = append(page.Sums, b.sum)
		}
	}
	r.send(m.From, page)
}

// onPage takes a page in: whatever is in its range and not on it, the peer does not have. About a
// blob that the peer did not know to be wanted it says nothing.
func (r *Replicator) onPage(m *Message, bit uint64) {
	l := &r.listings[r.slot(bit)]
	if m.Nonce != l.nonce || m.FromSum != l.from {
		return
	}
	l.nonce = 0
	l.from = Sum{}
	if m.ToSum != lastSum {
		l.from = m.ToSum.next()
	}
	at, _ := r.search(m.FromSum)
	has := m.Sums
	for _, b := range r.blobs[at:] {
		if b.sum.Compare(m.ToSum) > 0 {
			break
		}
		for len(has) > 0 && has[0].Compare(b.sum) < 0 {
			has = has[1:]
		}
		switch {
		case !b.wanted || m.Position < b.since:
		case len(has) > 0 && has[0] == b.sum:
			r.believe(b, bit, m.Position)
		default:
			b.holders &^= bit
		}
	}
}

// next is the sum after one that is not the last.
func (s Sum) next() Sum {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i]++; s[i] != 0 {
			break
		}
	}
	return s
}
