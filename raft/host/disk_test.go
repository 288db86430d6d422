package host

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

// diary is what a disk goroutine did, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) write(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// read returns the lines since the last read.
func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := d.lines
	d.lines = nil
	return lines
}

var testIdentity = node.Identity{
	Self:    raft.Ident{ID: 1, Inc: 11},
	Cluster: 0xc1,
	Members: raft.Configuration{Members: []raft.Member{{Ident: raft.Ident{ID: 1, Inc: 11}, Voter: true}}},
}

// openTestDisk starts a disk goroutine on a directory that was formed. syncing is
// called before every sync of the log.
func openTestDisk(t *testing.T, fs *memfs.FS, syncing func() error) (*disk, *diary) {
	return openTestDiskOf(t, fs, 64<<10, syncing)
}

func openTestDiskOf(t *testing.T, fs *memfs.FS, segmentBytes int64, syncing func() error) (*disk, *diary) {
	dir, _, err := node.OpenDisk(fs, "node", node.DiskOptions{ID: 1, Inc: 11, WAL: wal.Options{SegmentBytes: segmentBytes}})
	require.NoError(t, err)
	require.NoError(t, dir.SaveIdentity(testIdentity))
	log := new(diary)
	d := newDisk(dir)
	d.send = func(msgs []raft.Message) {
		for i := range msgs {
			log.write("send %d", msgs[i].Seq)
		}
	}
	d.report = func(e node.Event) {
		switch e.Kind {
		case node.EventStored:
			log.write("stored %d", e.Stored)
		case node.EventDiskFailed:
			log.write("failed")
		}
	}
	d.saved = func(*node.Identity) { log.write("saved") }
	fs.SetHook(func(op memfs.Op) error {
		if op.Kind != memfs.OpSync {
			return nil
		}
		log.write("sync")
		return syncing()
	})
	go d.run()
	return d, log
}

func store(seq raft.WriteSeq) raft.Store {
	e := raft.Entry{Index: raft.Index(seq), Term: 1, Kind: raft.EntryCommand, Payload: []byte("x")}
	e.Sum = raft.EntrySum(testIdentity.Cluster, &e)
	return raft.Store{
		Seq:     seq,
		Hard:    raft.HardState{Term: 1},
		Entries: []raft.Entry{e},
		Then:    []raft.Message{{Kind: raft.MsgAppendReply, Seq: uint64(seq)}},
	}
}

// What is at stake: a promise that leaves before the disk has it is a lie after the
// next power cut; and one sync for each of many callers would be slow.
func TestWhatQueuesDuringASyncIsOneMoreSyncAndPromisesLeaveBehindIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		d, log := openTestDisk(t, memfs.New(1), func() error { <-gate; return nil })
		d.submit(nil, []raft.Store{store(1)})
		synctest.Wait()
		require.Equal(t, []string{"sync"}, log.read(), "nothing leaves before the sync is through")
		d.submit(nil, []raft.Store{store(2), store(3)})
		d.submit(nil, []raft.Store{store(4)})
		synctest.Wait()
		require.Empty(t, log.read())
		close(gate)
		require.NoError(t, d.close())
		require.Equal(t, []string{
			"send 1", "stored 1",
			"sync", "send 2", "send 3", "send 4", "stored 4",
			"sync", // the seal of a clean stop
		}, log.read())
	})
}

func TestAnIdleDiskIsSealedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, log := openTestDisk(t, memfs.New(1), func() error { return nil })
		d.submit(nil, []raft.Store{store(1)})
		synctest.Wait()
		require.Equal(t, []string{"sync", "send 1", "stored 1"}, log.read())
		<-time.After(sealAfter - time.Millisecond)
		require.Empty(t, log.read())
		<-time.After(time.Hour)
		require.NotEmpty(t, log.read())
		<-time.After(time.Hour)
		require.Empty(t, log.read())
		require.NoError(t, d.close())
	})
}

// A node that starts, or waits for a snapshot, has an idle disk; who shares the device with it has not.
func TestAnIdleDiskPreparesTheNextSegmentInPiecesWithTimeBetweenThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const pieces = 4
		d, log := openTestDiskOf(t, memfs.New(1), pieces<<20, func() error { return nil })
		d.submit(nil, []raft.Store{store(1)})
		synctest.Wait()
		log.read()
		<-time.After(sealAfter)
		synctest.Wait()
		require.Equal(t, []string{"sync", "sync"}, log.read(), "the seal, and the first piece")
		for range pieces - 2 {
			<-time.After(prepareRest - time.Millisecond)
			require.Empty(t, log.read())
			<-time.After(time.Millisecond)
			synctest.Wait()
			require.Equal(t, []string{"sync"}, log.read(), "one piece")
		}
		d.submit(nil, []raft.Store{store(2)})
		synctest.Wait()
		require.Equal(t, []string{"sync", "send 2", "stored 2"}, log.read(), "work does not wait for the rest")
		<-time.After(time.Hour)
		require.Equal(t, []string{"sync", "sync"}, log.read(), "the seal, and the last piece")
		require.NoError(t, d.close())
	})
}

func TestPromisesWithoutAWriteWaitForTheWritesBeforeThem(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, log := openTestDisk(t, memfs.New(1), func() error { return nil })
		barrier := store(2)
		barrier.Entries = nil
		d.submit(nil, []raft.Store{store(1), barrier})
		synctest.Wait()
		require.Equal(t, []string{"sync", "send 1", "send 2", "stored 2"}, log.read())
		barrier.Seq, barrier.Then[0].Seq = 3, 3
		d.submit(nil, []raft.Store{barrier})
		synctest.Wait()
		require.Equal(t, []string{"send 3", "stored 3"}, log.read(), "nothing to write, nothing to sync")
		require.NoError(t, d.close())
	})
}

func TestAFailedSyncSendsNothingSealsNothingAndEndsTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, log := openTestDisk(t, memfs.New(1), func() error { return vfs.ErrIO })
		d.submit(nil, []raft.Store{store(1)})
		synctest.Wait()
		d.submit(nil, []raft.Store{store(2)})
		require.ErrorIs(t, d.close(), vfs.ErrIO)
		require.Equal(t, []string{"sync", "failed"}, log.read())
	})
}
