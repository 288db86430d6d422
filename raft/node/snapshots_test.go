package node

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
)

// snapping returns a formed cluster whose nodes make a snapshot about every ten commands.
func snapping(t *testing.T, nodes int) *cluster { return snappingIn(t, nodes, small.SegmentBytes) }

func snappingIn(t *testing.T, nodes int, segment int64) *cluster {
	c := newCluster(t, nodes)
	c.segment = segment
	c.settings.Rules.SnapshotBytes = 900
	c.startAll()
	c.until("a leader", func() bool { return c.leader() != nil && c.leader().node.applied > 0 })
	return c
}

// write has the leader execute commands of a session.
func (c *cluster) write(s SessionID, from, to int) {
	for i := from; i <= to; i++ {
		a := c.leader().do(command(s, uint64(i), fmt.Sprintf("command %d", i)))
		require.Equal(c.t, Done, a.Outcome, "%v", a.Code)
	}
}

// other returns a member that does not lead.
func (c *cluster) other() *member {
	for _, m := range c.members {
		if m != c.leader() {
			return m
		}
	}
	return nil
}

func (m *member) status() Status { return m.node.Status() }

func TestSnapshotsAreMadeAtTheSameEntriesAndTheLogGoesBackToTheOlder(t *testing.T) {
	c := snapping(t, 3)
	s := c.leader().open(1)
	c.write(s, 1, 60)
	c.agree()
	first := c.members[0].status()
	require.Len(t, first.Snapshots, 2)
	require.Equal(t, first.Snapshots[0], first.Base)
	for _, m := range c.members {
		st := m.status()
		require.Equal(t, first.Snapshots, st.Snapshots)
		require.Equal(t, first.Base, st.Base)
		require.Equal(t, c.members[0].node.snapshots.made, m.node.snapshots.made, "the same bytes, by their SHA-256")
		names, err := m.fs.List("data/snapshots")
		require.NoError(t, err)
		require.Len(t, names, 2)
	}
}

func TestANodeStartsFromItsSnapshotAndTheLogBehindIt(t *testing.T) {
	c := snapping(t, 3)
	s := c.leader().open(1)
	c.write(s, 1, 45)
	c.agree()
	m := c.other()
	want, base := m.sm.lines, m.status().Base
	m.crash(memfs.DropAll)
	require.NoError(t, m.start())
	st := m.status()
	require.Equal(t, base, st.Base)
	require.Equal(t, st.Snapshots[1], st.Applied, "what the snapshot covers is not applied again")
	c.agree()
	require.Equal(t, want, m.sm.lines)

	// Sessions came along: a repetition is answered, not executed.
	again := c.leader().do(command(s, 45, "command 45"))
	require.Equal(t, "45:command 45", string(again.Reply))
}

func TestAllNodesStartAgainFromTheirSnapshots(t *testing.T) {
	c := snapping(t, 3)
	s := c.leader().open(1)
	c.write(s, 1, 40)
	for _, m := range c.members {
		m.crash(memfs.DropAll)
	}
	c.startAll()
	c.until("a leader", func() bool { return c.leader() != nil })
	c.write(s, 41, 50)
	c.agree()
	require.Len(t, c.members[0].sm.lines, 50)
}

func TestAFollowerThatWasAwayForTooLongGetsASnapshot(t *testing.T) {
	c := snapping(t, 3)
	s := c.leader().open(1)
	m := c.other()
	m.crash(memfs.DropAll)
	c.write(s, 1, 60)
	require.NoError(t, m.start())
	c.agree()
	require.Equal(t, c.leader().sm.lines, m.sm.lines)
	require.Contains(t, notesOf(m, raft.NoteInstall), m.status().Base)
	require.Empty(t, m.taskErrs)
	c.write(s, 61, 200) // it makes its own again, and they are the others'
	c.agree()
	require.Equal(t, c.leader().status().Snapshots, m.status().Snapshots)
	m.crash(memfs.DropAll)
	require.NoError(t, m.start())
	c.agree()
}

