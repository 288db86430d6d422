// Package vfstest is the conformance test of vfs: what the log and the snapshots
// rely on, asked of every implementation. What survives a crash can't be
// asked of the real one; memfs has tests of its own for that.
package vfstest

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft/vfs"
)

// Run asks everything of file systems that open makes, each of them empty.
func Run(t *testing.T, open func(t *testing.T) vfs.FS) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
	}
}

var cases = []struct {
	name string
	run  func(t *testing.T, fs vfs.FS)
}{
	{"a file holds what was written where it was written", holds},
	{"reading past the end gives what there is and EOF", eof},
	{"a file grows with zeros", zeros},
	{"preallocating never shrinks and never changes what is there", preallocates},
	{"what is advised to be direct reads and grows as ever", directs},
	{"create refuses a name that exists", createRefuses},
	{"open refuses a name that does not exist", openRefuses},
	{"open refuses a directory", openRefusesDirectory},
	{"rename replaces, and an open file follows its contents", renames},
	{"rename moves a directory to a name that is free", renamesDirectory},
	{"remove takes files and empty directories only", removes},
	{"list is sorted and shows one level", lists},
	{"sync and sync directory work on what exists", syncs},
	{"a lock is held by one until it is closed", locks},
	{"errors name the file", errorsName},
}

func create(t *testing.T, fs vfs.FS, name, contents string) vfs.File {
	t.Helper()
	f, err := fs.Create(name)
	require.NoError(t, err)
	write(t, f, contents, 0)
	return f
}

func write(t *testing.T, f vfs.File, contents string, off int64) {
	t.Helper()
	n, err := f.WriteAt([]byte(contents), off)
	require.NoError(t, err)
	require.Equal(t, len(contents), n)
}

func contents(t *testing.T, f vfs.File) string {
	t.Helper()
	size, err := f.Size()
	require.NoError(t, err)
	b := make([]byte, size)
	n, err := f.ReadAt(b, 0)
	if err != io.EOF {
		require.NoError(t, err)
	}
	require.Equal(t, len(b), n)
	return string(b)
}

func holds(t *testing.T, fs vfs.FS) {
	f := create(t, fs, "a", "hello, world")
	write(t, f, "WORLD", 7)
	require.Equal(t, "hello, WORLD", contents(t, f))
	require.NoError(t, f.Close())

	g, err := fs.Open("a")
	require.NoError(t, err)
	require.Equal(t, "hello, WORLD", contents(t, g))
	require.NoError(t, g.Close())
}

func eof(t *testing.T, fs vfs.FS) {
	f := create(t, fs, "a", "12345")
	b := []byte("........")
	n, err := f.ReadAt(b, 2)
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, 3, n)
	require.Equal(t, "345", string(b[:n]))
	n, err = f.ReadAt(b, 100)
	require.ErrorIs(t, err, io.EOF)
	require.Zero(t, n)
	require.NoError(t, f.Close())
}

func zeros(t *testing.T, fs vfs.FS) {
	f := create(t, fs, "a", "abc")
	write(t, f, "z", 10_000)
	require.Equal(t, "abc"+string(make([]byte, 9_997))+"z", contents(t, f))
	require.NoError(t, f.Truncate(2))
	require.Equal(t, "ab", contents(t, f))
	require.NoError(t, f.Truncate(9_000))
	require.Equal(t, "ab"+string(make([]byte, 8_998)), contents(t, f))
	require.NoError(t, f.Close())
}

func preallocates(t *testing.T, fs vfs.FS) {
	f := create(t, fs, "a", "abc")
	require.NoError(t, f.Preallocate(600_000))
	b := contents(t, f)
	require.Len(t, b, 600_000)
	require.Equal(t, "abc", b[:3])
	require.Equal(t, 599_997, bytes.Count([]byte(b), []byte{0}))
	require.NoError(t, f.Preallocate(10))
	require.Len(t, contents(t, f), 600_000)
	require.NoError(t, f.Close())
}

// directs writes sectors, and then what is none: the one may go another way than the other, and none may see
// what was there before.
func directs(t *testing.T, fs vfs.FS) {
	const sector = 4096 // of any disk
	want := bytes.Repeat([]byte("."), 40*sector)
	f := create(t, fs, "a", string(want))
	require.NoError(t, f.Sync())
	f.Direct()
	f.Direct()
	for i, at := range []struct{ off, n int }{
		{0, 1}, {3, 2}, {2, 2}, {5, 8}, {13, 0}, {30, 10}, // sectors
		{38, 4}, // and past the end
	} {
		text := bytes.Repeat([]byte{'a' + byte(i)}, at.n*sector)
		write(t, f, string(text), int64(at.off*sector))
		want = append(want, make([]byte, max(0, (at.off+at.n)*sector-len(want)))...)
		copy(want[at.off*sector:], text)
		if i%2 == 0 {
			require.NoError(t, f.Sync())
		}
		odd := "odd" // in the middle of what was just written, and of what never was
		for _, off := range []int{at.off*sector + 77, 20*sector + 500 + i} {
			write(t, f, odd, int64(off))
			copy(want[off:], odd)
		}
		require.Equal(t, string(want), contents(t, f))
	}
	require.NoError(t, f.Preallocate(50*sector))
	require.NoError(t, f.Truncate(45*sector))
	want = append(want, make([]byte, 3*sector)...)
	write(t, f, string(want[:sector]), 44*sector)
	copy(want[44*sector:], want[:sector])
	require.NoError(t, f.Sync())
	require.NoError(t, f.Close())
	_, err := f.WriteAt(want[:sector], 0)
	require.Error(t, err)

	g, err := fs.Open("a")
	require.NoError(t, err)
	require.Equal(t, string(want), contents(t, g))
	require.NoError(t, g.Close())
}

