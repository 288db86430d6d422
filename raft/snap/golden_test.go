package snap_test

import (
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/snap"
	"parley/raft/vfs/memfs"
)

var update = flag.Bool("update", false, "write the golden file anew")

const golden = "testdata/golden/00000000000000004096.snap.hex"

// dump prints a file, 16 bytes a line.
func dump(p []byte) string {
	var s strings.Builder
	for at := 0; at < len(p); at += 16 {
		line := p[at:min(at+16, len(p))]
		text := append([]byte(nil), line...)
		for i, c := range text {
			if c < ' ' || c > '~' {
				text[i] = '.'
			}
		}
		fmt.Fprintf(&s, "%06x  %-47s  %s\n", at, fmt.Sprintf("% x", line), text)
	}
	return s.String()
}

// undump is its inverse.
func undump(t *testing.T, text string) (p []byte) {
	for line := range strings.Lines(text) {
		b, err := hex.DecodeString(strings.ReplaceAll(line[8:8+47], " ", ""))
		require.NoError(t, err)
		p = append(p, b...)
	}
	return p
}

// goldenBase has something in each of its fields.
var goldenBase = raft.Base{
	Entry: raft.EntryID{Index: 4096, Term: 7},
	Time:  0x55,
	Config: raft.Configuration{Members: []raft.Member{
		{Ident: raft.Ident{ID: 1, Inc: 0x1122334455667788}, Voter: true, PeerAddr: "a:1", ClientAddr: "a:2"},
		{Ident: raft.Ident{ID: 3, Inc: 0x99}, Promote: true, Replaces: 1, PeerAddr: "c:1", ClientAddr: "c:2"},
	}},
	ConfigIndex: 4000,
	Removed:     []raft.Removal{{Member: raft.Member{Ident: raft.Ident{ID: 2, Inc: 0xaa}, Voter: true, PeerAddr: "b:1"}, At: 3999}},
}

func goldenSnapshot(t *testing.T) (*memfs.FS, snap.Info) {
	fs := memfs.New(1)
	s, err := snap.Open(fs, dir, snap.Options{Cluster: cluster, ChunkBytes: 48})
	require.NoError(t, err)
	info, err := s.Create(goldenBase, [2]uint64{0x0123456789abcdef, 0xfedcba9876543210}, func(w io.Writer) error {
		_, err := io.WriteString(w, strings.Repeat("chunks of forty-eight bytes ", 4))
		return err
	})
	require.NoError(t, err)
	return fs, info
}

// A byte that moves makes the snapshots of all running nodes unreadable. If the format has to
// change, its version does too, and the old file stays here beside the new.
func TestTheFormatOnDiskStandsStill(t *testing.T) {
	fs, _ := goldenSnapshot(t)
	p, err := fs.Contents(file(4096))
	require.NoError(t, err)
	if *update {
		require.NoError(t, os.MkdirAll("testdata/golden", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(dump(p)), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), dump(p))
}

func TestSnapshotsOfFormat1StayReadable(t *testing.T) {
	text, err := os.ReadFile(golden)
	require.NoError(t, err)
	fs := memfs.New(1)
	require.NoError(t, fs.MkdirAll(dir))
	f, err := fs.Create(file(4096))
	require.NoError(t, err)
	_, err = f.WriteAt(undump(t, string(text)), 0)
	require.NoError(t, err)
	_, want := goldenSnapshot(t)
	s := open(t, fs) // its chunks are of another length than this store's
	require.Equal(t, []snap.Info{want}, s.List())
	body, err := read(s, want)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("chunks of forty-eight bytes ", 4), string(body))
}
