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
//	level    has had everything up to hub.level: gets what is new by the index of audiences, so that
//	         what concerns nobody here costs nothing, however many subscribers there are
//	behind   catches up, has no credit, or is ahead of this node: is looked at in every Step that brings
//	         something, by itself
//
// What is under way to one subscriber is bounded by credit: SubscriberFramesMax
// frames and SubscriberBytesMax of bodies may be pushed and not yet taken
// (EventTaken gives credit back). A subscriber without credit costs nothing more, its
// backlog stays where it is; one that takes nothing for subscriberStallMax is cut
// off with the position to resume from.
type hub struct {
	subs   []*subscriber            // in the order they came
	place  map[Ticket]*subscriber   // the same
	index  map[string][]*subscriber // those that are about some audiences, by each of them
	whole  []*subscriber            // those that are about everything
	behind []*subscriber            // those that are not level
	level  raft.Position            // everybody else has had everything up to here

	dismissed uint64 // Discreet.Dismissed when the readers were looked at last

	stirred  bool      // somebody behind may have room, or there is more for those who are level
	ended    bool      // somebody is finished
	lookNext raft.Mono // when everybody is looked at: for progress notes, and for those who take nothing
	lookedAt raft.Mono // when everybody was
}

type subscriber struct {
	ticket   Ticket
	reader   string
	only     []string // the audiences that it is about; none: all that the reader may see
	level    bool
	cursor   raft.Position // everything up to here was pushed; of one that is level: hub.level may be further
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
		_, discreet := n.sm.(Discreet)
		n.hub.add(&subscriber{ticket: ev.Ticket, reader: ev.Reader, only: ev.Audiences,
			cursor: ev.From, taken: ev.From, movedAt: n.now, noteAt: n.now}, discreet)
	}
}

// taken gives credit back.
func (n *Node) taken(ev *Event) {
	s, ok := n.hub.place[ev.Ticket]
	if !ok {
		return // cut off a moment ago
	}
	frames := min(max(0, ev.Frames), len(s.untaken))
	for _, bytes := range s.untaken[:frames] {
		s.bytes -= int(bytes)
	}
	s.untaken = slices.Delete(s.untaken, 0, frames)
	s.taken = min(max(s.taken, ev.From), s.cursor)
	s.movedAt = n.now
	if !s.level {
		n.hub.stirred = true
	}
	if len(s.untaken) == 0 {
		n.hub.look(s.noteAt)
	}
}

// publish pushes what is new to everybody, and ends the streams that cannot go
// on.
func (n *Node) publish() {
	h, applied := &n.hub, positionOf(n.applied)
	if len(h.subs) == 0 {
		h.level = applied
		return
	}
	moved, due := h.level != applied, n.now >= h.lookNext
	if moved || due || h.stirred {
		h.stirred = false
		n.dismiss()
		if moved {
			n.pushLevel(applied)
		}
		n.pushBehind(applied)
		if due {
			h.lookedAt, h.lookNext = n.now, n.now.Add(progressEvery)
			for _, s := range h.subs {
				n.progress(s)
			}
		}
		if h.ended {
			h.ended = false
			h.keep(func(s *subscriber) bool { return !s.finished })
		}
	}
	if h.stirred {
		n.wake(n.now)
	}
	n.wake(h.lookNext)
}

// pushLevel hands what is new to those who are level and whom it concerns.
func (n *Node) pushLevel(applied raft.Position) {
	h := &n.hub
	if len(h.behind) == len(h.subs) {
		h.level = applied
		return
	}
	limit := n.settings.Limits.PushFramesMax
	frames, compacted := n.sm.EventsAfter(h.level, limit)
	if compacted {
		for _, s := range h.subs {
			if s.level {
				n.finish(s, CodeCompacted, applied)
			}
		}
		h.level = applied
		return
	}
	for i := range frames {
		f := &frames[i]
		f.check(h.level, applied)
		for j := range f.Parts {
			for _, s := range h.index[f.Parts[j].Audience] {
				n.pushNew(s, f)
			}
		}
		for _, s := range h.whole {
			n.pushNew(s, f)
		}
		h.level = f.Position
	}
	if len(frames) < limit {
		h.level = applied
	} else {
		h.stirred = true // there may be more
	}
}

