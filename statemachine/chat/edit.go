package chat

import (
	"parley/raft"
	"parley/statemachine/state"
)

// Edit gives a message of the caller another text. The texts before stay readable.
type Edit struct {
	ID   string
	Text string // as in Send
}

// Kind is the command's number.
func (*Edit) Kind() uint8 { return kindEdit }

// Code passes the fields.
func (e *Edit) Code(c *state.Coder) {
	c.String(&e.ID)
	c.String(&e.Text)
}

// Check refuses what is no message.
func (e *Edit) Check(l *state.Limits) *state.Refusal { return l.CheckText("text", e.Text) }

// Apply writes the text. The same text again changes nothing. The reply has nothing of it: replies are kept for a day, and a
// text that is deleted has to be gone.
func (e *Edit) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, post, refusal := t.MessageFor(state.ToPost, e.ID)
	switch {
	case refusal != nil:
		return nil, refusal
	case post.Sender != t.User.ID:
		return nil, refuseSender
	case post.Gone():
		return nil, refuseDeleted
	}
	if refusal := a.Place.RefuseArchived(); refusal != nil {
		return nil, refusal
	}
	if e.Text != post.Text {
		if post.Edits >= uint64(t.Limits.EditsMax) {
			return nil, state.Refusef(state.Exhausted, "EDITS_FULL", "The message was edited %d times, which is as often as one can be.", post.Edits)
		}
		at, wall := post.WrittenAt()
		t.AddEdit(post.ID, &state.Revision{Position: at, Wall: wall, Text: post.Text})
		unmention(t, &post, e.Text)
		post.Text, post.Edited, post.EditedAt = e.Text, t.At.Position, t.Wall
		post.Edits++
		t.PutPost(&post)
		record(t, state.EventEdited, a.Place.ID, post.ID.Position)
		mention(t, &post)
	}
	return &Done{}, nil
}

var refuseSender = state.Refusef(state.NotPermitted, "NOT_SENDER", "Somebody else sent the message.")

// Unsend deletes a message: the caller's own, or one of a channel that he is an admin of. Its texts are gone from the
// state at once; that there was a message, and the replies to it, stay. It may be done in an archived channel, too.
type Unsend struct{ ID string }

// Kind is the command's number.
func (*Unsend) Kind() uint8 { return kindUnsend }

// Code passes the fields.
func (u *Unsend) Code(c *state.Coder) { c.String(&u.ID) }

// Check refuses nothing.
func (u *Unsend) Check(*state.Limits) *state.Refusal { return nil }

// Apply deletes the message. One that is gone stays so.
func (u *Unsend) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, post, refusal := t.MessageFor(state.ToRead, u.ID)
	if refusal != nil {
		return nil, refusal
	}
	if post.Sender != t.User.ID {
		if _, refusal := t.MayIn(state.ToModerate, a.Place.ID, u.ID); refusal != nil {
			return nil, refuseSender
		}
	}
	if post.Gone() {
		return &Done{}, nil
	}
	unmention(t, &post, "")
	t.DropEdits(post.ID)
	t.DropReactions(post.ID)
	post.Text, post.File, post.Edits, post.Edited, post.EditedAt = "", 0, 0, 0, 0
	post.DeletedBy, post.DeletedAt = t.User.ID, t.Wall
	t.PutPost(&post)
	record(t, state.EventDeleted, a.Place.ID, post.ID.Position)
	if post.Sender != t.User.ID {
		t.AuditAs(&a, "message.delete", post.ID.String()+" of "+t.NameOf(post.Sender))
	}
	return &Done{}, nil
}

// React adds an emoji to a message. What is there already is not added again.
type React struct {
	ID    string
	Emoji string // see Limits.CheckEmoji
}

// Kind is the command's number.
func (*React) Kind() uint8 { return kindReact }

// Code passes the fields.
func (r *React) Code(c *state.Coder) {
	c.String(&r.ID)
	c.String(&r.Emoji)
}

// Check refuses what is no reaction.
func (r *React) Check(l *state.Limits) *state.Refusal { return l.CheckEmoji("emoji", r.Emoji) }

// Reactions answers React and Unreact: all those to the message.
type Reactions struct{ All []Reaction }

// Code passes the fields.
func (r *Reactions) Code(c *state.Coder) {
	state.List(c, &r.All, func(c *state.Coder, v *Reaction) { v.Code(c) })
}

