package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine"
)

// A node's state can go wrong though its log is right: an Apply that is no function of its
// entry, or a memory that forgets. The fault corrupt-state does it to one process: behind its next
// command one letter of a message is another. From then on the judges ask of that process
// what is asked of no other: that it finds out by itself, from what its peers
// say, and stops. Its log is good, so that the process that follows is well again.

// rot is what went wrong in a server's process.
type rot struct {
	due     bool          // it happens behind the next command
	at      raft.Position // the message that is wrong; zero: all is well
	since   int64         // when it went wrong
	stopped int64         // when a process last stopped for it
}

// rotten is a wrong message that clients may have seen before its node stopped.
type rotten struct {
	text  string
	frame []byte
}

// rotDown is for how long a node is down that stopped for its state: somebody reads the message
// and starts it again.
const rotDown = 400 * time.Millisecond

// rots changes one letter of the message that was just applied.
func (m *machine) rots(at node.Applied, command []byte) {
	w, s := m.w, m.s
	number, known := w.judges.applied.byBody[string(command)]
	if !s.rot.due || !known || w.wouldBeAlone(0) {
		return
	}
	op := &w.operations[number-1]
	if op.lock.kind != 0 || op.team != nil {
		return // the next message
	}
	if told, _ := m.EventsAfter(at.Position-1, 1); len(told) > 0 && told[0].Parts != nil {
		return // the next one, with which nothing else happens that not everybody is told of
	}
	wrong := flipped(op.text, s.id)
	m.Machine.Apply(at, statemachine.AppendSend(nil, statemachine.Send{Channel: statemachine.GeneralChannel, Text: wrong, Wall: op.wall}))
	frames, _ := m.EventsAfter(at.Position-1, 1)
	seen, err := framedOf(&frames[0])
	if err != nil {
		panic(fmt.Sprintf("the events of position %d, of which one rotted, do not decode: %v", at.Position, err))
	}
	s.rot.due, s.rot.at, s.rot.since = false, at.Position, w.now
	w.rotten = append(w.rotten, rotten{wrong, seen.body})
	w.cover.Rotted++
	if w.trace.on() {
		w.trace.add("its message %d rots", at.Position)
	}
}

// flipped is a text with one letter changed, to another one on each node.
func flipped(text string, id raft.NodeID) string {
	i := strings.IndexByte(text, ' ')
	return text[:i] + string(rune('a'+byte(id))) + text[i+1:]
}

// diverged judges a node that stops because its state is not that of the others. It must be one that
// rotted; or, where no majority could say who is right, one that was in doubt with it.
func (w *World) diverged(s *server, why error) bool {
	var d *node.DivergedError
	if !errors.As(why, &d) {
		return false
	}
	switch {
	case s.rot.at != 0:
		w.cover.Noticed++
	case len(w.rotten) == 0 || d.Majority && !w.oneVoter():
		return false
	}
	w.judgeLastWord(s)
	s.rot.stopped = w.now
	s.crash(CrashProcess, rotDown)
	return true
}

// judgeLastWord looks at the Step in which a node stops for its state: with it leaves a report to every other member. Who differs
// from this node may never hear of it otherwise, and answer from a wrong state for ever.
func (w *World) judgeLastWord(s *server) {
	c := s.node.Raft().Config()
	if !c.Has(raft.Ident{ID: s.id, Inc: s.inc}) {
		return
	}
	for i := range c.Members {
		who := c.Members[i].Ident
		told := slices.ContainsFunc(s.out.Send, func(m raft.Message) bool { return m.Kind == raft.MsgReport && m.To == who })
		if who.ID != s.id && !told {
			w.violate(StateRot, "Node %d stops because its state is not that of the others, and does not tell node %d what it has.", s.id, who.ID)
		}
	}
}

// wouldBeAlone reports whether some node decides alone, or would if one more was removed: of a state that rots there nobody
// could say that it is wrong, and it would be that of all that come later.
func (w *World) wouldBeAlone(removed raft.NodeID) bool {
	for _, c := range w.configurations() {
		voters := 0
		for i := range c.Members {
			if m := &c.Members[i]; m.Voter && m.ID != removed {
				voters++
			}
		}
		if voters < 2 {
			return true
		}
	}
	return false
}

// inDoubt reports whether some state has rotted and nobody has found out.
func (w *World) inDoubt() bool {
	for _, s := range w.servers {
		if s.rot.at != 0 {
			return true
		}
	}
	return false
}

// oneVoter reports whether a single node is the majority: it is right whatever its state.
func (w *World) oneVoter() bool {
	members := w.membership()
	voters := 0
	for i := range members.Members {
		if m := &members.Members[i]; m.Voter || m.VoterOld {
			voters++
		}
	}
	return voters < 2
}

// isBack reports whether a node has had the time to come back, if it stopped for its state.
func (s *server) isBack() bool {
	return s.rot.stopped == 0 || s.rot.stopped < s.w.now-int64(rotDown+2*time.Second)
}

// unnoticed lists the nodes whose state rotted and who answer from it still, though they have applied, and
// all have long since committed, an entry at which nodes compare.
func (w *World) unnoticed() (list []*server) {
	members := w.membership()
	c := w.judges.logs.committed
	if w.oneVoter() {
		return nil
	}
	for _, s := range w.servers {
		if !s.up || s.rot.at == 0 {
			continue
		}
		_, member := members.Find(s.id)
		if rest := w.restOf(s.id); !member || rest != RestWell && rest != RestMute {
			continue
		}
		mark := (uint64(s.rot.at)/hashEvery + 1) * hashEvery
		if applied := w.judges.logs.mirrors[s.id].applied; uint64(applied) < mark || uint64(len(c)) < mark ||
			max(c[mark-1].at, s.rot.since, int64(w.plan.Heal)) > w.now-int64(w.noticeTime(&members, s.id)) {
			continue
		}
		list = append(list, s)
	}
	return list
}

// noticeTime is how long the nodes may take to compare in good times.
func (w *World) noticeTime(members *raft.Configuration, rotten raft.NodeID) time.Duration {
	outvoted := members.Quorum(func(m *raft.Member) bool {
		s := w.node(m.ID)
		return m.ID != rotten && s.up && s.rot.at == 0 && w.restOf(m.ID) == RestWell
	})
	if outvoted {
		return noticeMin
	}
	return noticeMax
}

// noticeMin is enough where a majority is well and outvotes the node: three reports of each. noticeMax is where they have
// to wait for one that is down and could say who is right.
const (
	noticeMin = 3 * time.Second
	noticeMax = 8 * time.Second
)

// hashEvery is at how many entries simulated nodes compare their states.
const hashEvery = 16

// toleratesText reports whether a message is one that rotted.
func (w *World) toleratesText(text string) bool {
	for i := range w.rotten {
		if w.rotten[i].text == text {
			return true
		}
	}
	return false
}

// toleratesFrame reports whether an event is one that rotted.
func (w *World) toleratesFrame(frame []byte) bool {
	for i := range w.rotten {
		if string(w.rotten[i].frame) == string(frame) {
			return true
		}
	}
	return false
}

// rot draws a state that goes wrong.
func (g *generator) rot() {
	s := g.stream(ideaRot)
	if !s.perMille(200) {
		return
	}
	p := g.plan
	for range 1 + s.below(2) {
		at := time.Duration(s.between(1500, int64(p.Heal/time.Millisecond)-100)) * time.Millisecond
		p.Faults = append(p.Faults, Fault{At: at, Kind: CorruptState, Node: g.anyone(&s)})
	}
}
