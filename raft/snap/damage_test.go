package snap_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/snap"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
)

// Every bit of the file is covered by some check: whichever one flips, whoever reads the place is
// told, nobody is given other bytes, and the snapshot is listed no longer.
func TestEveryFlippedBitOfASnapshotIsFound(t *testing.T) {
	whole, s := made(t, 100, 200)
	info, other := s.List()[0], s.List()[1]
	for bit := range info.Size * 8 {
		at := func() string { return fmt.Sprintf("bit %d of byte %d", bit%8, bit/8) }
		fs := whole.Clone()
		require.NoError(t, fs.FlipBit(file(100), bit))
		s := open(t, fs)
		var damaged *snap.DamagedError
		if len(s.List()) == 2 {
			require.Equal(t, info, s.List()[0], at())
			got, err := read(s, info)
			require.ErrorAs(t, err, &damaged, at())
			require.True(t, bytes.HasPrefix(bodyAt(100), got), at())
		}
		require.Equal(t, []raft.Index{200}, indexes(s.List()), at())
		require.Len(t, s.Damaged(), 1)
		damaged = s.Damaged()[0]
		require.Equal(t, raft.Index(100), damaged.Index)
		require.LessOrEqual(t, damaged.Offset, bit/8, at())
		require.NoError(t, s.Verify(other))
	}
}

// A piece that rotted while the store is open must not reach a peer.
func TestEveryFlippedBitIsFoundBeforeItIsSent(t *testing.T) {
	whole, s := made(t, 100)
	info := s.List()[0]
	for bit := int64(0); bit < info.Size*8; bit += 3 {
		fs := whole.Clone()
		s := open(t, fs)
		require.NoError(t, fs.FlipBit(file(100), bit))
		for at := int64(0); at < info.Size; {
			p, err := s.ReadChunk(info, at, 1)
			if err != nil {
				require.ErrorAs(t, err, new(*snap.DamagedError))
				require.LessOrEqual(t, at, bit/8)
				break
			}
			require.False(t, at <= bit/8 && bit/8 < at+int64(len(p)), "bit %d", bit)
			at += int64(len(p))
		}
		require.Empty(t, s.List())
	}
}

func TestDamageIsSaidWithThePlace(t *testing.T) {
	const name = "00000000000000000100.snap"
	overwrite := func(off int64, p string) func(*memfs.FS) error {
		return func(fs *memfs.FS) error { return fs.Overwrite(file(100), off, []byte(p)) }
	}
	resize := func(to func(int64) int64) func(*memfs.FS) error {
		return func(fs *memfs.FS) error {
			f, err := fs.Open(file(100))
			require.NoError(t, err)
			size, err := f.Size()
			require.NoError(t, err)
			return errors.Join(f.Truncate(to(size)), f.Sync(), f.Close())
		}
	}
	for what, c := range map[string]struct {
		spoil func(*memfs.FS) error
		want  string
	}{
		"another file":      {overwrite(0, "parleywl"), "offset 0: no header"},
		"header length":     {overwrite(16, "\x00\x00\x00\x00"), "offset 0: header length makes no sense"},
		"header":            {overwrite(40, "rot"), "offset 0: header checksum mismatch"},
		"first chunk":       {overwrite(190, "rot"), "offset 158: chunk 0: checksum mismatch"},
		"a chunk elsewhere": {swapChunks, "offset 158: chunk 0: checksum mismatch"},
		"trailer":           {overwrite(640, "rot"), "offset 626: trailer checksum mismatch"},
		"empty":             {resize(func(int64) int64 { return 0 }), "offset 0: the file ends here"},
		"one byte less":     {resize(func(n int64) int64 { return n - 1 }), "offset 625: trailer checksum mismatch"},
		"one byte more":     {resize(func(n int64) int64 { return n + 1 }), "offset 627: trailer checksum mismatch"},
		"hardly a header":   {resize(func(int64) int64 { return 160 }), "offset 100: no snapshot with this header has 160 bytes"},
		"under another's name": {func(fs *memfs.FS) error {
			_, err := create(open(t, fs), 200)
			return errors.Join(err, fs.Rename(file(200), file(100)))
		}, "offset 0: it is the snapshot at entry 200"},
	} {
		fs, _ := made(t, 100)
		require.NoError(t, c.spoil(fs), what)
		s := open(t, fs)
		for _, info := range s.List() {
			require.Error(t, s.Verify(info), what)
		}
		require.Empty(t, s.List(), what)
		require.Len(t, s.Damaged(), 1, what)
		require.EqualError(t, s.Damaged()[0], "snap: "+name+", "+c.want, what)
	}
}

