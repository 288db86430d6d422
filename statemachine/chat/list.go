package chat

import (
	"slices"

	"parley/raft"
	"parley/statemachine/state"
)

// pageMax bounds the channels, members and conversations of one reply: at about 200 bytes each, some 200 KiB.
const pageMax = 1000

// Channels asks for the channels that the caller may see, in the order of their names.
type Channels struct {
	After  string // a cursor; empty: from the first
	Limit  uint64 // zero, or more than 1,000: 1,000
	Joined bool   // only those that he is a member of
}

// Kind is the query's number.
func (*Channels) Kind() uint8 { return kindChannels }

// Code passes the fields.
func (q *Channels) Code(c *state.Coder) {
	c.String(&q.After)
	state.Number(c, &q.Limit)
	c.Bool(&q.Joined)
}

// ChannelsPage answers Channels.
type ChannelsPage struct {
	Channels []Channel
	Next     string // the cursor of the next page; empty: this is the last
}

// Code passes the fields.
func (p *ChannelsPage) Code(c *state.Coder) {
	state.List(c, &p.Channels, func(c *state.Coder, ch *Channel) { ch.Code(c) })
	c.String(&p.Next)
}

// Answer reads.
func (q *Channels) Answer(v *state.View) (state.Coded, *state.Refusal) {
	return listChannels(v, q.After, q.Limit, func(p *state.Place, joined bool) bool {
		return joined || !p.Private && !q.Joined
	}), nil
}

// listChannels returns a page of those that are wanted.
func listChannels(v *state.View, after string, limit uint64, wanted func(p *state.Place, joined bool) bool) *ChannelsPage {
	page, mentions := &ChannelsPage{Channels: []Channel{}}, unreadMentions(v)
	most := limitOf(limit, pageMax, pageMax)
	last := ""
	v.Ascend(state.TablePlaceNames, after, func(name string, row []byte) bool {
		if name == after && after != "" {
			return true
		}
		p, _ := v.Place(state.PlaceID(state.KeyPart(string(row), 0)))
		m, joined := v.Member(p.ID, v.User.ID)
		if !wanted(&p, joined) {
			return true
		}
		if len(page.Channels) == most {
			page.Next = last
			return false
		}
		last = name
		page.Channels = append(page.Channels, describe(v.State, &p, &m, joined, mentions))
		return true
	})
	return page
}

// ChannelOf asks for one channel.
type ChannelOf struct{ Place string }

// Kind is the query's number.
func (*ChannelOf) Kind() uint8 { return kindChannelOf }

// Code passes the fields.
func (q *ChannelOf) Code(c *state.Coder) { c.String(&q.Place) }

// Answer reads.
func (q *ChannelOf) Answer(v *state.View) (state.Coded, *state.Refusal) {
	a, refusal := v.May(state.ToSee, q.Place)
	switch {
	case refusal != nil:
		return nil, refusal
	case a.Place.Kind != state.Channel:
		return nil, refuseNoChannel
	}
	ch := describe(v.State, &a.Place, &a.Member, a.Joined, unreadMentions(v))
	return &ch, nil
}

// refuseNoChannel is the answer to a conversation of the caller where only a channel makes sense.
var refuseNoChannel = state.Invalidf("channel", "FIELD_INVALID", "That is a direct conversation, not a channel.")

// InspectChannel is ChannelOf for an admin of the cluster, who sees private channels that he is no member of. It is a command,
// and no query, because it is written down.
type InspectChannel struct{ Place string }

// Kind is the command's number.
func (*InspectChannel) Kind() uint8 { return kindInspectChannel }

// Code passes the fields.
func (q *InspectChannel) Code(c *state.Coder) { c.String(&q.Place) }

// Check refuses nothing.
func (q *InspectChannel) Check(*state.Limits) *state.Refusal { return nil }

// Apply writes it down, if it has to be, and reads.
func (q *InspectChannel) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, refusal := t.May(state.ToSee, q.Place)
	switch {
	case refusal != nil:
		return nil, refusal
	case a.Place.Kind != state.Channel:
		return nil, refuseNoChannel
	case a.Audited:
		t.AuditAs(&a, "channel.inspect", "")
	}
	return described(t, &a.Place), nil
}

// InspectChannels asks for all channels, hidden ones too. It is for admins of the cluster, and written down.
type InspectChannels struct {
	After string
	Limit uint64 // as in Channels
}

