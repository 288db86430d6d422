package auth

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A list of keys in the order of their use says all that recent should do.
func TestTheKeyThatWasUsedLongestAgoIsForgotten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const most = 5
		r := newRecent[int, int](most)
		var order []int // used last in front
		values := map[int]int{}
		for n := range rapid.IntRange(1, 60).Draw(t, "steps") {
			key := rapid.IntRange(0, 9).Draw(t, "key")
			at := slices.Index(order, key)
			if at < 0 && rapid.Bool().Draw(t, "look only") {
				require.Nil(t, r.get(key))
				continue
			}
			if at >= 0 {
				require.Equal(t, values[key], *r.get(key))
				order = slices.Delete(order, at, at+1)
			}
			*r.make(key) = n
			order, values[key] = slices.Insert(order, 0, key), n
			order = order[:min(len(order), most)]

			require.Len(t, r.items, len(order))
			var there, back []int
			for l := r.ring.next; l != &r.ring; l = l.next {
				require.Equal(t, values[l.key], l.value)
				there = append(there, l.key)
			}
			for l := r.ring.prev; l != &r.ring; l = l.prev {
				back = append(back, l.key)
			}
			slices.Reverse(back)
			require.Equal(t, order, there)
			require.Equal(t, order, back)
		}
	})
}

func TestAForgottenKeyLeavesNothingToWhoTakesItsPlace(t *testing.T) {
	r := newRecent[string, int](1)
	*r.make("a") = 7
	require.Zero(t, *r.make("b"))
	require.Nil(t, r.get("a"))
}
