package snap

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"parley/raft"
	"parley/raft/vfs"
)

// Options are what a store must be told.
type Options struct {
	Cluster raft.ClusterID
	// ChunkBytes is the length of the chunks in snapshots that are made here: zero is 256 KiB,
	// 4 MiB the most. All nodes of a cluster need the same, or their snapshots differ.
	ChunkBytes int
}

func (o Options) chunkBytes() int64 {
	if o.ChunkBytes == 0 {
		return chunkBytesDefault
	}
	return int64(min(max(o.ChunkBytes, 1), chunkBytesMax))
}

// The files of a store. All but the first kind may be gone after a crash.
//
//	<index>.snap         a snapshot, complete
//	<index>.again        the same, on its way from its name back to its name, see Open
//	<index>-<sum>.part   a download, as far as it came
//	new.tmp              a snapshot that is being made
const (
	snapSuffix  = ".snap"
	againSuffix = ".again"
	partSuffix  = ".part"
	tempSuffix  = ".tmp"
	tempName    = "new" + tempSuffix
	indexDigits = 20
)

// Store is the snapshots of one node.
type Store struct {
	fs      vfs.FS
	dir     string
	options Options
	files   []file // one per entry index, by rising index
	damaged []*DamagedError
	away    []raft.Index // of the snapshots that Look found under the other name
	err     error        // not nil: what names the directory holds is in doubt, see ready
}

// file is a snapshot that is good as far as it was looked at.
type file struct {
	Info
	layout layout
}

// Open opens the snapshots in a directory, which it makes if there is none. It looks at
// headers and trailers; Verify and Reader look at the rest. A file that is damaged there is
// no error: see Damaged. A newer format is a *FormatError, another cluster's snapshot a
// *ClusterError; nothing was changed then.
//
// A name that can be read is not durable: the sync of the directory may be what the process that
// wrote it died of, or what failed; a sync now that succeeds proves nothing about it. So each
// snapshot is renamed and renamed back before the directory is synced.
func Open(fs vfs.FS, dir string, o Options) (*Store, error) {
	s := &Store{fs: fs, dir: dir, options: o}
	names, err := vfs.EnterDir(s.fs, s.dir)
	if err != nil {
		return nil, explain(err)
	}
	found := s.sort(names)
	for _, index := range found.snapshots {
		if err := s.inspect(index, found.name(index)); err != nil {
			return nil, err
		}
	}
	if err := s.settle(found); err != nil {
		return nil, explain(err)
	}
	return s, nil
}

// errLook is what a store that Look opened says to whoever wants to change something.
var errLook = errors.New("snap: the store was opened to look at")

