package sim

import (
	"time"

	"parley/raft"
	"parley/raft/node"
)

// The situations in which processes end and begin, and in which other things befall them.

// coverCrash looks at a process that is about to end.
func (w *World) coverCrash(s *server) {
	m := &w.judges.logs.mirrors[s.id]
	st := s.node.Status()
	role := w.judges.election.roles[s.id].is
	if _, leads := w.leads(s.id); leads {
		c := w.inForce(s.id)
		me, ok := c.Find(s.id)
		w.reachIf(crashLeaderUncommitted, raft.Index(len(m.handed)) > m.commit)
		w.reachIf(crashLeaderAhead, m.commit > w.commitOfOthers(s.id))
		w.reachIf(crashLeaderWaiters, st.Waiters > 0)
		w.reachIf(crashLeaderReads, st.Reads > 0)
		w.reachIf(crashLeaderJoint, c.Joint())
		w.reachIf(crashLeaderFresh, w.fresh(s.id))
		w.reachIf(crashLeaderRemoved, ok && !me.Voter && me.VoterOld)
		w.reachIf(crashLeaderHanding, w.handedOver(st.Term))
	}
	w.reachIf(crashCandidate, role == raft.Candidate)
	w.reachIf(crashPreCandidate, role == raft.PreCandidate)
	w.reachIf(crashLearner, w.isLearner(s.id))
	w.reachIf(crashWriting, s.disk.busy)
	w.reachIf(crashQueued, s.disk.busy && len(s.disk.queue) > 0)
	w.reachIf(crashMaking, s.working && s.tasks[0].Kind == node.TaskMake)
	w.reachIf(crashLoading, s.working && s.tasks[0].Kind == node.TaskLoad)
	w.reachIf(crashFetching, fetching(&st))
	w.reachIf(crashHoles, st.Hole != 0)
	w.reachIf(crashFloor, st.Floor != 0)
	w.reachIf(crashIdentity, s.disk.saving != nil)
	w.reachIf(crashPaused, s.pausedUntil > w.now)
	w.reachIf(crashYoung, w.now-w.lately.started[s.id] < int64(w.plan.Node.Election))
	w.reachIf(crashUnapplied, m.commit > m.applied)
	w.reachIf(crashStoringFile, s.storing)
	w.reachIf(crashOldRelease, s.old)
	down := 1
	for _, other := range w.servers {
		if other.id != s.id && !other.up {
			down++
		}
	}
	w.reachIf(crashMajority, down == len(w.servers)/2+1)
	w.reachIf(crashAll, down == len(w.servers))
}

// coverStart looks at what a process finds on its disk.
func (w *World) coverStart(s *server, boot *node.Boot) {
	w.lately.started[s.id] = w.now
	last := boot.Base.Entry.Index + raft.Index(len(boot.Entries))
	highest, behind, ahead := raft.Term(0), false, last > 0
	for _, other := range w.servers {
		m := &w.judges.logs.mirrors[other.id]
		highest = max(highest, m.term)
		if other.id == s.id || !other.up || other.node.Raft() == nil {
			continue
		}
		behind = behind || other.node.Raft().BaseEntry().Index > last
		ahead = ahead && raft.Index(len(m.handed)) < last
	}
	w.reachIf(startVoted, boot.Hard.Term == highest && !boot.Hard.Vote.IsZero() && s.epoch > 0)
	w.reachIf(startHoles, holed(boot.Entries))
	w.reachIf(startFloor, boot.Hard.Floor.Index > last)
	w.reachIf(startSnapshot, boot.Applied > 0)
	c := w.configOfLog(s.id)
	w.reachIf(startJoint, c.Joint())
	w.reachIf(startBehind, behind)
	w.reachIf(startAhead, ahead)
	w.reachIf(startLed, w.led(highest) == s.id)
	w.reachIf(startUnformed, s.epoch > 0 && boot.Identity.Cluster == 0)
}

func holed(entries []raft.Entry) bool {
	for i := range entries {
		if entries[i].Kind == 0 {
			return true
		}
	}
	return false
}

// coverStrike looks at a node that a fault is about to hit.
func (w *World) coverStrike(s *server, f *Fault) {
	if !s.up {
		return
	}
	_, leads := w.leads(s.id)
	if !leads {
		if f.Kind == Full {
			st := s.node.Status()
			w.reachIf(strikeFullFetching, fetching(&st))
		}
		return
	}
	m := &w.judges.logs.mirrors[s.id]
	lease := w.plan.leaseOf(s.id) > 0
	switch f.Kind {
	case Pause:
		w.reachIf(strikePausedLeader, s.node.Status().Waiters > 0)
		w.reachIf(strikePausedLease, lease)
	case Freeze:
		w.reach(strikeFrozenLeader)
	case Drift:
		w.reach(strikeDriftingLeader)
	case Stall:
		w.reachIf(strikeStalledLeader, raft.Index(len(m.handed)) > m.commit)
	case Full:
		w.reach(strikeFullLeader)
	case Wipe:
		w.reach(strikeWipedLeader)
	case Rot, LostWrite, Misdirect:
		w.reach(strikeDamagedLeader)
	}
}

