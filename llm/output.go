package llm

import (
	"errors"
	"unicode/utf8"
)

// ErrFull is what an Output says when the text has met its limit of bytes. A provider stops then, and finishes by Length.
var ErrFull = errors.New("the text is as long as it may be")

// An Output is what stands between a backend and emit: it makes pieces of whole characters and ends a
// text at its limit.
type Output struct {
	limit int
	emit  func(string) error
	sent  int
	rest  []byte // the beginning of a character whose end has not come
}

// NewOutput returns an output for one text.
func NewOutput(l Limits, emit func(string) error) *Output {
	return &Output{limit: l.Bytes, emit: emit}
}

// Write takes the next bytes of the text, cut anywhere. After an error it must not be called again.
func (o *Output) Write(piece string) error {
	b := append(o.rest, piece...)
	n := len(b)
	for i := 1; i <= min(utf8.UTFMax-1, len(b)); i++ { // a character that is not whole yet
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(b[len(b)-i:]) {
				n -= i
			}
			break
		}
	}
	o.rest = append([]byte(nil), b[n:]...)
	return o.send(b[:n])
}

// Flush sends what is left, at the end of the text.
func (o *Output) Flush() error {
	b := o.rest
	o.rest = nil
	return o.send(b)
}

// Bytes returns how much was emitted.
func (o *Output) Bytes() int { return o.sent }

func (o *Output) send(b []byte) error {
	b = []byte(toValid(b))
	full := false
	if room := o.limit - o.sent; o.limit > 0 && len(b) > room {
		for room > 0 && !utf8.RuneStart(b[room]) {
			room--
		}
		b, full = b[:room], true
	}
	if len(b) > 0 {
		o.sent += len(b)
		if err := o.emit(string(b)); err != nil {
			return err
		}
	}
	if full {
		return ErrFull
	}
	return nil
}

// toValid puts U+FFFD in the place of what is no UTF-8.
func toValid(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return string([]rune(string(b)))
}
