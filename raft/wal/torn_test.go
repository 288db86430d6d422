package wal_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs/memfs"
)

// A machine may stop in the middle of a sector, even within the batch number at its
// start. What is left there is no number of any batch, but neither is it damage: the
// batch was never acknowledged, and a node that lost nothing must start.
func TestASectorTornWithinItsBatchNumberIsATornWrite(t *testing.T) {
	const sector = 512
	fs := memfs.New(1)
	l, _ := open(t, fs)
	const last = 300 // numbers of two bytes
	for i := raft.Index(1); i <= last; i++ {
		store(t, l, batch(1, i, i))
	}
	var write memfs.Op
	fs.SetHook(func(op memfs.Op) error {
		if op.Kind == memfs.OpWrite {
			write = op
		}
		return nil
	})
	require.NoError(t, l.Append(batch(1, last+1, last+1)))
	require.Equal(t, 2*sector, write.Len)

	for torn := range int64(2) {
		for kept := range int64(17) {
			for _, other := range []bool{false, true} { // whether the other sector arrived
				crashed := fs.Clone()
				crashed.CrashMachine(memfs.KeepAll)
				at := write.Off + torn*sector
				require.NoError(t, crashed.Overwrite(write.Name, at+kept, make([]byte, sector-kept)))
				if !other {
					require.NoError(t, crashed.Overwrite(write.Name, write.Off+(1-torn)*sector, make([]byte, sector)))
				}
				again, was := open(t, crashed)
				require.Equal(t, raft.Index(last), was.Last, "sector %d keeps %d bytes, the other arrived: %v", torn, kept, other)
				store(t, again, batch(1, last+1, last+1))
				require.NoError(t, again.Close())
			}
		}
	}
}
