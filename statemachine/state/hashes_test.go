package state

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A hash that is remembered of another row than the one that goes would never leave the state's: two nodes with the same
// rows would call each other wrong. Keys are few, so that rows are replaced, removed and written again all the time,
// and tables share them.
func TestTheHashIsThatOfTheRowsWhateverIsRemembered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var all Tables
		var others []Tables
		for range rapid.IntRange(1, 200).Draw(t, "writes") {
			id := Table(rapid.IntRange(0, 3).Draw(t, "table"))
			key := Key(rapid.Uint64Range(0, 600).Draw(t, "key"))
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				all.Remove(id, key)
			case 1:
				all.Mark(id, key)
			case 2: // both go on from here
				others = append(others, all.Clone())
			case 3:
				all.removeFirst(id)
			case 4: // behind all others, or in the place of the last, or somewhere
				all.appendRow(id, key, rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "appended"))
			default:
				all.Write(id, key, rapid.SliceOfN(rapid.Byte(), 1, 4).Draw(t, "value"))
			}
			if rapid.IntRange(0, 3).Draw(t, "ask") == 0 { // else much is owed for a while
				require.Equal(t, all.Recompute(), all.Hash())
			}
		}
		for i := range others {
			require.Equal(t, others[i].Recompute(), others[i].Hash())
			others[i].Write(0, Key(1), []byte("written to a copy"))
			others[i].Write(0, Key(1), []byte("and again"))
			require.Equal(t, others[i].Recompute(), others[i].Hash())
		}
		require.Equal(t, all.Recompute(), all.Hash())
	})
}

// What is computed although it is replaced soon, or a second time, would cost as much as before, and nobody would see it.
func TestTheHashOfARowThatIsReplacedAgainIsComputedWhenSomebodyAsks(t *testing.T) {
	var all Tables
	first, second, third := []byte("first"), []byte("second"), []byte("third")
	all.Write(TablePlaces, Key(1), first)
	_, known := all.hashes.take(TablePlaces, Key(1), first)
	require.False(t, known, "most rows are written once")
	all.Write(TablePlaces, Key(1), second)
	require.Zero(t, all.hash, "the only row owes its hash")
	all.Write(TablePlaces, Key(1), third)
	require.Zero(t, all.hash)
	require.Equal(t, all.Recompute(), all.Hash())
	require.NotZero(t, all.hash)

	_, known = all.hashes.take(TablePlaces, Key(1), []byte("third"))
	require.False(t, known, "another value with the same bytes is not looked at")
	_, known = all.hashes.take(TableMembers, Key(1), third)
	require.False(t, known)
	sum, known := all.hashes.take(TablePlaces, Key(1), third)
	require.True(t, known)
	require.Equal(t, all.Hash(), sum, "of the only row")
	_, known = all.hashes.take(TablePlaces, Key(1), third)
	require.False(t, known, "it is gone")
}

// A clone is asked by many at a time, and what it is asked changes nothing.
func TestACloneOwesNothing(t *testing.T) {
	var all Tables
	all.Write(TablePlaces, Key(1), []byte("first"))
	all.Write(TablePlaces, Key(1), []byte("second"))
	clone := all.Clone()
	require.Equal(t, clone.Recompute(), clone.hash)
	require.Equal(t, all.Hash(), clone.Hash())
	require.Empty(t, clone.hashes.rows)
}

func BenchmarkARowThatIsReplaced(b *testing.B) {
	var all Tables
	key, values := Key(1, 2), [2][]byte{make([]byte, 90), make([]byte, 90)}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		all.Write(TablePlaces, key, values[i%2])
	}
}
