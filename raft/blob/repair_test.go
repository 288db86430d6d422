package blob

import (
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
)

// fail lets the next operations of a kind fail until the returned function is called.
func fail(fs *memfs.FS, kind memfs.OpKind) (mend func()) {
	fs.SetHook(func(op memfs.Op) error {
		if op.Kind == kind {
			return vfs.ErrIO
		}
		return nil
	})
	return func() { fs.SetHook(nil) }
}

// unread lets a blob be found damaged on a disk that does not read for a while.
func unread(t *testing.T, fs *memfs.FS, s *Store, p []byte) {
	t.Helper()
	mend := fail(fs, memfs.OpRead)
	_, err := s.Read(SumOf(p), 0, len(p))
	require.Error(t, err)
	mend()
	_, held := s.Get(SumOf(p))
	require.False(t, held)
}

// What the disk did not read for a while is there as it was, and is held again without a byte being written.
func TestABlobThatCanBeReadAgainIsTakenBackAsItIs(t *testing.T) {
	fs := memfs.New(1)
	s, _ := openStore(t, fs)
	p := content(1, 150)
	_, err := put(s, 1, p)
	require.NoError(t, err)
	unread(t, fs, s, p)

	mend := fail(fs, memfs.OpWrite)
	_, err = pull(s, p)
	require.NoError(t, err)
	mend()
	read(t, s, p)
	fs.CrashMachine(memfs.DropAll)
	s, found := openStore(t, fs)
	require.Empty(t, found.Parts)
	read(t, s, p)
}

// A repair that fails, at whatever operation, leaves what was there before it: it may be all that there is.
func TestARepairThatFailsCostsNothingOfTheDamagedCopy(t *testing.T) {
	for _, rotten := range []bool{false, true} {
		for _, kind := range []memfs.OpKind{memfs.OpCreate, memfs.OpWrite, memfs.OpSync, memfs.OpRename, memfs.OpSyncDir} {
			fs := memfs.New(1)
			s, _ := openStore(t, fs)
			p := content(1, 150)
			_, err := put(s, 1, p)
			require.NoError(t, err)
			if rotten {
				require.NoError(t, fs.FlipBit(s.path(fileName(SumOf(p), suffixBlob)), 8*(headerBytes+3)))
			}
			unread(t, fs, s, p)
			for range 3 {
				mend := fail(fs, kind)
				_, _ = pull(s, p) // fails, unless it needs none of these
				mend()
			}
			fs.CrashMachine(memfs.DropAll)
			s, _ = openStore(t, fs)
			if _, held := s.Get(SumOf(p)); held {
				read(t, s, p)
				continue
			}
			have, err := s.Begin(SumOf(p), 150)
			require.NoError(t, err)
			n := s.o.ChunkBytes
			for i := range (len(p) + n - 1) / n {
				require.Equal(t, i > 0 || !rotten, bitmap(have).has(int64(i)), "%s: chunk %d", kind, i)
			}
		}
	}
}
