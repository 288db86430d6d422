package shell

import (
	"cmp"
	"context"
	"slices"
	"strings"
)

// placeLists are both lists of places, read one after the other.
type placeLists struct{ channels, conversations []Place }

// lists counts the lists of places that are being read, and keeps what is posted meanwhile: the list may be older.
type lists struct {
	reading int
	posted  []Event
	added   []addition // places that this user was added to, of which the list will tell the names
}

// addition is a place that somebody has put this user into.
type addition struct {
	place PlaceID
	by    string
}

// readLists reads the lists of places.
func (m *Model) readLists(then func(m *Model) []effect) []effect {
	m.lists.reading++
	login := m.login
	effects := call(m, callTime, readPlaces, func(m *Model, l placeLists) []effect {
		m.takeLists(l)
		return append(then(m), m.follow()...)
	})
	run := effects[0].run
	effects[0].run = func(ctx context.Context, b Backend, tell func(answer)) answer {
		after := run(ctx, b, tell)
		return func(m *Model) []effect {
			follow := after(m)
			if m.login == login {
				if m.lists.reading--; m.lists.reading == 0 {
					m.lists.posted = nil
				}
			}
			return follow
		}
	}
	return effects
}

// takeLists puts the lists that were read in the place of those that are shown. Of a place that is no longer there nothing
// is kept.
func (m *Model) takeLists(l placeLists) {
	m.places = append(l.channels, l.conversations...)
	for _, e := range m.lists.posted {
		if p := m.place(e.Place); p != nil {
			p.count(e)
		}
	}
	m.sortPlaces()
	for _, a := range m.lists.added {
		if p := m.place(a.place); p != nil && p.Joined {
			m.note(m.open, note{pieces: []piece{name(good, a.by+" has added you to "+label(*p)), name(dim, "; /switch "+p.Name+" opens it")}, remark: true})
		}
	}
	m.lists.added = nil
	for id := range m.rooms {
		if p := m.place(id); id != "" && (p == nil || !p.Joined) {
			m.leave(id)
		}
	}
}

// count counts a message of somebody else, unless the place's numbers hold it already.
func (p *Place) count(e Event) {
	if e.Position > p.AsOf {
		p.Unread++
		if e.Message.Mentioned {
			p.Mentions++
		}
	}
}

// refresh reads the lists of places and of users anew. Rooms stay as they are.
func (m *Model) refresh() []effect {
	m.stale = false
	effects := m.readLists(func(m *Model) []effect {
		if first := m.first; first != "" {
			m.first = ""
			return m.run("switch", first)
		}
		return nil
	})
	return append(effects, quietly(m,
		func(ctx context.Context, b Backend) ([]User, error) { return b.Users(ctx) },
		func(m *Model, users []User, err error) []effect {
			if err == nil {
				m.users = users
			}
			return nil
		})...)
}

func readPlaces(ctx context.Context, b Backend) (l placeLists, err error) {
	if l.channels, err = b.Channels(ctx); err != nil {
		return l, err
	}
	l.conversations, err = b.Conversations(ctx)
	return l, err
}

// refreshSoon reads the lists anew in a moment, once for all that ask for it in between.
func (m *Model) refreshSoon() []effect {
	if m.stale || m.me == nil {
		return nil
	}
	m.stale = true
	login := m.login
	return later(refreshAfter, func(m *Model) []effect {
		if m.login != login || !m.stale {
			return nil
		}
		return m.refresh()
	})
}

// sortPlaces puts channels before conversations, channels by name, and conversations by their last message.
func (m *Model) sortPlaces() {
	slices.SortStableFunc(m.places, func(a, b Place) int {
		switch {
		case a.Direct != b.Direct:
			if a.Direct {
				return 1
			}
			return -1
		case !a.Direct:
			return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
		}
		return cmp.Or(cmp.Compare(lastOf(b), lastOf(a)), cmp.Compare(a.Name, b.Name))
	})
}

func lastOf(p Place) Position {
	if p.Last == nil {
		return 0
	}
	return p.Last.Position
}

// place returns a place by its id, or nil. It is good until the list changes.
func (m *Model) place(id PlaceID) *Place {
	for i := range m.places {
		if m.places[i].ID == id {
			return &m.places[i]
		}
	}
	return nil
}

// put adds a place to the list, or brings it up to date.
func (m *Model) put(p Place) {
	if have := m.place(p.ID); have != nil {
		*have = p
	} else {
		m.places = append(m.places, p)
	}
	m.sortPlaces()
}

// drop takes a place from the list.
func (m *Model) drop(id PlaceID) {
	m.places = slices.DeleteFunc(m.places, func(p Place) bool { return p.ID == id })
	m.leave(id)
}

// leave forgets a place's messages. Whoever was there is in the lobby, with what he was writing.
func (m *Model) leave(id PlaceID) {
	if m.open == id {
		text := m.input.text()
		m.show("")
		if m.input.empty() {
			m.input.set(text)
		}
	}
	delete(m.rooms, id)
	m.came = slices.DeleteFunc(m.came, func(c PlaceID) bool { return c == id })
}

