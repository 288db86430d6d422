package sim

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"

	"parley/raft/vfs/memfs"
)

// The header of a segment stands there twice, in different blocks, so that no single fault takes it (docs/storage.md). What damage a
// log survives the simulator learns by opening a copy of it, with the code that it judges: a recovery that gave up too early would be
// believed. But the copies are worth the same. So a disk on which one copy of a header is damaged is opened once more with the other
// in its place, and nothing may get better by that. Where several are, and a start finds the very same with all of them mended, none of them costs
// anything; else each is mended alone.

// headerAgain is where the second copy of a segment's header stands, and headerBytes is how long one is.
const (
	headerAgain = 4096
	headerBytes = 236
)

// judgeCopies looks at what opening a disk said whose headers are not all alike.
func (w *World) judgeCopies(s *server, fs *memfs.FS, was *found) {
	if was.err == nil && was.loses() == 0 {
		return // nothing is lost: it can't get better
	}
	mends := mendsOf(fs)
	if len(mends) > 1 {
		// Whoever reads either copy finds with all of them mended just what he finds with none.
		if is := s.openMended(fs, mends...); is.same(was) {
			return
		}
	}
	for _, m := range mends {
		if is := s.openMended(fs, m); is.err == nil && (was.err != nil || is.loses() < was.loses()) {
			w.violate(Recovery, "Node %d loses more with one copy of a header damaged than with the other one in its place (%s).", s.id, m.name)
		}
	}
}

// mend is a copy of a header that takes the place of a damaged one.
type mend struct {
	name string // of the file
	to   int64
	good [headerBytes]byte
}

// mendsOf finds all headers of a log of which just one copy is damaged.
func mendsOf(fs *memfs.FS) (mends []mend) {
	var first, again [headerBytes]byte
	for _, file := range fs.Files() {
		if kindOf(file.Name) != FileLog || fs.Peek(file.Name, 0, first[:]) != nil || fs.Peek(file.Name, headerAgain, again[:]) != nil {
			continue
		}
		switch {
		case whole(&first) == whole(&again): // both are worn, or none
		case whole(&first):
			mends = append(mends, mend{file.Name, headerAgain, first})
		default:
			mends = append(mends, mend{file.Name, 0, again})
		}
	}
	return mends
}

// openMended opens a copy of a disk on which these headers are mended.
func (s *server) openMended(fs *memfs.FS, mends ...mend) found {
	mended := fs.Clone()
	for i := range mends {
		if err := mended.Overwrite(mends[i].name, mends[i].to, mends[i].good[:]); err != nil {
			panic(fmt.Sprintf("sim: where a header was read none can be written: %v", err))
		}
	}
	return s.look(mended)
}

// whole reports whether a copy of a header is what was written, by the checksum at its end.
func whole(header *[headerBytes]byte) bool {
	const sum = headerBytes - 4
	return crc32.Checksum(header[:sum], castagnoli) == binary.LittleEndian.Uint32(header[sum:])
}

// same reports whether two starts found the same.
func (f *found) same(o *found) bool {
	return (f.err == nil) == (o.err == nil) && f.cut == o.cut && f.base == o.base && slices.Equal(f.good, o.good)
}

// loses counts what a start finds to be lost: entries, and the log if it is cut or given up.
func (f *found) loses() int {
	if f.cut {
		return f.lost + 1<<20
	}
	return f.lost
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
