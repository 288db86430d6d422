package host

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/raft"
	"parley/raft/blob"
	"parley/raft/node"
)

// run is the loop: the only goroutine that calls the node.
func (h *Host) run() {
	defer close(h.done)
	err := h.pump()
	h.shutDown(err)
}

// pump steps the node until it can't go on or is asked to stop.
func (h *Host) pump() error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var (
		out    node.Output
		events []node.Event
		asks   []chan<- node.Status
		wakeAt raft.Mono                // when the node wants to be called
		armed  = h.now().Add(time.Hour) // when the timer fires
		limit  = gatherLimit{raft.Never}
		polite = newCourtesy(h.inbox.waits, 1)
	)
	out.Ahead = h.ahead
	for {
		polite.yield()
		late := limit.reached(h.now)
		events, asks = h.inbox.take(events[:0], asks[:0], late)
		now := h.now()
		rest := events
		for due := now >= wakeAt; due || len(rest) > 0; due = false {
			n := turn(rest)
			h.stepped(rest[:n], &out)
			wakeAt = out.WakeAt
			if err := h.carryOut(&out, rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
		}
		limit.took(events, late)
		h.inbox.done(events)
		for i, to := range asks {
			to <- h.node.Status()
			asks[i] = nil
		}
		if len(events) > 0 && !h.stopping() {
			continue // more came meanwhile, likely
		}
		// The timer is only moved forward: deadlines mostly move away, and firing
		// once too early is cheaper than moving the timer at every Step.
		limit.rest(h.inbox.gathering(), now)
		if at := min(wakeAt, limit.at); at < armed || now >= armed {
			armed = min(at, now.Add(time.Hour))
			timer.Reset(armed.Sub(now))
		}
		select {
		case <-h.stop:
			return nil
		case <-h.inbox.wake:
		case <-timer.C:
		}
	}
}

// turn returns how many events one Step takes: all, unless they carry very much. A follower that
// catches up is sent megabytes at a time; what it stores of them in one write holds up every sync of the same
// device, and what it applies in one Step its heartbeats.
func turn(events []node.Event) int {
	bytes := 0
	for i := range events {
		if m := events[i].Message; m != nil {
			bytes += payloadBytes(m)
		}
		if bytes >= turnBytes {
			return i + 1
		}
	}
	return len(events)
}

// stopping reports whether Stop was called.
func (h *Host) stopping() bool {
	select {
	case <-h.stop:
		return true
	default:
		return false
	}
}

// carryOut does what a Step wants done: first what others work on while this
// goroutine goes on, and of that first what has the longest way. A message to a follower is followed by a sync there and an
// answer, the own write by a sync; and a goroutine that syncs keeps a processor of Go's for a while, which
// on a small machine the connections want, too.
func (h *Host) carryOut(out *node.Output, in []node.Event) error {
	if moves(out.Notes) {
		h.cfg.Transport.SetLocal(h.localNow())
	}
	h.begin(out)
	if len(out.Tasks) > 0 {
		h.work.submit(out.Tasks)
	}
	if len(out.Blobs) > 0 {
		h.store.submit(out.Blobs)
	}
	for i := range out.Done {
		h.answer(&out.Done[i])
	}
	for i := range out.Push {
		h.push(&out.Push[i])
	}
	h.pushed(out.Push)
	if len(out.Notes) > 0 {
		h.tell(out.Notes)
	}
	err := out.Stop
	if err == nil {
		err = diskFailure(in)
	}
	out.Reset()
	return err
}

// diskFailure finds the event that no node survives.
func diskFailure(in []node.Event) error {
	for i := range in {
		if in[i].Kind == node.EventDiskFailed {
			return fmt.Errorf("the data directory failed: %w", in[i].Err)
		}
	}
	return nil
}

