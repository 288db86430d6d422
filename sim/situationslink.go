package sim

import "parley/raft"

// coverCuts looks at who reaches whom when a partition has begun.
func (w *World) coverCuts(f *Fault, nodes []raft.NodeID) {
	most := 0
	for _, s := range w.servers {
		if s.up {
			most = max(most, w.reached(s.id))
		}
	}
	w.reachIf(cutNobody, most <= w.plan.Nodes/2)
	w.reachIf(cutTwice, w.cuts() > 1)
	for _, s := range w.servers {
		if !s.up || w.reached(s.id) > w.plan.Nodes/2 {
			continue
		}
		st := s.node.Status()
		w.reachIf(cutFetching, fetching(&st))
		switch w.judges.election.roles[s.id].is {
		case raft.Candidate:
			w.reach(cutCandidate)
		case raft.Leader:
			m := &w.judges.logs.mirrors[s.id]
			w.reachIf(cutLeaderUncommitted, raft.Index(len(m.handed)) > m.commit)
			w.reachIf(cutLeaderJoint, w.joint(s.id))
			w.reachIf(cutLeaderReads, st.Reads > 0)
			w.reachIf(cutLeaderLease, w.plan.leaseOf(s.id) > 0)
			w.reachIf(cutLeaderMinority, f.Kind == Split || f.Kind == Bridge)
		}
	}
	if len(nodes) == 1 {
		_, leads := w.leads(nodes[0])
		w.reachIf(cutLeaderDeaf, leads && f.Kind == Deaf)
		w.reachIf(cutLeaderMute, leads && f.Kind == Mute)
	}
}

// reached counts the nodes that a node exchanges messages with, itself included.
func (w *World) reached(id raft.NodeID) int {
	n := 1
	for other := raft.NodeID(1); int(other) <= w.plan.servers(); other++ {
		if other != id && w.net.open(id, other) && w.net.open(other, id) && w.node(other).up {
			n++
		}
	}
	return n
}

// cuts counts the partitions that hold.
func (w *World) cuts() int {
	n := 0
	for i := range w.live {
		if w.live[i].on && w.plan.Faults[i].cuts() {
			n++
		}
	}
	return n
}

// cuts reports whether the fault is a partition.
func (f *Fault) cuts() bool {
	switch f.Kind {
	case Isolate, Split, OneWay, Deaf, Mute, Ring, Bridge:
		return true
	}
	return false
}
