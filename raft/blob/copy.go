package blob

import (
	"errors"

	"parley/raft/vfs"
)

// Present reports whether a directory, in which no store need be open, seems to hold a blob whole: its file has a name
// that says so, and both ends are right. Nothing is changed.
func Present(fs vfs.FS, dir string, sum Sum) bool {
	f, _, _, err := openSource(fs, dir, sum)
	if err != nil {
		return false
	}
	return f.Close() == nil
}

// Copy takes a blob over from another directory, in which no store is open and nothing is changed. It is checked
// chunk by chunk and hashed: what is damaged there is a *DamagedError, and not here.
func (s *Store) Copy(dir string, sum Sum) error {
	if _, held := s.find(sum); held {
		return nil
	}
	f, l, size, err := openSource(s.fs, dir, sum)
	if err != nil {
		return err
	}
	err = s.copyChunks(f, l, sum, size)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	_, err = s.Commit(sum)
	return err
}

// openSource opens a blob's file under whichever name says that it is whole.
func openSource(fs vfs.FS, dir string, sum Sum) (f vfs.File, l layout, size int64, err error) {
	src := Store{fs: fs, dir: dir}
	for _, suffix := range [...]string{suffixBlob, suffixNew, suffixAgain} {
		path := src.pathOf(sum, suffix)
		if f, err = fs.Open(path); errors.Is(err, vfs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, layout{}, 0, err
		}
		if l, size, err = src.readEnds(f, sum, vfs.Base(path)); err != nil {
			return nil, layout{}, 0, errors.Join(err, f.Close())
		}
		return f, l, size, nil
	}
	return nil, layout{}, 0, ErrMissing
}

// copyChunks reads one file's chunks and writes them as this store cuts them.
func (s *Store) copyChunks(f vfs.File, l layout, sum Sum, size int64) error {
	if _, err := s.Begin(sum, size); err != nil {
		return err
	}
	to := layout{chunk: int64(s.o.ChunkBytes)}
	number, pending := int64(0), []byte(nil)
	for i := range l.chunks(size) {
		content, ok := s.readChunk(f, l, i, l.length(i, size))
		if !ok {
			return &DamagedError{sum, l.place(i), "a chunk does not match its checksum or can't be read"}
		}
		pending = append(pending, content...)
		for int64(len(pending)) >= to.chunk || i == l.chunks(size)-1 && len(pending) > 0 {
			n := min(int64(len(pending)), to.chunk)
			if err := s.Write(sum, number, pending[:n]); err != nil {
				return err
			}
			number, pending = number+1, pending[n:]
		}
	}
	return nil
}
