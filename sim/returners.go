package sim

import (
	"bytes"
	"cmp"
	"slices"

	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
	"parley/statemachine"
)

// When a cluster begins with the state of an older one, that one's clients go on with it, under the client sessions and request ids that they
// had. By docs/consensus.md (recovery from the loss of the majority, step 10; sessions), a command that is sent again
//
//   - and whose effect is in the state has its first answer, word by word, and no other effect
//   - and that took effect behind it, where the old cluster went on, is executed, once: what it did is gone, and so is the answer that somebody had
//   - in a session that was opened behind it is refused, and never executed: its client says that the outcome is unknown
//
// and whoever was told that, or has nothing in doubt, goes on.

// returners are the clients of an old cluster in a new one.
type returners struct {
	*successor
	w    *World
	said map[raft.Position]string // what they had written into the channel in the new cluster, and where
}

// comeBack has the old cluster's clients go on.
func (s *successor) comeBack(w *World) {
	r := &returners{successor: s, w: w, said: map[raft.Position]string{}}
	log := w.judges.applied.log
	n, _ := slices.BinarySearchFunc(log, s.at+1, func(a application, at raft.Position) int { return cmp.Compare(a.at.Position, at) })
	for _, was := range r.newest(log[:n]) {
		r.repeatsKnown(was)
	}
	for _, was := range r.newest(log[n:]) {
		r.repeatsLost(was)
	}
	for _, c := range w.clients {
		if c.mate == nil && c.edge == nil {
			r.goesOn(c)
		}
	}
	r.listen()
}

// newest finds the newest command of each client session, by its number there, in a part of the log, and the last one-shot command in it. Nobody can
// have said that he needs the answer to such a one no more: who says so sends a newer one.
func (r *returners) newest(log []application) (list []*application) {
	const sessionsMax = 8
	of := map[node.SessionID]int{} // its place in the list
	for i := range slices.Backward(log) {
		was := &log[i]
		at, known := of[was.at.Session]
		switch op := r.operation(was); {
		case was.at.Session != op.sentAs.session: // it was sent otherwise since, and refused
		case !known && len(list) < sessionsMax:
			of[was.at.Session] = len(list)
			list = append(list, was)
		case known && op.sentAs.seq > r.operation(list[at]).sentAs.seq:
			list[at] = was
		}
	}
	return list
}

func (r *returners) operation(was *application) *operation {
	return &r.w.operations[r.w.judges.applied.byBody[string(was.command)]-1]
}

// sends sends a command again, as its client did.
func (r *returners) sends(op *operation) (node.Answer, bool) {
	c := node.Command{Body: op.body}
	if c.Session, c.Seq, c.AckedBelow = op.sentAs.session, op.sentAs.seq, op.sentAs.ackedBelow; c.Session == 0 {
		c.Principal, c.RequestID, c.Digest = op.request.principal, op.request.id, op.digest
	}
	return r.askIf(node.Event{Kind: node.EventCommand, Command: c})
}

// repeatsKnown sends a command again whose effect is in the state.
func (r *returners) repeatsKnown(was *application) {
	op := r.operation(was)
	if r.forgets(op) {
		return
	}
	a, ok := r.sends(op)
	gone := a.Code == node.CodeSessionUnknown && (r.w.plan.Node.Idle > 0 || r.w.clients[op.client-1].plan.Close > 0)
	if !ok || gone {
		return
	}
	r.finds(a.Outcome != node.Done || a.Position != was.at.Position || !bytes.Equal(a.Reply, was.reply),
		"operation %d, which took effect at position %d, has another answer when it is sent again (position %d, %v)",
		op.number, was.at.Position, a.Position, a.Code)
	r.w.cover.SentAgain++
}

// repeatsLost sends a command again that took effect behind the state.
func (r *returners) repeatsLost(was *application) {
	op := r.operation(was)
	if r.forgets(op) {
		return
	}
	a, ok := r.sends(op)
	switch {
	case !ok || a.Code == node.CodeNotYet || a.Code == node.CodeSessionUnknown && op.sentAs.session != 0 && r.w.plan.Node.Idle > 0:
		return
	case raft.Position(op.sentAs.session) > r.at:
		r.finds(a.Outcome != node.Refused || a.Code != node.CodeSessionUnknown,
			"operation %d, in session %d, which was opened behind position %d, ends as %v (position %d, %v)",
			op.number, op.sentAs.session, r.at, a.Outcome, a.Position, a.Code)
		r.w.cover.Disowned++
		return
	}
	r.finds(a.Outcome != node.Done, "operation %d, which took effect at position %d and is lost, ends as %v when it is sent again (%v)",
		op.number, was.at.Position, a.Outcome, a.Code)
	r.above("a position", uint64(a.Position))
	r.says(op, a.Position)
	if again, ok := r.sends(op); ok {
		r.finds(again.Outcome != node.Done || again.Position != a.Position || !bytes.Equal(again.Reply, a.Reply),
			"operation %d is executed at position %d, and has another answer when it is sent once more (position %d, %v)",
			op.number, a.Position, again.Position, again.Code)
	}
	r.w.cover.DoneAnew++
}

