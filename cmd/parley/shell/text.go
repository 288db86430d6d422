package shell

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"parley/cmd/parley/plain"
)

// A piece is text in one style. Text gets into a piece through say alone, which cleans it; all that is shown is pieces.
type piece struct {
	style style
	text  string
}

// A line is what stands on one line of the screen.
type line []piece

// say makes a piece of any text, whoever wrote it.
func say(s style, text string) piece { return piece{s, plain.Text(text)} }

// name makes a piece of what has to be one line: a name, a title, an error.
func name(s style, text string) piece { return piece{s, plain.Line(text)} }

// A style is a role that a piece plays; palette says how it looks.
type style uint8

const (
	normal style = iota
	dim
	strong
	heading
	chosen // the current place
	good
	warn
	bad
	mention
	nick // and five more: nicks have colours of their own
)

const nicks = 6

// nickStyle is the style of a user's name, the same wherever it stands.
func nickStyle(username string) style {
	h := uint32(2166136261)
	for i := range len(username) {
		h = (h ^ uint32(username[i])) * 16777619
	}
	return nick + style(h%nicks)
}

// palette holds the sixteen colours' names only: what they look like is the terminal's to say, and its user has chosen.
var palette = [...]ansi.Style{
	normal:   {},
	dim:      ansi.NewStyle().Faint(),
	strong:   ansi.NewStyle().Bold(),
	heading:  ansi.NewStyle().Bold(),
	chosen:   ansi.NewStyle().Bold().Reverse(true),
	good:     ansi.NewStyle().ForegroundColor(ansi.Green),
	warn:     ansi.NewStyle().ForegroundColor(ansi.Yellow),
	bad:      ansi.NewStyle().ForegroundColor(ansi.Red),
	mention:  ansi.NewStyle().Bold().ForegroundColor(ansi.Yellow),
	nick:     ansi.NewStyle().Bold().ForegroundColor(ansi.Cyan),
	nick + 1: ansi.NewStyle().Bold().ForegroundColor(ansi.Green),
	nick + 2: ansi.NewStyle().Bold().ForegroundColor(ansi.Magenta),
	nick + 3: ansi.NewStyle().Bold().ForegroundColor(ansi.Blue),
	nick + 4: ansi.NewStyle().Bold().ForegroundColor(ansi.BrightRed),
	nick + 5: ansi.NewStyle().Bold().ForegroundColor(ansi.BrightCyan),
}

// paint is a line as the terminal gets it.
func paint(l line, color bool) string {
	var b strings.Builder
	for _, p := range l {
		if !color || p.style == normal || p.text == "" {
			b.WriteString(p.text)
			continue
		}
		b.WriteString(palette[p.style].Styled(p.text))
	}
	return b.String()
}

// graphemes is the ruler that takes for one what looks like one.
var graphemes = ruler{ansi.GraphemeWidth}

// A ruler measures text as the terminal will: some take an emoji of several parts for one, others count each part.
type ruler struct{ ansi.Method }

func (r ruler) width(s string) int { return r.StringWidth(r.tame(s)) }

// Width is how many cells a terminal of today gives a text of one line that is safe to show.
func Width(s string) int { return graphemes.width(s) }

// tame takes apart what a terminal that counts each part would show in more cells than anybody can tell: an emoji of
// several people becomes several emoji, a colour of skin is left away. A terminal that takes it for one gets it as it is.
func (r ruler) tame(s string) string {
	if r == graphemes || !strings.ContainsFunc(s, binds) {
		return s
	}
	var b strings.Builder
	runes := []rune(s)
	for i, c := range runes {
		switch {
		case c == joiner && (i == len(runes)-1 || !pictured(runes[i+1])):
			b.WriteRune(c) // it joins letters
		case !binds(c):
			b.WriteRune(c)
		}
	}
	return b.String()
}

const joiner = '\u200d'

// binds reports whether a character makes one emoji of several, or another one of an emoji.
func binds(c rune) bool {
	return c == joiner || c == 0xfe0f || c == 0xfe0e || c >= 0x1f3fb && c <= 0x1f3ff
}

// pictured reports whether a character is a picture.
func pictured(c rune) bool { return c >= 0x2600 && c <= 0x27bf || c >= 0x1f000 && c <= 0x1faff }

func (r ruler) lineWidth(l line) (n int) {
	for _, p := range l {
		n += r.width(p.text)
	}
	return n
}

// A glyph is what stands in one or two cells, or in none and goes with the one before.
type glyph struct {
	text  string
	width int
	style style
}

func (r ruler) glyphs(pieces []piece) (gs []glyph) {
	for _, p := range pieces {
		for s := r.tame(p.text); s != ""; {
			if c := s[0]; c < 0x80 && (len(s) == 1 || s[1] < 0x80) { // ASCII before ASCII
				gs, s = append(gs, glyph{s[:1], 1, p.style}), s[1:]
				continue
			}
			text, width := ansi.FirstGraphemeCluster(s, r.Method)
			gs, s = append(gs, glyph{text, width, p.style}), s[len(text):]
		}
	}
	return gs
}

func join(gs []glyph) (l line) {
	for i := 0; i < len(gs); {
		var b strings.Builder
		s := gs[i].style
		for ; i < len(gs) && gs[i].style == s; i++ {
			b.WriteString(gs[i].text)
		}
		l = append(l, piece{s, b.String()})
	}
	return l
}

// wrap breaks pieces into lines of at most width cells: at new lines, between words, and inside a word that is longer than
// a line. A line that goes on with the one before begins with hang blanks, one behind a new line with indent.
func (r ruler) wrap(pieces []piece, width, hang, indent int) (lines []line) {
	if hang > width/2 {
		hang = min(indent+4, width/2)
	}
	gs := r.glyphs(pieces)
	blanks := 0
	for {
		room := max(width-blanks, 2) // a wide character fits
		end, next := breakAt(gs, room)
		l := join(gs[:end])
		if blanks > 0 && end > 0 {
			l = append(line{{normal, strings.Repeat(" ", blanks)}}, l...)
		}
		lines = append(lines, l)
		if next < 0 {
			return lines
		}
		if blanks = hang; gs[next-1].text == "\n" {
			blanks = indent
		}
		gs = gs[next:]
	}
}

// breakAt returns where the first line of glyphs ends and where the next one begins, or -1.
func breakAt(gs []glyph, room int) (end, next int) {
	used, blank := 0, -1
	for i, g := range gs {
		if g.text == "\n" {
			return i, i + 1
		}
		if used += g.width; used > room {
			switch {
			case g.text == " ":
				return i, i + 1
			case blank > 0:
				return blank, blank + 1
			}
			return max(i, 1), max(i, 1)
		}
		if g.text == " " && i > 0 && gs[i-1].text != " " {
			blank = i
		}
	}
	return len(gs), -1
}

// fit makes a line exactly width cells wide: what is too long ends in an ellipsis, what is short in blanks.
func (r ruler) fit(l line, width int) line {
	l = r.cut(l, width)
	if n := width - r.lineWidth(l); n > 0 {
		l = append(l[:len(l):len(l)], piece{normal, strings.Repeat(" ", n)})
	}
	return l
}

// cut makes a line at most width cells wide.
func (r ruler) cut(l line, width int) line {
	if r.lineWidth(l) <= width {
		return l
	}
	gs := r.glyphs(l)
	used, n := 0, 0
	for n < len(gs) && used+gs[n].width <= width-1 {
		used += gs[n].width
		n++
	}
	if width <= 0 {
		return nil
	}
	return append(join(gs[:n]), piece{dim, "…"})
}
