package snap

import (
	"encoding/binary"
	"hash/crc32"

	"parley/raft"
)

// All numbers are little-endian; all checksums are CRC-32C (Castagnoli).
//
// A snapshot is a file "<index>.snap", the index of its entry in 20 decimal digits:
//
//	┌────────┬─────────┬─────────┬── ─ ─ ─┬──────────────┬─────────┐
//	│ header │ chunk 0 │ chunk 1 │        │ last chunk   │ trailer │
//	└────────┴─────────┴─────────┴── ─ ─ ─┴──────────────┴─────────┘
//
// Header, chunks and trailer are its pieces. A piece can be checked on its own and travels as it
// is stored. A header:
//
//	 0  "parleysn"
//	 8  format version 4     12  checksum of bytes 0 to 12, 4
//	16  length of the header 4
//	20  length of a chunk's data 4
//	24  cluster 8
//	32  state hash 16, the low half first
//	48  raft.Base, see raft.AppendBase
//	 …  checksum of everything before, 4
//
// The first 16 bytes are the same in every format there will ever be, so that an older build can
// tell a newer file from a damaged one. A chunk:
//
//	0  data: as long as the header says, in the last chunk what is left, at least 1
//	…  checksum of: cluster 8, entry's index 8 and term 8, number of the chunk 8,
//	   length of the data 4, data; 4
//
// What surrounds the data is in its checksum and not in the file: a chunk of another
// snapshot or from another place does not pass for this one. A trailer:
//
//	 0  "parleyse"
//	 8  length of the body 8
//	16  number of chunks 8
//	24  SHA-256 of everything before: the sum by which the snapshot is known, 32
//	56  checksum of: cluster 8, entry's index 8 and term 8, bytes 0 to 56; 4
const (
	formatVersion = 1
	fileMagic     = "parleysn"
	trailerMagic  = "parleyse"

	preambleEnd  = 16
	leadBytes    = 24 // with them the length of the header is known
	baseStart    = 48
	sumBytes     = 4
	trailerSum   = 24 // where the SHA-256 stands
	trailerBytes = 60
)