// forgets reports whether the cluster may have forgotten a request id.
func (r *returners) forgets(op *operation) bool {
	return op.request.id != "" && r.w.plan.Requests.Age != 0
}

// says takes down what a command wrote into the channel at a position, if it does.
func (r *returners) says(op *operation, at raft.Position) {
	if op.write && op.team == nil && op.lock.kind == 0 && at > raft.Position(r.base) {
		r.said[at] = op.text
	}
}

// goesOn has a client as it was in the end want something, of which it hears nothing at first: what it sent went to the old cluster. Then
// it wants something else. Where the old cluster was lost, it still has commands under way, and sends those again as well.
func (r *returners) goesOn(c *client) {
	k := returner{Caller: c.caller.Clone(), now: c.mono()}
	first := &operation{number: 1, write: true, text: "client " + formatUint(uint64(c.number)) + " comes back"}
	second := &operation{number: 2, write: true, text: "client " + formatUint(uint64(c.number)) + " goes on"}
	under := k.wants(first)
	switch result := r.ends(&k, first); {
	case result.Outcome == node.Done:
		r.finds(raft.Position(under) > r.at, "a command of client %d, first sent in session %d, which was opened behind position %d, is executed all the same",
			c.number, under, r.at)
		r.above("a position", uint64(result.Position))
		r.says(first, result.Position)
	case raft.Position(under) <= r.at && r.w.plan.Node.Idle == 0 || result.Outcome != node.Unknown:
		r.finds(true, "a command of client %d, in session %d, ends as %v (%v)", c.number, under, result.Outcome, result.Code)
	}
	k.wants(second)
	result := r.ends(&k, second)
	r.finds(result.Outcome != node.Done, "client %d can't go on: %v (%v)", c.number, result.Outcome, result.Code)
	r.says(second, result.Position)
}

// returner is a client that comes to a new cluster.
type returner struct {
	*caller.Caller
	now raft.Mono
	in  []caller.Input
}

// wants has it want to write something. What it sends at once gets lost. It returns the session in which the
// command left, 0 if in none.
func (k *returner) wants(op *operation) (under node.SessionID) {
	op.body = statemachine.AppendSend(nil, statemachine.Send{Channel: statemachine.GeneralChannel, Text: op.text})
	var out caller.Output
	out.Reset()
	ticket := ^uint64(op.number) // no other operation has it
	k.Step(k.now, append(k.in, caller.Input{Kind: caller.InputSubmit, Op: caller.Op{Ticket: ticket, Body: op.body}}), &out)
	k.in = nil
	for i := range out.Send {
		if s := &out.Send[i]; s.Ticket == ticket {
			under = s.Command.Session
		}
		k.in = append(k.in, caller.Input{Kind: caller.InputLost, ID: out.Send[i].ID})
	}
	return under
}

// ends has a client go on until an operation ends.
func (r *returners) ends(k *returner, op *operation) caller.Result {
	var out caller.Output
	for range refoundedSteps {
		out.Reset()
		k.Step(k.now, k.in, &out)
		k.in = nil
		for _, result := range out.Done {
			if result.Ticket == ^uint64(op.number) {
				return result
			}
		}
		for i := range out.Send {
			if a, ok := r.askIf(r.w.asEvent(&out.Send[i])); ok {
				r.answered(out.Send[i].Ticket, &a)
				k.in = append(k.in, caller.Input{Kind: caller.InputResponse, ID: out.Send[i].ID, Answer: a})
			}
		}
		if len(k.in) == 0 {
			k.now = max(k.now+1, out.WakeAt)
		}
	}
	return caller.Result{}
}

// answered takes down what a command did that a client had under way when the old cluster was lost.
func (r *returners) answered(ticket uint64, a *node.Answer) {
	if old := r.w.operations; a.Outcome == node.Done && 0 < ticket && ticket <= uint64(len(old)) {
		r.says(&old[ticket-1], a.Position)
	}
}

// listen reads what was written into the channel in the new cluster: what was said, each once and where it was said.
func (r *returners) listen() {
	after, heard := raft.Position(r.base), 0
	for more := true; more; {
		a, ok := r.askIf(node.Event{Kind: node.EventQuery, Query: node.Query{Body: statemachine.AppendHistory(nil,
			statemachine.History{Channel: statemachine.GeneralChannel, After: after, Limit: 100})}})
		if !ok {
			return
		}
		page, err := statemachine.DecodeHistoryReply(a.Reply)
		r.finds(a.Outcome != node.Done || err != nil, "a page of history is none: %v", a.Code)
		for i := range page.Messages {
			m := &page.Messages[i]
			said, known := r.said[m.Position]
			r.finds(!known || m.Text != said, "at position %d stands %q, which nobody said there", m.Position, m.Text)
			after, heard = m.Position, heard+1
		}
		more = page.More
	}
	r.finds(heard < len(r.said), "of %d messages %d are there", len(r.said), heard)
}
