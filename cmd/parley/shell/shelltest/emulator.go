package shelltest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// An emulator is the memory of a terminal like xterm: a grid of cells, a cursor, a few modes. It takes wide characters for
// two cells. What it does not know it takes down in unknown: a screen that rests on it would be a guess.
type emulator struct {
	parser        *ansi.Parser
	width, height int
	cells         [][]string // "" is the right half of a wide character
	main          [][]string // the main screen, while the other one is shown
	x, y          int
	savedX        int
	savedY        int
	wrap          bool // the next character begins the next line
	top, bottom   int  // the scrolling region, bottom excluded
	last          string
	modes         map[int]bool
	keyboard      int // depth of the stack of keyboard modes
	title         string
	answers       []byte // what the terminal answers to questions
	unknown       []string
}

// Modes as DECSET numbers them.
const (
	modeCursor    = 25
	modeFocus     = 1004
	modeAltScreen = 1049
	modePaste     = 2004
)

func newEmulator(width, height int) *emulator {
	e := &emulator{parser: ansi.NewParser(), modes: map[int]bool{modeCursor: true}}
	e.parser.SetHandler(ansi.Handler{Print: e.print, Execute: e.control, HandleCsi: e.csi, HandleEsc: e.esc, HandleOsc: e.osc,
		HandleDcs: func(ansi.Cmd, ansi.Params, []byte) {}})
	e.resize(width, height)
	return e
}

func (e *emulator) Write(b []byte) (int, error) {
	e.parser.Parse(b)
	return len(b), nil
}

func (e *emulator) resize(width, height int) {
	fit := func(old [][]string) [][]string {
		cells := make([][]string, height)
		for y := range cells {
			cells[y] = blanks(width)
			if y < len(old) {
				copy(cells[y], old[y])
			}
		}
		return cells
	}
	e.cells = fit(e.cells)
	if e.main != nil {
		e.main = fit(e.main)
	}
	e.width, e.height, e.top, e.bottom = width, height, 0, height
	e.x, e.y = min(e.x, width-1), min(e.y, height-1)
}

func blanks(n int) []string { return slices.Repeat([]string{" "}, n) }

func (e *emulator) print(r rune) {
	w := ansi.WcWidth.StringWidth(string(r))
	if w == 0 { // goes with the character before
		x := e.x - 1
		if e.wrap {
			x = e.x
		}
		if x > 0 && e.cells[e.y][x] == "" {
			x--
		}
		if x >= 0 {
			e.cells[e.y][x] += string(r)
		}
		return
	}
	if e.wrap || e.x+w > e.width {
		e.x, e.wrap = 0, false
		e.lineFeed()
	}
	e.erase(e.x, e.x+w)
	e.cells[e.y][e.x] = string(r)
	for i := 1; i < w; i++ {
		e.cells[e.y][e.x+i] = ""
	}
	e.last = string(r)
	if e.x += w; e.x >= e.width {
		e.x, e.wrap = e.width-1, true
	}
}

// erase blanks cells of the cursor's line. Half of a wide character is none.
func (e *emulator) erase(from, to int) {
	row := e.cells[e.y]
	to = min(to, e.width)
	if from < to && row[from] == "" && from > 0 {
		row[from-1] = " "
	}
	if to < e.width && row[to] == "" {
		row[to] = " "
	}
	for x := from; x < to; x++ {
		row[x] = " "
	}
}

func (e *emulator) control(b byte) {
	switch b {
	case '\r':
		e.x, e.wrap = 0, false
	case '\n', '\v', '\f':
		e.lineFeed()
	case '\b':
		e.x, e.wrap = max(e.x-1, 0), false
	case '\t':
		e.x = min((e.x/8+1)*8, e.width-1)
	case '\a', 0, 0x0e, 0x0f:
	default:
		e.unknown = append(e.unknown, fmt.Sprintf("control %#x", b))
	}
}

func (e *emulator) lineFeed() {
	e.wrap = false
	if e.y == e.bottom-1 {
		e.scroll(e.top, 1)
		return
	}
	e.y = min(e.y+1, e.height-1)
}

// scroll moves the lines from one on up, or down if n is negative, within the scrolling region.
func (e *emulator) scroll(from, n int) {
	region := e.cells[from:e.bottom]
	for range min(max(n, -n), len(region)) {
		if n > 0 {
			copy(region, region[1:])
			region[len(region)-1] = blanks(e.width)
		} else {
			copy(region[1:], region)
			region[0] = blanks(e.width)
		}
	}
}

func (e *emulator) move(x, y int) {
	e.x, e.y, e.wrap = min(max(x, 0), e.width-1), min(max(y, 0), e.height-1), false
}

func (e *emulator) esc(cmd ansi.Cmd) {
	switch cmd.Final() {
	case 'M': // reverse index
		if e.y == e.top {
			e.scroll(e.top, -1)
		} else {
			e.move(e.x, e.y-1)
		}
	case '7':
		e.savedX, e.savedY = e.x, e.y
	case '8':
		e.move(e.savedX, e.savedY)
	case '=', '>', '\\', 'B', '0': // keypad modes, the end of a string, character sets
	default:
		e.unknown = append(e.unknown, "ESC "+string(rune(cmd.Final())))
	}
}

