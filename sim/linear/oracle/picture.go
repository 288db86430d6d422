package oracle

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"

	"parley/sim/linear"
)

// pictureStyle has Porcupine's page keep to the colours of the reader's system.
//
//go:embed picture.css
var pictureStyle []byte

// label is an operation in as few words as a bar in the picture should have; all of them are shown when
// somebody points at it.
func label(h *linear.History, o *linear.Operation) string {
	answer := "?"
	switch done := o.Outcome == linear.Done; {
	case o.Kind == linear.TermStart:
		return fmt.Sprintf("term at %d", o.Position)
	case o.Kind == linear.HandOver:
		return fmt.Sprintf("to %d at %d", o.Owner, o.Position)
	case o.Kind == linear.Ending:
		return fmt.Sprintf("%d's no more at %d", o.Owner, o.Position)
	case !done:
	case o.Kind == linear.Append:
		answer = fmt.Sprintf("at %d", o.Position)
	case o.Kind == linear.Read && len(o.Entries) == 0:
		answer = "nothing"
	case o.Kind == linear.Read:
		last := len(o.Entries) - 1
		answer = fmt.Sprint(o.Entries[last].ID)
		if last > 0 {
			answer = fmt.Sprintf("%d to %d", o.Entries[0].ID, o.Entries[last].ID)
		}
	case o.Told == 0 && o.Kind == linear.Look:
		answer = "free"
	case o.Granted:
		answer = fmt.Sprintf("yes, at %d", o.Position)
	case o.Told != 0:
		answer = fmt.Sprintf("held %d", o.Told)
	default:
		answer = "no"
	}
	question := fmt.Sprintf("c%d ", o.Client) + [...]string{"", "append", "read", "acquire", "renew", "release", "break", "look", ""}[o.Kind]
	switch {
	case o.Kind == linear.Append:
		question += fmt.Sprintf(" %d", o.ID)
	case o.Kind == linear.Read && o.After != 0:
		question += fmt.Sprintf(" >%d", o.After)
	case o.Kind == linear.Read:
	default:
		if int(o.Object) < len(h.Objects) {
			question += " " + h.Objects[o.Object]
		}
		if o.Fence != 0 {
			question += fmt.Sprintf(" %d", o.Fence)
		}
	}
	return question + " → " + answer
}

// setLanes gives each operation a line of the picture: clients one above the other, and those that want more than one
// thing at a time several lines, so that no bar covers another.
func setLanes(list []porcupine.Operation) {
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(list[a].ClientId, list[b].ClientId), cmp.Compare(list[a].Call, list[b].Call))
	})
	lane, client := 0, -1
	var free []int64 // until when the client's lines are taken
	for _, i := range order {
		o := &list[i]
		if o.ClientId != client {
			lane, client, free = lane+len(free), o.ClientId, free[:0]
		}
		at := 0
		for at < len(free) && free[at] >= o.Call {
			at++
		}
		if at == len(free) {
			free = append(free, 0)
		}
		free[at] = o.Return
		o.ClientId = lane + at
	}
}

// Draw returns Porcupine's picture of the window as one page that needs nothing else: each operation a bar from its
// call to its answer, and a line through the instants at which they took effect, in the order that was found. If
// there is none, lines go as far as an order could, and red marks show what could not come next. A violation,
// if it is not nil, is marked; h is the history that it is about.
func (w *Window) Draw(h *linear.History, v *linear.Violation, limit time.Duration) ([]byte, Verdict, error) {
	verdict, info := w.search(limit, true)
	if v != nil {
		var marks []porcupine.Annotation
		for _, at := range []int{v.Operation, v.Other} {
			if at < 0 {
				continue
			}
			o := &h.Operations[at]
			mark := porcupine.Annotation{Tag: "judge", Start: o.Call, Description: "this one", Details: v.Reason, BackgroundColor: "#c0262d", TextColor: "#ffffff"}
			if at == v.Other {
				mark.Description, mark.BackgroundColor = "and this one", "#8a5a00"
			}
			if o.Outcome == linear.Done {
				mark.End = o.Return
			}
			marks = append(marks, mark)
		}
		info.AddAnnotations(marks)
	}
	var page bytes.Buffer
	if err := porcupine.Visualize(w.model(), info, &page); err != nil {
		return nil, verdict, err
	}
	style := append(append([]byte("<style>\n"), pictureStyle...), "</style>\n</head>"...)
	return bytes.Replace(page.Bytes(), []byte("</head>"), style, 1), verdict, nil
}
