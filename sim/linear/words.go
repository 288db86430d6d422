package linear

import (
	"fmt"
	"strconv"
	"strings"

	"parley/raft"
)

// Name names an operation in a sentence.
func (h *History) Name(i int) string {
	o := &h.Operations[i]
	return fmt.Sprintf("Operation %d of client %d (%s)", i+1, o.Client, h.Question(o))
}

// Question says what an operation wants, Answer what it got.
func (h *History) Question(o *Operation) string {
	switch o.Kind {
	case Append:
		return fmt.Sprintf("append %d to %s", o.ID, h.object(o.Object))
	case Read:
		what := fmt.Sprintf("the newest %d", o.Limit)
		if o.After != 0 {
			what = fmt.Sprintf("%d behind position %d", o.Limit, o.After)
		}
		if o.Stale {
			what += ", of any age"
		}
		return fmt.Sprintf("read %s: %s", h.object(o.Object), what)
	case Acquire:
		return fmt.Sprintf("acquire %s%s for %s", h.object(o.Object), under(o.Fence), o.TTL)
	case Renew:
		return fmt.Sprintf("renew %s%s for %s", h.object(o.Object), under(o.Fence), o.TTL)
	case Release:
		return fmt.Sprintf("release %s%s", h.object(o.Object), under(o.Fence))
	case Break:
		return fmt.Sprintf("break %s%s", h.object(o.Object), under(o.Fence))
	case Look:
		return "look at " + h.object(o.Object)
	case TermStart:
		return "a term begins"
	case HandOver:
		return fmt.Sprintf("%s goes to owner %d, who stood in line", h.object(o.Object), o.Owner)
	case Ending:
		return fmt.Sprintf("%s is owner %d's no more", h.object(o.Object), o.Owner)
	}
	return fmt.Sprintf("kind %d", o.Kind)
}

// Answer says what became of an operation.
func (h *History) Answer(o *Operation) string {
	switch {
	case o.Kind == TermStart:
		return fmt.Sprintf("at %d: log time %d behind %d", o.Position, o.Time, o.Before)
	case o.Kind.apart():
		return fmt.Sprintf("at %d, log time %d", o.Position, o.Time)
	case o.Outcome == Refused:
		return "refused"
	case o.Outcome == Unknown && o.Position == 0:
		return "no answer"
	case o.Outcome == Unknown:
		return fmt.Sprintf("no answer; at %d", o.Position)
	case o.Kind == Append:
		return fmt.Sprintf("at %d", o.Position)
	case o.Kind == Read:
		return fmt.Sprintf("at %d: %s", o.Position, pageText(o.Entries, o.More))
	}
	return fmt.Sprintf("at %d: %s", o.Position, lockAnswer{o.Granted, o.Told, o.Left}.text(o.Kind))
}

func under(fence raft.Position) string {
	if fence == 0 {
		return ""
	}
	return fmt.Sprintf(" under %d", fence)
}

func (h *History) object(n int32) string {
	if int(n) < len(h.Objects) {
		return h.Objects[n]
	}
	return "object " + strconv.Itoa(int(n))
}

// pageText names the messages of a page.
func pageText(list []Entry, more bool) string {
	if len(list) == 0 && !more {
		return "nothing"
	}
	words := make([]string, 0, len(list)+1)
	for _, e := range list {
		words = append(words, fmt.Sprintf("%d at %d", e.ID, e.Position))
	}
	if more {
		words = append(words, "and more")
	}
	return strings.Join(words, ", ")
}

// text says what a command or a query about a lock is told.
func (a lockAnswer) text(k Kind) string {
	words := "held" + under(a.told)
	switch {
	case k == Acquire && a.granted:
		words = "granted" + under(a.told)
	case k == Look && a.told == 0:
		return "free"
	case k == Acquire && a.told == 0:
		return "not held under this fence"
	case k == Acquire, k == Look:
	case a.granted:
		words = "done"
	default:
		return "not held under this fence"
	}
	if a.left != 0 {
		words += fmt.Sprintf(" for %s", a.left)
	}
	return words
}
