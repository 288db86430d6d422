package shelltest

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// At stake: a test that reads a wrong screen proves nothing.
func TestTheEmulatorPaintsAsATerminalDoes(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"text", "hello", "hello||"},
		{"lines", "one\r\ntwo\r\nthree", "one|two|three"},
		{"the screen scrolls", "1\r\n2\r\n3\r\n4", "2|3|4"},
		{"a long line wraps", "0123456789ab", "0123456789|ab|"},
		{"the last column waits", "0123456789\r\nab", "0123456789|ab|"},
		{"wide characters take two cells", "a漢b", "a漢b||"},
		{"a wide one does not fit into the last cell", "123456789漢", "123456789|漢|"},
		{"half of a wide one is none", "漢字\x1b[1;2Hx", " x字||"},
		{"the other half", "漢字\x1b[1;3Hx", "漢x||"},
		{"a mark goes with its letter", "e\u0301x", "e\u0301x||"},
		{"moving", "\x1b[2;3Hx\x1b[A\x1b[2Dy\x1b[B\x1b[Cz", " y|  xz|"},
		{"columns and rows", "\x1b[3Gx\x1b[3dy\x1b[1`z", "  x||z  y"},
		{"erase to the end", "abcdef\x1b[1;3H\x1b[K", "ab||"},
		{"erase to the start", "abcdef\x1b[1;3H\x1b[1K", "   def||"},
		{"erase some", "abcdef\x1b[1;2H\x1b[2X", "a  def||"},
		{"clear below", "a\r\nb\r\nc\x1b[2;1H\x1b[J", "a||"},
		{"clear all", "a\r\nb\x1b[2J", "||"},
		{"repeat", "x\x1b[3b", "xxxx||"},
		{"insert", "abc\x1b[1;2H\x1b[2@", "a  bc||"},
		{"delete", "abcdef\x1b[1;2H\x1b[2P", "adef||"},
		{"insert a line", "a\r\nb\r\nc\x1b[2;1H\x1b[L", "a||b"},
		{"delete a line", "a\r\nb\r\nc\x1b[2;1H\x1b[M", "a|c|"},
		{"a region scrolls", "a\r\nb\r\nc\x1b[2;3r\x1b[3;1H\nx", "a|c|x"},
		{"scroll up and down", "a\r\nb\r\nc\x1b[S\x1b[2T", "||b"},
		{"reverse index at the top", "a\x1b[H\x1bMx", "x|a|"},
		{"colours are no text", "\x1b[1;31mred\x1b[0m", "red||"},
		{"the other screen and back", "main\x1b[?1049h\x1b[2Jother\x1b[?1049l!", "main!||"},
		{"tab", "a\tb", "a       b||"},
		{"backspace", "ab\bc", "ac||"},
	} {
		e := newEmulator(10, 3)
		_, err := e.Write([]byte(c.in))
		require.NoError(t, err)
		require.Equal(t, c.want, strings.Join(e.rows(), "|"), c.name)
		require.Empty(t, e.unknown, c.name)
	}
}

func TestTheEmulatorSaysWhatItDoesNotKnow(t *testing.T) {
	e := newEmulator(10, 3)
	_, err := e.Write([]byte("\x1b[5y\x1bZ"))
	require.NoError(t, err)
	require.Len(t, e.unknown, 2)
}
