package host

import (
	"sync"
	"time"
)

// turnstile lets a few readers of subscriptions go to work at a time, in the order in which there came something for
// them. When one message is for thousands, waking them all would put as many goroutines in front of everything else that
// wants a processor: the loop, whose heartbeats are what keeps a leader, and the disk. Through the turnstile none of these
// waits for more than a few readers.
//
//	idle ──something came──▶ queued ──a turn is free──▶ inside ──nothing is left──▶ idle
//
// A reader who takes longer than turnMax, because his client reads slowly, keeps on working and gives his turn to the
// next.
type turnstile struct {
	now    func() time.Time
	mu     sync.Mutex
	inside [turnsMax]*Subscription
	free   int // places in inside
	queue  []*Subscription
	head   int // of the queue
	timer  *time.Timer
	armed  bool
}

// readerTurn is where a reader is. It is guarded by the turnstile.
type readerTurn struct {
	state turnState
	since time.Time // inside
}

type turnState uint8

const (
	turnIdle turnState = iota
	turnQueued
	turnInside
)

func newTurnstile() *turnstile {
	t := &turnstile{now: time.Now, free: turnsMax}
	t.timer = time.AfterFunc(time.Hour, t.reclaim)
	t.timer.Stop()
	return t
}

// want wakes a reader for whom there is something, now or in his turn.
func (t *turnstile) want(s *Subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case s.turn.state != turnIdle:
		// He looks once more before he rests.
	case t.free > 0:
		t.admit(s)
	default:
		s.turn.state = turnQueued
		t.queue = append(t.queue, s)
		t.arm()
	}
}

// leave ends a reader's turn, if he has one: he rests, or is gone.
func (t *turnstile) leave(s *Subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.turn.state == turnInside {
		t.vacate(s)
		t.next()
	}
	s.turn.state = turnIdle // one that is queued is passed over
}

// admit gives a reader a free place.
func (t *turnstile) admit(s *Subscription) {
	for i := range t.inside {
		if t.inside[i] == nil {
			t.inside[i] = s
			t.free--
			s.turn = readerTurn{turnInside, t.now()}
			s.ring()
			return
		}
	}
}

func (t *turnstile) vacate(s *Subscription) {
	for i := range t.inside {
		if t.inside[i] == s {
			t.inside[i] = nil
			t.free++
			return
		}
	}
}

// next gives free places to those who wait.
func (t *turnstile) next() {
	for t.free > 0 && t.head < len(t.queue) {
		s := t.queue[t.head]
		t.queue[t.head] = nil
		t.head++
		if s.turn.state == turnQueued {
			t.admit(s)
		}
	}
	if t.head == len(t.queue) {
		t.queue, t.head = t.queue[:0], 0
	}
}

func (t *turnstile) arm() {
	if !t.armed {
		t.armed = true
		t.timer.Reset(turnMax)
	}
}

// reclaim gives the turns of those to the next who have had theirs for long. Such a reader is idle to the turnstile: what
// comes for him queues him again.
func (t *turnstile) reclaim() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.armed = false
	if t.head == len(t.queue) {
		return
	}
	now := t.now()
	for i, s := range t.inside {
		if s != nil && now.Sub(s.turn.since) >= turnMax {
			t.inside[i] = nil
			t.free++
			s.turn.state = turnIdle
		}
	}
	t.next()
	if t.head < len(t.queue) {
		t.arm()
	}
}
