package document

import (
	"strings"

	"parley/statemachine/state"
)

// Whom says with whom a document is shared: one of the three.
type Whom struct {
	User    string // a name
	Channel string // #name, name or id; whoever is a member of it
	All     bool   // every user
}

func (w *Whom) code(c *state.Coder) {
	c.String(&w.User)
	c.String(&w.Channel)
	c.Bool(&w.All)
}

func (w *Whom) check() *state.Refusal {
	n := 0
	for _, named := range [...]bool{w.User != "", w.Channel != "", w.All} {
		if named {
			n++
		}
	}
	if n != 1 {
		return state.Invalidf("with", "FIELD_INVALID", "A document is shared with one user, one channel or all users at a time.")
	}
	return nil
}

// Share gives somebody a role in a document, or another one than he has.
type Share struct {
	ID   string
	With Whom
	Role state.Role
}

// Kind is the command's number.
func (*Share) Kind() uint8 { return kindShare }

// Code passes the fields.
func (k *Share) Code(c *state.Coder) {
	c.String(&k.ID)
	k.With.code(c)
	state.Byte(c, &k.Role)
}

// Check refuses what is no role, and more than one owner at once.
func (k *Share) Check(*state.Limits) *state.Refusal {
	switch {
	case k.Role < state.Viewer || k.Role > state.Owner:
		return state.Invalidf("role", "ROLE_INVALID", "A role is viewer, editor or owner.")
	case k.Role == state.Owner && k.With.User == "":
		return state.Invalidf("role", "ROLE_INVALID", "Only a user owns a document.")
	}
	return k.With.check()
}

// Apply changes the access list.
func (k *Share) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, refusal := t.MayDoc(state.ToOwnDoc, k.ID)
	if refusal != nil {
		return nil, refusal
	}
	g, refusal := k.With.find(t, a.ID)
	if refusal != nil {
		return nil, refusal
	}
	return regrant(t, &a, g, k.Role)
}

// Unshare takes a role away. Somebody may have another one still, by a channel.
type Unshare struct {
	ID   string
	With Whom
}

// Kind is the command's number.
func (*Unshare) Kind() uint8 { return kindUnshare }

// Code passes the fields.
func (k *Unshare) Code(c *state.Coder) {
	c.String(&k.ID)
	k.With.code(c)
}

// Check refuses more than one at once.
func (k *Unshare) Check(*state.Limits) *state.Refusal { return k.With.check() }

// Apply changes the access list.
func (k *Unshare) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, refusal := t.MayDoc(state.ToOwnDoc, k.ID)
	if refusal != nil {
		return nil, refusal
	}
	g, refusal := k.With.find(t, a.ID)
	if refusal != nil {
		return nil, refusal
	}
	if t.Grant(a.ID, g) == 0 {
		return nil, state.Refusef(state.NotFound, "GRANT_NOT_FOUND", "That is not on the access list of %s.", a.ID)
	}
	return regrant(t, &a, g, 0)
}

// find returns whom is meant. A channel is one that the caller sees, or that is on the list already: that he is no
// member of it any more keeps no owner from taking it off.
func (w *Whom) find(t *state.Txn, id state.DocID) (state.Grantee, *state.Refusal) {
	if w.All {
		return state.Grantee{Kind: state.GranteeAll}, nil
	}
	if w.User != "" {
		u, ok := t.UserNamed(strings.TrimPrefix(w.User, "@"))
		if !ok {
			return state.Grantee{}, state.RefusePlace("@" + strings.TrimPrefix(w.User, "@"))
		}
		return state.Grantee{Kind: state.GranteeUser, ID: uint64(u.ID)}, nil
	}
	if place, ok := t.Resolve(w.Channel); ok {
		if g := (state.Grantee{Kind: state.GranteeChannel, ID: uint64(place)}); t.Grant(id, g) != 0 {
			return g, nil
		}
	}
	c, refusal := t.View.May(state.ToSee, w.Channel)
	switch {
	case refusal != nil:
		return state.Grantee{}, refusal
	case c.Place.Kind != state.Channel:
		return state.Grantee{}, state.Invalidf("channel", "FIELD_INVALID", "A document is shared with a channel, and not with a direct conversation.")
	}
	return state.Grantee{Kind: state.GranteeChannel, ID: uint64(c.Place.ID)}, nil
}

