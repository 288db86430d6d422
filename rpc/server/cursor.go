package server

import (
	"encoding/base64"
	"encoding/binary"

	"parley/raft"
	"parley/rpc/convert"
	"parley/statemachine/state"
)

// Cursors say where a page ends: a name, or a number. They are opaque to callers, and in a form that shows it, so
// that nobody comes to rely on what is in them.

const (
	cursorOfName   = 'n'
	cursorOfNumber = 'p'
	cursorOfRecord = 'r'
	// cursorBytesMax bounds a cursor: it holds a channel's name at most.
	cursorBytesMax = 512
)

func nameCursor(name string) string {
	if name == "" {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(append([]byte{cursorOfName}, name...))
}

func nameFrom(cursor string) (string, error) {
	b, err := cursorBytes(cursor, cursorOfName)
	return string(b), err
}

func numberCursor[T ~uint64](n T) string {
	if n == 0 {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(binary.AppendUvarint([]byte{cursorOfNumber}, uint64(n)))
}

func numberFrom[T ~uint64](cursor string) (T, error) {
	b, err := cursorBytes(cursor, cursorOfNumber)
	if err != nil || len(b) == 0 {
		return 0, err
	}
	n, read := binary.Uvarint(b)
	if read != len(b) || n == 0 || numberCursor(n) != cursor {
		return 0, errCursor()
	}
	return T(n), nil
}

// auditCursor is that of the audit log, whose records have two numbers.
func auditCursor(position raft.Position, number uint64) string {
	return base64.RawURLEncoding.EncodeToString(binary.AppendUvarint(binary.AppendUvarint([]byte{cursorOfRecord}, uint64(position)), number))
}

func auditFrom(cursor string) (position raft.Position, number uint64, err error) {
	b, err := cursorBytes(cursor, cursorOfRecord)
	if err != nil || len(b) == 0 {
		return 0, 0, err
	}
	p, n := binary.Uvarint(b)
	number, m := binary.Uvarint(b[max(n, 0):])
	if n <= 0 || m <= 0 || auditCursor(raft.Position(p), number) != cursor {
		return 0, 0, errCursor()
	}
	return raft.Position(p), number, nil
}

// cursorBytes returns what a cursor of a form holds; none of no cursor.
func cursorBytes(cursor string, form byte) ([]byte, error) {
	if cursor == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(cursor) > cursorBytesMax || len(b) < 2 || b[0] != form {
		return nil, errCursor()
	}
	return b[1:], nil
}

func errCursor() error {
	return convert.RejectionError(state.Invalidf("cursor", "CURSOR_INVALID", "The cursor is none of this method's: use next_cursor of the page before."))
}
