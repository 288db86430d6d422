package chat

import (
	"slices"

	"parley/raft"
	"parley/statemachine/state"
)

// Search asks for the messages that have all the words of a text, newest first, in all places that the caller is a
// member of. An answer may be short, or empty, and have a cursor all the same: a query looks at no more than
// Limits.SearchRowsMax messages, and the next goes on where it stopped.
type Search struct {
	Text   string
	Place  string        // only there; empty: everywhere
	Before raft.Position // a cursor; zero: from the newest
	Limit  uint64        // zero, or more than 20: 20
}

// Kind is the query's number.
func (*Search) Kind() uint8 { return kindSearch }

// Code passes the fields.
func (s *Search) Code(c *state.Coder) {
	c.String(&s.Text)
	c.String(&s.Place)
	state.Number(c, &s.Before)
	state.Number(c, &s.Limit)
}

// Found answers Search.
type Found struct {
	Messages []Message
	Next     raft.Position // the cursor to go on with; zero: everything was looked at
}

// Code passes the fields.
func (f *Found) Code(c *state.Coder) {
	state.List(c, &f.Messages, func(c *state.Coder, m *Message) { m.Code(c) })
	state.Number(c, &f.Next)
}

// searchWordsMax bounds the words of one query, and searchBytesMax its bytes.
const (
	searchWordsMax = 16
	searchBytesMax = 1 << 10
)

// Answer reads.
func (s *Search) Answer(v *state.View) (state.Coded, *state.Refusal) {
	if refusal := state.CheckLine("query", "A query", s.Text, searchBytesMax); refusal != nil {
		return nil, refusal
	}
	words := wordsOf(s.Text)
	if len(words) == 0 || len(words) > searchWordsMax {
		return nil, state.Invalidf("query", "QUERY_INVALID", "A query has 1 to %d words.", searchWordsMax)
	}
	places, refusal := s.places(v)
	if refusal != nil {
		return nil, refusal
	}
	found, room := &Found{Messages: []Message{}}, newRoom(&v.Limits, limitOf(s.Limit, state.PageDefault, state.PageDefault))
	cursor, searched := newCursor(v, places, s.Before), newWanted(words)
	for looked := 0; ; looked++ {
		place, at, text, ok := cursor.next()
		if !ok {
			return found, nil
		}
		if looked == v.Limits.SearchRowsMax {
			found.Next = at + 1
			return found, nil
		}
		if !searched.in(text) {
			continue
		}
		post, _ := v.Post(state.MessageID{Place: place.ID, Position: at})
		message := show(v, place, &post)
		if !room.takes(&message) {
			found.Next = at + 1
			return found, nil
		}
		found.Messages = append(found.Messages, message)
	}
}

// places returns where to look.
func (s *Search) places(v *state.View) (places []state.Place, refusal *state.Refusal) {
	if s.Place != "" {
		target, refusal := v.Target(state.ToRead, s.Place)
		if refusal != nil || target.Begin != 0 {
			return nil, refusal
		}
		return []state.Place{target.Place}, nil
	}
	v.PlacesOf(v.User.ID, func(id state.PlaceID) bool {
		if p, ok := v.Place(id); ok && p.Messages > 0 {
			places = append(places, p)
		}
		return true
	})
	return places, nil
}

// cursor visits the messages of several places in one order, newest first. It reads a place in blocks, so that many
// places with a few messages and one with many cost about the same.
type cursor struct {
	view   *state.View
	places []*stretch // a heap: the place with the newest message on top
}

// stretch is what was read of a place and not visited.
type stretch struct {
	place state.Place
	below raft.Position // what is next is below this
	rows  []row         // read ahead, newest first
	empty bool          // there are none below
	block int           // how many rows are read at once
}

type row struct {
	at   raft.Position
	text []byte
}

// blockMax bounds the rows that are read ahead of a place.
const blockMax = 256

func newCursor(v *state.View, places []state.Place, before raft.Position) *cursor {
	c := &cursor{view: v}
	for i := range places {
		s := &stretch{place: places[i], below: places[i].Last + 1, block: 1}
		if before != 0 {
			s.below = min(s.below, before)
		}
		c.places = append(c.places, s)
	}
	slices.SortFunc(c.places, func(a, b *stretch) int { return order(b.below, a.below) }) // a sorted slice is a heap
	return c
}

// top returns the position of the newest message of a place, or one that is not below it.
func (s *stretch) top() raft.Position {
	if len(s.rows) > 0 {
		return s.rows[0].at
	}
	return s.below - 1
}

// next returns the newest message that was not visited.
func (c *cursor) next() (place *state.Place, at raft.Position, text []byte, ok bool) {
	for len(c.places) > 0 {
		s := c.places[0]
		if len(s.rows) == 0 {
			if s.empty || s.below == 0 {
				c.places[0] = c.places[len(c.places)-1]
				c.places = c.places[:len(c.places)-1]
			} else {
				s.read(c.view)
			}
			c.sink()
			continue
		}
		r := s.rows[0]
		s.rows = s.rows[1:]
		c.sink()
		return &s.place, r.at, r.text, true
	}
	return nil, 0, nil, false
}

// read reads the next block of a place.
func (s *stretch) read(v *state.View) {
	s.rows = make([]row, 0, s.block)
	if s.below > 0 {
		v.RowsBackFrom(s.place.ID, s.below-1, func(at raft.Position, text []byte) bool {
			s.rows = append(s.rows, row{at, text})
			return len(s.rows) < s.block
		})
	}
	s.empty = len(s.rows) < s.block
	if n := len(s.rows); n > 0 {
		s.below = s.rows[n-1].at
	}
	s.block = min(2*s.block, blockMax)
}

// sink puts the top of the heap where it belongs, after it changed.
func (c *cursor) sink() {
	for i := 0; ; {
		most := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(c.places); child++ {
			if c.places[child].top() > c.places[most].top() {
				most = child
			}
		}
		if most == i {
			return
		}
		c.places[i], c.places[most] = c.places[most], c.places[i]
		i = most
	}
}
