package wal_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

var update = flag.Bool("update", false, "write the golden files anew")

// dump prints a file, 16 bytes a line, without the lines that are zero.
func dump(contents []byte) string {
	var s strings.Builder
	for at := 0; at < len(contents); at += 16 {
		line := contents[at:min(at+16, len(contents))]
		if len(bytes.Trim(line, "\x00")) == 0 {
			continue
		}
		text := bytes.Clone(line)
		for i, c := range text {
			if c < ' ' || c > '~' {
				text[i] = '.'
			}
		}
		fmt.Fprintf(&s, "%06x  % x  %s\n", at, line, text)
	}
	fmt.Fprintf(&s, "%06x  end\n", len(contents))
	return s.String()
}

// undump is its inverse.
func undump(t *testing.T, text string) []byte {
	var contents []byte
	for line := range strings.Lines(text) {
		var at int
		_, err := fmt.Sscanf(line, "%x", &at)
		require.NoError(t, err)
		contents = append(contents, make([]byte, at-len(contents))...)
		if strings.Contains(line, "  end") {
			break
		}
		b, err := hex.DecodeString(strings.ReplaceAll(line[8:8+47], " ", ""))
		require.NoError(t, err)
		contents = append(contents, b...)
	}
	return contents
}

// goldenLog is a small log with a bit of everything: runs of two terms, an empty
// payload, a truncation, a batch of a hard state alone, a batch of several
// sectors, rolls, a base, a hole and its fill, a floor, seals.
func goldenLog(t *testing.T) *memfs.FS {
	fs := memfs.New(1)
	l, _, err := wal.Open(fs, dir, golden)
	require.NoError(t, err)
	store(t, l, &wal.Batch{Hard: raft.HardState{Term: 5}, ConfigIndex: 1, Entries: []raft.Entry{
		entry(1, 5, "first"), entry(2, 5, ""), entry(3, 6, "third"),
	}})
	store(t, l, &wal.Batch{Hard: goldenHard, ConfigIndex: 1})
	store(t, l, &wal.Batch{Hard: goldenHard, ConfigIndex: 1, Truncate: 3, Entries: []raft.Entry{
		entry(3, 7, strings.Repeat("sector ", 100)),
	}})
	require.NoError(t, l.Seal())
	require.NoError(t, l.Close())
	rotEntry(t, fs, entry(1, 5, "first"))
	l, was, err := wal.Open(fs, dir, wal.Options{Cluster: cluster, SegmentBytes: golden.SegmentBytes}) // no snapshot covers it
	require.NoError(t, err)
	require.Equal(t, []wal.Hole{{First: 1, Last: 1, Term: 5}}, was.Holes)
	store(t, l, &wal.Batch{Hard: goldenHard, ConfigIndex: 1, Truncate: 3, Fill: []raft.Entry{entry(1, 5, "first")}})
	store(t, l, &wal.Batch{Hard: goldenHard, ConfigIndex: 1, Base: raft.EntryID{Index: 1, Term: 5}, Entries: []raft.Entry{entry(3, 9, "ninth")}})
	require.NoError(t, l.Seal())
	require.NoError(t, l.Close())
	return fs
}

var (
	golden     = wal.Options{Cluster: cluster, SegmentBytes: 8192 + 8*512, Snapshots: []raft.EntryID{{Index: 1, Term: 5}}}
	goldenHard = raft.HardState{Term: 9, Vote: raft.Ident{ID: 3, Inc: 0x1122334455667788}, Floor: raft.EntryID{Index: 8, Term: 6}}
)

var goldenFiles = []string{"seal", "0000000000000001.wal", "0000000000000002.wal"}

// A byte that moves makes the logs of all running nodes unreadable. If the format
// has to change, its version does too, and the old files stay here beside the new.
func TestTheFormatOnDiskStandsStill(t *testing.T) {
	fs := goldenLog(t)
	names, err := fs.List(dir)
	require.NoError(t, err)
	require.ElementsMatch(t, goldenFiles, names)
	for _, name := range goldenFiles {
		contents, err := fs.Contents(dir + "/" + name)
		require.NoError(t, err)
		file := "testdata/golden/2/" + name + ".hex"
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(dump(contents)), 0o644))
		}
		want, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(want), dump(contents), name)
	}
}

// goldenOf is the log as a format has it.
func goldenOf(t *testing.T, format string) *memfs.FS {
	fs := memfs.New(1)
	require.NoError(t, fs.MkdirAll(dir))
	for _, name := range goldenFiles {
		text, err := os.ReadFile("testdata/golden/" + format + "/" + name + ".hex")
		require.NoError(t, err)
		f, err := fs.Create(dir + "/" + name)
		require.NoError(t, err)
		_, err = f.WriteAt(undump(t, string(text)), 0)
		require.NoError(t, errors.Join(err, f.Sync(), f.Close()))
	}
	require.NoError(t, errors.Join(fs.SyncDir(dir), fs.SyncDir(".")))
	return fs
}

func TestLogsOfEveryFormatStayReadable(t *testing.T) {
	for _, format := range []string{"1", "2"} {
		_, was, err := wal.Open(goldenOf(t, format), dir, golden)
		require.NoError(t, err)
		require.Equal(t, raft.EntryID{Index: 1, Term: 5}, was.Base)
		require.Equal(t, []raft.Entry{entry(2, 5, ""), entry(3, 9, "ninth")}, was.Entries)
		require.Equal(t, goldenHard, was.Hard)
	}
}

// A log of format 1 goes on in a fresh segment of the newest format, whatever is or was wrong with it, and both are read
// as one log.
func TestALogOfFormat1GoesOnInTheNewestFormat(t *testing.T) {
	const newest = dir + "/0000000000000002.wal"
	for what, damage := range map[string]func(*memfs.FS) error{
		"nothing":                        func(*memfs.FS) error { return nil },
		"a bit behind the end":           func(fs *memfs.FS) error { return fs.FlipBit(newest, (8192+4*512)*8) },
		"both copies of the last header": func(fs *memfs.FS) error { return fs.Overwrite(newest, 0, make([]byte, 8192)) },
	} {
		fs := goldenOf(t, "1")
		require.NoError(t, damage(fs))
		l, was, err := wal.Open(fs, dir, golden)
		require.NoError(t, err, what)
		require.Len(t, was.Entries, 2, what)
		store(t, l, &wal.Batch{Hard: goldenHard, ConfigIndex: 1, Entries: []raft.Entry{entry(4, 9, "in format 2")}})
		fs.CrashMachine(memfs.DropAll)
		_, was, err = wal.Open(fs, dir, golden)
		require.NoError(t, err, what)
		require.Equal(t, []raft.Entry{entry(2, 5, ""), entry(3, 9, "ninth"), entry(4, 9, "in format 2")}, was.Entries, what)
	}
}
