package prompt

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Wherever an answer is cut into pieces, what is shown is the same, and it is what one reads of the whole.
func TestAnAnswerInPiecesIsMendedAsAWholeOneIs(t *testing.T) {
	part := rapid.SampledFrom([]string{"<" + joiner + "|im_end|>", "[" + joiner + "INST]", fenceWord + "0123456789abcdef end text", "=", "====", "\n", " ", "<", "[", "words", joiner, "é"})
	rapid.Check(t, func(t *rapid.T) {
		answer := strings.Join(rapid.SliceOfN(part, 0, 30).Draw(t, "parts"), "")
		var want strings.Builder
		for l := range strings.Lines(answer) {
			if !isFenceLine(l) {
				want.WriteString(Mend(l))
			}
		}
		whole := func(pieces ...string) string {
			var m Mender
			var b strings.Builder
			for _, p := range pieces {
				b.WriteString(m.Write(p))
			}
			return b.String() + m.Flush()
		}
		require.Equal(t, want.String(), whole(answer))
		require.Equal(t, want.String(), whole(strings.Split(answer, "")...))
	})
}
