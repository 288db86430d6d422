package sim

import (
	"bytes"
	"fmt"
	"strings"

	"parley/raft"
	"parley/raft/vfs"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
)

// FileKind says what a file of a data directory is.
type FileKind uint8

// The kinds. Zero is whichever there is.
const (
	FileLog FileKind = iota + 1 // a segment
	FileSeal
	FileIdentity
	FileSnapshot
	FileBlob
	FileOther
)

// kindOf tells a file's kind from its name. Temporary files have none: what stands in
// them was not promised to anybody.
func kindOf(name string) FileKind {
	switch rest := strings.TrimPrefix(name, dataDir+"/"); {
	case rest == name || strings.HasSuffix(name, ".tmp"):
		return 0
	case strings.HasSuffix(rest, ".wal"):
		return FileLog
	case rest == "wal/seal":
		return FileSeal
	case rest == "identity":
		return FileIdentity
	case strings.HasPrefix(rest, "snap"):
		return FileSnapshot
	case strings.HasPrefix(rest, "blob"):
		return FileBlob
	}
	return FileOther
}

// dir is where files of a kind are; empty for those that have no directory of their own.
func (k FileKind) dir() string {
	switch k {
	case FileLog, FileSeal:
		return dataDir + "/wal"
	case FileSnapshot:
		return dataDir + "/snapshots"
	case FileBlob:
		return dataDir + "/blobs"
	}
	return ""
}

// failingKinds are the operations that faults let fail.
var failingKinds = []memfs.OpKind{memfs.OpRead, memfs.OpWrite, memfs.OpSync, memfs.OpSyncDir}

// newestSegment returns the name of the segment that is written.
func newestSegment(fs *memfs.FS) string {
	newest := ""
	for _, p := range fs.Files() {
		if kindOf(p.Name) == FileLog {
			newest = p.Name
		}
	}
	return newest
}

// destroys reports whether the fault takes away what was stored.
func (f *Fault) destroys() bool {
	switch f.Kind {
	case Rot, LostWrite, Misdirect, Wipe:
		return true
	case ReadError:
		return f.For == 0
	}
	return false
}

// bitsMax bounds how many bits of a sector a plan may turn one by one.
const bitsMax = 8

// bite is one stretch of bytes that are to be other ones.
type bite struct {
	place memfs.Place
	make  func(fs *memfs.FS) error
}

// rot turns bits: a few of one sector, or a burst.
func (w *World) rot(s *server, f *Fault, draw uint64) {
	if i := f.Index; i != 0 {
		if i == LastEntry {
			i = raft.Index(len(w.judges.logs.mirrors[s.id].durable))
		}
		if bites := w.bitesOf(s, i); len(bites) > 0 {
			w.damage(s, f, bites)
			return
		}
		w.spare(s, "the entry is nowhere on the disk")
		return
	}
	p, ok := w.place(s, f, draw)
	if !ok {
		w.spare(s, "no file has such a place")
		return
	}
	if f.Bits == 0 {
		p.Off += int64(below(raft.Mix(draw, 10), uint64(p.Len)))
		p.Len = 1 + int64(below(raft.Mix(draw, 11), memfs.SectorBytes))
		p = within(s.fs, p)
		w.damage(s, f, []bite{{p, func(fs *memfs.FS) error { return fs.Burst(p, draw) }}})
		return
	}
	var bites []bite
	for i := range f.Bits {
		bit := p.Off*8 + int64(below(raft.Mix(draw, 10, uint64(i)), uint64(p.Len)*8))
		at := memfs.Place{Name: p.Name, Off: bit / 8, Len: 1}
		bites = append(bites, bite{at, func(fs *memfs.FS) error { return fs.FlipBit(p.Name, bit) }})
	}
	w.damage(s, f, bites)
}

// unreadable makes a place of a disk fail to be read: for a while, or for good, which
// is as bad as rot.
func (w *World) unreadable(s *server, f *Fault, draw uint64) {
	if f.For > 0 {
		s.device.failing = true
		s.fs.Arrange(memfs.Failure{Kind: memfs.OpRead, Under: f.File.dir(), Times: 1 + int(below(draw, 3)), Err: vfs.ErrIO})
		return
	}
	if p, ok := w.place(s, f, draw); ok {
		w.damage(s, f, []bite{{p, func(fs *memfs.FS) error {
			if kindOf(p.Name) == FileBlob {
				return fs.Burst(p, draw) // written again under another name, the place would be well there and bad here for ever
			}
			fs.Arrange(memfs.Failure{Kind: memfs.OpRead, Name: p.Name, Off: p.Off, Len: p.Len, Times: -1, Err: vfs.ErrIO})
			return nil
		}}})
	}
}