func createRefuses(t *testing.T, fs vfs.FS) {
	require.NoError(t, create(t, fs, "a", "kept").Close())
	_, err := fs.Create("a")
	require.ErrorIs(t, err, vfs.ErrExist)
	f, err := fs.Open("a")
	require.NoError(t, err)
	require.Equal(t, "kept", contents(t, f))
	require.NoError(t, f.Close())
}

func openRefuses(t *testing.T, fs vfs.FS) {
	_, err := fs.Open("a")
	require.ErrorIs(t, err, vfs.ErrNotExist)
	_, err = fs.Create("no/such/directory")
	require.ErrorIs(t, err, vfs.ErrNotExist)
	require.ErrorIs(t, fs.Rename("a", "b"), vfs.ErrNotExist)
	require.ErrorIs(t, fs.Remove("a"), vfs.ErrNotExist)
	_, err = fs.List("d")
	require.ErrorIs(t, err, vfs.ErrNotExist)
	require.ErrorIs(t, fs.SyncDir("d"), vfs.ErrNotExist)
}

func openRefusesDirectory(t *testing.T, fs vfs.FS) {
	require.NoError(t, fs.MkdirAll("d"))
	_, err := fs.Open("d")
	require.Error(t, err)
}

func renames(t *testing.T, fs vfs.FS) {
	f := create(t, fs, "new", "new")
	require.NoError(t, create(t, fs, "old", "old").Close())
	require.NoError(t, fs.Rename("new", "old"))
	_, err := fs.Open("new")
	require.ErrorIs(t, err, vfs.ErrNotExist)
	write(t, f, "!", 3)
	require.NoError(t, f.Close())
	g, err := fs.Open("old")
	require.NoError(t, err)
	require.Equal(t, "new!", contents(t, g))
	require.NoError(t, g.Close())
}

func renamesDirectory(t *testing.T, fs vfs.FS) {
	require.NoError(t, fs.MkdirAll("d/sub"))
	f := create(t, fs, "d/sub/a", "a")
	lock, err := fs.Lock("d/lock")
	require.NoError(t, err)
	require.NoError(t, fs.MkdirAll("taken/sub"))
	require.Error(t, fs.Rename("d", "taken"))
	require.NoError(t, fs.Rename("d", "e"))
	_, err = fs.List("d")
	require.ErrorIs(t, err, vfs.ErrNotExist)
	write(t, f, "b", 1)
	require.NoError(t, f.Close())
	g, err := fs.Open("e/sub/a")
	require.NoError(t, err)
	require.Equal(t, "ab", contents(t, g))
	require.NoError(t, g.Close())
	_, err = fs.Lock("e/lock")
	require.ErrorIs(t, err, vfs.ErrLocked, "a lock stays with the file")
	require.NoError(t, lock.Close())
	names, err := fs.List("e")
	require.NoError(t, err)
	require.Equal(t, []string{"lock", "sub"}, names)
}

func removes(t *testing.T, fs vfs.FS) {
	require.NoError(t, fs.MkdirAll("d/e"))
	require.NoError(t, create(t, fs, "d/e/a", "").Close())
	require.Error(t, fs.Remove("d/e"))
	require.NoError(t, fs.Remove("d/e/a"))
	require.NoError(t, fs.Remove("d/e"))
	names, err := fs.List("d")
	require.NoError(t, err)
	require.Empty(t, names)
}

func lists(t *testing.T, fs vfs.FS) {
	require.NoError(t, fs.MkdirAll("d/sub"))
	for _, name := range []string{"d/b", "d/a", "d/sub/x", "c", "d-e"} {
		require.NoError(t, create(t, fs, name, "").Close())
	}
	names, err := fs.List("d")
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b", "sub"}, names)
	names, err = fs.List(".")
	require.NoError(t, err)
	require.Equal(t, []string{"c", "d", "d-e"}, names)
	require.NoError(t, fs.MkdirAll("d/sub"), "making a directory that exists is no error")
}

func syncs(t *testing.T, fs vfs.FS) {
	require.NoError(t, fs.MkdirAll("d"))
	f := create(t, fs, "d/a", "abc")
	require.NoError(t, f.Sync())
	require.NoError(t, fs.SyncDir("d"))
	require.NoError(t, fs.SyncDir("."))
	require.NoError(t, f.Close())
}

func locks(t *testing.T, fs vfs.FS) {
	l, err := fs.Lock("lock")
	require.NoError(t, err)
	_, err = fs.Lock("lock")
	require.ErrorIs(t, err, vfs.ErrLocked)
	require.NoError(t, l.Close())
	l, err = fs.Lock("lock")
	require.NoError(t, err)
	require.NoError(t, l.Close())
}

func errorsName(t *testing.T, fs vfs.FS) {
	_, err := fs.Open("missing-file")
	require.ErrorContains(t, err, "open ")
	require.ErrorContains(t, err, "missing-file")
}
