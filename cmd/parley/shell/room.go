package shell

import (
	"slices"
	"strings"
)

// A room is what is known of one place: a run of its messages without a gap, up to the newest, and what the shell itself
// has said there. The room of no place is the lobby.
type room struct {
	messages []Message // by position
	notes    []note    // by time
	more     bool      // there are older messages than the first
	loaded   bool      // messages is such a run
	loading  bool      // a page is on its way
	reading  int       // counts how often everything was read anew: a page of an earlier time is not taken
	// late are events that met a page on its way: the page may be older than they are.
	late    []Event
	again   []string // messages to be read again when the page is there
	looking []string // messages that are going to be read again
	// unread says that there were new messages when the place was opened: those after unreadFrom.
	unread     bool
	unreadFrom Position
	draft      string // what was being written when another place was opened
}

// A note is something that the shell says to its user in between the messages.
type note struct {
	after  Position // stands behind the message of this position
	pieces []piece
	hang   int // columns before what goes on with the line above
	err    error
	remark bool // nobody has asked for it: a pipe prints it beside its output
}

// add puts a message where its position says. It reports whether it is new; one that is known is brought up to date.
func (r *room) add(m Message) bool {
	i, found := slices.BinarySearchFunc(r.messages, m.Position, func(have Message, p Position) int {
		switch {
		case have.Position < p:
			return -1
		case have.Position > p:
			return 1
		}
		return 0
	})
	if found {
		if m.AsOf >= r.messages[i].AsOf {
			r.messages[i] = m
		}
		return false
	}
	r.messages = slices.Insert(r.messages, i, m)
	return true
}

// find returns the message with an id, or nil.
func (r *room) find(id string) *Message {
	for i := len(r.messages) - 1; i >= 0; i-- {
		if r.messages[i].ID == id {
			return &r.messages[i]
		}
	}
	return nil
}

// page takes in a page that stands right before the messages that are there, or is the last one.
func (r *room) page(h History) {
	for _, m := range h.Messages {
		r.add(m)
	}
	r.more, r.loaded, r.loading = h.More, true, false
	late := r.late
	r.late = nil
	for _, e := range late {
		r.apply(e)
	}
}

// apply takes in what happened to messages. An event that the message already shows changes nothing.
func (r *room) apply(e Event) {
	if r.loading {
		r.late = append(r.late, e)
	}
	switch e.Kind {
	case Posted:
		// A message of a place that was never opened is read when it is.
		if r.loaded {
			r.add(e.Message)
		}
	case Edited:
		if m := r.find(e.Message.ID); m != nil && e.Position > m.AsOf {
			m.Text, m.Edited, m.AsOf = e.Message.Text, true, e.Position
		}
	case Deleted:
		if m := r.find(e.Message.ID); m != nil && e.Position > m.AsOf {
			m.Text, m.File, m.Reactions, m.Deleted, m.AsOf = "", nil, nil, e.Message.Deleted, e.Position
		}
	}
}

// anew forgets all messages, so that they are read again.
func (r *room) anew() {
	r.messages, r.late, r.again, r.loaded, r.loading, r.more = nil, nil, nil, false, false, false
	r.reading++
}

// trim forgets the oldest messages of a place that is followed at its end.
func (r *room) trim() {
	if n := len(r.messages) - roomMessagesMax; n > 0 {
		r.messages, r.more = slices.Delete(r.messages, 0, n), true
	}
}

// last is the position of the newest message that is there.
func (r *room) last() Position {
	if len(r.messages) == 0 {
		return 0
	}
	return r.messages[len(r.messages)-1].Position
}

// say adds a note.
func (r *room) say(n note) {
	n.after = r.last()
	r.notes = append(r.notes, n)
	if d := len(r.notes) - notesMax; d > 0 {
		r.notes = slices.Delete(r.notes, 0, d)
	}
}

// excerpt is the beginning of a message, for a line that speaks of it.
func excerpt(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	if r := []rune(text); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return text
}
