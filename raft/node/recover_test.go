package node

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/raft/snap"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

const (
	secondCluster  = raft.ClusterID(0x2222)
	newIncarnation = raft.Incarnation(0x77)
)

// recovering is what the tests tell a recovery; the clock stands at 1970, so that positions are told by the log.
func (c *cluster) recovering() RecoveryOptions {
	return RecoveryOptions{
		Cluster: secondCluster, Inc: newIncarnation, Machine: &toy{keep: c.keep}, Rules: c.settings.Rules,
		WAL: wal.Options{SegmentBytes: 8 << 10}, Snap: snap.Options{ChunkBytes: 64},
		Files: []RecoveryFile{{Name: "node.json", Data: []byte("{}")}},
	}
}

// recover makes a member, which has stopped, the start of a new cluster.
func (m *member) recover() RecoveryReport {
	t := m.c.t
	r, err := PlanRecovery(m.fs, "data", m.c.recovering())
	require.NoError(t, err)
	_, err = r.Run()
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return r.Report
}

// Everything that was acknowledged is there, sessions and requests go on, positions and log time rise, and new
// nodes join. At stake: the last thing between a team and the loss of all it wrote.
func TestASurvivorBeginsANewClusterWithAllThatWasAcknowledged(t *testing.T) {
	c := snapping(t, 3)
	s := c.leader().open(1)
	c.write(s, 1, 34)
	c.agree()
	m := c.other()
	lines, last, time0, old := m.sm.lines, m.status().Last, m.node.logTime, m.node.identity
	for _, m := range c.members {
		m.crash(memfs.DropAll)
	}

	report := m.recover()
	require.Equal(t, old, report.Old)
	require.Equal(t, last, report.Last.Index)
	require.Equal(t, last+1<<40, report.Base.Index)
	require.Less(t, report.Known.Index, report.Last.Index)
	require.NotZero(t, report.Known.Index)
	require.Len(t, report.GivenUp(), 2)

	require.NoError(t, m.start())
	c.until("the survivor leads", func() bool { return c.leader() == m && m.node.applied > report.Base.Index })
	require.Equal(t, lines, m.sm.lines)
	require.Equal(t, Identity{Self: raft.Ident{ID: m.id, Inc: newIncarnation}, Cluster: secondCluster, Members: report.New.Members}, m.node.identity)
	require.GreaterOrEqual(t, m.node.logTime, time0)
	require.Greater(t, m.node.term, report.Term)
	require.Equal(t, []raft.NodeID{m.id}, c.voters())
	again := m.do(command(s, 34, "command 34"))
	require.Equal(t, Done, again.Outcome)
	require.LessOrEqual(t, again.Position, raft.Position(last), "answered, not executed")
	next := m.do(command(s, 35, "command 35"))
	require.Equal(t, Done, next.Outcome)
	require.Greater(t, next.Position, raft.Position(report.Base.Index))

	four, five := c.spare(), c.spare()
	require.Equal(t, Done, m.do(addition(four)).Outcome)
	require.Equal(t, Done, m.do(addition(five)).Outcome)
	c.untilVoters(m.id, 4, 5)
	c.write(s, 36, 80)
	c.agree()
	require.Equal(t, m.sm.lines, five.sm.lines)
	require.Len(t, five.sm.lines, 80)
	m.crash(nil)
	c.until("others lead", func() bool { l := c.leader(); return l != nil && l != m })
	c.write(s, 81, 82)
}

// What a leader could not commit any more may be known to a client as committed by others; nobody can tell.
func TestEntriesThatMayNotHaveBeenCommittedAreKeptAndTold(t *testing.T) {
	c := formed(t, 3)
	l := c.leader()
	s := l.open(1)
	c.write(s, 1, 3)
	c.isolate(l.id)
	l.ask(command(s, 4, "in doubt"))
	c.deliver()
	require.NotContains(t, l.sm.lines, "in doubt")
	l.crash(memfs.DropAll)
	report := l.recover()
	require.Zero(t, report.Known, "there is no snapshot: no entry is known to be committed")
	require.NoError(t, l.start())
	c.cut = nil
	for _, m := range c.members {
		if m != l {
			m.crash(nil)
		}
	}
	c.until("it leads", func() bool { return l.node.role == raft.Leader && l.node.applied > report.Base.Index })
	require.Equal(t, []string{"command 1", "command 2", "command 3", "in doubt"}, l.sm.lines)
}