// Apply adds the emoji.
func (r *React) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	_, post, refusal := messageToReact(t, r.ID)
	if refusal != nil {
		return nil, refusal
	}
	changed, full := t.AddReaction(post.ID, t.User.ID, r.Emoji, t.At.Position)
	if full {
		return nil, state.Refusef(state.Exhausted, "REACTIONS_FULL", "The message has %d different reactions, which is as many as one can have.", t.Limits.ReactionsMax)
	}
	if changed {
		recordReaction(t, state.EventReacted, post.ID, r.Emoji)
	}
	return &Reactions{reactionsTo(&t.View, post.ID)}, nil
}

// Unreact takes an emoji back. What is not there can't be, and that is no mistake.
type Unreact struct {
	ID    string
	Emoji string
}

// Kind is the command's number.
func (*Unreact) Kind() uint8 { return kindUnreact }

// Code passes the fields.
func (r *Unreact) Code(c *state.Coder) {
	c.String(&r.ID)
	c.String(&r.Emoji)
}

// Check refuses what is no reaction.
func (r *Unreact) Check(l *state.Limits) *state.Refusal { return l.CheckEmoji("emoji", r.Emoji) }

// Apply takes the emoji back.
func (r *Unreact) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	_, post, refusal := messageToReact(t, r.ID)
	if refusal != nil {
		return nil, refusal
	}
	if t.TakeReaction(post.ID, t.User.ID, r.Emoji) {
		recordReaction(t, state.EventUnreacted, post.ID, r.Emoji)
	}
	return &Reactions{reactionsTo(&t.View, post.ID)}, nil
}

func messageToReact(t *state.Txn, id string) (state.Access, state.Post, *state.Refusal) {
	a, post, refusal := t.MessageFor(state.ToPost, id)
	switch {
	case refusal != nil:
	case post.Gone():
		refusal = refuseDeleted
	default:
		refusal = a.Place.RefuseArchived()
	}
	return a, post, refusal
}

func recordReaction(t *state.Txn, kind state.EventKind, id state.MessageID, emoji string) {
	t.Record(t.At.Position, &state.Event{Kind: kind, Audience: state.ForPlace(id.Place), Place: id.Place, Message: id.Position,
		User: t.User.ID, Text: emoji})
}

// MarkRead says up to where the caller has read a place.
type MarkRead struct {
	Place string
	Read  raft.Position // zero, or beyond the newest message: all that there is
}

// Kind is the command's number.
func (*MarkRead) Kind() uint8 { return kindMarkRead }

// Code passes the fields.
func (m *MarkRead) Code(c *state.Coder) {
	c.String(&m.Place)
	state.Number(c, &m.Read)
}

// Check refuses nothing.
func (m *MarkRead) Check(*state.Limits) *state.Refusal { return nil }

// Marked answers MarkRead.
type Marked struct {
	Read     raft.Position
	Unread   uint64
	Mentions uint64 // unread
}

// Code passes the fields.
func (m *Marked) Code(c *state.Coder) {
	state.Number(c, &m.Read)
	state.Number(c, &m.Unread)
	state.Number(c, &m.Mentions)
}

// Apply moves the mark, which never falls.
func (m *MarkRead) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	target, refusal := t.Target(state.ToRead, m.Place)
	if refusal != nil {
		return nil, refusal
	}
	if target.Begin != 0 {
		return &Marked{}, nil
	}
	place, me := &target.Place, &target.Member
	read := place.Last
	if m.Read != 0 {
		read = min(read, m.Read)
	}
	if read > me.Read {
		me.Read = read
		t.PostsBackFrom(place.ID, read, func(p *state.Post) bool {
			me.Number = max(me.Number, p.Number)
			return false
		})
		if read == place.Last {
			me.Number = place.Messages // the newest may be too old to be kept
		}
		t.PutMember(place, t.User.ID, me)
		t.Record(t.At.Position, &state.Event{Kind: state.EventRead, Audience: state.ForUser(t.User.ID), Place: place.ID, Message: read, User: t.User.ID})
	}
	return &Marked{me.Read, t.Unread(me, place), t.UnreadMentions(t.User.ID, place.ID, me.Read)}, nil
}

// Expire takes a message away that is too old to be kept. What it leaves behind is for State.DropRest.
func Expire(t *state.Txn, post *state.Post) {
	unmention(t, post, "")
	t.DropPost(post)
}
