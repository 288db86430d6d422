package sim

import (
	"parley/raft/node"
	"parley/raft/vfs/memfs"
)

// The header of a segment stands there twice, in different blocks (docs/storage.md), so that no single fault takes it. What damage a
// log survives the simulator learns by opening a copy of it, with the code that it judges: a recovery that gave up too early would be
// believed. So what must survive whatever recovery says is judged apart: damage to one copy of one header, on a disk to which
// nothing happened before, costs nothing.

// headerAgain is where the second copy of a segment's header stands, and headerBytes bounds both.
const (
	headerAgain = 4096
	headerBytes = 236
)

// judgeCopy looks at what opening a copy of a disk says behind the first damage to it.
func (w *World) judgeCopy(s *server, bites []bite, boot *node.Boot, err error) {
	if len(s.device.struck) > 0 || s.device.lie != nil || s.device.told != nil || len(bites) == 0 {
		return
	}
	for _, b := range bites {
		if b.place.Name != bites[0].place.Name || !inHeader(b.place, bites[0].place.Off/headerAgain*headerAgain) {
			return
		}
	}
	if err != nil {
		w.violate(Recovery, "Node %d would not start with one of two copies of a header damaged (%s): %v.", s.id, bites[0].place, err)
		return
	}
	for i := range boot.Entries {
		if boot.Entries[i].Kind == 0 {
			w.violate(Recovery, "Node %d takes entry %d for lost, with one of two copies of a header damaged (%s).", s.id, boot.Entries[i].Index, bites[0].place)
			return
		}
	}
	if d := boot.Found.Decided; d.Reset || d.Cut != 0 {
		w.violate(Recovery, "Node %d would cut its log, with one of two copies of a header damaged (%s).", s.id, bites[0].place)
	}
}

// inHeader reports whether a place lies in the copy of a segment's header that begins at an offset.
func inHeader(p memfs.Place, at int64) bool {
	return kindOf(p.Name) == FileLog && at <= headerAgain && p.Off >= at && p.Off+p.Len <= at+headerBytes
}
