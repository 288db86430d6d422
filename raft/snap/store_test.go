package snap_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/raft/snap"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
)

const (
	cluster = raft.ClusterID(0xc1)
	dir     = "snap"
)

// tiny makes snapshots of several chunks out of a few words.
var tiny = snap.Options{Cluster: cluster, ChunkBytes: 100}

func baseAt(index raft.Index) raft.Base {
	return raft.Base{
		Entry: raft.EntryID{Index: index, Term: raft.Term(index/100 + 1)},
		Time:  raft.LogTime(index),
		Config: raft.Configuration{Members: []raft.Member{
			{Ident: raft.Ident{ID: 1, Inc: 0x1111}, Voter: true, PeerAddr: "peer", ClientAddr: "client"},
		}},
		ConfigIndex: 1,
		Removed:     []raft.Removal{{Member: raft.Member{Ident: raft.Ident{ID: 2, Inc: 0x2222}}, At: 1}},
	}
}

func hashAt(index raft.Index) [2]uint64 { return [2]uint64{uint64(index), 0x4242} }

// bodyAt is the body of the snapshot at an index, the same wherever it is made.
func bodyAt(index raft.Index) []byte {
	return []byte(strings.Repeat(fmt.Sprintf("state at %d. ", index), 30+int(index)%7))
}

func contents(p []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		for len(p) > 0 { // in uneven pieces
			n := min(len(p), 1+len(p)%37)
			if _, err := w.Write(p[:n]); err != nil {
				return err
			}
			p = p[n:]
		}
		return nil
	}
}

func create(s *snap.Store, index raft.Index) (snap.Info, error) {
	return s.Create(baseAt(index), hashAt(index), contents(bodyAt(index)))
}

func open(t require.TestingT, fs vfs.FS) *snap.Store {
	s, err := snap.Open(fs, dir, tiny)
	require.NoError(t, err)
	return s
}

// made returns a file system with snapshots at the indexes.
func made(t require.TestingT, indexes ...raft.Index) (*memfs.FS, *snap.Store) {
	fs := memfs.New(1)
	s := open(t, fs)
	for _, i := range indexes {
		_, err := create(s, i)
		require.NoError(t, err)
	}
	return fs, s
}

func read(s *snap.Store, info snap.Info) ([]byte, error) {
	r, err := s.Reader(info)
	if err != nil {
		return nil, err
	}
	p, err := io.ReadAll(r)
	return p, errors.Join(err, r.Close())
}

func indexes(list []snap.Info) []raft.Index {
	var out []raft.Index
	for i := range list {
		out = append(out, list[i].Entry.Index)
	}
	return out
}

func file(index raft.Index) string { return fmt.Sprintf("%s/%020d.snap", dir, uint64(index)) }

func TestWhatIsCreatedIsListedAndReadAgain(t *testing.T) {
	fs, s := made(t, 200, 100)
	for _, s := range []*snap.Store{s, open(t, fs)} {
		require.Equal(t, []raft.Index{100, 200}, indexes(s.List()))
		require.Empty(t, s.Damaged())
		for _, info := range s.List() {
			index := info.Entry.Index
			require.Equal(t, baseAt(index), info.Base)
			require.Equal(t, baseAt(index).Entry, info.Entry)
			require.Equal(t, hashAt(index), info.Hash)
			require.NoError(t, s.Verify(info))
			got, err := read(s, info)
			require.NoError(t, err)
			require.Equal(t, bodyAt(index), got)
			raw, err := fs.Contents(file(index))
			require.NoError(t, err)
			require.Equal(t, int64(len(raw)), info.Size)
		}
	}
	names, err := fs.List(dir)
	require.NoError(t, err)
	require.Len(t, names, 2)
}

// Nodes make their snapshots at the same entries, so that one can serve what another one began to.
func TestTwoNodesMakeTheSameFileOfTheSameState(t *testing.T) {
	_, a := made(t, 100)
	_, b := made(t, 50, 100)
	require.Equal(t, a.List()[0], b.List()[1])
}

