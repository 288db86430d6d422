package cli

import (
	"encoding/json"
	"os"

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
	f, ok := a.Out.(*os.File)
	if !ok || a.Getenv("NO_COLOR") != "" || a.Getenv("TERM") == "dumb" {
		return func(s string) string { return s }
	}
	if info, err := f.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return func(s string) string { return s }
	}
	return func(s string) string { return "\x1b[" + code + "m" + s + "\x1b[0m" }
}
