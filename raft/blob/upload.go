package blob

import (
	"errors"
	"slices"

	"parley/raft/vfs"
)

// upload is a blob whose name is not known before its last byte. Its content comes in order
// and is cut into chunks; the last one waits in memory until it is full. What a process
// leaves behind goes on from the last full chunk.
type upload struct {
	id     uint64
	loaded bool // the fields below are known
	layout layout
	size   int64  // content so far
	tail   []byte // of it, what is not written yet
}

// BeginUpload begins an upload under an id that was drawn at random, or finds one that was begun,
// and says at which offset it goes on.
func (s *Store) BeginUpload(id uint64) (off int64, err error) {
	u := s.uploadOf(id)
	if u == nil && len(s.uploads) >= s.o.UploadsMax {
		return 0, ErrBusy
	}
	if u != nil && u.loaded {
		return u.size, nil
	}
	fresh, err := s.resumeUpload(id)
	if errors.Is(err, ErrMissing) {
		fresh = &upload{id: id, loaded: true, layout: layout{tag: id, chunk: int64(s.o.ChunkBytes)}}
		err = s.createFile(uploadName(id), fresh.layout)
	}
	if err != nil {
		return 0, err
	}
	if u == nil {
		s.uploads = append(s.uploads, fresh)
	} else {
		*u = *fresh
	}
	return fresh.size, nil
}

// AppendUpload adds content at the upload's end, which off must be. When the disk fails, the
// upload is given up, so that a full disk has its room again.
func (s *Store) AppendUpload(id uint64, off int64, content []byte) (next int64, err error) {
	u := s.uploadOf(id)
	if u == nil || !u.loaded {
		return 0, ErrNoUpload
	}
	if off != u.size {
		return u.size, &OffsetError{Got: off, Want: u.size}
	}
	if total := u.size + int64(len(content)); total > s.o.BlobBytesMax {
		return u.size, &TooLargeError{total, s.o.BlobBytesMax}
	}
	f, err := s.fs.Open(s.path(uploadName(id)))
	if err == nil {
		err = errors.Join(s.appendTo(f, u, content), f.Close())
	}
	if err != nil {
		s.dropUpload(id)
		return 0, err
	}
	return u.size, nil
}

func (s *Store) appendTo(f vfs.File, u *upload, content []byte) error {
	for len(content) > 0 {
		n := min(int(u.layout.chunk)-len(u.tail), len(content))
		u.tail = append(u.tail, content[:n]...)
		u.size += int64(n)
		content = content[n:]
		if len(u.tail) == int(u.layout.chunk) {
			if err := s.writeChunk(f, u.layout, u.size/u.layout.chunk-1, u.tail); err != nil {
				return err
			}
			u.tail = u.tail[:0]
		}
	}
	return nil
}

// CommitUpload makes an upload a blob, if its content has the sum that the client says.
// A blob of this sum that is held already is replaced: this copy was just read and hashed.
func (s *Store) CommitUpload(id uint64, sum Sum) (Held, error) {
	u := s.uploadOf(id)
	if u == nil || !u.loaded {
		return Held{}, ErrNoUpload
	}
	err := s.writeTail(u)
	if err == nil {
		err = s.finish(uploadName(id), u.layout, u.size, sum)
	}
	s.dropUpload(id) // on success there is no file any more
	if err != nil {
		return Held{}, err
	}
	s.discard(sum) // what was fetched of it, if anything
	_ = s.supersede(sum)
	return s.keep(sum, u.size), nil
}

func (s *Store) writeTail(u *upload) error {
	if len(u.tail) == 0 {
		return nil
	}
	f, err := s.fs.Open(s.path(uploadName(u.id)))
	if err != nil {
		return err
	}
	return errors.Join(s.writeChunk(f, u.layout, u.size/u.layout.chunk, u.tail), f.Close())
}

// AbandonUpload gives an upload up.
func (s *Store) AbandonUpload(id uint64) {
	if s.uploadOf(id) != nil {
		s.dropUpload(id)
	}
}

// resumeUpload reads how far a file comes: ErrMissing if there is none to go on with.
func (s *Store) resumeUpload(id uint64) (*upload, error) {
	name := uploadName(id)
	f, err := s.fs.Open(s.path(name))
	if errors.Is(err, vfs.ErrNotExist) {
		return nil, ErrMissing
	}
	if err != nil {
		return nil, err
	}
	l, ok, err := s.readHeader(f, name)
	u := &upload{id: id, loaded: true, layout: l}
	for ok && u.size+l.chunk <= s.o.BlobBytesMax {
		if _, ok = s.readChunk(f, l, u.size/l.chunk, l.chunk); ok {
			u.size += l.chunk
		}
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if l.chunk != int64(s.o.ChunkBytes) {
		return nil, ErrMissing
	}
	return u, nil
}

func (s *Store) uploadOf(id uint64) *upload {
	for _, u := range s.uploads {
		if u.id == id {
			return u
		}
	}
	return nil
}

func (s *Store) dropUpload(id uint64) {
	s.uploads = slices.DeleteFunc(s.uploads, func(u *upload) bool { return u.id == id })
	_ = s.fs.Remove(s.path(uploadName(id)))
}
