package state

import (
	"parley/raft"
)

// Shown is an event as subscribers see it: a reference with what it refers to, as that is at delivery.
type Shown struct {
	Kind      EventKind
	Place     PlaceID
	PlaceKind PlaceKind
	PlaceName string    // of a channel
	Pair      [2]UserID // of a conversation, and what they are called
	PairNames [2]string
	User      UserID
	UserName  string
	Display   string
	Other     UserID
	OtherName string
	Login     LoginID
	Text      string
	Post      Post     // of events about a message; deleted ones have no text
	Sender    string   // of the message
	Mentions  []string // members whom the message mentions, if it comes with its text
	Channel   *Place   // of events about a channel itself
	File      File     // of events about a file; of one that is gone, the id
	Read      *ReadMark
	Seen      raft.Wall // of who went offline: when, unless he is back
	Made      raft.Wall // of events about an account, with the next two: when it was made
	Admin     bool      // of the cluster
	Disabled  bool

	Doc     DocID // of events about documents and their locks
	Title   string
	Version uint64
	Fence   raft.Position // of events about locks, with Ticket; Text is the lock's name
	Ticket  raft.Position
}

// ReadMark is how far somebody has read a place.
type ReadMark struct {
	Read     raft.Position
	Unread   uint64
	Mentions uint64 // unread
}

// Code passes the fields.
func (m *ReadMark) Code(c *Coder) {
	Number(c, &m.Read)
	Number(c, &m.Unread)
	Number(c, &m.Mentions)
}

// Code passes the fields.
func (e *Shown) Code(c *Coder) {
	Byte(c, &e.Kind)
	Number(c, &e.Place)
	Byte(c, &e.PlaceKind)
	c.String(&e.PlaceName)
	if e.PlaceKind == Conversation {
		for i := range e.Pair {
			Number(c, &e.Pair[i])
			c.String(&e.PairNames[i])
		}
	}
	Number(c, &e.User)
	c.String(&e.UserName)
	c.String(&e.Display)
	Number(c, &e.Other)
	c.String(&e.OtherName)
	Number(c, &e.Login)
	c.String(&e.Text)
	e.Post.ID.Code(c)
	if e.Post.ID.Position != 0 {
		e.Post.Code(c)
		c.String(&e.Sender)
		List(c, &e.Mentions, func(c *Coder, name *string) { c.String(name) })
	}
	Optional(c, &e.Channel, func(c *Coder, p *Place) {
		Number(c, &p.ID)
		p.Code(c)
	})
	Number(c, &e.File.ID)
	if e.File.ID != 0 {
		e.File.Code(c)
	}
	Optional(c, &e.Read, func(c *Coder, m *ReadMark) { m.Code(c) })
	switch e.Kind {
	case EventOffline:
		Number(c, &e.Seen)
	case EventUserMade, EventUserChanged:
		Number(c, &e.Made)
		c.Bool(&e.Admin)
		c.Bool(&e.Disabled)
	}
	if e.Kind.aboutDocs() {
		Number(c, &e.Doc)
		c.String(&e.Title)
		Number(c, &e.Version)
		Number(c, &e.Fence)
		Number(c, &e.Ticket)
	}
}

// Show reads what an event refers to. An event for one user stays in the backlog when he has left the place that it is
// about: he is told that he left it, and nothing of what is in it.
func (s *State) Show(e *Event) *Shown {
	shown := &Shown{Kind: e.Kind, User: e.User, Other: e.Other, Login: e.Login, Text: e.Text}
	if u, ok := s.User(e.User); ok {
		shown.UserName, shown.Display = u.Name, u.Display
		s.showUser(shown, &u)
	}
	if e.Other != 0 {
		shown.OtherName = s.NameOf(e.Other)
	}
	if p, ok := s.Place(e.Place); ok {
		shown.Place = e.Place
		if e.Audience.Kind != audienceUser || e.Kind == EventLeft || s.Has(TableMembers, Key(uint64(e.Place), e.Audience.ID)) {
			s.showPlace(shown, e, &p)
		}
	}
	shown.Doc, shown.Version, shown.Fence, shown.Ticket = e.Doc, e.Version, e.Fence, e.Ticket
	if d, ok := s.Document(e.Doc); ok && (e.Audience.Kind == audienceDoc || s.RoleIn(e.Doc, UserID(e.Audience.ID)) >= Viewer) {
		shown.Title = d.Title
	}
	return shown
}

// showUser adds what there is to know of the user himself, if it is him that the event is about.
func (s *State) showUser(shown *Shown, u *User) {
	switch shown.Kind {
	case EventOffline:
		if p := s.Presence(u.ID); !p.Online() {
			shown.Seen = p.Seen
		}
	case EventUserMade, EventUserChanged:
		shown.Made, shown.Admin, shown.Disabled = u.Wall, u.Admin, u.Disabled
	}
}

// showPlace adds the place, and what happened in it.
func (s *State) showPlace(shown *Shown, e *Event, p *Place) {
	shown.PlaceKind, shown.PlaceName = p.Kind, p.Name
	if p.Kind == Conversation {
		shown.Pair = p.Pair
		for i, user := range p.Pair {
			shown.PairNames[i] = s.NameOf(user)
		}
	}
	switch e.Kind {
	case EventMessage, EventEdited, EventDeleted, EventMention, EventReacted, EventUnreacted:
		id, there := MessageID{e.Place, e.Message}, false
		if shown.Post, there = s.Post(id); !there { // it was too old to be kept
			shown.Post = Post{ID: id, DeletedBy: e.User}
		}
		shown.Sender = s.NameOf(shown.Post.Sender)
		if e.Kind == EventMessage || e.Kind == EventEdited {
			for _, u := range s.Mentioned(e.Place, shown.Post.Text) {
				shown.Mentions = append(shown.Mentions, u.Name)
			}
		}
		if e.Kind == EventReacted || e.Kind == EventUnreacted {
			shown.Post.Text = "" // it is known; who wants it asks
			if shown.Post.Gone() {
				shown.Text = ""
			}
		}
	case EventRead:
		m, _ := s.Member(e.Place, e.User)
		shown.Read = &ReadMark{m.Read, s.Unread(&m, p), s.UnreadMentions(e.User, e.Place, m.Read)}
	case EventChannelMade, EventChannelChanged, EventArchived, EventUnarchived:
		shown.Channel = p
	case EventFileAdded, EventFileRemoved:
		shown.File, _ = s.File(e.File)
	}
}
