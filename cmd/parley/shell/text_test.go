package shell

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func wrapped(r ruler, text string, width, hang, indent int) (lines []string) {
	for _, l := range r.wrap([]piece{say(normal, text)}, width, hang, indent) {
		lines = append(lines, paint(l, false))
	}
	return lines
}

func TestLinesBreakBetweenWords(t *testing.T) {
	wc := ruler{ansi.WcWidth}
	for _, c := range []struct {
		name, in     string
		width        int
		hang, indent int
		want         []string
	}{
		{"nothing", "", 10, 2, 0, []string{""}},
		{"short", "hello", 10, 2, 0, []string{"hello"}},
		{"exact", "0123456789", 10, 2, 0, []string{"0123456789"}},
		{"two words", "hello there world", 11, 0, 0, []string{"hello there", "world"}},
		{"hanging", "hello there world", 11, 2, 0, []string{"hello there", "  world"}},
		{"a blank at the edge", "hello world", 5, 0, 0, []string{"hello", "world"}},
		{"a long word", "0123456789abcdef", 10, 2, 0, []string{"0123456789", "  abcdef"}},
		{"a long word behind a short one", "a 0123456789abcdef", 10, 0, 0, []string{"a", "0123456789", "abcdef"}},
		{"new lines", "a\nb\n\nc", 10, 2, 4, []string{"a", "    b", "", "    c"}},
		{"code keeps its blanks", "if x {\n    y\n}", 20, 2, 0, []string{"if x {", "    y", "}"}},
		{"wide characters", "漢字漢字漢字", 5, 0, 0, []string{"漢字", "漢字", "漢字"}},
		{"wider than the line", "漢字", 1, 0, 0, []string{"漢", "字"}},
		{"a hang that leaves no room", "a b c d e f", 6, 5, 0, []string{"a b c", "   d e", "   f"}},
	} {
		require.Equal(t, c.want, wrapped(wc, c.in, c.width, c.hang, c.indent), c.name)
	}
}

// At stake: a family that is as wide as its three members on one terminal and as one on another. What the terminal says
// it does is what is measured.
func TestWidthIsWhatTheTerminalTakesItFor(t *testing.T) {
	wc := ruler{ansi.WcWidth}
	for _, c := range []struct {
		text         string
		wc, grapheme int
	}{
		{"a", 1, 1}, {"漢字", 4, 4}, {"👍", 2, 2}, {"é", 1, 1}, {"e\u0301", 1, 1}, {"👨\u200d👩\u200d👧", 6, 2}, {"ﾊﾝｶｸ", 4, 4}, {"ｚ", 2, 2},
	} {
		require.Equal(t, c.wc, wc.width(c.text), "%q", c.text)
		require.Equal(t, c.grapheme, graphemes.width(c.text), "%q", c.text)
	}
}

// anyText draws texts of the kinds that go wrong: wide ones, marks, emoji of many parts, control characters.
func anyText() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.OneOf(
			rapid.StringMatching(`[a-z]{1,12}`),
			rapid.SampledFrom([]string{" ", "  ", "\n", "\t", "\r\n", "漢", "字", "👍", "👨\u200d👩\u200d👧", "🇩🇪", "e\u0301", "\u0301", "❤\ufe0f", "\x1b[31m", "\x1b]0;x\x07", "\u202e", "\u200b", "\xff", "שלום", "ﷺ", "•"}),
			rapid.String(),
		), 0, 12).Draw(t, "parts")
		return strings.Join(parts, "")
	})
}

func TestNoLineIsWiderThanItMayBe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom([]ruler{{ansi.WcWidth}, graphemes}).Draw(t, "ruler")
		text, width := anyText().Draw(t, "text"), rapid.IntRange(4, 60).Draw(t, "width")
		pieces := []piece{say(normal, text), say(strong, anyText().Draw(t, "more"))}
		var all strings.Builder
		for _, l := range r.wrap(pieces, width, rapid.IntRange(0, 70).Draw(t, "hang"), rapid.IntRange(0, 2).Draw(t, "indent")) {
			require.LessOrEqual(t, r.lineWidth(l), width, "%q", paint(l, false))
			require.NotContains(t, paint(l, false), "\n")
			all.WriteString(paint(l, false))
		}
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
		require.Equal(t, squeeze(r.tame(pieces[0].text)+r.tame(pieces[1].text)), squeeze(all.String()), "nothing is lost but blanks")

		fitted := r.fit(line{say(normal, strings.ReplaceAll(text, "\n", " "))}, width)
		require.Equal(t, width, r.lineWidth(fitted), "%q", paint(fitted, false))
	})
}

func TestColorIsPutOnAndLeftAway(t *testing.T) {
	l := line{name(strong, "a\x1bb"), name(normal, "c")}
	require.Equal(t, "abc", paint(l, false))
	require.Equal(t, "\x1b[1mab\x1b[mc", paint(l, true))
	for s := range palette {
		require.NotPanics(t, func() { paint(line{{style(s), "x"}}, true) })
	}
	require.Len(t, palette, int(nick)+nicks)
}
