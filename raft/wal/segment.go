package wal

import (
	"errors"
	"slices"

	"parley/raft/vfs"
)

// nextName is a segment before it has a number. Whatever stands in it is no part
// of the log; recovery removes it.
const nextName = "next.tmp"

// prepareStep is how much Prepare does at a time: about 2 ms of a disk's time.
const prepareStep = 1 << 20

// sparesMax is how many old segments stay where they are until they are used again. Compaction frees about as many as the log
// takes; one more is for its being early or late.
const sparesMax = 2

// segment is a file of the log that has a name.
type segment struct {
	number uint64
	// usable says that it can be used again when nothing in it matters any more: this process made it, so that no
	// batch in it has a higher number than the log's last one; and it is neither longer nor shorter than others.
	usable bool
}

// Prepare makes the next segment ready and then removes old ones, a piece at each call,
// and reports whether all is done. Call it when the disk is idle; what is missing when a
// segment is full Append does on the spot. It costs nothing when all is done.
func (l *Log) Prepare() (done bool, err error) {
	if l.err != nil {
		return false, l.err
	}
	size := l.options.segmentBytes()
	if l.next != nil && l.nextSize >= size {
		return l.Trim()
	}
	if err := l.grow(min(l.nextSize+prepareStep, size)); err != nil {
		return false, l.fail(err)
	}
	return l.nextSize >= size && l.trimmed(), nil
}

// Trim removes a segment of which nothing matters any more, the oldest first, and reports
// whether there is no other. Prepare does it when the disk is idle; a disk that never is
// needs it called between two batches. Only a synced batch says what matters no more, so
// that a crash can't find the one gone and the other not there.
func (l *Log) Trim() (done bool, err error) {
	if l.err != nil {
		return false, l.err
	}
	i, ok := l.surplus()
	if !ok {
		return true, nil
	}
	if err := l.fs.Remove(l.path(segmentName(l.segments[i].number))); err != nil {
		return false, l.fail(err)
	}
	l.segments = slices.Delete(l.segments, i, i+1)
	return l.trimmed(), nil
}

// trimmed says that every segment there is may matter, or be used again.
func (l *Log) trimmed() bool {
	_, ok := l.surplus()
	return !ok
}

// surplus returns the place of the oldest segment that neither matters nor will be used again. If all before the oldest
// that matters are usable, and there are too many, that is the first.
func (l *Log) surplus() (i int, ok bool) {
	for i, s := range l.segments {
		if s.number >= l.oldest {
			return 0, i > sparesMax
		} else if !s.usable {
			return i, true
		}
	}
	return 0, false // not met: the newest segment always matters
}

// grow makes the next segment at least so long, of an old one or with zeros that are on disk.
func (l *Log) grow(size int64) error {
	if l.next == nil {
		if err := l.makeNext(); err != nil {
			return err
		}
	}
	if l.nextSize >= size {
		return nil
	}
	if err := l.next.Preallocate(size); err != nil {
		return err
	}
	l.nextSize = size
	return l.next.Sync()
}

// makeNext makes the next segment, in full of a spare one, or else an empty file.
func (l *Log) makeNext() (err error) {
	l.nextSize = 0
	if len(l.segments) == 0 || l.segments[0].number >= l.oldest || !l.segments[0].usable {
		l.next, err = l.fs.Create(l.nextPath)
		return err
	}
	if err := l.reuse(); err != nil {
		return err
	}
	l.nextSize = l.options.segmentBytes()
	return nil
}

// reuse makes the oldest segment the next one, with all that stands in it: zeros would cost as much as the
// log itself. The old name is gone for good before anything is written: to a crash this is a removal and a file that is no part of
// the log. Behind its new header every batch in it has a number of an earlier life: see tag.go.
func (l *Log) reuse() error {
	if err := l.fs.Rename(l.path(segmentName(l.segments[0].number)), l.nextPath); err != nil {
		return err
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return err
	}
	l.segments = slices.Delete(l.segments, 0, 1)
	f, err := l.fs.Open(l.nextPath)
	l.next = f
	return err
}

// roll goes on in a new segment with room for need bytes. All batches before it
// are synced, so its header may name the tail.
func (l *Log) roll(need int64) error {
	old := l.file
	header := mark{number: l.tail.segment + 1, at: l.tail, known: true, standing: l.standing}
	if err := l.begin(&header, need, nil); err != nil {
		return err
	}
	return old.Close()
}

// begin makes the segment with a header, with sectors as its first batch if there are
// any, and moves the log to it. It gets its name only when it is complete and
// synced, and counts only when the name is synced too: until then a crash finds the
// log as it was.
func (l *Log) begin(header *mark, need int64, sectors []byte) error {
	if err := l.grow(max(l.options.segmentBytes(), bodyStart+need)); err != nil {
		return err
	}
	header.cluster = l.options.Cluster
	l.markBuf = appendMark(l.markBuf[:0], segmentMagic, header)
	for at := int64(0); at < bodyStart; at += blockBytes {
		if _, err := l.next.WriteAt(l.markBuf, at); err != nil {
			return err
		}
	}
	if len(sectors) > 0 {
		if _, err := l.next.WriteAt(sectors, bodyStart); err != nil {
			return err
		}
	}
	if err := l.next.Sync(); err != nil {
		return err
	}
	path := l.path(segmentName(header.number))
	if err := l.fs.Rename(l.nextPath, path); err != nil {
		return err
	}
	if err := l.fs.SyncDir(l.dir); err != nil {
		return err
	}
	l.size, l.nextSize = l.nextSize, 0
	if err := l.reopen(path); err != nil {
		return err
	}
	l.segments = append(l.segments, segment{header.number, l.size == l.options.segmentBytes()})
	l.tail = place{segment: header.number, offset: bodyStart + int64(len(sectors)), batch: header.at.batch, frame: header.at.frame}
	l.cut.lowest = 0
	return nil
}

// reopen opens the new segment under its name, so that errors tell it.
func (l *Log) reopen(path string) error {
	temp := l.next
	l.next = nil
	if err := temp.Close(); err != nil {
		return err
	}
	f, err := l.fs.Open(path)
	if err != nil {
		return err
	}
	f.Direct()
	l.file = f
	return nil
}

// createSeal makes a seal file whose slots both say that nothing is sealed. It is
// there before the first segment is, so that its absence means a loss.
func (l *Log) createSeal() error {
	const temp = sealName + ".tmp"
	f, err := l.fs.Create(l.path(temp))
	if err != nil {
		return err
	}
	err = f.Preallocate(sealBytes)
	for i := uint64(0); i < 2 && err == nil; i++ {
		slot := appendMark(nil, sealMagic, &mark{cluster: l.options.Cluster, number: i, known: true})
		_, err = f.WriteAt(slot, int64(i)*blockBytes)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := l.fs.Rename(l.path(temp), l.path(sealName)); err != nil {
		return err
	}
	l.sealed = mark{number: 1}
	return l.fs.SyncDir(l.dir)
}

func (l *Log) path(name string) string { return join(l.dir, name) }

// join puts a file's name behind its directory's.
func join(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}

// closeAll closes what a failed Open leaves.
func closeAll(files ...vfs.File) {
	for _, f := range files {
		if f != nil {
			_ = f.Close() // the error that led here is the one to tell
		}
	}
}
