package wal

import "math/bits"

// Every sector of a batch begins with the batch number: its tag. It tells to which batch the sector belongs
// where header and trailer are gone, and whether it was written at all since the segment began.
//
// A segment is made of zeros, or of an old segment of which nothing matters any more, as it is (see reuse). So the sectors
// behind the log's end hold zeros, or batches of the file's earlier lives. The header of a segment names the
// batch before its first one, and all numbers of earlier lives are at or below that one:
//
//	numbers    0 … before      before+1 … n-1      n          n+1 …
//	           ┌───────────┐   ┌──────────────┐   ┌───────┐   ┌──────────────┐
//	           │ blank     │   │ good batches │   │ torn? │   │ n was synced │
//	           └───────────┘   └──────────────┘   └───────┘   └──────────────┘
//
// A number takes six bytes, and the other two check it: two tags that are right differ in at least four bits. So one flipped
// bit takes a blank sector neither for a batch nor for anything that is unknown. Format 1 has numbers of eight bytes
// and no check; its segments were always made of zeros.

const (
	batchBits = 48
	// batchLimit bounds batch numbers: enough for ten thousand batches a second in nine hundred years.
	batchLimit = 1 << batchBits
)

// tags says what the tags of a segment mean.
type tags struct {
	format uint32
	before uint64 // the batch before the segment's first one
}

// of returns the tag of a batch.
func (t tags) of(n uint64) uint64 {
	if t.format == 1 {
		return n
	}
	return n | uint64(check16(n))<<batchBits
}

// number returns the batch number of a tag, unless the tag is damaged.
func (t tags) number(tag uint64) (n uint64, ok bool) {
	n = tag % batchLimit
	return n, t.of(n) == tag
}

// blank says whether a tag was there before the segment began.
func (t tags) blank(tag uint64) bool {
	if tag == 0 {
		return true
	}
	n, ok := t.number(tag)
	return ok && n <= t.before && t.format != 1
}

// garbage says whether a tag is none. In format 1 every number is one.
func (t tags) garbage(tag uint64) bool {
	_, ok := t.number(tag)
	return !ok && t.format != 1
}

// Numbered reports whether a sector of a segment's body begins with a batch number of format 2, of whichever life, or was never
// written. A simulated disk must know it: two sectors at the end that do not are more than the log can tell from a batch.
func Numbered(sector []byte) bool {
	_, ok := tags{format: formatVersion}.number(tagAt(sector, 0))
	return ok
}

// BodyStart is the offset of a segment's first batch.
const BodyStart = bodyStart

// torn says whether a tag is what a sector of batch n holds whose write broke off within the
// tag: its first bytes, and behind them what was there before. It is no tag of batch n+1, which differs in the
// first byte.
func (t tags) torn(tag, n uint64) bool {
	if _, ok := t.number(tag); ok && t.format != 1 {
		return false // another batch's
	}
	for bits := 8; bits < 64; bits += 8 {
		if low := uint64(1)<<bits - 1; tag&low == t.of(n)&low && t.blankEnd(tag, bits) {
			return true
		}
	}
	return false
}

// blankEnd says whether the upper bits of a tag, from a place on, can be those of a blank one.
func (t tags) blankEnd(tag uint64, from int) bool {
	return tag>>from == 0 || t.format != 1 && tag%batchLimit>>from <= t.before>>from
}

// strayed says whether a sector that is neither blank nor of batch n was blank until one bit of it flipped. In
// format 1 only the whole sector tells: one that has a single bit set. A batch is two sectors or more, and never so empty as a
// whole.
func (t tags) strayed(sector []byte) bool {
	if t.format == 1 {
		return lone(sector)
	}
	for bit := range 64 {
		if t.blank(tagAt(sector, 0) ^ 1<<bit) {
			return true
		}
	}
	return false
}

// lone says whether a sector has one bit set.
func lone(sector []byte) bool {
	set := 0
	for _, c := range sector {
		set += bits.OnesCount8(c)
	}
	return set == 1
}

// check16 is the CRC-16 of a batch number's six bytes, the highest first (CCITT's polynomial, nothing added). It begins with zero, so
// that each byte adds what it would add alone.
func check16(n uint64) uint16 {
	return ccitt[0][byte(n)] ^ ccitt[1][byte(n>>8)] ^ ccitt[2][byte(n>>16)] ^ ccitt[3][byte(n>>24)] ^ ccitt[4][byte(n>>32)] ^ ccitt[5][byte(n>>40)]
}

// ccitt has for each byte of a batch number, the lowest first, what it adds to the checksum.
var ccitt = func() (tables [batchBits / 8][256]uint16) {
	for i := range 256 {
		sum := uint16(i) << 8
		for place := range tables {
			for range 8 {
				if sum&0x8000 != 0 {
					sum = sum<<1 ^ 0x1021
				} else {
					sum <<= 1
				}
			}
			tables[place][i] = sum
		}
	}
	return tables
}()
