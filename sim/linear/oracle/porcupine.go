package oracle

import (
	"fmt"
	"html"
	"math"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"parley/sim/linear"
)

// Verdict is what a search found. Zero is Undecided: a search that ran out of time has found nothing, and
// nobody may take it for more.
type Verdict uint8

// The verdicts.
const (
	Undecided      Verdict = iota
	Linearizable           // some order explains all answers and respects real time
	Unlinearizable         // none does
)

// String names the verdict.
func (v Verdict) String() string {
	switch v {
	case Linearizable:
		return "linearizable"
	case Unlinearizable:
		return "not linearizable"
	}
	return "undecided"
}

// question is what Porcupine takes for the input and the output of an operation: the model looks at both at
// once.
type question struct {
	op    linear.Operation
	label string // in the picture
}

// modelState is an object's state. Before the first operation nobody knows whose it is: Porcupine
// begins all parts of a history alike.
type modelState struct {
	state
	begun bool
}

// model is the specification as Porcupine wants it. Each object of the window is a part of its own. What has no answer
// takes effect where it can and otherwise not; where it does not fit it is as good as absent, and since
// it never returned it may always come last.
func (w *Window) model() porcupine.Model {
	return porcupine.Model{
		Partition: partition,
		Init:      func() any { return modelState{} },
		Step: func(before, input, _ any) (bool, any) {
			s, q := before.(modelState), input.(*question)
			if !s.begun {
				s = modelState{w.before[q.op.Object], true}
			}
			after, ok := s.step(&q.op)
			switch {
			case ok:
				return true, modelState{after, true}
			case q.op.Outcome == linear.Unknown:
				return true, s
			}
			return false, s
		},
		Equal: func(a, b any) bool {
			s, t := a.(modelState), b.(modelState)
			return s.begun == t.begun && s.equal(t.state)
		},
		DescribeOperation: func(input, _ any) string { return input.(*question).label },
		// The picture takes these two for markup.
		DescribeOperationMetadata: func(m any) string { return html.EscapeString(m.(string)) },
		DescribeState: func(s any) string {
			if !s.(modelState).begun {
				return "at the beginning"
			}
			return html.EscapeString(s.(modelState).String())
		},
	}
}

// partition takes a history apart by objects, in the order of their numbers.
func partition(all []porcupine.Operation) [][]porcupine.Operation {
	var parts [][]porcupine.Operation
	var objects []int32
	for _, o := range all {
		if object := o.Input.(*question).op.Object; !slices.Contains(objects, object) {
			objects = append(objects, object)
		}
	}
	slices.Sort(objects)
	for _, object := range objects {
		var part []porcupine.Operation
		for _, o := range all {
			if o.Input.(*question).op.Object == object {
				part = append(part, o)
			}
		}
		parts = append(parts, part)
	}
	return parts
}

// operations translates the window. What can't have taken effect is left out.
func (w *Window) operations() []porcupine.Operation {
	h := w.History
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range h.Operations {
		o := &h.Operations[i]
		first, last = min(first, o.Call), max(last, o.Call)
		if o.Outcome == linear.Done {
			last = max(last, o.Return)
		}
	}
	var list []porcupine.Operation
	for _, object := range objects(h) {
		ops := of(h, object)
		for i := range ops {
			o := ops[i]
			if o.Kind == linear.Append && o.Outcome == linear.Unknown && o.Position == 0 {
				if at := named(ops, &o); len(at) > 0 {
					o.Position = at[0] // with two of them no order will do
				}
			}
			if !placed(&o) {
				continue
			}
			call, end := o.Call, max(o.Call, o.Return)
			if o.Outcome == linear.Unknown || o.Stale {
				end = last + 1
			}
			if o.Stale {
				call = first - 1
			}
			list = append(list, porcupine.Operation{ClientId: int(o.Client), Input: &question{o, label(h, &ops[i])}, Call: call, Return: end,
				Metadata: h.Question(&ops[i]) + " → " + h.Answer(&ops[i])})
		}
	}
	setLanes(list)
	return list
}

// Search looks for an order with Porcupine, for at most so long; zero: for however long it takes. What runs
// out of time is Undecided.
func (w *Window) Search(limit time.Duration) Verdict {
	v, _ := w.search(limit, false)
	return v
}

func (w *Window) search(limit time.Duration, partial bool) (Verdict, porcupine.LinearizationInfo) {
	var info porcupine.LinearizationInfo
	var result porcupine.CheckResult
	if partial {
		result, info = porcupine.CheckOperationsVerbose(w.model(), w.operations(), limit)
	} else {
		result = porcupine.CheckOperationsTimeout(w.model(), w.operations(), limit)
	}
	if !sane(w.History) {
		return Unlinearizable, info
	}
	return verdictOf(result), info
}

func verdictOf(r porcupine.CheckResult) Verdict {
	switch r {
	case porcupine.Ok:
		return Linearizable
	case porcupine.Illegal:
		return Unlinearizable
	case porcupine.Unknown:
		return Undecided
	}
	panic(fmt.Sprintf("oracle: Porcupine says %q", r))
}
