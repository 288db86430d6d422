package blob

import (
	"crypto/sha256"
	"errors"
	"slices"

	"parley/raft/vfs"
)

// part is a blob that is being fetched: its size is known, its chunks come in any order, from peers and from
// what is left of a damaged copy. That copy is only read: what it holds was synced once, and a repair that
// fails must not cost what may be the last of it.
type part struct {
	sum    Sum
	size   int64
	layout layout
	have   bitmap // in either file
	own    bitmap // in the part's own
	made   bool   // which there is
	again  bool   // the copy passes its checks again: the disk did not read it for a while
}

// Begin looks for what is there of a blob, and says which of its chunks are good: of an earlier
// attempt, and of a damaged copy. A blob that is held needs none: ErrChanged.
func (s *Store) Begin(sum Sum, size int64) (have []uint64, err error) {
	if size < 0 || size > s.o.BlobBytesMax {
		return nil, &TooLargeError{size, s.o.BlobBytesMax}
	}
	if _, held := s.find(sum); held {
		return nil, ErrChanged // it was uploaded meanwhile
	}
	p := s.partOf(sum)
	if p == nil || p.size != size {
		s.forgetPart(sum)
		if p, err = s.resumePart(sum, size); err != nil {
			return nil, err
		}
		s.parts = append(s.parts, p)
	}
	s.readDamaged(p)
	return p.have.clone(), nil
}

// Write writes one chunk into its place. When that fails, what was fetched is given up: the
// disk is full, or can't be believed.
func (s *Store) Write(sum Sum, number int64, content []byte) error {
	p := s.partOf(sum)
	if p == nil || number < 0 || number >= p.layout.chunks(p.size) || int64(len(content)) != p.layout.length(number, p.size) {
		return ErrMissing
	}
	err := s.makePart(p)
	if err == nil {
		err = s.writeTo(p, number, content)
	}
	if err != nil {
		s.discard(sum)
	}
	return err
}

// makePart makes the part's own file, with the first chunk that goes into it.
func (s *Store) makePart(p *part) error {
	if p.made {
		return nil
	}
	err := s.createFile(fileName(p.sum, suffixPart), p.layout)
	p.made = err == nil
	return err
}

func (s *Store) writeTo(p *part, number int64, content []byte) error {
	f, err := s.fs.Open(s.pathOf(p.sum, suffixPart))
	if err == nil {
		err = errors.Join(s.writeChunk(f, p.layout, number, content), f.Close())
	}
	if err == nil {
		p.have.set(number)
		p.own.set(number)
	}
	return err
}

// Commit makes a part whose chunks are all there a blob: hashed, synced, named, and its
// name synced. Content with another sum is a *SumError and is given up. When anything fails, what was fetched is given up; a
// damaged copy stays.
func (s *Store) Commit(sum Sum) (Held, error) {
	p := s.partOf(sum)
	if p == nil || !p.have.full(p.layout.chunks(p.size)) {
		return Held{}, ErrMissing
	}
	if p.again {
		return s.reinstate(p)
	}
	err := s.makePart(p)
	if err == nil {
		err = s.takeOver(p)
	}
	if err == nil {
		err = s.finish(fileName(sum, suffixPart), p.layout, p.size, sum)
	}
	if err != nil {
		s.discard(sum)
		return Held{}, s.blame(sum, err)
	}
	s.forgetPart(sum)
	_ = s.supersede(sum)
	return s.keep(sum, p.size), nil
}

// reinstate gives a copy that was found damaged its name back, if all of it has the sum that it should. Nothing was written
// to it since it was synced.
func (s *Store) reinstate(p *part) (Held, error) {
	p.again = false // if this fails, it is looked at anew
	f, l, err := s.openRest(p.sum, suffixBad)
	if err != nil {
		return Held{}, err
	}
	if err := errors.Join(s.check(f, l, p.size, p.sum), f.Close()); err != nil {
		return Held{}, s.blame(p.sum, err)
	}
	if err := s.rename(p.sum, suffixBad, suffixBlob); err != nil {
		return Held{}, err
	}
	if err := s.fs.SyncDir(s.dir); err != nil {
		_ = s.rename(p.sum, suffixBlob, suffixBad) // under either name a start finds it
		return Held{}, err
	}
	s.forgetDamaged(p.sum)
	if p.made {
		s.discard(p.sum)
	}
	s.forgetPart(p.sum)
	return s.keep(p.sum, p.size), nil
}

