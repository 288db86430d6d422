package shell

import (
	"strings"

	"parley/cmd/parley/plain"
)

// An editor is the line that is written on, or the lines. Its cursor stands before a glyph: what looks like one character
// is deleted as one.
type editor struct {
	glyphs []string
	cursor int
	killed string // what Ctrl-Y brings back
}

func (e *editor) text() string { return strings.Join(e.glyphs, "") }
func (e *editor) empty() bool  { return len(e.glyphs) == 0 }

// before is the text up to the cursor.
func (e *editor) before() string { return strings.Join(e.glyphs[:e.cursor], "") }

// set replaces everything; the cursor is at the end.
func (e *editor) set(text string) {
	e.glyphs, e.cursor = nil, 0
	e.insert(text)
}

// insert writes at the cursor. What is pasted may hold anything; what a line can't show is dropped.
func (e *editor) insert(text string) {
	text = plain.Text(strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n"))
	if room := inputBytesMax - len(e.text()); len(text) > room {
		text = strings.ToValidUTF8(text[:max(room, 0)], "")
	}
	// A mark belongs to what is before it, so that the text up to here is divided anew.
	head := split(e.before() + text)
	e.glyphs = append(head, e.glyphs[e.cursor:]...)
	e.cursor = len(head)
}

// split divides a text into what looks like characters.
func split(text string) (glyphs []string) {
	for _, g := range graphemes.glyphs([]piece{{text: text}}) {
		glyphs = append(glyphs, g.text)
	}
	return glyphs
}

// cut deletes from one glyph to another and puts the cursor there.
func (e *editor) cut(from, to int) string {
	from, to = max(from, 0), min(to, len(e.glyphs))
	if from >= to {
		return ""
	}
	gone := strings.Join(e.glyphs[from:to], "")
	e.glyphs = append(e.glyphs[:from:from], e.glyphs[to:]...)
	e.cursor = from
	return gone
}

func (e *editor) kill(from, to int) {
	if gone := e.cut(from, to); gone != "" {
		e.killed = gone
	}
}

func (e *editor) move(to int) { e.cursor = min(max(to, 0), len(e.glyphs)) }

// lineStart and lineEnd are the ends of the line that the cursor is in.
func (e *editor) lineStart() int {
	i := e.cursor
	for i > 0 && e.glyphs[i-1] != "\n" {
		i--
	}
	return i
}

func (e *editor) lineEnd() int {
	i := e.cursor
	for i < len(e.glyphs) && e.glyphs[i] != "\n" {
		i++
	}
	return i
}

// wordLeft and wordRight are the next ends of a word.
func (e *editor) wordLeft() int {
	i := e.cursor
	for i > 0 && strings.TrimSpace(e.glyphs[i-1]) == "" {
		i--
	}
	for i > 0 && strings.TrimSpace(e.glyphs[i-1]) != "" {
		i--
	}
	return i
}

func (e *editor) wordRight() int {
	i := e.cursor
	for i < len(e.glyphs) && strings.TrimSpace(e.glyphs[i]) == "" {
		i++
	}
	for i < len(e.glyphs) && strings.TrimSpace(e.glyphs[i]) != "" {
		i++
	}
	return i
}

// up and down move by a line; they report whether there is one.
func (e *editor) up() bool {
	start := e.lineStart()
	if start == 0 {
		return false
	}
	column := e.cursor - start
	e.cursor = start - 1
	e.cursor = min(e.lineStart()+column, start-1)
	return true
}

func (e *editor) down() bool {
	end := e.lineEnd()
	if end == len(e.glyphs) {
		return false
	}
	column := e.cursor - e.lineStart()
	e.cursor = end + 1
	e.cursor = min(e.cursor+column, e.lineEnd())
	return true
}

// A past is what was entered before. The arrow keys walk through it; what was being written is kept at its end.
type past struct {
	lines []string
	back  int // how far back; 0: the present
	now   string
}

func (p *past) add(text string) {
	p.back, p.now = 0, ""
	if text == "" || len(p.lines) > 0 && p.lines[len(p.lines)-1] == text {
		return
	}
	if p.lines = append(p.lines, text); len(p.lines) > pastMax {
		p.lines = p.lines[1:]
	}
}

// walk goes back or forth and returns what to show; ok is false at either end.
func (p *past) walk(step int, current string) (text string, ok bool) {
	to := p.back + step
	if to < 0 || to > len(p.lines) {
		return "", false
	}
	if p.back == 0 {
		p.now = current
	}
	if p.back = to; to == 0 {
		return p.now, true
	}
	return p.lines[len(p.lines)-to], true
}

// A prompt asks for something that is not a message, such as a password.
type prompt struct {
	label string
	mask  bool
	draft string // what was being written
	then  func(m *Model, text string) []effect
}

// ask puts a question to the user; his next line is the answer. Esc takes the question back.
func (m *Model) ask(label string, mask bool, then func(m *Model, text string) []effect) []effect {
	m.prompt = &prompt{label: label, mask: mask, draft: m.input.text(), then: then}
	m.input.set("")
	m.input.killed = ""
	return nil
}

// answered ends a prompt.
func (m *Model) answered(text string) []effect {
	p := m.prompt
	m.prompt = nil
	m.input.set(p.draft)
	m.input.killed = ""
	return p.then(m, text)
}
