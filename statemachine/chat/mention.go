package chat

import (
	"math"
	"slices"

	"parley/raft"
	"parley/statemachine/state"
)

// mention records whom a message mentions but its sender, and tells those who were not mentioned in it before.
func mention(t *state.Txn, post *state.Post) {
	for _, u := range t.Mentioned(post.ID.Place, post.Text) {
		if u.ID != post.Sender && t.AddMention(u.ID, post.ID) {
			t.Record(t.At.Position, &state.Event{Kind: state.EventMention, Audience: state.ForUser(u.ID), Place: post.ID.Place,
				Message: post.ID.Position, User: u.ID, Other: post.Sender})
		}
	}
}

// unmention forgets the mentions in a message's text, but of those who are mentioned in the text that takes its place.
// Whoever is no member any more is among them: names never change hands.
func unmention(t *state.Txn, post *state.Post, next string) {
	var kept []state.UserID
	for _, u := range t.Mentioned(post.ID.Place, next) {
		kept = append(kept, u.ID)
	}
	for _, name := range state.NamesIn(&t.Limits, post.Text) {
		if u, ok := t.UserNamed(name); ok && !slices.Contains(kept, u.ID) {
			t.RemoveMention(u.ID, post.ID)
		}
	}
}

// Mentions asks for the messages that mention the caller, newest first.
type Mentions struct {
	Before raft.Position // a cursor; zero: from the newest
	Unread bool          // only those that he has not read
	Limit  uint64        // zero: 20; more than 100 is cut to it
}

// Kind is the query's number.
func (*Mentions) Kind() uint8 { return kindMentions }

// Code passes the fields.
func (m *Mentions) Code(c *state.Coder) {
	state.Number(c, &m.Before)
	c.Bool(&m.Unread)
	state.Number(c, &m.Limit)
}

// mentionsPageMax bounds the messages of one reply to Mentions.
const mentionsPageMax = 100

// MentionsPage answers Mentions.
type MentionsPage struct {
	Messages []Message
	Next     raft.Position // the cursor of the next page; zero: this is the last
	Unread   uint64        // in all places
}

// Code passes the fields.
func (p *MentionsPage) Code(c *state.Coder) {
	state.List(c, &p.Messages, func(c *state.Coder, m *Message) { m.Code(c) })
	state.Number(c, &p.Next)
	state.Number(c, &p.Unread)
}

// Answer reads. A mention in a place that the caller has left is none any more.
func (m *Mentions) Answer(v *state.View) (state.Coded, *state.Refusal) {
	page := &MentionsPage{Messages: []Message{}}
	limit := limitOf(m.Limit, state.PageDefault, mentionsPageMax)
	room := newRoom(&v.Limits, limit)
	full := false
	v.MentionsBack(v.User.ID, math.MaxUint64, func(id state.MessageID) bool {
		me, joined := v.Member(id.Place, v.User.ID)
		if !joined || !v.HasPost(id) {
			return true
		}
		unread := id.Position > me.Read
		if unread {
			page.Unread++
		}
		if full || m.Unread && !unread || m.Before != 0 && id.Position >= m.Before {
			return true
		}
		post, ok := v.Post(id)
		place, there := v.Place(id.Place)
		if !ok || !there {
			return true
		}
		message := show(v, &place, &post)
		if full = !room.takes(&message); full {
			page.Next = page.Messages[len(page.Messages)-1].ID.Position
			return true
		}
		page.Messages = append(page.Messages, message)
		return true
	})
	return page, nil
}

// unreadMentions counts them by place, for lists of places. A user has a thousand at most.
func unreadMentions(v *state.View) func(place state.PlaceID, read raft.Position) uint64 {
	var all []state.MessageID
	v.MentionsBack(v.User.ID, math.MaxUint64, func(id state.MessageID) bool {
		if v.HasPost(id) {
			all = append(all, id)
		}
		return true
	})
	slices.SortFunc(all, func(a, b state.MessageID) int {
		switch {
		case a.Place != b.Place:
			return order(a.Place, b.Place)
		default:
			return order(b.Position, a.Position)
		}
	})
	return func(place state.PlaceID, read raft.Position) (n uint64) {
		i, _ := slices.BinarySearchFunc(all, place, func(id state.MessageID, p state.PlaceID) int { return order(id.Place, p) })
		for ; i < len(all) && all[i].Place == place && all[i].Position > read; i++ {
			n++
		}
		return n
	}
}
