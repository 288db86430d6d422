package sim

import (
	"strings"

	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
	"parley/sim/linear"
	"parley/statemachine"
)

// operation is one thing that a client wanted, from its call to its end, as the judges
// see it.
type operation struct {
	number      int // from 1; also the caller's ticket
	client      int
	write       bool
	consistency node.Consistency
	body        []byte
	text        string               // of a write
	wall        raft.Wall            // of a write: the clock of the machine that the client sits at
	asks        statemachine.History // of a read
	calledAt    int64
	floor       linear.Place // what stood before it when it was called; see linear.Witness
	session     linear.Place // the same within its client alone
	request     requestKey   // of a one-shot command; no id: it is sent in its client's session
	digest      node.Digest  // of a one-shot command
	lock        lockAsk      // of an operation on a lock
	team        *teamOp      // of an operation of the team

	leaders  uint64 // elected before it was called
	sent     bool
	sentAs   sentAs // of a command in its client's session, when it was sent last
	ended    bool
	outcome  node.Outcome
	position raft.Position // writes: where it took effect, seen by whoever applied it first
}

// sentAs is a command's place in a client session.
type sentAs struct {
	session    node.SessionID
	seq        uint64
	ackedBelow uint64
}

// newOperation makes what a client wants. Every text names its operation, so
// that no two commands have the same bytes.
func (w *World) newOperation(c *client, what uint64) *operation {
	w.operations = append(w.operations, operation{
		number: len(w.operations) + 1, client: c.number, calledAt: w.now,
		floor: w.judges.clients.Called(), session: c.floor, leaders: w.lately.leaders,
	})
	op := &w.operations[len(w.operations)-1]
	if c.mate != nil || c.edge != nil {
		w.makeTeam(c, op, what)
	} else if lock := raft.Mix(what, 6); int64(below(lock, 1000)) < c.plan.Lock {
		w.makeLock(c, op, lock)
	} else if int64(below(what, 1000)) < c.plan.Read {
		w.makeRead(c, op, raft.Mix(what, 1))
	} else {
		w.makeWrite(c, op, raft.Mix(what, 2))
	}
	w.recordCall(op)
	return op
}

func (w *World) makeWrite(c *client, op *operation, x uint64) {
	op.write = true
	op.text = "operation " + formatUint(uint64(op.number))
	if more := int64(below(x, uint64(c.plan.Text)+1)) - int64(len(op.text)); more > 0 {
		op.text += strings.Repeat(".", int(more))
	}
	if once := raft.Mix(x, 1); int64(below(once, 1000)) < c.plan.Once {
		w.makeOneShot(c, op, once)
	}
	op.wall = w.servers[c.number%len(w.servers)].clock.readWall(w.now)
	op.body = statemachine.AppendSend(nil, statemachine.Send{
		Channel: statemachine.GeneralChannel, Text: op.text, Wall: op.wall})
	for w.judges.applied.byBody[string(op.body)] != 0 { // the same text at the same time under the same request id
		op.wall++
		op.body = statemachine.AppendSend(nil, statemachine.Send{
			Channel: statemachine.GeneralChannel, Text: op.text, Wall: op.wall})
	}
	w.judges.applied.byBody[string(op.body)] = op.number
	if w.trace.on() {
		w.trace.say("wants operation %d: send %d bytes", op.number, len(op.text))
	}
}

func (w *World) makeRead(c *client, op *operation, x uint64) {
	if int64(below(raft.Mix(x, 1), 1000)) < c.plan.Stale {
		op.consistency = node.Stale
	}
	op.asks = statemachine.History{Channel: statemachine.GeneralChannel, Limit: 1 + int(below(x, 20))}
	if a := &w.judges.applied; len(a.log) > 0 && below(raft.Mix(x, 2), 2) == 0 {
		op.asks.After = a.log[below(raft.Mix(x, 3), uint64(len(a.log)))].at.Position
	}
	op.body = statemachine.AppendHistory(nil, op.asks)
	if w.trace.on() {
		w.trace.say("wants operation %d: history after %d, %d messages", op.number, op.asks.After, op.asks.Limit)
	}
}

// tookEffect judges a write at the moment when a node first applies it, whether its
// client ever hears of it or not.
func (w *World) tookEffect(number int, applied node.Applied) {
	op, at := &w.operations[number-1], applied.Position
	if op.position != 0 {
		w.violate(ExactlyOnce, "Operation %d took effect at position %d and again at position %d.", number, op.position, at)
		return
	}
	op.position = at
	w.recordEffect(op, applied)
	w.reachIf(effectAfterUnknown, op.ended && op.outcome == node.Unknown)
	if op.request.id != "" {
		w.executedOnce(op, applied)
	}
	place := linear.PlaceOfWrite(at)
	switch h := &w.judges.clients; {
	case op.ended && op.outcome == node.Refused:
		w.violate(ExactlyOnce, "Operation %d was refused and took effect at position %d.", number, at)
	case !h.Fits(place, op.session):
		w.violate(SessionOrder, "Operation %d of client %d took effect at position %d, and when it was called the client had an answer of position %d.",
			number, op.client, at, op.session.Position())
	case !h.Fits(place, op.floor):
		w.violate(Linearizability, "Operation %d took effect at position %d, and when it was called position %d had been answered.", number, at, op.floor.Position())
	}
}

