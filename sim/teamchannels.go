package sim

import (
	"strings"
	"unicode/utf8"

	"parley/statemachine/chat"
	"parley/statemachine/state"
)

// under executes what takes a login.
func (d *teamDeed) under(c state.Command) (state.Coded, *state.Refusal) {
	if reply, refusal, mine := d.ofAccounts(c); mine {
		return reply, refusal
	}
	if reply, refusal, mine := d.ofMessages(c); mine {
		return reply, refusal
	}
	if reply, refusal, mine := d.ofFiles(c); mine {
		return reply, refusal
	}
	if reply, refusal, mine := d.ofLocks(c); mine {
		return reply, refusal
	}
	if reply, refusal, mine := d.ofDocs(c); mine {
		return reply, refusal
	}
	return d.ofChannels(c)
}

// malformedChannel says why a channel's name is none.
func malformedChannel(c state.Command) string {
	create, ok := c.(*chat.CreateChannel)
	if !ok {
		return ""
	}
	if name := strings.TrimPrefix(create.Name, "#"); utf8.RuneCountInString(name) < 3 || strings.Contains(name, " ") || strings.HasPrefix(fold(name), "chan_") {
		return "CHANNEL_NAME_INVALID"
	}
	return ""
}

func (d *teamDeed) ofChannels(c state.Command) (state.Coded, *state.Refusal) {
	switch c := c.(type) {
	case *chat.CreateChannel:
		return d.createChannel(c)
	case *chat.Join:
		return d.join(c.Place)
	case *chat.Leave:
		return d.leave(c.Place)
	case *chat.AddMember:
		return d.withMember(c.Of, d.add)
	case *chat.RemoveMember:
		return d.withMember(c.Of, d.remove)
	case *chat.Promote:
		return d.withMember(c.Of, func(a *teamAccess, u *teamUser) *state.Refusal { return d.makeAdmin(a, u, true) })
	case *chat.Demote:
		return d.withMember(c.Of, func(a *teamAccess, u *teamUser) *state.Refusal { return d.makeAdmin(a, u, false) })
	case *chat.Archive:
		return d.setArchived(c.Place, true)
	case *chat.Unarchive:
		return d.setArchived(c.Place, false)
	case *chat.UpdateChannel:
		return d.updateChannel(c)
	case *chat.InspectChannel:
		return d.inspect(c.Place)
	case *chat.InspectChannels:
		if !d.me.Admin {
			return nil, refused(state.NotPermitted, "NOT_CLUSTER_ADMIN")
		}
		d.audit("channel.inspect", "all", "")
		return d.channels(c.After, c.Limit, func(*teamPlace) bool { return true }), nil
	}
	return nil, refused(state.Malformed, "VERSION")
}

// seen is an event for whoever sees a channel, and among an event for its members.
func (d *teamDeed) seen(kind state.EventKind, p *teamPlace) {
	d.event(state.Event{Kind: kind, Audience: state.ForSeers(p.id), Place: p.id, User: d.user.id})
}

func (d *teamDeed) among(kind state.EventKind, p *teamPlace, u *teamUser) {
	d.event(state.Event{Kind: kind, Audience: state.ForPlace(p.id), Place: p.id, User: u.id, Other: d.user.id})
}

func (d *teamDeed) auditIn(a *teamAccess, action, detail string) {
	if a.audited {
		detail = strings.TrimLeft(detail+" (as an admin of the cluster)", " ")
	}
	d.audit(action, placeID(&a.is), detail)
}

func (d *teamDeed) createChannel(c *chat.CreateChannel) (state.Coded, *state.Refusal) {
	name := strings.TrimPrefix(c.Name, "#")
	switch fold(name) {
	case "admin", "all", "channel", "everyone", "here", "parley", "system":
		return nil, refused(state.Exists, "CHANNEL_NAME_RESERVED")
	}
	if taken := d.channelNamed(name); taken != nil {
		if _, refusal := d.asking().reach(deedSee, taken, name); refusal != nil {
			return nil, refused(state.Exists, "CHANNEL_NAME_RESERVED")
		}
		return nil, refused(state.Exists, "CHANNEL_NAME_TAKEN")
	}
	is := state.Place{ID: state.PlaceID(d.at), Kind: state.Channel, Name: name, Description: c.Description, Private: c.Private, Join: c.Join, Wall: d.wall}
	if c.Private {
		is.Join = state.JoinInvite
	}
	p := d.addPlace(d.at, &is)
	p.setPart(d.user, d.at, teamPart{joined: true, admin: true, since: d.at})
	d.seen(state.EventChannelMade, p)
	d.among(state.EventJoined, p, d.user)
	return d.shown(p), nil
}