func (e *emulator) csi(cmd ansi.Cmd, params ansi.Params) {
	n := func(i, missing int) int {
		v, _, ok := params.Param(i, missing)
		if !ok || v == 0 && missing == 1 {
			return missing
		}
		return v
	}
	if cmd.Prefix() != 0 || cmd.Intermediate() != 0 {
		e.private(cmd, params, n)
		return
	}
	switch cmd.Final() {
	case 'A':
		e.move(e.x, e.y-n(0, 1))
	case 'B', 'e':
		e.move(e.x, e.y+n(0, 1))
	case 'C', 'a':
		e.move(e.x+n(0, 1), e.y)
	case 'D':
		e.move(e.x-n(0, 1), e.y)
	case 'G', '`':
		e.move(n(0, 1)-1, e.y)
	case 'd':
		e.move(e.x, n(0, 1)-1)
	case 'H', 'f':
		e.move(n(1, 1)-1, n(0, 1)-1)
	case 'I':
		e.move((e.x/8+n(0, 1))*8, e.y)
	case 'Z':
		e.move(((e.x+7)/8-n(0, 1))*8, e.y)
	case 'J':
		e.clear(n(0, 0))
	case 'K':
		e.erase([]int{e.x, 0, 0}[n(0, 0)], []int{e.width, e.x + 1, e.width}[n(0, 0)])
	case 'X':
		e.erase(e.x, e.x+n(0, 1))
	case 'b':
		for range n(0, 1) {
			for _, r := range e.last {
				e.print(r)
			}
		}
	case '@':
		row := e.cells[e.y]
		e.cells[e.y] = append(append(slices.Clone(row[:e.x]), blanks(n(0, 1))...), row[e.x:]...)[:e.width]
	case 'P':
		row, k := e.cells[e.y], min(n(0, 1), e.width-e.x)
		e.cells[e.y] = append(append(slices.Clone(row[:e.x]), row[e.x+k:]...), blanks(k)...)
	case 'L':
		e.scroll(e.y, -n(0, 1))
	case 'M':
		e.scroll(e.y, n(0, 1))
	case 'S':
		e.scroll(e.top, n(0, 1))
	case 'T':
		e.scroll(e.top, -n(0, 1))
	case 'r':
		e.top, e.bottom = n(0, 1)-1, min(n(1, e.height), e.height)
		e.move(0, 0)
	case 's':
		e.savedX, e.savedY = e.x, e.y
	case 'u':
		e.move(e.savedX, e.savedY)
	case 'm', 't': // colours, the window
	default:
		e.unknown = append(e.unknown, "CSI "+string(rune(cmd.Final())))
	}
}

// private are the sequences with a prefix: modes, and questions.
func (e *emulator) private(cmd ansi.Cmd, params ansi.Params, n func(i, missing int) int) {
	switch {
	case cmd.Prefix() == '?' && cmd.Final() == 'h', cmd.Prefix() == '?' && cmd.Final() == 'l':
		params.ForEach(0, func(_, mode int, _ bool) { e.mode(mode, cmd.Final() == 'h') })
	case cmd.Prefix() == '?' && cmd.Intermediate() == '$' && cmd.Final() == 'p':
		e.answers = fmt.Appendf(e.answers, "\x1b[?%d;0$y", n(0, 0)) // no such mode
	case cmd.Prefix() == '>' && cmd.Final() == 'u':
		e.keyboard++
	case cmd.Prefix() == '<' && cmd.Final() == 'u':
		e.keyboard -= n(0, 1)
	case cmd.Prefix() == '=' && cmd.Final() == 'u', cmd.Prefix() == '?' && cmd.Final() == 'u':
	case cmd.Prefix() == '>' && (cmd.Final() == 'm' || cmd.Final() == 'q'): // keys, the terminal's name
	case cmd.Intermediate() == ' ' && cmd.Final() == 'q': // the cursor's shape
	case cmd.Intermediate() == '$' && cmd.Final() == 'p':
	case cmd.Prefix() == '?' && cmd.Final() == 'W': // tab stops as they are
	default:
		e.unknown = append(e.unknown, fmt.Sprintf("CSI %c %c %c", cmd.Prefix(), cmd.Intermediate(), cmd.Final()))
	}
}

func (e *emulator) mode(mode int, on bool) {
	if mode == modeAltScreen && on != e.modes[mode] {
		if on {
			e.main, e.cells = e.cells, nil
			e.savedX, e.savedY = e.x, e.y
			x, y := e.x, e.y
			e.resize(e.width, e.height)
			e.move(x, y)
		} else {
			e.cells, e.main = e.main, nil
			e.move(e.savedX, e.savedY)
		}
	}
	e.modes[mode] = on
}

func (e *emulator) clear(what int) {
	y := e.y
	defer func() { e.y = y }()
	rows := func(from, to int) {
		for e.y = from; e.y < to; e.y++ {
			e.erase(0, e.width)
		}
	}
	switch what {
	case 0:
		e.erase(e.x, e.width)
		rows(y+1, e.height)
	case 1:
		e.erase(0, e.x+1)
		rows(0, y)
	case 2, 3:
		rows(0, e.height)
	}
}

func (e *emulator) osc(cmd int, data []byte) {
	if cmd == 0 || cmd == 2 {
		e.title = string(data)
	}
}

// rows is the screen as text, without the blanks at the ends of lines.
func (e *emulator) rows() []string {
	rows := make([]string, e.height)
	for y, row := range e.cells {
		rows[y] = strings.TrimRight(strings.Join(row, ""), " ")
	}
	return rows
}
