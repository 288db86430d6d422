package chat

import (
	"strings"

	"parley/raft"
	"parley/statemachine/state"
)

// Channel is a channel as somebody sees it, and what he is to it.
type Channel struct {
	ID          string
	Name        string
	Description string
	Private     bool
	Archived    bool
	Join        state.JoinPolicy
	NoAI        bool
	Members     uint64
	Admins      uint64
	Wall        raft.Wall     // when it was made
	Last        raft.Position // of the newest message; members see it

	Joined   bool // and if so:
	Admin    bool
	Read     raft.Position // up to here
	Unread   uint64
	Mentions uint64 // unread
}

// Code passes the fields.
func (ch *Channel) Code(c *state.Coder) {
	c.String(&ch.ID)
	c.String(&ch.Name)
	c.String(&ch.Description)
	c.Bool(&ch.Private)
	c.Bool(&ch.Archived)
	state.Byte(c, &ch.Join)
	c.Bool(&ch.NoAI)
	state.Number(c, &ch.Members)
	state.Number(c, &ch.Admins)
	state.Number(c, &ch.Wall)
	state.Number(c, &ch.Last)
	c.Bool(&ch.Joined)
	c.Bool(&ch.Admin)
	state.Number(c, &ch.Read)
	state.Number(c, &ch.Unread)
	state.Number(c, &ch.Mentions)
}

// describe makes of a channel what somebody sees of it. Who is no member does not see when something was said.
func describe(s *state.State, p *state.Place, m *state.Member, joined bool, mentions func(state.PlaceID, raft.Position) uint64) Channel {
	ch := Channel{ID: p.IDString(), Name: p.Name, Description: p.Description, Private: p.Private, Archived: p.Archived, Join: p.Join,
		NoAI: p.NoAI, Members: p.Members, Admins: p.Admins, Wall: p.Wall}
	if joined {
		ch.Joined, ch.Admin, ch.Read, ch.Last = true, m.Admin, m.Read, p.Last
		ch.Unread, ch.Mentions = s.Unread(m, p), mentions(p.ID, m.Read)
	}
	return ch
}

// described is the answer of commands that change a channel, or somebody's part in it.
func described(t *state.Txn, p *state.Place) *Channel {
	m, joined := t.Member(p.ID, t.User.ID)
	ch := describe(t.State, p, &m, joined, unreadMentions(&t.View))
	return &ch
}

// CreateChannel makes a channel, with the caller as its member and admin.
type CreateChannel struct {
	Name        string // with or without '#'
	Description string
	Private     bool
	Join        state.JoinPolicy // of a public channel; members of a private one are always added
}

// Kind is the command's number.
func (*CreateChannel) Kind() uint8 { return kindCreateChannel }

// Code passes the fields.
func (r *CreateChannel) Code(c *state.Coder) {
	c.String(&r.Name)
	c.String(&r.Description)
	c.Bool(&r.Private)
	state.Byte(c, &r.Join)
}

// Check refuses what is no channel.
func (r *CreateChannel) Check(l *state.Limits) *state.Refusal {
	if refusal := l.CheckChannelName("name", strings.TrimPrefix(r.Name, "#")); refusal != nil {
		return refusal
	}
	if refusal := checkJoin(r.Join); refusal != nil {
		return refusal
	}
	return state.CheckLine("description", "A description", r.Description, l.DescriptionBytesMax)
}

func checkJoin(p state.JoinPolicy) *state.Refusal {
	if p != state.JoinOpen && p != state.JoinInvite {
		return state.Invalidf("join", "FIELD_INVALID", "One joins a channel freely (open) or is added by an admin of it (invite).")
	}
	return nil
}

// kept are the names that no channel gets: they mean everybody, or sound like the cluster itself speaks.
var kept = [...]string{"admin", "all", "channel", "everyone", "here", "parley", "system"}

// Apply makes the channel. That its name is held by a channel which the caller can't see is told him in the words for
// a name that is kept.
func (r *CreateChannel) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	name := strings.TrimPrefix(r.Name, "#")
	for _, word := range kept {
		if state.FoldName(name) == word {
			return nil, refuseReserved(name)
		}
	}
	if id, taken := t.ChannelNamed(name); taken {
		if _, refusal := t.View.MayIn(state.ToSee, id, name); refusal != nil {
			return nil, refuseReserved(name)
		}
		return nil, state.Refusef(state.Exists, "CHANNEL_NAME_TAKEN", "There is a channel #%s already.", name)
	}
	switch {
	case t.Len(state.TablePlaceNames) >= t.Limits.ChannelsMax:
		return nil, state.Refusef(state.Exhausted, "CHANNELS_FULL", "There are as many channels as there may be (%d).", t.Limits.ChannelsMax)
	case t.PlacesFull(t.User.ID):
		return nil, refusePlacesFull(t, t.User.ID)
	}
	p := state.Place{ID: state.PlaceID(t.At.Position), Name: name, Description: r.Description, Private: r.Private, Join: r.Join, Wall: t.Wall}
	if p.Private {
		p.Join = state.JoinInvite
	}
	t.MakeChannel(&p)
	t.PutMember(&p, t.User.ID, &state.Member{Admin: true, Since: t.At.Position})
	t.PutPlace(&p)
	recordSeen(t, state.EventChannelMade, &p)
	recordMember(t, state.EventJoined, &p, t.User.ID)
	return described(t, &p), nil
}