// Kind is the command's number.
func (*InspectChannels) Kind() uint8 { return kindInspectChannels }

// Code passes the fields.
func (q *InspectChannels) Code(c *state.Coder) {
	c.String(&q.After)
	state.Number(c, &q.Limit)
}

// Check refuses nothing.
func (q *InspectChannels) Check(*state.Limits) *state.Refusal { return nil }

// Apply writes it down, and reads.
func (q *InspectChannels) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	if !t.User.Admin {
		return nil, state.Refusef(state.NotPermitted, "NOT_CLUSTER_ADMIN", "Only an admin of the cluster may do that.")
	}
	t.Audit("channel.inspect", "all", "")
	return listChannels(&t.View, q.After, q.Limit, func(*state.Place, bool) bool { return true }), nil
}

// Members asks for the members of a channel, in the order in which their accounts were made.
type Members struct {
	Place string
	After state.UserID // a cursor; zero: from the first
	Limit uint64       // zero: 100; more than 1,000 is 1,000
}

// Kind is the query's number.
func (*Members) Kind() uint8 { return kindMembers }

// Code passes the fields.
func (q *Members) Code(c *state.Coder) {
	c.String(&q.Place)
	state.Number(c, &q.After)
	state.Number(c, &q.Limit)
}

// MembersPage answers Members. The totals are of the channel, not of the page.
type MembersPage struct {
	Members []Member
	Next    state.UserID // the cursor of the next page; zero: this is the last
	Total   uint64
	Admins  uint64
	Online  uint64
}

// Code passes the fields.
func (p *MembersPage) Code(c *state.Coder) {
	state.List(c, &p.Members, func(c *state.Coder, m *Member) { m.Code(c) })
	state.Number(c, &p.Next)
	state.Number(c, &p.Total)
	state.Number(c, &p.Admins)
	state.Number(c, &p.Online)
}

// Member is somebody's part in a channel, as the others see it.
type Member struct {
	User    state.UserID
	Name    string
	Display string
	Admin   bool // of the channel
	Online  bool
	Seen    raft.Wall // when he came online, or went; zero: he never was
}

// Code passes the fields.
func (m *Member) Code(c *state.Coder) {
	state.Number(c, &m.User)
	c.String(&m.Name)
	c.String(&m.Display)
	c.Bool(&m.Admin)
	c.Bool(&m.Online)
	state.Number(c, &m.Seen)
}

// membersPage is how many members a query gets that names no number.
const membersPage = 100

// Answer reads.
func (q *Members) Answer(v *state.View) (state.Coded, *state.Refusal) {
	a, refusal := v.May(state.ToRead, q.Place)
	if refusal != nil {
		return nil, refusal
	}
	page := &MembersPage{Members: []Member{}, Total: a.Place.Members, Admins: a.Place.Admins}
	most := limitOf(q.Limit, membersPage, pageMax)
	v.MembersOf(a.Place.ID, 0, func(user state.UserID, m *state.Member) bool {
		presence := v.Presence(user)
		if presence.Online() {
			page.Online++
		}
		switch {
		case user <= q.After:
		case len(page.Members) < most:
			u, _ := v.State.User(user)
			page.Members = append(page.Members, Member{user, u.Name, u.Display, m.Admin, presence.Online(), presence.Seen})
		default:
			page.Next = page.Members[most-1].User
		}
		return true
	})
	return page, nil
}

// Conversations asks for the caller's direct conversations, those with the newest messages first.
type Conversations struct {
	Before raft.Position // a cursor; zero: from the newest
	Limit  uint64        // zero: 100; more than 1,000 is 1,000
}

// Kind is the query's number.
func (*Conversations) Kind() uint8 { return kindConversations }

// Code passes the fields.
func (q *Conversations) Code(c *state.Coder) {
	state.Number(c, &q.Before)
	state.Number(c, &q.Limit)
}

// ConversationsPage answers Conversations.
type ConversationsPage struct {
	Conversations []Conversation
	Next          raft.Position // the cursor of the next page; zero: this is the last
}

// Code passes the fields.
func (p *ConversationsPage) Code(c *state.Coder) {
	state.List(c, &p.Conversations, func(c *state.Coder, v *Conversation) { v.Code(c) })
	state.Number(c, &p.Next)
}

// Conversation is a direct conversation as one of its parties sees it.
type Conversation struct {
	ID       string
	Partner  state.UserID
	Name     string
	Display  string
	Online   bool
	Read     raft.Position
	Unread   uint64
	Mentions uint64   // unread
	Last     *Message // nil: there is none yet
}

