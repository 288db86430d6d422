package wal

import (
	"errors"
	"fmt"

	"parley/raft"
	"parley/raft/vfs"
)

// Options are what a log must be told.
type Options struct {
	Cluster raft.ClusterID
	// SegmentBytes is the size of a segment; zero is 64 MiB. A batch that is larger
	// gets a segment of its own size.
	SegmentBytes int64
	// Snapshots are the node's own good ones, ascending: verified, not merely there. A log
	// whose base is above zero must have one from the base on; without it the log is
	// given up, because nothing tells what its entries are to be applied to.
	Snapshots []raft.EntryID
	// Memory is for Open and Look to read into; nil is memory of its own.
	Memory *Memory
}

func (o *Options) memory() *Memory {
	if o.Memory == nil {
		return new(Memory)
	}
	return o.Memory
}

// segmentBytesDefault: a roll each 64 MiB costs three syncs and is not felt; a
// restart reads one segment to its end even if it is nearly empty, 20 ms.
const segmentBytesDefault = 64 << 20

// segmentBytes returns the size in whole sectors, with room for the smallest batch.
func (o Options) segmentBytes() int64 {
	size := o.SegmentBytes
	if size == 0 {
		size = segmentBytesDefault
	}
	size = (size + sectorBytes - 1) / sectorBytes * sectorBytes
	return max(size, bodyStart+2*sectorBytes)
}

// Log is an open log. Its calls go Append, Sync, Append, Sync: at most one batch is
// unsynced at any time, because that is what recovery concludes from a sector of
// a later batch. After an error every call returns that error: a disk that failed
// once is not asked again, since a second sync may succeed without having stored
// what the first one lost.
type Log struct {
	fs      vfs.FS
	dir     string
	options Options
	err     error // not nil: failed for good
	enc     encoder

	file     vfs.File // the segment that is written
	size     int64    // its length
	tail     place    // the end of the last batch
	unsynced bool

	ledger             // after the last batch
	segments []segment // ascending
	oldest   uint64    // as the last synced batch says: those before it may go

	sealFile vfs.File
	sealed   mark // the newest seal
	markBuf  []byte

	next     vfs.File // the segment after this one, as far as it is prepared
	nextPath string
	nextSize int64
}

// errClosed is what a closed log says.
var errClosed = errors.New("wal: the log is closed")

// fail makes an error final.
func (l *Log) fail(err error) error {
	if l.err == nil {
		l.err = fmt.Errorf("wal: segment %d: %w", l.tail.segment, err)
	}
	return l.err
}

// Append hands a batch to the system. It is on disk when Sync has returned. An
// entry whose checksum is wrong is refused before anything is written.
// Entries must follow the log as it is after Truncate; terms never fall; a fill must be
// the entry of a hole.
func (l *Log) Append(b *Batch) error {
	if l.err != nil {
		return l.err
	}
	if l.unsynced {
		panic(fmt.Sprintf("wal: append of a batch while batch %d is not synced", l.tail.batch))
	}
	if err := errors.Join(l.checkSums(b.Entries), l.checkSums(b.Fill)); err != nil {
		l.err = err
		return err
	}
	l.check(b)
	if err := l.makeRoom(int64(sectorsOf(len(l.fresh), b.Entries, b.Fill)) * sectorBytes); err != nil {
		return l.fail(err)
	}
	blk := l.apply(b, l.tail.segment)
	return l.write(&blk, b.Entries, b.Fill)
}

// checkSums refuses entries that are not those that their leader made.
func (l *Log) checkSums(entries []raft.Entry) error {
	for i := range entries {
		e := &entries[i]
		if e.Kind == 0 {
			panic(fmt.Sprintf("wal: entry %d has no kind: a hole can't be written", e.Index))
		}
		if e.Sum != raft.EntrySum(l.options.Cluster, e) {
			return &SumError{Index: e.Index, Term: e.Term}
		}
	}
	return nil
}

// makeRoom goes on in another segment if this one has no room for so many bytes.
func (l *Log) makeRoom(need int64) error {
	if l.tail.offset+need <= l.size {
		return nil
	}
	return l.roll(need)
}

// write puts a batch behind the last one. What it claims is in the ledger already.
func (l *Log) write(blk *block, entries, fills []raft.Entry) error {
	blk.segment, blk.offset = l.tail.segment, l.tail.offset
	blk.batch, blk.prev, blk.cut = l.tail.batch+1, l.tail.frame, l.cut
	sectors, frame := l.enc.encode(blk, entries, fills)
	if _, err := l.file.WriteAt(sectors, l.tail.offset); err != nil {
		return l.fail(err)
	}
	l.tail.offset += int64(len(sectors))
	l.tail.batch, l.tail.frame = blk.batch, frame
	l.cut = l.cut.after(blk)
	l.unsynced = true
	return nil
}

// Sync makes the last batch durable.
func (l *Log) Sync() error {
	if l.err != nil {
		return l.err
	}
	if !l.unsynced {
		return nil
	}
	if err := l.file.Sync(); err != nil {
		return l.fail(err)
	}
	l.unsynced = false
	l.oldest = l.claim.oldest
	return nil
}

// Seal writes down that everything up to now is synced, so that rot in the last
// batch can't pass for a torn write. Call it when the disk has been idle for a
// moment and at a clean stop; it costs a write and a sync elsewhere.
func (l *Log) Seal() error {
	if l.err != nil {
		return l.err
	}
	if l.unsynced {
		panic(fmt.Sprintf("wal: seal while batch %d is not synced", l.tail.batch))
	}
	if l.sealed.at.batch == l.tail.batch {
		return nil
	}
	return l.putSeal()
}

// putSeal writes the slot that the newest seal is not in.
func (l *Log) putSeal() error {
	return l.writeSlot(mark{cluster: l.options.Cluster, number: l.sealed.number + 1, at: l.tail, known: true, standing: l.standing})
}

// writeSlot writes a seal in its slot.
func (l *Log) writeSlot(s mark) error {
	l.markBuf = appendMark(l.markBuf[:0], sealMagic, &s)
	if _, err := l.sealFile.WriteAt(l.markBuf, int64(s.number%2)*blockBytes); err != nil {
		return l.fail(err)
	}
	if err := l.sealFile.Sync(); err != nil {
		return l.fail(err)
	}
	l.sealed = s
	return nil
}

// Close closes the files. It syncs nothing and seals nothing.
func (l *Log) Close() error {
	if l.err == errClosed {
		return nil
	}
	l.err = errClosed
	err := errors.Join(l.file.Close(), l.sealFile.Close())
	if l.next != nil {
		err = errors.Join(err, l.next.Close())
	}
	return err
}