// A person who only wants to know what would be lost has lost nothing.
func TestAPlanChangesNothing(t *testing.T) {
	c := snapping(t, 3)
	c.write(c.leader().open(1), 1, 34)
	m := c.other()
	m.crash(memfs.DropAll)
	m.fs.SetHook(func(op memfs.Op) error {
		if op.Kind.Changes() && op.Kind != memfs.OpLock {
			return fmt.Errorf("%v %s", op.Kind, op.Name)
		}
		return nil
	})
	r, err := PlanRecovery(m.fs, "data", c.recovering())
	require.NoError(t, err)
	_, err = PlanRecovery(m.fs, "data", c.recovering())
	require.ErrorIs(t, err, vfs.ErrLocked, "two at a time")
	require.NoError(t, r.Close())
	_, err = r.Run()
	require.Error(t, err, "closed")
	m.fs.SetHook(nil)
	require.Empty(t, m.fs.Unsynced())
	require.NoError(t, m.start())
}

func TestADirectoryThatIsNoSurvivorIsRefused(t *testing.T) {
	c := formed(t, 3)
	c.write(c.leader().open(1), 1, 3)
	for _, m := range c.members {
		m.crash(memfs.DropAll)
	}
	from := func(change func(fs *memfs.FS)) error {
		fs := c.members[0].fs.Clone()
		change(fs)
		o := c.recovering()
		o.AcceptDamage = true
		fs.SetHook(func(op memfs.Op) error {
			require.False(t, op.Kind.Changes() && op.Kind != memfs.OpLock, "%v %s", op.Kind, op.Name)
			return nil
		})
		r, err := PlanRecovery(fs, "data", o)
		require.Nil(t, r)
		return err
	}
	inUse := c.members[0].fs.Clone()
	_, err := inUse.Lock("data/lock")
	require.NoError(t, err)
	_, err = PlanRecovery(inUse, "data", c.recovering())
	require.ErrorIs(t, err, vfs.ErrLocked)

	require.ErrorIs(t, from(func(fs *memfs.FS) { require.NoError(t, fs.Rename("data", "elsewhere")) }), ErrNoDirectory)
	require.ErrorIs(t, from(func(fs *memfs.FS) { require.NoError(t, fs.FlipBit("data/identity", 100)) }), ErrIdentityUnusable)
	require.ErrorIs(t, from(func(fs *memfs.FS) { require.NoError(t, fs.Remove("data/identity")) }), ErrIdentityUnusable)
	require.ErrorIs(t, from(func(fs *memfs.FS) {
		require.NoError(t, fs.Remove("data/identity"))
		require.NoError(t, fs.Rename("data/wal", "data/away"))
	}), ErrNeverFormed)
	require.ErrorIs(t, from(func(fs *memfs.FS) {
		require.NoError(t, fs.Remove("data/identity"))
		require.NoError(t, writeIdentity(fs, "data", &Identity{Self: raft.Ident{ID: 1, Inc: 5}}))
	}), ErrNeverFormed)
	require.ErrorIs(t, from(func(fs *memfs.FS) { require.NoError(t, fs.Rename("data/wal", "data/away")) }), ErrNothingSurvived)
	var cluster *wal.ClusterError
	require.ErrorAs(t, from(func(fs *memfs.FS) {
		id, err := ReadIdentity(fs, "data")
		require.NoError(t, err)
		id.Cluster++
		require.NoError(t, writeIdentity(fs, "data", &id))
	}), &cluster)
	require.ErrorIs(t, from(func(fs *memfs.FS) {
		p, err := fs.Contents("data/identity")
		require.NoError(t, err)
		p[8]++
		require.NoError(t, fs.Overwrite("data/identity", 0, appendSum(p[:len(p)-4])))
	}), ErrNewerFormat)

	require.ErrorAs(t, from(func(fs *memfs.FS) {
		names, err := fs.List("data/wal")
		require.NoError(t, err)
		for _, name := range names {
			p, err := fs.Contents("data/wal/" + name)
			require.NoError(t, err)
			for _, at := range []int{0, 4096} { // version, and the checksum of it that every format has
				p[at+8]++
				binary.LittleEndian.PutUint32(p[at+12:], crc32.Checksum(p[at:at+12], castagnoli))
			}
			require.NoError(t, fs.Overwrite("data/wal/"+name, 0, p))
		}
	}), new(*wal.FormatError))

	o := c.recovering()
	o.Wall = raft.Wall(time.Duration(1<<32) * time.Second)
	_, err = PlanRecovery(c.members[0].fs, "data", o)
	require.ErrorIs(t, err, ErrRecoveryClock)
	o.Wall, o.MaxLevel = 0, 1
	_, err = PlanRecovery(c.members[0].fs, "data", o)
	require.ErrorIs(t, err, ErrLevel, "a program that does not know the level does not apply the log in another way")
	o.Cluster = 0
	_, err = PlanRecovery(c.members[0].fs, "data", o)
	require.Error(t, err)
}