// Code passes the fields.
func (v *Conversation) Code(c *state.Coder) {
	c.String(&v.ID)
	state.Number(c, &v.Partner)
	c.String(&v.Name)
	c.String(&v.Display)
	c.Bool(&v.Online)
	state.Number(c, &v.Read)
	state.Number(c, &v.Unread)
	state.Number(c, &v.Mentions)
	state.Optional(c, &v.Last, func(c *state.Coder, m *Message) { m.Code(c) })
}

// conversationsPage is how many conversations a query gets that names no number.
const conversationsPage = 100

// Answer reads. A conversation without message is as old as its beginning.
func (q *Conversations) Answer(v *state.View) (state.Coded, *state.Refusal) {
	var all []state.Place
	v.PlacesOf(v.User.ID, func(id state.PlaceID) bool {
		if p, ok := v.Place(id); ok && p.Kind == state.Conversation && (q.Before == 0 || newest(&p) < q.Before) {
			all = append(all, p)
		}
		return true
	})
	slices.SortFunc(all, func(a, b state.Place) int { return order(newest(&b), newest(&a)) })
	page, mentions := &ConversationsPage{Conversations: []Conversation{}}, unreadMentions(v)
	room := newRoom(&v.Limits, limitOf(q.Limit, conversationsPage, pageMax))
	for i := range all {
		conversation, last := converse(v, &all[i]), Message{}
		if conversation.Last != nil {
			last = *conversation.Last
		}
		if !room.takes(&last) {
			page.Next = newest(&all[i-1])
			break
		}
		conversation.Mentions = mentions(all[i].ID, conversation.Read)
		page.Conversations = append(page.Conversations, conversation)
	}
	return page, nil
}

func newest(p *state.Place) raft.Position { return max(p.Last, raft.Position(p.ID)) }

// converse makes of a conversation what the caller sees of it.
func converse(v *state.View, p *state.Place) Conversation {
	me, _ := v.Member(p.ID, v.User.ID)
	u, _ := v.State.User(p.Other(v.User.ID))
	presence := v.Presence(u.ID)
	c := Conversation{ID: p.IDString(), Partner: u.ID, Name: u.Name, Display: u.Display, Online: presence.Online(), Read: me.Read, Unread: v.Unread(&me, p)}
	if post, ok := v.Post(state.MessageID{Place: p.ID, Position: p.Last}); ok {
		m := show(v, p, &post)
		c.Last = &m
	}
	return c
}

// PlaceOf asks what a reference means to the caller, who may read there: servers ask before they stream.
type PlaceOf struct{ Place string }

// Kind is the query's number.
func (*PlaceOf) Kind() uint8 { return kindPlaceOf }

// Code passes the fields.
func (q *PlaceOf) Code(c *state.Coder) { c.String(&q.Place) }

// Resolved answers PlaceOf.
type Resolved struct {
	Place    state.PlaceID // zero: a conversation that is not begun
	ID       string        // as people and programs see it
	Kind     state.PlaceKind
	Called   string       // #general, @bob
	Partner  state.UserID // of a conversation
	Audience string       // the word for streams of what is said there
	NoAI     bool
	Archived bool
}

// Code passes the fields.
func (r *Resolved) Code(c *state.Coder) {
	state.Number(c, &r.Place)
	c.String(&r.ID)
	state.Byte(c, &r.Kind)
	c.String(&r.Called)
	state.Number(c, &r.Partner)
	c.String(&r.Audience)
	c.Bool(&r.NoAI)
	c.Bool(&r.Archived)
}

// Answer reads.
func (q *PlaceOf) Answer(v *state.View) (state.Coded, *state.Refusal) {
	target, refusal := v.Target(state.ToRead, q.Place)
	if refusal != nil {
		return nil, refusal
	}
	if target.Begin != 0 {
		return &Resolved{Kind: state.Conversation, Called: "@" + v.NameOf(target.Begin), Partner: target.Begin}, nil
	}
	p := &target.Place
	r := &Resolved{Place: p.ID, ID: p.IDString(), Kind: p.Kind, Called: v.Called(p), Audience: state.ForPlace(p.ID).Word(), NoAI: p.NoAI, Archived: p.Archived}
	if p.Kind == state.Conversation {
		r.Partner = p.Other(v.User.ID)
	}
	return r, nil
}
