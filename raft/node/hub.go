package node

import (
	"slices"

	"parley/raft"
)

// hub feeds the subscribers. Backlog and live stream are one: after every Step a
// subscriber gets what the state machine holds above its cursor, whether that was
// applied a moment or a month ago, so that there is no seam where a frame could be
// lost or doubled.
//
// What is under way to one subscriber is bounded by credit: SubscriberFramesMax
// frames may be pushed and not yet taken (EventTaken gives credit back). A
// subscriber without credit costs nothing, its backlog stays where it is; one that
// takes nothing for subscriberStallMax is cut off with the position to resume from.
type hub struct {
	subs []subscriber // in the order they came
}

type subscriber struct {
	ticket   Ticket
	cursor   raft.Position // everything up to here was pushed
	taken    raft.Position // everything up to here was taken
	untaken  int           // frames pushed and not taken
	movedAt  raft.Mono     // when it last took something or had nothing to take
	noteAt   raft.Mono     // the next progress note
	finished bool
}

// subscribe starts a stream. A position that is not applied yet is no
// error: the subscriber saw it elsewhere, and waits.
func (n *Node) subscribe(ev *Event) {
	switch {
	case n.raft == nil:
		n.refuse(ev.Ticket, CodeNotFormed)
	case len(n.hub.subs) >= n.settings.Limits.SubscribersMax:
		n.refuse(ev.Ticket, CodeBusy)
	default:
		n.hub.subs = append(n.hub.subs, subscriber{
			ticket: ev.Ticket, cursor: ev.From, taken: ev.From, movedAt: n.now, noteAt: n.now})
	}
}

// taken gives credit back.
func (n *Node) taken(ev *Event) {
	i := n.hub.index(ev.Ticket)
	if i < 0 {
		return // cut off a moment ago
	}
	s := &n.hub.subs[i]
	s.untaken = max(0, s.untaken-max(0, ev.Frames))
	s.taken = min(max(s.taken, ev.From), s.cursor)
	s.movedAt = n.now
}

// publish pushes what is new to everybody, and ends the streams that cannot go
// on.
func (n *Node) publish() {
	if len(n.hub.subs) == 0 {
		return
	}
	var last backlog
	for i := range n.hub.subs {
		s := &n.hub.subs[i]
		n.push(s, &last)
		if !s.finished {
			n.progress(s)
		}
	}
	n.hub.subs = slices.DeleteFunc(n.hub.subs, func(s subscriber) bool { return s.finished })
}

// backlog is what the state machine answered last: subscribers at the same
// position share it.
type backlog struct {
	asked     bool
	from      raft.Position
	max       int
	frames    []EventFrame
	compacted bool
}

func (n *Node) push(s *subscriber, b *backlog) {
	applied := positionOf(n.applied)
	credit := n.settings.Limits.SubscriberFramesMax - s.untaken
	if s.cursor >= applied || credit <= 0 {
		return
	}
	if limit := min(credit, n.settings.Limits.PushFramesMax); !b.asked || b.from != s.cursor || b.max != limit {
		*b = backlog{asked: true, from: s.cursor, max: limit}
		b.frames, b.compacted = n.sm.EventsAfter(s.cursor, limit)
	}
	if b.compacted {
		n.finish(s, CodeCompacted, applied)
		return
	}
	if len(b.frames) == 0 {
		s.cursor = applied
		return
	}
	if s.untaken == 0 {
		s.movedAt = n.now
	}
	for _, f := range b.frames {
		if f.Position <= s.cursor || f.Position > applied || len(f.Body) == 0 {
			broken("event of position %d and %d bytes after position %d, applied %d", f.Position, len(f.Body), s.cursor, applied)
		}
		s.cursor = f.Position
		n.out.Push = append(n.out.Push, Frame{Ticket: s.ticket, Position: f.Position, Body: f.Body})
	}
	s.untaken += len(b.frames)
	s.noteAt = n.now.Add(progressEvery)
	switch {
	case len(b.frames) < b.max:
		s.cursor = applied
	case s.untaken < n.settings.Limits.SubscriberFramesMax:
		n.wake(n.now) // there may be more, and there is credit for it
	}
}

// progress tells a subscriber that nothing happened, and cuts off one that takes
// nothing. A note needs credit like any frame; when one is under way already a
// second says nothing new.
func (n *Node) progress(s *subscriber) {
	if s.untaken > 0 {
		if stalled := s.movedAt.Add(subscriberStallMax); n.now >= stalled {
			n.finish(s, CodeTooSlow, s.taken)
		} else {
			n.wake(stalled)
		}
		return
	}
	if n.now >= s.noteAt {
		n.out.Push = append(n.out.Push, Frame{Ticket: s.ticket, Position: s.cursor, LeaderQuiet: n.leaderQuiet()})
		s.untaken, s.movedAt = 1, n.now
		s.noteAt = n.now.Add(progressEvery)
	}
	n.wake(s.noteAt)
}

// finish ends a stream. Frames after the position may or may not have arrived:
// the subscriber goes on from the last it has seen, and at least from there.
func (n *Node) finish(s *subscriber, c Code, resume raft.Position) {
	s.finished = true
	n.answer(Answer{Ticket: s.ticket, Outcome: Refused, Code: c, Position: resume, Hint: n.leader})
}

func (h *hub) index(t Ticket) int {
	return slices.IndexFunc(h.subs, func(s subscriber) bool { return s.ticket == t })
}

func (h *hub) remove(t Ticket) bool {
	i := h.index(t)
	if i < 0 {
		return false
	}
	h.subs = slices.Delete(h.subs, i, i+1)
	return true
}

// abandon ends all streams because the node stops.
func (h *hub) abandon(n *Node) {
	for i := range h.subs {
		n.finish(&h.subs[i], CodeStopping, h.subs[i].taken)
	}
	h.subs = nil
}