// answer ends a call, or a subscription.
func (h *Host) answer(a *node.Answer) {
	if a.Ticket&streamBit == 0 {
		h.calls.complete(a)
		return
	}
	if s := h.subs.find(a.Ticket); s != nil {
		h.subs.remove(a.Ticket)
		s.end(*a)
		if tell := h.cfg.Probe.End; tell != nil {
			tell(a.Code)
		}
	}
}

// push hands a frame to its subscriber.
func (h *Host) push(f *node.Frame) {
	if s := h.subs.find(f.Ticket); s != nil {
		s.put(f)
	}
}

// begin hands on what waits for nothing: messages, and what is to be stored. Messages go first: a follower's disk then
// works beside this one.
func (h *Host) begin(out *node.Output) {
	if len(out.Send) > 0 {
		h.cfg.Transport.Send(out.Send)
	}
	if out.Identity != nil || len(out.Store) > 0 {
		h.disk.submit(out.Identity, out.Store)
	}
	out.Begun()
}

// ahead does so in the middle of a Step, unless the transport has to learn first to whom it speaks: the node can't be asked now.
func (h *Host) ahead(out *node.Output) {
	if !moves(out.Notes) {
		h.begin(out)
	}
}

// moves says whether there is anything in the notes that changes with whom the transport speaks.
func moves(notes []raft.Note) bool {
	for i := range notes {
		switch notes[i].Kind {
		case raft.NoteConfig, raft.NoteFormed, node.NoteContact:
			return true
		}
	}
	return false
}

// tellFound logs what was wrong with the directory at the start.
func (h *Host) tellFound(f *node.Found) {
	if what := f.Decided.String(); what != "" {
		h.log.Warn("the log was damaged", "decided", what)
	}
	for _, hole := range f.Holes {
		h.log.Error("the disk lost entries of the log: they are asked for", "first", uint64(hole.First), "last", uint64(hole.Last))
	}
	for _, d := range f.Damage {
		h.log.Warn("damage in the log", "where", d.String())
	}
	for _, d := range f.Worn {
		h.log.Warn("damage in the log that cost nothing: look after the disk", "where", d.String())
	}
	for _, err := range f.Snapshots {
		h.log.Warn("a snapshot is damaged: the log or a peer stands in for it", "error", err)
	}
}

// tell passes the notes on and logs what an operator wants to know.
func (h *Host) tell(notes []raft.Note) {
	for i := range notes {
		switch n := &notes[i]; n.Kind {
		case raft.NoteLeader:
			h.log.Info("leader", "term", uint64(n.Term), "leader", uint64(n.Peer))
		case raft.NoteConfig:
			if !slices.ContainsFunc(notes[i+1:], func(n raft.Note) bool { return n.Kind == raft.NoteConfig }) {
				h.log.Info("membership", "index", uint64(n.Index), "members", h.describeMembers())
			}
		case raft.NoteRemoved:
			h.log.Warn("this node was removed from the cluster and takes no more part in it: stop it; its directory never returns",
				"index", uint64(n.Index))
		case raft.NoteQuorumLost:
			h.log.Warn("no quorum answers: stepped down", "term", uint64(n.Term))
		case node.NoteSnapshot:
			h.log.Info("snapshot", "index", uint64(n.Index), "bytes", n.A)
		case node.NotePlaces:
			h.log.Info("a change of the membership waits until files are stored where it needs them", "files", n.B)
		case node.NoteBlob:
			if blob.NoteKind(n.B&0xff) == blob.NoteLost {
				h.log.Warn("a stored file is damaged or gone: it is fetched from a peer; look after the disk", "sum", fmt.Sprintf("%016x…", n.A))
			}
		case node.NoteSnapshotFailed:
			h.log.Warn("work on a snapshot failed, and is done again", "task", node.TaskKind(n.A).String(), "index", uint64(n.Index))
		case node.NoteFetch:
			if n.A == 0 || n.A == n.B {
				h.log.Info("a snapshot comes from a peer", "index", uint64(n.Index), "peer", uint64(n.Peer), "bytes", n.A, "of", n.B)
			}
		case raft.NoteHole:
			h.log.Error("the disk lost entries of the log, and no leader gives them back: the other members are asked", "first", uint64(n.Index), "last", n.A)
		case raft.NoteLost:
			h.log.Error("no member has this entry any more: nothing from here on can be served; bring back a member that is away, restore a backup, or force a recovery",
				"index", uint64(n.Index))
		case raft.NoteFill:
			h.log.Warn("an entry that the disk lost came back", "index", uint64(n.Index), "peer", uint64(n.Peer))
		case raft.NoteCut:
			h.log.Warn("an entry that the disk lost was never committed", "index", uint64(n.Index))
		case raft.NoteWhole:
			h.log.Warn("the log is whole again: look after the disk", "last", uint64(n.Index))
		case raft.NoteFormed:
			h.log.Info("cluster formed", "cluster", raft.ClusterID(n.A))
		case node.NoteLevel:
			h.log.Info("the cluster's level rose: every node takes part in it, and a release that does not know it can't any more",
				"level", n.A, "index", uint64(n.Index))
		case raft.NoteBreach:
			h.log.Error("a peer contradicts what is proven: its message was dropped; look after its disk and memory",
				"peer", uint64(n.Peer), "term", uint64(n.Term), "index", uint64(n.Index), "breach", n.A)
		}
	}
	if h.cfg.OnNotes != nil {
		h.cfg.OnNotes(notes)
	}
}

