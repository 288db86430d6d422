package chat

import (
	"math"
	"slices"

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

// pageHint is how many messages most pages have at most.
const pageHint = state.PageDefault + 1

// Answer reads. A conversation that was not begun has no messages.
func (h *History) Answer(v *state.View) (state.Coded, *state.Refusal) {
	target, refusal := v.Target(state.ToRead, h.Place)
	if refusal != nil {
		return nil, refusal
	}
	page := &Page{Messages: []Message{}}
	if target.Begin != 0 {
		return page, nil
	}
	before := h.Before
	if before == 0 {
		before = math.MaxUint64
	}
	room := newRoom(&v.Limits, limitOf(h.Limit, state.PageDefault, v.Limits.HistoryMax))
	page.Messages = make([]Message, 0, min(room.messages, pageHint))
	shower := newShower(v, &target.Place)
	visit := func(p *state.Post) bool {
		if p.ID.Position <= h.After || p.ID.Position >= before {
			return false
		}
		message := shower.show(p)
		if page.More = !room.takes(&message); !page.More {
			page.Messages = append(page.Messages, message)
		}
		return !page.More
	}
	switch {
	case h.After >= before-1: // nothing lies between; also keeps After+1 from wrapping
	case h.Forward || h.After > 0:
		v.PostsFrom(target.Place.ID, h.After+1, visit)
	default:
		v.PostsBackFrom(target.Place.ID, before-1, visit)
		slices.Reverse(page.Messages)
	}
	return page, nil
}
