package chat

import (
	"math"

	"parley/raft"
	"parley/statemachine/state"
)

// History asks for a place's messages with After < position < Before, oldest first. With Forward they are the first
// Limit of those, without it the last Limit: the newest page, or the page before one that is known.
type History struct {
	Place   string
	Before  raft.Position // zero: up to the newest
	After   raft.Position // zero: from the oldest
	Forward bool          // the page begins at After; as if set whenever After is
	Limit   uint64        // zero: 20; more than Limits.HistoryMax is cut to it
}

// Kind is the query's number.
func (*History) Kind() uint8 { return kindHistory }

// Code passes the fields.
func (h *History) Code(c *state.Coder) {
	c.String(&h.Place)
	state.Number(c, &h.Before)
	state.Number(c, &h.After)
	c.Bool(&h.Forward)
	state.Number(c, &h.Limit)
}

// Page answers History.
type Page struct {
	Messages []Message
	More     bool // messages within the asked range were left out by a limit
}

// Code passes the fields.
func (p *Page) Code(c *state.Coder) {
	c.Bool(&p.More)
	state.List(c, &p.Messages, func(c *state.Coder, m *Message) { m.Code(c) })
}

// Message is a message as its readers see it.
type Message struct {
	state.Post
	SenderName string
}

// Code passes the fields.
func (m *Message) Code(c *state.Coder) {
	m.ID.Code(c)
	m.Post.Code(c)
	c.String(&m.SenderName)
}

// Answer reads.
func (h *History) Answer(v *state.View) (state.Coded, *state.Refusal) {
	a, refusal := v.May(state.ToRead, h.Place)
	if refusal != nil {
		return nil, refusal
	}
	limit := int(min(h.Limit, uint64(v.Limits.HistoryMax)))
	if limit == 0 {
		limit = state.PageDefault
	}
	before := h.Before
	if before == 0 {
		before = math.MaxUint64
	}
	page, bytes := &Page{}, 0
	visit := func(p *state.Post) bool {
		if p.ID.Position <= h.After || p.ID.Position >= before {
			return false
		}
		bytes += len(p.Text)
		if n := len(page.Messages); n == limit || n > 0 && bytes > v.Limits.HistoryBytesMax {
			page.More = true
			return false
		}
		page.Messages = append(page.Messages, Message{*p, v.NameOf(p.Sender)})
		return true
	}
	switch {
	case h.After >= before-1: // nothing lies between; also keeps After+1 from wrapping
	case h.Forward || h.After > 0:
		v.PostsFrom(a.Place.ID, h.After+1, visit)
	default:
		v.PostsBackFrom(a.Place.ID, before-1, visit)
		for i, j := 0, len(page.Messages)-1; i < j; i, j = i+1, j-1 {
			page.Messages[i], page.Messages[j] = page.Messages[j], page.Messages[i]
		}
	}
	return page, nil
}
