package snap_test

import (
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/snap"
	"parley/raft/vfs/memfs"
)

// FuzzOpen: whatever bytes stand in the file of a snapshot, nothing panics. It is read to its end
// as what it says it is, or there is an error with a type.
func FuzzOpen(f *testing.F) {
	fs, _ := made(f, 100)
	raw, err := fs.Contents(file(100))
	require.NoError(f, err)
	f.Add(raw, false)
	f.Add(raw[:200], true)
	f.Add([]byte{}, true)
	f.Fuzz(func(t *testing.T, raw []byte, resum bool) {
		if len(raw) > 1<<16 {
			return
		}
		if resum {
			snap.Resum(raw)
		}
		fs := memfs.New(1)
		require.NoError(t, fs.MkdirAll(dir))
		f, err := fs.Create(file(100))
		require.NoError(t, err)
		_, err = f.WriteAt(raw, 0)
		require.NoError(t, err)
		s, err := snap.Open(fs, dir, tiny)
		if err != nil {
			require.True(t, errors.As(err, new(*snap.FormatError)) || errors.As(err, new(*snap.ClusterError)), "%v", err)
			return
		}
		require.Equal(t, 1, len(s.List())+len(s.Damaged()))
		for _, info := range s.List() {
			download(t, open(t, fs), info)
			r, err := s.Reader(info)
			require.NoError(t, err)
			n, err := io.Copy(io.Discard, r)
			require.LessOrEqual(t, n, info.Size)
			if err != nil {
				require.ErrorAs(t, err, new(*snap.DamagedError))
				require.Empty(t, s.List())
			}
		}
	})
}

// download moves a snapshot to another store: what passes there passes here.
func download(t *testing.T, s *snap.Store, info snap.Info) {
	to := open(t, memfs.New(1))
	p, err := to.Resume(info.ID)
	require.NoError(t, err)
	for !p.Complete() {
		piece, err := s.ReadChunk(info, p.Have(), 1)
		if err != nil {
			require.ErrorAs(t, err, new(*snap.DamagedError))
			return
		}
		if err := p.Append(p.Have(), piece); err != nil {
			require.ErrorAs(t, err, new(*snap.TransferError))
			return
		}
	}
	got, err := p.Finish()
	require.NoError(t, err)
	require.Equal(t, info, got)
	require.NoError(t, to.Verify(got))
}

// FuzzAppend: whatever a peer sends as whatever snapshot, nothing panics, and only what has the
// sum that was offered becomes one.
func FuzzAppend(f *testing.F) {
	fs, s := made(f, 100)
	raw, err := fs.Contents(file(100))
	require.NoError(f, err)
	sum := s.List()[0].Sum
	f.Add(raw, int64(len(raw)), uint16(200), false)
	f.Add(raw, int64(len(raw)), uint16(158), true)
	f.Add(raw[:100], int64(1)<<62, uint16(1), true)
	f.Fuzz(func(t *testing.T, raw []byte, size int64, cut uint16, resum bool) {
		if len(raw) > 1<<16 {
			return
		}
		if resum {
			snap.Resum(raw)
		}
		to := open(t, memfs.New(1))
		p, err := to.Resume(snap.ID{Entry: raft.EntryID{Index: 100, Term: 2}, Size: size, Sum: sum})
		require.NoError(t, err)
		for _, at := range []int{0, min(int(cut), len(raw)), 0} {
			_ = p.Append(int64(at), raw[at:])
			_ = p.Append(p.Have(), raw[min(p.Have(), int64(len(raw))):])
		}
		require.LessOrEqual(t, p.Have(), int64(len(raw)))
		info, err := p.Finish()
		if err == nil {
			require.Equal(t, sum, info.Sum)
			require.NoError(t, to.Verify(info))
		}
	})
}
