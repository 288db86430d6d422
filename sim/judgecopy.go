package sim

import (
	"encoding/binary"
	"hash/crc32"

	"parley/raft/vfs/memfs"
)

// The header of a segment stands there twice, in different blocks, so that no single fault takes it (docs/storage.md). What damage a
// log survives the simulator learns by opening a copy of it, with the code that it judges: a recovery that gave up too early would be
// believed. But the copies are worth the same. So a disk on which one copy of a header is damaged is opened once more with the other
// in its place, and nothing may get better by that.

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
	var first, again [headerBytes]byte
	for _, file := range fs.Files() {
		if kindOf(file.Name) != FileLog || fs.Peek(file.Name, 0, first[:]) != nil || fs.Peek(file.Name, headerAgain, again[:]) != nil {
			continue
		}
		good, to := &first, int64(headerAgain)
		if whole(&again) {
			good, to = &again, 0
		}
		if whole(&first) == whole(&again) {
			continue // both are worn, or none
		}
		mended := fs.Clone()
		if mended.Overwrite(file.Name, to, good[:]) != nil {
			continue
		}
		if is := s.tryOpen(mended); is.err == nil && (was.err != nil || is.loses() < was.loses()) {
			w.violate(Recovery, "Node %d loses more with one copy of a header damaged than with the other one in its place (%s).", s.id, file.Name)
		}
	}
}

// whole reports whether a copy of a header is what was written, by the checksum at its end.
func whole(header *[headerBytes]byte) bool {
	const sum = headerBytes - 4
	return crc32.Checksum(header[:sum], crc32.MakeTable(crc32.Castagnoli)) == binary.LittleEndian.Uint32(header[sum:])
}

// loses counts what a start finds to be lost: entries, and the log if it is cut or given up.
func (f *found) loses() int {
	if f.cut {
		return f.lost + 1<<20
	}
	return f.lost
}
