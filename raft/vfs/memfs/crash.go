package memfs

import (
	"fmt"
	"slices"

	"parley/raft"
)

// Item is one thing that a crash of the machine may lose.
type Item struct {
	Kind ItemKind
	Name string // of the file, as processes see it; of the entry
	Off  int64  // of the sector
}

// ItemKind says what an Item is.
type ItemKind uint8

// The kinds of items.
const (
	ItemEntry  ItemKind = iota + 1 // a create, rename or remove
	ItemSize                       // a file's new length
	ItemSector                     // 512 bytes of a file
)

// String prints the item as traces do.
func (i Item) String() string {
	switch i.Kind {
	case ItemEntry:
		return "entry " + i.Name
	case ItemSize:
		return "size of " + i.Name
	}
	return fmt.Sprintf("%s at %d", i.Name, i.Off)
}

// Choice is what happens to an item.
type Choice uint8

// The choices. Only a sector can tear: its first bytes are new, the rest is old.
const (
	Drop Choice = iota
	Keep
	Tear
)

// Chooser decides about one item; at counts them as Unsynced does.
type Chooser func(at int, item Item) Choice

// KeepAll and DropAll are the two extremes of a crash.
func KeepAll(int, Item) Choice { return Keep }

// DropAll loses all that was not synced.
func DropAll(int, Item) Choice { return Drop }

// Subset keeps the items whose bit is set, counting from the lowest.
func Subset(bits uint64) Chooser {
	return func(at int, _ Item) Choice { return Choice(bits >> at & 1) }
}

// Chance draws a choice per item from a key: most are kept or dropped, a few tear.
func Chance(key uint64) Chooser {
	return func(at int, item Item) Choice {
		switch d := raft.Mix(key, uint64(at)) % 16; {
		case d < 7:
			return Drop
		case d < 15 || item.Kind != ItemSector:
			return Keep
		}
		return Tear
	}
}

// Unsynced lists what a crash of the machine would decide about, in order:
// directory entries as they were made, then file by file its size and its
// sectors.
func (f *FS) Unsynced() []Item {
	var items []Item
	for _, op := range f.pending {
		items = append(items, Item{Kind: ItemEntry, Name: op.name})
	}
	for ino, in := range f.inodes {
		if in == nil || in.dir {
			continue
		}
		name := f.nameOf(ino)
		if in.size != in.synced {
			items = append(items, Item{Kind: ItemSize, Name: name})
		}
		for _, s := range in.dirty {
			items = append(items, Item{Kind: ItemSector, Name: name, Off: s.no * SectorBytes})
		}
	}
	return items
}

// CrashProcess ends every process: open files are dead, locks are free, and the
// cache is as it was.
func (f *FS) CrashProcess() {
	f.changes++
	f.epoch++
	f.locks = nil
	for _, in := range f.inodes {
		if in != nil {
			in.open = 0
		}
	}
	f.collect()
}

// CrashMachine ends every process and the cache with them. What was not synced
// survives as choose says.
func (f *FS) CrashMachine(choose Chooser) {
	f.crashes++
	at := 0
	decide := func(item Item) Choice {
		c := choose(at, item)
		at++
		return c
	}
	names := slices.Clone(f.durable)
	for _, op := range f.pending {
		if decide(Item{Kind: ItemEntry, Name: op.name}) != Drop {
			names = f.apply(names, op)
		}
	}
	for ino, in := range f.inodes {
		if in != nil && !in.dir {
			f.crashFile(ino, in, decide)
		}
	}
	f.names = f.reachable(names)
	f.durable = slices.Clone(f.names)
	f.pending, f.loose = nil, true
	f.CrashProcess()
}

// crashFile lets choose decide about a file's size and sectors.
func (f *FS) crashFile(ino int, in *inode, decide func(Item) Choice) {
	name := f.nameOf(ino)
	size := in.size
	if in.size != in.synced && decide(Item{Kind: ItemSize, Name: name}) == Drop {
		size = in.synced
	}
	for i := range in.dirty {
		s := &in.dirty[i]
		off := s.no * SectorBytes
		switch decide(Item{Kind: ItemSector, Name: name, Off: off}) {
		case Drop:
			f.put(in, s.old[:], off)
		case Tear:
			at := tearAt(raft.Mix(f.seed, f.crashes, uint64(ino), uint64(s.no)))
			f.put(in, s.old[at:], off+at)
		}
	}
	// What lies behind the size is nowhere: not even a later growth shows it.
	f.zeroFrom(in, size)
	in.size, in.synced, in.stuck, in.dirty = size, size, false, nil
}

// tearAt draws how much of a torn sector is new: anything, and often just the first
// few bytes, where formats say what the sector is.
func tearAt(x uint64) int64 {
	if x>>32%2 == 0 {
		return 1 + int64(x%12)
	}
	return 1 + int64(x%(SectorBytes-1))
}

// zeroFrom clears the cache behind a size.
func (f *FS) zeroFrom(in *inode, size int64) {
	at := int(size / pageBytes)
	if size%pageBytes != 0 && in.has(at) {
		clear(f.own(in, at)[size%pageBytes:])
		at++
	}
	if at < len(in.pages) {
		clear(in.pages[at:])
		in.pages = in.pages[:at]
	}
}

// reachable drops names whose directory did not survive.
func (f *FS) reachable(names []entry) []entry {
	kept := names[:0]
	for _, e := range names { // a parent sorts before what is in it
		dir := parent(e.name)
		at, ok := find(kept, dir)
		if dir == "." || ok && f.inodes[kept[at].ino].dir {
			kept = append(kept, e)
		}
	}
	return kept
}

// nameOf returns a name of an inode, for people.
func (f *FS) nameOf(ino int) string {
	for _, e := range f.names {
		if e.ino == ino {
			return e.name
		}
	}
	for _, e := range f.durable {
		if e.ino == ino {
			return e.name + " (removed)"
		}
	}
	return fmt.Sprintf("inode %d", ino)
}
