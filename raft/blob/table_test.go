package blob

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
)

var tableRules = Rules{BlobBytesMax: 1000, BlobsMax: 4, PinsMax: 3, PinFor: 100}

func confirmation(sum Sum, size int64) Confirmation {
	return Confirmation{Sum: sum, Size: size, Config: 5, NotAfter: 1000}
}

func TestAConfirmedBlobIsPinnedForADayOfLogTime(t *testing.T) {
	table := NewTable(&sliceRows{}, Rules{})
	x := Sum{1}
	c := confirmation(x, 10)
	require.Equal(t, CodeUnknown, table.Name(0, x, "ann"))
	require.Equal(t, CodeNone, table.Confirm(0, 5, c, "ann"))
	require.Equal(t, []Change{{Want{x, 10}, true}}, table.Changes())
	day := raft.LogTime(0).Add(24 * time.Hour)
	at, ok := table.NextDeadline()
	require.True(t, ok)
	require.Equal(t, day+1, at)
	require.Equal(t, CodeNone, table.Name(day, x, "ann"))
	table.Expire(day + 1)
	require.Empty(t, table.Changes(), "it is named")
	require.Equal(t, CodeNotPinned, table.Name(day+1, x, "ann"))
	require.Equal(t, CodeNone, table.Unname(x))
	require.Equal(t, []Change{{Want{x, 10}, false}}, table.Changes())
	require.Equal(t, CodeUnknown, table.Unname(x))
	require.Empty(t, table.Wants())
	_, ok = table.NextDeadline()
	require.False(t, ok)
}

// Between the acknowledgements and the entry the membership may change, or the promises may run
// out. Then a majority need not have the blob any more.
func TestAPinWhoseConfirmationHoldsNoLongerIsRefused(t *testing.T) {
	table := NewTable(&sliceRows{}, tableRules)
	c := confirmation(Sum{1}, 10)
	require.Equal(t, CodeStale, table.Confirm(1001, 5, c, "ann"))
	require.Equal(t, CodeChanged, table.Confirm(1000, 6, c, "ann"))
	c.Size = 1001
	require.Equal(t, CodeTooLarge, table.Confirm(1000, 5, c, "ann"))
	c.Size = 10
	require.Equal(t, CodeTooLarge, table.Confirm(1000, 5, c, strings.Repeat("a", 257)))
	require.Equal(t, CodeNone, table.Confirm(1000, 5, c, "ann"))
	c.Size = 11
	require.Equal(t, CodeConflict, table.Confirm(1000, 5, c, "ann"))
}

// Who only knows the sum of somebody's file must not get at its content.
func TestABlobIsNamedByWhoUploadedItOrOnTheCallersWord(t *testing.T) {
	table := NewTable(&sliceRows{}, tableRules)
	x := Sum{1}
	require.Equal(t, CodeNone, table.Confirm(0, 5, confirmation(x, 10), "ann"))
	require.Equal(t, CodeNotPinned, table.Name(1, x, "bob"))
	require.Equal(t, CodeNone, table.Name(1, x, "ann"))
	require.Equal(t, CodeNone, table.Name(1, x, ""), "a file that is shared on")
	require.Equal(t, CodeNone, table.Confirm(1, 5, confirmation(x, 10), "bob"))
	require.Equal(t, CodeNone, table.Name(1, x, "bob"))
}

func TestPinsAndBlobsAreBounded(t *testing.T) {
	table := NewTable(&sliceRows{}, tableRules)
	for i := range byte(3) {
		require.Equal(t, CodeNone, table.Confirm(0, 5, confirmation(Sum{i}, 10), "ann"))
	}
	require.Equal(t, CodeFull, table.Confirm(0, 5, confirmation(Sum{3}, 10), "ann"))
	require.Equal(t, CodeNone, table.Confirm(0, 5, confirmation(Sum{2}, 10), "ann"), "the same pin again")
	require.Equal(t, CodeNone, table.Confirm(0, 5, confirmation(Sum{3}, 10), "bob"))
	require.Equal(t, CodeFull, table.Confirm(0, 5, confirmation(Sum{4}, 10), "bob"))
	table.Expire(101)
	require.Empty(t, table.rows.(*sliceRows).keys, "nothing is left of what expired")
	require.Equal(t, CodeNone, table.Confirm(101, 5, confirmation(Sum{4}, 10), "ann"))
}

// One entry does a bounded amount of work, whatever has expired, and what has expired does
// not hold before its turn.
func TestExpiryIsSpreadOverEntriesAndHoldsNothingUp(t *testing.T) {
	rows := &sliceRows{}
	table := NewTable(rows, Rules{PinFor: 100})
	for i := range 600 {
		require.Equal(t, CodeNone, table.Confirm(0, 5, confirmation(Sum{byte(i), byte(i >> 8)}, 10), fmt.Sprint(i)))
	}
	table.Changes()
	for _, left := range []int{344, 88, 0} {
		table.Expire(101)
		require.Len(t, table.Wants(), left)
		for _, w := range table.Wants() {
			require.Equal(t, CodeUnknown, table.Name(101, w.Sum, ""))
		}
	}
	require.Len(t, table.Changes(), 600)
}

// model is the table in the plainest words.
type model struct {
	pins  map[string]raft.LogTime // sum and principal
	names map[Sum]int
}

func (m *model) wanted(sum Sum) bool {
	for pin := range m.pins {
		if pin[:32] == string(sum[:]) {
			return true
		}
	}
	return m.names[sum] > 0
}

