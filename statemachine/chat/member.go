package chat

import (
	"strings"

	"parley/statemachine/state"
)

// Join makes the caller a member of a public channel whose policy is open. An admin of the cluster may make himself a
// member of any channel, which is written down; its members are told, as of everybody who joins.
type Join struct{ Place string }

// Kind is the command's number.
func (*Join) Kind() uint8 { return kindJoin }

// Code passes the fields.
func (j *Join) Code(c *state.Coder) { c.String(&j.Place) }

// Check refuses nothing.
func (j *Join) Check(*state.Limits) *state.Refusal { return nil }

// Apply makes him a member. Who is one stays one.
func (j *Join) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, refusal := t.May(state.ToSee, j.Place)
	switch {
	case refusal != nil:
		return nil, refusal
	case a.Place.Kind == state.Conversation:
		return nil, state.Invalidf("channel", "FIELD_INVALID", "A direct conversation is joined by its two parties alone.")
	case a.Joined:
		return described(t, &a.Place), nil
	}
	if a.Place.Private || a.Place.Join == state.JoinInvite || t.Barred(a.Place.ID, t.User.ID) {
		governed, refusal := t.MayIn(state.ToManage, a.Place.ID, j.Place)
		if refusal != nil {
			return nil, state.Refusef(state.NotPermitted, "INVITATION_NEEDED", "You can't join #%s by yourself: an admin of it has to add you.", a.Place.Name)
		}
		a = governed
	}
	if refusal := refuseMember(t, &a.Place, t.User.ID); refusal != nil {
		return nil, refusal
	}
	enter(t, &a.Place, t.User.ID)
	if a.Audited {
		t.AuditAs(&a, "channel.join", "")
	}
	return described(t, &a.Place), nil
}

// refuseMember refuses one more member if there is no room for him.
func refuseMember(t *state.Txn, p *state.Place, user state.UserID) *state.Refusal {
	if refusal := p.RefuseArchived(); refusal != nil {
		return refusal
	}
	if p.Members >= uint64(t.Limits.MembersMax) {
		return state.Refusef(state.Exhausted, "MEMBERS_FULL", "#%s has as many members as a channel can have (%d).", p.Name, t.Limits.MembersMax)
	}
	if t.PlacesFull(user) {
		return refusePlacesFull(t, user)
	}
	return nil
}

func refusePlacesFull(t *state.Txn, user state.UserID) *state.Refusal {
	return state.Refusef(state.Exhausted, "PLACES_FULL", "%s belongs to as many channels and conversations as one may (%d).",
		t.NameOf(user), t.Limits.PlacesPerUserMax)
}

// enter makes a user a member: what was said before counts as read.
func enter(t *state.Txn, p *state.Place, user state.UserID) {
	t.Unbar(p.ID, user)
	t.PutMember(p, user, &state.Member{Since: t.At.Position, Read: p.Last, Number: p.Messages})
	t.PutPlace(p)
	recordMember(t, state.EventJoined, p, user)
}

// depart ends a user's part in a channel, and his rights with it. He is told as well, who is no member any more.
func depart(t *state.Txn, p *state.Place, user state.UserID) {
	t.RemoveMember(p, user)
	t.PutPlace(p)
	recordMember(t, state.EventLeft, p, user)
	t.Record(t.At.Position, &state.Event{Kind: state.EventLeft, Audience: state.ForUser(user), Place: p.ID, User: user, Other: t.User.ID})
}

// recordMember puts an event about a member into the backlog. Who is in a channel is for its members to know.
func recordMember(t *state.Txn, kind state.EventKind, p *state.Place, user state.UserID) {
	t.Record(t.At.Position, &state.Event{Kind: kind, Audience: state.ForPlace(p.ID), Place: p.ID, User: user, Other: t.User.ID})
}

// Leave ends the caller's part in a channel. The last admin can't while there are other members, nor leave a public channel
// to nobody. The last member of a private one may: it is archived then, hidden from everybody, and keeps its name, until
// an admin of the cluster sees to it.
type Leave struct{ Place string }

// Kind is the command's number.
func (*Leave) Kind() uint8 { return kindLeave }

// Code passes the fields.
func (l *Leave) Code(c *state.Coder) { c.String(&l.Place) }

// Check refuses nothing.
func (l *Leave) Check(*state.Limits) *state.Refusal { return nil }

// Apply ends his part.
func (l *Leave) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, refusal := t.View.May(state.ToRead, l.Place)
	switch {
	case refusal != nil:
		return nil, refusal
	case a.Place.Kind == state.Conversation:
		return nil, state.Invalidf("channel", "FIELD_INVALID", "A direct conversation can't be left.")
	}
	last := a.Place.Private && a.Place.Members == 1
	if refusal := refuseLastAdmin(&a.Place, &a.Member); refusal != nil && !last {
		return nil, refusal
	}
	depart(t, &a.Place, t.User.ID)
	if last && !a.Place.Archived {
		archive(t, &a, true)
	}
	return &Done{}, nil
}

