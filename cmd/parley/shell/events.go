package shell

import (
	"context"
	"fmt"
	"slices"
)

// A typist writes in a place or on a document right now, as far as is known.
type typist struct {
	place PlaceID
	doc   string
	title string // of the document
	user  string
	turn  int // of his last notice
}

// is says whether it is the one whom a notice is about.
func (t *typist) is(e Event) bool { return t.place == e.Place && t.doc == e.Doc && t.user == e.User }

// happened takes in what others do, and what this user does elsewhere.
func (m *Model) happened(events []Event) (effects []effect) {
	for _, e := range events {
		effects = append(effects, m.event(e)...)
	}
	return append(effects, m.follow()...)
}

func (m *Model) event(e Event) []effect {
	switch e.Kind {
	case Connected, Lost, Reconnecting, CaughtUp, Resync:
		return m.linkEvent(e)
	}
	if m.me == nil || e.Reader != "" && e.Reader != m.me.Username {
		return nil // it was on its way when its reader logged out
	}
	switch e.Kind {
	case Posted:
		return m.posted(e)
	case Edited:
		m.steady(e.Place, func() { m.room(e.Place).apply(e) })
		return m.lookAgain(e.Place, e.Message.ID) // whom it mentions may be others
	case Deleted:
		m.steady(e.Place, func() { m.room(e.Place).apply(e) })
	case Reacted:
		return m.lookAgain(e.Place, e.Message.ID)
	case Filed:
		m.filed(e)
	case WasRead:
		return m.wasRead(e)
	case Typing, Editing:
		return m.writes(e)
	case Online, Offline:
		m.presence(e.User, e.Kind == Online, e)
	case Joined, Left, Removed:
		return m.membership(e)
	case DocChanged, LockChanged:
		m.aboutDocs(e)
	case UserChanged:
		m.renamed(e)
	case ChannelCreated, ChannelChanged:
		return m.refreshSoon()
	case Revoked:
		return m.loggedOut("This login was ended elsewhere; log in again with /login " + m.me.Username)
	}
	return nil
}

// linkEvent takes in how the connection is.
func (m *Model) linkEvent(e Event) []effect {
	m.link.known = true
	switch e.Kind {
	case Connected:
		m.link = link{known: true, up: true, node: e.Text}
		if !m.asked {
			return m.start()
		}
	case Lost:
		m.link = link{known: true, why: e.Text}
	case Reconnecting:
		m.link.up = false
		m.link.tries++
	case CaughtUp:
		return slices.Concat(m.refreshSoon(), m.ascertain(), m.opened())
	case Resync:
		// What is shown may lack something, and nothing will say what.
		for _, r := range m.rooms {
			r.anew()
		}
		return append(m.refreshSoon(), m.opened()...)
	}
	return nil
}

// posted takes in a new message.
func (m *Model) posted(e Event) []effect {
	m.typing = slices.DeleteFunc(m.typing, func(t typist) bool { return t.place == e.Place && t.user == e.Message.Sender })
	p := m.place(e.Place)
	if p == nil {
		return m.refreshSoon() // a conversation that somebody has begun
	}
	mine := e.Message.Sender == m.user()
	var effects []effect
	if mine {
		effects = m.recognise(e.Message)
	}
	if p.Direct && (p.Last == nil || p.Last.Position < e.Position) {
		last := e.Message
		p.Last = &last
	}
	if !mine {
		p.count(e)
		if m.lists.reading > 0 {
			m.lists.posted = append(m.lists.posted, e)
		}
	}
	r := m.room(e.Place)
	m.steady(e.Place, func() { r.apply(e) })
	if m.scroll == 0 && !r.loading {
		r.trim()
	}
	if m.pipe && e.Place == m.open && !mine {
		msg := e.Message
		m.news = append(m.news, entry{message: &msg})
	}
	m.sortPlaces()
	return effects
}

// filed shows that somebody has put a file into a place. Whoever has done so was told already.
func (m *Model) filed(e Event) {
	if m.place(e.Place) == nil || e.User == m.user() {
		return
	}
	f := e.File
	n := note{pieces: []piece{name(nickStyle(e.User), e.User), name(dim, " has put "), name(strong, f.Name), name(dim, fmt.Sprintf(" here (%s): /download %s", size(f.Size), f.ID))}}
	m.steady(e.Place, func() { m.room(e.Place).say(n) })
	if m.pipe && e.Place == m.open {
		m.news = append(m.news, entry{note: &n})
	}
}

// wasRead takes in that this user has read a place, perhaps on another machine.
func (m *Model) wasRead(e Event) []effect {
	p := m.place(e.Place)
	if p == nil || e.Through <= p.Read {
		return nil
	}
	p.Read = e.Through
	if p.Unread > 0 {
		return m.refreshSoon() // how many are left is for the cluster to count
	}
	return nil
}