// The clock tells how far a cluster can have come whose survivor is an old copy.
func TestTheBaseLiesAboveWhatTheOldClusterCanHaveGivenOut(t *testing.T) {
	seconds := func(s int64) raft.Wall { return raft.Wall(s * int64(time.Second)) }
	require.Equal(t, raft.Index(7+1<<40), recoveryIndex(7, 0))
	require.Equal(t, raft.Index(7+1<<40), recoveryIndex(7, seconds(-5)), "a clock before 1970")
	require.Equal(t, raft.Index(1_800_000_000<<20), recoveryIndex(7, seconds(1_800_000_000)))
	again := recoveryIndex(1_800_000_000<<20, seconds(1_800_000_001))
	require.Equal(t, raft.Index(1_800_000_000<<20+1<<40), again, "a second recovery within a second")
	require.Less(t, recoveryIndex(0, seconds(1<<32-1)), recoveryIndexMax)
	require.Less(t, uint64(recoveryIndexMax), uint64(1)<<53)
}

// rot damages an entry's payload wherever it stands in the log.
func rot(t *testing.T, fs *memfs.FS, payload string) {
	names, err := fs.List("data/wal")
	require.NoError(t, err)
	found := false
	for _, name := range names {
		p, err := fs.Contents("data/wal/" + name)
		require.NoError(t, err)
		for from := 0; ; {
			at := bytes.Index(p[from:], []byte(payload))
			if at < 0 {
				break
			}
			require.NoError(t, fs.FlipBit("data/wal/"+name, int64(from+at)*8))
			found, from = true, from+at+1
		}
	}
	require.True(t, found, payload)
}

// What the survivor's own disk lost is named, and given up only if somebody accepts it.
func TestEntriesThatTheDiskLostAreGivenUpOnlyIfThatIsAccepted(t *testing.T) {
	c := formed(t, 3)
	c.write(c.leader().open(1), 1, 9)
	c.agree()
	m := c.other()
	require.NoError(t, m.disk.Seal())
	m.crash(memfs.DropAll)
	rot(t, m.fs, "command 7")

	r, err := PlanRecovery(m.fs, "data", c.recovering())
	var loss *RecoveryLossError
	require.ErrorAs(t, err, &loss)
	require.Equal(t, r.Report.Last.Index+1, loss.From)
	require.True(t, loss.Certain)
	require.Equal(t, loss.From+2, loss.Claimed.Index, "commands 7, 8 and 9")
	require.ErrorContains(t, err, fmt.Sprintf("the disk lost entry %d, and the log went up to %d", loss.From, loss.Claimed.Index))
	_, err = r.Run()
	require.ErrorIs(t, err, loss)
	require.NoError(t, r.Close())

	o := c.recovering()
	o.AcceptDamage = true
	r, err = PlanRecovery(m.fs, "data", o)
	require.NoError(t, err)
	require.Equal(t, loss.From, r.Report.Loss.From)
	require.Equal(t, loss.Claimed.Index+1<<40, r.Report.Base.Index, "above what was lost, too")
	_, err = r.Run()
	require.NoError(t, err)
	require.NoError(t, m.start())
	require.Len(t, m.sm.lines, 6)
}

