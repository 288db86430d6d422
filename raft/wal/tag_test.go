package wal_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft/wal"
)

// Up to three bits of a tag may flip, and it is no tag of any batch. One bit of a blank one, and it is known to have been
// blank; one of a later batch's, and it is not.
func TestNoTagIsTakenForAnother(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.Uint64Range(0, 1<<48-2).Draw(t, "before")
		tags := wal.TagsAfter(before)
		flip := func(tag uint64, n int) uint64 {
			for _, bit := range rapid.SliceOfNDistinct(rapid.IntRange(0, 63), n, n, rapid.ID).Draw(t, "bits") {
				tag ^= 1 << bit
			}
			return tag
		}
		old, later := rapid.Uint64Range(0, before).Draw(t, "old"), rapid.Uint64Range(before+1, 1<<48-1).Draw(t, "later")
		n, ok := tags.Number(tags.Of(old))
		require.True(t, ok && n == old && tags.Blank(tags.Of(old)) && !tags.Blank(tags.Of(later)))
		_, ok = tags.Number(flip(tags.Of(later), rapid.IntRange(1, 3).Draw(t, "flips")))
		require.False(t, ok)
		bad := flip(tags.Of(old), 1)
		require.True(t, bad == 0 || !tags.Blank(bad) && tags.Strayed(bad))
		require.False(t, tags.Strayed(flip(tags.Of(later), 1)))
	})
}

// A write that breaks off within a tag leaves its first bytes, and behind them what was there before: zeros, or the end of a tag
// of an earlier life. That is torn, or as blank as before, and never of another batch of this life.
func TestATornTagIsTornOverWhateverWasThere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		before := rapid.Uint64Range(0, 1<<24).Draw(t, "before")
		old := before - min(before, rapid.Uint64Range(0, 1<<15).Draw(t, "older"))
		n := before + rapid.Uint64Range(1, 1<<15).Draw(t, "newer")
		tags := wal.TagsAfter(before)
		for _, was := range []uint64{0, tags.Of(old)} {
			for kept := 8; kept < 64; kept += 8 {
				low := uint64(1)<<kept - 1
				tag := tags.Of(n)&low | was&^low
				require.True(t, tag == tags.Of(n) || tags.Blank(tag) || tags.Torn(tag, n), "%d bits of %x over %x", kept, tags.Of(n), was)
			}
		}
		require.False(t, tags.Torn(tags.Of(n+1), n))
	})
}