func notesOf(m *member, kind raft.NoteKind) (at []raft.Index) {
	for i := range m.notes {
		if m.notes[i].Kind == kind {
			at = append(at, m.notes[i].Index)
		}
	}
	return at
}

func TestANewNodeIsFilledByASnapshot(t *testing.T) {
	c := snapping(t, 3)
	s := c.leader().open(1)
	c.write(s, 1, 60)
	m := c.spare()
	a := c.leader().do(addition(m))
	require.Equal(t, Done, a.Outcome, "%v", a.Code)
	c.untilVoters(1, 2, 3, 4)
	c.agree()
	require.NotEmpty(t, notesOf(m, raft.NoteInstall))
	require.Len(t, m.sm.lines, 60)
}

// Chunks are lost, the process dies in the middle, and another leader goes on serving: nothing
// that arrived is fetched twice.
func TestADownloadGoesOnWhereItEndedAcrossCrashesAndLeaders(t *testing.T) {
	c := snapping(t, 3)
	s := c.leader().open(1)
	m := c.other()
	m.crash(memfs.DropAll)
	c.write(s, 1, 200)
	c.agree()
	chunks := 0
	c.cut = func(w *raft.Message) bool {
		if w.Kind == raft.MsgSnapshotChunk {
			chunks++
			return chunks%2 == 0 || chunks > 5
		}
		return false
	}
	pieces := 0
	fetchPieceForTest(t, c)
	require.NoError(t, m.start())
	c.until("a part of it", func() bool { return m.status().FetchHave > 0 && chunks > 5 })
	have := m.status().FetchHave
	size := m.status().FetchSize
	require.Less(t, have, size)
	old := c.leader()
	m.crash(memfs.KeepAll)
	old.crash(nil)
	c.advance(3 * time.Second)
	require.NoError(t, old.start())
	require.NoError(t, m.start())
	c.cut = func(w *raft.Message) bool {
		if w.Kind == raft.MsgSnapshotChunk {
			pieces += len(w.Payload)
		}
		return false
	}
	c.agree()
	require.NotEmpty(t, notesOf(m, raft.NoteInstall))
	require.Less(t, int64(pieces), size, "less than all of it came after the crash")
}

// fetchPieceForTest has every Ask ask for little: a message of the wire is changed on its way.
func fetchPieceForTest(t *testing.T, c *cluster) {
	inner := c.cut
	c.cut = func(m *raft.Message) bool {
		if m.Kind == raft.MsgSnapshotAsk {
			copy(m.Payload[len(m.Payload)-4:], []byte{1, 0, 0, 0}) // at least one piece comes all the same
		}
		return inner(m)
	}
}

func TestADamagedSnapshotCostsNothingButTime(t *testing.T) {
	for _, which := range []int{0, 1} {
		t.Run([]string{"the older", "the newer"}[which], func(t *testing.T) {
			c := snapping(t, 3)
			s := c.leader().open(1)
			c.write(s, 1, 45)
			c.agree()
			m := c.other()
			names, err := m.fs.List("data/snapshots")
			require.NoError(t, err)
			require.Len(t, names, 2)
			require.NoError(t, m.fs.FlipBit("data/snapshots/"+names[which], 8*300))
			made := m.status().Snapshots
			m.crash(memfs.DropAll)
			require.NoError(t, m.start())
			require.Len(t, m.found.Snapshots, 1)
			require.Equal(t, made[1-which:2-which], m.status().Snapshots)
			require.Zero(t, m.node.raft.HardState().Floor)
			c.agree()
			require.Empty(t, notesOf(m, raft.NoteInstall), "the log does the rest")
			require.Equal(t, c.leader().sm.lines, m.sm.lines)
			c.write(s, 46, 90)
			c.agree()
			m.crash(memfs.DropAll)
			require.NoError(t, m.start())
			require.Empty(t, m.found.Snapshots, "new ones have taken its place")
			c.agree()
		})
	}
}

