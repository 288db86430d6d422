package shell

import (
	"fmt"
	"strings"

	"parley/cmd/parley/plain"
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
	lines []line
	x, y  int
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
		for j, p := range lines[i] {
			lines[i][j].text = m.ruler.tame(p.text)
		}
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
			about = append(about, p.Description, plain.Counted(p.Members, "member"))
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

// writers says who writes here, and who on a document.
func (m *Model) writers() string {
	var who, docs []string
	for _, t := range m.typing {
		switch {
		case t.doc != "":
			docs = append(docs, t.user+" is editing "+excerpt(firstOf(t.title, t.doc)))
		case t.place == m.open:
			who = append(who, t.user)
		}
	}
	if here := writersHere(who); here != "" {
		docs = append([]string{here}, docs...)
	}
	return strings.Join(docs, " · ")
}

func writersHere(who []string) string {
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
