package sim

import (
	"slices"

	"parley/raft/caller"
	"parley/raft/node"
	"parley/sim/linear"
	"parley/statemachine"
)

// history takes down what clients wanted and got, for the check of the whole run at its end. The witness has
// looked at the same operations while they happened; this is the other path to the same verdict, with
// answers as clients read them, and what the oracles and the page of a run are given.
type history struct {
	kept   linear.History
	last   int64 // instant: simulated nanoseconds, and no two alike
	owners []string
	lists  []linear.Operation // what lists show of further locks
	terms  bool               // the history is finished
}

// theChannel is the place of the channel in linear.History.Objects. Locks follow.
const theChannel = 0

func newHistory() history {
	return history{kept: linear.History{Objects: []string{"#" + statemachine.GeneralChannel}}}
}

func (h *history) instant(now int64) int64 {
	h.last = max(h.last+1, now)
	return h.last
}

// of returns the operation with this number. What others the history has stands behind all of them, at the end of the run.
func (h *history) of(number int) *linear.Operation { return &h.kept.Operations[number-1] }

// recordCall takes down what a client wants.
func (w *World) recordCall(op *operation) {
	h := &w.history
	o := linear.Operation{Client: int32(op.client), Call: h.instant(op.calledAt)}
	switch {
	case op.team != nil: // until it is known to be about a lock or a document, it is a question that nobody answered
		o.Kind, o.Object, o.Stale = linear.Read, theChannel, true
	case op.lock.kind != 0:
		w.recordLockCall(op, &o)
	case op.write:
		o.Kind, o.Object, o.ID = linear.Append, theChannel, uint64(op.number)
	default:
		o.Kind, o.Object, o.Stale = linear.Read, theChannel, op.consistency == node.Stale
		o.After, o.Limit = op.asks.After, int32(op.asks.Limit)
	}
	h.kept.Operations = append(h.kept.Operations, o)
}

// recordEffect takes down where the log has a write. A command that the state machine refused whatever the lock's state is took
// no effect.
func (w *World) recordEffect(op *operation, at node.Applied) {
	if op.team != nil {
		w.recordDeskEffect(op, at)
		return
	}
	if op.lock.kind != 0 && voidReply(w.applicationAt(at.Position).reply) {
		return
	}
	o := w.history.of(op.number)
	o.Position, o.Time = at.Position, at.Time
}

// recordEnd takes down an answer.
func (w *World) recordEnd(op *operation, r *caller.Result) {
	if op.team != nil {
		w.recordDeskEnd(op, r)
		return
	}
	o := w.history.of(op.number)
	switch r.Outcome {
	case node.Refused:
		o.Outcome = linear.Refused
	case node.Done:
		o.Outcome, o.Return, o.Position = linear.Done, w.history.instant(w.now), r.Position
		if op.lock.kind != 0 && op.write {
			w.recordLockReply(op, o, r)
		}
	}
}

// joins takes down that an operation got the answer to another one, which was executed under its request id.
func (h *history) joins(op *operation, executed int) { h.of(op.number).ID = uint64(executed) }

// recordPage takes down what a read was shown. A message is named by the operation that the log has at its
// position, if it has one there.
func (w *World) recordPage(op *operation, reply *statemachine.HistoryReply) {
	o := w.history.of(op.number)
	o.More = reply.More
	o.Entries = slices.Grow(o.Entries, len(reply.Messages))
	for i := range reply.Messages {
		e := linear.Entry{Position: reply.Messages[i].Position}
		if a := w.applicationAt(e.Position); a != nil {
			e.ID = uint64(w.judges.applied.byBody[string(a.command)])
		}
		o.Entries = append(o.Entries, e)
	}
}

// judgeHistory checks the whole history for linearizability, when the run is over.
func (w *World) judgeHistory() {
	w.finishHistory()
	if v := linear.Check(&w.history.kept); v != nil {
		w.violate(Linearizability, "%s", v.Reason)
	}
}
