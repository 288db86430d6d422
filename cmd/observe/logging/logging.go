// Package logging makes the log of a node: lines of text or JSON (log/slog), whose level can be changed while the node
// runs.
//
// What may stand in a line: ids, addresses, positions, counts, durations, names of methods, reasons of refusals. What may
// not: passwords, tokens, secrets of logins, names that people chose, and texts of messages and documents. The test in
// observe drives every method with marked ones and looks for them.
package logging

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Format is how lines look.
type Format string

// The formats.
const (
	Text Format = "text" // key=value, for people
	JSON Format = "json" // an object a line, for programs
)

// ParseFormat reads a format; empty is Text.
func ParseFormat(s string) (Format, error) {
	switch f := Format(strings.ToLower(s)); f {
	case "":
		return Text, nil
	case Text, JSON:
		return f, nil
	}
	return "", fmt.Errorf("%q is no format of the log: it is text or json", s)
}

// ParseLevel reads a level; empty is info.
func ParseLevel(s string) (slog.Level, error) {
	switch strings.ToLower(s) {
	case "debug":
		return slog.LevelDebug, nil
	case "", "info":
		return slog.LevelInfo, nil
	case "warn":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("%q is no level of the log: it is debug, info, warn or error", s)
}

// New returns a logger that writes to w, and its level.
func New(w io.Writer, f Format, level slog.Level) (*slog.Logger, *slog.LevelVar) {
	v := new(slog.LevelVar)
	v.Set(level)
	o := &slog.HandlerOptions{Level: v}
	if f == JSON {
		return slog.New(slog.NewJSONHandler(w, o)), v
	}
	return slog.New(slog.NewTextHandler(w, o)), v
}
