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
	kept linear.History
	last int64 // instant: simulated nanoseconds, and no two alike
}

// theChannel is the place of the channel in linear.History.Objects.
const theChannel = 0

func newHistory() history {
	return history{kept: linear.History{Objects: []string{"#" + statemachine.GeneralChannel}}}
}

func (h *history) instant(now int64) int64 {
	h.last = max(h.last+1, now)
	return h.last
}

// of returns the operation with this number.
func (h *history) of(number int) *linear.Operation { return &h.kept.Operations[number-1] }

// calls takes down what a client wants.
func (h *history) calls(op *operation) {
	o := linear.Operation{
		Kind: linear.Append, Client: int32(op.client), Object: theChannel, Call: h.instant(op.calledAt), ID: uint64(op.number)}
	if !op.write {
		o.Kind, o.ID, o.Stale = linear.Read, 0, op.consistency == node.Stale
		o.After, o.Limit = op.asks.After, int32(op.asks.Limit)
	}
	h.kept.Operations = append(h.kept.Operations, o)
}

// tookEffect takes down where the log has a write.
func (h *history) tookEffect(op *operation, at node.Applied) {
	o := h.of(op.number)
	o.Position, o.Time = at.Position, at.Time
}

// ends takes down an answer.
func (h *history) ends(op *operation, r *caller.Result, now int64) {
	o := h.of(op.number)
	switch r.Outcome {
	case node.Refused:
		o.Outcome = linear.Refused
	case node.Done:
		o.Outcome, o.Return, o.Position = linear.Done, h.instant(now), r.Position
	}
}

// joins takes down that an operation got the answer to another one, which was executed under its request id.
func (h *history) joins(op *operation, executed int) { h.of(op.number).ID = uint64(executed) }

// recordPage takes down what a read was shown. A message is named by the operation that the log has at its
// position, if it has one there.
func (w *World) recordPage(op *operation, reply *statemachine.HistoryReply) {
	o, a := w.history.of(op.number), &w.judges.applied
	o.More = reply.More
	o.Entries = slices.Grow(o.Entries, len(reply.Messages))
	for i := range reply.Messages {
		e := linear.Entry{Position: reply.Messages[i].Position}
		if at := search(a.log, e.Position); at < len(a.log) && a.log[at].at.Position == e.Position {
			e.ID = uint64(a.byBody[string(a.log[at].command)])
		}
		o.Entries = append(o.Entries, e)
	}
}

// judgeHistory checks the whole history for linearizability, when the run is over.
func (w *World) judgeHistory() {
	if v := linear.Check(&w.history.kept); v != nil {
		w.violate(Linearizability, "%s", v.Reason)
	}
}
