package memfs_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
)

// sectors is a text of so many sectors of one letter each.
func sectors(letters string) string {
	var b strings.Builder
	for _, c := range letters {
		b.WriteString(strings.Repeat(string(c), memfs.SectorBytes))
	}
	return b.String()
}

// letters reads the first byte of each sector of a file, and sees that the others are
// the same.
func letters(t require.TestingT, fs *memfs.FS, name string) string {
	all := contents(t, fs, name)
	var b strings.Builder
	for at := 0; at < len(all); at += memfs.SectorBytes {
		b.WriteByte(all[at])
	}
	require.Equal(t, sectors(b.String()), all)
	return b.String()
}

// A device that drops a write and says yes: what is read from then on is what was
// there before, and no crash is needed to see it.
func TestALostWriteIsReportedAsSyncedAndLeavesWhatWasThere(t *testing.T) {
	fs := memfs.New(1)
	f := durable(t, fs, "a", sectors("abcd"))
	fs.Lie(memfs.Lie{Name: "a", First: 1, Count: 2})
	_, err := f.WriteAt([]byte(sectors("ABCD")), 0)
	require.NoError(t, err)
	require.Equal(t, "ABCD", letters(t, fs, "a"), "before the sync the cache has it")
	require.NoError(t, f.Sync())
	require.Equal(t, "AbcD", letters(t, fs, "a"))
	require.Empty(t, fs.Unsynced(), "the device said that it has everything")
	_, err = f.WriteAt([]byte(sectors("ABCD")), 0)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.Equal(t, "ABCD", letters(t, fs, "a"), "it lies once")
}

// A misdirected write is two faults: its own place keeps the old bytes, and another
// place gets the new ones, in the same file or in another.
func TestAMisdirectedWriteDamagesTwoPlaces(t *testing.T) {
	fs := memfs.New(1)
	f := durable(t, fs, "a", sectors("abcd"))
	durable(t, fs, "b", sectors("xyz"))
	fs.Lie(memfs.Lie{Name: "a", Count: 1, To: "a", Off: 3 * memfs.SectorBytes})
	fs.Lie(memfs.Lie{Name: "a", First: 1, To: "b", Off: 2 * memfs.SectorBytes})
	_, err := f.WriteAt([]byte(sectors("ABC")), 0)
	require.NoError(t, err)
	require.NoError(t, f.Sync())
	require.Equal(t, "abcA", letters(t, fs, "a"))
	require.Equal(t, "xyB", letters(t, fs, "b"), "it does not make the other file longer")
	fs.CrashMachine(memfs.DropAll)
	require.Equal(t, "abcA", letters(t, fs, "a"))
	require.Equal(t, "xyB", letters(t, fs, "b"))
}

func TestABurstTurnsEveryByteOfItsPlaceAndNoOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := memfs.New(1)
		was := sectors("abc")
		durable(t, fs, "a", was)
		off := rapid.IntRange(0, len(was)-1).Draw(t, "off")
		n := rapid.IntRange(1, len(was)-off).Draw(t, "len")
		require.NoError(t, fs.Burst(memfs.Place{Name: "a", Off: int64(off), Len: int64(n)}, rapid.Uint64().Draw(t, "key")))
		is := contents(t, fs, "a")
		for i := range was {
			require.Equal(t, i >= off && i < off+n, was[i] != is[i], "byte %d", i)
		}
		fs.CrashMachine(memfs.DropAll)
		require.Equal(t, is, contents(t, fs, "a"))
	})
}

// A bad sector stays bad until it is written: then the device puts another one in its
// place.
func TestAnUnreadablePlaceIsReadAgainOnceItIsWritten(t *testing.T) {
	fs := memfs.New(1)
	f := durable(t, fs, "a", sectors("abc"))
	fs.Arrange(memfs.Failure{Kind: memfs.OpRead, Name: "a", Off: 512, Len: 512, Times: -1, Err: vfs.ErrIO})
	b := make([]byte, 512)
	for range 3 {
		_, err := f.ReadAt(b, 100)
		require.ErrorIs(t, err, vfs.ErrIO, "it touches the bad sector")
	}
	_, err := f.ReadAt(b, 1024)
	require.NoError(t, err)
	fs.Mend(memfs.OpRead, false)
	_, err = f.ReadAt(b, 512)
	require.ErrorIs(t, err, vfs.ErrIO, "time does not heal it")
	_, err = f.WriteAt([]byte(sectors("B")), 512)
	require.NoError(t, err)
	_, err = f.ReadAt(b, 512)
	require.NoError(t, err)
	require.Equal(t, sectors("B"), string(b))
}

