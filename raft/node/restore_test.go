package node

import (
	"bytes"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/backup"
	"parley/raft/blob"
	"parley/raft/snap"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

// backUp asks for the whole state, as a server does, and writes it with the files that it names.
func (m *member) backUp(contents ...[]byte) []byte {
	t := m.c.t
	a := m.do(Event{Kind: EventQuery, Query: Query{Whole: true}})
	require.Equal(t, Done, a.Outcome)
	require.Equal(t, a.Position, positionOf(a.State.Applied()))
	var out bytes.Buffer
	w := backup.NewWriter(&out, backup.Header{Cluster: m.node.identity.Cluster, Wall: 5})
	for _, c := range contents {
		require.NoError(t, w.Blob(blob.SumOf(c), int64(len(c))))
		require.NoError(t, w.Content(c))
	}
	require.NoError(t, w.State(a.State.Write))
	require.NoError(t, w.End(backup.End{Position: a.Position, Term: a.Term}))
	return out.Bytes()
}

// restoring is what the tests tell a restore.
func (c *cluster) restoring(m *member) RestoreOptions {
	return RestoreOptions{
		Cluster: secondCluster, Inc: newIncarnation, Machine: &toy{keep: c.keep}, Rules: c.settings.Rules, Blobs: c.settings.Blobs,
		Self: raft.Member{Ident: raft.Ident{ID: m.id}, PeerAddr: "one:1", ClientAddr: "one:2"},
		WAL:  wal.Options{SegmentBytes: 8 << 10}, Snap: snap.Options{ChunkBytes: 64},
		Files: []RecoveryFile{{Name: "node.json", Data: []byte("{}")}},
	}
}

// restore makes a member, whose disk is new, the start of a new cluster.
func (m *member) restore(p []byte) RestoreReport {
	t := m.c.t
	r, err := PlanRestore(bytes.NewReader(p), m.c.restoring(m))
	require.NoError(t, err)
	m.fs = memfs.New(99)
	require.NoError(t, r.Run(m.fs, "data", bytes.NewReader(p)))
	return r.Report
}

// Everything that was there at the position of the backup is there, files and all; positions rise above all that the old
// cluster gave out; nodes join.
func TestABackupBeginsANewClusterWithAllThatWasThereAtItsPosition(t *testing.T) {
	c := snapping(t, 3)
	l := c.leader()
	s := l.open(1)
	content := []byte("what somebody uploaded")
	require.Equal(t, Done, l.upload(7, content).Outcome)
	c.write(s, 1, 20)
	p := l.backUp(content, []byte("a file that was deleted meanwhile"))
	_, hash := l.node.StateHash()
	at := l.node.applied
	lines := append([]string(nil), l.sm.lines...)
	c.write(s, 21, 30) // the old cluster goes on, and what it says then is not in the backup
	c.agree()
	last := l.node.applied
	for _, m := range c.members {
		m.crash(memfs.DropAll)
	}

	m := c.members[0]
	report := m.restore(p)
	require.Equal(t, at, report.Last.Index)
	require.Equal(t, hash, report.Hash)
	require.Equal(t, at+recoveryLeap, report.Base.Index)
	require.Greater(t, report.Base.Index, last)
	require.Equal(t, 1, report.Blobs)
	require.Zero(t, report.MissingBlobs)
	require.NoError(t, m.start())
	c.until("it leads", func() bool { return c.leader() == m && m.node.applied > report.Base.Index })
	require.Equal(t, lines, m.sm.lines)
	require.True(t, m.holds(content))
	require.False(t, m.holds([]byte("a file that was deleted meanwhile")))
	require.Equal(t, Done, m.do(command(s, 21, "again 21")).Outcome, "to the new cluster it is another command")

	four := c.spare()
	require.Equal(t, Done, m.do(addition(four)).Outcome)
	c.untilVoters(m.id, 4)
	c.until("the file came along", func() bool { return four.holds(content) })
	c.agree()
	require.Equal(t, m.sm.lines, four.sm.lines)
}

// At stake: a new cluster with a state that nobody ever had, out of a file that rotted on its shelf.
func TestADamagedBackupIsRefusedWhicheverByteItIs(t *testing.T) {
	c := formed(t, 1)
	l := c.leader()
	content := []byte("a file")
	require.Equal(t, Done, l.upload(7, content).Outcome)
	c.write(l.open(1), 1, 3)
	p := l.backUp(content)
	_, err := PlanRestore(bytes.NewReader(p), c.restoring(l))
	require.NoError(t, err)
	for i := range p {
		bad := bytes.Clone(p)
		bad[i] ^= 1 << (i % 8)
		_, err := PlanRestore(bytes.NewReader(bad), c.restoring(l))
		require.Error(t, err, "byte %d", i)
		_, err = PlanRestore(bytes.NewReader(p[:i]), c.restoring(l))
		require.Error(t, err, "cut off at %d", i)
	}
}

// The checksums of a file may be right and its contents wrong all the same: somebody made it so, or a bug did.
func TestABackupThatIsNotWholeIsRefused(t *testing.T) {
	c := formed(t, 1)
	l := c.leader()
	content := []byte("a file")
	require.Equal(t, Done, l.upload(7, content).Outcome)
	plan := func(p []byte, change func(o *RestoreOptions)) error {
		o := c.restoring(l)
		change(&o)
		_, err := PlanRestore(bytes.NewReader(p), o)
		return err
	}
	same := func(*RestoreOptions) {}
	whole := l.backUp(content)
	require.NoError(t, plan(whole, same))
	require.ErrorIs(t, plan(l.backUp(), same), ErrBackupFiles)
	require.ErrorIs(t, plan(l.backUp([]byte("another")), same), ErrBackupFiles)
	require.ErrorIs(t, plan(whole, func(o *RestoreOptions) { o.Cluster = 0 }), errNotDrawn)
	require.ErrorIs(t, plan(whole, func(o *RestoreOptions) { o.Wall = 1 << 62 }), ErrRecoveryClock)
	require.ErrorIs(t, plan(whole, func(o *RestoreOptions) { o.MaxLevel = 1 }), ErrLevel)

	a := l.do(Event{Kind: EventQuery, Query: Query{Whole: true}})
	lost := func(end raft.Position, state func(io.Writer) error) []byte {
		var out bytes.Buffer
		w := backup.NewWriter(&out, backup.Header{Cluster: 1})
		require.NoError(t, w.Missing(blob.SumOf(content), int64(len(content))))
		require.NoError(t, w.State(state))
		require.NoError(t, w.End(backup.End{Position: end, Term: a.Term}))
		return out.Bytes()
	}
	require.NoError(t, plan(lost(a.Position, a.State.Write), same), "what nobody has any more is said")
	require.ErrorIs(t, plan(lost(a.Position+1, a.State.Write), same), ErrBackupEnd)
	require.ErrorIs(t, plan(lost(a.Position, func(w io.Writer) error {
		_, err := io.WriteString(w, "no state")
		return err
	}), same), ErrStateVersion)

	// The file is another one when it is read again.
	r, err := PlanRestore(bytes.NewReader(whole), c.restoring(l))
	require.NoError(t, err)
	fs := memfs.New(3)
	require.ErrorIs(t, r.Run(fs, "data", bytes.NewReader(lost(a.Position, a.State.Write))), ErrBackupFiles)
	_, err = fs.List("data")
	require.Error(t, err, "and nothing is there")
	require.NoError(t, r.Run(fs, "data", bytes.NewReader(whole)), "what was left behind is in nobody's way")
	require.ErrorContains(t, r.Run(fs, "data", bytes.NewReader(whole)), "in use")
}

// A crash at any operation leaves no directory, or a whole one, and the same command goes on.
func TestACrashInARestoreLeavesNothingOrAll(t *testing.T) {
	c := formed(t, 1)
	l := c.leader()
	content := []byte("a file")
	require.Equal(t, Done, l.upload(7, content).Outcome)
	c.write(l.open(1), 1, 3)
	p := l.backUp(content)
	lines := l.sm.lines
	l.crash(memfs.DropAll)
	r, err := PlanRestore(bytes.NewReader(p), c.restoring(l))
	require.NoError(t, err)
	for n := 0; ; n++ {
		fs, seen := memfs.New(uint64(n)), 0
		fs.SetHook(func(op memfs.Op) error {
			if op.Kind.Changes() {
				if seen++; seen > n {
					return fmt.Errorf("crash at %d", n)
				}
			}
			return nil
		})
		done := r.Run(fs, "data", bytes.NewReader(p)) == nil
		fs.SetHook(nil)
		fs.CrashMachine(memfs.Chance(uint64(n)))
		if _, err := fs.List("data"); err != nil {
			require.False(t, done, "what was said to be there is there")
			require.NoError(t, r.Run(fs, "data", bytes.NewReader(p)))
		}
		l.fs = fs
		require.NoError(t, l.start(), "crash at %d", n)
		c.until("it leads", func() bool { return l.node.role == raft.Leader && l.node.applied > r.Report.Base.Index })
		require.Equal(t, lines, l.sm.lines)
		require.True(t, l.holds(content))
		l.crash(nil)
		c.advance(time.Millisecond)
		if done {
			return
		}
	}
}

// What somebody gets who wants the nodes compared is a mark of all of them at one position, whether anybody writes or not.
func TestWhoAsksForAMarkGetsOneOfEveryNodeAtOnePosition(t *testing.T) {
	c := formed(t, 3)
	c.write(c.leader().open(1), 1, 3)
	require.Equal(t, CodeNotLeader, c.other().do(Event{Kind: EventMark}).Code)
	a := c.leader().do(Event{Kind: EventMark})
	require.Equal(t, Done, a.Outcome)
	c.until("all have told", func() bool {
		told := 0
		for _, k := range c.leader().status().Marks {
			if k.Index == raft.Index(a.Position) {
				told++
				require.NotZero(t, k.Hash)
			}
		}
		return told == 3
	})
}
