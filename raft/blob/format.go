package blob

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"
)

// All numbers are little-endian; all checksums are CRC-32C (Castagnoli).
//
// A blob is a file "<sum>.blob", the sum in hexadecimal:
//
//	0        32                                                    size - 44
//	┌────────┬─────────┬─────┬─────────┬─────┬── ─ ─ ──┬──────┬─────┬─────────┐
//	│ header │ chunk 0 │ crc │ chunk 1 │ crc │         │ last │ crc │ trailer │
//	└────────┴─────────┴─────┴─────────┴─────┴── ─ ─ ──┴──────┴─────┴─────────┘
//
// Every chunk but the last has the size that the header says; the last has at least one
// byte. There is no byte in the file that no checksum covers. A header:
//
//	 0  "parleybl"
//	 8  format version 4     12  checksum of bytes 0 to 12, 4
//	16  tag 8
//	24  chunk bytes 4
//	28  checksum of bytes 0 to 28, 4
//
// The first 16 bytes are the same in every format there will ever be. The tag is drawn per
// file (a blob that is fetched takes it from its sum, an upload from its id), and a
// chunk's checksum covers tag 8, number of the chunk 8, content: a chunk that landed in another
// place or file is no chunk there. A trailer:
//
//	 0  size of the content 8
//	 8  sum 32
//	40  checksum of tag 8, bytes 0 to 40, 4
//
// A file under another name is not yet, or no longer, a blob:
//
//	<sum>.part    header and some chunks, in any places: being fetched
//	<sum>.bad     was a blob, and did not pass its checks: its good chunks are on disk, and its repair begins with them
//	u<id>.part    header and the first chunks: being uploaded
//	<sum>.try     whole, and a sync was tried: nobody knows whether it helped
//	<sum>.new     whole and synced, but its name may not be
//	<sum>.again   the same, while a start gives it its name anew
const (
	formatVersion = 1
	fileMagic     = "parleybl"
	preambleEnd   = 16
	headerBytes   = 32
	crcBytes      = 4
	trailerBytes  = 44

	suffixBlob = ".blob"
	suffixPart = ".part"
	suffixBad  = ".bad"
	suffixTry  = ".try"
	suffixNew  = ".new"

	suffixAgain = ".again"
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

func checksum(p []byte) uint32 { return crc32.Checksum(p, castagnoli) }

// layout is where things are in a file.
type layout struct {
	tag   uint64
	chunk int64 // content bytes of a full chunk
}

func appendHeader(dst []byte, l layout) []byte {
	start := len(dst)
	dst = append(dst, fileMagic...)
	dst = le.AppendUint32(dst, formatVersion)
	dst = le.AppendUint32(dst, checksum(dst[start:]))
	dst = le.AppendUint64(dst, l.tag)
	dst = le.AppendUint32(dst, uint32(l.chunk))
	return le.AppendUint32(dst, checksum(dst[start:]))
}

// decodeHeader reads a header. A newer format is an error; damage is not ok.
func decodeHeader(p []byte, file string) (l layout, ok bool, err error) {
	if len(p) < preambleEnd || string(p[:8]) != fileMagic || le.Uint32(p[12:]) != checksum(p[:12]) {
		return layout{}, false, nil
	}
	if v := le.Uint32(p[8:]); v > formatVersion {
		return layout{}, false, &FormatError{File: file, Version: v}
	}
	if len(p) < headerBytes || le.Uint32(p[28:]) != checksum(p[:28]) {
		return layout{}, false, nil
	}
	l = layout{tag: le.Uint64(p[16:]), chunk: int64(le.Uint32(p[24:]))}
	return l, l.chunk >= chunkBytesMin && l.chunk <= chunkBytesLimit, nil
}

func appendTrailer(dst []byte, l layout, size int64, sum Sum) []byte {
	start := len(dst)
	dst = le.AppendUint64(dst, uint64(size))
	dst = append(dst, sum[:]...)
	return le.AppendUint32(dst, l.trailerSum(dst[start:]))
}

func decodeTrailer(p []byte, l layout) (size int64, sum Sum, ok bool) {
	if le.Uint32(p[40:]) != l.trailerSum(p[:40]) {
		return 0, Sum{}, false
	}
	copy(sum[:], p[8:])
	size = int64(le.Uint64(p))
	return size, sum, size >= 0 && size <= blobBytesLimit
}

func (l layout) trailerSum(p []byte) uint32 {
	return crc32.Update(^crcWord(^uint32(0), l.tag), castagnoli, p)
}

// chunkSum is what stands behind a chunk.
func (l layout) chunkSum(number int64, content []byte) uint32 {
	crc := crcWord(crcWord(^uint32(0), l.tag), uint64(number))
	return crc32.Update(^crc, castagnoli, content)
}

// crcWord goes on with a CRC over the eight bytes of a number, little-endian: by hand, because bytes that are handed to
// package crc32 come from the heap, and there is a chunk for every few of a file's bytes that are read.
func crcWord(crc uint32, x uint64) uint32 {
	for range 8 {
		crc = castagnoli[byte(crc)^byte(x)] ^ crc>>8
		x >>= 8
	}
	return crc
}

// chunks is how many chunks content of a size has.
func (l layout) chunks(size int64) int64 { return (size + l.chunk - 1) / l.chunk }

// length is how many content bytes a chunk has.
func (l layout) length(number, size int64) int64 { return min(l.chunk, size-number*l.chunk) }

// place is where a chunk begins in the file.
func (l layout) place(number int64) int64 { return headerBytes + number*(l.chunk+crcBytes) }

// trailerAt is where the trailer begins, fileBytes how long the whole file is.
func (l layout) trailerAt(size int64) int64 { return headerBytes + size + l.chunks(size)*crcBytes }
func (l layout) fileBytes(size int64) int64 { return l.trailerAt(size) + trailerBytes }

// tagOf is the tag of a blob that is fetched.
func tagOf(sum Sum) uint64 { return le.Uint64(sum[:]) }

func fileName(sum Sum, suffix string) string { return sum.String() + suffix }

func uploadName(id uint64) string { return fmt.Sprintf("u%016x%s", id, suffixPart) }

// parseName reads a file's name: a sum, or an upload's id with upload true. Other
// names are not ok.
func parseName(name string) (sum Sum, suffix string, id uint64, upload, ok bool) {
	stem, suffix, _ := strings.Cut(name, ".")
	suffix = "." + suffix
	if rest, cut := strings.CutPrefix(stem, "u"); cut {
		var b [8]byte
		ok := parseHex(b[:], rest) && suffix == suffixPart
		return Sum{}, suffix, binary.BigEndian.Uint64(b[:]), true, ok
	}
	if !parseHex(sum[:], stem) {
		return Sum{}, "", 0, false, false
	}
	switch suffix {
	case suffixBlob, suffixPart, suffixBad, suffixTry, suffixNew, suffixAgain:
		return sum, suffix, 0, false, true
	}
	return Sum{}, "", 0, false, false
}

// parseHex fills dst from exactly as many lower-case digits as it needs.
func parseHex(dst []byte, s string) bool {
	if len(s) != 2*len(dst) {
		return false
	}
	for i, c := range []byte(s) {
		d := strings.IndexByte("0123456789abcdef", c)
		if d < 0 {
			return false
		}
		dst[i/2] = dst[i/2]<<4 | byte(d)
	}
	return true
}

// bitmap says which chunks there are.
type bitmap []uint64

func newBitmap(n int64) bitmap     { return make(bitmap, (n+63)/64) }
func (b bitmap) has(i int64) bool  { return b[i/64]>>(i%64)&1 == 1 }
func (b bitmap) set(i int64)       { b[i/64] |= 1 << (i % 64) }
func (b bitmap) full(n int64) bool { return b.missing(0, n) == n }
func (b bitmap) clone() bitmap     { return append(bitmap(nil), b...) }

// missing is the first chunk from i on that is not there, or n.
func (b bitmap) missing(i, n int64) int64 {
	for i < n && b.has(i) {
		i++
	}
	return i
}