func TestANodeWithoutAGoodSnapshotVotesByWhereItsLogEndedAndGetsAllOfIt(t *testing.T) {
	c := snapping(t, 3)
	s := c.leader().open(1)
	c.write(s, 1, 45)
	c.agree()
	m := c.other()
	names, err := m.fs.List("data/snapshots")
	require.NoError(t, err)
	for _, name := range names {
		require.NoError(t, m.fs.FlipBit("data/snapshots/"+name, 8*300))
	}
	end := m.node.raft.Position()
	m.crash(memfs.DropAll)
	require.NoError(t, m.start())
	require.True(t, m.found.Decided.Reset)
	require.Equal(t, end, m.node.raft.Position())
	require.Zero(t, m.status().Applied)
	c.agree()
	require.Zero(t, m.node.raft.HardState().Floor)
	require.Equal(t, c.leader().sm.lines, m.sm.lines)
}

// What a disk does not read any more shows when a peer asks for it. It must not stay the one that is offered: the
// log that the peer lacks is gone, and nothing else could help it.
func TestASnapshotThatTheDiskDoesNotReadIsGivenUpAndMadeAnew(t *testing.T) {
	for what, strike := range map[string]func(fs *memfs.FS, name string) error{
		"a bit turned": func(fs *memfs.FS, name string) error { return fs.FlipBit(name, 8*300) },
		"the disk says so": func(fs *memfs.FS, name string) error {
			fs.Arrange(memfs.Failure{Kind: memfs.OpRead, Name: name, Off: 300, Len: 1, Times: -1, Err: vfs.ErrIO})
			return nil
		},
	} {
		t.Run(what, func(t *testing.T) {
			c, s, seq := away(t, 60, 500)
			l, three := c.leader(), c.member(3)
			bad, _ := l.node.snapshots.newest()
			require.NoError(t, strike(l.fs, fmt.Sprintf("data/snapshots/%020d.snap", bad.Entry.Index)))
			require.NoError(t, three.start())
			c.until("a snapshot", func() bool { return three.node.applied == l.node.applied })
			require.NotEmpty(t, l.taskErrs, "it was asked for")
			good, _ := l.node.snapshots.newest()
			require.Greater(t, good.Entry.Index, bad.Entry.Index)
			require.Contains(t, notesOf(three, raft.NoteInstall), good.Entry.Index)
			for _, info := range l.node.snapshots.made {
				require.NotEqual(t, bad.ID, info.ID)
			}
			c.fill(s, seq, 60, 500)
			c.agree()
		})
	}
}

// The report of where the new snapshot is frozen gets lost, one more command comes, and then nobody writes. No other node
// has a mark where this one waits for a majority; it must make one where all of them stand.
func TestASnapshotIsMadeThoughItsReportWasLostAndNobodyWritesAnyMore(t *testing.T) {
	c, s, seq := away(t, 60, 500)
	l, three := c.leader(), c.member(3)
	for _, bad := range l.node.snapshots.made {
		require.NoError(t, l.fs.FlipBit(fmt.Sprintf("data/snapshots/%020d.snap", bad.Entry.Index), 8*300))
	}
	c.cut = func(m *raft.Message) bool { return m.Kind == raft.MsgReport }
	require.NoError(t, three.start())
	c.until("both are given up", func() bool { return len(l.node.snapshots.made) == 0 })
	frozen := l.node.snapshots.frozen.State.applied
	for l.node.applied <= frozen {
		seq = c.fill(s, seq, 1, 1)
	}
	c.advance(50 * time.Millisecond)
	c.cut = nil
	c.until("a snapshot", func() bool { return three.node.applied == l.node.applied })
	require.Contains(t, notesOf(l, NoteSnapshot), frozen)
}

// briefly returns a formed cluster that 1 leads and whose state is so small that every tenth command or so makes a snapshot due, and
// a session with 30 commands behind it.
func briefly(t *testing.T) (c *cluster, s SessionID, next uint64) {
	c = newCluster(t, 3)
	c.keep, c.segment = 5, small.SegmentBytes
	c.settings.Rules.SnapshotBytes = 500
	c.startAll()
	c.until("a leader", func() bool { return c.leader() != nil && c.leader().node.applied > 0 })
	if c.leader().id != 1 {
		require.Equal(t, Done, c.leader().do(Event{Kind: EventTransfer, Peer: 1}).Outcome)
	}
	s = c.leader().open(1)
	next = c.sent(s, 1, 30)
	c.agree()
	return c, s, next
}

