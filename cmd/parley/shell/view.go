package shell

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The screen, from the top:
//
//	#general · where all are · 12 members, 5 online          the title
//	CHANNELS        │ 15:04 bob: good morning                 places, and the pane: messages and notes
//	▸ #general      │ 15:05 alice: hello ✓
//	  #tech    3 @1 │
//	● alice on 127.0.0.1:50051 · bob is writing…              the status
//	#general> what I wr_                                      the input, of one line or more
const (
	sideFrom  = 72 // columns from which the places have room at the left
	inputRows = 6  // rows of the input at most, and a third of the screen
)

// A picture is a screen full of lines, and where the cursor stands.
type picture struct {
	lines   []line
	x, y    int
	caption string
}

// size is the screen's, but not smaller than what can be divided.
func (m *Model) size() (width, height int) { return max(m.width, 16), max(m.height, 5) }

// sideWidth is the width of the list of places with its border.
func (m *Model) sideWidth() int {
	width, _ := m.size()
	if width < sideFrom || m.me == nil {
		return 0
	}
	return min(max(width/5, 20), 32)
}

func (m *Model) paneWidth() int {
	width, _ := m.size()
	return width - m.sideWidth()
}

// paneHeight is what the other parts leave.
func (m *Model) paneHeight() int {
	_, height := m.size()
	rows, _, _ := m.inputView()
	n := height - 2 - len(rows) // the title, the status
	if m.choice.active() {
		n--
	}
	return max(n, 1)
}

// view paints the screen.
func (m *Model) view() picture {
	width, height := m.size()
	pane := m.pane()
	side := m.side(len(pane))
	lines := []line{m.title()}
	for i, l := range pane {
		if side != nil {
			l = append(side[i], l...)
		}
		lines = append(lines, l)
	}
	if m.choice.active() {
		lines = append(lines, m.choiceLine(width))
	}
	lines = append(lines, m.status())
	rows, x, y := m.inputView()
	y += len(lines)
	lines = append(lines, rows...)
	for i := range lines {
		lines[i] = m.ruler.cut(lines[i], width)
	}
	if d := len(lines) - height; d > 0 {
		lines, y = lines[d:], y-d
	}
	return picture{lines: lines, x: x, y: y}
}

// title says where one is.
func (m *Model) title() line {
	width, _ := m.size()
	l := line{name(heading, "Parley")}
	if p := m.place(m.open); p != nil {
		l = line{name(heading, label(*p))}
		var about []string
		switch {
		case p.Direct:
			about = append(about, p.DisplayName, map[bool]string{true: "online", false: "offline"}[p.Online])
		default:
			about = append(about, p.Description, fmt.Sprintf("%d members", p.Members))
			if p.Private {
				about = append(about, "private")
			}
			if p.Archived {
				about = append(about, "archived")
			}
		}
		for _, a := range about {
			if a != "" {
				l = append(l, name(dim, " · "+a))
			}
		}
	}
	if news := m.elsewhere(); m.sideWidth() == 0 && news.text != "" {
		room := width - m.ruler.width(news.text) - 1
		return append(m.ruler.fit(l, room), piece{normal, " "}, news)
	}
	return l
}

// elsewhere is how much is new in other places, where there is no room for their list.
func (m *Model) elsewhere() piece {
	all := Place{}
	for _, p := range m.mine() {
		if p.ID != m.open {
			all.Unread += p.Unread
			all.Mentions += p.Mentions
		}
	}
	if p := unreadPiece(all); p.text != "" {
		return piece{p.style, "+" + p.text}
	}
	return piece{}
}

// side is the list of places, or nil where there is no room for it. The place that is open is always in it.
func (m *Model) side(height int) []line {
	width := m.sideWidth()
	if width == 0 {
		return nil
	}
	var lines []line
	at, direct := 0, false
	lines = append(lines, line{name(dim, "CHANNELS")})
	for _, p := range m.mine() {
		if p.Direct && !direct {
			direct = true
			lines = append(lines, line{}, line{name(dim, "DIRECT")})
		}
		if p.ID == m.open {
			at = len(lines)
		}
		lines = append(lines, m.sideLine(p, width-2))
	}
	if from := at - height + 2; from > 0 && len(lines) > height {
		lines = lines[min(from, len(lines)-height):]
	}
	for len(lines) < height {
		lines = append(lines, nil)
	}
	for i := range lines[:height] {
		lines[i] = append(m.ruler.fit(lines[i], width-2), piece{dim, "│ "})
	}
	return lines[:height]
}

func (m *Model) sideLine(p Place, width int) line {
	mark, text := "  ", normal
	switch {
	case p.ID == m.open:
		mark, text = "▸ ", chosen
	case p.Direct && p.Online:
		mark = "● "
	}
	if p.Unread > 0 && text == normal {
		text = strong
	}
	news := unreadPiece(p)
	l := m.ruler.cut(line{piece{dim, mark}, name(text, label(p))}, width-m.ruler.width(news.text)-1)
	if news.text == "" {
		return l
	}
	return append(m.ruler.fit(l, width-m.ruler.width(news.text)-1), news, piece{normal, " "})
}