// reveal shows what the device lied about: the write, or some sectors of it, is nowhere, or in
// another place. It waits until another write or a seal proves that the write was synced:
// a disk that loses the last one is found out by nobody.
func (w *World) reveal(s *server, told []memfs.Dirty) {
	v := &s.device
	f, draw := v.lie, v.key
	v.lie = nil
	d := told[below(raft.Mix(draw, 1), uint64(len(told)))]
	if kindOf(d.Name) == 0 {
		return
	}
	if n := uint64(d.Len / memfs.SectorBytes); n > 1 && below(raft.Mix(draw, 2), 2) == 0 {
		at := int64(below(raft.Mix(draw, 3), n)) * memfs.SectorBytes
		d.Off, d.Len, d.Old = d.Off+at, memfs.SectorBytes, d.Old[at:at+memfs.SectorBytes]
	}
	bites := []bite{{d.Place, func(fs *memfs.FS) error { return fs.Overwrite(d.Name, d.Off, d.Old) }}}
	if f.Kind == Misdirect {
		was := *v
		v.hit(d.Place) // so that the other place is not what vouches for this one
		p, ok := w.place(s, f, raft.Mix(draw, 4))
		p.Len = d.Len
		p = within(s.fs, p)
		ok = ok && !v.protects(s.fs, p) && !p.Overlaps(d.Place)
		*v = was
		if !ok {
			return
		}
		b, err := s.fs.Contents(d.Name)
		if err != nil {
			return
		}
		b = b[d.Off:][:p.Len]
		bites = append(bites, bite{p, func(fs *memfs.FS) error { return fs.Overwrite(p.Name, p.Off, b) }})
	}
	w.damage(s, f, bites)
}

// within cuts a place off at the end of its file.
func within(fs *memfs.FS, p memfs.Place) memfs.Place {
	for _, file := range fs.Files() {
		if file.Name == p.Name {
			p.Len = min(p.Len, file.Len-p.Off)
		}
	}
	return p
}

// place draws a sector of a node's data directory, mostly one that holds something. Kinds of
// files are drawn first, so that the few small ones get their share.
func (w *World) place(s *server, f *Fault, draw uint64) (memfs.Place, bool) {
	var kinds [FileOther + 1][]memfs.Place
	var present []FileKind
	for _, p := range s.fs.Files() {
		k := kindOf(p.Name)
		if k == 0 || p.Len == 0 || f.File != 0 && f.File != k {
			continue
		}
		if kinds[k] == nil {
			for range kindWeights[k] {
				present = append(present, k)
			}
		}
		kinds[k] = append(kinds[k], p)
	}
	if len(present) == 0 {
		return memfs.Place{}, false
	}
	files := kinds[present[below(raft.Mix(draw, 5), uint64(len(present)))]]
	file := files[below(raft.Mix(draw, 6), uint64(len(files)))]
	if f.Off > 0 {
		if f.Off >= file.Len {
			return memfs.Place{}, false
		}
		p := memfs.Place{Name: file.Name, Off: f.Off, Len: min(1, file.Len-f.Off)}
		return p, f.Beyond || !s.device.protects(s.fs, p)
	}
	b, err := s.fs.Contents(file.Name)
	if err != nil {
		return memfs.Place{}, false
	}
	anywhere := below(raft.Mix(draw, 7), 8) == 0
	var places []memfs.Place
	for off := int64(0); off < file.Len; off += memfs.SectorBytes {
		p := memfs.Place{Name: file.Name, Off: off, Len: min(memfs.SectorBytes, file.Len-off)}
		if anywhere || !zeros(b[off:off+p.Len]) {
			places = append(places, p)
		}
	}
	for try := range uint64(8) {
		if len(places) == 0 {
			break
		}
		p := places[below(raft.Mix(draw, 8, try), uint64(len(places)))]
		if f.Beyond || !s.device.protects(s.fs, p) {
			return p, true
		}
	}
	return memfs.Place{}, false
}

