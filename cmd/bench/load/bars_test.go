package load

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestBarsCountEverythingOnceAndWhereItBelongs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h Histogram
		want := map[uint64]uint64{}
		for _, us := range rapid.SliceOfN(rapid.Uint64Range(1, 1<<20), 1, 100).Draw(t, "microseconds") {
			us = us*2/3 + 1
			h.Add(time.Duration(us) * time.Microsecond)
			to := uint64(1)
			for to*1000 < upperOf(bucketOf(us*1000)) {
				to *= 2
			}
			want[to]++
		}
		bars := h.Bars()
		for i, b := range bars {
			require.Equal(t, want[b.Micros], b.Count)
			require.Equal(t, bars[0].Micros<<i, b.Micros, "no bar is left out between two")
			delete(want, b.Micros)
		}
		require.Empty(t, want)
	})
}

func TestBarsOfTwoRunsAddUp(t *testing.T) {
	a := []Bar{{4, 1}, {8, 2}}
	b := []Bar{{1, 5}, {2, 0}, {4, 3}}
	require.Equal(t, []Bar{{1, 5}, {2, 0}, {4, 4}, {8, 2}}, AddBars(a, b))
	require.Equal(t, a, AddBars(nil, a))
	require.Equal(t, a, AddBars(a, nil))
}

func TestDrawnBarsSayTheirPartOfAll(t *testing.T) {
	lines := strings.Split(DrawBars([]Bar{{256, 3}, {512, 0}, {1024, 1}}), "\n")
	require.Regexp(t, `to +256µs +75\.0000 %  #{50}$`, lines[0])
	require.Regexp(t, `to +512µs +0\.0000 %  $`, lines[1])
	require.Regexp(t, `to +1\.024ms +25\.0000 %  #{17}$`, lines[2])
	require.Empty(t, DrawBars(nil))
}