// asking is what the caller sees who only asks.
func (d *teamDeed) asking() *teamView {
	v := d.teamView
	v.command = false
	return &v
}

// shown is the answer with a channel as the caller has it now.
func (d *teamDeed) shown(p *teamPlace) *chat.Channel {
	ch := d.channel(p)
	return &ch
}

func (d *teamDeed) join(ref string) (state.Coded, *state.Refusal) {
	a, refusal := d.may(deedSee, ref)
	switch {
	case refusal != nil:
		return nil, refusal
	case a.is.Kind == state.Conversation:
		return nil, refused(state.Invalid, "FIELD_INVALID")
	case a.part.joined:
		return d.shown(a.place), nil
	}
	audited := a.audited
	if a.is.Private || a.is.Join == state.JoinInvite || a.part.barred {
		if !d.me.Admin {
			return nil, refused(state.NotPermitted, "INVITATION_NEEDED")
		}
		audited = true
	}
	if a.is.Archived {
		return nil, refused(state.Precondition, "CHANNEL_ARCHIVED")
	}
	d.enter(&a, d.user)
	if audited {
		a.audited = true
		d.auditIn(&a, "channel.join", "")
	}
	return d.shown(a.place), nil
}

func (d *teamDeed) enter(a *teamAccess, u *teamUser) {
	a.place.setPart(u, d.at, teamPart{joined: true, since: d.at, read: a.is.Last, number: a.is.Messages})
	d.among(state.EventJoined, a.place, u)
}

func (d *teamDeed) depart(a *teamAccess, u *teamUser, barred bool) {
	a.place.setPart(u, d.at, teamPart{barred: barred || a.place.part(u, d.at).barred})
	d.among(state.EventLeft, a.place, u)
	d.event(state.Event{Kind: state.EventLeft, Audience: state.ForUser(u.id), Place: a.place.id, User: u.id, Other: d.user.id})
}

// onlyAdmin reports whether a channel would be without admin if somebody were none. The three first may be.
func onlyAdmin(is *state.Place, part teamPart) bool { return part.admin && is.Admins == 1 && is.ID > 3 }

func (d *teamDeed) leave(ref string) (state.Coded, *state.Refusal) {
	a, refusal := d.asking().may(deedRead, ref)
	switch {
	case refusal != nil:
		return nil, refusal
	case a.is.Kind == state.Conversation:
		return nil, refused(state.Invalid, "FIELD_INVALID")
	}
	last := a.is.Private && a.is.Members == 1
	if onlyAdmin(&a.is, a.part) && !last {
		return nil, refused(state.Precondition, "LAST_CHANNEL_ADMIN")
	}
	d.depart(&a, d.user, false)
	if last && !a.is.Archived {
		d.archive(&a, true)
	}
	return &chat.Done{}, nil
}

// withMember finds the channel and the user that a command of an admin is about.
func (d *teamDeed) withMember(of chat.Of, do func(a *teamAccess, u *teamUser) *state.Refusal) (state.Coded, *state.Refusal) {
	a, refusal := d.may(deedManage, of.Place)
	if refusal != nil {
		return nil, refusal
	}
	u := d.named(strings.TrimPrefix(of.User, "@"))
	if u == nil {
		return nil, refused(state.NotFound, "USER_NOT_FOUND")
	}
	if refusal = do(&a, u); refusal != nil {
		return nil, refusal
	}
	return &chat.Done{}, nil
}

func (d *teamDeed) add(a *teamAccess, u *teamUser) *state.Refusal {
	switch {
	case a.place.part(u, d.at).joined:
		return refused(state.Exists, "ALREADY_MEMBER")
	case u.is.when(d.at).Disabled:
		return refused(state.Precondition, "USER_DISABLED")
	case a.is.Archived:
		return refused(state.Precondition, "CHANNEL_ARCHIVED")
	}
	d.enter(a, u)
	d.auditIn(a, "channel.add", u.name)
	return nil
}

