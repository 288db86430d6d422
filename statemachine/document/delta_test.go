package document

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestADeltaMakesItsTargetOfItsBase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOf(rapid.SampledFrom([]string{"a", "b\n", strings.Repeat("x", 40), "the quick brown fox jumps over it\n", strings.Repeat("0123456789", 9)}))
		base := []byte(strings.Join(words.Draw(t, "base"), ""))
		target := []byte(strings.Join(words.Draw(t, "target"), ""))
		delta := MakeDelta(base, target)
		got, ok := applyDelta(nil, base, delta, len(target))
		require.True(t, ok)
		require.True(t, bytes.Equal(target, got))
		require.LessOrEqual(t, len(delta), len(target)+12)
		if len(target) > 0 {
			_, ok = applyDelta(nil, base, delta, len(target)-1)
			require.False(t, ok, "it makes no more than it may")
		}
	})
}

func TestADeltaCostsLittleMoreThanWhatChangedWhereverItIs(t *testing.T) {
	base := text(rand.New(rand.NewPCG(1, 2)), 100<<10)
	for name, target := range map[string][]byte{
		"the same":          base,
		"behind":            append(bytes.Clone(base), "more"...),
		"in front":          append([]byte("more"), base...),
		"at both ends":      append(append([]byte("more"), base...), "more"...),
		"two halves turned": append(bytes.Clone(base[50<<10:]), base[:50<<10]...),
		"twice":             append(bytes.Clone(base), base...),
		"a part gone":       append(bytes.Clone(base[:30<<10]), base[31<<10:]...),
		"a word everywhere": bytes.ReplaceAll(base, []byte("word17 "), []byte("changed ")),
	} {
		delta := MakeDelta(base, target)
		got, ok := applyDelta(nil, base, delta, len(target))
		require.True(t, ok, name)
		require.True(t, bytes.Equal(target, got), name)
		most := 100
		if name == "a word everywhere" {
			most = 40 * bytes.Count(target, []byte("changed "))
		}
		require.Less(t, len(delta), most, name)
	}
}

// text returns some lines of words.
func text(r *rand.Rand, size int) []byte {
	var b bytes.Buffer
	for b.Len() < size {
		fmt.Fprintf(&b, "word%d ", r.IntN(1000))
		if r.IntN(12) == 0 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()[:size]
}

// edit changes a few words of a text somewhere.
func edit(r *rand.Rand, content []byte) []byte {
	for range 1 + r.IntN(3) {
		at := r.IntN(len(content) - 100)
		content = bytes.Join([][]byte{content[:at], fmt.Appendf(nil, "new%d ", r.IntN(1000)), content[at+r.IntN(20):]}, nil)
	}
	return content
}

func FuzzDelta(f *testing.F) {
	f.Add([]byte("a base"), []byte{6, 'a', 'b', 'c', 3, 0})
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, base, delta []byte) {
		got, ok := applyDelta(nil, base, delta, 1000)
		require.LessOrEqual(t, len(got), 1000)
		require.True(t, ok || got == nil)
		if back, ok := applyDelta(nil, base, MakeDelta(base, delta), len(delta)); !ok || !bytes.Equal(back, delta) {
			require.Fail(t, "the way back leads elsewhere")
		}
	})
}

// A document of a MiB in which a word was changed, two that lie apart, or all of it.
func BenchmarkMakeDelta(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	base, noise := text(r, 1<<20), make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(noise) // never fails
	word := append(bytes.Clone(base[:500_000]), "other"...)
	for name, target := range map[string][]byte{
		"a word":    append(word, base[500_005:]...),
		"two apart": bytes.Replace(bytes.Replace(base, []byte("word500 "), []byte("other "), 1), []byte("\nword"), []byte("\nother"), 1000),
		"all":       noise,
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(target)))
			for b.Loop() {
				MakeDelta(base, target)
			}
		})
	}
}
