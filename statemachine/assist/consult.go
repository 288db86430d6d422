package assist

import (
	"fmt"

	"parley/raft"
	"parley/statemachine/state"
)

// Consult says that an external backend is going to get a text. It is answered before anything leaves the machine: what
// is not written down is not sent.
type Consult struct {
	Place   string // where the text is from; empty with a document, and for a question about neither
	Doc     string
	Task    string // what is asked for: summarize, grammar, …
	Backend string
	Bytes   uint64
}

// Kind is the command's number.
func (*Consult) Kind() uint8 { return kindConsult }

// Code passes the fields.
func (k *Consult) Code(c *state.Coder) {
	c.String(&k.Place)
	c.String(&k.Doc)
	c.String(&k.Task)
	c.String(&k.Backend)
	state.Number(c, &k.Bytes)
}

// Check refuses what is no task and no backend.
func (k *Consult) Check(*state.Limits) *state.Refusal {
	switch {
	case !word(k.Task):
		return state.Invalidf("task", "FIELD_INVALID", "The task has no proper name.")
	case k.Place != "" && k.Doc != "":
		return state.Invalidf("place", "FIELD_INVALID", "The text is from a place or a document, and not from both.")
	}
	return checkBackend("backend", k.Backend)
}

// nameBytesMax bounds the name of a backend or a task.
const nameBytesMax = 32

// word says whether a text is a name: letters of ASCII in lower case, digits and hyphens.
func word(s string) bool {
	for i := range len(s) {
		if b := s[i]; !('a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '-') {
			return false
		}
	}
	return s != "" && len(s) <= nameBytesMax
}

func checkBackend(field, name string) *state.Refusal {
	if !word(name) {
		return state.Invalidf(field, "FIELD_INVALID", "A backend's name has 1 to %d letters from a to z, digits and hyphens.", nameBytesMax)
	}
	return nil
}

// Done answers a command about which there is nothing to say but where it was done.
type Done struct{ Position raft.Position }

// Code passes the fields.
func (d *Done) Code(c *state.Coder) { state.Number(c, &d.Position) }

// Apply writes it down, if it may be.
func (k *Consult) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	object, external, refusal := k.of(&t.View)
	if refusal != nil {
		return nil, refusal
	}
	if external != k.Backend {
		return nil, state.Refusef(state.Precondition, "EXTERNAL_OFF", "What is written there does not go to the external backend %s.", k.Backend)
	}
	t.Audit("ai.external", object, fmt.Sprintf("%s: %d bytes to %s", k.Task, k.Bytes, k.Backend))
	return &Done{t.At.Position}, nil
}

// of returns what the text is from, and the external backend that may get it.
func (k *Consult) of(v *state.View) (object, external string, refusal *state.Refusal) {
	switch {
	case k.Doc != "":
		a, refusal := paper(v, k.Doc)
		if refusal != nil {
			return "", "", refusal
		}
		return a.ID.String(), v.ExternalForDoc(a.ID), nil
	case k.Place != "":
		target, refusal := place(v, k.Place)
		if refusal != nil {
			return "", "", refusal
		}
		if target.Begin != 0 { // nothing was said, and nobody agreed
			return "", "", nil
		}
		return target.Place.IDString(), v.ExternalForPlace(&target.Place), nil
	}
	return "question", v.ExternalBackend(), nil
}
