package sim

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine"
	"parley/statemachine/state"
)

// A teammate's process may have a stream, under its login: of all that its user may see, or of one place. It is judged
// twice. When a frame leaves a node it must hold just those events of its position that the reader may see at what the
// node has applied then, as they are to be shown then, and the login must live there. When it arrives nothing may be missing
// before it that its reader could see all the time from when it happened.

// opens makes the subscription of a teammate's process; false if it has no login.
func (s *subscriber) opens(ev *node.Event) bool {
	c, w := s.mate, s.w
	if c.mate.login == 0 || w.now < c.asleep {
		return false
	}
	l := w.team.model.loginOf[c.mate.login]
	if l == nil {
		return false
	}
	s.login, s.only = l, state.Audience{}
	if x := s.chance.next(); below(x, 5) == 0 { // it follows one place
		places := w.team.model.places
		s.only = state.ForPlace(places[below(raft.Mix(x, 1), uint64(len(places)))].id)
		ev.Audiences = []string{s.only.Word()}
	}
	ev.Reader = statemachine.Reader(l.User, state.Head{Login: l.ID, Proof: c.mate.proof})
	return true
}

// streamOpens takes down that a node has a stream.
func (s *server) streamOpens(sub *subscriber) {
	live := liveStream{ticket: sub.stream, since: s.w.now}
	if sub.mate != nil {
		live.login, live.user, live.only = sub.login, s.w.team.model.userOf[sub.login.User], sub.only
	}
	s.streams = append(s.streams, live)
}

// streamCloses takes down that it has it no more.
func (s *server) streamCloses(ticket node.Ticket) {
	s.streams = slices.DeleteFunc(s.streams, func(l liveStream) bool {
		if l.ticket == ticket && l.user != nil {
			s.w.team.left[l.user.id] = s.w.now
		}
		return l.ticket == ticket
	})
}

// streamsBreak takes down that the process is gone, and all of them with it.
func (s *server) streamsBreak() {
	for len(s.streams) > 0 {
		s.streamCloses(s.streams[0].ticket)
	}
}

func (s *server) streamOf(ticket node.Ticket) *liveStream {
	for i := range s.streams {
		if s.streams[i].ticket == ticket {
			return &s.streams[i]
		}
	}
	return nil
}

// appliedBy is what a node has applied, as the judges have it.
func (w *World) appliedBy(s *server) raft.Position {
	return raft.Position(w.judges.logs.mirrors[s.id].applied)
}

// judgePushed looks at a frame as it leaves a node.
func (w *World) judgePushed(s *server, f *node.Frame) {
	l := s.streamOf(f.Ticket)
	if w.team == nil || l == nil || l.login == nil {
		return
	}
	at := w.appliedBy(s)
	if !l.login.is.when(at).lives {
		w.violate(Logins, "Node %d, which has applied %d, sends a frame to a stream under login %d, which has ended.", s.id, at, l.login.ID)
		return
	}
	if f.Notice {
		w.judgeNotice(s, l, f)
		return
	}
	if len(f.Body) == 0 || w.toleratesFrame(f.Body) {
		return
	}
	if dropped := w.droppedAt(at); f.Position <= dropped {
		w.violate(Streams, "Node %d, which has applied %d, sends the events of %d, and keeps none up to %d.", s.id, at, f.Position, dropped)
		return
	}
	want, _ := w.frameFor(l, f.Position, at)
	if !bytes.Equal(f.Body, want) {
		w.violate(w.frameBreach(l, f, at), "Node %d, which has applied %d, sends user %d the events of %d, %s, and is to send %s.",
			s.id, at, l.user.id, f.Position, describeFrameBody(f.Body), describeFrameBody(want))
	}
}

// frameFor returns what a reader is to be sent of a position by a node that has applied another.
func (w *World) frameFor(l *liveStream, p, at raft.Position) (body []byte, any bool) {
	f := w.framedAt(p)
	if f == nil {
		return nil, false
	}
	events := w.team.model.eventsOf(p)
	v := &teamView{teamModel: w.team.model, at: at, user: l.user}
	for _, part := range f.parts {
		shown := part.body
		if part.audience == "" {
			if l.only != (state.Audience{}) {
				continue
			}
		} else {
			e := &events[0]
			events = events[1:]
			if l.only != (state.Audience{}) && l.only != e.Audience || !w.team.model.reads(l.user, e.Audience, at) {
				continue
			}
			shown = w.shownAt(e, v)
		}
		body = append(binary.LittleEndian.AppendUint32(body, uint32(len(shown))), shown...)
	}
	return body, len(body) > 0
}

// eventsOf returns what happened at a position.
func (m *teamModel) eventsOf(p raft.Position) []state.Event {
	i, ok := slices.BinarySearchFunc(m.happened, p, func(h teamHappening, p raft.Position) int { return cmp.Compare(h.at, p) })
	if !ok {
		return nil
	}
	return m.happened[i].events
}

func (w *World) framedAt(p raft.Position) *framed {
	all := w.judges.applied.everything
	i, ok := slices.BinarySearchFunc(all, p, func(f framed, p raft.Position) int { return cmp.Compare(f.at, p) })
	if !ok {
		return nil
	}
	return &all[i]
}

