// Package blocks reads the body of a snapshot: fields one behind the other, from a reader that gives what it likes at
// a time. Memory is taken as the bytes come, not as a length promises, so that any bytes are safe.
package blocks

import (
	"errors"
	"fmt"
	"io"
)

// Bytes is how much is asked of the reader at a time; who writes gathers as much. What is asked first is less, and doubles while
// the reader gives all of it: the memory of a whole block takes longer to make than a short stream to read.
const (
	Bytes      = 64 << 10
	bytesFirst = 4 << 10
)

// emptyReads is after how many reads in a row that give nothing a reader is given up.
const emptyReads = 100

// Reader takes a stream apart. After the first error every read returns nothing.
type Reader struct {
	from      io.Reader
	malformed error  // what an error of the content is, for errors.Is
	block     []byte // the memory of what was read
	full      bool   // the last read took all of it
	left      []byte // of the block
	value     []byte // the memory of what Take returns across blocks
	err       error
}

// errEnd is why a stream ended too early.
var errEnd = errors.New("it ends too early")

// NewReader returns a reader of a stream. Errors of the content wrap malformed.
func NewReader(from io.Reader, malformed error) Reader {
	return Reader{from: from, malformed: malformed}
}

// Err returns the first error.
func (r *Reader) Err() error { return r.err }

// Fail notes that the content is wrong, unless something was wrong before.
func (r *Reader) Fail(format string, args ...any) { r.fail(fmt.Errorf(format, args...)) }

func (r *Reader) fail(why error) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %w", r.malformed, why)
	}
}

// Take reads n bytes. They are good until the next call.
func (r *Reader) Take(n uint64) []byte {
	if r.err == nil && uint64(len(r.left)) >= n {
		p := r.left[:n]
		r.left = r.left[n:]
		return p
	}
	r.value = r.value[:0]
	for uint64(len(r.value)) < n && r.fill() {
		more := r.left[:min(n-uint64(len(r.value)), uint64(len(r.left)))]
		r.value = append(r.value, more...)
		r.left = r.left[len(more):]
	}
	if r.err != nil {
		return nil
	}
	return r.value
}

// fill reads the next block if all of the last one is used up.
func (r *Reader) fill() bool {
	for tries := 0; len(r.left) == 0 && r.err == nil; tries++ {
		if len(r.block) == 0 || r.full && len(r.block) < Bytes {
			r.block = make([]byte, max(bytesFirst, 2*len(r.block)))
		}
		n, err := r.from.Read(r.block)
		r.full = n == len(r.block)
		r.left = r.block[:n]
		switch {
		case n == 0 && err == nil && tries == emptyReads:
			r.err = io.ErrNoProgress
		case n == 0 && err == io.EOF:
			r.fail(errEnd)
		case n == 0:
			r.err = err
		}
	}
	return r.err == nil
}

// End checks that nothing follows. It is also what makes a reader say at its end whether all that it gave was right.
func (r *Reader) End() error {
	switch {
	case r.err != nil:
	case r.fill():
		r.Fail("bytes behind its end")
	case errors.Is(r.err, errEnd):
		r.err = nil // it ends where it should
	}
	return r.err
}

// Read hands on what follows, for who reads the rest.
func (r *Reader) Read(p []byte) (int, error) {
	if r.err != nil {
		return 0, r.err
	}
	if len(r.left) == 0 {
		return r.from.Read(p)
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	return n, nil
}
