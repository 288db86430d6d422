package host

import (
	"context"
	"fmt"
	"sync"

	"parley/raft"
	"parley/raft/node"
)

// Subscription is a stream of frames to one subscriber. Next is for one goroutine
// at a time; Close may be called from any.
type Subscription struct {
	host   *Host
	ticket node.Ticket
	wake   chan struct{}

	mu     sync.Mutex
	frames []node.Frame
	last   raft.Position // of the frames put so far: where a resume begins
	ended  *node.Answer

	taken []node.Frame // by Next only: what it returned last
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

// Next waits for frames and returns all that are there, at least one, in rising
// positions. They are valid until the next call. After the last frame it
// returns an *EndedError.
func (s *Subscription) Next(ctx context.Context) ([]node.Frame, error) {
	for {
		s.mu.Lock()
		if len(s.frames) > 0 {
			clear(s.taken)
			s.taken, s.frames = s.frames, s.taken[:0]
			live := s.ended == nil
			s.mu.Unlock()
			if live {
				s.acknowledge()
			}
			return s.taken, nil
		}
		ended := s.ended
		s.mu.Unlock()
		if ended != nil {
			return nil, &EndedError{Answer: *ended}
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// acknowledge tells the node what was taken: it holds back a subscriber's backlog, and
// cuts off one that takes nothing for too long.
func (s *Subscription) acknowledge() {
	s.host.inbox.note(node.Event{
		Kind:   node.EventTaken,
		Ticket: s.ticket,
		Frames: len(s.taken),
		From:   s.taken[len(s.taken)-1].Position,
	})
}

// Close ends the subscription. It is safe to call it more than once.
func (s *Subscription) Close() {
	if s.host.subs.remove(s.ticket) {
		s.host.inbox.note(node.Event{Kind: node.EventCancel, Ticket: s.ticket})
	}
	s.end(node.Answer{Ticket: s.ticket, Outcome: node.Refused, Code: node.CodeStopping, Position: s.position()})
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
	defer s.mu.Unlock()
	if s.ended != nil {
		return
	}
	s.frames = append(s.frames, *f)
	s.last = f.Position
	s.ring()
}

// end closes the stream behind the frames that are queued. The first end counts.
func (s *Subscription) end(a node.Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.ended = &a
		s.ring()
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