func TestASnapshotOfAnEntryTakesThePlaceOfTheOneThatWasThere(t *testing.T) {
	fs, s := made(t, 100)
	info, err := s.Create(baseAt(100), hashAt(7), contents([]byte("other")))
	require.NoError(t, err)
	for _, s := range []*snap.Store{s, open(t, fs)} {
		require.Equal(t, []snap.Info{info}, s.List())
		got, err := read(s, info)
		require.NoError(t, err)
		require.Equal(t, "other", string(got))
	}
}

func TestASnapshotThatIsNotListedIsGone(t *testing.T) {
	_, s := made(t, 100, 200, 300)
	list := s.List()
	require.NoError(t, s.Prune())
	_, err := s.Reader(list[0])
	require.ErrorIs(t, err, snap.ErrGone)
	require.ErrorIs(t, s.Verify(list[0]), snap.ErrGone)
	_, err = s.ReadChunk(list[0], 0, 1)
	require.ErrorIs(t, err, snap.ErrGone)
	other := list[1]
	other.Sum[0]++
	require.ErrorIs(t, s.Verify(other), snap.ErrGone, "another file of the same entry")
}

func TestPruneKeepsTheTwoNewestAndWhatIsBeingSent(t *testing.T) {
	fs, s := made(t, 100, 200, 300, 400, 500)
	require.NoError(t, s.Prune(200))
	require.Equal(t, []raft.Index{200, 400, 500}, indexes(s.List()))
	require.NoError(t, s.Prune())
	require.Equal(t, []raft.Index{400, 500}, indexes(s.List()))
	require.NoError(t, s.Prune())
	require.Equal(t, []raft.Index{400, 500}, indexes(open(t, fs).List()))
}

// A damaged file is of no use to the node and perhaps of some to a person, who has nothing else.
func TestPruneRemovesDamagedSnapshotsWhenTwoGoodOnesAreThere(t *testing.T) {
	fs, s := made(t, 100, 200)
	require.NoError(t, fs.FlipBit(file(200), 5000))
	require.Error(t, s.Verify(s.List()[1]))
	require.NoError(t, s.Prune())
	require.Len(t, s.Damaged(), 1)
	_, err := create(s, 300)
	require.NoError(t, err)
	require.Equal(t, []raft.Index{100, 300}, indexes(s.List()))
	require.NoError(t, s.Prune())
	require.Empty(t, s.Damaged())
	require.Equal(t, []raft.Index{100, 300}, indexes(open(t, fs).List()))
}

func TestADamagedSnapshotThatIsMadeAgainIsNoLongerDamaged(t *testing.T) {
	fs, _ := made(t, 100)
	require.NoError(t, fs.FlipBit(file(100), 300))
	s := open(t, fs)
	require.Empty(t, s.List())
	require.Len(t, s.Damaged(), 1)
	_, err := create(s, 100)
	require.NoError(t, err)
	require.Empty(t, s.Damaged())
	require.NoError(t, s.Verify(s.List()[0]))
}

func TestOpenRemovesWhatACrashLeftAndKeepsADownload(t *testing.T) {
	source, peer := made(t, 100, 300)
	_ = source
	fs, s := made(t, 200)
	put := func(name string) {
		f, err := fs.Create(dir + "/" + name)
		require.NoError(t, err)
		_, err = f.WriteAt([]byte("half"), 0)
		require.NoError(t, err)
	}
	put("new.tmp")
	put("not ours")
	put(strings.Repeat("0", 18) + "99-" + strings.Repeat("ab", 32) + ".part")
	p, err := s.Resume(peer.List()[1].ID)
	require.NoError(t, err)
	require.NoError(t, p.Close())
	put(strings.Repeat("0", 17) + "150-" + strings.Repeat("ab", 32) + ".part")
	s = open(t, fs)
	names, err := fs.List(dir)
	require.NoError(t, err)
	require.Equal(t, []string{
		fmt.Sprintf("%020d.snap", 200),
		fmt.Sprintf("%020d-%x.part", 300, peer.List()[1].Sum),
		"not ours",
	}, names)
	require.Equal(t, []raft.Index{200}, indexes(s.List()))
}

func TestASnapshotOnItsWayBackToItsNameIsFound(t *testing.T) {
	fs, _ := made(t, 100, 200)
	away := strings.TrimSuffix(file(100), ".snap") + ".again"
	require.NoError(t, fs.Rename(file(100), away))
	s := open(t, fs)
	require.Equal(t, []raft.Index{100, 200}, indexes(s.List()))
	require.NoError(t, s.Verify(s.List()[0]))
	_, err := fs.Contents(away)
	require.ErrorIs(t, err, vfs.ErrNotExist)
}

