package host

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"parley/raft"
	"parley/raft/node"
)

// Subscription is a stream of frames to one subscriber. Next is for one goroutine
// at a time; Close and Done may be called from any.
type Subscription struct {
	host   *Host
	ticket node.Ticket
	wake   chan struct{}
	done   chan struct{} // closed with ended

	mu     sync.Mutex
	frames []node.Frame
	last   raft.Position // of the frames the reader is done with: where a resume begins
	ended  *node.Answer

	taken []node.Frame // by Next only: what it returned last
	turn  readerTurn   // guarded by the turnstile
}

func newSubscription(h *Host, from raft.Position) *Subscription {
	return &Subscription{host: h, wake: make(chan struct{}, 1), done: make(chan struct{}), last: from}
}

// EndedError tells that a subscription is over and where to go on.
type EndedError struct {
	Answer node.Answer
}

// Error says why and from where to resume.
func (e *EndedError) Error() string {
	why := fmt.Sprintf("code %d", e.Answer.Code)
	switch e.Answer.Code {
	case node.CodeCompacted:
		return fmt.Sprintf("subscription refused: events are no longer kept; read the state and go on from position %d", e.Answer.Position)
	case node.CodeTooSlow:
		why = "the subscriber is too slow"
	case node.CodeStopping:
		why = "the node is stopping"
	case node.CodeNotFormed:
		why = "the cluster is not formed yet"
	case node.CodeBusy:
		why = "there are too many subscribers"
	}
	return fmt.Sprintf("subscription ended: %s; resume from position %d", why, e.Answer.Position)
}

// Done is closed when the subscription is over. A reader that is busy with frames
// learns here that the node gave it up, and should drop them: Next has the reason.
func (s *Subscription) Done() <-chan struct{} { return s.done }

// Err says why the subscription is over: an *EndedError, or nil before Done is closed. Any goroutine may ask.
func (s *Subscription) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		return nil
	}
	return &EndedError{Answer: *s.ended}
}

// Next waits for frames and returns some, at least one, in rising positions. They are
// valid until the next call, which tells the node that the reader is done with
// them. Once the subscription is over, frames that wait are dropped and Next returns an
// *EndedError: the reader goes on from what it got.
func (s *Subscription) Next(ctx context.Context) ([]node.Frame, error) {
	s.acknowledge()
	for rests := false; ; {
		if frames, err := s.take(); len(frames) > 0 || err != nil {
			return frames, err
		}
		if !rests {
			rests = true
			s.host.turns.leave(s)
			continue // what came before he left woke nobody
		}
		rests = false
		select {
		case <-s.wake:
		case <-s.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// acknowledge tells the node that the reader is done with what it took last: the node
// holds back a subscriber's backlog, and cuts off one that takes nothing for too
// long.
func (s *Subscription) acknowledge() {
	if len(s.taken) == 0 {
		return
	}
	e := node.Event{
		Kind:   node.EventTaken,
		Ticket: s.ticket,
		Frames: len(s.taken),
		From:   s.taken[len(s.taken)-1].Position,
	}
	clear(s.taken)
	s.taken = s.taken[:0]
	s.mu.Lock()
	live := s.ended == nil
	if live {
		s.last = e.From
	}
	s.mu.Unlock()
	if live {
		s.host.inbox.note(e)
	}
}

// take moves frames from the queue to the reader: takeBytes of them, so that a slow
// reader that does read is known to before it has read everything.
func (s *Subscription) take() ([]node.Frame, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended != nil {
		return nil, &EndedError{Answer: *s.ended}
	}
	n, bytes := 0, 0
	for n < len(s.frames) && bytes < takeBytes {
		bytes += len(s.frames[n].Body)
		n++
	}
	s.taken = append(s.taken, s.frames[:n]...)
	s.frames = slices.Delete(s.frames, 0, n)
	return s.taken, nil
}

// Close ends the subscription. It is safe to call it more than once.
func (s *Subscription) Close() {
	if s.host.subs.remove(s.ticket) {
		s.host.inbox.note(node.Event{Kind: node.EventCancel, Ticket: s.ticket})
	}
	s.end(node.Answer{Ticket: s.ticket, Outcome: node.Refused, Code: node.CodeStopping, Position: s.position()})
	s.host.turns.leave(s)
}

func (s *Subscription) position() raft.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// put queues a frame. The node pushes no more than it was told are taken, plus
// node.Limits.SubscriberFramesMax.
func (s *Subscription) put(f *node.Frame) {
	s.mu.Lock()
	ended := s.ended != nil
	if !ended {
		s.frames = append(s.frames, *f)
	}
	s.mu.Unlock()
	if !ended {
		s.host.turns.want(s)
	}
}

// end closes the stream and drops what is queued: the reader may never come back
// for it. The first end counts.
func (s *Subscription) end(a node.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.ended, s.frames = &a, nil
		close(s.done)
	}
}

func (s *Subscription) ring() {
	select {
	case s.wake <- struct{}{}:
	default: // rung already
	}
}

// subscriptions are the live ones by ticket.
type subscriptions struct {
	mu   sync.Mutex
	live map[node.Ticket]*Subscription
	next uint64
}

// add gives s a ticket. The node bounds how many there are, by refusing.
func (t *subscriptions) add(s *Subscription) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.next++
	s.ticket = node.Ticket(streamBit | t.next)
	t.live[s.ticket] = s
}

func (t *subscriptions) find(ticket node.Ticket) *Subscription {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.live[ticket]
}

func (t *subscriptions) remove(ticket node.Ticket) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.live[ticket]
	delete(t.live, ticket)
	return ok
}

// drain removes all and returns them.
func (t *subscriptions) drain() []*Subscription {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]*Subscription, 0, len(t.live))
	for _, s := range t.live {
		all = append(all, s)
	}
	clear(t.live)
	return all
}
