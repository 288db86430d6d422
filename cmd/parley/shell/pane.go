package shell

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// pane is the messages and notes that are seen: as many lines as it is high.
func (m *Model) pane() []line {
	height := m.paneHeight()
	lines := m.tail(0, m.scroll+height)
	lines = lines[:max(len(lines)-m.scroll, 0)]
	if len(lines) > height {
		lines = lines[len(lines)-height:]
	}
	return append(slices.Repeat([]line{nil}, height-len(lines)), lines...)
}

// scrollBy moves in the pane. At the oldest message more are read.
func (m *Model) scrollBy(n int) []effect {
	height := m.paneHeight()
	want := max(m.scroll+n, 0)
	have := len(m.tail(0, want+height))
	m.scroll = max(min(want, have-height), 0)
	if n > 0 && m.scroll < want {
		return m.older()
	}
	return nil
}

// steady does something to a place. A reader who has scrolled back goes on seeing what he saw.
func (m *Model) steady(id PlaceID, f func()) {
	if id != m.open || m.scroll == 0 {
		f()
		return
	}
	var from Position
	if r := m.room(id); len(r.messages) > 0 {
		from = r.messages[0].Position
	}
	before := len(m.tail(from, 1<<30))
	f()
	m.scroll = max(m.scroll+len(m.tail(from, 1<<30))-before, 1)
}

// tail returns the last lines of the pane, at least need of them if there are as many: messages from a position on, notes
// between them, and behind them what is on its way.
func (m *Model) tail(from Position, need int) (lines []line) {
	r := m.room(m.open)
	var blocks [][]line // from the end
	total := 0
	put := func(b []line) {
		blocks = append(blocks, b)
		total += len(b)
	}
	for i := len(m.outbox) - 1; i >= 0; i-- {
		if l := m.outbox[i]; l.Place == m.open && !l.seen {
			put(m.letterLines(l))
		}
	}
	i, n := len(r.messages)-1, len(r.notes)-1
	for total < need && (i >= 0 || n >= 0) {
		if n >= 0 && (i < 0 || r.notes[n].after >= r.messages[i].Position) {
			put(m.noteLines(r.notes[n]))
			n--
			continue
		}
		if r.messages[i].Position < from {
			break
		}
		put(m.messageBlock(r, i))
		i--
	}
	for _, b := range slices.Backward(blocks) {
		lines = append(lines, b...)
	}
	return lines
}

// messageBlock is a message with what stands above it: a new day, the mark of what is new, what it answers.
func (m *Model) messageBlock(r *room, i int) (lines []line) {
	msg := r.messages[i]
	if i == 0 || m.day(r.messages[i-1].Time) != m.day(msg.Time) {
		lines = append(lines, m.rule(dim, m.day(msg.Time)))
	}
	if r.unread && msg.Position > r.unreadFrom && (i == 0 || r.messages[i-1].Position <= r.unreadFrom) {
		lines = append(lines, m.rule(warn, "new"))
	}
	if msg.ReplyTo != "" {
		to := piece{dim, "an earlier message"}
		if parent := r.find(msg.ReplyTo); parent != nil {
			to = name(dim, parent.Sender+": "+shown(*parent))
		}
		lines = append(lines, m.ruler.cut(line{piece{dim, "      ↳ "}, to}, m.paneWidth()))
	}
	return append(lines, m.messageLines(msg)...)
}

// messageLines is a message:
//
//	15:04 bob: good morning (edited)
//	      👍 2  🎉 1
func (m *Model) messageLines(msg Message) []line {
	pieces := []piece{name(dim, msg.Time.In(m.zone).Format("15:04 ")), name(nickStyle(msg.Sender), msg.Sender), {normal, ": "}}
	switch {
	case msg.Deleted != NotDeleted:
		pieces = append(pieces, name(dim, shown(msg)))
	case msg.Mentioned:
		pieces = append(pieces, say(mention, msg.Text))
	default:
		pieces = append(pieces, say(normal, msg.Text))
	}
	if f := msg.File; f != nil {
		pieces = append(pieces, name(strong, " ["+f.Name+", "+size(f.Size)+": /download "+f.ID+"]"))
	}
	if msg.Edited && msg.Deleted == NotDeleted {
		pieces = append(pieces, piece{dim, " (edited)"})
	}
	if msg.Sender == m.user() && !m.pipe {
		pieces = append(pieces, piece{good, " ✓"})
	}
	lines := m.ruler.wrap(pieces, m.paneWidth(), 6, 6)
	if len(msg.Reactions) > 0 {
		var l []piece
		for _, r := range msg.Reactions {
			s := normal
			if r.Mine {
				s = strong
			}
			l = append(l, name(s, fmt.Sprintf("%s %d  ", r.Emoji, r.Count)))
		}
		for _, l := range m.ruler.wrap(l, m.paneWidth()-6, 0, 0) {
			lines = append(lines, append(line{{normal, "      "}}, l...))
		}
	}
	return lines
}

// noteLines is a note, of as many lines as it needs.
func (m *Model) noteLines(n note) []line {
	return m.ruler.wrap(n.pieces, m.paneWidth(), max(n.hang, 2), 0)
}

// letterLines is a message that is not sent.
func (m *Model) letterLines(l letter) []line {
	pieces := []piece{{dim, "      "}, name(nickStyle(l.from), l.from), {normal, ": "}, say(dim, l.Text)}
	switch l.state {
	case waiting, sending:
		pieces = append(pieces, piece{warn, " … sending"})
	case failed:
		pieces = append(pieces, name(bad, " ✗ failed: "+l.why))
	case unclear:
		pieces = append(pieces, name(bad, " ? not known whether it was sent: "+l.why))
	}
	return m.ruler.wrap(pieces, m.paneWidth(), 6, 6)
}

// rule is a line across the pane with a word in it.
func (m *Model) rule(s style, word string) line {
	n := max(m.paneWidth()-m.ruler.width(word)-5, 0)
	return line{name(s, "── "+word+" "+strings.Repeat("─", n))}
}

// day is a date in words, and when one with its time, in figures.
func (m *Model) day(t time.Time) string  { return t.In(m.zone).Format("Monday 2 January 2006") }
func (m *Model) when(t time.Time) string { return t.In(m.zone).Format("2006-01-02 15:04") }