// At stake: whoever looks at the directory of a node, to decide what to do about it, changes nothing there.
func TestLookFindsWhatOpenFindsAndChangesNothing(t *testing.T) {
	fs, _ := made(t, 100, 200)
	require.NoError(t, fs.Rename(file(200), strings.TrimSuffix(file(200), ".snap")+".again"))
	require.NoError(t, fs.FlipBit(file(100), 8*200))
	fs.SetHook(func(op memfs.Op) error {
		require.False(t, op.Kind.Changes(), "%v %s", op.Kind, op.Name)
		return nil
	})
	s, err := snap.Look(fs, dir, tiny)
	require.NoError(t, err)
	require.Equal(t, []raft.Index{100, 200}, indexes(s.List()))
	body, err := read(s, s.List()[1])
	require.NoError(t, err)
	require.Equal(t, bodyAt(200), body)
	p, err := s.ReadChunk(s.List()[1], 0, 1)
	require.NoError(t, err)
	require.NotEmpty(t, p)
	require.ErrorAs(t, s.Verify(s.List()[0]), new(*snap.DamagedError))
	require.Error(t, s.Prune())
	_, err = create(s, 300)
	require.Error(t, err)
	_, err = s.Resume(snap.ID{})
	require.Error(t, err)

	s, err = snap.Look(fs, "nowhere", tiny)
	require.NoError(t, err)
	require.Empty(t, s.List())
}

func TestAnErrorWhileTheBodyIsWrittenLeavesNothing(t *testing.T) {
	fs, s := made(t, 100)
	_, err := s.Create(baseAt(200), hashAt(200), func(w io.Writer) error {
		_, err := w.Write(make([]byte, 1000))
		require.NoError(t, err)
		return errors.New("the state is not to be had")
	})
	require.EqualError(t, err, "the state is not to be had")
	names, err := fs.List(dir)
	require.NoError(t, err)
	require.Len(t, names, 1)
}

func TestAFullDiskIsSaidWithTheWayOutAndTheStoreGoesOn(t *testing.T) {
	fs, s := made(t, 100)
	fs.SetCapacity(s.List()[0].Size + 300)
	_, err := create(s, 200)
	require.ErrorIs(t, err, vfs.ErrNoSpace)
	require.ErrorContains(t, err, "snap: memfs: write snap/new.tmp: no space left on device (free space")
	names, err := fs.List(dir)
	require.NoError(t, err)
	require.Len(t, names, 1, "what was written of it makes room again")
	fs.SetCapacity(0)
	_, err = create(s, 200)
	require.NoError(t, err)
	require.NoError(t, s.Verify(s.List()[1]))
}

// The kernel reports a failed sync of a directory once. Whoever tries again gets a success that proves nothing of the name
// that was to be synced: so that one is never believed, and the store goes on without it.
func TestANameThatCouldNotBeSyncedIsNeverBelieved(t *testing.T) {
	fs, s := made(t, 100)
	fail(fs, memfs.OpSyncDir)
	_, err := create(s, 200)
	require.ErrorIs(t, err, vfs.ErrIO)
	require.Equal(t, []raft.Index{100}, indexes(s.List()), "what was durable before is served on")
	require.NoError(t, s.Verify(s.List()[0]))

	fail(fs, memfs.OpRemove)
	_, err = create(s, 300)
	require.ErrorIs(t, err, vfs.ErrIO, "as long as that name is there, nothing is made")
	fs.SetHook(nil)
	_, err = create(s, 300)
	require.NoError(t, err)
	require.Equal(t, []raft.Index{100, 300}, indexes(s.List()), "nobody was told that the other one is there")
	names, err := fs.List(dir)
	require.NoError(t, err)
	require.Len(t, names, 2)
	fs.CrashMachine(memfs.DropAll)
	require.Equal(t, []raft.Index{100, 300}, indexes(open(t, fs).List()), "what the store lists is durable")
}