func TestATableIsWhatItsEntriesAddUpTo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := &sliceRows{}
		rules := tableRules
		rules.BlobsMax = 100
		rules.PinsMax = 100
		table := NewTable(rows, rules)
		m := model{map[string]raft.LogTime{}, map[Sum]int{}}
		now := raft.LogTime(0)
		wanted := map[Sum]bool{}
		sums := []Sum{{1}, {2}, {2, 1}}
		t.Repeat(map[string]func(*rapid.T){
			"confirm": func(t *rapid.T) {
				sum, by := rapid.SampledFrom(sums).Draw(t, "sum"), rapid.SampledFrom([]string{"", "a", "ab"}).Draw(t, "by")
				c := confirmation(sum, 10)
				c.NotAfter = now
				require.Equal(t, CodeNone, table.Confirm(now, 5, c, by))
				m.pins[string(sum[:])+by] = now + 100
			},
			"name": func(t *rapid.T) {
				sum, by := rapid.SampledFrom(sums).Draw(t, "sum"), rapid.SampledFrom([]string{"", "a", "ab"}).Draw(t, "by")
				live := m.names[sum] > 0
				for _, p := range []string{"", "a", "ab"} {
					until, ok := m.pins[string(sum[:])+p]
					live = live || ok && now <= until
				}
				until, own := m.pins[string(sum[:])+by]
				want := CodeNone
				switch {
				case !live:
					want = CodeUnknown
				case by != "" && (!own || now > until):
					want = CodeNotPinned
				default:
					m.names[sum]++
				}
				require.Equal(t, want, table.Name(now, sum, by))
			},
			"unname": func(t *rapid.T) {
				sum := rapid.SampledFrom(sums).Draw(t, "sum")
				want := CodeUnknown
				if m.names[sum] > 0 {
					want = CodeNone
					m.names[sum]--
				}
				require.Equal(t, want, table.Unname(sum))
			},
			"time": func(t *rapid.T) {
				now += raft.LogTime(rapid.IntRange(1, 60).Draw(t, "passes"))
			},
			"expire": func(t *rapid.T) {
				table.Expire(now)
				for pin, until := range m.pins {
					if until < now {
						delete(m.pins, pin)
					}
				}
			},
			"": func(t *rapid.T) {
				var want []Want
				for _, sum := range sums {
					if m.wanted(sum) {
						want = append(want, Want{sum, 10})
					}
				}
				require.Equal(t, want, table.Wants())
				for _, c := range table.Changes() {
					require.NotEqual(t, c.Wanted, wanted[c.Want.Sum], "a change changes something")
					wanted[c.Want.Sum] = c.Wanted
				}
				for _, sum := range sums {
					require.Equal(t, m.wanted(sum), wanted[sum], "the changes add up")
				}
				require.NoError(t, table.Check())
			},
		})
	})
}

// Rows that come from outside are checked before anything counts on them.
func TestRowsThatNoTableWroteAreFound(t *testing.T) {
	rows := &sliceRows{}
	table := NewTable(rows, tableRules)
	require.NoError(t, table.Check())
	require.Equal(t, CodeNone, table.Confirm(0, 5, confirmation(Sum{1}, 10), "ann"))
	require.Equal(t, CodeNone, table.Confirm(0, 5, confirmation(Sum{2}, 10), "ann"))
	require.Equal(t, CodeNone, table.Confirm(7, 5, confirmation(Sum{2}, 10), "bob"))
	require.Equal(t, CodeNone, table.Name(0, Sum{2}, "ann"))
	require.NoError(t, table.Check())
	copied := func() (*sliceRows, *Table) {
		c := &sliceRows{slices.Clone(rows.keys), nil}
		for _, v := range rows.values {
			c.values = append(c.values, slices.Clone(v))
		}
		return c, NewTable(c, tableRules)
	}
	for i, key := range rows.keys {
		c, bad := copied()
		c.keys, c.values = slices.Delete(c.keys, i, i+1), slices.Delete(c.values, i, i+1)
		require.ErrorIs(t, bad.Check(), ErrRows, "without %q", key)
		for bit := range len(rows.values[i]) * 8 {
			c, bad := copied()
			c.values[i][bit/8] ^= 1 << (bit % 8)
			if err := bad.Check(); err == nil && (key[0] != 'b' || bit >= 16*8) {
				t.Fatalf("%q with bit %d flipped passes", key, bit)
			}
		}
	}
	for _, key := range []string{"", "x", "b", "b123", "d", "d12345678", "p", "n1", "q"} {
		c, bad := copied()
		c.Set(key, []byte{1, 0, 0, 0, 0, 0, 0, 0})
		require.ErrorIs(t, bad.Check(), ErrRows, "with %q", key)
	}
}

// Rows are in snapshots and hashes: they never change under a version.
func TestGoldenRowsStayStill(t *testing.T) {
	rows := &sliceRows{}
	table := NewTable(rows, Rules{})
	require.Equal(t, CodeNone, table.Confirm(5, 5, confirmation(Sum{1, 2, 3}, 10), "ann"))
	require.Equal(t, CodeNone, table.Name(6, Sum{1, 2, 3}, "ann"))
	require.Equal(t, CodeNone, table.Confirm(7, 5, confirmation(Sum{1, 2, 3}, 10), "bob"))
	var got strings.Builder
	for i, key := range rows.keys {
		fmt.Fprintf(&got, "%x: %x\n", key, rows.values[i])
	}
	golden(t, "testdata/rows.golden", got.String())
}
