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
// frames and SubscriberBytesMax of bodies may be pushed and not yet taken
// (EventTaken gives credit back). A subscriber without credit costs nothing more, its
// backlog stays where it is; one that takes nothing for subscriberStallMax is cut
// off with the position to resume from.
type hub struct {
	subs  []subscriber   // in the order they came
	place map[Ticket]int // of each in subs

	dismissed uint64 // Discreet.Dismissed when the readers were looked at last

	// When nothing was applied since and no subscriber stirred, publishing again
	// before quietUntil would push nothing.
	published  raft.Position
	stirred    bool
	quietUntil raft.Mono
}

type subscriber struct {
	ticket   Ticket
	reader   string
	only     []string      // the audiences that it is about; none: all that the reader may see
	cursor   raft.Position // everything up to here was pushed
	taken    raft.Position // everything up to here was taken
	untaken  []int32       // the body bytes of each frame pushed and not taken, oldest first
	bytes    int           // the sum of untaken
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
	case !n.admits(ev.Reader):
		n.refuse(ev.Ticket, CodeReaderGone)
	default:
		n.hub.add(subscriber{ticket: ev.Ticket, reader: ev.Reader, only: ev.Audiences,
			cursor: ev.From, taken: ev.From, movedAt: n.now, noteAt: n.now})
	}
}

// taken gives credit back.
func (n *Node) taken(ev *Event) {
	i, ok := n.hub.place[ev.Ticket]
	if !ok {
		return // cut off a moment ago
	}
	n.hub.stirred = true
	s := &n.hub.subs[i]
	frames := min(max(0, ev.Frames), len(s.untaken))
	for _, bytes := range s.untaken[:frames] {
		s.bytes -= int(bytes)
	}
	s.untaken = slices.Delete(s.untaken, 0, frames)
	s.taken = min(max(s.taken, ev.From), s.cursor)
	s.movedAt = n.now
}

