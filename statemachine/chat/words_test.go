package chat

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// What is at stake: a message that a search does not find, or finds for a word that it does not have. The quick way through
// a text says what its list of words says, whatever bytes it has.
func TestR34_TheQuickWayThroughATextFindsTheWordsOfItsList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		piece := rapid.SampledFrom([]string{"a", "B", "k", "K", "\u212a", "s", "\u017f", "é", "e\u0301", "\u0301", "ß", "Σ", "ς", "7", "٣", "_", " ", " ", "-", "今",
			"は", "\xff", "\xc3", "x", "cat", "cats", "CAT", "a very long word without an end that has sixty-four letters and more of them than that"})
		text := func(what string) (s string) {
			for range rapid.IntRange(0, 8).Draw(t, what) {
				s += piece.Draw(t, "piece")
			}
			return s
		}
		said, asked := text("said"), wordsOf(text("asked"))
		if len(asked) == 0 { // that is no query
			asked = wordsOf("cat")
		}
		asked = asked[:min(len(asked), searchWordsMax)]
		has, want := wordsOf(said), true
		for _, word := range asked {
			want = want && slices.Contains(has, word)
		}
		w := newWanted(asked)
		require.Equal(t, want, w.in([]byte(said)), "%q in %q", asked, said)
	})
}
