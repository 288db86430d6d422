package state

import (
	"encoding/binary"
	"errors"
)

// Every command, query, reply, row and event is a Go struct with one method, Code, that names its fields in order.
// A Coder walks through them in either direction, so that a layout stands in one place and what is written is what
// is read. Layouts are fixed, and equal values have equal bytes:
//
//	number       8 bytes, little-endian
//	bool, byte   1 byte; a bool is 1 or 0
//	string       u32 length, then that many bytes
//	list         u32 count, then that many items
//
// In keys numbers are big-endian, so that the order of keys is the order of numbers; see Key.

// ErrMalformed is returned for bytes that no encoder makes.
var ErrMalformed = errors.New("statemachine: malformed bytes")

// ErrVersion is returned for bytes of a version or kind that this release does not read.
var ErrVersion = errors.New("statemachine: bytes of an unknown version")

// Coded is a value with a layout.
type Coded interface {
	// Code passes the fields to the coder, in the order of the layout.
	Code(c *Coder)
}

// Coder encodes a value or decodes one. After the first thing that is missing every read leaves zero, and Decode
// reports the failure, so that Code reads straight through.
type Coder struct {
	encode bool
	bytes  []byte // encoding: what was written. Decoding: what is left to read
	bad    bool

	// Decoding: texts are parts of one copy of all that was left when the first came, unless that is longer than share.
	share int
	text  string
}

// sharedMax is how much the texts of one command or row share: what keeps one of them keeps all.
const sharedMax = 512

// Append appends the value's bytes to dst.
func Append(dst []byte, v Coded) []byte {
	c := Coder{encode: true, bytes: dst}
	v.Code(&c)
	return c.bytes
}

// Decode reads a value from all of src. It keeps nothing of src.
func Decode(src []byte, v Coded) error {
	return decode(Coder{bytes: src, share: sharedMax}, v)
}

func decode(c Coder, v Coded) error {
	v.Code(&c)
	if c.bad || len(c.bytes) != 0 {
		return ErrMalformed
	}
	return nil
}

// take cuts the next n bytes off what is left.
func (c *Coder) take(n int) []byte {
	if c.bad || n < 0 || n > len(c.bytes) {
		c.bad = true
		return nil
	}
	b := c.bytes[:n]
	c.bytes = c.bytes[n:]
	return b
}

// Byte passes a number of one byte.
func Byte[T ~uint8](c *Coder, v *T) {
	if c.encode {
		c.bytes = append(c.bytes, byte(*v))
	} else if b := c.take(1); b != nil {
		*v = T(b[0])
	}
}

// Number passes a number of eight bytes.
func Number[T ~uint64 | ~int64 | ~uint32](c *Coder, v *T) {
	if c.encode {
		c.bytes = binary.LittleEndian.AppendUint64(c.bytes, uint64(*v))
	} else if b := c.take(8); b != nil {
		*v = T(binary.LittleEndian.Uint64(b))
		c.bad = c.bad || uint64(*v) != binary.LittleEndian.Uint64(b)
	}
}

// Bool passes yes or no.
func (c *Coder) Bool(v *bool) {
	var b uint8
	if *v {
		b = 1
	}
	Byte(c, &b)
	if b > 1 {
		c.bad = true
	}
	*v = b == 1
}

// String passes text. What is decoded is a copy.
func (c *Coder) String(v *string) {
	if c.encode {
		c.bytes = binary.LittleEndian.AppendUint32(c.bytes, uint32(len(*v)))
		c.bytes = append(c.bytes, *v...)
		return
	}
	if b := c.lengthPrefixed(); b != nil {
		*v = c.copied(b)
	}
}

// copied returns what was read last as text.
func (c *Coder) copied(b []byte) string {
	left := len(b) + len(c.bytes)
	if c.text == "" && left <= c.share {
		c.text = string(b[:left:left]) // b and what is left lie one behind the other
	}
	if c.text == "" || len(b) == 0 {
		return string(b)
	}
	return c.text[len(c.text)-left : len(c.text)-len(c.bytes)]
}

// Bytes passes bytes. What is decoded is a copy; no bytes are nil.
func (c *Coder) Bytes(v *[]byte) {
	if c.encode {
		c.bytes = binary.LittleEndian.AppendUint32(c.bytes, uint32(len(*v)))
		c.bytes = append(c.bytes, *v...)
		return
	}
	if b := c.lengthPrefixed(); len(b) > 0 {
		*v = append([]byte(nil), b...)
	}
}

// Array passes bytes whose number is known, such as a digest.
func (c *Coder) Array(v []byte) {
	if c.encode {
		c.bytes = append(c.bytes, v...)
	} else {
		copy(v, c.take(len(v)))
	}
}

func (c *Coder) lengthPrefixed() []byte {
	n := c.count()
	if c.bad {
		return nil
	}
	return c.take(n)
}

// count reads a length or count, which is never above the bytes that are left.
func (c *Coder) count() int {
	b := c.take(4)
	if b == nil {
		return 0
	}
	n := binary.LittleEndian.Uint32(b)
	if uint64(n) > uint64(len(c.bytes)) {
		c.bad = true
		return 0
	}
	return int(n)
}

// listHint is how many items of a list room is made for before they are read: a page.
const listHint = PageDefault + 1

// List passes a list, item by item. An item takes at least a byte, so that a list never has more of them than the
// bytes that are left.
func List[T any](c *Coder, v *[]T, item func(c *Coder, v *T)) {
	if c.encode {
		c.bytes = binary.LittleEndian.AppendUint32(c.bytes, uint32(len(*v)))
		for i := range *v {
			item(c, &(*v)[i])
		}
		return
	}
	n := c.count()
	if n > 1 && *v == nil {
		*v = make([]T, 0, min(n, listHint)) // a page grows to its size at once, and a count that lies takes no more than that
	}
	for ; n > 0 && !c.bad; n-- {
		var one T
		item(c, &one)
		if !c.bad {
			*v = append(*v, one)
		}
	}
}

// Optional passes a value that may be absent: a bool, and the value if there is one.
func Optional[T any](c *Coder, v **T, item func(c *Coder, v *T)) {
	there := *v != nil
	c.Bool(&there)
	if there && !c.encode {
		*v = new(T)
	}
	if there {
		item(c, *v)
	}
}

// Key makes a key of numbers, in whose order keys sort.
func Key(parts ...uint64) string {
	k := make([]byte, 0, 64)
	for _, p := range parts {
		k = binary.BigEndian.AppendUint64(k, p)
	}
	return string(k)
}

// KeyPart reads a number of a key that Key made.
func KeyPart(key string, i int) uint64 {
	var b [8]byte
	if len(key) < 8*i {
		return 0
	}
	copy(b[:], key[8*i:])
	return binary.BigEndian.Uint64(b[:])
}
