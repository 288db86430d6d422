package cli

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// printJSON writes one value as one line.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.Out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// clean makes text of others safe to show: it drops what moves a terminal's cursor,
// changes its colours or title, and what reorders characters, so that a message
// can't look like something else. New lines stay, with an indent that no other
// line has, so that a message can't fake the next one.
func clean(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString("\n    ")
		case r == '\t':
			b.WriteByte(' ')
		case r == utf8.RuneError, !hidden(r):
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hidden reports whether a character is a control (C0, DEL, C1), a line or
// paragraph separator, or one of those that set the direction of text.
func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// style returns a function that paints text, if the output is a terminal and
// the user wants colour (https://no-color.org).
func style(out io.Writer, code string) func(string) string {
	f, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return func(s string) string { return s }
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(s string) string { return s }
	}
	return func(s string) string { return "\x1b[" + code + "m" + s + "\x1b[0m" }
}
