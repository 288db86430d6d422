package memfs_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
	"parley/raft/vfs/vfstest"
)

func TestTheFileSystemInMemoryConforms(t *testing.T) {
	vfstest.Run(t, func(*testing.T) vfs.FS { return memfs.New(1) })
}

// put makes a file and gives it contents; nothing is synced.
func put(t require.TestingT, fs *memfs.FS, name, contents string) vfs.File {
	f, err := fs.Create(name)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte(contents), 0)
	require.NoError(t, err)
	return f
}

// durable makes a file that survives everything.
func durable(t require.TestingT, fs *memfs.FS, name, contents string) vfs.File {
	f := put(t, fs, name, contents)
	require.NoError(t, f.Sync())
	require.NoError(t, fs.SyncDir("."))
	return f
}

func contents(t require.TestingT, fs *memfs.FS, name string) string {
	b, err := fs.Contents(name)
	require.NoError(t, err)
	return string(b)
}

// The page cache belongs to the machine: kill -9 loses no write.
func TestACrashOfTheProcessKeepsTheCacheAndDropsFilesAndLocks(t *testing.T) {
	fs := memfs.New(1)
	f := put(t, fs, "a", "abc")
	l, err := fs.Lock("lock")
	require.NoError(t, err)
	fs.CrashProcess()
	require.Equal(t, "abc", contents(t, fs, "a"))
	_, err = f.WriteAt([]byte("x"), 0)
	require.Error(t, err)
	require.Error(t, f.Sync())
	_, err = fs.Lock("lock")
	require.NoError(t, err)
	require.NoError(t, l.Close(), "closing the dead process's lock does not free the new one")
	_, err = fs.Lock("lock")
	require.ErrorIs(t, err, vfs.ErrLocked)
}

// A file without its directory entry is lost, however often it was synced.
func TestASyncedFileIsLostWithoutItsDirectoryEntry(t *testing.T) {
	fs := memfs.New(1)
	require.NoError(t, put(t, fs, "a", "abc").Sync())
	require.Equal(t, "[entry a]", itemsOf(fs))
	fs.CrashMachine(memfs.DropAll)
	_, err := fs.Open("a")
	require.ErrorIs(t, err, vfs.ErrNotExist)
}

func itemsOf(fs *memfs.FS) string {
	s := "["
	for i, item := range fs.Unsynced() {
		if i > 0 {
			s += ", "
		}
		s += item.String()
	}
	return s + "]"
}

// Sectors reach the disk in any order: the second may survive without the first.
func TestEverySectorSurvivesOnItsOwn(t *testing.T) {
	fs := memfs.New(1)
	old := string(make([]byte, 2048))
	f := durable(t, fs, "a", old)
	_, err := f.WriteAt([]byte("one"), 100)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("two"), 1022) // lies across a border
	require.NoError(t, err)
	require.Equal(t, "[a at 0, a at 512, a at 1024]", itemsOf(fs))
	fs.CrashMachine(memfs.Subset(0b100))
	want := []byte(old)
	want[1024] = 'o'
	require.Equal(t, string(want), contents(t, fs, "a"))
	require.Empty(t, fs.Unsynced(), "what survived a crash is on disk")
}

func TestATornSectorHasANewBeginningAndAnOldEnd(t *testing.T) {
	fs := memfs.New(1)
	f := durable(t, fs, "a", string(make([]byte, 512)))
	b := make([]byte, 512)
	for i := range b {
		b[i] = 1
	}
	_, err := f.WriteAt(b, 0)
	require.NoError(t, err)
	fs.CrashMachine(func(int, memfs.Item) memfs.Choice { return memfs.Tear })
	got := contents(t, fs, "a")
	require.Equal(t, byte(1), got[0])
	require.Equal(t, byte(0), got[511])
}

func TestAGrowthThatWasNotSyncedMayBeLostWithWhatItHeld(t *testing.T) {
	fs := memfs.New(1)
	f := durable(t, fs, "a", "abc")
	_, err := f.WriteAt([]byte("xyz"), 1000)
	require.NoError(t, err)
	require.Equal(t, "[size of a, a at 512]", itemsOf(fs))
	kept := fs.Clone()
	kept.CrashMachine(memfs.Subset(0b01))
	require.Equal(t, "abc"+string(make([]byte, 1000)), contents(t, kept, "a"))
	fs.CrashMachine(memfs.Subset(0b10))
	require.Equal(t, "abc", contents(t, fs, "a"))
}

