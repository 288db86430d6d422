package shell

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// A letter is a message that is on its way. It keeps its key until it is sent, so that it is stored once, however often
// it is tried.
type letter struct {
	Draft
	from  string // the user who wrote it
	state letterState
	why   string // failed: what was wrong
	seen  bool   // the event of this very message has come, before the answer
	again bool   // it was tried again by itself
}

type letterState uint8

const (
	waiting letterState = iota // for those before it
	sending
	failed  // it was not stored
	unclear // it may have been stored
)

// send puts a message into the outbox.
func (m *Model) send(place PlaceID, text, replyTo string) []effect {
	p := m.place(place)
	switch {
	case p == nil:
		return m.trouble(m.open, &Error{Kind: Usage, Text: "No place is open", Hint: "/join CHANNEL or /dm USER opens one"})
	case strings.TrimSpace(text) == "":
		return nil
	case len(m.outbox) >= outboxMax:
		m.input.set(text)
		return m.trouble(m.open, &Error{Kind: Unavailable, Text: fmt.Sprintf("%d messages wait to be sent already", outboxMax)})
	}
	m.outbox = append(m.outbox, letter{Draft: Draft{Key: m.newKey(), Place: place, Text: text, ReplyTo: replyTo}, from: m.user()})
	if place == m.open {
		m.scroll = 0
	}
	return m.pump()
}

// pump sends the first letter that waits, unless one is under way: messages stand in the order in which they were written.
func (m *Model) pump() []effect {
	if slices.ContainsFunc(m.outbox, func(l letter) bool { return l.state == sending }) {
		return nil
	}
	i := slices.IndexFunc(m.outbox, func(l letter) bool { return l.state == waiting })
	if i < 0 {
		return nil
	}
	m.outbox[i].state = sending
	d := m.outbox[i].Draft
	return []effect{{limit: sendTime, run: func(ctx context.Context, b Backend, _ func(answer)) answer {
		sent, err := b.Send(ctx, d)
		return func(m *Model) []effect { return append(m.sent(d, sent, err), m.pump()...) }
	}}}
}

// sent takes in how a letter fared.
func (m *Model) sent(d Draft, s Sent, err error) []effect {
	i := slices.IndexFunc(m.outbox, func(l letter) bool { return l.Key == d.Key })
	if i < 0 {
		return nil // it was given up
	}
	if err != nil {
		m.outbox[i].state, m.outbox[i].why = failed, describe(err)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Kind == Unknown {
			m.outbox[i].state = unclear // who doesn't know must not say that it was not sent
			if !m.outbox[i].again && m.outbox[i].seen {
				m.outbox[i].state, m.outbox[i].again = waiting, true // it has come back as an event: the cluster will say so
				return nil
			}
		}
		if m.pipe || ok && e.Kind == NotLoggedIn {
			return m.trouble(d.Place, err)
		}
		return nil
	}
	from := m.outbox[i].from
	m.outbox = slices.Delete(m.outbox, i, i+1)
	// The event of it knows more, and replaces this one whenever it comes.
	mine := Message{ID: s.ID, Place: d.Place, Position: s.Position, Sender: from, Text: d.Text, Time: s.Time, ReplyTo: d.ReplyTo}
	if from != m.user() {
		return nil
	}
	m.steady(d.Place, func() {
		m.room(d.Place).apply(Event{Kind: Posted, Position: s.Position, Place: d.Place, Message: mine})
	})
	if m.pipe {
		m.news = append(m.news, entry{note: &note{pieces: []piece{name(good, fmt.Sprintf("sent %s to %s at position %d", s.ID, m.labelOf(d.Place), s.Position))}}})
	}
	return m.follow()
}

// recognise notes that a message that has come is one of the outbox: it is shown once. If it was not known to be sent, the
// cluster is asked by trying again.
func (m *Model) recognise(msg Message) []effect {
	for i := range m.outbox {
		if l := &m.outbox[i]; (l.state == sending || l.state == unclear) && l.Place == msg.Place && l.from == msg.Sender && l.Text == msg.Text && !l.seen {
			l.seen = true
			if l.state == unclear && !l.again {
				l.state, l.why, l.again = waiting, "", true
				return m.pump()
			}
			return nil
		}
	}
	return nil
}

// undelivered counts the letters that somebody has to look after.
func (m *Model) undelivered() (n int) {
	for _, l := range m.outbox {
		if l.state == failed || l.state == unclear {
			n++
		}
	}
	return n
}

// retry sends again what failed. Each has the key that it had: what was stored all the same is not stored again.
func (m *Model) retry() []effect {
	n := 0
	for i := range m.outbox {
		if s := m.outbox[i].state; s == failed || s == unclear {
			m.outbox[i].state, m.outbox[i].why = waiting, ""
			n++
		}
	}
	if n == 0 {
		m.tell("Nothing has failed.")
	}
	return m.pump()
}

// ascertain tries again what may have been sent, once the connection stands: by its key the cluster knows whether it was.
func (m *Model) ascertain() []effect {
	for i := range m.outbox {
		if m.outbox[i].state == unclear {
			m.outbox[i].state, m.outbox[i].why = waiting, ""
		}
	}
	return m.pump()
}

// discard gives up what failed. The text of the last one comes back to the line, if that is empty.
func (m *Model) discard() []effect {
	n, text := 0, ""
	m.outbox = slices.DeleteFunc(m.outbox, func(l letter) bool {
		if l.state != failed && l.state != unclear {
			return false
		}
		n, text = n+1, l.Text
		return true
	})
	if n == 0 {
		m.tell("Nothing has failed.")
	} else if m.input.empty() {
		m.input.set(text)
	}
	return nil
}

// keepLetters drops the letters of another user: they are not sent under this one's name.
func (m *Model) keepLetters(username string) []effect {
	m.outbox = slices.DeleteFunc(m.outbox, func(l letter) bool {
		if l.from != username {
			m.say(name(warn, "Not sent, as "+l.from+" wrote it: "), say(normal, l.Text))
			return true
		}
		return false
	})
	return nil
}
