package sim

import (
	"time"

	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
)

// coverEnded looks at an operation that has its answer.
func (w *World) coverEnded(op *operation, r *caller.Result) {
	w.reachIf(answerAfterLeaders, w.lately.leaders-op.leaders >= 2)
	w.reachIf(answerAfterLong, w.now-op.calledAt > int64(5*time.Second))
	if r.Outcome == node.Done && !op.write && op.consistency == node.Stale {
		l := w.judges.logs.committed
		next := raft.Index(r.Position) + 1
		w.reachIf(answerStale, uint64(next) <= uint64(len(l)) && w.now-l[next-1].at > int64(time.Second))
	}
}

// coverAnswer looks at a node's answer before the caller has it.
func (w *World) coverAnswer(a *node.Answer) {
	switch a.Code {
	case node.CodeBusy:
		w.reach(answerBusy)
	case node.CodeSessionUnknown:
		w.reach(answerSessionUnknown)
	case node.CodeLeaderLost:
		w.reach(answerLeaderLost)
	case node.CodeNotFormed:
		w.reach(answerNotFormed)
	}
}

// coverOutcomes looks, at the end of a run, at what became of operations whose outcome stayed unknown.
func (w *World) coverOutcomes() {
	for i := range w.operations {
		op := &w.operations[i]
		w.reachIf(effectNever, op.write && op.ended && op.outcome == node.Unknown && op.position == 0)
	}
}