// status says how the connection is, who writes, and what needs attention.
func (m *Model) status() line {
	width, _ := m.size()
	var l line
	switch {
	case m.link.up:
		l = line{piece{good, "● "}, name(normal, firstOf(m.user(), "nobody")+" on "+m.link.node)}
	case !m.link.known:
		l = line{piece{dim, "○ connecting…"}}
	case m.link.tries > 0:
		l = line{piece{bad, "○ "}, name(bad, fmt.Sprintf("no connection, reconnecting (%d): %s", m.link.tries, m.link.why))}
	default:
		l = line{piece{bad, "○ "}, name(bad, "connection lost: "+m.link.why)}
	}
	var more line
	if n := m.undelivered(); n > 0 {
		more = append(more, name(bad, fmt.Sprintf(" · %d not sent: Ctrl-R sends, Ctrl-X gives up", n)))
	}
	if m.scroll > 0 {
		more = append(more, name(warn, fmt.Sprintf(" · %d lines below: Esc", m.scroll)))
	}
	if m.progress != "" {
		more = append(more, name(dim, " · "+m.progress))
	} else if m.busy > 0 {
		more = append(more, name(dim, " · working…"))
	}
	if w := m.writers(); w != "" {
		more = append(more, name(dim, " · "+w))
	}
	// What needs attention is shown in full; why there is no connection is not as long as it is.
	return append(m.ruler.cut(l, max(width-m.ruler.lineWidth(more), width/3)), more...)
}

// writers says who writes here.
func (m *Model) writers() string {
	var who []string
	for _, t := range m.typing {
		if t.place == m.open {
			who = append(who, t.user)
		}
	}
	switch len(who) {
	case 0:
		return ""
	case 1:
		return who[0] + " is writing…"
	case 2:
		return who[0] + " and " + who[1] + " are writing…"
	}
	return fmt.Sprintf("%d people are writing…", len(who))
}

// choiceLine shows what can be chosen, from the one that stands in the line on.
func (m *Model) choiceLine(width int) line {
	var l line
	c := m.choice
	for i := range c.candidates {
		cand := c.candidates[(max(c.at, 0)+i)%len(c.candidates)]
		s := normal
		if i == 0 && c.at >= 0 {
			s = chosen
		}
		l = append(l, name(s, cand.text))
		if i == 0 && c.at >= 0 && cand.hint != "" {
			l = append(l, name(dim, " "+cand.hint))
		}
		l = append(l, piece{normal, "  "})
		if m.ruler.lineWidth(l) > width {
			break
		}
	}
	return m.ruler.cut(l, width)
}

// inputView is what is being written, and where the cursor stands in it.
func (m *Model) inputView() (rows []line, x, y int) {
	width, height := m.size()
	head := m.labelOf(m.open) + "> "
	switch {
	case m.prompt != nil:
		head = m.prompt.label + ": "
	case m.open == "":
		head = "> "
	}
	row := m.ruler.cut(line{name(strong, head)}, width/2)
	indent := m.ruler.lineWidth(row)
	used := indent
	for i, g := range m.input.glyphs {
		if i == m.input.cursor {
			x, y = used, len(rows)
		}
		w := m.ruler.width(g)
		if m.prompt != nil && m.prompt.mask {
			g, w = "•", 1
		}
		if g == "\n" || used+w >= width { // one column stays free for the cursor
			rows = append(rows, row)
			row, used = line{{normal, strings.Repeat(" ", min(indent, 2))}}, min(indent, 2)
			if i == m.input.cursor && g != "\n" {
				x, y = used, len(rows)
			}
		}
		if g != "\n" {
			row = append(row, piece{normal, g})
			used += w
		}
	}
	if m.input.cursor >= len(m.input.glyphs) {
		x, y = used, len(rows)
	}
	rows = append(rows, row)
	most := max(min(inputRows, height/3), 1)
	if len(rows) > most {
		from := min(max(y-most+1, 0), len(rows)-most)
		rows, y = rows[from:from+most], y-from
	}
	return rows, x, y
}

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
			put(m.ruler.wrap(r.notes[n].pieces, m.paneWidth(), 2))
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
	lines := m.ruler.wrap(pieces, m.paneWidth(), 6)
	if len(msg.Reactions) > 0 {
		var l []piece
		for _, r := range msg.Reactions {
			s := normal
			if slices.Contains(r.Users, m.user()) {
				s = strong
			}
			l = append(l, name(s, fmt.Sprintf("%s %d  ", r.Emoji, len(r.Users))))
		}
		for _, l := range m.ruler.wrap(l, m.paneWidth()-6, 0) {
			lines = append(lines, append(line{{normal, "      "}}, l...))
		}
	}
	return lines
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
	return m.ruler.wrap(pieces, m.paneWidth(), 6)
}

// rule is a line across the pane with a word in it.
func (m *Model) rule(s style, word string) line {
	n := max(m.paneWidth()-m.ruler.width(word)-5, 0)
	return line{name(s, "── "+word+" "+strings.Repeat("─", n))}
}

// day is a date in words, and when one with its time, in figures.
func (m *Model) day(t time.Time) string  { return t.In(m.zone).Format("Monday 2 January 2006") }
func (m *Model) when(t time.Time) string { return t.In(m.zone).Format("2006-01-02 15:04") }