// pushNew hands a frame to a subscriber who is level, unless it was handed to him as another part of it concerns him
// as well.
func (n *Node) pushNew(s *subscriber, f *EventFrame) {
	if !s.level || s.finished || s.cursor >= f.Position {
		return
	}
	if !n.hasRoom(s) {
		s.level, s.cursor = false, max(s.cursor, n.hub.level)
		n.hub.behind = append(n.hub.behind, s)
		return
	}
	s.cursor = f.Position
	n.pushTo(s, f)
}

// hasRoom says whether a subscriber's credit allows more. Of its bytes half must be free: the state machine renders a
// whole answer, and most of one would be thrown away if each frame that was taken made room for one more.
func (n *Node) hasRoom(s *subscriber) bool {
	l := &n.settings.Limits
	return len(s.untaken) < l.SubscriberFramesMax && s.bytes <= l.SubscriberBytesMax/2
}

// pushTo pushes what a subscriber may see of a frame.
func (n *Node) pushTo(s *subscriber, f *EventFrame) {
	body := n.show(s, f)
	if len(body) == 0 {
		return
	}
	if len(s.untaken) == 0 {
		s.movedAt = n.now
	}
	s.owe(len(body))
	s.noteAt = n.now.Add(progressEvery)
	n.out.Push = append(n.out.Push, Frame{Ticket: s.ticket, Position: f.Position, Body: body})
}

// check panics for a frame that no state machine may answer with behind a position.
func (f *EventFrame) check(behind, applied raft.Position) {
	if f.Position <= behind || f.Position > applied || len(f.Body) == 0 {
		broken("event of position %d and %d bytes after position %d, applied %d", f.Position, len(f.Body), behind, applied)
	}
}