// Look opens the snapshots in a directory to read them, and changes nothing. A directory that does
// not exist holds none. Errors are those of Open.
func Look(fs vfs.FS, dir string, o Options) (*Store, error) {
	s := &Store{fs: fs, dir: dir, options: o, err: errLook}
	names, err := fs.List(dir)
	switch {
	case errors.Is(err, vfs.ErrNotExist):
		return s, nil
	case err != nil:
		return nil, explain(err)
	}
	found := s.sort(names)
	s.away = found.away
	for _, index := range found.snapshots {
		if err := s.inspect(index, found.name(index)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// found is what stands in the directory.
type found struct {
	snapshots []raft.Index // by rising index
	away      []raft.Index // of those, whose name is on its way back
	stale     []string     // temporaries
	parts     []string
}

// name is under which name a snapshot was found.
func (f *found) name(index raft.Index) string {
	if slices.Contains(f.away, index) {
		return indexName(index) + againSuffix
	}
	return indexName(index) + snapSuffix
}

// sort sorts names out. They come sorted: "again" before "snap" of the same index. Other names
// are not the store's.
func (s *Store) sort(names []string) *found {
	f := &found{}
	for _, name := range names {
		if strings.HasSuffix(name, tempSuffix) {
			f.stale = append(f.stale, name)
		} else if _, ok := partIndex(name); ok {
			f.parts = append(f.parts, name)
		} else if index, ok := indexOf(name, againSuffix); ok {
			f.snapshots, f.away = append(f.snapshots, index), append(f.away, index)
		} else if index, ok := indexOf(name, snapSuffix); !ok {
			continue
		} else if n := len(f.away); n > 0 && f.away[n-1] == index {
			f.away = f.away[:n-1]
			f.stale = append(f.stale, indexName(index)+againSuffix)
		} else {
			f.snapshots = append(f.snapshots, index)
		}
	}
	return f
}

// inspect looks at the header and the trailer of a snapshot and takes it in.
func (s *Store) inspect(index raft.Index, name string) error {
	f, err := s.fs.Open(s.path(name))
	if err != nil {
		return explain(err)
	}
	info, l, at, err := s.look(f, index, name)
	if closed := f.Close(); err == nil && closed != nil {
		return explain(closed)
	}
	if err == nil {
		s.files = append(s.files, file{info, l})
		return nil
	}
	what := defect("")
	switch {
	case errors.As(err, new(*FormatError)), errors.As(err, new(*ClusterError)):
		return err
	case !errors.As(err, &what) && !errors.Is(err, vfs.ErrIO):
		return explain(err)
	}
	s.note(damage(index, at, err))
	return nil
}

// look reads header and trailer; at is the offset that an error belongs to.
func (s *Store) look(f vfs.File, index raft.Index, name string) (info Info, l layout, at int64, err error) {
	size, err := f.Size()
	if err != nil {
		return info, l, 0, err
	}
	h, err := readHeader(f, name, s.options.Cluster)
	if err != nil {
		return info, l, 0, err
	}
	if h.base.Entry.Index != index {
		return info, l, 0, defect(fmt.Sprintf("it is the snapshot at entry %d", h.base.Entry.Index))
	}
	l, ok := layoutOf(&h, size)
	at = max(size-trailerBytes, 0)
	if !ok {
		return info, l, at, defect(fmt.Sprintf("no snapshot with this header has %d bytes", size))
	}
	p := make([]byte, trailerBytes)
	if err := readFull(f, p, at); err != nil {
		return info, l, at, err
	}
	sum, err := l.checkTrailer(p)
	info = Info{ID: ID{Entry: h.base.Entry, Size: size, Sum: sum}, Base: h.base, Hash: h.hash}
	return info, l, at, err
}

// readHeader reads and checks a header.
func readHeader(f vfs.File, name string, cluster raft.ClusterID) (header, error) {
	lead := make([]byte, leadBytes)
	if err := readFull(f, lead, 0); err != nil {
		return header{}, err
	}
	n, err := headerLength(lead, name)
	if err != nil {
		return header{}, err
	}
	p := make([]byte, n)
	if err := readFull(f, p, 0); err != nil {
		return header{}, err
	}
	return decodeHeader(p, name, cluster)
}

// readFull fills p; a file that ends before is a defect.
func readFull(f vfs.File, p []byte, off int64) error {
	n, err := f.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == io.EOF:
		return defect("the file ends here")
	}
	return err
}

// damage is the error of a damaged snapshot.
func damage(index raft.Index, at int64, err error) *DamagedError {
	d := &DamagedError{File: indexName(index) + snapSuffix, Index: index, Offset: at, What: "it can't be read", Err: err}
	if what := defect(""); errors.As(err, &what) {
		d.What, d.Err = string(what), nil
	}
	return d
}

// note takes a damaged snapshot off the list.
func (s *Store) note(d *DamagedError) {
	s.forget(d.Index)
	s.damaged = append(s.damaged, d)
	slices.SortFunc(s.damaged, func(a, b *DamagedError) int { return cmp.Compare(a.Index, b.Index) })
}

// GiveUp takes a snapshot off the list that the disk does not read: nobody can be sent it, and it is no reason
// to remove an older one.
func (s *Store) GiveUp(id ID, why error) {
	if _, ok := s.find(id); ok {
		s.note(&DamagedError{File: indexName(id.Entry.Index) + snapSuffix, Index: id.Entry.Index, What: "it can't be read", Err: why})
	}
}

// forget takes whatever is known of an index off both lists.
func (s *Store) forget(index raft.Index) {
	s.files = slices.DeleteFunc(s.files, func(f file) bool { return f.Entry.Index == index })
	s.damaged = slices.DeleteFunc(s.damaged, func(d *DamagedError) bool { return d.Index == index })
}

// settle removes what a crash left behind, gives each snapshot its name again, and makes all
// that durable. A download that a snapshot has overtaken is of no use any more.
func (s *Store) settle(f *found) error {
	for _, name := range f.parts {
		if index, _ := partIndex(name); len(s.files) > 0 && index <= s.files[len(s.files)-1].Entry.Index {
			f.stale = append(f.stale, name)
		}
	}
	for _, name := range f.stale {
		if err := s.fs.Remove(s.path(name)); err != nil {
			return err
		}
	}
	for _, index := range f.snapshots {
		name, again := s.path(indexName(index)+snapSuffix), s.path(indexName(index)+againSuffix)
		if !slices.Contains(f.away, index) {
			if err := s.fs.Rename(name, again); err != nil {
				return err
			}
		}
		if err := s.fs.Rename(again, name); err != nil {
			return err
		}
	}
	return s.fs.SyncDir(s.dir)
}

// List returns the snapshots that are good as far as they were looked at, the oldest first.
func (s *Store) List() []Info {
	list := make([]Info, len(s.files))
	for i := range s.files {
		list[i] = s.files[i].Info
	}
	return list
}

// Damaged returns what is known of the snapshots that are not good, the oldest first. It is
// empty again when others stand in their places.
func (s *Store) Damaged() []*DamagedError { return slices.Clone(s.damaged) }

// find returns the file of a snapshot that is listed.
func (s *Store) find(id ID) (file, bool) {
	i := slices.IndexFunc(s.files, func(f file) bool { return f.ID == id })
	if i < 0 {
		return file{}, false
	}
	return s.files[i], true
}

// keptMax is how many snapshots stay. The log goes back to the older one, so that damage in
// the newer one costs nothing but time.
const keptMax = 2

// Prune removes all but the two newest snapshots and those of the indexes in keep, which are
// being sent. Damaged ones go, too, when two good ones are there; until then somebody may want to
// look at them.
func (s *Store) Prune(keep ...raft.Index) error {
	if err := s.ready(); err != nil {
		return err
	}
	old := len(s.files) - keptMax
	if old < 0 {
		return nil
	}
	var gone []raft.Index
	for i := range s.files[:old] {
		gone = append(gone, s.files[i].Entry.Index)
	}
	for _, d := range s.damaged {
		gone = append(gone, d.Index)
	}
	gone = slices.DeleteFunc(gone, func(i raft.Index) bool { return slices.Contains(keep, i) })
	for _, index := range gone {
		if err := s.fs.Remove(s.path(indexName(index) + snapSuffix)); err != nil {
			return explain(err)
		}
		s.forget(index)
	}
	if len(gone) == 0 {
		return nil
	}
	return s.syncDir()
}

// publish gives a file that is complete and synced its name. It counts when the name is
// synced, too.
func (s *Store) publish(temp string, f file) error {
	index := f.Entry.Index
	if err := s.fs.Rename(s.path(temp), s.path(indexName(index)+snapSuffix)); err != nil {
		return explain(err)
	}
	failed := s.syncDir()
	if failed != nil && !slices.ContainsFunc(s.files, func(f file) bool { return f.Entry.Index == index }) {
		return failed // one that was there for this entry has another content from now on, whatever its name
	}
	s.forget(index)
	at, _ := slices.BinarySearchFunc(s.files, index, func(f file, index raft.Index) int {
		return cmp.Compare(f.Entry.Index, index)
	})
	s.files = slices.Insert(s.files, at, f)
	return failed
}

// syncDir makes names durable. After a failure a later success would prove nothing: see ready.
func (s *Store) syncDir() error {
	if err := s.fs.SyncDir(s.dir); err != nil {
		s.err = explain(err)
	}
	return s.err
}

// ready is what every change begins with. After a failed sync of the directory a name that was to be synced is in doubt, and
// no later sync says anything of it: it is removed, and whoever wanted it makes it anew. Names that are listed were synced before.
func (s *Store) ready() error {
	if s.err == nil || s.err == errLook {
		return s.err
	}
	names, err := s.fs.List(s.dir)
	if err != nil {
		return explain(err)
	}
	for _, name := range names {
		if index, ok := indexOf(name, snapSuffix); ok && !s.lists(index) {
			if err := s.fs.Remove(s.path(name)); err != nil {
				return explain(err)
			}
		}
	}
	s.err = nil
	return nil
}

// lists reports whether a snapshot is known, good or not.
func (s *Store) lists(index raft.Index) bool {
	return slices.ContainsFunc(s.files, func(f file) bool { return f.Entry.Index == index }) ||
		slices.ContainsFunc(s.damaged, func(d *DamagedError) bool { return d.Index == index })
}

// removeIfThere removes a file that may not be there.
func (s *Store) removeIfThere(name string) error {
	if err := s.fs.Remove(s.path(name)); err != nil && !errors.Is(err, vfs.ErrNotExist) {
		return err
	}
	return nil
}

// fileOf returns under which name a snapshot lies.
func (s *Store) fileOf(index raft.Index) string {
	if slices.Contains(s.away, index) {
		return indexName(index) + againSuffix
	}
	return indexName(index) + snapSuffix
}

func (s *Store) path(name string) string {
	if s.dir == "." {
		return name
	}
	return s.dir + "/" + name
}

// indexName is an index as names carry it.
func indexName(index raft.Index) string { return fmt.Sprintf("%020d", uint64(index)) }

// indexOf is its inverse for a name of one kind.
func indexOf(name, suffix string) (raft.Index, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != indexDigits || strings.TrimLeft(digits, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return raft.Index(n), err == nil
}

// partName is the name of a download; it tells two snapshots of one index apart.
func partName(id ID) string {
	return fmt.Sprintf("%s-%x%s", indexName(id.Entry.Index), id.Sum, partSuffix)
}

// partIndex returns the index in the name of a download.
func partIndex(name string) (raft.Index, bool) {
	index, sum, ok := strings.Cut(name, "-")
	if !ok || len(sum) != 2*len(ID{}.Sum)+len(partSuffix) || !strings.HasSuffix(sum, partSuffix) {
		return 0, false
	}
	return indexOf(index, "")
}