func TestATransientErrorGoesAwayByItself(t *testing.T) {
	fs := memfs.New(1)
	f := durable(t, fs, "a", sectors("abc"))
	fs.Arrange(memfs.Failure{Kind: memfs.OpRead, Times: 2, Err: vfs.ErrIO})
	b := make([]byte, 512)
	for range 2 {
		_, err := f.ReadAt(b, 0)
		require.ErrorIs(t, err, vfs.ErrIO)
		require.ErrorContains(t, err, "read a")
	}
	_, err := f.ReadAt(b, 0)
	require.NoError(t, err)
	fs.Arrange(memfs.Failure{Kind: memfs.OpRead, Times: 2, Err: vfs.ErrIO})
	fs.Mend(memfs.OpRead, false)
	_, err = f.ReadAt(b, 0)
	require.NoError(t, err)
}

func TestAWriteThatFailsMayHaveComeInPart(t *testing.T) {
	fs := memfs.New(1)
	f := durable(t, fs, "a", "0123456789")
	fs.Arrange(memfs.Failure{Kind: memfs.OpWrite, Name: "a", Times: 1, Err: &memfs.ShortWrite{N: 2, Err: vfs.ErrIO}})
	n, err := f.WriteAt([]byte("abcd"), 4)
	require.ErrorIs(t, err, vfs.ErrIO)
	require.Equal(t, 2, n)
	require.Equal(t, "0123ab6789", contents(t, fs, "a"))
}

// A sync that fails once leaves a cache that shows everything and a disk that has
// nothing; the second sync, which succeeds, brings nothing there [vfs].
func TestASyncThatFailsOnceAndThenSucceedsHasStoredNothing(t *testing.T) {
	fs := memfs.New(1)
	f := durable(t, fs, "a", sectors("ab"))
	_, err := f.WriteAt([]byte(sectors("AB")), 0)
	require.NoError(t, err)
	fs.Arrange(memfs.Failure{Kind: memfs.OpSync, Times: 1, Err: vfs.ErrIO})
	require.ErrorIs(t, f.Sync(), vfs.ErrIO)
	require.NoError(t, f.Sync())
	fs.CrashProcess()
	require.Equal(t, "AB", letters(t, fs, "a"), "whoever starts now reads what was never stored")
	fs.CrashMachine(memfs.DropAll)
	require.Equal(t, "ab", letters(t, fs, "a"))
}

// Trials of what a fault would do run on clones; what lies in wait must be in them, and what
// happens to them must stay with them.
func TestAClonesDeviceFailsLikeItsOriginalAndApartFromIt(t *testing.T) {
	fs := memfs.New(1)
	f := durable(t, fs, "a", sectors("ab"))
	fs.Arrange(memfs.Failure{Kind: memfs.OpRead, Name: "a", Times: 1, Err: vfs.ErrIO})
	fs.Lie(memfs.Lie{Name: "a"})
	c := fs.Clone()
	g, err := c.Open("a")
	require.NoError(t, err)
	_, err = g.ReadAt(make([]byte, 1), 0)
	require.ErrorIs(t, err, vfs.ErrIO)
	_, err = g.WriteAt([]byte(sectors("A")), 0)
	require.NoError(t, errors.Join(err, g.Sync()))
	require.Equal(t, "ab", letters(t, c, "a"))
	require.NoError(t, c.Burst(memfs.Place{Name: "a", Off: 0, Len: 1024}, 7))
	require.Equal(t, "ab", letters(t, fs, "a"))
	_, err = f.ReadAt(make([]byte, 1), 0)
	require.ErrorIs(t, err, vfs.ErrIO)
}

