package node

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"reflect"
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

var (
	flipStride = flag.Int("flip-stride", 37, "flip every n-th bit of the bytes that carry something")
	flipZeros  = flag.Int("flip-zeros", 1999, "… and of the others: zeros, which fill a file up, and old segments")
)

// image is a small cluster at rest: sealed logs, two snapshots each, and what everybody knows.
type image struct {
	c      *cluster
	disks  []*memfs.FS
	lines  []string
	leader raft.NodeID
}

// imageSegment makes segments that hold a dozen batches.
const imageSegment = 20 << 10

func smallImage(t *testing.T) *image {
	c := snappingIn(t, 3, imageSegment)
	s := c.leader().open(1)
	c.write(s, 1, 34)
	c.agree()
	im := &image{c: c, lines: c.leader().sm.lines, leader: c.leader().id}
	for _, m := range c.members {
		require.Len(t, m.status().Snapshots, 2)
		require.Greater(t, m.status().Last, m.status().Snapshots[1], "entries behind the newest snapshot")
		require.Greater(t, m.status().Snapshots[0], raft.Index(0))
		require.NoError(t, m.disk.Seal())
		for done := false; !done; {
			var err error
			done, err = m.disk.Prepare() // old segments go
			require.NoError(t, err)
		}
		require.NoError(t, m.fs.SyncDir("data/wal"))
	}
	for _, m := range c.members {
		m.crash(memfs.DropAll)
		im.disks = append(im.disks, m.fs)
	}
	return im
}

// boot starts the cluster from copies of the disks, of which some were changed.
func (im *image) boot(t *testing.T, change func(id raft.NodeID, fs *memfs.FS)) (*cluster, []error) {
	c := newCluster(t, len(im.disks))
	c.segment = imageSegment
	c.settings.Rules = im.c.settings.Rules
	c.now = im.c.now
	c.tickets = 1 << 20
	errs := make([]error, len(c.members))
	for i, m := range c.members {
		m.starts = 100
		m.fs = im.disks[i].Clone()
		change(m.id, m.fs)
		errs[i] = m.start()
	}
	return c, errs
}

// files lists the files of a data directory.
func files(t *testing.T, fs *memfs.FS) (names []string) {
	for _, dir := range []string{"data", "data/wal", "data/snapshots"} {
		list, err := fs.List(dir)
		require.NoError(t, err)
		for _, name := range list {
			if _, err := fs.Contents(dir + "/" + name); err == nil && name != "lock" {
				names = append(names, dir+"/"+name)
			}
		}
	}
	return names
}

// logEnds says how far the log's files hold something that matters: the others are spares, or not begun, and behind its end
// a segment holds zeros or what it held in an earlier life.
func logEnds(t *testing.T, fs *memfs.FS) map[string]int {
	report, err := wal.Inspect(fs, "data/wal")
	require.NoError(t, err)
	ends := map[string]int{"data/wal/next.tmp": 0}
	for _, number := range report.Left {
		ends[fmt.Sprintf("data/wal/%016d.wal", number)] = 0
	}
	for _, s := range report.Segments {
		ends[fmt.Sprintf("data/wal/%016d.wal", s.Number)] = int(s.End)
		if s.Number < report.Oldest {
			ends[fmt.Sprintf("data/wal/%016d.wal", s.Number)] = 0
		}
	}
	return ends
}

// requireSeen compares what a look at a directory said with what a start found, but for what a look leaves alone.
func requireSeen(t *testing.T, seen Boot, refused error, boot Boot, err error, where string) {
	t.Helper()
	if err != nil {
		require.EqualError(t, refused, err.Error(), where)
		return
	}
	require.NoError(t, refused, where)
	boot.State, boot.Blobs = nil, seen.Blobs
	require.Equal(t, boot, seen, where)
}