func TestDamageThatASnapshotCoversIsNoLoss(t *testing.T) {
	c := snapping(t, 3)
	c.write(c.leader().open(1), 1, 34)
	c.agree()
	m := c.other()
	require.NoError(t, m.disk.Seal())
	newest := m.status().Snapshots[1]
	want := m.sm.lines
	m.crash(memfs.DropAll)
	for i, at := range m.sm.at {
		if raft.Index(at) == newest {
			rot(t, m.fs, want[i])
		}
	}
	for i, at := range m.sm.at {
		if at == raft.Position(newest)-1 {
			rot(t, m.fs, want[i])
		}
	}
	require.NoError(t, m.start())
	require.NotEmpty(t, m.found.Damage, "something was hit")
	m.crash(memfs.DropAll)
	m.recover()
	require.NoError(t, m.start())
	require.Equal(t, want, m.sm.lines)
}

// The newest snapshot rotted: the older one and the log behind it hold the same.
func TestTheOlderSnapshotAndTheLogBehindItAreEnough(t *testing.T) {
	c := snapping(t, 3)
	c.write(c.leader().open(1), 1, 34)
	c.agree()
	m := c.other()
	st, want := m.status(), m.sm.lines
	m.crash(memfs.DropAll)
	newest := fmt.Sprintf("data/snapshots/%020d.snap", uint64(st.Snapshots[1]))
	require.NoError(t, m.fs.FlipBit(newest, 8*300))
	report := m.recover()
	require.Equal(t, st.Snapshots[0], report.Known.Index)
	require.Len(t, report.Snapshots, 1)
	require.NoError(t, m.start())
	require.Equal(t, want, m.sm.lines)
}

// Both rotted: the log alone begins nowhere, and says what is lost.
func TestALogWithoutItsSnapshotsIsNoSurvivor(t *testing.T) {
	c := snapping(t, 3)
	c.write(c.leader().open(1), 1, 34)
	c.agree()
	m := c.other()
	st := m.status()
	m.crash(memfs.DropAll)
	for _, at := range st.Snapshots {
		require.NoError(t, m.fs.FlipBit(fmt.Sprintf("data/snapshots/%020d.snap", uint64(at)), 8*300))
	}
	o := c.recovering()
	o.AcceptDamage = true
	_, err := PlanRecovery(m.fs, "data", o)
	require.ErrorIs(t, err, ErrNothingSurvived)
}

// A log that is gone altogether leaves what the snapshot holds, if that is accepted.
func TestASnapshotAloneIsASurvivorWithALoss(t *testing.T) {
	c := snapping(t, 3)
	c.write(c.leader().open(1), 1, 34)
	c.agree()
	m := c.other()
	newest, lines, at := m.status().Snapshots[1], m.sm.lines, m.sm.at
	m.crash(memfs.DropAll)
	require.NoError(t, m.fs.Rename("data/wal", "data/away"))
	_, err := PlanRecovery(m.fs, "data", c.recovering())
	var loss *RecoveryLossError
	require.ErrorAs(t, err, &loss)
	require.False(t, loss.Certain)
	require.Equal(t, newest+1, loss.From)
	o := c.recovering()
	o.AcceptDamage = true
	m.crash(nil) // the plan that was refused holds the lock until its process ends
	r, err := PlanRecovery(m.fs, "data", o)
	require.NoError(t, err)
	_, err = r.Run()
	require.NoError(t, err)
	require.NoError(t, m.start())
	kept := 0
	for kept < len(at) && at[kept] <= raft.Position(newest) {
		kept++
	}
	require.Equal(t, lines[:kept], m.sm.lines)
}