// regrant writes a line of the access list, and tells the readers. Who is none any more is told, too.
func regrant(t *state.Txn, a *state.DocAccess, g state.Grantee, r state.Role) (state.Coded, *state.Refusal) {
	was := t.Grant(a.ID, g)
	switch {
	case was == r:
		return &Done{t.At.Position}, nil
	case was == state.Owner && a.Owners == 1:
		return nil, state.Refusef(state.Precondition, "LAST_OWNER", "The document %s has no other owner. Make somebody one first.", a.ID)
	case was == 0 && a.Grants >= t.Limits.GrantsMax:
		return nil, state.Refusef(state.Exhausted, "GRANTS_FULL", "The access list of %s is as long as one may be (%d).", a.ID, t.Limits.GrantsMax)
	}
	t.PutGrant(&a.Document, g, r)
	t.PutDocument(&a.Document)
	e := state.Event{Kind: state.EventDocShared, Audience: state.ForReaders(a.ID), User: t.User.ID, Doc: a.ID, Version: a.Version, Text: r.String()}
	if g.Kind == state.GranteeUser {
		e.Other = state.UserID(g.ID)
	}
	if r == 0 {
		e.Kind, e.Text = state.EventDocUnshared, ""
	}
	t.Record(t.At.Position, &e)
	if e.Other != 0 && t.RoleIn(a.ID, e.Other) == 0 {
		e.Audience = state.ForUser(e.Other)
		t.Record(t.At.Position, &e)
	}
	t.AuditDoc(a, "document.share", strings.TrimSpace(granteeID(g)+" "+r.String()))
	return &Done{t.At.Position}, nil
}

// granteeID is to whom a line gives a role, as ids.
func granteeID(g state.Grantee) string {
	switch g.Kind {
	case state.GranteeUser:
		return state.UserID(g.ID).String()
	case state.GranteeChannel:
		return (&state.Place{ID: state.PlaceID(g.ID), Kind: state.Channel}).IDString()
	}
	return "all"
}

// AccessList asks who may do what with a document. It is for its owners: a channel on it may be hidden from others.
type AccessList struct{ ID string }

// Kind is the query's number.
func (*AccessList) Kind() uint8 { return kindAccessList }

// Code passes the fields.
func (q *AccessList) Code(c *state.Coder) { c.String(&q.ID) }

// Grant is a line of an access list.
type Grant struct {
	Kind   state.GranteeKind
	ID     string // of the user or channel, or "all"
	Called string // bob, #news; empty if the caller may not know
	Role   state.Role
}

// Grants answers AccessList: users first, then channels.
type Grants struct{ Grants []Grant }

// Code passes the list.
func (g *Grants) Code(c *state.Coder) {
	state.List(c, &g.Grants, func(c *state.Coder, v *Grant) {
		state.Byte(c, &v.Kind)
		c.String(&v.ID)
		c.String(&v.Called)
		v.Role.Code(c)
	})
}

// Answer reads.
func (q *AccessList) Answer(v *state.View) (state.Coded, *state.Refusal) {
	a, refusal := v.MayDoc(state.ToOwnDoc, q.ID)
	if refusal != nil {
		return nil, refusal
	}
	reply := &Grants{[]Grant{}}
	v.Grants(a.ID, func(g state.Grantee, r state.Role) bool {
		line := Grant{Kind: g.Kind, ID: granteeID(g), Role: r}
		switch g.Kind {
		case state.GranteeUser:
			line.Called = v.NameOf(state.UserID(g.ID))
		case state.GranteeChannel:
			if c, hidden := v.MayIn(state.ToSee, state.PlaceID(g.ID), line.ID); hidden == nil {
				line.Called = v.Called(&c.Place)
			}
		}
		reply.Grants = append(reply.Grants, line)
		return true
	})
	return reply, nil
}
