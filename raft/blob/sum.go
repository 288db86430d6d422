package blob

import (
	"bytes"
	"crypto/sha256"
	"fmt"
)

// Sum is the SHA-256 of a blob's content, and its name.
type Sum [sha256.Size]byte

// SumOf names content.
func SumOf(content []byte) Sum { return sha256.Sum256(content) }

// Compare orders sums as bytes.
func (s Sum) Compare(o Sum) int { return bytes.Compare(s[:], o[:]) }

// IsZero reports whether the sum names nothing.
func (s Sum) IsZero() bool { return s == Sum{} }

// String prints all of it in hexadecimal: by hand, because every file that is opened has it in its name.
func (s Sum) String() string {
	var text [2 * len(s)]byte
	return string(s.appendTo(text[:0]))
}

// appendTo appends what String returns.
func (s Sum) appendTo(dst []byte) []byte {
	const digits = "0123456789abcdef"
	for _, b := range s {
		dst = append(dst, digits[b>>4], digits[b&15])
	}
	return dst
}

// Short prints the first four bytes, for traces and errors.
func (s Sum) Short() string { return fmt.Sprintf("%x", s[:4]) }

// lastSum is the highest there can be.
var lastSum = func() (s Sum) {
	for i := range s {
		s[i] = 0xff
	}
	return s
}()

// Want is a blob that the replicated state names or pins.
type Want struct {
	Sum  Sum
	Size int64
}

// Held is a blob that a store holds whole. Gen rises with every commit in the process,
// so that a removal can say which copy it means.
type Held struct {
	Sum  Sum
	Size int64
	Gen  uint64
}
