package shell

import (
	"context"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// keyHelp is what /help says of keys.
var keyHelp = [][2]string{
	{"Enter", "send; Alt-Enter or Ctrl-J begins another line"},
	{"Tab", "complete a command, a #channel, an @user, a message"},
	{"Up, Down", "what was entered before"},
	{"PgUp, PgDn", "older and newer messages; Esc goes to the newest"},
	{"Alt-Up, Alt-Down", "the place above and below"},
	{"Alt-A", "the next place with something new"},
	{"Ctrl-R, Ctrl-X", "send again what has failed; give it up"},
	{"Ctrl-A, Ctrl-E, Ctrl-W, Ctrl-U, Ctrl-K, Ctrl-Y", "as in other shells"},
	{"Ctrl-L, Ctrl-Z", "paint the screen anew; suspend"},
}

// Feed changes the model by what has come: a key, a paste, a size, events, an answer. It returns what should be called.
func (m *Model) feed(msg any) []effect {
	switch msg := msg.(type) {
	case answer:
		if msg == nil {
			return nil
		}
		return msg(m)
	case []Event:
		return m.happened(msg)
	case tea.KeyPressMsg:
		return append(m.key(msg), m.follow()...)
	case tea.PasteMsg:
		m.choice = choice{}
		m.input.insert(msg.Content)
		return m.wrote()
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.scroll = 0
	case tea.FocusMsg:
		m.away = false
		return m.follow()
	case tea.BlurMsg:
		m.away = true
	case tea.ModeReportMsg:
		// The terminal says that it takes an emoji of several parts for one; from here on the renderer does as well.
		if msg.Mode == ansi.ModeUnicodeCore && !msg.Value.IsNotRecognized() && !msg.Value.IsPermanentlyReset() {
			m.ruler = graphemes
		}
	}
	return nil
}

func (m *Model) key(k tea.KeyPressMsg) []effect {
	key := k.String()
	if key != "tab" && key != "shift+tab" {
		if key == "esc" && m.choice.active() {
			if c := m.choice; c.at >= 0 {
				m.replace(c.candidates[c.at].text, c.typed)
			}
			m.choice = choice{}
			return nil
		}
		m.choice = choice{}
	}
	if effects, ok := m.command(key); ok {
		return effects
	}
	if edit, ok := editing[key]; ok {
		edit(&m.input)
		return nil
	}
	if k.Text != "" {
		m.input.insert(k.Text)
		return m.wrote()
	}
	return nil
}

// command does what keys do that don't just edit the line.
func (m *Model) command(key string) ([]effect, bool) {
	switch key {
	case "enter":
		return m.enterLine(m.input.text()), true
	case "tab":
		return m.complete(1), true
	case "shift+tab":
		return m.complete(-1), true
	case "up", "ctrl+p":
		m.walk(1)
	case "down", "ctrl+n":
		m.walk(-1)
	case "pgup", "shift+up":
		return m.scrollBy(m.paneHeight() - 1), true
	case "pgdown", "shift+down":
		return m.scrollBy(1 - m.paneHeight()), true
	case "esc":
		m.scroll = 0
		if p := m.prompt; p != nil {
			m.prompt = nil
			m.input.set(p.draft)
			m.tell("Nothing was done.")
		}
	case "alt+up":
		return m.next(-1, false), true
	case "alt+down":
		return m.next(1, false), true
	case "alt+a":
		return m.next(1, true), true
	case "ctrl+r":
		return m.retry(), true
	case "ctrl+x":
		return m.discard(), true
	case "ctrl+c":
		m.quitting = true
	case "ctrl+d":
		if !m.input.empty() {
			m.input.cut(m.input.cursor, m.input.cursor+1)
			break
		}
		m.quitting = true
	default:
		return nil, false
	}
	return nil, true
}

// walk goes up and down: within what is being written first, then into what was entered before.
func (m *Model) walk(step int) {
	if step > 0 && m.input.up() || step < 0 && m.input.down() || m.prompt != nil {
		return
	}
	if text, ok := m.past.walk(step, m.input.text()); ok {
		m.input.set(text)
	}
}

// editing are the keys that change the line or move in it.
var editing = map[string]func(e *editor){
	"alt+enter":     func(e *editor) { e.insert("\n") },
	"shift+enter":   func(e *editor) { e.insert("\n") },
	"ctrl+j":        func(e *editor) { e.insert("\n") },
	"left":          func(e *editor) { e.move(e.cursor - 1) },
	"right":         func(e *editor) { e.move(e.cursor + 1) },
	"ctrl+b":        func(e *editor) { e.move(e.cursor - 1) },
	"ctrl+f":        func(e *editor) { e.move(e.cursor + 1) },
	"home":          func(e *editor) { e.move(e.lineStart()) },
	"ctrl+a":        func(e *editor) { e.move(e.lineStart()) },
	"end":           func(e *editor) { e.move(e.lineEnd()) },
	"ctrl+e":        func(e *editor) { e.move(e.lineEnd()) },
	"alt+b":         func(e *editor) { e.move(e.wordLeft()) },
	"alt+left":      func(e *editor) { e.move(e.wordLeft()) },
	"ctrl+left":     func(e *editor) { e.move(e.wordLeft()) },
	"alt+f":         func(e *editor) { e.move(e.wordRight()) },
	"alt+right":     func(e *editor) { e.move(e.wordRight()) },
	"ctrl+right":    func(e *editor) { e.move(e.wordRight()) },
	"backspace":     func(e *editor) { e.cut(e.cursor-1, e.cursor) },
	"ctrl+h":        func(e *editor) { e.cut(e.cursor-1, e.cursor) },
	"delete":        func(e *editor) { e.cut(e.cursor, e.cursor+1) },
	"ctrl+w":        func(e *editor) { e.kill(e.wordLeft(), e.cursor) },
	"alt+backspace": func(e *editor) { e.kill(e.wordLeft(), e.cursor) },
	"alt+d":         func(e *editor) { e.kill(e.cursor, e.wordRight()) },
	"ctrl+u":        func(e *editor) { e.kill(e.lineStart(), e.cursor) },
	"ctrl+k":        func(e *editor) { e.kill(e.cursor, e.lineEnd()) },
	"ctrl+y":        func(e *editor) { e.insert(e.killed) },
}

// wrote tells the others that somebody writes, now and then, if it is for them.
func (m *Model) wrote() []effect {
	if m.hush || m.open == "" || m.prompt != nil || !m.link.up || m.pipe || strings.HasPrefix(m.input.text(), "/") {
		return nil
	}
	m.hush = true
	id := m.open
	effects := quietly(m,
		func(ctx context.Context, b Backend) (struct{}, error) { return struct{}{}, b.Typing(ctx, id) },
		func(*Model, struct{}, error) []effect { return nil })
	return append(effects, later(typingEvery, func(m *Model) []effect {
		m.hush = false
		return nil
	})...)
}