// writes shows that somebody writes, until he has not said so for a while.
func (m *Model) writes(e Event) []effect {
	if e.User == m.user() || m.pipe {
		return nil
	}
	i := slices.IndexFunc(m.typing, func(t typist) bool { return t.is(e) })
	if i < 0 {
		m.typing = append(m.typing, typist{place: e.Place, doc: e.Doc, user: e.User})
		i = len(m.typing) - 1
	}
	m.typing[i].title = e.Text
	m.typing[i].turn++
	turn := m.typing[i].turn
	return later(typingShown, func(m *Model) []effect {
		m.typing = slices.DeleteFunc(m.typing, func(t typist) bool {
			return t.is(e) && t.turn == turn
		})
		return nil
	})
}

func (m *Model) presence(user string, online bool, e Event) {
	known := false
	for i := range m.users {
		if u := &m.users[i]; u.Username == user {
			known, u.Online = true, online
			if !online {
				u.LastSeen = e.Time
			}
		}
	}
	if !known {
		m.users = append(m.users, User{Username: user, Online: online})
	}
	for i := range m.places {
		if p := &m.places[i]; p.Direct && p.Name == user {
			p.Online = online
			if p.ID == m.open {
				m.remark("%s is %s", user, map[bool]string{true: "online", false: "offline"}[online])
			}
		}
	}
}

// renamed takes in what an account is now.
func (m *Model) renamed(e Event) {
	if e.User == m.user() {
		m.me.DisplayName, m.me.ClusterAdmin = e.Text, e.Admin
	}
	for i := range m.users {
		if m.users[i].Username == e.User {
			m.users[i].DisplayName = e.Text
		}
	}
	for i := range m.places {
		if p := &m.places[i]; p.Direct && p.Name == e.User {
			p.DisplayName = e.Text
		}
	}
}

// aboutDocs shows what others do with documents, and what becomes of this user's locks.
func (m *Model) aboutDocs(e Event) {
	m.typing = slices.DeleteFunc(m.typing, func(t typist) bool { return e.Doc != "" && t.doc == e.Doc && t.user == e.User })
	mine := e.User == m.user()
	switch {
	case e.Kind == DocChanged && !mine && e.Text == "":
		m.remark("%s has %s %s", e.User, e.Change, e.Doc)
	case e.Kind == DocChanged && !mine:
		m.remark("%s has %s %s (%s)", e.User, e.Change, e.Text, e.Doc)
	case e.Change == "broken" && e.By == m.user() && !mine:
		m.note(m.open, note{pieces: []piece{name(warn, e.User+" has broken your lock "+e.Text)}, remark: true})
	case e.Change == "expired" && mine:
		m.note(m.open, note{pieces: []piece{name(warn, "The time of your lock "+e.Text+" is over")}, remark: true})
	}
}

// remark notes what others do. A reader of older messages stays where he is, and a pipe has not asked.
func (m *Model) remark(format string, args ...any) {
	if !m.pipe {
		m.steady(m.open, func() { m.room(m.open).say(note{pieces: []piece{name(dim, fmt.Sprintf(format, args...))}}) })
	}
}

// membership takes in who comes and goes.
func (m *Model) membership(e Event) []effect {
	p := m.place(e.Place)
	if e.User == m.user() {
		switch {
		case e.Kind == Joined && e.By != "" && e.By != e.User:
			m.lists.added = append(m.lists.added, addition{e.Place, e.By})
		case e.Kind == Joined:
		case p == nil:
		case e.Kind == Removed:
			was := label(*p)
			m.drop(e.Place)
			m.note(m.open, note{pieces: []piece{name(warn, "You were removed from "+was)}})
		case p.Joined:
			m.drop(e.Place)
		}
		return m.refreshSoon()
	}
	if p == nil {
		return m.refreshSoon()
	}
	if e.Position > p.AsOf {
		if e.Kind == Joined {
			p.Members++
		} else {
			p.Members = max(p.Members-1, 0)
		}
	}
	if e.Place == m.open {
		m.remark("%s %s", e.User, map[Kind]string{Joined: "has joined", Left: "has left", Removed: "was removed"}[e.Kind])
	}
	return nil
}

// lookAgain reads a message that is shown, once for all that happens to it in a moment.
func (m *Model) lookAgain(place PlaceID, id string) []effect {
	r := m.room(place)
	if r.loading {
		r.again = append(r.again, id) // its page may be older than what has happened
	}
	if m.pipe || r.find(id) == nil || slices.Contains(r.looking, id) {
		return nil
	}
	r.looking = append(r.looking, id)
	return later(refreshAfter, func(m *Model) []effect {
		r.looking = slices.DeleteFunc(r.looking, func(l string) bool { return l == id })
		return quietly(m,
			func(ctx context.Context, b Backend) (Message, error) { return b.Message(ctx, id) },
			func(m *Model, msg Message, err error) []effect {
				if have := r.find(id); err == nil && have != nil && msg.AsOf >= have.AsOf {
					m.steady(place, func() { *have = msg })
				}
				return nil
			})
	})
}