// publish pushes what is new to everybody, and ends the streams that cannot go
// on.
func (n *Node) publish() {
	h := &n.hub
	if len(h.subs) == 0 {
		return
	}
	if h.stirred || h.published != positionOf(n.applied) || n.now >= h.quietUntil {
		h.stirred, h.published, h.quietUntil = false, positionOf(n.applied), raft.Never
		var last backlog
		finished := n.dismiss()
		for i := range h.subs {
			s := &h.subs[i]
			if s.finished {
				continue
			}
			n.push(s, &last)
			if !s.finished {
				n.progress(s)
			}
			finished = finished || s.finished
		}
		if finished {
			h.keep(func(s *subscriber) bool { return !s.finished })
		}
	}
	n.wake(h.quietUntil)
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

// push hands a subscriber what its credit allows. Of its bytes half must be free:
// the state machine renders a whole answer, and most of one would be thrown away if
// each frame that was taken made room for one more.
func (n *Node) push(s *subscriber, b *backlog) {
	applied := positionOf(n.applied)
	limits := &n.settings.Limits
	credit := limits.SubscriberFramesMax - len(s.untaken)
	if s.cursor >= applied || credit <= 0 || s.bytes > limits.SubscriberBytesMax/2 {
		return
	}
	if limit := min(credit, limits.PushFramesMax); !b.asked || b.from != s.cursor || b.max != limit {
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
	if len(s.untaken) == 0 {
		s.movedAt = n.now
	}
	pushed := len(n.out.Push)
	defer func() {
		if len(n.out.Push) > pushed {
			s.noteAt = n.now.Add(progressEvery)
		}
	}()
	for _, f := range b.frames {
		if f.Position <= s.cursor || f.Position > applied || len(f.Body) == 0 {
			broken("event of position %d and %d bytes after position %d, applied %d", f.Position, len(f.Body), s.cursor, applied)
		}
		if s.bytes >= limits.SubscriberBytesMax {
			return // the rest is asked for again when there is room
		}
		s.cursor = f.Position
		body := n.show(s, &f)
		if len(body) == 0 {
			continue
		}
		s.owe(len(body))
		n.out.Push = append(n.out.Push, Frame{Ticket: s.ticket, Position: f.Position, Body: body})
	}
	switch {
	case len(b.frames) < b.max:
		s.cursor = applied
	case len(s.untaken) < limits.SubscriberFramesMax:
		n.hub.wake(n.now) // there may be more, and there is credit for it
	}
}

// show returns what a subscriber may see of a frame, as things are now. Nearly always that is the body that
// all share.
func (n *Node) show(s *subscriber, f *EventFrame) []byte {
	m, ok := n.sm.(Discreet)
	switch {
	case !ok || len(f.Parts) == 0 && len(s.only) == 0:
		return f.Body
	case len(f.Parts) == 0: // it concerns everybody, and this one wants to hear of some things alone
		return nil
	}
	var some []byte
	from, shown := 0, 0
	for i := range f.Parts {
		p := &f.Parts[i]
		if (len(s.only) == 0 || slices.Contains(s.only, p.Audience)) && m.MayRead(s.reader, p.Audience) {
			if shown++; shown == len(f.Parts) {
				return f.Body
			}
			some = append(some, f.Body[from:p.End]...)
		}
		from = p.End
	}
	return some
}

// admits says whether a stream on behalf of the reader may be.
func (n *Node) admits(reader string) bool {
	m, ok := n.sm.(Discreet)
	return !ok || m.Admits(reader)
}

// dismiss ends the streams of readers who are admitted no more, and says whether there were any. It looks only
// after somebody was dismissed.
func (n *Node) dismiss() (finished bool) {
	h := &n.hub
	m, ok := n.sm.(Discreet)
	if !ok || m.Dismissed() == h.dismissed {
		return false
	}
	h.dismissed = m.Dismissed()
	for i := range h.subs {
		if s := &h.subs[i]; !m.Admits(s.reader) {
			n.finish(s, CodeReaderGone, s.taken)
			finished = true
		}
	}
	return finished
}

// owe uses credit for a frame.
func (s *subscriber) owe(bytes int) {
	s.untaken = append(s.untaken, int32(bytes))
	s.bytes += bytes
}

// progress tells a subscriber that nothing happened, and cuts off one that takes
// nothing. A note needs credit like any frame; when one is under way already a
// second says nothing new.
func (n *Node) progress(s *subscriber) {
	if len(s.untaken) > 0 {
		if stalled := s.movedAt.Add(subscriberStallMax); n.now >= stalled {
			n.finish(s, CodeTooSlow, s.taken)
		} else {
			n.hub.wake(stalled)
		}
		return
	}
	if n.now >= s.noteAt {
		n.out.Push = append(n.out.Push, Frame{Ticket: s.ticket, Position: s.cursor, LeaderQuiet: n.leaderQuiet()})
		s.owe(0)
		s.movedAt = n.now
		s.noteAt = n.now.Add(progressEvery)
	}
	n.hub.wake(s.noteAt)
}

// finish ends a stream. Frames after the position may or may not have arrived:
// the subscriber goes on from the last it has seen, and at least from there.
func (n *Node) finish(s *subscriber, c Code, resume raft.Position) {
	s.finished = true
	n.answer(Answer{Ticket: s.ticket, Outcome: Refused, Code: c, Position: resume, Hint: n.leader})
}

func (h *hub) wake(at raft.Mono) { h.quietUntil = min(h.quietUntil, at) }

func (h *hub) add(s subscriber) {
	if h.place == nil {
		h.place = map[Ticket]int{}
	}
	h.place[s.ticket] = len(h.subs)
	h.subs = append(h.subs, s)
	h.stirred = true
}

func (h *hub) remove(t Ticket) bool {
	if _, ok := h.place[t]; !ok {
		return false
	}
	h.keep(func(s *subscriber) bool { return s.ticket != t })
	return true
}

// keep drops the subscribers that are not wanted, and keeps the order of the rest.
func (h *hub) keep(wanted func(*subscriber) bool) {
	kept := h.subs[:0]
	for i := range h.subs {
		s := h.subs[i]
		if !wanted(&s) {
			delete(h.place, s.ticket)
			continue
		}
		h.place[s.ticket] = len(kept)
		kept = append(kept, s)
	}
	h.subs = kept
}

func (h *hub) clone() hub {
	c := *h
	c.subs = slices.Clone(h.subs)
	c.place = make(map[Ticket]int, len(h.subs))
	for i := range c.subs {
		c.subs[i].untaken = slices.Clone(c.subs[i].untaken)
		c.place[c.subs[i].ticket] = i
	}
	return c
}

// abandon ends all streams because the node stops.
func (h *hub) abandon(n *Node) {
	for i := range h.subs {
		n.finish(&h.subs[i], CodeStopping, h.subs[i].taken)
	}
	*h = hub{}
}
