package blob

import (
	"errors"
	"io"
	"slices"

	"parley/raft/vfs"
)

// Store is the blobs of one node in one directory, pure over vfs. What it says it holds is on
// disk, name and all, and its content had the sum when it was stored. It is for one
// goroutine, and keeps no file open between calls.
type Store struct {
	fs  vfs.FS
	dir string
	o   Options

	held    []Held // sorted by sum
	damaged []Sum  // copies that did not pass their checks, sorted
	parts   []*part
	uploads []*upload
	gen     uint64

	frame   []byte                               // memory for one chunk and its checksum
	content []byte                               // the same, of a blob that is read
	ends    [max(headerBytes, trailerBytes)]byte // for a header or trailer that is read
}

// Found is what a directory held when it was opened.
type Found struct {
	Held    []Held   // whole blobs, sorted by sum
	Parts   []Sum    // files of blobs that are not whole, sorted
	Uploads []uint64 // uploads that may go on, sorted
}

// Open opens the blobs in a directory, which it makes if there is none. It looks at header and
// trailer of every file; what is between, Read and Verify check. A file of a newer
// format is a *FormatError, and nothing was changed.
func Open(fs vfs.FS, dir string, o Options) (*Store, Found, error) {
	s := &Store{fs: fs, dir: dir, o: o.withDefaults()}
	names, err := vfs.EnterDir(s.fs, s.dir)
	if err != nil {
		return nil, Found{}, err
	}
	if err := s.checkFormats(names); err != nil {
		return nil, Found{}, err
	}
	if err := s.settle(names); err != nil {
		return nil, Found{}, err
	}
	found, err := s.load()
	if err != nil {
		return nil, Found{}, err
	}
	return s, found, nil
}

