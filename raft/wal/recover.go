package wal

import (
	"errors"

	"parley/raft"
	"parley/raft/vfs"
)

// Open opens the log in a directory, which it makes if there is none, and says
// what it holds. Nothing that Recovered tells is only in the page cache: the last
// batch, unless it is sealed, was written again into a fresh segment and synced, and so was
// what Open decided about damage.
//
// Damage does not keep a log from being opened. What can't be read is a hole in Entries, or
// Recovered.Decided tells what became of it. Only a log whose last position, hard state or
// configuration index is in doubt is refused: a *LostError, with nothing changed. A newer
// format is a *FormatError, another cluster's log a *ClusterError.
func Open(fs vfs.FS, dir string, o Options) (*Log, Recovered, error) {
	if err := fs.MkdirAll(dir); err != nil {
		return nil, Recovered{}, err
	}
	memory := o.memory()
	defer memory.release()
	s, err := lookCertain(fs, dir, o.Cluster, memory)
	if err != nil {
		return nil, s.was, err
	}
	l := &Log{fs: fs, dir: dir, options: o, nextPath: join(dir, nextName)}
	l.enc.cluster = o.Cluster
	l.standing = standing{s.p.claim, s.cut}
	s.decide(o.Snapshots)
	if err := l.resume(s); err != nil {
		closeAll(l.file, l.sealFile, l.next)
		return nil, Recovered{}, err
	}
	return l, s.was, nil
}

// Look says what Open would find in a directory, and what it would decide, and changes nothing there. Errors are those of Open.
func Look(fs vfs.FS, dir string, o Options) (Recovered, error) {
	memory := o.memory()
	defer memory.release()
	s, err := lookCertain(fs, dir, o.Cluster, memory)
	if err == nil {
		s.decide(o.Snapshots)
	}
	return s.was, err
}

// lookCertain reads a log that must not be in doubt. Of one that is, or that can't be read, the scan has what was found.
func lookCertain(fs vfs.FS, dir string, cluster raft.ClusterID, memory *Memory) (*scan, error) {
	s, err := look(fs, dir, cluster, memory)
	if err != nil {
		return new(scan), err
	}
	if !s.was.Certain {
		return s, lostError(s.was.Damage)
	}
	return s, nil
}

// decide decides what can't be left open, and tells the log as it is then.
func (s *scan) decide(good []raft.EntryID) {
	s.was.Decided = s.p.decide(good)
	s.was.open(&s.p)
}

// resume makes the log writable behind what was found, and the decision durable.
func (l *Log) resume(s *scan) error {
	for _, name := range s.temps {
		if err := l.fs.Remove(l.path(name)); err != nil {
			return err
		}
	}
	if len(s.numbers) == 0 {
		if err := l.makeNew(s); err != nil {
			return err
		}
	}
	var from place
	var err error
	if s.canGoOn() {
		from, err = l.goOn(s)
	} else {
		from, err = l.startAnew(s)
	}
	if err != nil {
		return err
	}
	if err := l.resumeSeal(s); err != nil {
		return err
	}
	if err := l.remember(s); err != nil {
		return err
	}
	return l.giveBack(s, from)
}

