package node

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

var record = raft.Configuration{Members: []raft.Member{{Ident: raft.Ident{ID: 2, Inc: 7}, Voter: true, PeerAddr: "p", ClientAddr: "c"}}}

// small makes segments that a test rolls.
var small = wal.Options{SegmentBytes: 8 << 10}

// diskOf returns a directory of node 2, a member if cluster is not zero.
func diskOf(t require.TestingT, fs *memfs.FS, cluster raft.ClusterID) *Disk {
	d, boot, err := OpenDisk(fs, "data", DiskOptions{ID: 2, Inc: 7, WAL: small})
	require.NoError(t, err)
	require.Equal(t, Identity{Self: raft.Ident{ID: 2, Inc: 7}}, boot.Identity)
	if cluster != 0 {
		require.NoError(t, d.SaveIdentity(Identity{Self: boot.Identity.Self, Cluster: cluster, Members: record}))
	}
	return d
}

func entry(cluster raft.ClusterID, i raft.Index, term raft.Term, kind raft.EntryKind, payload string) raft.Entry {
	e := raft.Entry{Index: i, Term: term, Time: raft.LogTime(i), Kind: kind, Payload: []byte(payload)}
	e.Sum = raft.EntrySum(cluster, &e)
	return e
}

func reopen(fs vfs.FS, id raft.NodeID) (Boot, error) {
	d, boot, err := OpenDisk(fs, "data", DiskOptions{ID: id, Inc: 99, WAL: small})
	if err != nil {
		return boot, err
	}
	return boot, d.Close()
}

func TestTheIdentityFileIsTheseBytes(t *testing.T) {
	id := Identity{Self: raft.Ident{ID: 2, Inc: 7}, Cluster: 0xabcd, Members: record}
	p := encodeIdentity(&id)
	require.Equal(t, "5041524c45594944"+"01000000"+"0200000000000000"+"0700000000000000"+"cdab000000000000"+
		"0101000000"+"0200000000000000"+"0700000000000000"+"01"+"0100"+"70"+"0100"+"63"+"8511e6e9", hex.EncodeToString(p))
	got, err := decodeIdentity(p)
	require.NoError(t, err)
	require.Equal(t, id, got)
}

func TestEveryDamagedByteOfTheIdentityFileIsNoticed(t *testing.T) {
	p := encodeIdentity(&Identity{Self: raft.Ident{ID: 2, Inc: 7}, Cluster: 5, Members: record})
	for i := range p {
		for bit := range 8 {
			q := append([]byte(nil), p...)
			q[i] ^= 1 << bit
			_, err := decodeIdentity(q)
			require.ErrorIs(t, err, ErrIdentityDamaged)
		}
		_, err := decodeIdentity(p[:i])
		require.ErrorIs(t, err, ErrIdentityDamaged)
	}
}

func TestADirectoryThatIsNotThisNodesSaysWhoseItIs(t *testing.T) {
	fs := memfs.New(1)
	require.NoError(t, diskOf(t, fs, 5).Close())
	_, err := reopen(fs, 3)
	var other *OtherNodeError
	require.ErrorAs(t, err, &other)
	require.EqualError(t, err, "this directory belongs to node 2, not 3")

	boot, err := reopen(fs, 0)
	require.NoError(t, err, "without an id the directory says who it is")
	require.Equal(t, raft.NodeID(2), boot.Identity.Self.ID)
	require.Equal(t, raft.Incarnation(7), boot.Identity.Self.Inc, "the incarnation is drawn once")
}

func TestADirectoryInUseIsRefused(t *testing.T) {
	fs := memfs.New(1)
	diskOf(t, fs, 5)
	_, err := reopen(fs, 2)
	require.ErrorIs(t, err, vfs.ErrLocked)
}

func TestADirectoryThatCannotBeTrustedIsRefusedWithTheWayOut(t *testing.T) {
	member := func() *memfs.FS {
		fs := memfs.New(1)
		require.NoError(t, diskOf(t, fs, 5).Close())
		return fs
	}
	for name, c := range map[string]struct {
		spoil func(*memfs.FS)
		want  error
	}{
		"damaged identity": {func(fs *memfs.FS) { require.NoError(t, fs.FlipBit("data/identity", 100)) }, ErrIdentityDamaged},
		"identity gone":    {func(fs *memfs.FS) { require.NoError(t, fs.Remove("data/identity")) }, ErrIdentityMissing},
		"log gone": {func(fs *memfs.FS) {
			names, err := fs.List("data/wal")
			require.NoError(t, err)
			for _, n := range names {
				require.NoError(t, fs.Remove("data/wal/"+n))
			}
		}, ErrLogMissing},
		"newer format": {func(fs *memfs.FS) {
			id, err := ReadIdentity(fs, "data")
			require.NoError(t, err)
			p := encodeIdentity(&id)
			p[8] = identityVersion + 1
			p = appendSum(p[:len(p)-4])
			require.NoError(t, fs.Overwrite("data/identity", 0, p))
		}, ErrNewerFormat},
		"read-only": {func(fs *memfs.FS) {
			fs.SetHook(func(o memfs.Op) error {
				if o.Kind == memfs.OpLock {
					return vfs.ErrReadOnly
				}
				return nil
			})
		}, vfs.ErrReadOnly},
	} {
		fs := member()
		c.spoil(fs)
		_, err := reopen(fs, 2)
		require.ErrorIs(t, err, c.want, name)
		fs.SetHook(nil)
		_, err = reopen(fs, 2)
		if name == "read-only" {
			require.NoError(t, err, "nothing was harmed")
		} else {
			require.ErrorIs(t, err, c.want, "%s: the second look says the same", name)
		}
	}
	_, err := reopen(memfs.New(2), 0)
	require.ErrorIs(t, err, ErrNoID)
}

