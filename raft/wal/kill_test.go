package wal_test

import (
	"bufio"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs"
	"parley/raft/vfs/osfs"
	"parley/raft/wal"
)

// A process of its own writes a log to a real disk and is killed, again and again, wherever it is. Its segments are tiny, and it compacts
// all the time, so that it uses them again. It tells each batch that Sync acknowledged and each segment that is used again by a
// byte; which batch comes next follows from the log, so that nothing else needs to be told.
const (
	killed = "PARLEY_WAL_KILLED" // the directory, in that process's environment
	kills  = 24
	stored = '+'
	reused = '~'
)

func TestAProcessThatIsKilledAgainAndAgainLosesNothingAcknowledged(t *testing.T) {
	if root := os.Getenv(killed); root != "" {
		writeUntilKilled(t, root)
		return
	}
	t.Parallel()
	root := t.TempDir()
	fs, err := osfs.New(root)
	require.NoError(t, err)
	s, again, farther := &scarred{}, 0, 0
	for kill := range kills {
		batches, segments := killAfter(t, root, 40+kill*37%120)
		again += segments
		for range batches {
			s.note(s.drawNext())
		}
		found, err := wal.Inspect(fs, dir)
		require.NoError(t, err)
		was := &found.Was
		require.Empty(t, was.Damage)
		require.Empty(t, was.Worn)
		if was.Hard != s.hard {
			farther++
			s.note(s.drawNext()) // the batch that was under way
		}
		require.Equal(t, s.print(), string(printOf(was.Base, was.Hard, was.ConfigIndex, was.Entries)), "kill %d, after %d batches", kill, batches)
		if kill%3 == 0 { // or the next process finds what the killed one left
			l, _ := openAgain(t, fs)
			require.NoError(t, l.Seal())
			require.NoError(t, l.Close())
		}
	}
	t.Logf("%d segments used again, %d times a batch more than was acknowledged", again, farther)
	require.Greater(t, again, kills)
}

// killAfter runs the process until it has told so many batches, and counts all that it told until it was dead.
func killAfter(t *testing.T, root string, enough int) (batches, segments int) {
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), killed+"="+root)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	told := bufio.NewReader(out)
	for {
		c, err := told.ReadByte()
		if err == io.EOF {
			require.Error(t, cmd.Wait(), "it does not end by itself")
			return batches, segments
		}
		require.NoError(t, err)
		switch c {
		case stored:
			if batches++; batches == enough {
				require.NoError(t, cmd.Process.Kill())
			}
		case reused:
			segments++
		default:
			rest, _ := io.ReadAll(told)
			require.Fail(t, "the process says", "%c%s", c, rest)
		}
	}
}

// writeUntilKilled is the process.
func writeUntilKilled(t *testing.T, root string) {
	disk, err := osfs.New(root)
	require.NoError(t, err)
	l, s := openAgain(t, telling{disk})
	for {
		r := s.chance()
		b := s.drawNext()
		s.note(b)
		store(t, l, b)
		tell(t, stored)
		switch r.IntN(5) {
		case 0:
			require.NoError(t, l.Seal())
		case 1, 2:
			_, err = l.Prepare()
		case 3:
			_, err = l.Trim()
		}
		require.NoError(t, err)
	}
}

// openAgain opens the log, with a snapshot for its base, and makes the model of what it holds.
func openAgain(t *testing.T, fs vfs.FS) (*wal.Log, *scarred) {
	s := &scarred{options: wal.Options{Cluster: cluster, SegmentBytes: 8192 + 24*512}}
	if _, err := fs.List(dir); err == nil {
		found, err := wal.Inspect(fs, dir)
		require.NoError(t, err)
		if found.Was.Base.Index > 0 {
			s.options.Snapshots = []raft.EntryID{found.Was.Base}
		}
	}
	l, was, err := wal.Open(fs, dir, s.options)
	require.NoError(t, err)
	require.Equal(t, wal.Decision{}, was.Decided)
	s.hard, s.config, s.base = was.Hard, was.ConfigIndex, was.Base
	s.entries = append(make([]raft.Entry, was.Base.Index), was.Entries...)
	return l, s
}

// chance is a source that follows from how many batches the log has seen.
func (s *scarred) chance() *rand.Rand { return rand.New(rand.NewPCG(uint64(s.hard.Vote.Inc), 1)) }

// drawNext makes the batch that comes next.
func (s *scarred) drawNext() *wal.Batch {
	b := s.drawBatch(s.chance())
	b.Hard.Vote.Inc = s.hard.Vote.Inc + 1
	return b
}

// print is what the log holds.
func (s *scarred) print() string {
	return string(printOf(s.base, s.hard, s.config, slices.Clone(s.entries[s.base.Index:])))
}

// telling is a file system that tells which segments are used again.
type telling struct{ *osfs.FS }

func (f telling) Rename(from, to string) error {
	err := f.FS.Rename(from, to)
	if err == nil && strings.HasSuffix(from, ".wal") {
		_, err = os.Stdout.Write([]byte{reused})
	}
	return err
}

func tell(t *testing.T, c byte) {
	_, err := os.Stdout.Write([]byte{c})
	require.NoError(t, err)
}