// swapChunks exchanges two chunks of equal length: each is good, and in the wrong place.
func swapChunks(fs *memfs.FS) error {
	raw, err := fs.Contents(file(100))
	if err != nil {
		return err
	}
	const first, chunk = 158, 104
	return errors.Join(fs.Overwrite(file(100), first, raw[first+chunk:first+2*chunk]),
		fs.Overwrite(file(100), first+chunk, raw[first:first+chunk]))
}

func TestANewerFormatIsToldFromDamage(t *testing.T) {
	fs, _ := made(t, 100)
	raw, err := fs.Contents(file(100))
	require.NoError(t, err)
	raw[8] = 2
	snap.Resum(raw)
	require.NoError(t, fs.Overwrite(file(100), 0, raw))
	_, err = snap.Open(fs, dir, tiny)
	require.EqualError(t, err, "snap: 00000000000000000100.snap was written by a newer Parley: format 2, this build reads up to 1")
	require.ErrorAs(t, err, new(*snap.FormatError))
}

func TestTheSnapshotOfAnotherClusterIsRefused(t *testing.T) {
	fs, s := made(t, 100)
	_, err := snap.Open(fs, dir, snap.Options{Cluster: 0xc2})
	require.EqualError(t, err, "snap: 00000000000000000100.snap belongs to cluster 00000000000000c1, this node to 00000000000000c2")
	require.ErrorAs(t, err, new(*snap.ClusterError))

	other, err := snap.Open(memfs.New(1), dir, snap.Options{Cluster: 0xc2})
	require.NoError(t, err)
	p, err := other.Resume(s.List()[0].ID)
	require.NoError(t, err)
	require.ErrorAs(t, transfer(p, s, s.List()[0], 1), new(*snap.ClusterError))
	require.Zero(t, p.Have())
}

// A sector that can't be read is no proof of other bytes: whoever asks is told, and may ask again.
func TestASnapshotThatCannotBeReadNowIsStillListed(t *testing.T) {
	fs, s := made(t, 100)
	info := s.List()[0]
	fail(fs, memfs.OpRead)
	err := s.Verify(info)
	require.ErrorIs(t, err, vfs.ErrIO)
	require.ErrorContains(t, err, "snap: memfs: read snap/00000000000000000100.snap: input/output error (the disk of the data directory fails")
	require.NoError(t, s.Verify(info))
	fail(fs, memfs.OpRead)
	_, err = s.ReadChunk(info, 0, 1)
	require.ErrorIs(t, err, vfs.ErrIO)
	_, err = s.ReadChunk(info, 0, 1)
	require.NoError(t, err)
}

// One bad sector in the older snapshot must not keep a node from starting.
func TestASnapshotThatCannotBeReadAtTheStartCountsAsDamaged(t *testing.T) {
	fs, _ := made(t, 100, 200)
	fail(fs, memfs.OpRead)
	s := open(t, fs)
	require.Equal(t, []raft.Index{200}, indexes(s.List()))
	require.Len(t, s.Damaged(), 1)
	require.ErrorIs(t, s.Damaged()[0], vfs.ErrIO)
	require.EqualError(t, s.Damaged()[0], "snap: 00000000000000000100.snap, offset 0: it can't be read: memfs: read "+file(100)+": input/output error")
}

// Two things that read one after the other each start from the file as it is.
func TestAReaderOfAFileThatChangedGivesNothingElse(t *testing.T) {
	fs, s := made(t, 100)
	info := s.List()[0]
	r, err := s.Reader(info)
	require.NoError(t, err)
	one := make([]byte, 1)
	_, err = io.ReadFull(r, one)
	require.NoError(t, err)
	require.NoError(t, fs.FlipBit(file(100), (info.Size-70)*8))
	got, err := io.ReadAll(r)
	require.ErrorAs(t, err, new(*snap.DamagedError))
	require.True(t, bytes.HasPrefix(bodyAt(100)[1:], got))
	_, err = r.Read(one)
	require.ErrorAs(t, err, new(*snap.DamagedError), "it says so again")
	require.NoError(t, r.Close())
}