func TestAnIdentityIsTheOldOrTheNewOneAfterACrashAtAnyOperation(t *testing.T) {
	for op := 1; ; op++ {
		for _, choose := range []memfs.Chooser{memfs.KeepAll, memfs.DropAll, memfs.Chance(uint64(op)), memfs.Chance(uint64(op) + 1000)} {
			fs := memfs.New(1)
			d := diskOf(t, fs, 0)
			crashed := false
			fs.SetHook(func(o memfs.Op) error {
				if o.Seq >= op {
					crashed = true
					return errCrash
				}
				return nil
			})
			err := d.SaveIdentity(Identity{Self: d.Identity().Self, Cluster: 5, Members: record})
			if !crashed {
				require.Greater(t, op, 8)
				return
			}
			require.Error(t, err)
			fs.SetHook(nil)
			fs.CrashMachine(choose)
			boot, err := reopen(fs, 2)
			require.NoError(t, err)
			require.Equal(t, raft.Incarnation(7), boot.Identity.Self.Inc)
			require.Contains(t, []raft.ClusterID{0, 5}, boot.Identity.Cluster)

			// Another cluster may be tried after that, if none was accepted.
			if boot.Identity.Cluster == 0 {
				d, _, err := OpenDisk(fs, "data", DiskOptions{ID: 2, WAL: small})
				require.NoError(t, err)
				require.NoError(t, d.SaveIdentity(Identity{Self: boot.Identity.Self, Cluster: 6, Members: record}))
			}
		}
	}
}

// A first start may end anywhere. Whoever starts behind it makes promises in that directory, and no crash of the machine may
// take it away: a node that founds itself anew would have forgotten them.
func TestADirectoryThatASecondStartAcceptsOutlivesTheMachineWhereverTheFirstEnded(t *testing.T) {
	for k, ended := 1, false; !ended; k++ {
		for _, failed := range []error{memfs.ErrStopped, vfs.ErrIO} {
			fs := memfs.New(1)
			fs.SetHook(func(op memfs.Op) error {
				if op.Seq == k || op.Seq > k && failed == memfs.ErrStopped {
					return failed // the process is gone, or the disk fails once
				}
				return nil
			})
			d, _, err := OpenDisk(fs, "data", DiskOptions{ID: 2, Inc: 7, WAL: small})
			if ended = err == nil; ended {
				require.NoError(t, d.Close())
			}
			fs.SetHook(nil)
			fs.CrashProcess()
			before, err := reopen(fs, 2)
			require.NoError(t, err, "operation %d", k)
			fs.CrashMachine(memfs.DropAll)
			after, err := reopen(fs, 2)
			require.NoError(t, err)
			require.Equal(t, before.Identity, after.Identity, "operation %d, %v", k, failed)
		}
	}
}

func TestManyStoresAreOneBatchAndTheLogIsWhatTheySayOneByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const cluster = 5
		fs := memfs.New(1)
		d := diskOf(t, fs, cluster)
		var model []raft.Entry
		hard := raft.HardState{Term: 1}
		seq := raft.WriteSeq(0)
		for range rapid.IntRange(1, 6).Draw(t, "writes") {
			var stores []raft.Store
			for range rapid.IntRange(1, 5).Draw(t, "stores") {
				seq++
				s := raft.Store{Seq: seq, Hard: hard}
				if len(model) > 0 && rapid.IntRange(0, 2).Draw(t, "cut") == 0 {
					hard.Term++
					s.Hard = hard
					s.Truncate = raft.Index(rapid.IntRange(1, len(model)).Draw(t, "from"))
					model = model[:s.Truncate-1]
				}
				for range rapid.IntRange(0, 3).Draw(t, "entries") {
					kind := raft.EntryCommand
					if rapid.IntRange(0, 3).Draw(t, "config") == 0 {
						kind = raft.EntryConfig
					}
					e := entry(cluster, raft.Index(len(model)+1), hard.Term, kind, "x")
					s.Entries = append(s.Entries, e)
					model = append(model, e)
				}
				stores = append(stores, s)
			}
			require.NoError(t, d.Write(stores))
			require.NoError(t, d.Sync())
		}
		fs.CrashMachine(memfs.DropAll)
		boot, err := reopen(fs, 2)
		require.NoError(t, err)
		require.Equal(t, hard, boot.Hard)
		require.Equal(t, len(model), len(boot.Entries))
		for i := range model {
			require.Equal(t, model[i], boot.Entries[i])
		}
	})
}

