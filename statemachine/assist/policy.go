package assist

import (
	"strings"

	"parley/raft"
	"parley/statemachine/state"
)

// NameBackend says which external backend people may be helped by, or that there is none.
type NameBackend struct{ Name string } // empty: none

// Kind is the command's number.
func (*NameBackend) Kind() uint8 { return kindNameBackend }

// Code passes the fields.
func (k *NameBackend) Code(c *state.Coder) { c.String(&k.Name) }

// Check refuses what is no name.
func (k *NameBackend) Check(*state.Limits) *state.Refusal {
	if k.Name == "" {
		return nil
	}
	return checkBackend("backend", k.Name)
}

// Apply names it, and writes down who did.
func (k *NameBackend) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	if !t.User.Admin {
		return nil, state.Refusef(state.NotPermitted, "NOT_CLUSTER_ADMIN", "Only an admin of the cluster may do that.")
	}
	if k.Name != t.ExternalBackend() {
		t.NameExternalBackend(k.Name)
		if k.Name == "" {
			t.Audit("ai.backend", "none", "")
		} else {
			t.Audit("ai.backend", k.Name, "")
		}
	}
	return &Rules{Backend: k.Name, Position: t.At.Position}, nil
}

// SetExternal says whether an external backend may get what is written somewhere: for a channel one of its admins says
// so, for a document one of its owners, and of a conversation each party for himself.
type SetExternal struct {
	Of string // a place, or the id of a document
	On bool
}

// Kind is the command's number.
func (*SetExternal) Kind() uint8 { return kindSetExternal }

// Code passes the fields.
func (k *SetExternal) Code(c *state.Coder) {
	c.String(&k.Of)
	c.Bool(&k.On)
}

// Check refuses nothing: what is no name is the name of nothing.
func (k *SetExternal) Check(*state.Limits) *state.Refusal { return nil }

// Apply notes it, and writes down who said so.
func (k *SetExternal) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	said := "external off"
	if k.On {
		said = "external on"
	}
	if state.NamesDoc(k.Of) {
		a, refusal := t.MayDoc(state.ToOwnDoc, k.Of)
		if refusal != nil {
			return nil, refusal
		}
		if t.DocAgrees(a.ID) != k.On {
			t.AgreeDoc(a.ID, k.On)
			t.AuditDoc(&a, "document.set", said)
		}
		return at(rulesOfDoc(&t.View, &a), t), nil
	}
	if strings.HasPrefix(k.Of, "@") || strings.HasPrefix(k.Of, "conv_") {
		target, refusal := t.View.Target(state.ToRead, k.Of)
		switch {
		case refusal != nil:
			return nil, refusal
		case target.Begin != 0:
			return nil, refuseNotBegun(&t.View, target.Begin)
		}
		if p := &target.Place; t.PartyAgrees(p.ID, t.User.ID) != k.On {
			t.AgreePlace(p, t.User.ID, k.On)
			t.Audit("conversation.set", p.IDString(), said)
		}
		return at(rulesOfPlace(&t.View, &target.Place), t), nil
	}
	a, refusal := t.May(state.ToManage, k.Of)
	if refusal != nil {
		return nil, refusal
	}
	if p := &a.Place; t.PlaceAgrees(p) != k.On {
		t.AgreePlace(p, t.User.ID, k.On)
		t.AuditAs(&a, "channel.set", said)
	}
	return at(rulesOfPlace(&t.View, &a.Place), t), nil
}

// at says where a command was done.
func at(r *Rules, t *state.Txn) *Rules {
	r.Position = t.At.Position
	return r
}

func refuseNotBegun(v *state.View, with state.UserID) *state.Refusal {
	return state.Refusef(state.NotFound, "PLACE_NOT_FOUND", "There is no conversation with %s yet: write to each other first.", v.NameOf(with))
}

// Policy asks what holds for what is written somewhere.
type Policy struct{ Of string } // as in SetExternal; empty: for the cluster

// Kind is the query's number.
func (*Policy) Kind() uint8 { return kindPolicy }

// Code passes the fields.
func (q *Policy) Code(c *state.Coder) { c.String(&q.Of) }

// Rules answers Policy, and the commands that change it.
type Rules struct {
	Of       string        // the place as the caller calls it, or the document's id; empty: the cluster
	Off      bool          // no model may read it
	Backend  string        // the external backend that an admin of the cluster named; empty: none
	External bool          // those who have a say have nothing against it
	Mine     bool          // of a conversation: the caller agrees
	Other    bool          // and the other party does
	Position raft.Position // of the command
}

// Code passes the fields.
func (r *Rules) Code(c *state.Coder) {
	c.String(&r.Of)
	c.Bool(&r.Off)
	c.String(&r.Backend)
	c.Bool(&r.External)
	c.Bool(&r.Mine)
	c.Bool(&r.Other)
	state.Number(c, &r.Position)
}

// Answer reads.
func (q *Policy) Answer(v *state.View) (state.Coded, *state.Refusal) {
	switch {
	case q.Of == "":
		return &Rules{Backend: v.ExternalBackend()}, nil
	case state.NamesDoc(q.Of):
		a, refusal := v.MayDoc(state.ToReadDoc, q.Of)
		if refusal != nil {
			return nil, refusal
		}
		return rulesOfDoc(v, &a), nil
	}
	target, refusal := v.Target(state.ToRead, q.Of)
	if refusal != nil {
		return nil, refusal
	}
	if target.Begin != 0 {
		return nil, refuseNotBegun(v, target.Begin)
	}
	return rulesOfPlace(v, &target.Place), nil
}

func rulesOfPlace(v *state.View, p *state.Place) *Rules {
	r := &Rules{Of: v.Called(p), Off: p.NoAI, Backend: v.ExternalBackend(), External: v.PlaceAgrees(p)}
	if p.Kind == state.Conversation {
		r.Mine, r.Other = v.PartyAgrees(p.ID, v.User.ID), v.PartyAgrees(p.ID, p.Other(v.User.ID))
	}
	return r
}

func rulesOfDoc(v *state.View, a *state.DocAccess) *Rules {
	return &Rules{Of: a.ID.String(), Off: a.NoAI, Backend: v.ExternalBackend(), External: v.DocAgrees(a.ID)}
}
