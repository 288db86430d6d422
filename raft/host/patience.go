package host

import (
	"context"
	"time"

	"parley/raft/node"
)

// patience is how reads wait. To wait for an answer or for the end of a context, whichever is first, takes twice as long as to
// wait for an answer alone: two channels are locked, queued at and left, and the context's is in nobody's cache. That is
// a tenth of what a linearizable read takes. Nearly all of them are answered long before anybody gives up. So a read waits for its answer
// alone at first, and a goroutine looks now and then who does so for long: these it tells to mind their contexts from then on.
//
//	patient ──an answer──▶ done
//	   │ word of the watch, after one to two patienceTurns
//	   ▼
//	minds the context ──an answer, or the context's end──▶ done
//
// Who swaps call.patient to zero decides: the caller, and no word comes; or the watch, and exactly one does. So a
// slot's channel holds an answer and a word at most, and neither the loop nor the watch ever waits for a caller.
type patience struct {
	calls *calls
	wake  chan struct{} // a read waits, and the watch sleeps
	stop  chan struct{}
	done  chan struct{}
}

// patienceTurn is how often the watch looks. The end of a context is noticed up to two turns late, and that only while a read is
// patient. On one machine a round takes a tenth of a turn.
const patienceTurn = 5 * time.Millisecond

func newPatience(c *calls) *patience {
	return &patience{calls: c, wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{})}
}

// run watches until it is closed. While no read waits it sleeps.
func (p *patience) run() {
	defer close(p.done)
	turn := time.NewTicker(patienceTurn)
	defer turn.Stop()
	for {
		select {
		case <-turn.C:
		case <-p.stop:
			return
		}
		if p.look() || p.rest(turn) {
			continue
		}
		return
	}
}

// rest sleeps until a read waits; false is the end.
func (p *patience) rest(turn *time.Ticker) bool {
	p.calls.unwatched.Store(true)
	defer p.calls.unwatched.Store(false)
	if p.look() { // it came before it could know that nobody watches
		return true
	}
	turn.Stop()
	defer turn.Reset(patienceTurn)
	select {
	case <-p.wake:
		return true
	case <-p.stop:
		return false
	}
}

func (p *patience) close() {
	close(p.stop)
	<-p.done
}

// look gives its word to those who have waited since it looked last, and reports whether anybody waits.
func (p *patience) look() (any bool) {
	for i := range p.calls.slots[:p.calls.opened.Load()] {
		w := &p.calls.slots[i]
		t := w.patient.Load()
		if t != 0 {
			any = true
			if t == w.seen && w.patient.CompareAndSwap(t, 0) {
				w.answer <- node.Answer{} // no answer: it has no outcome
			}
		}
		w.seen = t
	}
	return any
}

// ring wakes the watch.
func (p *patience) ring() {
	select {
	case p.wake <- struct{}{}:
	default: // rung already
	}
}

// wait returns the answer to a call, or false if the context ended first. It may be called once for each use of the slot.
func (p *patience) wait(ctx context.Context, w *call, t node.Ticket) (node.Answer, bool) {
	if t&readBit != 0 && ctx.Err() == nil {
		w.patient.Store(uint64(t))
		if p.calls.unwatched.Load() {
			p.ring()
		}
		a := <-w.answer
		if a.Outcome != 0 {
			if !w.patient.CompareAndSwap(uint64(t), 0) {
				<-w.answer // the word that the watch was about to give
			}
			return a, true
		}
	}
	select {
	case a := <-w.answer:
		return a, true
	case <-ctx.Done():
		return w.leave(t)
	}
}
