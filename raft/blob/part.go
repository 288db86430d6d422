package blob

import (
	"crypto/sha256"
	"errors"
	"io"
	"slices"

	"parley/raft/vfs"
)

// part is a blob that is being fetched: its size is known, its chunks come in any order.
type part struct {
	sum    Sum
	size   int64
	layout layout
	have   bitmap
}

// Begin makes a file for a blob's chunks, or finds the one there is and says which chunks it
// holds for good: an earlier attempt's, or a damaged blob's. A blob that is held needs none:
// ErrChanged.
func (s *Store) Begin(sum Sum, size int64) (have []uint64, err error) {
	if size < 0 || size > s.o.BlobBytesMax {
		return nil, &TooLargeError{size, s.o.BlobBytesMax}
	}
	if _, held := s.find(sum); held {
		return nil, ErrChanged // it was uploaded meanwhile
	}
	if p := s.partOf(sum); p != nil && p.size == size {
		if err := s.readAgain(p); err != nil {
			return nil, err
		}
		return p.have.clone(), nil
	}
	s.forgetPart(sum)
	p, err := s.resumePart(sum, size)
	if errors.Is(err, errUnreadable) && !s.givesUp(sum) {
		return nil, err
	}
	if errors.Is(err, ErrMissing) || errors.Is(err, errUnreadable) {
		p, err = s.createPart(sum, size)
	}
	if err != nil {
		return nil, err
	}
	s.parts = append(s.parts, p)
	return p.have.clone(), nil
}

// Write writes one chunk into its place. When that fails, what was fetched is given up: the
// disk is full, or can't be believed.
func (s *Store) Write(sum Sum, number int64, content []byte) error {
	p := s.partOf(sum)
	if p == nil || number < 0 || number >= p.layout.chunks(p.size) || int64(len(content)) != p.layout.length(number, p.size) {
		return ErrMissing
	}
	f, err := s.fs.Open(s.path(fileName(sum, suffixPart)))
	if err == nil {
		err = errors.Join(s.writeChunk(f, p.layout, number, content), f.Close())
	}
	if err != nil {
		s.discard(sum)
		return err
	}
	p.have.set(number)
	return nil
}

// Commit makes a part whose chunks are all there a blob: hashed, synced, named, and its
// name synced. Content with another sum is a *SumError and is given up.
func (s *Store) Commit(sum Sum) (Held, error) {
	p := s.partOf(sum)
	if p == nil || !p.have.full(p.layout.chunks(p.size)) {
		return Held{}, ErrMissing
	}
	name := fileName(sum, suffixPart)
	if err := s.finish(name, p.layout, p.size, sum); err != nil {
		s.discard(sum)
		return Held{}, err
	}
	s.forgetPart(sum)
	return s.keep(sum, p.size), nil
}

// finish takes a file that holds all chunks to its name. Each step counts on the one before:
//
//	hash      the content is what the name says
//	".try"    from here on a sync was tried; nobody resumes such a file
//	sync      the content is on disk
//	".new"    a name that tells so
//	sync dir  and is on disk
//	".blob"   whoever sees this name knows that the last step succeeded
func (s *Store) finish(name string, l layout, size int64, sum Sum) error {
	f, err := s.fs.Open(s.path(name))
	if err != nil {
		return err
	}
	if err := s.check(f, l, size, sum); err != nil {
		return errors.Join(err, f.Close())
	}
	try := s.path(fileName(sum, suffixTry))
	err = s.fs.Rename(s.path(name), try)
	if err == nil {
		_, err = f.WriteAt(appendTrailer(nil, l, size, sum), l.trailerAt(size))
	}
	if err == nil {
		err = f.Truncate(l.fileBytes(size)) // a damaged blob may have grown
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = s.fs.Remove(try)
		return err
	}
	if err = s.rename(sum, suffixTry, suffixNew); err != nil {
		_ = s.fs.Remove(try)
		return err
	}
	if err = s.fs.SyncDir(s.dir); err == nil {
		err = s.rename(sum, suffixNew, suffixBlob)
	}
	if err != nil {
		_ = s.fs.Remove(s.path(fileName(sum, suffixNew)))
	}
	return err
}

// check hashes what the file holds now.
func (s *Store) check(f vfs.File, l layout, size int64, sum Sum) error {
	h := sha256.New()
	for i := range l.chunks(size) {
		content, ok := s.readChunk(f, l, i, l.length(i, size))
		if !ok {
			return &DamagedError{sum, l.place(i), "a chunk was damaged before it was synced"}
		}
		h.Write(content)
	}
	var got Sum
	if h.Sum(got[:0]); got != sum {
		return &SumError{Want: sum, Got: got}
	}
	return nil
}

