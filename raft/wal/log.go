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

	claim  claim      // how node and log stand after the last batch
	lowest raft.Index // the lowest index it changed
	runs   []run      // of the whole log
	fresh  []run      // of the batch at hand

	sealFile vfs.File
	sealed   seal // the newest seal
	sealBuf  []byte

	next     vfs.File // the segment after this one, as far as it is prepared
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

// Append writes a batch to the page cache. It is on disk when Sync has returned. An
// entry whose checksum is wrong is refused before anything is written.
// Entries must follow the log as it is after Truncate; terms never fall.
func (l *Log) Append(b *Batch) error {
	if l.err != nil {
		return l.err
	}
	if l.unsynced {
		panic(fmt.Sprintf("wal: append of a batch while batch %d is not synced", l.tail.batch))
	}
	for i := range b.Entries {
		if e := &b.Entries[i]; e.Sum != raft.EntrySum(l.options.Cluster, e) {
			l.err = &SumError{Index: e.Index, Term: e.Term}
			return l.err
		}
	}
	blk := l.blockOf(b)
	need := int64(sectorsOf(len(blk.runs), b.Entries)) * sectorBytes
	if l.tail.offset+need > l.size {
		if err := l.roll(need); err != nil {
			return l.fail(err)
		}
	}
	blk.segment, blk.offset = l.tail.segment, l.tail.offset
	sectors, frame := l.enc.encode(&blk, b.Entries)
	if _, err := l.file.WriteAt(sectors, l.tail.offset); err != nil {
		return l.fail(err)
	}
	l.tail.offset += int64(len(sectors))
	l.tail.batch, l.tail.frame = blk.batch, frame
	l.claim, l.lowest = blk.claim, blk.lowest()
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
	s := seal{sequence: l.sealed.sequence + 1, at: l.tail, claim: l.claim, from: l.lowest}
	l.sealBuf = appendSeal(l.sealBuf[:0], l.options.Cluster, s)
	if _, err := l.sealFile.WriteAt(l.sealBuf, int64(s.sequence%2)*blockBytes); err != nil {
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

// blockOf fills in what a batch claims, and follows the log's runs of terms.
func (l *Log) blockOf(b *Batch) block {
	last := l.claim.last
	if b.Truncate != 0 {
		if b.Truncate > last+1 {
			panic(fmt.Sprintf("wal: truncate at %d, but the log ends at %d", b.Truncate, last))
		}
		last = b.Truncate - 1
		l.runs = cutRuns(l.runs, b.Truncate)
	}
	l.fresh = l.fresh[:0]
	for i := range b.Entries {
		e := &b.Entries[i]
		if e.Index != last+1 {
			panic(fmt.Sprintf("wal: entry %d appended behind %d", e.Index, last))
		}
		last = e.Index
		if l.fresh = extendRuns(l.fresh, e); i == 0 || len(l.runs) == 0 || l.runs[len(l.runs)-1].term != e.Term {
			l.runs = extendRuns(l.runs, e)
		}
	}
	blk := block{
		batch:      l.tail.batch + 1,
		prev:       l.tail.frame,
		claim:      claim{hard: b.Hard, config: b.ConfigIndex, last: last, lastTerm: lastTerm(l.runs)},
		truncate:   b.Truncate,
		prevLowest: l.lowest,
		entries:    uint32(len(b.Entries)),
		runs:       l.fresh,
	}
	if len(b.Entries) > 0 {
		blk.first = b.Entries[0].Index
	}
	return blk
}

// extendRuns adds an entry to runs of terms.
func extendRuns(runs []run, e *raft.Entry) []run {
	if n := len(runs); n > 0 {
		switch before := runs[n-1].term; {
		case before == e.Term:
			return runs
		case before > e.Term:
			panic(fmt.Sprintf("wal: entry %d of term %d follows term %d", e.Index, e.Term, before))
		}
	}
	return append(runs, run{term: e.Term, first: e.Index})
}

// cutRuns removes what begins at an index or behind it.
func cutRuns(runs []run, from raft.Index) []run {
	for len(runs) > 0 && runs[len(runs)-1].first >= from {
		runs = runs[:len(runs)-1]
	}
	return runs
}

func lastTerm(runs []run) raft.Term {
	if len(runs) == 0 {
		return 0
	}
	return runs[len(runs)-1].term
}
