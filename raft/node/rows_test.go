package node

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The table against a map, with copies taken on the way: a copy that changed with its original would
// be a snapshot of a state that never was.
func TestRowsAreAMapInOrderAndCopiesOfThemStandStill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &rows{}
		model := map[string]string{}
		type copied struct {
			rows  *rows
			model []string
		}
		var copies []copied
		list := func() (all []string) {
			for k, v := range model {
				all = append(all, k+"="+v)
			}
			slices.Sort(all)
			return all
		}
		content := func(r *rows) (all []string) {
			r.Ascend("", func(k string, v []byte) bool {
				all = append(all, k+"="+string(v))
				return true
			})
			return all
		}
		for range rapid.IntRange(1, 600).Draw(t, "operations") {
			key := fmt.Sprintf("k%03d", rapid.IntRange(0, 300).Draw(t, "key"))
			switch kind := rapid.IntRange(0, 40).Draw(t, "kind"); {
			case kind == 0:
				copies = append(copies, copied{r.clone(), list()})
			case kind < 12:
				r.Set(key, nil)
				delete(model, key)
			default:
				value := fmt.Sprint(kind)
				r.Set(key, []byte(value))
				model[key] = value
			}
			got, ok := r.Get(key)
			want, known := model[key]
			require.Equal(t, known, ok)
			require.Equal(t, want, string(got))
		}
		copies = append(copies, copied{r, list()})
		for _, c := range copies {
			require.Equal(t, c.model, content(c.rows))
			require.Equal(t, len(c.model), c.rows.used)
			require.Equal(t, c.rows.rehash(), c.rows.hash)
		}
		from := fmt.Sprintf("k%03d", rapid.IntRange(0, 301).Draw(t, "from"))
		var behind []string
		r.Ascend(from, func(k string, _ []byte) bool {
			behind = append(behind, k)
			return len(behind) < 3
		})
		all := content(r)
		at := slices.IndexFunc(all, func(s string) bool { return s >= from })
		if at < 0 {
			require.Empty(t, behind)
			return
		}
		require.Len(t, behind, min(3, len(all)-at))
		for i := range behind {
			require.Equal(t, all[at+i][:4], behind[i])
		}
	})
}
