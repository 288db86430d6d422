package kv

import (
	"testing"

	"github.com/stretchr/testify/require"

	"parley/cmd/bench/load"
)

func TestATableThatIsRestoredHasTheSamePairsAndNoOthers(t *testing.T) {
	a, b := Table{}, Table{}
	for key := range uint64(100) {
		a.Apply(load.AppendPut(nil, key, 8+int(key)))
		a.Apply(load.AppendPut(nil, key, 8+int(key))) // the same length once more: in place
	}
	b.Apply(load.AppendPut(nil, 1000, 20))
	require.NoError(t, b.Restore(a.Bytes()))
	require.Equal(t, a, b)
	require.Error(t, b.Restore(a.Bytes()[:50]))
}

// The log lets go of a command when it is compacted; a map that shared its bytes would hold on to all of it.
func TestATableAndItsReadersShareNothing(t *testing.T) {
	table, command := Table{}, load.AppendPut(nil, 7, 16)
	table.Apply(command)
	command[12] = 99
	read := table.Get(7)
	read[0] = 99
	require.Equal(t, load.AppendPut(nil, 7, 16)[8:], table.Get(7))
}