// Every bit of a small sealed log, of its seal, of both snapshots and of the identity, one at a time, in a
// cluster of three. Each flip is one of: repaired, refused, reported and without cost, or in bytes that
// carry nothing. None is served, and none is taken for absence. (-flip-stride 1 -flip-zeros 1 flips
// all of them: make flip.)
func TestEveryFlippedBitIsRepairedRefusedOrCarriesNothing(t *testing.T) {
	im := smallImage(t)
	victim := im.leader%3 + 1
	o := DiskOptions{ID: victim, WAL: wal.Options{SegmentBytes: imageSegment}, Machine: &toy{}, Rules: im.c.settings.Rules}
	open := func(fs *memfs.FS) (Boot, error) {
		d, boot, err := OpenDisk(fs, "data", o)
		if err == nil {
			require.NoError(t, d.Close())
		}
		return boot, err
	}
	was, err := open(im.disks[victim-1].Clone())
	require.NoError(t, err)
	clean := was.Found
	ends := map[string]int{}
	matters := logEnds(t, im.disks[victim-1])
	for _, name := range files(t, im.disks[victim-1]) {
		data, err := im.disks[victim-1].Contents(name)
		require.NoError(t, err)
		for bit, n := 0, 0; bit < len(data)*8; bit, n = bit+1, n+1 {
			stride := *flipStride
			end, isLog := matters[name]
			idle := data[bit/8] == 0 || isLog && bit/8 >= end
			if idle {
				stride = *flipZeros
			}
			if n%stride != 0 {
				continue
			}
			where := fmt.Sprintf("%s bit %d", name, bit)
			fs := im.disks[victim-1].Clone()
			require.NoError(t, fs.FlipBit(name, int64(bit)))
			changes := fs.Changes()
			seen, refused := LookDisk(fs, "data", o)
			require.Equal(t, changes, fs.Changes(), "%s: looked at", where)
			boot, err := open(fs.Clone())
			requireSeen(t, seen, refused, boot, err, where)
			switch {
			case err != nil:
				require.NotErrorIs(t, err, ErrNoID, where)
				ends["refused"]++
				continue
			case sameBoot(&boot, &was) && reflect.DeepEqual(boot.Found, clean):
				require.True(t, idle, "%s: nobody noticed, and the byte was not zero", where)
				ends["in bytes that carry nothing"]++
				continue
			case sameBoot(&boot, &was):
				ends["reported, without cost"]++
				continue
			}
			// Whatever it still has is what was there; what it has not it knows to be lost.
			checkClaims(t, where, &boot, &was)
			c, errs := im.boot(t, func(id raft.NodeID, disk *memfs.FS) {
				if id == victim {
					require.NoError(t, disk.FlipBit(name, int64(bit)))
				}
			})
			require.NoError(t, errors.Join(errs...), where)
			c.until("a leader", func() bool { return c.leader() != nil })
			c.agree()
			m := c.member(victim)
			require.Equal(t, im.lines, m.sm.lines, where)
			require.False(t, m.node.raft.Position() != c.leader().node.raft.Position(), where)
			require.Zero(t, m.status().Hole, where)
			require.Zero(t, m.status().Floor, where)
			m.crash(memfs.DropAll)
			require.NoError(t, m.start(), where)
			require.Empty(t, m.found.Holes, where)
			c.agree()
			ends["repaired"]++
		}
	}
	var report []string
	for end, n := range ends {
		report = append(report, fmt.Sprintf("%d %s", n, end))
	}
	sort.Strings(report)
	t.Log(report)
	require.Len(t, ends, 4, "each way out was met")
}

// sameBoot says whether two recoveries found the same promises, entries and state.
func sameBoot(a, b *Boot) bool {
	return a.Hard == b.Hard && a.Applied == b.Applied && reflect.DeepEqual(a.Base, b.Base) && reflect.DeepEqual(a.Identity, b.Identity) &&
		reflect.DeepEqual(a.Entries, b.Entries) && reflect.DeepEqual(a.Snapshots, b.Snapshots) && a.State.Hash() == b.State.Hash()
}

