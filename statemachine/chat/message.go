package chat

import (
	"cmp"

	"parley/raft"
	"parley/statemachine/state"
)

func order[T cmp.Ordered](a, b T) int { return cmp.Compare(a, b) }

// Message is a message as its readers see it.
type Message struct {
	state.Post
	Place       string // as the reader calls it: #general, @bob
	SenderName  string
	DeleterName string   // if it was deleted
	Mentions    []string // members whom it mentions
	Reactions   []Reaction
}

// Reaction is an emoji at a message.
type Reaction struct {
	Emoji string
	Count uint64
	Mine  bool // the reader is one of them
}

// Code passes the fields.
func (r *Reaction) Code(c *state.Coder) {
	c.String(&r.Emoji)
	state.Number(c, &r.Count)
	c.Bool(&r.Mine)
}

// Code passes the fields.
func (m *Message) Code(c *state.Coder) {
	m.ID.Code(c)
	m.Post.Code(c)
	c.String(&m.Place)
	c.String(&m.SenderName)
	c.String(&m.DeleterName)
	state.List(c, &m.Mentions, func(c *state.Coder, s *string) { c.String(s) })
	state.List(c, &m.Reactions, func(c *state.Coder, r *Reaction) { r.Code(c) })
}

// show makes of a message what a reader of its place sees.
func show(v *state.View, place *state.Place, post *state.Post) Message {
	return newShower(v, place).show(post)
}

// shower shows many messages of one place. Its reader calls the place the same in all, and most have the sender of one
// before.
type shower struct {
	*state.View
	place  *state.Place
	called string
	sender state.UserID
	name   string // the sender's
}

func newShower(v *state.View, place *state.Place) *shower {
	return &shower{View: v, place: place, called: v.Called(place)}
}

func (s *shower) nameOf(user state.UserID) string {
	if s.sender != user || s.name == "" {
		s.sender, s.name = user, s.NameOf(user)
	}
	return s.name
}

func (s *shower) show(post *state.Post) Message {
	v, place := s.View, s.place
	m := Message{Post: *post, Place: s.called, SenderName: s.nameOf(post.Sender)}
	if post.Gone() {
		m.DeleterName = v.NameOf(post.DeletedBy)
		return m
	}
	for _, u := range v.Mentioned(place.ID, post.Text) {
		m.Mentions = append(m.Mentions, u.Name)
	}
	m.Reactions = reactionsTo(v, post.ID)
	return m
}

// reactionsTo returns the reactions to a message, in the order in which they came.
func reactionsTo(v *state.View, id state.MessageID) (all []Reaction) {
	v.Reactions(id, v.User.ID, func(r *state.Reaction, mine bool) {
		all = append(all, Reaction{r.Emoji, r.Count, mine})
	})
	return all
}

// room is what is left of a page: messages, and bytes of what stands in them. The first message always fits.
type room struct {
	messages, bytes int
	begun           bool
}

func newRoom(l *state.Limits, messages int) room {
	return room{messages: messages, bytes: l.HistoryBytesMax}
}

// takes says whether a message still fits, and takes its room.
func (r *room) takes(m *Message) bool {
	const each = 64 // of a mention or a reaction, with framing
	r.messages--
	r.bytes -= len(m.Text) + each*(len(m.Mentions)+len(m.Reactions))
	if r.messages < 0 || r.bytes < 0 && r.begun {
		return false
	}
	r.begun = true
	return true
}

// GetMessage asks for one message.
type GetMessage struct{ ID string }

// Kind is the query's number.
func (*GetMessage) Kind() uint8 { return kindGetMessage }

// Code passes the fields.
func (g *GetMessage) Code(c *state.Coder) { c.String(&g.ID) }

// Answer reads.
func (g *GetMessage) Answer(v *state.View) (state.Coded, *state.Refusal) {
	a, post, refusal := v.MessageFor(state.ToRead, g.ID)
	if refusal != nil {
		return nil, refusal
	}
	m := show(v, &a.Place, &post)
	return &m, nil
}

// EditsOf asks for all texts of a message.
type EditsOf struct{ ID string }

// Kind is the query's number.
func (*EditsOf) Kind() uint8 { return kindEditsOf }

// Code passes the fields.
func (e *EditsOf) Code(c *state.Coder) { c.String(&e.ID) }

// Revisions answers EditsOf: the texts that a message had, oldest first; the last is the one that it has.
type Revisions struct{ All []state.Revision }

// Code passes the fields.
func (r *Revisions) Code(c *state.Coder) {
	state.List(c, &r.All, func(c *state.Coder, v *state.Revision) { v.Code(c) })
}

// Answer reads.
func (e *EditsOf) Answer(v *state.View) (state.Coded, *state.Refusal) {
	_, post, refusal := v.MessageFor(state.ToRead, e.ID)
	if refusal != nil {
		return nil, refusal
	}
	if post.Gone() {
		return nil, refuseDeleted
	}
	all := &Revisions{}
	v.EditsOf(post.ID, func(r *state.Revision) bool {
		all.All = append(all.All, *r)
		return true
	})
	at, wall := post.WrittenAt()
	all.All = append(all.All, state.Revision{Position: at, Wall: wall, Text: post.Text})
	return all, nil
}

// Thread asks for a message and the replies to it behind a position, oldest first.
type Thread struct {
	ID    string // of the first message, or of any reply
	After raft.Position
	Limit uint64 // as in History
}

// Kind is the query's number.
func (*Thread) Kind() uint8 { return kindThread }

// Code passes the fields.
func (q *Thread) Code(c *state.Coder) {
	c.String(&q.ID)
	state.Number(c, &q.After)
	state.Number(c, &q.Limit)
}

// ThreadPage answers Thread.
type ThreadPage struct {
	Root    Message
	Replies []Message
	More    bool // replies were left out by a limit
}

// Code passes the fields.
func (p *ThreadPage) Code(c *state.Coder) {
	p.Root.Code(c)
	state.List(c, &p.Replies, func(c *state.Coder, m *Message) { m.Code(c) })
	c.Bool(&p.More)
}

// Answer reads.
func (q *Thread) Answer(v *state.View) (state.Coded, *state.Refusal) {
	a, post, refusal := v.MessageFor(state.ToRead, q.ID)
	if refusal != nil {
		return nil, refusal
	}
	if post.Root != 0 {
		if root, kept := v.Post(state.MessageID{Place: post.ID.Place, Position: post.Root}); kept {
			post = root // else it was too old to be kept
		}
	}
	page := &ThreadPage{Root: show(v, &a.Place, &post), Replies: []Message{}}
	if q.After+1 == 0 {
		return page, nil
	}
	room := newRoom(&v.Limits, limitOf(q.Limit, state.PageDefault, v.Limits.HistoryMax))
	v.RepliesFrom(post.ID, q.After+1, func(id state.MessageID) bool {
		reply, _ := v.Post(id)
		message := show(v, &a.Place, &reply)
		if page.More = !room.takes(&message); !page.More {
			page.Replies = append(page.Replies, message)
		}
		return !page.More
	})
	return page, nil
}