// describeMembers prints the configuration in force: "1 2 3+ 4?" has an incoming voter 3, and
// a learner 4; "1-" is a voter that leaves.
func (h *Host) describeMembers() string {
	var b strings.Builder
	s := h.node.Status()
	joint := slices.ContainsFunc(s.Members, func(m node.MemberStatus) bool { return m.VoterOld })
	for i, m := range s.Members {
		mark := ""
		switch {
		case m.VoterOld && !m.Voter:
			mark = "-"
		case !m.Voter:
			mark = "?"
		case joint && !m.VoterOld:
			mark = "+"
		}
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%d%s", m.ID, mark)
	}
	return b.String()
}

// shutDown ends everything behind the last Step. Requests that no Step has seen
// never happened; the others are unknown. The disk finishes before the transport
// closes, so that the last promises still leave.
func (h *Host) shutDown(cause error) {
	h.inbox.close()
	events, _ := h.inbox.take(nil, nil, true)
	for i := range events {
		switch events[i].Kind {
		case node.EventOpenSession, node.EventCloseSession, node.EventCommand, node.EventQuery, node.EventTransfer, node.EventChange,
			node.EventUploadBegin, node.EventUploadAppend, node.EventUploadCommit, node.EventReadBlob, node.EventMark:
			h.calls.complete(&node.Answer{Ticket: events[i].Ticket, Outcome: node.Refused, Code: node.CodeStopping})
		case node.EventQueries:
			for _, q := range events[i].Asked {
				h.calls.complete(&node.Answer{Ticket: q.Ticket, Outcome: node.Refused, Code: node.CodeStopping})
			}
		}
	}
	h.calls.completeAll(node.Answer{Outcome: node.Unknown, Code: node.CodeStopping})
	for _, s := range h.subs.drain() {
		s.end(h.stoppingAnswer(s))
	}
	h.last = h.node.Status()
	h.patience.close()
	h.work.close()
	h.store.close()
	if err := h.disk.close(); cause == nil && err != nil {
		cause = fmt.Errorf("the data directory failed: %w", err)
	}
	if err := h.cfg.Transport.Close(); err != nil {
		cause = errors.Join(cause, fmt.Errorf("close transport: %w", err))
	}
	if h.root != nil {
		_ = h.root.Close() // the lock and every file are closed already
	}
	h.err = cause
}

func (h *Host) stoppingAnswer(s *Subscription) node.Answer {
	return node.Answer{Ticket: s.ticket, Outcome: node.Refused, Code: node.CodeStopping, Position: s.position()}
}
