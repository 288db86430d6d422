package statemachine

import (
	"encoding/binary"
	"errors"
)

// The encoding of commands, replies, rows and events is made of three things,
// all of fixed layout, so that equal values have equal bytes:
//
//	u8, u64      little-endian; a u8 that says yes or no is 1 or 0
//	string       u32 length, then that many bytes
//
// In keys numbers are big-endian, so that the order of keys is the order of
// numbers.

// ErrMalformed is returned for bytes that no encoder of this package makes.
var ErrMalformed = errors.New("statemachine: malformed bytes")

// ErrVersion is returned for bytes of a version that this code does not read.
var ErrVersion = errors.New("statemachine: bytes of an unknown version")

// codecVersion is the first byte of everything that leaves the package. A
// change of any layout takes a new number; the old one stays readable.
const codecVersion = 1

func appendU64(dst []byte, v uint64) []byte { return binary.LittleEndian.AppendUint64(dst, v) }

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func appendString(dst []byte, s string) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)))
	return append(dst, s...)
}

func appendBytes(dst, p []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(p)))
	return append(dst, p...)
}

// reader takes bytes apart. After the first thing that is missing every read
// returns zero and done reports the failure, so that decoders read straight through.
type reader struct {
	src []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n < 0 || n > len(r.src) {
		r.bad = true
		return nil
	}
	b := r.src[:n]
	r.src = r.src[n:]
	return b
}

func (r *reader) u8() uint8 {
	b := r.take(1)
	if r.bad {
		return 0
	}
	return b[0]
}

func (r *reader) u32() uint32 {
	b := r.take(4)
	if r.bad {
		return 0
	}
	return binary.LittleEndian.Uint32(b)
}

func (r *reader) u64() uint64 {
	b := r.take(8)
	if r.bad {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

func (r *reader) bool() bool {
	b := r.u8()
	if b > 1 {
		r.bad = true
	}
	return b == 1
}

// bytes aliases the source.
func (r *reader) bytes() []byte {
	n := r.u32()
	if uint64(n) > uint64(len(r.src)) {
		r.bad = true
		return nil
	}
	return r.take(int(n))
}

// string copies, so that nothing decoded keeps the source alive.
func (r *reader) string() string { return string(r.bytes()) }

// done reports whether the bytes were read to their end and no further.
func (r *reader) done() error {
	if r.bad || len(r.src) != 0 {
		return ErrMalformed
	}
	return nil
}

// header reads version and kind, which every encoding begins with.
func (r *reader) header() (kind uint8, err error) {
	version := r.u8()
	if r.bad {
		return 0, ErrMalformed
	}
	if version != codecVersion {
		return 0, ErrVersion
	}
	kind = r.u8()
	if r.bad {
		return 0, ErrMalformed
	}
	return kind, nil
}