// takeOver copies what the damaged copy has and the part has not.
func (s *Store) takeOver(p *part) error {
	n := p.layout.chunks(p.size)
	if p.own.full(n) {
		return nil
	}
	f, l, err := s.openRest(p.sum, suffixBad)
	if err != nil {
		return err
	}
	for i := p.own.missing(0, n); i < n && err == nil; i++ {
		if p.own.has(i) {
			continue
		}
		content, ok := s.readChunk(f, l, i, l.length(i, p.size))
		if !ok {
			err = &DamagedError{p.sum, l.place(i), "a chunk can't be read any more"}
			break
		}
		err = s.writeTo(p, i, content)
	}
	return errors.Join(err, f.Close())
}

// blame gives up the damaged copy, too, if its chunks may be why the content has another sum.
func (s *Store) blame(sum Sum, err error) error {
	if wrong := (*SumError)(nil); errors.As(err, &wrong) {
		_ = s.supersede(sum)
	}
	return err
}

// supersede removes the damaged copy of a blob, if there is one. Should that fail, the next start does it.
func (s *Store) supersede(sum Sum) error {
	if !s.forgetDamaged(sum) {
		return nil
	}
	if err := s.fs.Remove(s.pathOf(sum, suffixBad)); err != nil && !errors.Is(err, vfs.ErrNotExist) {
		s.noteDamaged(sum)
		return err
	}
	return nil
}

// noteDamaged and forgetDamaged keep the list of damaged copies.
func (s *Store) noteDamaged(sum Sum) {
	if at, known := slices.BinarySearchFunc(s.damaged, sum, Sum.Compare); !known {
		s.damaged = slices.Insert(s.damaged, at, sum)
	}
}

func (s *Store) forgetDamaged(sum Sum) (known bool) {
	at, known := slices.BinarySearchFunc(s.damaged, sum, Sum.Compare)
	if known {
		s.damaged = slices.Delete(s.damaged, at, at+1)
	}
	return known
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
	try := s.pathOf(sum, suffixTry)
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
		_ = s.fs.Remove(s.pathOf(sum, suffixNew))
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

// resumePart reads which chunks a part's own file holds, if there is one that can be gone on with.
func (s *Store) resumePart(sum Sum, size int64) (*part, error) {
	l := layout{tag: tagOf(sum), chunk: int64(s.o.ChunkBytes)} // peers are asked for chunks of this node's size
	n := l.chunks(size)
	p := &part{sum: sum, size: size, layout: l, have: newBitmap(n), own: newBitmap(n)}
	f, found, err := s.openRest(sum, suffixPart)
	if errors.Is(err, ErrMissing) {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	if found.chunk != l.chunk {
		return p, f.Close()
	}
	p.layout, p.made = found, true
	for i := range n {
		if _, ok := s.readChunk(f, found, i, found.length(i, size)); ok {
			p.own.set(i)
			p.have.set(i)
		}
	}
	return p, f.Close()
}

// readDamaged looks for chunks in what is left of a damaged copy. What could not be read a moment ago may be there now,
// and nobody else may have it.
func (s *Store) readDamaged(p *part) {
	copy(p.have, p.own)
	p.again = false
	if _, known := slices.BinarySearchFunc(s.damaged, p.sum, Sum.Compare); !known {
		return
	}
	f, l, err := s.openRest(p.sum, suffixBad)
	if err != nil {
		return
	}
	good := 0
	n := l.chunks(p.size)
	for i := range n {
		if _, ok := s.readChunk(f, l, i, l.length(i, p.size)); !ok {
			continue
		}
		if good++; l.chunk == p.layout.chunk {
			p.have.set(i)
		}
	}
	_, size, err := s.readEnds(f, p.sum, fileName(p.sum, suffixBad))
	if p.again = err == nil && size == p.size && int64(good) == n; p.again {
		for i := range p.layout.chunks(p.size) {
			p.have.set(i)
		}
	}
	_ = f.Close() // it was only read
}

// openRest opens a file of a blob that is not whole: ErrMissing if there is none whose header can be read.
func (s *Store) openRest(sum Sum, suffix string) (vfs.File, layout, error) {
	path := s.pathOf(sum, suffix)
	f, err := s.fs.Open(path)
	if errors.Is(err, vfs.ErrNotExist) {
		return nil, layout{}, ErrMissing
	}
	if err != nil {
		return nil, layout{}, err
	}
	l, ok, err := s.readHeader(f, vfs.Base(path))
	if err == nil && !ok {
		err = ErrMissing
	}
	if err != nil {
		return nil, layout{}, errors.Join(err, f.Close())
	}
	return f, l, nil
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

// discard gives up what was fetched. The file may be gone already.
func (s *Store) discard(sum Sum) {
	s.forgetPart(sum)
	_ = s.fs.Remove(s.pathOf(sum, suffixPart))
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