const (
	// chunkBytesDefault: a chunk takes 0.1 ms to check, 20 ms on a link of 100 Mbit/s, and
	// adds 4 bytes.
	chunkBytesDefault = 256 << 10
	// chunkBytesMax bounds what one piece can make a reader hold.
	chunkBytesMax = 4 << 20
	// headerBytesMax bounds the base: 64 members and ten thousand who left.
	headerBytesMax = 1 << 20
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

func checksum(p []byte) uint32 { return crc32.Checksum(p, castagnoli) }

// header is a snapshot's header.
type header struct {
	chunk   int64 // length of a chunk's data
	cluster raft.ClusterID
	hash    [2]uint64
	base    raft.Base
	bytes   int64 // its own length
}

// defect is what is wrong with a piece.
type defect string

func (d defect) Error() string { return string(d) }

// appendPreamble appends the 16 bytes that are the same in every format.
func appendPreamble(dst []byte, version uint32) []byte {
	start := len(dst)
	dst = append(dst, fileMagic...)
	dst = le.AppendUint32(dst, version)
	return le.AppendUint32(dst, checksum(dst[start:]))
}

func appendHeader(dst []byte, h *header) []byte {
	start := len(dst)
	dst = appendPreamble(dst, formatVersion)
	dst = le.AppendUint32(dst, 0)
	dst = le.AppendUint32(dst, uint32(h.chunk))
	dst = le.AppendUint64(dst, uint64(h.cluster))
	dst = le.AppendUint64(dst, h.hash[0])
	dst = le.AppendUint64(dst, h.hash[1])
	dst = raft.AppendBase(dst, &h.base)
	le.PutUint32(dst[start+preambleEnd:], uint32(len(dst)-start+sumBytes))
	return le.AppendUint32(dst, checksum(dst[start:]))
}

// headerLength reads from its first leadBytes how long a header is. The length is only good for
// reading the rest: whether it is true the header's checksum tells.
func headerLength(lead []byte, file string) (int64, error) {
	if len(lead) < leadBytes || string(lead[:8]) != fileMagic || le.Uint32(lead[12:]) != checksum(lead[:12]) {
		return 0, defect("no header")
	}
	if v := le.Uint32(lead[8:]); v > formatVersion {
		return 0, &FormatError{File: file, Version: v}
	} else if v == 0 {
		return 0, defect("format version 0")
	}
	n := int64(le.Uint32(lead[preambleEnd:]))
	if n < baseStart+sumBytes || n > headerBytesMax {
		return 0, defect("header length makes no sense")
	}
	return n, nil
}

// decodeHeader reads a whole header.
func decodeHeader(p []byte, file string, cluster raft.ClusterID) (header, error) {
	if n, err := headerLength(p, file); err != nil {
		return header{}, err
	} else if n != int64(len(p)) {
		return header{}, defect("header length makes no sense")
	}
	end := len(p) - sumBytes
	if le.Uint32(p[end:]) != checksum(p[:end]) {
		return header{}, defect("header checksum mismatch")
	}
	h := header{
		chunk:   int64(le.Uint32(p[20:])),
		cluster: raft.ClusterID(le.Uint64(p[24:])),
		hash:    [2]uint64{le.Uint64(p[32:]), le.Uint64(p[40:])},
		bytes:   int64(len(p)),
	}
	if h.cluster != cluster {
		return header{}, &ClusterError{File: file, Got: h.cluster, Want: cluster}
	}
	if h.chunk == 0 || h.chunk > chunkBytesMax {
		return header{}, defect("chunk length makes no sense")
	}
	var err error
	if h.base, err = raft.DecodeBase(p[baseStart:end]); err != nil {
		return header{}, defect("the base makes no sense")
	}
	return h, nil
}

// layout tells where the pieces of a file stand.
type layout struct {
	header int64  // bytes of the header
	chunk  int64  // bytes of a chunk's data
	size   int64  // bytes of the file
	seed   uint32 // checksum of what all chunks have in common
}

// layoutOf returns the layout of a file with this header and size; no file has it if not ok.
func layoutOf(h *header, size int64) (l layout, ok bool) {
	p := le.AppendUint64(make([]byte, 0, 24), uint64(h.cluster))
	p = le.AppendUint64(p, uint64(h.base.Entry.Index))
	p = le.AppendUint64(p, uint64(h.base.Entry.Term))
	l = layout{header: h.bytes, chunk: h.chunk, size: size, seed: checksum(p)}
	chunks := size - h.bytes - trailerBytes
	rest := chunks % (h.chunk + sumBytes)
	return l, chunks >= 0 && size < 1<<62 && (rest == 0 || rest > sumBytes)
}

// chunks returns how many chunks there are.
func (l *layout) chunks() int64 {
	return (l.size - l.header - trailerBytes + l.chunk + sumBytes - 1) / (l.chunk + sumBytes)
}

// body returns the length of the body.
func (l *layout) body() int64 {
	return l.size - l.header - trailerBytes - l.chunks()*sumBytes
}

// piece is a part of a file that can be checked on its own.
type piece struct {
	kind   pieceKind
	number int64 // of a chunk
	bytes  int64
}

type pieceKind uint8

const (
	pieceHeader pieceKind = iota
	pieceChunk
	pieceTrailer
)

// pieceAt returns the piece that begins at an offset, if one does.
func (l *layout) pieceAt(offset int64) (p piece, ok bool) {
	end := l.size - trailerBytes
	switch {
	case offset == 0:
		return piece{kind: pieceHeader, bytes: l.header}, true
	case offset == end:
		return piece{kind: pieceTrailer, bytes: trailerBytes}, true
	case offset < l.header || offset > end:
		return piece{}, false
	}
	from, whole := offset-l.header, l.chunk+sumBytes
	return piece{kind: pieceChunk, number: from / whole, bytes: min(whole, end-offset)}, from%whole == 0
}

// pieceMax is the length of the longest piece.
func (l *layout) pieceMax() int64 { return max(l.header, l.chunk+sumBytes, trailerBytes) }

// chunkSum is a chunk's checksum.
func (l *layout) chunkSum(number int64, data []byte) uint32 {
	p := le.AppendUint64(make([]byte, 0, 12), uint64(number))
	p = le.AppendUint32(p, uint32(len(data)))
	return crc32.Update(crc32.Update(l.seed, castagnoli, p), castagnoli, data)
}

// appendTrailer appends the trailer up to its SHA-256.
func (l *layout) appendTrailer(dst []byte) []byte {
	dst = append(dst, trailerMagic...)
	dst = le.AppendUint64(dst, uint64(l.body()))
	return le.AppendUint64(dst, uint64(l.chunks()))
}

// trailerSum is the trailer's own checksum.
func (l *layout) trailerSum(p []byte) uint32 {
	return crc32.Update(l.seed, castagnoli, p[:trailerBytes-sumBytes])
}