// frameBreach tells a frame that shows what its reader may not see from one that is otherwise wrong.
func (w *World) frameBreach(l *liveStream, f *node.Frame, at raft.Position) string {
	bodies, err := statemachine.DecodeBodies(f.Body)
	if err != nil {
		return Streams
	}
	for _, body := range bodies {
		var shown state.Shown
		if len(body) == 0 || body[0] != 2 || state.Decode(body[1:], &shown) != nil {
			continue
		}
		place := w.team.model.placeOf[shown.Place]
		hidden := place != nil && (shown.Post.Text != "" || shown.PlaceName != "" && place.is.when(at).Private) && !place.part(l.user, at).joined
		if hidden && shown.Kind != state.EventLeft {
			return Secrecy
		}
		if post := w.team.model.postOf[shown.Post.ID]; post != nil && shown.Post.Text != "" && (post.is.when(at).DeletedBy != 0 || post.goneBy(at)) {
			return Secrecy
		}
	}
	for i := range w.team.model.eventsOf(f.Position) {
		e := &w.team.model.eventsOf(f.Position)[i]
		if !w.team.model.reads(l.user, e.Audience, at) && bytes.Contains(f.Body, w.shownAt(e, &teamView{teamModel: w.team.model, at: at, user: l.user})) {
			return Secrecy
		}
	}
	return Streams
}

func describeFrameBody(body []byte) string {
	bodies, _ := statemachine.DecodeBodies(body)
	line := ""
	for _, b := range bodies {
		if b[0] != 2 {
			line += "an anonymous event; "
			continue
		}
		line += describeEvent(b) + "; "
	}
	if line == "" {
		return "nothing"
	}
	return line
}

// judgeStreams looks whether a node has ended the streams of logins that are over there.
func (w *World) judgeStreams(s *server) {
	if w.team == nil {
		return
	}
	at := w.appliedBy(s)
	for i := range s.streams {
		if l := &s.streams[i]; l.login != nil && !l.login.is.when(at).lives {
			w.violate(Logins, "Node %d, which has applied %d, has a stream under login %d, which has ended.", s.id, at, l.login.ID)
		}
	}
}

// streamEnds looks at the end of a stream that a node tells of.
func (w *World) streamEnds(s *server, a *node.Answer) {
	if l := s.streamOf(a.Ticket); l != nil && l.login != nil && a.Code == node.CodeReaderGone {
		if at := w.appliedBy(s); l.login.is.when(s.came).lives && l.login.is.when(at).lives {
			w.violate(Logins, "Node %d, which has applied %d, ends a stream under login %d, which lives there.", s.id, at, l.login.ID)
		}
		w.cover.StreamsGone++
		w.reachIf(teamStreamRestored, w.lately.installed[s.id] == w.now)
	}
	s.streamCloses(a.Ticket)
}

// judgeArrived looks at a frame that a teammate gets: nothing is missing before it.
func (s *subscriber) judgeArrived(f *node.Frame, at raft.Position) {
	w := s.w
	switch {
	case f.Position < s.from || len(f.Body) > 0 && f.Position == s.from && !f.Notice:
		w.violate(Streams, "Subscriber %d has seen everything up to %d and gets position %d again.", s.number, s.from, f.Position)
	default:
		upTo := f.Position
		if len(f.Body) > 0 && !f.Notice {
			upTo--
			w.cover.TeamFrames++
			if c := w.judges.logs.committed; int(f.Position) <= len(c) && c[f.Position-1].at >= s.since {
				s.late = max(s.late, w.now-c[f.Position-1].at)
			}
			w.coverArrived(s, f, at)
		}
		if missed := s.missed(upTo, at); missed != 0 {
			w.violate(Streams, "Subscriber %d is sent position %d and never saw the event of %d, which it could see from there up to %d.", s.number, f.Position, missed, at)
		}
	}
	s.from = f.Position
}

// missed returns a position behind what a teammate has seen, up to another one, of which he could see something at every
// moment until a node had applied at; zero if there is none.
func (s *subscriber) missed(upTo, at raft.Position) raft.Position {
	w := s.w
	u := w.team.model.userOf[s.login.User]
	all := w.judges.applied.everything
	for i := len(all) - 1; i >= 0 && all[i].at > s.from; i-- {
		p := all[i].at
		if p > upTo {
			continue
		}
		events := w.team.model.eventsOf(p)
		for _, part := range all[i].parts {
			if part.audience == "" {
				if s.only == (state.Audience{}) {
					return p
				}
				continue
			}
			e := &events[0]
			events = events[1:]
			if (s.only == (state.Audience{}) || s.only == e.Audience) && w.team.model.readsThroughout(u, e.Audience, p, at) {
				return p
			}
			w.reachIf(deskShutReader, e.Doc != 0 && e.Audience == state.ForReaders(e.Doc) && w.team.model.reads(u, e.Audience, p) && !w.team.model.reads(u, e.Audience, at))
		}
	}
	return 0
}