// ended judges an answer as the caller passes it on.
func (w *World) ended(c *client, r *caller.Result) {
	op := &w.operations[r.Ticket-1]
	if w.trace.on() {
		w.trace.add("operation %d: %s at %d", op.number, r.Outcome, r.Position)
	}
	if op.ended {
		w.violate(ExactlyOnce, "Operation %d ended twice.", op.number)
		return
	}
	op.ended, op.outcome = true, r.Outcome
	w.recordEnd(op, r)
	w.coverEnded(op, r)
	if r.Outcome == node.Unknown {
		w.cover.Unknown++
	}
	switch {
	case r.Outcome == node.Done && op.team != nil:
		w.judgeTeamAnswer(c, op, r)
	case r.Outcome == node.Done && op.request.id != "":
		w.judgeOnce(c, op, r)
	case r.Outcome == node.Done && op.lock.kind != 0:
		w.judgeLockAnswer(c, op, r)
	case r.Outcome == node.Done && op.write:
		w.judgeWrite(c, op, r)
	case r.Outcome == node.Done:
		w.judgeRead(c, op, r)
	case r.Outcome == node.Refused && op.write && op.position != 0:
		w.violate(ExactlyOnce, "Operation %d was refused and took effect at position %d.", op.number, op.position)
	case r.Code == node.CodeRequestConflict:
		w.judgeConflict(op)
	case w.mayEndSo(op, r):
	case w.healed && op.calledAt >= int64(w.plan.Heal) && (r.Outcome != node.Unknown || w.plan.Node.Idle == 0):
		w.violate(Liveness, "Operation %d of client %d, called in good times, ended as %s (%s).", op.number, c.number, r.Outcome, r.Code)
	}
}

// judgeWrite checks an acknowledged write: it took effect, at this position,
// with this reply.
func (w *World) judgeWrite(c *client, op *operation, r *caller.Result) {
	if op.position == 0 || op.position != r.Position {
		w.violate(Durability, "Operation %d is acknowledged at position %d, and took effect at %d.", op.number, r.Position, op.position)
		return
	}
	reply, err := statemachine.DecodeSendReply(r.Reply)
	if err != nil || reply.Position != r.Position {
		w.violate(Linearizability, "The reply to operation %d speaks of position %d instead of %d (%v).", op.number, reply.Position, r.Position, err)
	}
	w.settle(c, op, linear.PlaceOfWrite(r.Position))
}

// judgeRead checks a read: the reply is what the agreed log says at its position.
// A stale one may be of any age, and must be true of that age.
func (w *World) judgeRead(c *client, op *operation, r *caller.Result) {
	reply, err := statemachine.DecodeHistoryReply(r.Reply)
	if err != nil {
		w.violate(Linearizability, "The reply to read %d does not decode: %v.", op.number, err)
		return
	}
	w.recordPage(op, &reply)
	w.judgePage(op, r.Position, &reply)
	w.judgeReadPlace(c, op, r)
}

// judgeReadPlace checks that the state which a read saw was not over when it was called. A stale one may be of any age.
func (w *World) judgeReadPlace(c *client, op *operation, r *caller.Result) {
	if op.consistency == node.Stale {
		return
	}
	place := linear.PlaceOfRead(r.Position)
	switch h := &w.judges.clients; {
	case !h.Fits(place, op.session):
		w.violate(SessionOrder, "Read %d of client %d is of position %d, and when it was called the client had an answer of position %d.",
			op.number, c.number, r.Position, op.session.Position())
	case !h.Fits(place, op.floor):
		w.violate(Linearizability, "Read %d is of position %d, and when it was called position %d had been answered.", op.number, r.Position, op.floor.Position())
	}
	w.settle(c, op, place)
}

// settle raises the floors for operations called from now on.
func (w *World) settle(c *client, op *operation, place linear.Place) {
	c.floor = max(c.floor, place)
	w.judges.clients.Answered(place)
}

// judgePage compares a page of history with the agreed log at its position.
func (w *World) judgePage(op *operation, at raft.Position, reply *statemachine.HistoryReply) {
	log := w.judges.applied.log
	from, to, more := linear.Page(w.search(op.asks.After+1), w.search(at+1), op.asks.Limit, op.asks.After == 0)
	if len(reply.Messages) != to-from || reply.More != more {
		w.violate(Linearizability, "Read %d at position %d has %d messages (more: %s), and the log has %d (more: %s).",
			op.number, at, len(reply.Messages), yesNo(reply.More), to-from, yesNo(more))
		return
	}
	for i := range reply.Messages {
		m, rec := &reply.Messages[i], &log[w.judges.applied.messages[from+i]]
		written := &w.operations[w.judges.applied.byBody[string(rec.command)]-1]
		if m.Position != rec.at.Position || m.Text != written.text && !w.toleratesText(m.Text) || m.Wall != written.wall || m.Sender != rec.at.Principal || m.Time != rec.at.Time {
			w.violate(Linearizability, "Read %d at position %d shows another message at %d than was sent.", op.number, at, m.Position)
			return
		}
	}
}

// search returns the place among the messages of the first at or above a position.
func (w *World) search(at raft.Position) int {
	a := &w.judges.applied
	lo, hi := 0, len(a.messages)
	for lo < hi {
		if mid := (lo + hi) / 2; a.log[a.messages[mid]].at.Position < at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// answered counts the operations that were answered.
func (w *World) answered() int {
	n := 0
	for i := range w.operations {
		if w.operations[i].outcome == node.Done {
			n++
		}
	}
	return n
}

// repeated counts the commands that were sent before.
func (w *World) repeated(r *caller.Request) {
	if number := w.judges.applied.byBody[string(r.Command.Body)]; number != 0 {
		op := &w.operations[number-1]
		if op.sent {
			w.cover.Repeated++
		}
		op.sent, op.sentAs = true, sentAs{r.Command.Session, r.Command.Seq, r.Command.AckedBelow}
	}
}
