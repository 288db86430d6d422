package snap

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"parley/raft/vfs"
)

// Reader streams the body of a snapshot. Each chunk is checked before its bytes are given away.
type Reader struct {
	store *Store
	f     vfs.File
	check verifier
	buf   []byte
	left  []byte // of the chunk at hand
	err   error
}

// Reader opens a snapshot for reading from its beginning.
func (s *Store) Reader(info Info) (*Reader, error) {
	known, ok := s.find(info.ID)
	if !ok {
		return nil, ErrGone
	}
	name := s.fileOf(known.Entry.Index)
	f, err := s.fs.Open(s.path(name))
	if err != nil {
		return nil, explain(err)
	}
	return &Reader{store: s, f: f, check: newVerifier(name, s.options.Cluster, known.ID), buf: make([]byte, known.layout.pieceMax())}, nil
}

// Read reads bytes of the body. io.EOF comes only when the whole file is what was written,
// down to its SHA-256; a *DamagedError says that it is not, and the store lists it no longer.
func (r *Reader) Read(p []byte) (int, error) {
	for len(r.left) == 0 && r.err == nil {
		r.load()
	}
	if len(r.left) == 0 {
		return 0, r.err
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}

// load reads and checks the next piece.
func (r *Reader) load() {
	if r.check.whole() {
		r.err = io.EOF
		return
	}
	data, err := r.piece()
	if err != nil {
		r.err = r.store.unreadable(&r.check, err)
		return
	}
	r.left = data
}

func (r *Reader) piece() ([]byte, error) {
	if r.check.offset == 0 {
		size, err := r.f.Size()
		if err != nil {
			return nil, err
		}
		if size != r.check.id.Size {
			return nil, defect(fmt.Sprintf("the file has %d bytes now", size))
		}
		if err := readFull(r.f, r.buf[:leadBytes], 0); err != nil {
			return nil, err
		}
	}
	n, err := r.check.next(r.buf[:leadBytes])
	if err != nil {
		return nil, err
	}
	if n > int64(len(r.buf)) {
		return nil, defect("it is another header than before")
	}
	if err := readFull(r.f, r.buf[:n], r.check.offset); err != nil {
		return nil, err
	}
	return r.check.take(r.buf[:n])
}

// Close closes the file.
func (r *Reader) Close() error {
	if r.err == nil {
		r.err = errors.New("snap: the reader is closed")
	}
	r.left = nil
	return r.f.Close()
}

// unreadable is the error of a snapshot that was listed and whose next piece is not what it should
// be. If the disk did not read it, that may pass; if it read other bytes, the snapshot is damaged.
func (s *Store) unreadable(v *verifier, err error) error {
	what := defect("")
	switch {
	case errors.As(err, &what):
	case errors.As(err, new(*FormatError)), errors.As(err, new(*ClusterError)):
		err = defect("it is another header than before")
	default:
		return explain(err)
	}
	d := damage(v.id.Entry.Index, v.offset, err)
	s.note(d)
	return d
}

// Verify reads a whole snapshot and checks every bit of it.
func (s *Store) Verify(info Info) error {
	r, err := s.Reader(info)
	if err != nil {
		return err
	}
	for err == nil {
		r.left = nil
		r.load()
		err = r.err
	}
	if err == io.EOF {
		err = nil
	}
	if closed := r.Close(); err == nil && closed != nil {
		err = explain(closed)
	}
	return err
}

// ReadChunk reads pieces for the wire: whole ones, from the offset where one begins, as many as
// make no more than max bytes, but at least one, and none at the end of the file. They were checked.
func (s *Store) ReadChunk(info Info, offset int64, max int) ([]byte, error) {
	return s.AppendChunk(nil, info, offset, max)
}

// AppendChunk is ReadChunk behind what is in dst, for who needs the pieces in a message: a copy of a
// megabyte is a millisecond in which nobody is answered. Where there is none, it returns dst.
func (s *Store) AppendChunk(dst []byte, info Info, offset int64, max int) ([]byte, error) {
	known, ok := s.find(info.ID)
	if !ok {
		return nil, ErrGone
	}
	bytes := int64(0)
	for at := offset; at < known.Size; {
		p, ok := known.layout.pieceAt(at)
		if !ok {
			return nil, fmt.Errorf("snap: no piece of the snapshot at entry %d begins at offset %d", known.Entry.Index, offset)
		}
		if bytes > 0 && bytes+p.bytes > int64(max) {
			break
		}
		bytes, at = bytes+p.bytes, at+p.bytes
	}
	if bytes == 0 {
		return dst, nil
	}
	f, err := s.fs.Open(s.path(s.fileOf(known.Entry.Index)))
	if err != nil {
		return nil, explain(err)
	}
	p, err := s.readPieces(dst, f, &known, offset, bytes)
	if closed := f.Close(); err == nil && closed != nil {
		err = explain(closed)
	}
	return p, err
}

// readPieces appends the pieces from offset on, checked.
func (s *Store) readPieces(dst []byte, f vfs.File, known *file, offset, bytes int64) ([]byte, error) {
	v := newVerifier(indexName(known.Entry.Index)+snapSuffix, s.options.Cluster, known.ID)
	v.offset, v.layout = offset, known.layout
	at := len(dst)
	dst = slices.Grow(dst, int(bytes))[:at+int(bytes)]
	if err := readFull(f, dst[at:], offset); err != nil {
		return nil, s.unreadable(&v, err)
	}
	for rest := dst[at:]; len(rest) > 0; {
		at, _ := known.layout.pieceAt(v.offset)
		if err := v.check(at, rest[:at.bytes]); err != nil {
			return nil, s.unreadable(&v, err)
		}
		v.offset += at.bytes
		rest = rest[at.bytes:]
	}
	return dst, nil
}
