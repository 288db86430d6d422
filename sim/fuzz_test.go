package sim

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// FuzzRun: whatever goes wrong in which order, no judge speaks. What fails is printed as a plan, for sim replay and
// sim shrink.
func FuzzRun(f *testing.F) {
	f.Fuzz(func(t *testing.T, b []byte) {
		p := planOfChoices(b)
		r := Run(p, Options{})
		if v := r.Violation; v != nil {
			t.Fatalf("%s at %s, event %d: %s\n%s: %s\n%ssave as a file, for sim replay or sim shrink:\n%s",
				v.Invariant, v.At, v.Event, v.Reason, v.Invariant, Sentence(v.Invariant), v.Report, p.Format())
		}
	})
}

// A fuzzer's find is worth nothing if the plan that it prints is another one: whatever the bytes, the world can run
// the plan, its text is the same plan, and so are the bytes that it would be written as.
func TestEveryStringOfChoicesIsAPlanAndTheWayBackIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := planOfChoices(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "bytes"))
		again, err := Parse(p.Format())
		require.NoError(t, err)
		require.Equal(t, p, again)
		require.Equal(t, p, planOfChoices(choicesOf(p)))
	})
}

// What lets coverage guide: a byte of one fault changes that fault, and one that is put in or taken out shifts nothing.
func TestASmallChangeOfTheChoicesIsASmallChangeOfThePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := planOfChoices(rapid.SliceOfN(rapid.Byte(), 50, 150).Draw(t, "bytes"))
		p.Faults = p.Faults[:min(len(p.Faults), choicesFaults-2)] // room for what a byte more brings: it would push out others
		b := choicesOf(p)
		at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		changed := append(append([]byte(nil), b[:at]...), b[at+1:]...)
		if rapid.Bool().Draw(t, "insert") {
			changed = append(append(append([]byte(nil), b[:at]...), rapid.Byte().Draw(t, "byte")), b[at:]...)
		}
		was, is := p.Faults, planOfChoices(changed).Faults
		same := 0
		for same < len(was) && same < len(is) && assert.ObjectsAreEqual(was[same], is[same]) {
			same++
		}
		for len(was) > same && len(is) > same && assert.ObjectsAreEqual(was[len(was)-1], is[len(is)-1]) {
			was, is = was[:len(was)-1], is[:len(is)-1]
		}
		require.LessOrEqual(t, len(was)-same, 2)
		require.LessOrEqual(t, len(is)-same, 2)
	})
}

// A corpus that nobody can read can't be looked after: each file is written as choicesOf would write its plan, and so is
// what sim plan would show.
func TestTheCorpusIsWrittenAsPlansAre(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "fuzz", "FuzzRun", "*"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		quoted, ok := strings.CutPrefix(strings.TrimSpace(string(text)), "go test fuzz v1\n[]byte(")
		require.True(t, ok, file)
		b, err := strconv.Unquote(strings.TrimSuffix(quoted, ")"))
		require.NoError(t, err, file)
		require.Equal(t, b, string(choicesOf(planOfChoices([]byte(b)))), file)
	}
}
