package chat

import (
	"strings"

	"parley/raft"
	"parley/statemachine/state"
)

// The kinds of the commands and queries of this package. They are in logs; they never change.
const (
	kindSend = 40

	kindHistory = 40
)

// Send puts a message into a place. To @user it begins the conversation if there is none.
type Send struct {
	Place   string // #channel, @user, or an id
	Text    string // UTF-8, not blank, at most Limits.TextBytesMax
	ReplyTo string // the id of a message of the place; empty: none
}

// Kind is the command's number.
func (*Send) Kind() uint8 { return kindSend }

// Code passes the fields.
func (s *Send) Code(c *state.Coder) {
	c.String(&s.Place)
	c.String(&s.Text)
	c.String(&s.ReplyTo)
}

// Check refuses what is no message.
func (s *Send) Check(l *state.Limits) *state.Refusal { return l.CheckText("text", s.Text) }

// Sent answers Send.
type Sent struct {
	ID       state.MessageID
	PlaceID  string
	Place    string // as people call it: #general, @bob
	Position raft.Position
}

// Code passes the fields.
func (s *Sent) Code(c *state.Coder) {
	s.ID.Code(c)
	c.String(&s.PlaceID)
	c.String(&s.Place)
	state.Number(c, &s.Position)
}

// Apply puts the message into the place.
func (s *Send) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	place, me, refusal := placeToPost(t, s.Place)
	if refusal != nil {
		return nil, refusal
	}
	post := state.Post{ID: state.MessageID{Place: place.ID, Position: t.At.Position}, Sender: t.User.ID, Time: t.At.Time, Wall: t.Wall, Text: s.Text}
	put(t, &place, &me, &post)
	return &Sent{post.ID, place.IDString(), t.Called(&place), t.At.Position}, nil
}

// put writes a new message, counts it, and marks it as read by its sender.
func put(t *state.Txn, place *state.Place, me *state.Member, post *state.Post) {
	place.Messages++
	place.Last = t.At.Position
	post.Number = place.Messages
	me.Read, me.Number = place.Last, place.Messages
	t.PutPost(post)
	t.PutMember(place, t.User.ID, me)
	t.PutPlace(place)
	t.Record(t.At.Position, &state.Event{Kind: state.EventMessage, Audience: state.ForPlace(place.ID), Place: place.ID,
		Message: t.At.Position, User: t.User.ID})
}

// placeToPost returns where the caller may post, and his part in it.
func placeToPost(t *state.Txn, ref string) (state.Place, state.Member, *state.Refusal) {
	if name, direct := strings.CutPrefix(ref, "@"); direct {
		other, ok := t.UserNamed(name)
		switch {
		case ok && other.ID == t.User.ID:
			return state.Place{}, state.Member{}, state.Invalidf("place", "TO_YOURSELF", "A direct message goes to somebody else.")
		case ok:
			if _, begun := t.ConversationOf(t.User.ID, other.ID); !begun {
				p := t.MakeConversation(state.PlaceID(t.At.Position), t.User.ID, other.ID, t.Wall)
				me, _ := t.Member(p.ID, t.User.ID)
				return p, me, nil
			}
		}
	}
	a, refusal := t.May(state.ToPost, ref)
	if refusal != nil {
		return state.Place{}, state.Member{}, refusal
	}
	if a.Place.Archived {
		return state.Place{}, state.Member{}, state.Refusef(state.Precondition, "CHANNEL_ARCHIVED", "#%s is archived: nothing new comes into it.", a.Place.Name)
	}
	return a.Place, a.Member, nil
}