func TestPreallocatedAndSyncedSpaceAddsOnlySectors(t *testing.T) {
	fs := memfs.New(1)
	f := durable(t, fs, "a", "")
	require.NoError(t, f.Preallocate(1<<20))
	require.Equal(t, "[size of a]", itemsOf(fs))
	require.NoError(t, f.Sync())
	_, err := f.WriteAt([]byte("x"), 512)
	require.NoError(t, err)
	require.Equal(t, "[a at 512]", itemsOf(fs))
}

// At stake: a directory that is switched for another is whole, under one of two names, after every crash.
func TestARenameOfADirectoryIsOneItemAndTakesAlongWhatIsInIt(t *testing.T) {
	for _, c := range []struct {
		synced bool
		choose memfs.Chooser
		at     string
		gone   string
	}{
		{false, memfs.DropAll, "d", "e"},
		{false, memfs.KeepAll, "e", "d"},
		{true, memfs.DropAll, "e", "d"},
	} {
		fs := memfs.New(1)
		require.NoError(t, fs.MkdirAll("d/sub"))
		durable(t, fs, "d/sub/a", "a")
		for _, dir := range []string{"d/sub", "d", "."} {
			require.NoError(t, fs.SyncDir(dir))
		}
		require.NoError(t, fs.Rename("d", "e"))
		require.Equal(t, "[entry e]", itemsOf(fs))
		if c.synced {
			require.NoError(t, fs.SyncDir("."))
		}
		require.NoError(t, put(t, fs, "e/later", "b").Sync())
		require.NoError(t, fs.SyncDir("e"))
		fs.CrashMachine(c.choose)
		require.Equal(t, "a", contents(t, fs, c.at+"/sub/a"))
		_, err := fs.List(c.gone)
		require.ErrorIs(t, err, vfs.ErrNotExist)
		if c.at == "e" {
			require.Equal(t, "b", contents(t, fs, "e/later"))
		}
	}
}

// A rename either happened or did not; there is never none of the two names.
func TestARenameIsOneItem(t *testing.T) {
	fs := memfs.New(1)
	durable(t, fs, "new", "new")
	durable(t, fs, "old", "old")
	require.NoError(t, fs.Rename("new", "old"))
	lost := fs.Clone()
	lost.CrashMachine(memfs.DropAll)
	require.Equal(t, "old", contents(t, lost, "old"))
	require.Equal(t, "new", contents(t, lost, "new"))
	fs.CrashMachine(memfs.KeepAll)
	require.Equal(t, "new", contents(t, fs, "old"))
	_, err := fs.Open("new")
	require.ErrorIs(t, err, vfs.ErrNotExist)
}

func TestADirectoryThatIsLostTakesItsFilesAlong(t *testing.T) {
	fs := memfs.New(1)
	require.NoError(t, fs.MkdirAll("d/e"))
	require.NoError(t, put(t, fs, "d/e/a", "abc").Sync())
	require.NoError(t, fs.SyncDir("d/e"))
	require.NoError(t, fs.SyncDir("d"))
	fs.CrashMachine(memfs.DropAll)
	names, err := fs.List(".")
	require.NoError(t, err)
	require.Empty(t, names)
}

func TestADirectoryThatIsMadeAnewHasNothingOfTheOldOne(t *testing.T) {
	fs := memfs.New(1)
	require.NoError(t, fs.MkdirAll("d"))
	require.NoError(t, fs.SyncDir("."))
	require.NoError(t, put(t, fs, "d/a", "old").Sync())
	fs.SetHook(func(op memfs.Op) error {
		if op.Kind == memfs.OpSyncDir {
			return vfs.ErrIO
		}
		return nil
	})
	require.ErrorIs(t, fs.SyncDir("d"), vfs.ErrIO)
	fs.SetHook(nil)
	require.NoError(t, fs.Remove("d/a"))
	require.NoError(t, fs.Remove("d"))
	require.NoError(t, fs.MkdirAll("d"))
	require.NoError(t, fs.SyncDir("."))
	empty := fs.Clone()
	require.NoError(t, put(t, fs, "d/a", "new").Sync())
	require.NoError(t, fs.SyncDir("d"))
	for _, choose := range []memfs.Chooser{memfs.DropAll, memfs.KeepAll} {
		crashed := fs.Clone()
		crashed.CrashMachine(choose)
		require.Equal(t, "new", contents(t, crashed, "d/a"))
		crashed = empty.Clone()
		crashed.CrashMachine(choose)
		names, err := crashed.List("d")
		require.NoError(t, err)
		require.Empty(t, names)
	}
}

