package sim

import (
	"time"

	"parley/raft"
	"parley/statemachine/state"
)

// What is too old to be kept must go from the state itself, and not only from what is shown of it. The first node that lets an
// entry's time pass is looked at; all others are compared with it by their hashes.

// judgeAged counts what a state holds, as its time has passed up to a position.
func (w *World) judgeAged(m *machine, at raft.Position) {
	if w.team == nil || w.plan.Team.Keep == 0 || m.s.rot.at != 0 {
		return
	}
	all := w.judges.applied.everything
	model := w.team.model
	posts, rest := 0, 0
	for _, p := range model.places {
		posts += len(p.posts) - p.gone
		rest += p.rest
	}
	counts := []kept{
		{"messages", m.Len(state.TablePosts), posts},
		{"positions with events", m.Len(state.TableEvents), len(all) - firstBehind(all, w.droppedAt(at))},
	}
	if w.team.passed.aged.round {
		files := 0
		for _, f := range model.files {
			if f.is.when(at) {
				files++
			}
		}
		for _, p := range model.places {
			for _, post := range p.posts[p.gone:] {
				rest += post.rows(at)
			}
		}
		counts = append(counts, kept{"files", m.Len(state.TableFiles), files},
			kept{"rows of edits and reactions", m.Len(state.TableEdits) + m.Len(state.TableReactions), rest})
	}
	for _, c := range counts {
		if c.has != c.want {
			w.violate(Team, "The time that passed up to position %d leaves node %d with %d %s, and is to leave %d.", at, m.s.id, c.has, c.what, c.want)
		}
	}
}

// judgeOverdue looks, when all is over, whether what was too old went though nobody wrote: an entry of the leader's own lets the time
// pass. How long that took by its clock is not known; half of the time is less, and a second or two it may be late.
func (w *World) judgeOverdue() {
	a, c := &w.judges.applied, w.judges.logs.committed
	if w.team == nil || len(a.moments) == 0 || len(c) == 0 {
		return
	}
	const late = 2 * time.Second
	quiet := time.Duration(w.now-c[len(c)-1].at) - late
	last := a.moments[len(a.moments)-1].at
	events := len(a.everything) - firstBehind(a.everything, w.droppedAt(last.Position))
	if due, ok := w.team.model.kept.due(events); ok && quiet > 0 && due <= last.Time.Add(quiet/2) {
		w.violate(Liveness, "Nobody has written anything since position %d of log time %d, and what is too old since %d is there %s later.",
			last.Position, last.Time, due, quiet+late)
	}
}

// due is the log time from which on something is to go, if nothing else happens, when so many positions have events.
func (k *teamKept) due(events int) (at raft.LogTime, ok bool) {
	if k.round.runs {
		at, ok = k.round.due, true
	}
	if keep := k.is.when(^raft.Position(0)).Events; keep != 0 && events > 0 && len(k.stamps) > 0 {
		if t := k.stamps[0].time.Add(keep); !ok || t < at {
			at, ok = t, true
		}
	}
	return at, ok
}

// kept is how many there are of something, and how many there are to be.
type kept struct {
	what      string
	has, want int
}