// checkClaims checks that damage did not become absence, and that nothing is other than it was.
func checkClaims(t *testing.T, where string, is, was *Boot) {
	at := func(b *Boot, i raft.Index) *raft.Entry {
		if n := i - b.Base.Entry.Index - 1; i > b.Base.Entry.Index && n < raft.Index(len(b.Entries)) {
			return &b.Entries[n]
		}
		return nil
	}
	last := was.Entries[len(was.Entries)-1]
	end := raft.EntryID{Index: is.Base.Entry.Index, Term: is.Base.Entry.Term}
	for i := range is.Entries {
		e := &is.Entries[i]
		old := at(was, e.Index)
		if old == nil {
			continue
		}
		require.Equal(t, old.Term, e.Term, where)
		if e.Kind != 0 {
			require.Equal(t, old, e, where)
		}
		end = raft.EntryID{Index: e.Index, Term: e.Term}
	}
	require.Equal(t, was.Hard.Term, is.Hard.Term, where)
	require.Equal(t, was.Hard.Vote, is.Hard.Vote, where)
	if end.Before(raft.EntryID{Index: last.Index, Term: last.Term}) {
		require.Equal(t, raft.EntryID{Index: last.Index, Term: last.Term}, is.Hard.Floor, where)
	}
}

// lose flips a bit of a command in a node's log.
func lose(t *testing.T, fs *memfs.FS, command string) {
	for _, name := range files(t, fs) {
		data, err := fs.Contents(name)
		require.NoError(t, err)
		if at := bytes.Index(data, []byte(command)); at >= 0 && bytes.Contains([]byte(name), []byte("wal/")) {
			require.NoError(t, fs.FlipBit(name, int64(at)*8))
			return
		}
	}
	require.Fail(t, "not in the log: "+command)
}

// The newest snapshot of smallImage covers less than the last commands, so that these are in the logs alone.
func TestDamageOnTwoNodesInDifferentPlacesCostsNothing(t *testing.T) {
	im := smallImage(t)
	c, errs := im.boot(t, func(id raft.NodeID, fs *memfs.FS) {
		switch id {
		case 1:
			lose(t, fs, "command 33")
		case 2:
			lose(t, fs, "command 34")
		}
	})
	require.NoError(t, errors.Join(errs...))
	require.NotZero(t, c.member(1).status().Hole)
	require.NotZero(t, c.member(2).status().Hole)
	c.until("a leader", func() bool { return c.leader() != nil })
	c.agree()
	for _, m := range c.members {
		require.Equal(t, im.lines, m.sm.lines)
		require.Zero(t, m.status().Hole)
	}
}

// As before, and the third node is away: the two have everything between them, and nobody else can lead.
func TestTwoDamagedNodesRepairEachOther(t *testing.T) {
	im := smallImage(t)
	c, errs := im.boot(t, func(id raft.NodeID, fs *memfs.FS) {
		switch id {
		case 1:
			lose(t, fs, "command 33")
		case 2:
			lose(t, fs, "command 34")
		}
	})
	require.NoError(t, errors.Join(errs...))
	c.member(3).crash(memfs.DropAll)
	c.until("a leader", func() bool { return c.leader() != nil })
	c.agree()
	for _, m := range c.members[:2] {
		require.Equal(t, im.lines, m.sm.lines)
	}
}

func TestDamageInTheSameCommittedPlaceOnAllNodesStopsTheClusterWhichSaysWhatIsLost(t *testing.T) {
	im := smallImage(t)
	c, errs := im.boot(t, func(_ raft.NodeID, fs *memfs.FS) { lose(t, fs, "command 34") })
	require.NoError(t, errors.Join(errs...))
	hole := c.member(1).status().Hole
	c.advance(20 * time.Second)
	require.Nil(t, c.leader())
	for _, m := range c.members {
		st := m.status()
		require.Equal(t, hole, st.Hole)
		require.Equal(t, hole, st.Lost, "every member has said that it does not have it")
		require.Less(t, st.Applied, hole, "nothing from there on is served")
		require.Equal(t, im.lines[:len(im.lines)-1][:len(m.sm.lines)], m.sm.lines)
	}
}
