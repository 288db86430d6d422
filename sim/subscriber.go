package sim

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine/state"
)

// subscriber follows the event stream, from one node to the next, and judges it:
// the events it sees are those that the agreed log caused, every one, once and in
// order, whatever node they come from.
type subscriber struct {
	w      *World
	number int
	plan   *SubscriberPlan
	chance stream

	at      raft.NodeID   // connected to
	tried   raft.NodeID   // last
	stream  node.Ticket   // of that connection
	attempt uint64        // connections so far; what belongs to earlier ones is void
	from    raft.Position // everything up to here was seen
	seen    int           // place among the judge's frames of the first not seen
	last    int64         // arrival of the last frame, to keep their order
	untaken int64         // frames that were pushed on this connection and not taken, as far as the node was told

	mate  *client        // not nil: it is the stream of a teammate's process; see teamlistener.go
	login *teamLogin     // under which it is, or was last
	only  state.Audience // not zero: it follows one place
	since int64          // when it connected last
	late  int64          // the longest time from a commit, while it was connected, to the arrival of the frame
}

// delivery is a frame on its way, or the end of a stream.
type delivery struct {
	attempt uint64
	frame   node.Frame
	applied raft.Position // by the node, when the frame left
	ends    bool
	answer  node.Answer
}

// quietMax is how long a node may not have heard its leader before a subscriber
// goes elsewhere: a node in a small partition tells it nothing new.
const quietMax = 2 * time.Second

func newSubscriber(w *World, number int, plan *SubscriberPlan) *subscriber {
	s := &subscriber{w: w, number: number, plan: plan, chance: w.chance.stream(purposeSubscriber, uint64(number))}
	s.connectAt(int64(plan.Stay) / 8)
	return s
}

// connectAt schedules the next connection.
func (s *subscriber) connectAt(at int64) {
	s.attempt++
	s.w.agenda.push(event{at: at, priority: priorityNormal, kind: eventSubscribe, who: int32(s.number), arg: s.attempt})
}

// streamBit tells a stream's ticket from a request's.
const streamBit node.Ticket = 1 << 62

func (s *subscriber) ticket() node.Ticket {
	return streamBit | node.Ticket(s.number)<<40 | node.Ticket(s.attempt)
}

// subscribe connects to some node, or moves on from one that went quiet or was
// stayed with long enough.
func (w *World) subscribe(e *event) {
	s := w.subscribers[e.who-1]
	if e.arg != s.attempt {
		return
	}
	w.trace.begin(e)
	if s.at != 0 {
		if old := w.node(s.at); old.up {
			w.agenda.push(event{at: w.now + s.delay(), priority: priorityNormal, kind: eventCancel, who: int32(s.at), arg: uint64(s.stream), epoch: old.epoch})
		}
	}
	s.attempt++
	id := raft.NodeID(1 + s.chance.below(uint64(w.plan.servers())))
	if w.healed {
		id = s.tried%raft.NodeID(w.plan.servers()) + 1 // one after the other, until one has news
	}
	s.tried = id
	server := w.node(id)
	if w.trace.on() {
		w.trace.say("subscribes at %d from %d", id, s.from)
	}
	ev := node.Event{Kind: node.EventSubscribe, From: s.from}
	if !server.up || server.pausedUntil > w.now || w.unheard(id) || s.mate != nil && !s.opens(&ev) {
		s.at = 0
		s.connectAt(w.now + s.chance.between(50_000_000, 300_000_000))
		return
	}
	if s.from > 0 {
		w.cover.Resumed++
	}
	s.at, s.last, s.stream, s.since, s.untaken = id, 0, s.ticket(), w.now, 0
	w.agenda.push(event{at: w.now + int64(s.plan.Stay), priority: priorityNormal, kind: eventSubscribe, who: int32(s.number), arg: s.attempt})
	ev.Ticket = s.stream
	server.streamOpens(s)
	server.tell(&ev)
}

// push sends a frame to its subscriber.
func (w *World) push(server *server, f *node.Frame) {
	w.judgePushed(server, f)
	w.judgeHeld(server, f)
	w.toSubscriber(f.Ticket, delivery{frame: *f, applied: w.appliedBy(server)})
}

// endStream tells a subscriber that its stream is over.
func (w *World) endStream(a *node.Answer) {
	w.toSubscriber(a.Ticket, delivery{ends: true, answer: *a})
}

// toSubscriber keeps the order of a stream, as one connection does.
func (w *World) toSubscriber(t node.Ticket, d delivery) {
	s := w.subscribers[int(t&^streamBit>>40)-1]
	d.attempt = uint64(t & (1<<40 - 1))
	if d.attempt != s.attempt {
		return
	}
	s.last = max(s.last, w.now+s.delay())
	w.agenda.push(event{at: s.last, priority: priorityNormal, kind: eventFrame, who: int32(s.number), arg: w.frames.put(d)})
}

func (s *subscriber) delay() int64 { return s.w.net.clientDelay(s.chance.next()) }

