package snap_test

import (
	"io"
	"testing"

	"parley/raft"
	"parley/raft/snap"
	"parley/raft/vfs/osfs"
)

// 64 MiB through the store on the disk that holds the temporary directory: made, read back and
// checked, and moved to another store piece by piece.
func BenchmarkSnapshotOf64MiB(b *testing.B) {
	const size = 64 << 20
	row := make([]byte, 300) // about what a state machine writes at a time
	write := func(w io.Writer) error {
		for left := size; left > 0; left -= len(row) {
			if _, err := w.Write(row[:min(left, len(row))]); err != nil {
				return err
			}
		}
		return nil
	}
	store := func(b *testing.B) *snap.Store {
		fs, err := osfs.New(b.TempDir())
		if err != nil {
			b.Fatal(err)
		}
		s, err := snap.Open(fs, dir, snap.Options{Cluster: cluster})
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	b.Run("create", func(b *testing.B) {
		s := store(b)
		b.SetBytes(size)
		b.ReportAllocs()
		for i := raft.Index(1); b.Loop(); i++ {
			if _, err := s.Create(baseAt(i), hashAt(i), write); err != nil {
				b.Fatal(err)
			}
			if err := s.Prune(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("verify", func(b *testing.B) {
		s := store(b)
		info, err := s.Create(baseAt(1), hashAt(1), write)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			if err := s.Verify(info); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("transfer", func(b *testing.B) {
		from, to := store(b), store(b)
		info, err := from.Create(baseAt(1), hashAt(1), write)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(size)
		b.ReportAllocs()
		for b.Loop() {
			p, err := to.Resume(info.ID)
			if err != nil {
				b.Fatal(err)
			}
			if err := transfer(p, from, info, 1<<20); err != nil {
				b.Fatal(err)
			}
			if _, err := p.Finish(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
