package sim

import (
	"fmt"

	"parley/raft"
)

// ending is one way in which a move can end, and the state after it.
type ending struct {
	state *searchState
	fate  string          // what became of the writes that the move brought about; "" if they are stored
	used  [allowances]int // what it used up
	trace *Violation
}

// outcomes makes a move, in every way in which it can end. What a step hands to the disk is
// stored at once, unless the disk is slow from here on, or the machine crashes here.
func (s *searchState) outcomes(m move, exact bool) []ending {
	next := s.fork(m.node)
	n := next.nodes[m.node]
	var wrong *Violation
	switch m.kind {
	case moveDeliver, moveDouble:
		message := *s.flight[m.at].m
		if m.kind == moveDeliver {
			next.take(m.at)
		} else {
			next.left[allowDuplicate]--
		}
		wrong = next.step(m.node, n.now, raft.Input{Kind: raft.InputMessage, Message: &message})
	case moveLose:
		next.take(m.at)
		next.left[allowLoss]--
		wrong = next.step(m.node, n.now, raft.Input{Kind: raft.InputPeerLost, Peer: s.flight[m.at].m.To.ID})
	case moveStored:
		wrong = next.stored(m.node)
	case movePropose:
		payload := []byte{byte('a' + next.left[allowCommand])}
		next.left[allowCommand]--
		wrong = next.step(m.node, n.now, raft.Input{Kind: raft.InputPropose, Proposal: raft.Proposal{Ticket: 1, Kind: raft.EntryCommand, Payload: payload}})
	case moveQuiet:
		wrong = next.step(m.node, n.now.Add(searchElectionTimeout-n.r.LeaderQuiet(n.now)))
	case moveTimer:
		if n.r.Role() == raft.Leader {
			next.left[allowBeat]--
		} else {
			next.left[allowElection]--
		}
		wrong = next.step(m.node, max(n.now, n.wake))
	case moveCrash:
		wrong = next.crash(m.node, m.keep)
	}
	var all []ending
	return next.endings(all, m.node, "", wrong, s, exact)
}

// endings follows what becomes of the writes under way.
func (s *searchState) endings(all []ending, i int, fate string, wrong *Violation, before *searchState, exact bool) []ending {
	n := s.nodes[i]
	if wrong != nil || len(n.pending) == 0 || n.slow {
		if wrong == nil {
			n.slow = n.slow && len(n.pending) > 0
			for j := range s.nodes {
				if !exact {
					s.settle(j)
				}
			}
			n.shape = n.encode(exact)
		}
		o := ending{state: s, fate: fate, trace: wrong}
		for a := range o.used {
			o.used[a] = before.left[a] - s.left[a]
		}
		return append(all, o)
	}
	if s.left[allowCrash] > 0 {
		for keep := 0; keep <= len(n.pending); keep++ {
			c := s.fork(i)
			wrong := c.crash(i, keep)
			all = c.endings(all, i, fate+fmt.Sprintf(", then a crash: %d of %d writes survive", keep, len(n.pending)), wrong, before, exact)
		}
	}
	if s.left[allowSlowWrite] > 0 {
		c := s.fork(i)
		c.left[allowSlowWrite]--
		c.nodes[i].slow = true
		all = c.endings(all, i, fate+", its disk takes its time", nil, before, exact)
	}
	c := s.fork(i)
	wrong = c.stored(i)
	return c.endings(all, i, fate, wrong, before, exact)
}

// fork copies the state as far as a move of node i can change it.
func (s *searchState) fork(i int) *searchState {
	c := *s
	n := *s.nodes[i]
	n.r = n.r.Clone()
	c.nodes[i] = &n
	return &c
}

// step lets a node do something, and takes what comes of it to disk and network.
func (s *searchState) step(i int, now raft.Mono, in ...raft.Input) (wrong *Violation) {
	n := s.nodes[i]
	var out raft.Output
	out.Reset()
	was := mindOf(n.r)
	defer func() {
		if r := recover(); r != nil {
			wrong = violation(Panicked, "Node %d: %v.", i+1, r)
		}
	}()
	n.now = now
	n.r.Step(now, in, &out)
	n.wake = out.WakeAt
	n.pending = append(n.pending[:len(n.pending):len(n.pending)], out.Store...)
	for j := range out.Send {
		if wrong := s.leaves(i, out.Send[j]); wrong != nil {
			return wrong
		}
	}
	return s.judgeStep(i, was, &out)
}

// stored completes the oldest write: what it promises leaves, and the node is told.
func (s *searchState) stored(i int) *Violation {
	n := s.nodes[i]
	w := n.pending[0]
	n.pending = n.pending[1:]
	n.write(&w)
	for j := range w.Then {
		if wrong := s.leaves(i, w.Then[j]); wrong != nil {
			return wrong
		}
	}
	return s.step(i, n.now, raft.Input{Kind: raft.InputStored, Stored: w.Seq})
}

// crash loses all but a prefix of the writes under way, and the node starts again. How long it was down
// makes no difference: what arrives meanwhile is lost, and a message that never arrives is searched anyway.
func (s *searchState) crash(i, keep int) *Violation {
	n := s.nodes[i]
	for j := range keep {
		n.write(&n.pending[j])
	}
	s.left[allowCrash]--
	n.start(i)
	return s.step(i, 0)
}

// leaves puts a message under way, once the judge has compared it with the sender's disk.
func (s *searchState) leaves(i int, m raft.Message) *Violation {
	if wrong := s.judgePromise(i, &m); wrong != nil {
		return wrong
	}
	s.send(m)
	return nil
}