// hungUp makes the subscriber look for another node.
func (s *subscriber) hungUp(id raft.NodeID) {
	if s.at == id {
		s.at = 0
		s.connectAt(s.w.now + s.delay())
	}
}

// frame judges what arrived and gives the node credit for it.
func (w *World) frame(e *event) {
	s := w.subscribers[e.who-1]
	d := w.frames.take(e.arg)
	if d.attempt != s.attempt {
		return
	}
	w.trace.begin(e)
	if d.ends {
		if w.trace.on() {
			w.trace.say("stream ends: %s", d.answer.Code)
		}
		if d.answer.Code == node.CodeCompacted {
			s.compacted(d.answer.Position)
		}
		s.at = 0
		s.connectAt(w.now + s.chance.between(20_000_000, 200_000_000))
		return
	}
	f := &d.frame
	w.trace.put(uint64(f.Position))
	if w.trace.on() {
		w.trace.say("sees %s", describeFrame(f))
	}
	if s.mate != nil {
		s.judgeArrived(f, d.applied)
	} else {
		s.judge(f)
	}
	taken := w.now + s.delay()
	if s.plan.Slow > 0 && !w.healed {
		taken += s.chance.between(0, int64(s.plan.Slow))
	}
	w.agenda.push(event{at: taken, priority: priorityNormal, kind: eventTaken, who: int32(s.at), arg: uint64(s.stream), epoch: w.node(s.at).epoch})
	if f.LeaderQuiet > quietMax {
		s.connectAt(w.now + 1)
	}
}

// compacted judges the word that what comes next is not kept any more, and goes on behind it, as one does who has read the
// state there.
func (s *subscriber) compacted(at raft.Position) {
	w := s.w
	if dropped := w.droppedAt(at); s.from >= dropped {
		w.violate(Streams, "Subscriber %d is told at %d that events after %d are compacted, and the last that is not kept is that of %d.", s.number, at, s.from, dropped)
	}
	w.reachIf(agedEvents, s.mate != nil && s.from < w.team.model.kept.trimmed.when(at))
	s.from = at
	w.cover.Missed++
	w.reachIf(teamCompacted, s.mate != nil)
}

// droppedAt returns the newest position with events that whoever has applied another one keeps no more; zero if all are kept.
func (w *World) droppedAt(at raft.Position) raft.Position {
	all, dropped := w.judges.applied.everything, raft.Position(0)
	if over := firstBehind(all, at) - w.limits().EventsMax; over > 0 {
		dropped = all[over-1].at
	}
	if w.team != nil {
		dropped = max(dropped, w.team.model.kept.trimmed.when(at))
	}
	return dropped
}

// firstBehind returns the place of the first frame above a position.
func firstBehind(all []framed, at raft.Position) int {
	n, _ := slices.BinarySearchFunc(all, at+1, func(f framed, p raft.Position) int { return cmp.Compare(f.at, p) })
	return n
}

// judge compares a frame with the next event of the agreed log.
func (s *subscriber) judge(f *node.Frame) {
	frames := s.w.judges.applied.frames
	for s.seen < len(frames) && frames[s.seen].at <= s.from {
		s.seen++
	}
	next := raft.Position(0)
	if s.seen < len(frames) {
		next = frames[s.seen].at
	}
	switch {
	case f.Notice:
		s.w.violate(Secrecy, "Subscriber %d, which is nobody's, gets a notice.", s.number)
	case f.Position < s.from || len(f.Body) > 0 && f.Position == s.from:
		s.w.violate(Streams, "Subscriber %d has seen everything up to %d and gets position %d again.", s.number, s.from, f.Position)
	case len(f.Body) == 0:
		if next != 0 && next <= f.Position {
			s.w.violate(Streams, "Subscriber %d is told that it has everything up to %d and never saw the event of %d.", s.number, f.Position, next)
		}
		s.from = f.Position
	case next != f.Position || !bytes.Equal(frames[s.seen].body, f.Body) && !s.w.toleratesFrame(f.Body):
		s.w.violate(Streams, "Subscriber %d gets the event of %d where the next one is that of %d, or another body.", s.number, f.Position, next)
	default:
		s.from = f.Position
		s.seen++
		s.w.cover.Frames++
	}
}

// taken tells the node that its subscriber took a frame.
func (w *World) taken(e *event) {
	server := w.node(raft.NodeID(e.who))
	ticket := node.Ticket(e.arg)
	s := w.subscribers[int(ticket&^streamBit>>40)-1]
	if !server.up || e.epoch != server.epoch || ticket != s.stream {
		return
	}
	w.trace.begin(e)
	if w.trace.on() {
		w.trace.say("subscriber %d took a frame", s.number)
	}
	s.untaken--
	in := server.event(node.EventTaken)
	in.Ticket, in.From, in.Frames = ticket, s.from, 1
	server.told()
	if server.up && w.team != nil {
		s.says(server)
	}
}