func TestWhatFailedToBeSyncedIsSettledByALaterSyncOfTheSameName(t *testing.T) {
	fs := memfs.New(1)
	fail := func(op memfs.Op) error {
		if op.Kind == memfs.OpSyncDir {
			return vfs.ErrIO
		}
		return nil
	}
	require.NoError(t, fs.MkdirAll("d"))
	require.NoError(t, fs.Remove("d"))
	require.NoError(t, fs.MkdirAll("d"))
	fs.SetHook(fail)
	require.ErrorIs(t, fs.SyncDir("."), vfs.ErrIO)
	fs.SetHook(nil)
	require.NoError(t, fs.Remove("d"))
	require.NoError(t, fs.MkdirAll("d"))
	require.NoError(t, fs.SyncDir("."))
	require.NoError(t, put(t, fs, "d/a", "abc").Sync())
	require.NoError(t, fs.SyncDir("d"))
	fs.CrashMachine(memfs.KeepAll)
	require.Equal(t, "abc", contents(t, fs, "d/a"))
}

// The kernel reports a failed write-back once and calls the pages clean; a
// second sync that succeeds proves nothing.
func TestASyncThatFailedIsNotRepairedByALaterOne(t *testing.T) {
	fs := memfs.New(1)
	f := durable(t, fs, "a", "old")
	_, err := f.WriteAt([]byte("new"), 0)
	require.NoError(t, err)
	fs.SetHook(func(op memfs.Op) error {
		if op.Kind == memfs.OpSync {
			return vfs.ErrIO
		}
		return nil
	})
	require.ErrorIs(t, f.Sync(), vfs.ErrIO)
	fs.SetHook(nil)
	require.NoError(t, f.Sync())
	lost := fs.Clone()
	lost.CrashMachine(memfs.DropAll)
	require.Equal(t, "old", contents(t, lost, "a"))
	_, err = f.WriteAt([]byte("new"), 0)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	fs.CrashMachine(memfs.DropAll)
	require.Equal(t, "new", contents(t, fs, "a"))
}

func TestAFullDiskRefusesGrowthAndNothingElse(t *testing.T) {
	fs := memfs.New(1)
	f := put(t, fs, "a", "0123456789")
	fs.SetCapacity(12)
	n, err := f.WriteAt([]byte("abc"), 10)
	require.ErrorIs(t, err, vfs.ErrNoSpace)
	require.Equal(t, 2, n, "a write comes as far as there is room")
	require.ErrorIs(t, f.Preallocate(13), vfs.ErrNoSpace)
	_, err = f.WriteAt([]byte("xyz"), 7)
	require.NoError(t, err)
	require.Equal(t, "0123456xyzab", contents(t, fs, "a"))
	n, err = f.WriteAt([]byte("abc"), 50)
	require.ErrorIs(t, err, vfs.ErrNoSpace)
	require.Zero(t, n)
	fs.SetCapacity(0)
	_, err = f.WriteAt([]byte("c"), 12)
	require.NoError(t, err, "there is room again")
}

func TestTheHookSeesEveryOperationAndMayCutAWriteShort(t *testing.T) {
	fs := memfs.New(1)
	f := put(t, fs, "a", "0123456789")
	var seen []memfs.Op
	fs.SetHook(func(op memfs.Op) error {
		seen = append(seen, op)
		if op.Kind == memfs.OpWrite {
			return &memfs.ShortWrite{N: 2, Err: vfs.ErrIO}
		}
		return nil
	})
	n, err := f.WriteAt([]byte("abcd"), 4)
	require.ErrorIs(t, err, vfs.ErrIO)
	require.Equal(t, 2, n)
	require.Equal(t, "0123ab6789", contents(t, fs, "a"))
	require.NoError(t, f.Sync())
	require.Equal(t, []memfs.Op{
		{Seq: 1, Kind: memfs.OpWrite, Name: "a", Off: 4, Len: 4},
		{Seq: 2, Kind: memfs.OpSync, Name: "a"},
	}, seen)
}

func TestAMisdirectedWriteLandsElsewhereOnce(t *testing.T) {
	fs := memfs.New(1)
	f := put(t, fs, "a", "0123456789")
	fs.Misdirect("a", 6)
	for range 2 {
		_, err := f.WriteAt([]byte("x"), 0)
		require.NoError(t, err)
	}
	require.Equal(t, "x12345x789", contents(t, fs, "a"))
}

