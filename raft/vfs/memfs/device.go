package memfs

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"parley/raft"
	"parley/raft/vfs"
)

// A device does wrong in more ways than by losing what was not synced. Each is a
// value that names its place, so that a plan can hold it:
//
//	FlipBit, Burst   bytes rot where they lie
//	Lie              a Sync says yes, and sectors are nowhere, or in another place
//	Failure          an operation fails, once, so often, or until the place is written anew
//	SetCapacity      the disk is full
//
// Rot and lies show at once: the cache is as if it had been dropped and read again.

// Place is a stretch of a file.
type Place struct {
	Name string
	Off  int64
	Len  int64
}

// String prints the place as traces do.
func (p Place) String() string { return fmt.Sprintf("%s at %d, %d bytes", p.Name, p.Off, p.Len) }

// Overlaps reports whether two places share a byte.
func (p Place) Overlaps(o Place) bool {
	return p.Name == o.Name && p.Off < o.Off+o.Len && o.Off < p.Off+p.Len
}

// Files lists all files with their lengths, sorted by name. No hook sees it.
func (f *FS) Files() []Place {
	files := make([]Place, 0, len(f.names))
	for _, e := range f.names {
		if in := f.inodes[e.ino]; !in.dir {
			files = append(files, Place{Name: e.name, Len: in.size})
		}
	}
	return files
}

// Named yields the names of the files that begin so, in order. No hook sees it.
func (f *FS) Named(prefix string) iter.Seq[string] {
	return func(yield func(string) bool) {
		at, _ := find(f.names, prefix)
		for ; at < len(f.names) && strings.HasPrefix(f.names[at].name, prefix); at++ {
			if e := &f.names[at]; !f.inodes[e.ino].dir && !yield(e.name) {
				return
			}
		}
	}
}

// Used returns the sum of all files' sizes, which a capacity limits.
func (f *FS) Used() int64 {
	used := int64(0)
	for _, in := range f.inodes {
		if in != nil {
			used += in.size
		}
	}
	return used
}

// Dirty is a stretch that a Sync would store, and what the disk holds there
// instead.
type Dirty struct {
	Place
	Old []byte
}

// Dirty lists what is not on the disk: neighbouring sectors in one piece, file by
// file.
func (f *FS) Dirty() []Dirty {
	var list []Dirty
	for ino, in := range f.inodes {
		if in == nil || in.dir || len(in.dirty) == 0 {
			continue
		}
		name := f.nameOf(ino)
		old := make([]byte, 0, len(in.dirty)*SectorBytes) // of all pieces
		for i := range in.dirty {
			s := &in.dirty[i]
			off := s.no * SectorBytes
			old = append(old, s.old[:]...)
			if n := len(list); n > 0 && list[n-1].Name == name && list[n-1].Off+list[n-1].Len == off {
				list[n-1].Len += SectorBytes
				list[n-1].Old = old[len(old)-int(list[n-1].Len) : len(old) : len(old)]
				continue
			}
			list = append(list, Dirty{Place{name, off, SectorBytes}, old[len(old)-SectorBytes : len(old) : len(old)]})
		}
	}
	return list
}

// Burst turns bits in every byte of a place, in the cache and on the disk; which,
// the key says.
func (f *FS) Burst(p Place, key uint64) error {
	b := make([]byte, p.Len)
	return f.rot(p.Name, p.Off, b, func() {
		for i := range b {
			b[i] ^= byte(raft.Mix(key, uint64(i))%255) + 1
		}
	})
}

// Lie is what a device does at the next Sync of a file, of those sectors that the
// Sync would store, while it reports success.
type Lie struct {
	Name  string
	First int    // of the sectors that are to be stored, in order: the first that is not
	Count int    // how many are not; zero: all that follow
	To    string // the file in which they land instead, as far as it reaches; empty: nowhere
	Off   int64
}

// Lie arranges one.
func (f *FS) Lie(l Lie) {
	f.changes++
	f.lies = append(f.lies, l)
}

// SetLying has every Sync and SyncDir report success from now on and store nothing, or ends that. What was written meanwhile
// waits for a Sync that is none.
func (f *FS) SetLying(lying bool) { f.lying = lying }

