package document

import (
	"strings"

	"parley/raft"
	"parley/statemachine/state"
)

// Done answers a command about which there is nothing to say but where it was done.
type Done struct{ Position raft.Position }

// Code passes the fields.
func (d *Done) Code(c *state.Coder) { state.Number(c, &d.Position) }

// Delete takes a document out of sight, and ends its lock. Its history stays for Undelete.
type Delete struct{ ID string }

// Kind is the command's number.
func (*Delete) Kind() uint8 { return kindDelete }

// Code passes the fields.
func (k *Delete) Code(c *state.Coder) { c.String(&k.ID) }

// Check refuses nothing: what is no id is the id of no document.
func (k *Delete) Check(*state.Limits) *state.Refusal { return nil }

// Apply deletes the document, once. Who stands in line for its lock waits for nothing any more.
func (k *Delete) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, refusal := t.MayDoc(state.ToOwnDoc, k.ID)
	if refusal != nil {
		return nil, refusal
	}
	if !a.Deleted() {
		a.DeletedBy, a.DeletedAt = t.User.ID, t.Wall
		t.PutDocument(&a.Document)
		record(t, state.EventDocDeleted, &a.Document)
		t.AuditDoc(&a, "document.delete", "")
		if h, held := t.Held(a.ID.String(), t.At.Time); held {
			t.GiveUp(&h, true)
		}
	}
	return &Done{t.At.Position}, nil
}

// Undelete brings a document back.
type Undelete struct{ ID string }

// Kind is the command's number.
func (*Undelete) Kind() uint8 { return kindUndelete }

// Code passes the fields.
func (k *Undelete) Code(c *state.Coder) { c.String(&k.ID) }

// Check refuses nothing: what is no id is the id of no document.
func (k *Undelete) Check(*state.Limits) *state.Refusal { return nil }

// Apply brings it back, once.
func (k *Undelete) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, refusal := t.MayDoc(state.ToOwnDoc, k.ID)
	if refusal != nil {
		return nil, refusal
	}
	if a.Deleted() {
		a.DeletedBy, a.DeletedAt = 0, 0
		t.PutDocument(&a.Document)
		record(t, state.EventDocUndeleted, &a.Document)
		t.AuditDoc(&a, "document.undelete", "")
	}
	return &Done{t.At.Position}, nil
}

// Configure changes a document's title, whether it is written under its lock only, and whether a model may read it.
// What is nil stays.
type Configure struct {
	ID    string
	Title *string
	Mode  *state.LockMode
	AI    *bool
}

// Kind is the command's number.
func (*Configure) Kind() uint8 { return kindConfigure }

// Code passes the fields.
func (k *Configure) Code(c *state.Coder) {
	c.String(&k.ID)
	state.Optional(c, &k.Title, (*state.Coder).String)
	state.Optional(c, &k.Mode, state.Byte[state.LockMode])
	state.Optional(c, &k.AI, (*state.Coder).Bool)
}

// Check refuses what no document has.
func (k *Configure) Check(l *state.Limits) *state.Refusal {
	if k.Mode != nil && (*k.Mode == 0 || *k.Mode > state.LockAdvisory) {
		return refuseMode
	}
	if k.Title != nil {
		return checkTitle(l, *k.Title)
	}
	return nil
}

// Apply changes the document.
func (k *Configure) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, refusal := t.MayDoc(state.ToOwnDoc, k.ID)
	if refusal != nil {
		return nil, refusal
	}
	was, changed := a.Document, []string{}
	set(&a.Title, k.Title)
	set(&a.Mode, k.Mode)
	if k.AI != nil {
		a.NoAI = !*k.AI
	}
	for i, differs := range [...]bool{was.Title != a.Title, was.Mode != a.Mode, was.NoAI != a.NoAI} {
		if differs {
			changed = append(changed, [...]string{"title", "lock", "ai"}[i])
		}
	}
	if len(changed) > 0 {
		t.PutDocument(&a.Document)
		record(t, state.EventDocChanged, &a.Document)
		t.AuditDoc(&a, "document.set", strings.Join(changed, ", "))
	}
	return item(&t.View, &a, t.At.Time), nil
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}