// checkFormats refuses a directory in which a newer release has worked.
func (s *Store) checkFormats(names []string) error {
	for _, name := range names {
		if _, _, _, _, ok := parseName(name); !ok {
			continue
		}
		f, err := s.fs.Open(s.path(name))
		if err != nil {
			return err
		}
		_, _, err = s.readHeader(f, name)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// settle decides about files whose way to a name was cut off. A ".new" is whole and synced, but
// that its name can be read does not show that the name is on disk, and if a sync of the
// directory failed over it, a later one does not help: it gets the name anew. A ".try" may
// have met a sync that failed, and then a later one does not help either: it goes. All names that a file has on this way
// say that it is whole: a crash may leave any of them.
func (s *Store) settle(names []string) error {
	var again []Sum
	for _, name := range names {
		sum, suffix, _, _, ok := parseName(name)
		switch {
		case ok && suffix == suffixTry:
			if err := s.fs.Remove(s.path(name)); err != nil {
				return err
			}
		case ok && suffix == suffixNew:
			if err := s.rename(sum, suffixNew, suffixAgain); err != nil {
				return err
			}
			again = append(again, sum)
		case ok && suffix == suffixAgain:
			again = append(again, sum)
		}
	}
	again = slices.Compact(again)
	for _, sum := range again {
		if err := s.rename(sum, suffixAgain, suffixNew); err != nil {
			return err
		}
	}
	if len(again) == 0 {
		return nil
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		return err
	}
	for _, sum := range again {
		if err := s.rename(sum, suffixNew, suffixBlob); err != nil {
			return err
		}
	}
	return nil
}

// load lists what there is now.
func (s *Store) load() (Found, error) {
	var found Found
	names, err := s.fs.List(s.dir)
	if err != nil {
		return Found{}, err
	}
	for _, name := range names {
		sum, suffix, id, upl, ok := parseName(name)
		switch {
		case !ok:
		case upl:
			s.uploads = append(s.uploads, &upload{id: id})
			found.Uploads = append(found.Uploads, id)
		case suffix == suffixBad:
			s.noteDamaged(sum)
			found.Parts = append(found.Parts, sum)
		case suffix == suffixPart:
			found.Parts = append(found.Parts, sum)
		case suffix == suffixBlob:
			size, err := s.sizeOf(sum)
			if _, damaged := errors.AsType[*DamagedError](err); damaged {
				s.demote(sum)
				found.Parts = append(found.Parts, sum)
				continue
			}
			if err != nil {
				return Found{}, err
			}
			s.keep(sum, size)
		}
	}
	found.Held = slices.Clone(s.held)
	slices.SortFunc(found.Parts, Sum.Compare)
	found.Parts = slices.DeleteFunc(slices.Compact(found.Parts), func(sum Sum) bool {
		_, held := s.find(sum)
		if held {
			s.discard(sum) // a crash came between
			s.supersede(sum)
		}
		return held
	})
	slices.Sort(found.Uploads)
	return found, nil
}

// List returns the blobs that are held, sorted by sum.
func (s *Store) List() []Held { return slices.Clone(s.held) }

// Get returns what is held of a sum.
func (s *Store) Get(sum Sum) (Held, bool) {
	at, ok := s.find(sum)
	if !ok {
		return Held{}, false
	}
	return s.held[at], true
}

// Read returns n bytes of a blob's content from an offset on, fewer at its end. They were
// checked. A blob that turns out to be damaged is held no longer.
func (s *Store) Read(sum Sum, off int64, n int) ([]byte, error) {
	at, ok := s.find(sum)
	if !ok {
		return nil, ErrMissing
	}
	size := s.held[at].Size
	off = min(max(off, 0), size)
	end := off + min(int64(max(n, 0)), size-off)
	content := make([]byte, 0, end-off)
	err := s.each(sum, off, end, func(from int64, chunk []byte) {
		content = append(content, chunk[max(off-from, 0):min(end-from, int64(len(chunk)))]...)
	})
	if err != nil {
		return nil, err
	}
	return content, nil
}

// Verify checks the chunks of a blob from an offset on, about n bytes of them, and returns
// where the next call goes on: the blob's size, if all is checked.
func (s *Store) Verify(sum Sum, off int64, n int) (next int64, err error) {
	at, ok := s.find(sum)
	if !ok {
		return 0, ErrMissing
	}
	size := s.held[at].Size
	off = min(max(off, 0), size)
	next = off + min(int64(max(n, 1)), size-off)
	err = s.each(sum, off, next, func(from int64, chunk []byte) { next = max(next, from+int64(len(chunk))) })
	return next, err
}

// ReadPiece returns n bytes of a blob that may not be whole: of one that is held, or one chunk of
// another, which then must begin at off and be n long. It was checked.
func (s *Store) ReadPiece(sum Sum, off int64, n int) ([]byte, error) {
	if _, ok := s.find(sum); ok {
		content, err := s.Read(sum, off, n)
		if err == nil && len(content) != n {
			return nil, ErrMissing
		}
		return content, err
	}
	content, err := s.readPiece(sum, suffixPart, off, n)
	if errors.Is(err, ErrMissing) {
		content, err = s.readPiece(sum, suffixBad, off, n)
	}
	return content, err
}

// readPiece reads one chunk of a file that is not whole.
func (s *Store) readPiece(sum Sum, suffix string, off int64, n int) ([]byte, error) {
	f, l, err := s.openRest(sum, suffix)
	if err != nil {
		return nil, err
	}
	if n <= 0 || int64(n) > l.chunk || off < 0 || off > blobBytesLimit || off%l.chunk != 0 {
		return nil, errors.Join(ErrMissing, f.Close())
	}
	content, ok := s.readChunk(f, l, off/l.chunk, int64(n))
	if err := f.Close(); err != nil {
		return nil, err
	}
	if !ok {
		return nil, ErrMissing
	}
	return slices.Clone(content), nil
}

// Remove removes a blob, and what there is of one that is not whole. Of a blob that is held it
// removes the copy that gen names and no other: ErrChanged.
func (s *Store) Remove(sum Sum, gen uint64) error {
	if at, ok := s.find(sum); ok {
		if s.held[at].Gen != gen {
			return ErrChanged
		}
		if err := s.fs.Remove(s.pathOf(sum, suffixBlob)); err != nil {
			return err
		}
		s.held = slices.Delete(s.held, at, at+1)
	}
	s.forgetPart(sum)
	if err := s.fs.Remove(s.pathOf(sum, suffixPart)); err != nil && !errors.Is(err, vfs.ErrNotExist) {
		return err
	}
	return s.supersede(sum)
}

// each reads the chunks that lie in a range of a held blob and calls yield with each and the
// offset of its first byte. The first that is damaged ends it, and the blob is held
// no longer.
func (s *Store) each(sum Sum, off, end int64, yield func(from int64, chunk []byte)) error {
	f, l, size, err := s.openBlob(sum)
	if err == nil {
		for i := off / l.chunk; i*l.chunk < end && err == nil; i++ {
			content, ok := s.readChunk(f, l, i, l.length(i, size))
			if !ok {
				err = &DamagedError{sum, l.place(i), "a chunk does not match its checksum or can't be read"}
				break
			}
			yield(i*l.chunk, content)
		}
		err = errors.Join(err, f.Close())
	}
	if _, damaged := errors.AsType[*DamagedError](err); damaged {
		s.demote(sum)
	}
	return err
}

// demote makes what is left of a damaged blob the beginning of its repair: chunks that are
// good need not be fetched, and it may be all of them, if the disk only did not read for a while. The file stays
// as it is until another one is in its place. The directory is synced, so that a crash does not bring the name back; if
// that fails the file may be found again, and is then found damaged again.
func (s *Store) demote(sum Sum) {
	if at, ok := s.find(sum); ok {
		s.held = slices.Delete(s.held, at, at+1)
	}
	s.forgetPart(sum)
	if err := s.rename(sum, suffixBlob, suffixBad); err == nil {
		s.noteDamaged(sum)
		_ = s.fs.SyncDir(s.dir)
	}
}

// openBlob opens a blob and checks header, length and trailer.
func (s *Store) openBlob(sum Sum) (f vfs.File, l layout, size int64, err error) {
	path := s.pathOf(sum, suffixBlob)
	f, err = s.fs.Open(path)
	if errors.Is(err, vfs.ErrNotExist) {
		return nil, layout{}, 0, &DamagedError{sum, 0, "the file is gone"}
	}
	if err != nil {
		return nil, layout{}, 0, err
	}
	l, size, err = s.readEnds(f, sum, vfs.Base(path))
	if err != nil {
		return nil, layout{}, 0, errors.Join(err, f.Close())
	}
	return f, l, size, nil
}

func (s *Store) sizeOf(sum Sum) (int64, error) {
	f, _, size, err := s.openBlob(sum)
	if err != nil {
		return 0, err
	}
	return size, f.Close()
}

// readEnds reads header and trailer of a whole file.
func (s *Store) readEnds(f vfs.File, sum Sum, name string) (layout, int64, error) {
	l, ok, err := s.readHeader(f, name)
	if err != nil {
		return layout{}, 0, err
	}
	if !ok {
		return layout{}, 0, &DamagedError{sum, 0, "the header does not match its checksum or can't be read"}
	}
	length, err := f.Size()
	if err != nil {
		return layout{}, 0, err
	}
	p := s.ends[:trailerBytes]
	at := length - trailerBytes
	if at < headerBytes || !readFull(f, p, at) {
		return layout{}, 0, &DamagedError{sum, max(at, 0), "the file is cut off or its end can't be read"}
	}
	size, named, ok := decodeTrailer(p, l)
	switch {
	case !ok:
		return layout{}, 0, &DamagedError{sum, at, "the trailer does not match its checksum"}
	case named != sum:
		return layout{}, 0, &DamagedError{sum, at, "the trailer is another blob's"}
	case length != l.fileBytes(size):
		return layout{}, 0, &DamagedError{sum, at, "the file has another length than its trailer says"}
	}
	return l, size, nil
}

func (s *Store) readHeader(f vfs.File, name string) (layout, bool, error) {
	p := s.ends[:headerBytes]
	if !readFull(f, p, 0) {
		return layout{}, false, nil
	}
	return decodeHeader(p, name)
}

// readChunk reads one chunk of a length: not ok if it is not what was written there. The
// bytes are the store's.
func (s *Store) readChunk(f vfs.File, l layout, number, length int64) ([]byte, bool) {
	n := int(length) + crcBytes
	if cap(s.content) < n {
		s.content = make([]byte, n)
	}
	p := s.content[:n]
	if !readFull(f, p, l.place(number)) {
		return nil, false
	}
	content := p[:length]
	return content, le.Uint32(p[length:]) == l.chunkSum(number, content)
}

// readFull reports whether all of p could be read. A sector that can't be is as good as one
// that holds something else: both are damage, and are repaired alike.
func readFull(f vfs.File, p []byte, off int64) bool {
	n, err := f.ReadAt(p, off)
	return n == len(p) && (err == nil || errors.Is(err, io.EOF))
}

// keep adds a blob to the list, or a new copy of one.
func (s *Store) keep(sum Sum, size int64) Held {
	s.gen++
	h := Held{Sum: sum, Size: size, Gen: s.gen}
	at, ok := s.find(sum)
	if ok {
		s.held[at] = h
	} else {
		s.held = slices.Insert(s.held, at, h)
	}
	return h
}

func (s *Store) find(sum Sum) (int, bool) {
	return slices.BinarySearchFunc(s.held, sum, func(h Held, sum Sum) int { return h.Sum.Compare(sum) })
}

func (s *Store) rename(sum Sum, from, to string) error {
	return s.fs.Rename(s.pathOf(sum, from), s.pathOf(sum, to))
}

// pathOf is where a file of a blob is. It is put together at once, because every operation on a file begins with it.
func (s *Store) pathOf(sum Sum, suffix string) string {
	var memory [256]byte
	path := memory[:0]
	if s.dir != "." {
		path = append(append(path, s.dir...), '/')
	}
	return string(append(sum.appendTo(path), suffix...))
}

func (s *Store) path(name string) string {
	if s.dir == "." {
		return name
	}
	return s.dir + "/" + name
}