func refuseReserved(name string) *state.Refusal {
	return state.Refusef(state.Exists, "CHANNEL_NAME_RESERVED", "The name %s is reserved.", name)
}

// recordSeen puts an event about a channel itself into the backlog, for all who may see it.
func recordSeen(t *state.Txn, kind state.EventKind, p *state.Place) {
	t.Record(t.At.Position, &state.Event{Kind: kind, Audience: state.ForSeers(p.ID), Place: p.ID, User: t.User.ID})
}

// Archive makes a channel one that nothing new comes into. Its members stay and read it.
type Archive struct{ Place string }

// Kind is the command's number.
func (*Archive) Kind() uint8 { return kindArchive }

// Code passes the fields.
func (a *Archive) Code(c *state.Coder) { c.String(&a.Place) }

// Check refuses nothing.
func (a *Archive) Check(*state.Limits) *state.Refusal { return nil }

// Apply archives the channel.
func (a *Archive) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	return setArchived(t, a.Place, true)
}

// Unarchive undoes Archive.
type Unarchive struct{ Place string }

// Kind is the command's number.
func (*Unarchive) Kind() uint8 { return kindUnarchive }

// Code passes the fields.
func (a *Unarchive) Code(c *state.Coder) { c.String(&a.Place) }

// Check refuses nothing.
func (a *Unarchive) Check(*state.Limits) *state.Refusal { return nil }

// Apply takes the channel out of the archive.
func (a *Unarchive) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	return setArchived(t, a.Place, false)
}

func setArchived(t *state.Txn, ref string, archived bool) (state.Coded, *state.Refusal) {
	a, refusal := t.May(state.ToManage, ref)
	if refusal != nil {
		return nil, refusal
	}
	if a.Place.Archived != archived {
		archive(t, &a, archived)
	}
	return described(t, &a.Place), nil
}

func archive(t *state.Txn, a *state.Access, archived bool) {
	kind, action := state.EventArchived, "channel.archive"
	if !archived {
		kind, action = state.EventUnarchived, "channel.unarchive"
	}
	a.Place.Archived = archived
	t.PutPlace(&a.Place)
	recordSeen(t, kind, &a.Place)
	t.AuditAs(a, action, "")
}

// UpdateChannel changes a channel's description, its policy, and whether a model may read it. What is nil stays.
type UpdateChannel struct {
	Place       string
	Description *string
	Join        *state.JoinPolicy
	AI          *bool
}

// Kind is the command's number.
func (*UpdateChannel) Kind() uint8 { return kindUpdateChannel }

// Code passes the fields.
func (u *UpdateChannel) Code(c *state.Coder) {
	c.String(&u.Place)
	state.Optional(c, &u.Description, (*state.Coder).String)
	state.Optional(c, &u.Join, state.Byte[state.JoinPolicy])
	state.Optional(c, &u.AI, (*state.Coder).Bool)
}

// Check refuses what no channel has.
func (u *UpdateChannel) Check(l *state.Limits) *state.Refusal {
	if u.Description != nil {
		if refusal := state.CheckLine("description", "A description", *u.Description, l.DescriptionBytesMax); refusal != nil {
			return refusal
		}
	}
	if u.Join != nil {
		return checkJoin(*u.Join)
	}
	return nil
}

// Apply changes the channel.
func (u *UpdateChannel) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, refusal := t.May(state.ToManage, u.Place)
	if refusal != nil {
		return nil, refusal
	}
	p := &a.Place
	if refusal := p.RefuseArchived(); refusal != nil {
		return nil, refusal
	}
	if u.Join != nil && p.Private && *u.Join != state.JoinInvite {
		return nil, state.Invalidf("join", "FIELD_INVALID", "The members of a private channel are added by an admin of it.")
	}
	was, changed := *p, []string{}
	set(&p.Description, u.Description)
	set(&p.Join, u.Join)
	if u.AI != nil {
		p.NoAI = !*u.AI
	}
	for what, differs := range [...]bool{was.Description != p.Description, was.Join != p.Join, was.NoAI != p.NoAI} {
		if differs {
			changed = append(changed, [...]string{"description", "join", "ai"}[what])
		}
	}
	if len(changed) > 0 {
		t.PutPlace(p)
		recordSeen(t, state.EventChannelChanged, p)
		t.AuditAs(&a, "channel.set", strings.Join(changed, ", "))
	}
	return described(t, p), nil
}

func set[T any](field, value *T) {
	if value != nil {
		*field = *value
	}
}