var noMember = refused(state.NotFound, "MEMBER_NOT_FOUND")

func (d *teamDeed) remove(a *teamAccess, u *teamUser) *state.Refusal {
	part := a.place.part(u, d.at)
	switch {
	case !part.joined:
		return noMember
	case onlyAdmin(&a.is, part):
		return refused(state.Precondition, "LAST_CHANNEL_ADMIN")
	}
	d.depart(a, u, true)
	d.auditIn(a, "channel.remove", u.name)
	return nil
}

func (d *teamDeed) makeAdmin(a *teamAccess, u *teamUser, admin bool) *state.Refusal {
	part := a.place.part(u, d.at)
	switch {
	case !part.joined:
		return noMember
	case !admin && onlyAdmin(&a.is, part):
		return refused(state.Precondition, "LAST_CHANNEL_ADMIN")
	case part.admin == admin:
		return nil
	}
	part.admin = admin
	a.place.setPart(u, d.at, part)
	kind, action := state.EventPromoted, "channel.promote"
	if !admin {
		kind, action = state.EventDemoted, "channel.demote"
	}
	d.among(kind, a.place, u)
	d.auditIn(a, action, u.name)
	return nil
}

func (d *teamDeed) setArchived(ref string, archived bool) (state.Coded, *state.Refusal) {
	a, refusal := d.may(deedManage, ref)
	if refusal != nil {
		return nil, refusal
	}
	if a.is.Archived != archived {
		d.archive(&a, archived)
	}
	return d.shown(a.place), nil
}

func (d *teamDeed) archive(a *teamAccess, archived bool) {
	is := a.place.is.when(d.at)
	is.Archived = archived
	a.place.is.put(d.at, is)
	if archived {
		d.seen(state.EventArchived, a.place)
		d.auditIn(a, "channel.archive", "")
	} else {
		d.seen(state.EventUnarchived, a.place)
		d.auditIn(a, "channel.unarchive", "")
	}
}

func (d *teamDeed) updateChannel(c *chat.UpdateChannel) (state.Coded, *state.Refusal) {
	a, refusal := d.may(deedManage, c.Place)
	switch {
	case refusal != nil:
		return nil, refusal
	case a.is.Archived:
		return nil, refused(state.Precondition, "CHANNEL_ARCHIVED")
	case a.is.Private && c.Join != nil && *c.Join == state.JoinOpen:
		return nil, refused(state.Invalid, "FIELD_INVALID")
	}
	is, what := a.place.is.when(d.at), []string{}
	if c.Description != nil && *c.Description != is.Description {
		is.Description, what = *c.Description, append(what, "description")
	}
	if c.Join != nil && *c.Join != is.Join {
		is.Join, what = *c.Join, append(what, "join")
	}
	if c.AI != nil && *c.AI == is.NoAI {
		is.NoAI, what = !*c.AI, append(what, "ai")
	}
	if len(what) > 0 {
		a.place.is.put(d.at, is)
		d.seen(state.EventChannelChanged, a.place)
		d.auditIn(&a, "channel.set", strings.Join(what, ", "))
	}
	return d.shown(a.place), nil
}

func (d *teamDeed) inspect(ref string) (state.Coded, *state.Refusal) {
	a, refusal := d.may(deedSee, ref)
	switch {
	case refusal != nil:
		return nil, refusal
	case a.is.Kind == state.Conversation:
		return nil, refused(state.Invalid, "FIELD_INVALID")
	case a.audited:
		d.auditIn(&a, "channel.inspect", "")
	}
	return d.shown(a.place), nil
}

// open begins the conversation with somebody.
func (d *teamDeed) open(with *teamUser) teamAccess {
	pair := [2]state.UserID{min(d.user.id, with.id), max(d.user.id, with.id)}
	p := d.addPlace(d.at, &state.Place{ID: state.PlaceID(d.at), Kind: state.Conversation, Private: true, Pair: pair, Wall: d.wall})
	p.setPart(d.user, d.at, teamPart{joined: true, since: d.at})
	p.setPart(with, d.at, teamPart{joined: true, since: d.at})
	return teamAccess{place: p, is: p.when(d.at), part: p.part(d.user, d.at)}
}
