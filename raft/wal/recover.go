package wal

import (
	"errors"

	"parley/raft/vfs"
)

// Open opens the log in a directory, which it makes if there is none, and says
// what it held. Nothing that Recovered tells is only in the page cache: the last
// batch, unless it is sealed, was written again into a fresh segment and synced.
//
// A damaged log is a *DamagedError; Recovered then tells which entries are
// present, absent, torn and damaged, and nothing was changed. A newer format is a
// *FormatError, another cluster's log a *ClusterError.
func Open(fs vfs.FS, dir string, o Options) (*Log, Recovered, error) {
	if err := fs.MkdirAll(dir); err != nil {
		return nil, Recovered{}, err
	}
	s, err := look(fs, dir, o.Cluster)
	if err != nil {
		return nil, Recovered{}, err
	}
	if n := len(s.was.Damage); n > 0 {
		return nil, s.was, &DamagedError{Damage: s.was.Damage[0], More: n - 1}
	}
	l := &Log{fs: fs, dir: dir, options: o}
	l.enc.cluster = o.Cluster
	if err := l.resume(s); err != nil {
		closeAll(l.file, l.sealFile, l.next)
		return nil, Recovered{}, err
	}
	return l, s.was, nil
}

// resume makes the log writable behind what was found.
func (l *Log) resume(s *scan) error {
	for _, name := range s.temps {
		if err := l.fs.Remove(l.path(name)); err != nil {
			return err
		}
	}
	if err := l.resumeSeal(s); err != nil {
		return err
	}
	for i := range s.was.Entries {
		l.runs = extendRuns(l.runs, &s.was.Entries[i])
	}
	l.claim = claim{hard: s.was.Hard, config: s.was.ConfigIndex, last: s.was.Last, lastTerm: s.was.LastTerm}
	l.lowest = s.lowest
	if s.canGoOn() {
		return l.goOn(s)
	}
	return l.startAnew(s)
}

// resumeSeal opens the seal file, making it if the log is new. A seal file without
// segments may be in the page cache only: it is made again in its place.
func (l *Log) resumeSeal(s *scan) error {
	l.sealed = s.seal
	if len(s.numbers) == 0 {
		if err := l.remakeDir(s); err != nil {
			return err
		}
		// The directory itself must outlive the promises made in it.
		if err := l.fs.SyncDir(parent(l.dir)); err != nil {
			return err
		}
		if err := l.createSeal(); err != nil {
			return err
		}
	}
	f, err := l.fs.Open(l.path(sealName))
	l.sealFile = f
	return err
}

// remakeDir makes an empty directory again: the one that is there may be left from
// an earlier start whose sync of the parent failed, and would be lost for good.
func (l *Log) remakeDir(s *scan) error {
	if !s.empty || l.dir == "." {
		return nil
	}
	if err := l.fs.Remove(l.dir); err != nil {
		return err
	}
	return l.fs.MkdirAll(l.dir)
}

// canGoOn says whether the newest segment can be written further: the sealed batch
// is its last, and nothing is behind it. Only that the batch was acknowledged
// proves that the segment's name is on the disk; seeing the name does not.
func (s *scan) canGoOn() bool {
	newest := len(s.read) - 1
	return newest >= 0 && s.read[newest].batches > 0 && s.seal.at.batch == s.tail.batch && s.was.Torn == nil
}

// goOn opens the newest segment behind its last batch.
func (l *Log) goOn(s *scan) error {
	newest := len(s.chain) - 1
	h := s.chain[newest]
	f, err := l.fs.Open(l.path(segmentName(h.segment)))
	if err != nil {
		return err
	}
	l.file = f
	if l.size, err = f.Size(); err != nil {
		return err
	}
	l.tail = place{segment: h.segment, offset: s.read[newest].end, batch: s.tail.batch, frame: s.tail.frame}
	return l.giveBack(s, h.segment, h.from)
}

// startAnew makes a fresh segment. The last batch, unless sealed, may be in the page
// cache only, and a sync now would not help it if one failed before: it is
// written again, and the fresh segment continues from the batch before.
func (l *Log) startAnew(s *scan) error {
	number := uint64(1)
	if n := len(s.numbers); n > 0 {
		number = s.numbers[n-1] + 1
	}
	if s.last == nil || s.seal.at.batch == s.tail.batch {
		if err := l.begin(number, s.tail, 0, nil); err != nil {
			return err
		}
		return l.giveBack(s, s.tail.segment, s.tail)
	}
	b := s.last.block
	b.segment, b.offset = number, bodyStart
	sectors, frame := l.enc.encode(&b, s.last.entries)
	if err := l.begin(number, s.before, int64(len(sectors)), sectors); err != nil {
		return err
	}
	l.tail.batch, l.tail.frame = b.batch, frame
	return l.giveBack(s, s.before.segment, s.before)
}

// giveBack frees the space that no recovery reads any more: segments of the chain
// up to newest stay, the others are superseded; and those up to the place from end where the
// next one continues. The log is complete and on disk without it: what a crash keeps
// from being freed the next start frees.
func (l *Log) giveBack(s *scan, newest uint64, from place) error {
	if err := l.removeSuperseded(s, newest); err != nil {
		return err
	}
	for i, h := range s.chain {
		end := from.offset
		switch {
		case h.segment > from.segment:
			return nil
		case h.segment < from.segment:
			end = s.chain[i+1].from.offset
		}
		if err := l.trim(segmentName(h.segment), end); err != nil {
			return err
		}
	}
	return nil
}

// trim cuts a file off behind an offset, at the end of the file system's block: in the
// block itself a file system would have to write zeros beside batches that are
// synced. The sync is for machines that crash shortly after every start.
func (l *Log) trim(name string, end int64) error {
	end = (end + blockBytes - 1) / blockBytes * blockBytes
	f, err := l.fs.Open(l.path(name))
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err == nil && size > end {
		if err = f.Truncate(end); err == nil {
			err = f.Sync()
		}
	}
	return errors.Join(err, f.Close())
}

// removeSuperseded removes the segments that the newest one does not continue from,
// directly or through others.
func (l *Log) removeSuperseded(s *scan, newest uint64) error {
	for _, number := range s.numbers {
		if s.headerOf(number).segment == number && number <= newest {
			continue
		}
		if err := l.fs.Remove(l.path(segmentName(number))); err != nil {
			return err
		}
	}
	return nil
}

// parent returns the directory that a directory is in.
func parent(dir string) string {
	for i := len(dir) - 1; i >= 0; i-- {
		if dir[i] == '/' {
			return dir[:i]
		}
	}
	return "."
}