// inForce returns the configuration that a node goes by.
func (w *World) inForce(id raft.NodeID) raft.Configuration {
	m := &w.judges.logs.mirrors[id]
	return w.configOf(m.config, termAt(m.handed, m.config))
}

// configOfLog returns the newest configuration in a node's log.
func (w *World) configOfLog(id raft.NodeID) raft.Configuration {
	log := w.judges.logs.mirrors[id].handed
	for i := raft.Index(len(log)); i > 0; i-- {
		if c := w.configOf(i, termAt(log, i)); len(c.Members) > 0 {
			return c
		}
	}
	return w.configOf(0, 0)
}

// joint reports whether a node goes by a joint configuration.
func (w *World) joint(id raft.NodeID) bool {
	c := w.inForce(id)
	return c.Joint()
}

func (w *World) isLearner(id raft.NodeID) bool {
	c := w.inForce(id)
	m, ok := c.Find(id)
	return ok && !m.Voter && !m.VoterOld
}

// fresh reports whether a leader has committed nothing in its term.
func (w *World) fresh(id raft.NodeID) bool {
	m := &w.judges.logs.mirrors[id]
	return termAt(m.handed, m.commit) != w.judges.election.roles[id].term
}

// commitOfOthers is the highest commitIndex of all other nodes that run.
func (w *World) commitOfOthers(id raft.NodeID) raft.Index {
	highest := raft.Index(0)
	for _, other := range w.servers {
		if other.id != id && other.up {
			highest = max(highest, w.judges.logs.mirrors[other.id].commit)
		}
	}
	return highest
}

// handedOver reports whether a node was told in a term to take over.
func (w *World) handedOver(term raft.Term) bool {
	for _, t := range w.lately.handed {
		if t == term && term > 0 {
			return true
		}
	}
	return false
}

// led returns who was elected in a term; zero: nobody.
func (w *World) led(term raft.Term) raft.NodeID {
	if l := w.judges.election.leaders; uint64(term) < uint64(len(l)) {
		return l[term].who
	}
	return 0
}

// fetching reports whether a snapshot is on its way to a node.
func fetching(st *node.Status) bool { return st.FetchFrom != 0 && st.FetchHave < st.FetchSize }

// coverElected looks at a new leader; coverCampaign at a candidate.
func (w *World) coverElected(s *server, term raft.Term) {
	l := &w.judges.logs
	mine := &l.mirrors[s.id]
	others, above := 0, false
	for _, other := range w.servers {
		if other.id == s.id || !other.up {
			continue
		}
		if _, leads := w.leads(other.id); leads {
			others++
		}
		m := &l.mirrors[other.id]
		above = above || m.term > term
		if len(m.handed) > len(mine.handed) {
			w.reach(leadBesideLonger)
			w.reachIf(leadBesideOlder, lastTerm(m.handed) < lastTerm(mine.handed))
		}
	}
	c := w.inForce(s.id)
	me, member := c.Find(s.id)
	w.reachIf(leadTwo, others >= 1)
	w.reachIf(leadThree, others >= 2)
	w.reachIf(leadJoint, c.Joint())
	w.reachIf(leadUncommitted, raft.Index(len(mine.handed)) > mine.commit)
	w.reachIf(leadLeaving, member && !me.Voter && me.VoterOld)
	w.reachIf(leadAgain, w.led(term-1) == s.id && w.lately.started[s.id] > 0 && s.epoch > 0)
	w.reachIf(leadBehindTerm, above)
	w.reachIf(leadTransferred, w.lately.handed[s.id] != 0 && w.lately.handed[s.id]+1 == term)
	w.reachIf(termWithoutLeader, term > 1 && w.led(term-1) == 0)
	w.lately.leaders++
	w.lately.leading = append(w.lately.leading, w.now)
	if n := len(w.lately.leading); n > 2 {
		w.lately.leading = w.lately.leading[n-3:]
		w.reachIf(leadQuickly, w.now-w.lately.leading[0] < int64(time.Second))
	}
}

func lastTerm(log []raft.Term) raft.Term { return termAt(log, raft.Index(len(log))) }

// coverRole looks at a change of role before it is taken down.
func (w *World) coverRole(s *server, n *raft.Note) {
	was := w.judges.election.roles[s.id]
	is := raft.Role(n.A)
	w.reachIf(deposedFresh, was.is == raft.Leader && is != raft.Leader && w.fresh(s.id))
	if is == raft.Candidate {
		for uint64(len(w.lately.campaigns)) <= uint64(n.Term) {
			w.lately.campaigns = append(w.lately.campaigns, 0)
		}
		w.lately.campaigns[n.Term]++
		w.reachIf(splitVote, w.lately.campaigns[n.Term] == 2)
	}
	terms := 1
	seen := [nodesMax + 1]raft.Term{n.Term}
	for _, other := range w.servers {
		t := w.judges.logs.mirrors[other.id].term
		if other.up && t > 0 && other.id != s.id && !containsTerm(seen[:terms], t) {
			seen[terms] = t
			terms++
		}
	}
	w.reachIf(termsApart, terms >= 3)
}

func containsTerm(terms []raft.Term, t raft.Term) bool {
	for _, other := range terms {
		if other == t {
			return true
		}
	}
	return false
}