// channel finds a channel by name, with or without #.
func (m *Model) channel(name string) (*Place, error) {
	name = strings.TrimPrefix(name, "#")
	for i := range m.places {
		if p := &m.places[i]; !p.Direct && strings.EqualFold(p.Name, name) {
			return p, nil
		}
	}
	return nil, &Error{Kind: NotFound, Text: "There is no channel #" + name, Hint: "/channels lists them"}
}

// mine are the places in the list at the left: those that the user is in.
func (m *Model) mine() (mine []Place) {
	for _, p := range m.places {
		if p.Joined {
			mine = append(mine, p)
		}
	}
	return mine
}

// label is a place as one writes it.
func label(p Place) string {
	if p.Direct {
		return "@" + p.Name
	}
	return "#" + p.Name
}

// labelOf is the label of a place by its id.
func (m *Model) labelOf(id PlaceID) string {
	if p := m.place(id); p != nil {
		return label(*p)
	}
	return "the lobby"
}

// enter goes to a place. What was being written stays in the place that is left.
func (m *Model) enter(id PlaceID) []effect {
	if id == m.open {
		return m.follow()
	}
	m.room(m.open).draft = m.input.text()
	m.came = append(slices.DeleteFunc(m.came, func(c PlaceID) bool { return c == m.open || c == id }), m.open)
	m.show(id)
	return m.opened()
}

// back goes to where the user came from.
func (m *Model) back() []effect {
	if m.open == "" {
		m.tell("This is the lobby; /exit leaves the shell.")
		return nil
	}
	m.room(m.open).draft = m.input.text()
	to := PlaceID("")
	if n := len(m.came); n > 0 && m.place(m.open) != nil && m.place(m.open).Direct {
		to = m.came[n-1]
		m.came = m.came[:n-1]
	}
	m.show(to)
	return m.opened()
}

func (m *Model) show(id PlaceID) {
	m.open, m.scroll, m.choice, m.offer = id, 0, choice{}, offer{}
	m.input.set(m.room(id).draft)
	m.room(id).draft = ""
	if p := m.place(id); p != nil {
		m.room(id).unread, m.room(id).unreadFrom = p.Unread > 0, p.Read
	}
}

// opened reads the newest messages of the place that was opened, if they are not there.
func (m *Model) opened() []effect {
	if m.open == "" || m.pipe {
		return m.follow()
	}
	r := m.room(m.open)
	if r.loaded || r.loading {
		return m.follow()
	}
	return append(m.load(m.open, Page{Limit: pageMessages}), m.follow()...)
}

// load reads a page of a place.
func (m *Model) load(id PlaceID, p Page) []effect {
	at := m.room(id)
	at.loading = true
	reading := at.reading
	return quietly(m,
		func(ctx context.Context, b Backend) (History, error) { return b.History(ctx, id, p) },
		func(m *Model, h History, err error) []effect {
			r := m.rooms[id]
			if r != at || r.reading != reading {
				return nil // the place is gone, or is read anew
			}
			if err != nil {
				r.loading, r.late, r.again = false, nil, nil
				return m.trouble(id, err)
			}
			m.steady(id, func() { r.page(h) })
			again := r.again
			r.again = nil
			effects := m.follow()
			for _, msg := range again {
				effects = append(effects, m.lookAgain(id, msg)...)
			}
			return effects
		})
}

// older reads the page before the oldest message that is there.
func (m *Model) older() []effect {
	r := m.room(m.open)
	if m.open == "" || !r.loaded || !r.more || r.loading || len(r.messages) == 0 {
		return nil
	}
	return m.load(m.open, Page{Before: r.messages[0].Position, Limit: pageMessages})
}

// next goes to the next place of the list, or to the next one with something new.
func (m *Model) next(step int, unread bool) []effect {
	places := m.mine()
	at := slices.IndexFunc(places, func(p Place) bool { return p.ID == m.open })
	if at < 0 && step < 0 {
		at = 0
	}
	for n := 1; n <= len(places); n++ {
		p := places[((at+step*n)%len(places)+len(places))%len(places)]
		if p.ID != m.open && (!unread || p.Unread > 0) {
			return m.enter(p.ID)
		}
	}
	return nil
}

// readMarks is how far each place is read, as far as the cluster was told.
type readMarks struct {
	telling bool
	told    map[PlaceID]Position
}

// follow marks as read what the user sees: the place that is open, at its end, in a terminal that has the focus.
// One mark is under way at a time; what comes meanwhile goes with the next.
func (m *Model) follow() []effect {
	r, p := m.room(m.open), m.place(m.open)
	if p == nil || m.scroll > 0 || m.away || m.pipe || !r.loaded {
		return nil
	}
	p.Unread, p.Mentions = 0, 0
	last := r.last()
	if last <= p.Read || last <= m.read.told[p.ID] || m.read.telling {
		return nil
	}
	if m.read.told == nil {
		m.read.told = map[PlaceID]Position{}
	}
	id := p.ID
	m.read.telling, m.read.told[id] = true, last
	return quietly(m,
		func(ctx context.Context, b Backend) (struct{}, error) { return struct{}{}, b.MarkRead(ctx, id, last) },
		func(m *Model, _ struct{}, err error) []effect {
			m.read.telling = false
			if err != nil {
				m.read.told[id] = 0 // it goes with the next message
				return nil
			}
			if p := m.place(id); p != nil {
				p.Read = max(p.Read, last)
			}
			return m.follow()
		})
}