// pushBehind goes on with those who are not level, and finds out who is by now.
func (n *Node) pushBehind(applied raft.Position) {
	h := &n.hub
	var last backlog
	still := h.behind[:0]
	for _, s := range h.behind {
		if !s.finished {
			n.push(s, &last)
			n.progress(s)
		}
		if s.level = !s.finished && s.cursor == applied && h.level == applied; !s.level {
			still = append(still, s)
		}
	}
	clear(h.behind[len(still):])
	h.behind = still
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

// push hands a subscriber what its credit allows.
func (n *Node) push(s *subscriber, b *backlog) {
	applied := positionOf(n.applied)
	limits := &n.settings.Limits
	if s.cursor >= applied || !n.hasRoom(s) {
		return
	}
	credit := limits.SubscriberFramesMax - len(s.untaken)
	if limit := min(credit, limits.PushFramesMax); !b.asked || b.from != s.cursor || b.max != limit {
		*b = backlog{asked: true, from: s.cursor, max: limit}
		b.frames, b.compacted = n.sm.EventsAfter(s.cursor, limit)
	}
	if b.compacted {
		n.finish(s, CodeCompacted, applied)
		return
	}
	for i := range b.frames {
		b.frames[i].check(s.cursor, applied)
		if s.bytes >= limits.SubscriberBytesMax {
			return // the rest is asked for again when there is room
		}
		s.cursor = b.frames[i].Position
		n.pushTo(s, &b.frames[i])
	}
	switch {
	case len(b.frames) < b.max:
		s.cursor = applied
	case len(s.untaken) < limits.SubscriberFramesMax:
		n.hub.stirred = true // there may be more, and there is credit for it
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

// dismiss ends the streams of readers who are admitted no more. It looks only after somebody was dismissed.
func (n *Node) dismiss() {
	h := &n.hub
	m, ok := n.sm.(Discreet)
	if !ok || m.Dismissed() == h.dismissed {
		return
	}
	h.dismissed = m.Dismissed()
	for _, s := range h.subs {
		if !m.Admits(s.reader) {
			n.finish(s, CodeReaderGone, s.taken)
		}
	}
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
	if s.finished {
		return
	}
	if len(s.untaken) > 0 {
		if stalled := s.movedAt.Add(subscriberStallMax); n.now >= stalled {
			n.finish(s, CodeTooSlow, s.taken)
		} else {
			n.hub.look(stalled)
		}
		return
	}
	if n.now >= s.noteAt {
		at := s.cursor
		if s.level {
			at = max(at, n.hub.level)
		}
		n.out.Push = append(n.out.Push, Frame{Ticket: s.ticket, Position: at, LeaderQuiet: n.leaderQuiet()})
		s.owe(0)
		s.movedAt = n.now
		s.noteAt = n.now.Add(progressEvery)
	}
	n.hub.look(s.noteAt)
}

// finish ends a stream. Frames after the position may or may not have arrived:
// the subscriber goes on from the last it has seen, and at least from there.
func (n *Node) finish(s *subscriber, c Code, resume raft.Position) {
	if s.finished {
		return
	}
	s.finished, n.hub.ended = true, true
	n.answer(Answer{Ticket: s.ticket, Outcome: Refused, Code: c, Position: resume, Hint: n.leader})
}

// look has everybody be looked at by then, or soon after: many whose notes are due one after the other are served
// together.
func (h *hub) look(at raft.Mono) { h.lookNext = min(h.lookNext, max(at, h.lookedAt.Add(lookEvery))) }

// add takes a subscriber in, who is behind until he has been looked at.
func (h *hub) add(s *subscriber, discreet bool) {
	if h.place == nil {
		h.place, h.index = map[Ticket]*subscriber{}, map[string][]*subscriber{}
	}
	if !discreet {
		s.only = nil
	}
	h.place[s.ticket] = s
	h.subs = append(h.subs, s)
	h.behind = append(h.behind, s)
	h.enlist(s)
	h.stirred = true
}

// enlist puts a subscriber where those find him who have something for him.
func (h *hub) enlist(s *subscriber) {
	if len(s.only) == 0 {
		h.whole = append(h.whole, s)
	}
	for _, audience := range s.only {
		h.index[audience] = append(h.index[audience], s)
	}
}

func (h *hub) remove(t Ticket) bool {
	gone, ok := h.place[t]
	if ok {
		h.keep(func(s *subscriber) bool { return s != gone })
	}
	return ok
}

// keep drops the subscribers that are not wanted, and keeps the order of the rest.
func (h *hub) keep(wanted func(*subscriber) bool) {
	unwanted := func(s *subscriber) bool { return !wanted(s) }
	for _, s := range h.subs {
		if wanted(s) {
			continue
		}
		delete(h.place, s.ticket)
		for _, audience := range s.only {
			if h.index[audience] = slices.DeleteFunc(h.index[audience], unwanted); len(h.index[audience]) == 0 {
				delete(h.index, audience)
			}
		}
	}
	h.subs = slices.DeleteFunc(h.subs, unwanted)
	h.whole = slices.DeleteFunc(h.whole, unwanted)
	h.behind = slices.DeleteFunc(h.behind, unwanted)
}

func (h *hub) clone() hub {
	c := *h
	c.subs, c.whole, c.behind = nil, nil, nil
	c.place, c.index = make(map[Ticket]*subscriber, len(h.subs)), map[string][]*subscriber{}
	for _, s := range h.subs {
		copied := *s
		copied.untaken = slices.Clone(s.untaken)
		c.place[s.ticket] = &copied
		c.subs = append(c.subs, &copied)
		c.enlist(&copied)
	}
	for _, s := range h.behind {
		c.behind = append(c.behind, c.place[s.ticket])
	}
	return c
}

// abandon ends all streams because the node stops.
func (h *hub) abandon(n *Node) {
	for _, s := range h.subs {
		n.finish(s, CodeStopping, s.taken)
	}
	*h = hub{}
}
