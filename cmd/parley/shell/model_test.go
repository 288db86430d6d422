package shell

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the screens of testdata anew")

// A desk is a model and a visitor, without a terminal and without a goroutine: calls are made when their effect is there,
// and timers when the test says so.
type desk struct {
	t *testing.T
	*Model
	v      *visitor
	timers []effect
	held   []effect // calls that are not made yet
	hold   bool
}

func newDesk(t *testing.T, v *visitor, width, height int) *desk {
	n := 0
	d := &desk{t: t, v: v, Model: newModel(config{zone: time.UTC, newKey: func() string { n++; return fmt.Sprintf("%p-%d", v, n) }})}
	d.do(d.start())
	d.put(tea.WindowSizeMsg{Width: width, Height: height})
	return d
}

// put feeds the model and makes the calls that follow.
func (d *desk) put(msg any) { d.do(d.feed(msg)) }

func (d *desk) do(effects []effect) {
	for _, e := range effects {
		switch {
		case e.after > 0:
			d.timers = append(d.timers, e)
		case d.hold:
			d.held = append(d.held, e)
		default:
			a := runEffect(context.Background(), e, d.v, func(a answer) { d.do(a(d.Model)) })
			d.put(a)
		}
	}
	if events := d.v.pending(); len(events) > 0 {
		d.put(events)
	}
}

// release makes the calls that were held.
func (d *desk) release() {
	d.hold = false
	held := d.held
	d.held = nil
	d.do(held)
}

// ring lets all timers run out.
func (d *desk) ring() {
	timers := d.timers
	d.timers = nil
	for _, e := range timers {
		d.put(runEffect(context.Background(), e, d.v, nil))
	}
}

// hear feeds what others have done.
func (d *desk) hear() { d.do(nil) }

// types types keys: text, and names of keys in <>.
func (d *desk) types(keys string) {
	for keys != "" {
		if strings.HasPrefix(keys, "<") {
			name, rest, _ := strings.Cut(keys[1:], ">")
			keys = rest
			d.put(named(name))
			continue
		}
		g := split(keys)[0]
		d.put(tea.KeyPressMsg{Text: g, Code: []rune(g)[0]})
		keys = keys[len(g):]
	}
}

// named is a key by its name.
func named(name string) tea.KeyPressMsg {
	var mod tea.KeyMod
	for {
		if rest, ok := strings.CutPrefix(name, "ctrl+"); ok {
			mod, name = mod|tea.ModCtrl, rest
		} else if rest, ok := strings.CutPrefix(name, "alt+"); ok {
			mod, name = mod|tea.ModAlt, rest
		} else if rest, ok := strings.CutPrefix(name, "shift+"); ok {
			mod, name = mod|tea.ModShift, rest
		} else {
			break
		}
	}
	codes := map[string]rune{"enter": tea.KeyEnter, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft,
		"right": tea.KeyRight, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "esc": tea.KeyEscape, "backspace": tea.KeyBackspace,
		"delete": tea.KeyDelete, "home": tea.KeyHome, "end": tea.KeyEnd}
	code, ok := codes[name]
	if !ok {
		code = []rune(name)[0]
	}
	return tea.KeyPressMsg{Code: code, Mod: mod}
}

// look is the screen as text, with the cursor as ▏ in front of the cell that it is in.
func (d *desk) look() string {
	p := d.view()
	var b strings.Builder
	for y, l := range p.lines {
		text := paint(l, false)
		if y == p.y {
			left, right := "", text
			for d.ruler.width(left) < p.x {
				if right == "" {
					right = " "
				}
				g := split(right)[0]
				left, right = left+g, right[len(g):]
			}
			text = left + "▏" + right
		}
		b.WriteString(strings.TrimRight(text, " ") + "\n")
	}
	return b.String()
}

// shows compares the screen with one of testdata.
func (d *desk) shows(name string) {
	d.t.Helper()
	path := filepath.Join("testdata", "screens", name+".txt")
	if *update {
		require.NoError(d.t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(d.t, os.WriteFile(path, []byte(d.look()), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(d.t, err)
	require.Equal(d.t, string(want), d.look(), "%s; -update writes the screens anew", path)
	d.fits()
}

// fits checks what holds of every screen.
func (d *desk) fits() {
	d.t.Helper()
	p := d.view()
	require.LessOrEqual(d.t, len(p.lines), max(d.height, 5))
	for _, l := range p.lines {
		require.LessOrEqual(d.t, d.ruler.lineWidth(l), max(d.width, 16), "%q", paint(l, false))
		require.NotContains(d.t, paint(l, false), "\n")
	}
	require.True(d.t, p.x >= 0 && p.x < max(d.width, 16) && p.y >= 0 && p.y < len(p.lines), "the cursor is at %d,%d", p.x, p.y)
}

func TestR25_TheListShowsWhatIsNewAndWhereOneIs(t *testing.T) {
	town := newTown()
	town.says("bob", "#tech", "new compiler is out")
	town.says("bob", "#tech", "what do you think, @alice?")
	town.says("charlie", "@alice", "lunch?")
	d := newDesk(t, town.visitAs("alice"), 100, 14)
	d.shows("lobby")
	d.types("join general<enter>")
	d.shows("general-empty")
	town.says("bob", "#general", "good morning")
	town.says("charlie", "#random", "rain again")
	d.hear()
	d.types("hello")
	d.shows("general-typing")
	d.types("<enter>")
	d.shows("general-sent")
	d.types("<alt+a>")
	d.shows("random-read")
	d.types("/switch tech<enter>")
	d.shows("tech-mention")
}