func TestWhatIsNotOnTheDiskIsToldWithWhatTheDiskHolds(t *testing.T) {
	fs := memfs.New(1)
	f := durable(t, fs, "a", sectors("abcd"))
	_, err := f.WriteAt([]byte(sectors("BC")), 512)
	require.NoError(t, err)
	dirty := fs.Dirty()
	require.Len(t, dirty, 1)
	require.Equal(t, memfs.Place{Name: "a", Off: 512, Len: 1024}, dirty[0].Place)
	require.Equal(t, sectors("bc"), string(dirty[0].Old))
	require.NoError(t, f.Sync())
	require.Empty(t, fs.Dirty())
	require.Equal(t, []memfs.Place{{Name: "a", Len: 2048}}, fs.Files())
	require.Equal(t, int64(2048), fs.Used())
}

// A place that can't be read belongs to the file: it goes along under a new name, and another file that takes the old one is
// well.
func TestAnUnreadablePlaceGoesWithItsFile(t *testing.T) {
	fs := memfs.New(1)
	for _, name := range []string{"a", "b"} {
		f, err := fs.Create(name)
		require.NoError(t, err)
		_, err = f.WriteAt(make([]byte, 1024), 0)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	reads := func(name string) error {
		f, err := fs.Open(name)
		require.NoError(t, err)
		defer f.Close()
		_, err = f.ReadAt(make([]byte, 1024), 0)
		return err
	}
	fs.Arrange(memfs.Failure{Kind: memfs.OpRead, Name: "a", Off: 512, Len: 512, Times: -1, Err: vfs.ErrIO})
	require.ErrorIs(t, reads("a"), vfs.ErrIO)
	require.NoError(t, fs.Rename("a", "c"))
	require.ErrorIs(t, reads("c"), vfs.ErrIO)
	require.NoError(t, fs.Rename("b", "c"))
	require.NoError(t, reads("c"))
}

// Whoever keeps what he learned from a disk asks by Changes whether it is still true: whatever a process can find must not
// change behind a count that stays.
func TestWhileTheCountOfChangesStaysAllReadsAsBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		fs := memfs.New(rapid.Uint64().Draw(t, "seed"))
		names := []string{"a", "b", "d/c"}
		require.NoError(t, fs.MkdirAll("d"))
		open := func(name string) vfs.File {
			f, err := fs.Open(name)
			if errors.Is(err, vfs.ErrNotExist) {
				f, err = fs.Create(name)
			}
			require.NoError(t, err)
			return f
		}
		look := func() (found []string) {
			c := fs.Clone()
			for _, p := range c.Files() {
				f, err := c.Open(p.Name)
				require.NoError(t, err)
				b := make([]byte, p.Len)
				if _, err := f.ReadAt(b, 0); err != nil {
					b = []byte(err.Error())
				}
				found = append(found, p.Name, string(b))
			}
			return found
		}
		changes, found := fs.Changes(), look()
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			name := rapid.SampledFrom(names).Draw(t, "name")
			off := int64(rapid.IntRange(0, 5000).Draw(t, "off"))
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0, 1:
				_, err := open(name).WriteAt([]byte(rapid.StringN(1, 600, 2400).Draw(t, "text")), off)
				require.NoError(t, err)
			case 2:
				require.NoError(t, open(name).Truncate(off))
			case 3:
				_ = fs.FlipBit(name, off*8) // where there is none, nothing happens
			case 4:
				_ = fs.Remove(name)
			case 5:
				require.NoError(t, open(name).Sync())
			case 6:
				fs.CrashMachine(memfs.Chance(uint64(off)))
				require.NoError(t, fs.MkdirAll("d"))
			case 7:
				fs.Arrange(memfs.Failure{Kind: memfs.OpRead, Name: name, Off: off, Len: 1, Times: -1, Err: vfs.ErrIO})
			case 8:
				fs.Mend(memfs.OpRead, true)
			case 9:
				_ = fs.Peek(name, off, make([]byte, 10))
			}
			now := look()
			if fs.Changes() == changes {
				require.Equal(t, found, now)
			}
			changes, found = fs.Changes(), now
		}
	})
}

func TestAPeekShowsAStretchAndNothingBehindTheEnd(t *testing.T) {
	fs := memfs.New(1)
	durable(t, fs, "a", "abcdef")
	b := make([]byte, 3)
	require.NoError(t, fs.Peek("a", 2, b))
	require.Equal(t, "cde", string(b))
	require.Error(t, fs.Peek("a", 4, b))
	require.ErrorIs(t, fs.Peek("b", 0, b), vfs.ErrNotExist)
}