// The removal of an old snapshot, whose sync failed, may have taken the name of a new one along.
func TestASnapshotOutlivesTheFailedSyncOfAnothersRemoval(t *testing.T) {
	fs, s := made(t, 100, 200, 300)
	fail(fs, memfs.OpSyncDir)
	require.ErrorIs(t, s.Prune(), vfs.ErrIO)
	fs.SetHook(nil)
	require.NoError(t, s.Prune())
	fs.CrashMachine(memfs.DropAll)
	require.Subset(t, indexes(open(t, fs).List()), []raft.Index{200, 300}, "one that was removed may come back, and is removed again")
}

// Whatever operation fails next, and if the machine crashes then, no snapshot that was there is lost.
func TestWhateverFailsBehindAFailedSyncNoSnapshotIsLost(t *testing.T) {
	for after := 1; ; after++ {
		fs, s := made(t, 100, 200)
		fail(fs, memfs.OpSyncDir)
		_, err := create(s, 300)
		require.ErrorIs(t, err, vfs.ErrIO)
		left := after
		fs.SetHook(func(op memfs.Op) error {
			if !op.Kind.Changes() {
				return nil
			}
			if left--; left == 0 {
				return vfs.ErrIO
			}
			return nil
		})
		_, err = create(s, 400)
		for _, info := range s.List() {
			require.NoError(t, s.Verify(info), "operation %d", after)
		}
		fs.SetHook(nil)
		if left > 0 {
			require.NoError(t, err)
			require.Greater(t, after, 5, "a removal, and a file with its writes, its sync, its name and the sync of that")
			return
		}
		crashed := fs.Clone()
		crashed.CrashMachine(memfs.DropAll)
		list := indexes(open(t, crashed).List())
		require.Subset(t, list, []raft.Index{100, 200}, "operation %d", after)
		_, err = create(s, 400)
		require.NoError(t, err, "operation %d", after)
		fs.CrashMachine(memfs.DropAll)
		require.Equal(t, []raft.Index{100, 200, 400}, indexes(open(t, fs).List()), "operation %d", after)
	}
}

// fail lets the next operation of a kind fail.
func fail(fs *memfs.FS, kind memfs.OpKind) {
	failed := false
	fs.SetHook(func(op memfs.Op) error {
		if op.Kind != kind || failed {
			return nil
		}
		failed = true
		return vfs.ErrIO
	})
}

// Whatever the chunks' length and however the body comes in and is read out, it is the same body.
func TestAnyBodyComesOutAsItWentIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := snap.Options{Cluster: cluster, ChunkBytes: rapid.IntRange(1, 300).Draw(t, "chunk")}
		body := rapid.SliceOfN(rapid.Byte(), 0, 1000).Draw(t, "body")
		fs := memfs.New(1)
		s, err := snap.Open(fs, dir, o)
		require.NoError(t, err)
		info, err := s.Create(baseAt(1), hashAt(1), func(w io.Writer) error {
			for rest := body; len(rest) > 0; {
				n := rapid.IntRange(0, len(rest)).Draw(t, "write")
				wrote, err := w.Write(rest[:n])
				require.NoError(t, err)
				require.Equal(t, n, wrote)
				rest = rest[n:]
			}
			return nil
		})
		require.NoError(t, err)
		s, err = snap.Open(fs, dir, o)
		require.NoError(t, err)
		require.Equal(t, []snap.Info{info}, s.List())
		require.NoError(t, s.Verify(info))

		r, err := s.Reader(info)
		require.NoError(t, err)
		var got []byte
		for err == nil {
			p := make([]byte, rapid.IntRange(1, 400).Draw(t, "read"))
			var n int
			n, err = r.Read(p)
			got = append(got, p[:n]...)
		}
		require.Equal(t, io.EOF, err)
		require.True(t, bytes.Equal(body, got))

		raw, err := fs.Contents(file(1))
		require.NoError(t, err)
		var wire []byte
		for int64(len(wire)) < info.Size {
			p, err := s.ReadChunk(info, int64(len(wire)), rapid.IntRange(0, 1000).Draw(t, "max"))
			require.NoError(t, err)
			require.NotEmpty(t, p)
			wire = append(wire, p...)
		}
		require.Equal(t, raw, wire, "what travels is what is stored")
	})
}