func TestAFlippedBitIsOnTheDiskToo(t *testing.T) {
	fs := memfs.New(1)
	durable(t, fs, "a", "abc")
	require.NoError(t, fs.FlipBit("a", 8))
	require.Equal(t, "acc", contents(t, fs, "a"))
	fs.CrashMachine(memfs.DropAll)
	require.Equal(t, "acc", contents(t, fs, "a"))
	require.Error(t, fs.FlipBit("a", 24))
}

// A property over random workloads: what was synced is never lost, what was
// never written never appears, and a clone neither disturbs nor is disturbed.
func TestACrashKeepsWhatWasSyncedAndInventsNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := memfs.New(rapid.Uint64().Draw(t, "seed"))
		const size = 4 * memfs.SectorBytes
		f := durable(t, fs, "a", string(make([]byte, size)))
		synced := make([]byte, size) // per byte: the value last synced
		written := make([][]byte, size)
		cache := make([]byte, size)
		steps := rapid.IntRange(1, 20).Draw(t, "steps")
		for step := range steps {
			if rapid.IntRange(0, 4).Draw(t, "op") == 0 {
				require.NoError(t, f.Sync())
				copy(synced, cache)
				written = make([][]byte, size)
				continue
			}
			off := rapid.IntRange(0, size-1).Draw(t, "off")
			n := rapid.IntRange(1, size-off).Draw(t, "len")
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(step + 1)
				cache[off+i] = b[i]
				written[off+i] = append(written[off+i], b[i])
			}
			_, err := f.WriteAt(b, int64(off))
			require.NoError(t, err)
		}
		before := contents(t, fs, "a")
		crashed := fs.Clone()
		crashed.CrashMachine(memfs.Chance(rapid.Uint64().Draw(t, "key")))
		require.Equal(t, before, contents(t, fs, "a"), "the clone's crash is its own")
		require.Equal(t, string(cache), before)
		for i, c := range []byte(contents(t, crashed, "a")) {
			if c != synced[i] && (len(written[i]) == 0 || c != cache[i]) {
				t.Fatalf("byte %d is %d: synced %d, cached %d", i, c, synced[i], cache[i])
			}
		}
	})
}

// Steady appending within preallocated space must not allocate per write: the
// simulator does it millions of times.
func BenchmarkWriteAndSync(b *testing.B) {
	fs := memfs.New(1)
	f, err := fs.Create("a")
	if err = errors.Join(err, f.Preallocate(1<<20), f.Sync()); err != nil {
		b.Fatal(err)
	}
	p := make([]byte, 1024)
	b.ReportAllocs()
	for i := range b.N {
		if _, err := f.WriteAt(p, int64(i%1000)*1024); err != nil {
			b.Fatal(err)
		}
		if err := f.Sync(); err != nil {
			b.Fatal(err)
		}
	}
}

// The room of a file that was removed is taken until nothing refers to it: no name on the disk, no change of one that was not synced, and
// nobody who has it open.
func TestAFileTakesRoomAsLongAsAnythingRefersToIt(t *testing.T) {
	fs := memfs.New(1)
	require.NoError(t, fs.MkdirAll("dir"))
	removed := func() vfs.File {
		f := durable(t, fs, "a", "contents")
		require.NoError(t, fs.Remove("a"))
		return f
	}

	f := removed()
	require.NoError(t, fs.SyncDir("."))
	require.NotZero(t, fs.Used(), "it is open")
	require.NoError(t, f.Close())
	require.NoError(t, fs.SyncDir("dir"))
	require.Zero(t, fs.Used())

	f = removed()
	require.NoError(t, f.Close())
	require.NoError(t, fs.SyncDir("dir"))
	require.NotZero(t, fs.Used(), "its name is on the disk")
	require.NoError(t, fs.SyncDir("."))
	require.Zero(t, fs.Used())

	removed()
	require.NoError(t, fs.SyncDir("."))
	clone := fs.Clone()
	fs.CrashProcess()
	require.Zero(t, fs.Used())
	clone.CrashProcess()
	require.Zero(t, clone.Used())

	f = put(t, fs, "b", "contents")
	require.NoError(t, f.Close())
	fs.Arrange(memfs.Failure{Kind: memfs.OpSyncDir, Times: 1, Err: vfs.ErrIO})
	require.Error(t, fs.SyncDir(".")) // no later sync brings that name to the disk
	require.NoError(t, fs.Remove("b"))
	require.NoError(t, fs.SyncDir("dir"))
	require.NotZero(t, fs.Used(), "its name may get there in a crash")
	require.NoError(t, fs.SyncDir("."))
	require.Zero(t, fs.Used())
}
