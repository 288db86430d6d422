package shell

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	tea "charm.land/bubbletea/v2"
)

func TestTheLineIsEditedAsInOtherShells(t *testing.T) {
	for _, c := range []struct{ name, keys, want string }{
		{"typing", "abc", "abc▏"},
		{"backspace", "abc<backspace>", "ab▏"},
		{"in the middle", "ac<left>b", "ab▏c"},
		{"delete", "abc<home><delete>", "▏bc"},
		{"the ends", "abc<home>x<end>y", "xabcy▏"},
		{"the ends by letter", "abc<ctrl+a>x<ctrl+e>y", "xabcy▏"},
		{"by letter", "abc<ctrl+b><ctrl+b>x<ctrl+f>y", "axby▏c"},
		{"words", "one two three<alt+b><alt+b>x", "one x▏two three"},
		{"words to the right", "one two<home><alt+f>x", "onex▏ two"},
		{"by words with arrows", "one two<ctrl+left>x<ctrl+right>y", "one xtwoy▏"},
		{"a word is killed", "one two <ctrl+w>", "one ▏"},
		{"and comes back", "one two<ctrl+w><ctrl+y><ctrl+y>", "one twotwo▏"},
		{"the next word is killed", "one two<home><alt+d>", "▏ two"},
		{"to the start", "one two<left><ctrl+u>", "▏o"},
		{"to the end", "one two<alt+b><ctrl+k>", "one ▏"},
		{"nothing to delete", "<backspace><delete><ctrl+w><ctrl+k>", "▏"},
		{"an emoji is one", "a👨\u200d👩\u200d👧b<left><backspace>", "a▏b"},
		{"a letter with its mark is one", "xe\u0301<backspace>", "x▏"},
		{"a mark joins its letter", "e<paste \u0301><backspace>", "▏"},
		{"two lines", "one<alt+enter>two<home>x", "one\nxtwo▏"[:len("one\nx")] + "▏two"},
		{"kill in the second line", "one<ctrl+j>two<ctrl+u>", "one\n▏"},
		{"up and down", "long line<alt+enter>ab<up>x<down>y", "loxng line\naby▏"},
		{"up out of a longer line", "ab<alt+enter>long line<up>x", "abx▏\nlong line"},
	} {
		d := newDesk(t, newTown().visitAs("alice"), 80, 20)
		keys := c.keys
		if before, rest, ok := strings.Cut(keys, "<paste "); ok {
			pasted, after, _ := strings.Cut(rest, ">")
			d.types(before)
			d.put(tea.PasteMsg{Content: pasted})
			keys = after
		}
		d.types(keys)
		require.Equal(t, c.want, d.input.before()+"▏"+strings.Join(d.input.glyphs[d.input.cursor:], ""), c.name)
	}
}

func TestR96_TheArrowsBringBackWhatWasEntered(t *testing.T) {
	d := newDesk(t, newTown().visitAs("alice"), 80, 20)
	d.types("join general<enter>one<enter>two<enter>two<enter>three li")
	for _, c := range []struct{ key, want string }{
		{"<up>", "two"}, {"<up>", "one"}, {"<up>", "join general"}, {"<up>", "join general"},
		{"<down>", "one"}, {"<down>", "two"}, {"<down>", "three li"}, {"<down>", "three li"},
	} {
		d.types(c.key)
		require.Equal(t, c.want, d.input.text())
	}
}

// At stake: a password that a look into the past brings back.
func TestAPasswordLeavesNoTrace(t *testing.T) {
	d := newDesk(t, newTown().visit(), 80, 20)
	d.types("login alice<enter>alice1<ctrl+u>")
	require.Contains(t, d.look(), "Password of alice: ▏")
	d.types("alice123")
	require.NotContains(t, d.look(), "alice1")
	require.Contains(t, d.look(), "Password of alice: ••••••••▏")
	d.types("<enter>")
	require.NotNil(t, d.me)
	d.types("<ctrl+y>")
	require.Empty(t, d.input.text())
	for range 3 {
		d.types("<up>")
		require.NotContains(t, d.input.text(), "alice1")
	}
	d.types("<ctrl+u>/passwd<enter>secret<esc><ctrl+y>")
	require.NotContains(t, d.input.text(), "secret")
}

func TestAPasteIsCutWhereALineEnds(t *testing.T) {
	var e editor
	e.set(strings.Repeat("漢", inputBytesMax))
	require.LessOrEqual(t, len(e.text()), inputBytesMax)
	require.NotContains(t, e.text(), "\ufffd")
	e.insert("x")
	require.LessOrEqual(t, len(e.text()), inputBytesMax+1)
}

// What the keys do is compared with the same done to a plain list of characters.
func TestTheLineIsAListOfCharacters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var e editor
		var want []rune
		cursor := 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch key := rapid.SampledFrom([]string{"a", "b", " ", "漢", "left", "right", "home", "end", "backspace", "delete"}).Draw(t, "key"); key {
			case "left":
				cursor = max(cursor-1, 0)
				editing[key](&e)
			case "right":
				cursor = min(cursor+1, len(want))
				editing[key](&e)
			case "home":
				cursor = 0
				editing[key](&e)
			case "end":
				cursor = len(want)
				editing[key](&e)
			case "backspace":
				if cursor > 0 {
					want = append(want[:cursor-1:cursor-1], want[cursor:]...)
					cursor--
				}
				editing[key](&e)
			case "delete":
				if cursor < len(want) {
					want = append(want[:cursor:cursor], want[cursor+1:]...)
				}
				editing[key](&e)
			default:
				want = append(want[:cursor:cursor], append([]rune(key), want[cursor:]...)...)
				cursor++
				e.insert(key)
			}
			require.Equal(t, string(want), e.text())
			require.Equal(t, string(want[:cursor]), e.before())
		}
	})
}