// resumePart reads which chunks a file holds. Without a header that can be read it holds nothing:
// ErrMissing.
func (s *Store) resumePart(sum Sum, size int64) (*part, error) {
	f, l, err := s.openPart(sum)
	if err != nil {
		return nil, err
	}
	n := l.chunks(size)
	p := &part{sum: sum, size: size, layout: l, have: newBitmap(n)}
	for i := range n {
		if _, ok := s.readChunk(f, l, i, l.length(i, size)); ok {
			p.have.set(i)
		}
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	if l.chunk != int64(s.o.ChunkBytes) {
		return nil, ErrMissing // peers are asked for chunks of this node's size
	}
	return p, nil
}

// readAgain looks for chunks of a part that could not be read: that may have passed, and nobody else
// may have them.
func (s *Store) readAgain(p *part) error {
	n := p.layout.chunks(p.size)
	if p.have.full(n) {
		return nil
	}
	f, _, err := s.openPart(p.sum)
	if err != nil {
		return err
	}
	for i := range n {
		if !p.have.has(i) {
			if _, ok := s.readChunk(f, p.layout, i, p.layout.length(i, p.size)); ok {
				p.have.set(i)
			}
		}
	}
	return f.Close()
}

// errUnreadable says that the disk did not read the beginning of a part. That may pass, and what is in it may
// be all that there is of a blob.
var errUnreadable = errors.New("blob: the disk does not read what is there of a blob")

// unreadableMax is how often that is waited for before the part is made anew. Attempts back off, so
// that it takes half a minute.
const unreadableMax = 5

// givesUp counts a part that could not be read, and reports whether that was once too often.
func (s *Store) givesUp(sum Sum) bool {
	if s.unread == nil {
		s.unread = make(map[Sum]int)
	}
	if s.unread[sum]++; s.unread[sum] < unreadableMax {
		return false
	}
	delete(s.unread, sum)
	return true
}

// openPart opens a part's file: ErrMissing if there is none whose header can be read.
func (s *Store) openPart(sum Sum) (vfs.File, layout, error) {
	name := fileName(sum, suffixPart)
	f, err := s.fs.Open(s.path(name))
	if errors.Is(err, vfs.ErrNotExist) {
		return nil, layout{}, ErrMissing
	}
	if err != nil {
		return nil, layout{}, err
	}
	var first [1]byte
	if _, err := f.ReadAt(first[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, layout{}, errors.Join(errUnreadable, err, f.Close())
	}
	l, ok, err := readHeader(f, name)
	if err == nil && !ok {
		err = ErrMissing
	}
	if err != nil {
		return nil, layout{}, errors.Join(err, f.Close())
	}
	return f, l, nil
}

func (s *Store) createPart(sum Sum, size int64) (*part, error) {
	l := layout{tag: tagOf(sum), chunk: int64(s.o.ChunkBytes)}
	if err := s.createFile(fileName(sum, suffixPart), l); err != nil {
		return nil, err
	}
	return &part{sum: sum, size: size, layout: l, have: newBitmap(l.chunks(size))}, nil
}

// createFile makes a file with a header, in place of one that may be there.
func (s *Store) createFile(name string, l layout) error {
	if err := s.fs.Remove(s.path(name)); err != nil && !errors.Is(err, vfs.ErrNotExist) {
		return err
	}
	f, err := s.fs.Create(s.path(name))
	if err != nil {
		return err
	}
	_, err = f.WriteAt(appendHeader(nil, l), 0)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = s.fs.Remove(s.path(name))
	}
	return err
}

func (s *Store) writeChunk(f vfs.File, l layout, number int64, content []byte) error {
	s.frame = append(s.frame[:0], content...)
	s.frame = le.AppendUint32(s.frame, l.chunkSum(number, content))
	_, err := f.WriteAt(s.frame, l.place(number))
	return err
}

// discard gives a part up. The file may be gone already.
func (s *Store) discard(sum Sum) {
	s.forgetPart(sum)
	_ = s.fs.Remove(s.path(fileName(sum, suffixPart)))
}

func (s *Store) partOf(sum Sum) *part {
	for _, p := range s.parts {
		if p.sum == sum {
			return p
		}
	}
	return nil
}

func (s *Store) forgetPart(sum Sum) {
	s.parts = slices.DeleteFunc(s.parts, func(p *part) bool { return p.sum == sum })
}
