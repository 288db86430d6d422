package cli

import (
	"encoding/json"
	"io"
	"os"

	"parley/cmd/internal/usage"
	"parley/cmd/parley/plain"
)

// printJSON writes one value as one line.
func (a *app) printJSON(v any) error {
	e := json.NewEncoder(a.Out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// clean makes text of others safe to show. Its new lines stay, with an indent that no other line has.
func clean(s string) string { return plain.Indented(s, "    ") }

// style returns a function that paints text, if the output is a terminal and
// the user wants colour (https://no-color.org).
func (a *app) style(code string) func(string) string {
	if !a.onTerminal() || a.Getenv("NO_COLOR") != "" || a.Getenv("TERM") == "dumb" {
		return func(s string) string { return s }
	}
	return func(s string) string { return "\x1b[" + code + "m" + s + "\x1b[0m" }
}

// onTerminal reports whether stdout is one.
func (a *app) onTerminal() bool {
	f, ok := a.stdout().(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// stdout is what Out writes to: for other programs, and for who asks what it is.
func (a *app) stdout() io.Writer {
	if out, ok := a.Out.(*usage.Output); ok {
		return out.To()
	}
	return a.Out
}