// A snapshot came from a leader, and the node died before its log went on behind it: it is committed, and the log's own end is not.
func TestASnapshotBeyondTheLogCountsBecauseItIsCommitted(t *testing.T) {
	c := snapping(t, 3)
	s := c.leader().open(1)
	c.write(s, 1, 3)
	c.agree()
	m := c.other()
	m.crash(memfs.DropAll)
	c.write(s, 4, 34)
	l := c.leader()
	newest := l.status().Snapshots[1]
	name := fmt.Sprintf("data/snapshots/%020d.snap", uint64(newest))
	p, err := l.fs.Contents(name)
	require.NoError(t, err)
	require.NoError(t, m.fs.MkdirAll("data/snapshots"))
	f, err := m.fs.Create(name)
	require.NoError(t, err)
	_, err = f.WriteAt(p, 0)
	require.NoError(t, err)
	report := m.recover()
	require.Equal(t, newest, report.Last.Index)
	require.Equal(t, report.Known, report.Last)
	require.NoError(t, m.start())
	require.Greater(t, len(m.sm.lines), 20)
	require.Equal(t, l.sm.lines[:len(m.sm.lines)], m.sm.lines)
}

// A learner survived, or a node that was removed: it holds what it holds, and its addresses are found.
func TestWhoeverSurvivedBecomesTheOnlyVoter(t *testing.T) {
	c := formed(t, 3)
	four := c.spare()
	require.Equal(t, Done, c.leader().do(addition(four)).Outcome)
	c.untilVoters(1, 2, 3, 4)
	require.Equal(t, Done, c.leader().do(removal(4)).Outcome)
	c.untilVoters(1, 2, 3)
	c.until("it knows", func() bool { return four.status().Removed != 0 })
	four.crash(memfs.DropAll)
	r, err := PlanRecovery(four.fs, "data", c.recovering())
	require.NoError(t, err)
	require.Equal(t, raft.Configuration{Members: []raft.Member{
		{Ident: raft.Ident{ID: 4, Inc: newIncarnation}, Voter: true, PeerAddr: "p4", ClientAddr: "c4"}}}, r.Report.New.Members)
	_, err = r.Run()
	require.NoError(t, err)
	for _, m := range c.members {
		m.up = false
	}
	require.NoError(t, four.start())
	c.until("it leads", func() bool { return four.node.role == raft.Leader })
}

// A member of the old cluster that comes back is no member of the new one, and cannot be added with its old directory.
func TestAnOldMemberIsRefusedByTheNewCluster(t *testing.T) {
	c := formed(t, 3)
	s := c.leader().open(1)
	c.write(s, 1, 3)
	c.agree()
	for _, m := range c.members {
		m.crash(memfs.DropAll)
	}
	one, two := c.member(1), c.member(2)
	one.recover()
	require.NoError(t, one.start())
	require.NoError(t, two.start())
	c.until("it leads", func() bool { return one.node.role == raft.Leader })
	c.write(s, 4, 6)
	c.advance(5 * time.Second)
	require.Equal(t, raft.Leader, one.node.role)
	require.NotEqual(t, raft.Leader, two.node.role)
	require.Len(t, two.sm.lines, 0, "nothing is committed there any more")
	require.NotEqual(t, Done, one.do(addition(two)).Outcome)
	require.Equal(t, []raft.NodeID{1}, c.voters())

	two.wipe()
	two.joins = true
	require.NoError(t, two.start())
	require.Equal(t, Done, one.do(addition(two)).Outcome)
	c.untilVoters(1, 2)
}

// A cluster that was recovered may need it again.
func TestASurvivorOfARecoveredClusterCanBeRecovered(t *testing.T) {
	c := formed(t, 1)
	s := c.leader().open(1)
	c.write(s, 1, 3)
	m := c.members[0]
	m.crash(memfs.DropAll)
	first := m.recover()
	require.NoError(t, m.start())
	c.until("it leads", func() bool { return m.node.role == raft.Leader })
	c.write(s, 4, 6)
	m.crash(memfs.DropAll)
	o := c.recovering()
	o.Cluster++
	r, err := PlanRecovery(m.fs, "data", o)
	require.NoError(t, err)
	require.Equal(t, first.New, r.Report.Old)
	require.Greater(t, r.Report.Base.Index, first.Base.Index+1<<40)
	kept, err := r.Run()
	require.NoError(t, err)
	require.Equal(t, "data.before-recovery-0000000000002222", kept)
	require.NoError(t, m.start())
	require.Len(t, m.sm.lines, 6)
}