// sent has the leader execute commands of which none is asked for again.
func (c *cluster) sent(s SessionID, from uint64, n int) (next uint64) {
	for seq := from; seq < from+uint64(n); seq++ {
		ev := command(s, seq, "x")
		ev.Command.AckedBelow = seq
		require.Equal(c.t, Done, c.leader().do(ev).Outcome)
	}
	return from + uint64(n)
}

// Where a disk is slow and a majority is not, what is applied is ahead of the log on that disk. A snapshot of it, and then
// another, would take the place of the last with which that log goes.
func TestALogWhoseDiskIsSlowKeepsASnapshotThatGoesWithIt(t *testing.T) {
	c, s, next := briefly(t)
	f := c.member(3)
	stored := f.node.raft.StoredIndex()
	require.NotZero(t, f.status().Base)
	f.held = true
	c.sent(s, next, 60)
	c.advance(time.Second)
	require.Greater(t, c.leader().status().Snapshots[0], stored)
	require.Greater(t, f.node.applied, c.leader().status().Snapshots[1])
	f.crash(nil)
	f.held = false
	require.NoError(t, f.start())
	require.Zero(t, f.found.Decided)
	require.Equal(t, stored, f.node.raft.StoredIndex())
	c.until("all is applied again", func() bool { return f.node.applied == c.leader().node.applied })
	c.agree()
}

// The same with snapshots that came from a peer: until the log on disk is behind one of them, the node's own stay.
func TestSnapshotsThatComeDoNotDriveOutTheOneWithWhichTheLogGoes(t *testing.T) {
	c, s, next := briefly(t)
	f := c.member(3)
	stored := f.node.raft.StoredIndex()
	require.NotZero(t, f.status().Base)
	f.held = true
	for range 2 {
		c.isolate(3)
		c.advance(serveGrace) // what it was sent before is kept so long
		next = c.sent(s, next, 100)
		c.cut = nil
		installs := len(notesOf(f, raft.NoteInstall))
		c.until("a snapshot", func() bool { return len(notesOf(f, raft.NoteInstall)) > installs })
	}
	f.crash(nil)
	f.held = false
	require.NoError(t, f.start())
	require.Zero(t, f.found.Decided)
	require.Equal(t, stored, f.node.raft.StoredIndex())
	c.until("all is applied", func() bool { return f.node.applied == c.leader().node.applied })
	c.agree()
}

// A snapshot was being written when the log went on behind a newer one from a peer. It comes too late to be of any use, and must
// not take the newer one's place among those that are offered to others.
func TestASnapshotThatIsReadyTooLateDoesNotTakeANewerOnesPlace(t *testing.T) {
	c, s, next := briefly(t)
	f := c.member(3)
	late := f.node.snapshots.made[len(f.node.snapshots.made)-1]
	c.sent(s, next, 60)
	c.agree()
	newest, _ := f.node.snapshots.newest()
	require.Greater(t, newest.Entry.Index, late.Entry.Index)
	f.step(Event{Kind: EventTask, Done: &TaskDone{Task: Task{Kind: TaskMake}, Info: late}})
	is, _ := f.node.snapshots.newest()
	require.Equal(t, newest, is)
}

// A download that is whole and can't be read is no use for ever: it is fetched again, into another place of the disk.
func TestADownloadThatTheDiskDoesNotReadIsFetchedAnew(t *testing.T) {
	c, _, _ := away(t, 60, 500)
	l, three := c.leader(), c.member(3)
	downloads := 0
	three.fs.SetHook(func(op memfs.Op) error {
		switch {
		case op.Kind == memfs.OpCreate && strings.HasPrefix(op.Name, "data/snapshots/"):
			downloads++
		case op.Kind == memfs.OpRead && strings.HasSuffix(op.Name, ".snap") && downloads < 2:
			return vfs.ErrIO
		}
		return nil
	})
	require.NoError(t, three.start())
	c.until("the state", func() bool { return three.node.applied == l.node.applied })
	require.Equal(t, 2, downloads)
	require.NotEmpty(t, three.taskErrs)
}

