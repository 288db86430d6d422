package wal_test

import (
	"fmt"
	"testing"

	"parley/raft"
	"parley/raft/vfs/osfs"
	"parley/raft/wal"
)

// One write and one sync of a batch of entries of 128 bytes, on the disk that holds
// the temporary directory.
func BenchmarkAppendAndSync(b *testing.B) {
	for _, entries := range []int{1, 64, 1024} {
		b.Run(fmt.Sprint(entries), func(b *testing.B) {
			fs, err := osfs.New(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			l, _, err := wal.Open(fs, dir, wal.Options{Cluster: cluster})
			if err != nil {
				b.Fatal(err)
			}
			batch := &wal.Batch{Hard: raft.HardState{Term: 1}, Entries: make([]raft.Entry, entries)}
			b.SetBytes(int64(entries * len(payload)))
			b.ReportAllocs()
			b.ResetTimer()
			for n := range b.N {
				b.StopTimer()
				for i := range batch.Entries {
					e := &batch.Entries[i]
					*e = raft.Entry{Index: raft.Index(n*entries + i + 1), Term: 1, Kind: raft.EntryCommand, Payload: payload[:]}
					e.Sum = raft.EntrySum(cluster, e)
				}
				if _, err := l.Prepare(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
				if err := l.Append(batch); err != nil {
					b.Fatal(err)
				}
				if err := l.Sync(); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
		})
	}
}