// kindWeights is how often each kind of file is drawn, by kind.
var kindWeights = [FileOther + 1]int{FileLog: 6, FileSeal: 1, FileIdentity: 1, FileSnapshot: 4, FileBlob: 3, FileOther: 1}

var blankSector [memfs.SectorBytes]byte

// zeros reports whether at most a sector of bytes are all zero.
func zeros(b []byte) bool { return bytes.Equal(b, blankSector[:len(b)]) }

// bitesOf finds the payload of an entry in all segments that hold it. Sectors have
// something of their own between their pieces of it: a beginning is enough.
func (w *World) bitesOf(s *server, i raft.Index) []bite {
	l := &w.judges.logs
	term := termAt(l.mirrors[s.id].handed, i)
	if term == 0 {
		return nil
	}
	var payload []byte
	for _, r := range l.registry[i-1] {
		if r.entry.Term == term {
			payload = r.entry.Payload
		}
	}
	var bites []bite
	for n := min(len(payload), 40); n >= 10 && len(bites) == 0; n /= 2 {
		for _, file := range s.fs.Files() {
			if kindOf(file.Name) != FileLog {
				continue
			}
			b, err := s.fs.Contents(file.Name)
			if err != nil {
				continue
			}
			for from := 0; ; {
				at := bytes.Index(b[from:], payload[:n])
				if at < 0 {
					break
				}
				p := memfs.Place{Name: file.Name, Off: int64(from + at), Len: int64(n)}
				bites = append(bites, bite{p, func(fs *memfs.FS) error { return fs.Burst(p, uint64(i)) }})
				from += at + n
			}
		}
	}
	return bites
}

// damage destroys some bytes of a node's disk, if the cluster can recover: it is tried on a
// copy first.
func (w *World) damage(s *server, f *Fault, bites []bite) {
	v := &s.device
	copied := s.fs.Clone()
	what := f.Kind.String()
	for _, b := range bites {
		if !f.Beyond && f.Kind != LostWrite && f.Kind != Misdirect && v.protects(s.fs, b.place) {
			w.spare(s, "it could not be told from a write that never was")
			return
		}
		if b.make(copied) != nil {
			w.spare(s, "no file has such a place")
			return
		}
		if !f.Beyond && hidesAnEnd(copied, b.place) {
			w.spare(s, "it could hide for good where the log ends")
			return
		}
		what += "; " + b.place.String()
	}
	was := *v
	found := s.tryOpen(copied)
	w.judgeCopies(s, copied, &found)
	v.struck, v.trial = append(v.struck, what), &trial{copied, found}
	v.excluded = v.excluded || found.err != nil
	for _, b := range bites {
		v.hit(b.place)
	}
	if ok, why := w.recoverable(); !ok && !f.Beyond {
		*v = was
		w.spare(s, why)
		return
	}
	v.trial = nil
	for _, b := range bites {
		if err := b.make(s.fs); err != nil {
			panic(fmt.Sprintf("sim: what a copy took its original refuses: %v", err))
		}
	}
	found.changes, v.asItIs = s.fs.Changes(), &found
	w.cover.Damaged++
	if w.trace.on() {
		w.trace.add("node %d: %s", s.id, what)
	}
}

// hidesAnEnd reports whether two neighbours among the sectors of a segment begin with no batch number any more. Where they are from before the segment
// was used again, and the log has come just as far, nothing tells them from a batch that was lost: docs/storage.md, where certainty ends.
func hidesAnEnd(fs *memfs.FS, p memfs.Place) bool {
	if kindOf(p.Name) != FileLog {
		return false
	}
	var sector [memfs.SectorBytes]byte
	before := false
	from, to := max(wal.BodyStart, p.Off/memfs.SectorBytes*memfs.SectorBytes-memfs.SectorBytes), p.Off+p.Len+memfs.SectorBytes
	for off := from; off < to && fs.Peek(p.Name, off, sector[:]) == nil; off += memfs.SectorBytes {
		garbage := !wal.Numbered(sector[:])
		if garbage && before {
			return true
		}
		before = garbage
	}
	return false
}

// spare says why a fault does not strike.
func (w *World) spare(s *server, why string) {
	w.cover.Spared++
	if w.trace.on() {
		w.trace.add("node %d is spared: %s", s.id, why)
	}
}
