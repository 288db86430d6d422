package sim

import (
	"encoding/binary"
	"hash/crc32"

	"parley/raft/node"
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
func (w *World) judgeCopies(s *server, fs *memfs.FS, boot *node.Boot, err error) {
	for _, file := range fs.Files() {
		b, readErr := fs.Contents(file.Name)
		if kindOf(file.Name) != FileLog || readErr != nil || len(b) < headerAgain+headerBytes {
			continue
		}
		first, again := b[:headerBytes], b[headerAgain:][:headerBytes]
		good, to := first, int64(headerAgain)
		if whole(again) {
			good, to = again, 0
		}
		if whole(first) == whole(again) {
			continue // both are worn, or none
		}
		mended := fs.Clone()
		if mended.Overwrite(file.Name, to, good) != nil {
			continue
		}
		better, betterErr := s.tryOpen(mended)
		if betterErr == nil && (err != nil || lostIn(&better) < lostIn(boot)) {
			w.violate(Recovery, "Node %d loses more with one copy of a header damaged than with the other one in its place (%s).", s.id, file.Name)
		}
	}
}

// whole reports whether a copy of a header is what was written, by the checksum at its end.
func whole(header []byte) bool {
	sum := len(header) - 4
	return crc32.Checksum(header[:sum], crc32.MakeTable(crc32.Castagnoli)) == binary.LittleEndian.Uint32(header[sum:])
}

// lostIn counts what a start found to be lost: entries, and the log if it was cut or given up.
func lostIn(boot *node.Boot) int {
	lost := 0
	for i := range boot.Entries {
		if boot.Entries[i].Kind == 0 {
			lost++
		}
	}
	if d := boot.Found.Decided; d.Reset || d.Cut != 0 {
		lost += 1 << 20
	}
	return lost
}