// At stake: the state of the new cluster is the one that the old cluster's nodes had after the same entry, whatever
// happened before, and every entry that the survivor stored is in it.
func TestTheRecoveredStateIsThatOfApplyingTheWholeLog(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newCluster(rt, 3)
		c.settings.Rules.SnapshotBytes = rapid.Int64Range(300, 4000).Draw(rt, "snapshot bytes")
		c.startAll()
		c.until("a leader", func() bool { return c.leader() != nil && c.leader().node.applied > 0 })
		states := map[raft.Index]Hash{}
		note := func() {
			for _, m := range c.members {
				if m.up {
					at, h := m.node.StateHash()
					states[raft.Index(at)] = h
				}
			}
		}
		var session SessionID
		seq := uint64(0)
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			l := c.leader()
			if l == nil {
				c.advance(200 * time.Millisecond)
				continue
			}
			switch rapid.SampledFrom([]string{"write", "write", "write", "open", "request", "wait", "down", "up"}).Draw(rt, "step") {
			case "write":
				seq++
				l.ask(command(session, seq, fmt.Sprint("line ", seq)))
			case "open":
				session = l.open(uint64(len(states)) + 7)
				seq = 0
			case "request":
				l.ask(Event{Kind: EventCommand, Command: Command{RequestID: fmt.Sprint(len(states)), Principal: "p", Body: []byte("once")}})
			case "wait":
				c.advance(time.Duration(rapid.IntRange(1, 5000).Draw(rt, "ms")) * time.Millisecond)
			case "down":
				if m := c.other(); m.up && c.leader() != nil {
					m.crash(memfs.Chance(seq))
				}
			case "up":
				for _, m := range c.members {
					if !m.up {
						require.NoError(rt, m.start())
					}
				}
			}
			if rapid.Bool().Draw(rt, "deliver") {
				c.deliver()
			}
			note()
		}
		m := c.members[rapid.IntRange(0, 2).Draw(rt, "survivor")]
		if m.up {
			m.crash(memfs.DropAll)
		}
		before := m.fs.Clone()
		r, err := PlanRecovery(m.fs, "data", c.recovering())
		require.NoError(rt, err)
		_, err = r.Run()
		require.NoError(rt, err)

		// The same directory as a node reads it: all entries, one after the other, behind its snapshot.
		d, boot, err := OpenDisk(before, "data", DiskOptions{WAL: wal.Options{SegmentBytes: 8 << 10}, Machine: &toy{}, Rules: c.settings.Rules})
		require.NoError(rt, err)
		require.NoError(rt, d.Close())
		n := New(Settings{Rules: c.settings.Rules, Seed: 1}, boot, &toy{}, 1)
		n.out = &Output{}
		for i := range boot.Entries {
			if e := &boot.Entries[i]; e.Index > n.applied {
				_, ok := n.advance(e)
				require.True(rt, ok)
			}
		}
		at, want := n.StateHash()
		require.Equal(rt, raft.Index(at), r.Report.Last.Index)
		require.Equal(rt, want, r.Report.Hash)
		if known, ok := states[r.Report.Last.Index]; ok {
			require.Equal(rt, known, r.Report.Hash, "what a node of the old cluster had there")
		}
		require.NoError(rt, m.start())
		require.Equal(rt, n.sm.(*toy).lines, m.sm.lines)
		require.Equal(rt, n.logTime, m.node.logTime)
		require.Equal(rt, n.sessions.hash, m.node.sessions.hash)
		require.Equal(rt, n.requests.hash, m.node.requests.hash)
	})
}
