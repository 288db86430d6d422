package tracing

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"parley/raft"
)

// entries remembers when what became of the newest entries, and makes spans of those that belong to a trace: whichever is
// known first, the trace or the time.
type entries struct {
	tracer trace.Tracer
	node   attribute.KeyValue
	known  [window]entry
	ahead  map[raft.Index]link

	stored, committed raft.Index // up to which the notes have said so
}

// entry is one of them. Zero times are not known yet.
type entry struct {
	index  raft.Index
	term   raft.Term
	parent context.Context // has raft.entry as its span; nil: not traced
	span   trace.Span      // raft.entry itself, on the leader

	appended, stored, committed, applied   time.Time
	toldStored, toldCommitted, toldApplied bool
}

func (e *entries) init(tracer trace.Tracer, node uint64) {
	e.tracer, e.node, e.ahead = tracer, attribute.Int64("parley.node", int64(node)), map[raft.Index]link{}
}

// at returns an entry that is remembered, or nil.
func (e *entries) at(i raft.Index) *entry {
	if x := &e.known[i%window]; x.index == i {
		return x
	}
	return nil
}

// appended notes a new entry. What stood in its place is forgotten.
func (e *entries) appended(n *raft.Note, at time.Time) *entry {
	x := &e.known[n.Index%window]
	x.cut("another entry took its place")
	*x = entry{index: n.Index, term: n.Term, appended: at}
	e.stored, e.committed = min(e.stored, n.Index-1), min(e.committed, n.Index-1)
	if l, ok := e.ahead[n.Index]; ok {
		delete(e.ahead, n.Index)
		e.join(x, l)
	}
	return x
}

// proposed begins the leader's spans of an entry, and returns what its followers are to be told.
func (e *entries) proposed(x *entry, f flight, at time.Time) link {
	above := trace.ContextWithSpanContext(context.Background(), f.caller)
	_, inbox := e.tracer.Start(above, "raft.propose", trace.WithTimestamp(f.begun), e.of(x))
	inbox.End(trace.WithTimestamp(at))
	x.parent, x.span = e.tracer.Start(above, "raft.entry", trace.WithTimestamp(at), e.of(x))
	return link{parent: x.span.SpanContext(), term: x.term, index: x.index}
}

// linked takes what the leader said of an entry.
func (e *entries) linked(l link) {
	if x := e.at(l.index); x != nil && x.term == l.term {
		e.join(x, l)
		return
	}
	if len(e.ahead) >= linksAheadMax {
		clear(e.ahead) // of entries that never came
	}
	e.ahead[l.index] = l
}

// join makes an entry one of a trace.
func (e *entries) join(x *entry, l link) {
	if x.term != l.term || x.parent != nil {
		return
	}
	x.parent = trace.ContextWithRemoteSpanContext(context.Background(), l.parent)
	e.tellAll(x)
}

// note takes down that entries came further.
func (e *entries) note(n *raft.Note, at time.Time) {
	switch n.Kind {
	case raft.NoteStored:
		e.upTo(&e.stored, n.Index, func(x *entry) { x.stored = at })
	case raft.NoteCommit:
		e.upTo(&e.committed, n.Index, func(x *entry) { x.committed = at })
	case raft.NoteApply:
		if x := e.at(n.Index); x != nil {
			x.applied = at
			e.tellAll(x)
		}
	case raft.NoteTruncate:
		for i := range e.known {
			if x := &e.known[i]; x.index >= n.Index {
				x.cut("it was not committed, and a leader had another")
				*x = entry{}
			}
		}
		e.stored, e.committed = min(e.stored, n.Index-1), min(e.committed, n.Index-1)
	}
}

// upTo marks the entries behind a mark, which rises.
func (e *entries) upTo(mark *raft.Index, to raft.Index, set func(*entry)) {
	first := *mark + 1
	if to > window {
		first = max(first, to-window+1)
	}
	for i := first; i <= to; i++ {
		if x := e.at(i); x != nil {
			set(x)
			e.tellAll(x)
		}
	}
	*mark = max(*mark, to)
}

// tellAll makes the spans of an entry that can be made by now.
func (e *entries) tellAll(x *entry) {
	if x.parent == nil {
		return
	}
	e.tell(x, &x.toldStored, "raft.store", x.appended, x.stored)
	if x.span != nil { // of a follower it says only when it heard
		e.tell(x, &x.toldCommitted, "raft.commit", x.appended, x.committed)
	}
	begun := x.committed
	if begun.IsZero() {
		begun = x.applied
	}
	e.tell(x, &x.toldApplied, "raft.apply", begun, x.applied)
	if x.span != nil && x.toldStored && x.toldApplied {
		end := x.applied
		if x.stored.After(end) {
			end = x.stored
		}
		x.span.End(trace.WithTimestamp(end))
		x.span = nil
	}
}

// tell makes one span, once, when both its times are known.
func (e *entries) tell(x *entry, told *bool, name string, from, to time.Time) {
	if *told || from.IsZero() || to.IsZero() {
		return
	}
	*told = true
	_, s := e.tracer.Start(x.parent, name, trace.WithTimestamp(from), e.of(x))
	s.End(trace.WithTimestamp(to))
}

// of is what the spans of an entry say.
func (e *entries) of(x *entry) trace.SpanStartEventOption {
	return trace.WithAttributes(e.node, attribute.Int64("parley.index", int64(x.index)), attribute.Int64("parley.term", int64(x.term)))
}

// cut ends the span of an entry that comes to nothing.
func (x *entry) cut(why string) {
	if x.span != nil {
		x.span.SetStatus(codes.Error, why)
		x.span.End()
		x.span = nil
	}
}
