package sim

import (
	"fmt"
	"time"

	"parley/raft"
)

// unseen lists the teammates who hold a stream to a node that is well and were not sent what they could see for more than
// a second.
func (w *World) unseen(due raft.Index) (list []string) {
	members := w.membership()
	for _, s := range w.subscribers {
		_, member := members.Find(s.at)
		if s.mate == nil || s.at == 0 || !member || !s.login.is.when(w.appliedBy(w.node(s.at))).lives {
			continue
		}
		if l := w.node(s.at).streamOf(s.stream); l == nil || w.now-l.since < int64(2*time.Second) {
			continue
		}
		if missed := s.missed(raft.Position(due), w.appliedBy(w.node(s.at))); missed != 0 {
			list = append(list, fmt.Sprintf("subscriber %d, at node %d, a stream of user %d, saw events up to %d and not that of %d", s.number, s.at, s.login.User, s.from, missed))
		}
	}
	return list
}

// judgePresence looks, when the time is over, whether the state says who is there. It asks about users for whom nothing has
// changed since the servers had time to notice: who had a stream with a node that is well all that time is online, and who
// had none, and was not with a node of which nobody knows yet that it is gone, is offline.
func (w *World) judgePresence() {
	if w.team == nil {
		return
	}
	v := w.team.view(nil)
	every := orElse(int64(w.plan.Team.Edge), int64(edgeEvery))
	settled := w.edgesStop() - 4*every - int64(5*time.Second/2) // two waits of a server, and a command
	if settled-w.gone() < int64(w.plan.Heal)+int64(time.Second) {
		return // all of it was not quiet for long enough
	}
	for _, u := range v.users {
		if u.is.when(v.at).Disabled {
			continue
		}
		online, steady, long := u.presence.when(v.at).Nodes > 0, false, true
		for _, s := range w.servers {
			for i := range s.streams {
				if l := &s.streams[i]; l.user == u {
					long = false
					steady = steady || l.since < settled && w.serves(s)
				}
			}
		}
		long = long && w.team.left[u.id] < settled
		for _, e := range v.edges {
			if e.user == u && e.is.when(v.at) {
				long = long && (w.serves(w.node(e.node)) || w.restOf(e.node) == RestDown)
			}
		}
		switch {
		case steady && !online:
			w.violate(Presence, "User %d has had a stream for %s and is offline.", u.id, time.Duration(w.now-settled))
		case long && online:
			w.violate(Presence, "User %d has had no stream for %s and is online.", u.id, time.Duration(w.now-settled))
		}
	}
}

// serves reports whether a node has been a member all the time that is asked about, and does its work.
func (w *World) serves(s *server) bool {
	members := w.membership()
	_, member := members.Find(s.id)
	return s.up && member && w.staysWell(s.id) && !w.plan.harms()
}
