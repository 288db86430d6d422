package sim

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Whatever it takes for a violation, the list that is left must do, and must not without any one of its items: a
// person who reads a shrunk plan takes every line for a part of the story. The predicates have what real
// ones have: items needed together, one of several will do, one that spoils it for others.
func TestWhatDeltaDebuggingLeavesIsNeededItemByItem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 60).Draw(t, "n")
		items := make([]int, n)
		for i := range items {
			items[i] = i
		}
		item := rapid.IntRange(0, max(n-1, 0))
		groups := rapid.SliceOfN(rapid.SliceOfNDistinct(item, 0, 5, rapid.ID[int]), 0, 4).Draw(t, "any of them whole")
		spoils := rapid.MapOfN(item, item, 0, 4).Draw(t, "spoils unless that is there")
		does := func(list []int) bool {
			for _, i := range list {
				if other, ok := spoils[i]; ok && !slices.Contains(list, other) {
					return false
				}
			}
			for _, group := range groups {
				if !slices.ContainsFunc(group, func(i int) bool { return !slices.Contains(list, i) }) {
					return true
				}
			}
			return false
		}
		if !does(items) {
			return
		}
		calls := 0
		left := ddmin(items, func(lists [][]int) int {
			for _, list := range lists {
				calls++
				require.True(t, slices.IsSorted(list), "lines keep their order")
			}
			return slices.IndexFunc(lists, does)
		})
		require.True(t, does(left))
		for i := range left {
			require.False(t, does(cutOut(left, i, i+1)), "%v does without %d", left, left[i])
		}
		require.LessOrEqual(t, calls, (n+2)*(n+2)*2)
	})
}
