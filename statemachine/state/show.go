package state

import (
	"parley/raft"
)

// Shown is an event as subscribers see it: a reference with what it refers to, as that is at delivery.
type Shown struct {
	Kind      EventKind
	Place     PlaceID
	PlaceKind PlaceKind
	PlaceName string // of a channel
	Post      Post   // of events about a message; deleted ones have no text
	User      UserID
	UserName  string
	Display   string
	Other     UserID
	OtherName string
	Login     LoginID
	File      FileID
	Text      string
	Position  raft.Position // EventRead: up to where
}

// Code passes the fields.
func (e *Shown) Code(c *Coder) {
	Byte(c, &e.Kind)
	Number(c, &e.Place)
	Byte(c, &e.PlaceKind)
	c.String(&e.PlaceName)
	Number(c, &e.User)
	c.String(&e.UserName)
	c.String(&e.Display)
	Number(c, &e.Other)
	c.String(&e.OtherName)
	Number(c, &e.Login)
	Number(c, &e.File)
	c.String(&e.Text)
	Number(c, &e.Position)
	e.Post.ID.Code(c)
	if e.Post.ID.Position != 0 {
		e.Post.Code(c)
	}
}

// Show reads what an event refers to.
func (s *State) Show(e *Event) *Shown {
	shown := &Shown{Kind: e.Kind, Place: e.Place, User: e.User, Other: e.Other, Login: e.Login, File: e.File, Text: e.Text}
	if p, ok := s.Place(e.Place); ok {
		shown.PlaceKind, shown.PlaceName = p.Kind, p.Name
	}
	if u, ok := s.User(e.User); ok {
		shown.UserName, shown.Display = u.Name, u.Display
	}
	if u, ok := s.User(e.Other); ok {
		shown.OtherName = u.Name
	}
	switch {
	case e.Kind == EventRead:
		shown.Position = e.Message
	case e.Message != 0:
		shown.Post, _ = s.Post(MessageID{e.Place, e.Message})
	}
	return shown
}