// Lost entries come back in any order, some of them while the disk writes, so that the stores of several Steps are one batch.
func TestLostEntriesThatComeBackInAnyOrderAreOnTheDisk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const cluster, entries = 5, 8
		fs := memfs.New(1)
		d := diskOf(t, fs, cluster)
		hard := raft.HardState{Term: 1}
		var all []raft.Entry
		for i := range entries {
			e := entry(cluster, raft.Index(i+1), 1, raft.EntryCommand, strings.Repeat(string(rune('A'+i)), 700))
			all = append(all, e)
			require.NoError(t, d.Write([]raft.Store{{Seq: raft.WriteSeq(i + 1), Hard: hard, Entries: []raft.Entry{e}}}))
			require.NoError(t, d.Sync())
		}
		require.NoError(t, d.Seal())
		require.NoError(t, d.Close())
		lost := rapid.Permutation([]raft.Index{1, 2, 3, 4, 5, 6, 7, 8}).Draw(t, "lost")[:rapid.IntRange(1, entries).Draw(t, "how many")]
		for _, i := range lost {
			rotOf(t, fs, all[i-1].Payload[:64])
		}

		d, boot, err := OpenDisk(fs, "data", DiskOptions{ID: 2, Inc: 7, WAL: small})
		require.NoError(t, err)
		for i := range boot.Entries {
			require.Equal(t, slices.Contains(lost, raft.Index(i+1)), boot.Entries[i].Kind == 0, "entry %d", i+1)
		}
		cut := raft.Index(rapid.IntRange(2, 2*entries).Draw(t, "cut")) // half of the times nothing is
		var stores []raft.Store
		seq := raft.WriteSeq(entries)
		for len(lost) > 0 {
			n := rapid.IntRange(1, len(lost)).Draw(t, "of one Step")
			step := slices.Sorted(slices.Values(lost[:n]))
			lost = lost[n:]
			seq++
			s := raft.Store{Seq: seq, Hard: hard}
			for _, i := range step {
				s.Fill = append(s.Fill, all[i-1])
			}
			stores = append(stores, s)
		}
		if cut <= entries {
			seq++
			hard.Term++
			stores = append(stores, raft.Store{Seq: seq, Hard: hard, Truncate: cut})
			all = all[:cut-1]
		}
		require.NoError(t, d.Write(stores))
		require.NoError(t, d.Sync())
		fs.CrashMachine(memfs.DropAll)
		boot, err = reopen(fs, 2)
		require.NoError(t, err)
		require.Equal(t, hard, boot.Hard)
		require.Equal(t, all, boot.Entries)
	})
}

// rotOf flips a bit of what the log's files have of some bytes, which stand nowhere else.
func rotOf(t require.TestingT, fs *memfs.FS, content []byte) {
	names, err := fs.List("data/wal")
	require.NoError(t, err)
	for _, name := range names {
		f, err := fs.Open("data/wal/" + name)
		require.NoError(t, err)
		size, err := f.Size()
		require.NoError(t, err)
		text := make([]byte, size)
		_, err = f.ReadAt(text, 0)
		require.NoError(t, errors.Join(err, f.Close()))
		if at := bytes.Index(text, content); at >= 0 {
			require.NoError(t, fs.FlipBit("data/wal/"+name, int64(at)*8))
		}
	}
}

func TestAStoreThatOnlyPromisesWritesNothing(t *testing.T) {
	fs := memfs.New(1)
	d := diskOf(t, fs, 5)
	require.NoError(t, d.Write([]raft.Store{{Seq: 1, Hard: raft.HardState{Term: 1}}}))
	require.NoError(t, d.Sync())
	fs.SetHook(func(o memfs.Op) error { return errors.New("no operation is expected: " + o.Kind.String()) })
	require.NoError(t, d.Write([]raft.Store{{Seq: 2, Hard: raft.HardState{Term: 1}, Then: []raft.Message{{}}}}))
	require.NoError(t, d.Sync())
}

func TestANodeSealsItsLogAndStartsFromIt(t *testing.T) {
	c := formed(t, 1)
	m := c.leader()
	s := m.open(1)
	m.do(command(s, 1, "a"))
	require.NoError(t, m.disk.Seal())
	m.crash(memfs.DropAll)
	require.NoError(t, m.start())
	c.advance(2 * time.Second)
	require.Equal(t, []string{"a"}, m.sm.lines)
}