// makeNew makes what a log has before its first segment.
func (l *Log) makeNew(s *scan) error {
	if err := l.remakeDir(s); err != nil {
		return err
	}
	// The directory itself must outlive the promises made in it.
	if err := l.fs.SyncDir(vfs.Parent(l.dir)); err != nil {
		return err
	}
	// A seal file without segments may be in the page cache only: it is made again in its place.
	return l.createSeal()
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
// is its last, nothing is behind it, nothing is wrong with it, and it is of the newest format. Only that the batch was
// acknowledged proves that the segment's name is on the disk; seeing the name does not.
func (s *scan) canGoOn() bool {
	newest := len(s.chain) - 1
	if newest < 0 || s.chain[newest].format != formatVersion || s.chain[newest].batches == 0 || s.seal.at != s.tail || s.was.Torn != nil || s.stray {
		return false
	}
	for _, d := range s.was.Worn {
		if d.Number == s.tail.segment {
			return false
		}
	}
	return len(s.was.Damage) == 0
}

// goOn opens the newest segment behind its last batch.
func (l *Log) goOn(s *scan) (from place, err error) {
	g := &s.chain[len(s.chain)-1]
	f, err := l.fs.Open(g.path)
	if err != nil {
		return place{}, err
	}
	f.Direct()
	l.file = f
	if l.size, err = f.Size(); err != nil {
		return place{}, err
	}
	l.tail = s.tail
	l.segments = append(l.segments, segment{number: g.number})
	return g.at, nil
}

// startAnew makes a fresh segment. The last batch, unless sealed, may be in the page
// cache only, and a sync now would not help it if one failed before: it is
// written again, and the fresh segment continues from the batch before.
func (l *Log) startAnew(s *scan) (from place, err error) {
	header := mark{number: 1, at: s.tail, known: true, standing: l.standing}
	if s.last == nil || s.seal.at.batch == s.tail.batch {
		if n := len(s.numbers); n > 0 {
			header.number = s.numbers[n-1] + 1
		}
		return header.at, l.begin(&header, 0, nil)
	}
	header = s.prior
	header.number = s.numbers[len(s.numbers)-1] + 1
	b := s.last.block
	b.segment, b.offset, b.cut.lowest = header.number, bodyStart, 0
	sectors, frame := l.enc.encode(&b, s.last.entries, s.last.fills)
	if err := l.begin(&header, int64(len(sectors)), sectors); err != nil {
		return place{}, err
	}
	l.tail.batch, l.tail.frame = b.batch, frame
	l.cut = b.cut.after(&b)
	return header.at, nil
}

// resumeSeal opens the seal file. What can't be read of it is written again before any
// batch is: see isEnd. By now the fresh segment tells all that the seal vouched for. And where both
// slots can be read, the newer one may be in the page cache only, for the process before may have died
// between its write and its sync: lost later, beside a batch that a crash tears, it would look as if it had
// vouched for that batch. So it is written again in its place.
func (l *Log) resumeSeal(s *scan) error {
	if len(s.numbers) > 0 {
		if l.sealed = s.seal; s.sealBad {
			if err := l.createSeal(); err != nil {
				return err
			}
		}
	}
	f, err := l.fs.Open(l.path(sealName))
	if err != nil {
		return err
	}
	l.sealFile = f
	switch {
	case s.sealWorn:
		return l.putSeal()
	case len(s.numbers) > 0:
		return l.writeSlot(s.seal)
	}
	return nil
}

// remember makes the ledger that of the log as it is now, and what was decided durable:
// as the next batch, which is sealed at once, so that it is written down twice.
func (l *Log) remember(s *scan) error {
	l.extents = s.p.extents
	for i := range s.was.Entries {
		e := &s.was.Entries[i]
		if l.runs = extendRuns(l.runs, idOf(e)); e.Kind == 0 {
			l.holes = append(l.holes, *e)
		}
	}
	l.oldest = l.claim.oldest
	d := s.was.Decided
	if d == (Decision{}) {
		return nil
	}
	b := block{truncate: d.Cut, reset: d.Reset}
	if err := l.makeRoom(int64(sectorsOf(0, nil, nil)) * sectorBytes); err != nil {
		return err
	}
	l.claim = s.p.claim
	l.restate(l.tail.segment)
	b.claim = l.claim
	if err := errors.Join(l.write(&b, nil, nil), l.Sync()); err != nil {
		return err
	}
	return l.Seal()
}

// giveBack frees the space that no recovery reads any more: segments of the chain
// up to the one that is continued stay, the others are superseded; and those up to the place
// where the next one continues. The log is complete and on disk without it: what a crash keeps
// from being freed the next start frees.
func (l *Log) giveBack(s *scan, from place) error {
	fresh := l.segments // what this start made, or goes on in
	var kept []segment
	for i, number := range s.numbers {
		if number == fresh[0].number {
			continue
		} else if number <= from.segment && s.linkOf(number) != nil {
			kept = append(kept, segment{number: number})
			continue
		}
		if err := l.fs.Remove(l.path(s.names[i])); err != nil {
			return err
		}
	}
	l.segments = append(kept, fresh...)
	for i := range s.chain {
		g, end := &s.chain[i], from.offset
		switch {
		case g.number > from.segment:
			return nil
		case g.number < from.segment && !s.chain[i+1].joined:
			continue
		case g.number < from.segment:
			end = s.chain[i+1].at.offset
		}
		if err := l.cutOff(g.path, end); err != nil {
			return err
		}
	}
	return nil
}

// cutOff shortens a file to an offset, at the end of the file system's block: in the
// block itself a file system would have to write zeros beside batches that are
// synced. The sync is for machines that crash shortly after every start.
func (l *Log) cutOff(path string, end int64) error {
	end = (end + blockBytes - 1) / blockBytes * blockBytes
	f, err := l.fs.Open(path)
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
