package chat

import (
	"parley/raft"
	"parley/statemachine/state"
)

// Send puts a message into a place. To @user it begins the conversation if there is none.
type Send struct {
	Place   string // #channel, @user, or an id
	Text    string // UTF-8, not blank, at most Limits.TextBytesMax
	ReplyTo string // the id of a message of the place; empty: none
	File    string // the id of a file of the caller in the place; empty: none
}

// Kind is the command's number.
func (*Send) Kind() uint8 { return kindSend }

// Code passes the fields.
func (s *Send) Code(c *state.Coder) {
	c.String(&s.Place)
	c.String(&s.Text)
	c.String(&s.ReplyTo)
	c.String(&s.File)
}

// Check refuses what is no message.
func (s *Send) Check(l *state.Limits) *state.Refusal { return l.CheckText("text", s.Text) }

// Sent answers Send.
type Sent struct {
	ID       state.MessageID
	PlaceID  string
	Place    string // as its sender calls it: #general, @bob
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
	target, refusal := t.TargetToPost(s.Place)
	if refusal != nil {
		return nil, refusal
	}
	post := state.Post{Sender: t.User.ID, Time: t.At.Time, Wall: t.Wall, Text: s.Text}
	root, refusal := s.root(t, &target)
	if refusal != nil {
		return nil, refusal
	}
	if post.File, refusal = s.file(t, &target); refusal != nil {
		return nil, refusal
	}
	t.Open(&target)
	place := &target.Place
	post.ID = state.MessageID{Place: place.ID, Position: t.At.Position}
	if root.ID.Position != 0 {
		post.Root = root.ID.Position
		root.Replies++
		t.PutPost(&root)
		t.AddReply(place.ID, post.Root, t.At.Position)
	}
	put(t, place, &target.Member, &post)
	return &Sent{post.ID, place.IDString(), t.Called(place), t.At.Position}, nil
}

// root returns the first message of the thread that the message is to join; zero for none.
func (s *Send) root(t *state.Txn, target *state.Target) (state.Post, *state.Refusal) {
	if s.ReplyTo == "" {
		return state.Post{}, nil
	}
	_, post, refusal := t.MessageFor(state.ToRead, s.ReplyTo)
	switch {
	case refusal != nil:
		return state.Post{}, refusal
	case target.Begin != 0 || post.ID.Place != target.Place.ID:
		return state.Post{}, state.Invalidf("reply_to", "REPLY_ELSEWHERE", "A reply goes to the place where the message is.")
	case post.Gone():
		return state.Post{}, refuseDeleted
	case post.Root != 0:
		if root, kept := t.Post(state.MessageID{Place: post.ID.Place, Position: post.Root}); kept {
			post = root // else it was too old to be kept, and what replied to it is the first of the thread
		}
	}
	return post, nil
}

// file returns the file that comes with the message; zero for none.
func (s *Send) file(t *state.Txn, target *state.Target) (state.FileID, *state.Refusal) {
	if s.File == "" {
		return 0, nil
	}
	id, ok := state.ParseFileID(s.File)
	f, there := t.File(id)
	if !ok || !there || f.Place != target.Place.ID || target.Begin != 0 || f.Owner != t.User.ID {
		return 0, state.Refusef(state.NotFound, "FILE_NOT_FOUND", "There is no such file of yours in the place.")
	}
	return id, nil
}

// refuseDeleted is the answer to what can't be done to a message that is gone.
var refuseDeleted = state.Refusef(state.Precondition, "MESSAGE_DELETED", "The message was deleted.")

// put writes a new message, counts it, marks it as read by its sender, and tells whom it mentions.
func put(t *state.Txn, place *state.Place, me *state.Member, post *state.Post) {
	place.Messages++
	place.Last = t.At.Position
	post.Number = place.Messages
	me.Read, me.Number = place.Last, place.Messages
	t.PutPost(post)
	t.PutMember(place, t.User.ID, me)
	t.PutPlace(place)
	record(t, state.EventMessage, place.ID, t.At.Position)
	mention(t, post)
}
