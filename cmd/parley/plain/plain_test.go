package plain

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// At stake: whoever can write a message could otherwise write on the screens of all who read it.
func TestR99_NothingInATextMovesTheCursorOrTurnsTheLine(t *testing.T) {
	for _, c := range []struct{ name, in, text, line string }{
		{"plain", "hello, world", "hello, world", "hello, world"},
		{"two lines", "one\ntwo", "one\ntwo", "one two"},
		{"lines of another system", "one\r\ntwo\r\n", "one\ntwo\n", "one two "},
		{"line separators", "one\u2028two\u2029three", "onetwothree", "onetwothree"},
		{"a line written over", "over\rwritten", "overwritten", "overwritten"},
		{"tab", "a\tb", "a b", "a b"},
		{"colour", "\x1b[31mred\x1b[0m", "[31mred[0m", "[31mred[0m"},
		{"title", "\x1b]0;root\x07x", "]0;rootx", "]0;rootx"},
		{"C1 control sequence", "\u009b2Jx", "2Jx", "2Jx"},
		{"C1 as a raw byte", "\x9b2Jx", "\ufffd2Jx", "\ufffd2Jx"},
		{"bell, backspace, NUL, DEL", "a\a\b\x00\x7fb", "ab", "ab"},
		{"right to left override", "photo\u202egpj.exe", "photogpj.exe", "photogpj.exe"},
		{"isolates", "\u2066a\u2067b\u2068c\u2069", "abc", "abc"},
		{"direction marks", "\u200ea\u200fb\u061cc", "abc", "abc"},
		{"no width", "pass\u200bword\ufeff\u2060", "password", "password"},
		{"soft hyphen", "pass\u00adword", "password", "password"},
		{"tag characters", "a\U000e0041\U000e007fb", "ab", "ab"},
		{"blank letters", "\u3164\u115f\u2800x", "x", "x"},
		{"Hebrew and Arabic letters", "שלום مرحبا", "שלום مرحبا", "שלום مرحبا"},
		{"Persian with its non-joiner", "می\u200cخواهم", "می\u200cخواهم", "می\u200cخواهم"},
		{"a family", "👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"},
		{"selectors of rare variants", "A\U000e0100\u034fB", "AB", "AB"},
		{"a heart in red", "❤\ufe0f", "❤\ufe0f", "❤\ufe0f"},
		{"wide characters", "漢字", "漢字", "漢字"},
		{"no UTF-8", "a\xffb", "a\ufffdb", "a\ufffdb"},
		{"a mark on nothing", "\u0301x", "x", "x"},
		{"marks", "e\u0301", "e\u0301", "e\u0301"},
		{"a tower of marks", "e" + strings.Repeat("\u0301", 100), "e" + strings.Repeat("\u0301", marksMax), "e" + strings.Repeat("\u0301", marksMax)},
		{"a tower with gaps", "e" + strings.Repeat("\u0301\u200b", 100), "e" + strings.Repeat("\u0301", marksMax), "e" + strings.Repeat("\u0301", marksMax)},
		{"a tower of joiners", "e" + strings.Repeat("\u0301\u200d", 9), "e" + strings.Repeat("\u0301\u200d", marksMax) + strings.Repeat("\u200d", 3), "e" + strings.Repeat("\u0301\u200d", marksMax) + strings.Repeat("\u200d", 3)},
	} {
		require.Equal(t, c.text, Text(c.in), c.name)
		require.Equal(t, c.line, Line(c.in), c.name)
	}
}

// At stake: a message of two lines, the second of which reads like a message of somebody else.
func TestR99_NoMessageFakesTheLineOfTheNext(t *testing.T) {
	require.Equal(t, "hello\n    alice: I agree", Indented("hello\nalice: I agree", "    "))
	require.Equal(t, "a\n  b\n  c", Indented("a\r\nb\nc", "  "))
}

func TestR45_AFileNameStaysInItsDirectory(t *testing.T) {
	for in, want := range map[string]string{
		"report.pdf":                "report.pdf",
		"../../etc/passwd":          "_.._etc_passwd",
		"..":                        "file",
		".":                         "file",
		"":                          "file",
		"   ":                       "file",
		".bashrc":                   "bashrc",
		`C:\Windows\x`:              "C__Windows_x",
		"a/b":                       "a_b",
		"a\nb\x1b[2J":               "a b[2J",
		"photo\u202egpj.exe":        "photogpj.exe",
		"name. ":                    "name",
		"\xff":                      "_",
		strings.Repeat("ä", 300):    strings.Repeat("ä", 100),
		"urlaub \u00fcber alles.md": "urlaub über alles.md",
	} {
		require.Equal(t, want, Name(in), "%q", in)
	}
}

// FuzzText says of every text what the tables say of some.
func FuzzText(f *testing.F) {
	for _, seed := range []string{"hello", "\x1b[31mred", "a\r\nb", "\u202egpj", "\xff\x9b", "👨\u200d👩", "e\u0301\u0301", "\u0301"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, c := range []struct{ out, again string }{{Text(s), Text(Text(s))}, {Line(s), Line(Line(s))}, {Name(s), Name(Name(s))}} {
			require.Equal(t, c.out, c.again, "a second time changes nothing")
			require.True(t, utf8.ValidString(c.out))
			marks := 0
			for _, r := range c.out {
				require.True(t, r == '\n' || !Hidden(r), "%q", r)
				require.True(t, r == '\n' || !unicode.IsControl(r) && !unicode.Is(unicode.Bidi_Control, r), "%q", r)
				if unicode.Is(unicode.M, r) {
					marks++
				} else if r != joiner {
					marks = 0
				}
				require.LessOrEqual(t, marks, marksMax)
			}
		}
		require.NotContains(t, Line(s), "\n")
		name := Name(s)
		require.NotEmpty(t, name)
		require.False(t, strings.ContainsAny(name, "/\\:\n\x00") || strings.HasPrefix(name, "."), "%q", name)
		require.LessOrEqual(t, len(name), nameBytesMax)
	})
}

func TestOneThingIsNotManyThings(t *testing.T) {
	require.Equal(t, "0 admins", Counted(0, "admin"))
	require.Equal(t, "1 admin", Counted(1, "admin"))
	require.Equal(t, "2 admins", Counted(2, "admin"))
}
