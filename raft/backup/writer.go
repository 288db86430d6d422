package backup

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// Writer writes a backup: Blob and its Content or Missing, again and again, then the State, then End. After an error it writes
// nothing more.
type Writer struct {
	w      io.Writer
	offset int64
	digest digest
	buf    []byte // memory of a piece
	state  []byte // of the state, what makes no whole piece yet
	left   int64  // of the content of the blob at hand
	blobs  uint64
	begun  bool // the state
	done   bool
	err    error
}

// errOrder is a caller's bug.
var errOrder = errors.New("backup: a blob behind the state, or something behind the end")

// NewWriter begins a backup.
func NewWriter(w io.Writer, h Header) *Writer {
	b := &Writer{w: w, digest: sha256.New()}
	b.put(appendHeader(nil, h))
	return b
}

// Blob begins a blob of a sum and a size. Its content follows, all of it.
func (b *Writer) Blob(sum [32]byte, size int64) error {
	b.beforeState()
	b.blobs++
	b.left = size
	b.piece(kindBlob, le.AppendUint64(sum[:], uint64(size)))
	return b.err
}

// Missing notes a blob that nobody has any more.
func (b *Writer) Missing(sum [32]byte, size int64) error {
	b.beforeState()
	b.piece(kindMissing, le.AppendUint64(sum[:], uint64(size)))
	return b.err
}

// beforeState fails where no blob may stand.
func (b *Writer) beforeState() {
	b.whole()
	if b.begun || b.done {
		b.fail(errOrder)
	}
}

// Content adds to the content of the blob at hand.
func (b *Writer) Content(p []byte) error {
	if int64(len(p)) > b.left {
		b.fail(fmt.Errorf("backup: a blob has %d bytes more than were told", int64(len(p))-b.left))
	}
	b.left -= int64(len(p))
	for len(p) > 0 && b.err == nil {
		n := min(len(p), pieceBytesMax)
		b.piece(kindContent, p[:n])
		p = p[n:]
	}
	return b.err
}

// State writes the state: write writes its canonical form.
func (b *Writer) State(write func(io.Writer) error) error {
	b.beforeState()
	b.begun = true
	if b.err != nil {
		return b.err
	}
	if err := write(stateWriter{b}); err != nil {
		b.fail(err)
	}
	if len(b.state) > 0 {
		b.piece(kindState, b.state)
	}
	b.state = nil
	return b.err
}

// stateWriter cuts what is written to it into pieces.
type stateWriter struct{ b *Writer }

func (s stateWriter) Write(p []byte) (int, error) {
	b, n := s.b, len(p)
	for len(p) > 0 && b.err == nil {
		k := min(len(p), pieceBytesMax-len(b.state))
		b.state, p = append(b.state, p[:k]...), p[k:]
		if len(b.state) == pieceBytesMax {
			b.piece(kindState, b.state)
			b.state = b.state[:0]
		}
	}
	return n - len(p), b.err
}

// End completes the backup. How many blobs there are it knows.
func (b *Writer) End(e End) error {
	b.whole()
	if !b.begun || b.done {
		b.fail(errOrder)
	}
	b.done = true
	p := le.AppendUint64(nil, uint64(e.Position))
	p = le.AppendUint64(p, uint64(e.Term))
	p = le.AppendUint64(p, b.blobs)
	b.piece(kindEnd, b.digest.Sum(p))
	return b.err
}

// whole fails if the blob at hand is not.
func (b *Writer) whole() {
	if b.left != 0 {
		b.fail(fmt.Errorf("backup: a blob lacks %d bytes", b.left))
	}
}

func (b *Writer) piece(kind uint8, p []byte) {
	b.buf = appendPiece(b.buf[:0], b.offset, kind, p)
	b.put(b.buf)
}

func (b *Writer) put(p []byte) {
	if b.err != nil {
		return
	}
	if _, err := b.w.Write(p); err != nil {
		b.fail(err)
		return
	}
	_, _ = b.digest.Write(p) // a digest takes all
	b.offset += int64(len(p))
}

func (b *Writer) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}