// lie takes sectors back to what the disk held, and puts what they should have been
// somewhere else, if the device is to.
func (f *FS) lie(in *inode, name string) {
	kept := f.lies[:0]
	var now []Lie
	for _, l := range f.lies {
		if l.Name == name && l.First < len(in.dirty) {
			now = append(now, l)
		} else {
			kept = append(kept, l)
		}
	}
	f.lies = kept
	for _, l := range now {
		end := len(in.dirty)
		if l.Count > 0 {
			end = min(end, l.First+l.Count)
		}
		var astray []byte
		for i := l.First; i < end; i++ {
			var b [SectorBytes]byte
			in.read(b[:], in.dirty[i].no*SectorBytes)
			astray = append(astray, b[:]...)
			f.put(in, in.dirty[i].old[:], in.dirty[i].no*SectorBytes)
		}
		if ino := f.lookup(l.To); l.To != "" && ino != none {
			room := max(f.inodes[ino].size-l.Off, 0)
			astray = astray[:min(int64(len(astray)), room)]
			_ = f.Overwrite(l.To, l.Off, astray) // within the file by now
		}
	}
}

// Failure makes operations fail.
type Failure struct {
	Kind  OpKind
	Name  string // of the file; empty: any
	Under string // only files of this directory, or the directory itself; empty: any
	Off   int64  // reads and writes: only those that touch this stretch,
	Len   int64  // or all if it is zero
	Skip  int    // how many such operations go well before
	Times int    // how often; negative: always, a read until the place is written anew
	Err   error  // what the operation says; may be a ShortWrite
}

// Arrange adds a failure to those that lie in wait.
func (f *FS) Arrange(x Failure) {
	f.changes++
	f.failures = append(f.failures, x)
}

// Struck returns how many operations failed because it was arranged.
func (f *FS) Struck() int { return f.struck }

// Mend takes back the failures of a kind that end by themselves, with Times above
// zero, or all of that kind.
func (f *FS) Mend(kind OpKind, all bool) {
	f.changes++
	kept := f.failures[:0]
	for _, x := range f.failures {
		if x.Kind != kind || x.Times < 0 && !all {
			kept = append(kept, x)
		}
	}
	clear(f.failures[len(kept):])
	f.failures = kept
}

// arranged says whether an operation is to fail.
func (f *FS) arranged(op Op) error {
	for i := range f.failures {
		x := &f.failures[i]
		if x.Kind != op.Kind || x.Name != "" && x.Name != op.Name || x.Under != "" && x.Under != op.Name && x.Under != parent(op.Name) ||
			x.Len > 0 && !(Place{op.Name, x.Off, x.Len}).Overlaps(Place{op.Name, op.Off, int64(op.Len)}) {
			continue
		}
		if x.Skip > 0 {
			x.Skip--
			continue
		}
		err := x.Err
		f.struck++
		if x.Times > 0 {
			if x.Times--; x.Times == 0 {
				f.failures = append(f.failures[:i], f.failures[i+1:]...)
			}
		}
		return fail(op.Kind.String(), op.Name, err)
	}
	return nil
}

// rewritten ends unreadable places that were written anew: the device puts others
// under their address.
func (f *FS) rewritten(name string, off, n int64) {
	for i := 0; i < len(f.failures); {
		x := &f.failures[i]
		if x.Kind == OpRead && x.Times < 0 && x.Name == name && off <= x.Off && x.Off+x.Len <= off+n {
			f.failures = append(f.failures[:i], f.failures[i+1:]...)
			continue
		}
		i++
	}
}

// renamed lets unreadable places go with the file that has them: whatever stood under the new name is gone.
func (f *FS) renamed(oldName, newName string) {
	f.removed(newName)
	for i := range f.failures {
		if x := &f.failures[i]; x.Name == oldName {
			x.Name = newName
		} else if x.Name != "" {
			x.Name = moved(x.Name, oldName, newName)
		}
	}
}

// removed ends the unreadable places of a file that is gone.
func (f *FS) removed(name string) {
	kept := f.failures[:0]
	for _, x := range f.failures {
		if x.Kind != OpRead || x.Name != name {
			kept = append(kept, x)
		}
	}
	clear(f.failures[len(kept):])
	f.failures = kept
}

// writeWithin writes as much as there is room for, as a full disk does.
func (f *FS) writeWithin(in *inode, name string, p []byte, off int64) (int, error) {
	err := f.room(in, off+int64(len(p)))
	if err == nil {
		f.write(in, p, off)
		return len(p), nil
	}
	n := int(min(max(in.size+f.capacity-f.Used()-off, 0), int64(len(p))))
	if !errors.Is(err, vfs.ErrNoSpace) {
		n = 0
	}
	f.write(in, p[:n], off)
	return n, fail("write", name, err)
}