// refuseLastAdmin keeps a channel from being without admin. The channels that every cluster is born with may be:
// admins of the cluster see to them.
func refuseLastAdmin(p *state.Place, m *state.Member) *state.Refusal {
	if !m.Admin || p.Admins > 1 || p.Born() {
		return nil
	}
	return state.Refusef(state.Precondition, "LAST_CHANNEL_ADMIN", "#%s has no other admin: make somebody else one first.", p.Name)
}

// Of names a channel and a user, for the commands of its admins.
type Of struct {
	Place string
	User  string // a username, with or without '@'
}

// Code passes the fields.
func (o *Of) Code(c *state.Coder) {
	c.String(&o.Place)
	c.String(&o.User)
}

// Check refuses nothing.
func (o *Of) Check(*state.Limits) *state.Refusal { return nil }

// find returns the channel, the user, and his part in it.
func (o *Of) find(t *state.Txn) (a state.Access, u state.User, m state.Member, joined bool, refusal *state.Refusal) {
	if a, refusal = t.May(state.ToManage, o.Place); refusal != nil {
		return a, u, m, false, refusal
	}
	name := strings.TrimPrefix(o.User, "@")
	u, ok := t.UserNamed(name)
	if !ok {
		return a, u, m, false, state.RefusePlace("@" + name)
	}
	m, joined = t.Member(a.Place.ID, u.ID)
	return a, u, m, joined, nil
}

// member is find for whom it takes a member.
func (o *Of) member(t *state.Txn) (state.Access, state.User, state.Member, *state.Refusal) {
	a, u, m, joined, refusal := o.find(t)
	if refusal == nil && !joined {
		refusal = state.Refusef(state.NotFound, "MEMBER_NOT_FOUND", "%s is not a member of #%s.", u.Name, a.Place.Name)
	}
	return a, u, m, refusal
}

// AddMember makes a user a member of a channel.
type AddMember struct{ Of }

// Kind is the command's number.
func (*AddMember) Kind() uint8 { return kindAddMember }

// Apply adds him.
func (r *AddMember) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, u, _, joined, refusal := r.find(t)
	switch {
	case refusal != nil:
		return nil, refusal
	case joined:
		return nil, state.Refusef(state.Exists, "ALREADY_MEMBER", "%s is a member of #%s already.", u.Name, a.Place.Name)
	case u.Disabled:
		return nil, state.Refusef(state.Precondition, "USER_DISABLED", "The account of %s is disabled.", u.Name)
	}
	if refusal := refuseMember(t, &a.Place, u.ID); refusal != nil {
		return nil, refusal
	}
	enter(t, &a.Place, u.ID)
	t.AuditAs(&a, "channel.add", u.Name)
	return &Done{}, nil
}

// RemoveMember ends a user's part in a channel. He can't join it again by himself.
type RemoveMember struct{ Of }

// Kind is the command's number.
func (*RemoveMember) Kind() uint8 { return kindRemoveMember }

// Apply removes him.
func (r *RemoveMember) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, u, m, refusal := r.member(t)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := refuseLastAdmin(&a.Place, &m); refusal != nil {
		return nil, refusal
	}
	depart(t, &a.Place, u.ID)
	t.Bar(a.Place.ID, u.ID)
	t.AuditAs(&a, "channel.remove", u.Name)
	return &Done{}, nil
}

// Promote makes a member an admin of the channel. Who is one stays one.
type Promote struct{ Of }

// Kind is the command's number.
func (*Promote) Kind() uint8 { return kindPromote }

// Apply promotes him.
func (r *Promote) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, u, m, refusal := r.member(t)
	if refusal != nil {
		return nil, refusal
	}
	if !m.Admin {
		setAdmin(t, &a, &u, &m, true)
	}
	return &Done{}, nil
}

// Demote makes an admin of a channel a member like others. Who is one stays one.
type Demote struct{ Of }

// Kind is the command's number.
func (*Demote) Kind() uint8 { return kindDemote }

// Apply demotes him.
func (r *Demote) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, u, m, refusal := r.member(t)
	if refusal != nil {
		return nil, refusal
	}
	if refusal := refuseLastAdmin(&a.Place, &m); refusal != nil {
		return nil, refusal
	}
	if m.Admin {
		setAdmin(t, &a, &u, &m, false)
	}
	return &Done{}, nil
}

func setAdmin(t *state.Txn, a *state.Access, u *state.User, m *state.Member, admin bool) {
	kind, action := state.EventPromoted, "channel.promote"
	if !admin {
		kind, action = state.EventDemoted, "channel.demote"
	}
	m.Admin = admin
	t.PutMember(&a.Place, u.ID, m)
	t.PutPlace(&a.Place)
	recordMember(t, kind, &a.Place, u.ID)
	t.AuditAs(a, action, u.Name)
}