func TestASnapshotThatCannotBeMadeIsMadeLater(t *testing.T) {
	c := snapping(t, 1)
	m := c.leader()
	s := m.open(1)
	m.fs.SetHook(func(op memfs.Op) error {
		if op.Kind == memfs.OpWrite && bytes.Contains([]byte(op.Name), []byte("snapshots/")) {
			return vfs.ErrNoSpace
		}
		return nil
	})
	c.write(s, 1, 30)
	require.NotEmpty(t, m.taskErrs)
	require.True(t, errors.Is(m.taskErrs[0], vfs.ErrNoSpace))
	require.Empty(t, m.status().Snapshots)
	require.Zero(t, m.status().Base, "the log stays: nothing else holds what is in it")
	m.fs.SetHook(nil)
	c.advance(makeRetry + time.Second)
	require.Len(t, m.status().Snapshots, 1)
}

func TestADueSnapshotIsNotForgottenWhileOneIsMade(t *testing.T) {
	c := snapping(t, 1)
	m := c.leader()
	s := m.open(1)
	m.idle = true
	c.write(s, 1, 60)
	require.Len(t, m.tasks, 1, "one at a time")
	tasks := m.tasks
	m.tasks, m.idle = nil, false
	m.work(tasks)
	m.step()
	c.advance(time.Second)
	require.Len(t, m.status().Snapshots, 2)
	require.Equal(t, m.status().Applied, m.status().Snapshots[1])
}

func TestASubscriberOfANodeThatGetsASnapshotMissesNothing(t *testing.T) {
	c := snapping(t, 3)
	s := c.leader().open(1)
	c.write(s, 1, 3)
	c.agree()
	m := c.other()
	c.cut = func(w *raft.Message) bool {
		return (w.To.ID == m.id || w.From.ID == m.id) && w.Kind < raft.MsgFormAsk
	}
	c.write(s, 4, 60)
	ticket := m.ask(Event{Kind: EventSubscribe, From: 0})
	c.cut = nil
	c.agree()
	c.advance(time.Second)
	require.NotEmpty(t, notesOf(m, raft.NoteInstall))
	var seen []string
	for _, f := range m.frames {
		if f.Ticket == ticket && len(f.Body) > 0 {
			seen = append(seen, string(f.Body))
		}
	}
	require.Len(t, seen, 60)
	for i := range seen {
		require.Equal(t, fmt.Sprintf("e:command %d", i+1), seen[i])
	}
}

func TestMessagesOfTheTransferThatMakeNoSenseHarmNothing(t *testing.T) {
	c := snapping(t, 3)
	s := c.leader().open(1)
	c.write(s, 1, 30)
	c.agree()
	m, l := c.other(), c.leader()
	newest := l.node.snapshots.made[1].ID
	newest.Entry.Index += 1000
	for _, payload := range [][]byte{nil, {1}, bytes.Repeat([]byte{0xff}, 200), appendID(nil, &newest), append(appendID(nil, &newest), make([]byte, 12)...), append(appendID(nil, &newest), make([]byte, 99)...)} {
		for _, kind := range []raft.MessageKind{raft.MsgSnapshotOffer, raft.MsgSnapshotAsk, raft.MsgSnapshotChunk} {
			m.step(Event{Kind: EventMessage, Message: &raft.Message{
				Kind: kind, Cluster: m.node.identity.Cluster, From: l.node.self, To: m.node.self, Payload: payload}})
		}
	}
	// An offer of what nobody has is given up, and a real one taken.
	c.advance(time.Minute)
	c.write(s, 31, 60)
	c.agree()
	m.crash(memfs.DropAll)
	c.write(s, 61, 120)
	require.NoError(t, m.start())
	c.agree()
}
