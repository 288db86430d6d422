package wal

import (
	"encoding/binary"
	"hash/crc32"

	"parley/raft"
)

// All numbers are little-endian; all checksums are CRC-32C (Castagnoli).
//
// A segment is a file "<number>.wal", the number in 16 decimal digits from 1. It is
// preallocated with zeros, or was another segment before, whose batches are still in it (see tag.go):
//
//	0                 4096              8192
//	┌────────┬───────┬────────┬───────┬─────────┬─────────┬── ─ ─ ─┬───────────┐
//	│ header │ zeros │ header │ zeros │ batch n │ batch   │        │ zeros     │
//	│        │       │ again  │       │         │ n+1     │        │ or old    │
//	└────────┴───────┴────────┴───────┴─────────┴─────────┴── ─ ─ ─┴───────────┘
//
// The two copies of the header lie in different 4 KiB blocks, so that one bad block
// does not take both. A header:
//
//	 0  "parleywl"
//	 8  format version 4     12  checksum of bytes 0 to 12, 4
//	16  cluster 8
//	24  number of this segment 8
//	32  continues from: segment 8, offset 8, batch 8, frame checksum 4
//	60  1 if the standing there is known, else 0: 4
//	64  standing 168 (see claim.go)
//	232 checksum of bytes 0 to 232, 4
//
// The first 16 bytes are the same in every format there will ever be, so that an
// older build can tell a newer file from a damaged one. "Continues from" is the
// end of the last batch before this segment; whatever lies behind that place is
// superseded. The first segment continues from zeros. The standing is how node and log
// stood at that place: with it a log may begin with any segment, once nothing
// in the segments before it matters any more.
//
// Format 1 had no check in the batch numbers of sectors, and its segments were always made of zeros. Such a segment is read, and no
// batch is written to it any more.
const (
	formatVersion = 2

	sectorBytes  = 512
	tagBytes     = 8 // at the start of each sector of a batch: its batch number
	sectorRoom   = sectorBytes - tagBytes
	blockBytes   = 4096
	bodyStart    = 2 * blockBytes
	preambleEnd  = 16
	markBytes    = 64 + standingBytes + 4
	segmentMagic = "parleywl"
)

// The seal is a file "seal" of two slots, at 0 and at 4096, written alternately.
// The valid slot with the higher sequence says how far the log was certainly
// synced, and how node and log stood there. A slot is laid out like a header:
//
//	 0  "parleysl"
//	 8  format version 4     12  checksum of bytes 0 to 12, 4
//	16  cluster 8
//	24  sequence 8
//	32  the sealed batch: segment 8, end offset 8, batch 8, frame checksum 4
//	60  one 4
//	64  standing 168
//	232 checksum of bytes 0 to 232, 4
const (
	sealName  = "seal"
	sealMagic = "parleysl"
	sealBytes = 2 * blockBytes
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// indexLimit bounds what a claim may say: a Position stays below 2^53.
const indexLimit = raft.Index(1) << 53

func checksum(p []byte) uint32 { return crc32.Checksum(p, castagnoli) }

// place is the end of a batch: where the next one begins, and what it must say.
type place struct {
	segment uint64
	offset  int64
	batch   uint64 // of the batch that ends here; the next is one higher
	frame   uint32 // its frame checksum
}

// mark is a segment's header or a slot of the seal: a place, and how node and log stood
// there.
type mark struct {
	format  uint32 // that it was read in
	cluster raft.ClusterID
	number  uint64 // of the segment, or the slot's sequence
	at      place
	known   bool // whether the standing is
	standing
}

// appendPreamble appends the 16 bytes that are the same in every format.
func appendPreamble(dst []byte, magic string, version uint32) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = le.AppendUint32(dst, version)
	return le.AppendUint32(dst, checksum(dst[start:]))
}

// preamble reads them: the version, or false if they are damaged.
func preamble(p []byte, magic string) (version uint32, ok bool) {
	if len(p) < preambleEnd || string(p[:8]) != magic || le.Uint32(p[12:]) != checksum(p[:12]) {
		return 0, false
	}
	return le.Uint32(p[8:]), true
}

func appendPlace(dst []byte, at place) []byte {
	dst = le.AppendUint64(dst, at.segment)
	dst = le.AppendUint64(dst, uint64(at.offset))
	dst = le.AppendUint64(dst, at.batch)
	return le.AppendUint32(dst, at.frame)
}

func decodePlace(p []byte) place {
	return place{
		segment: le.Uint64(p[0:]),
		offset:  int64(le.Uint64(p[8:])),
		batch:   le.Uint64(p[16:]),
		frame:   le.Uint32(p[24:]),
	}
}

// appendMark appends a header or slot.
func appendMark(dst []byte, magic string, m *mark) []byte {
	start := len(dst)
	dst = appendPreamble(dst, magic, formatVersion)
	dst = le.AppendUint64(dst, uint64(m.cluster))
	dst = le.AppendUint64(dst, m.number)
	dst = appendPlace(dst, m.at)
	known := uint32(0)
	if m.known {
		known = 1
	}
	dst = le.AppendUint32(dst, known)
	dst = appendStanding(dst, &m.standing)
	return le.AppendUint32(dst, checksum(dst[start:]))
}

// decode reads a header or slot of a file. A newer format is an error; damage is not ok, and leaves nothing that can be used.
func (m *mark) decode(p []byte, magic, file string) (ok bool, err error) {
	version, ok := preamble(p, magic)
	if !ok || version == 0 {
		return false, nil
	}
	if version > formatVersion {
		return false, &FormatError{File: file, Version: version}
	}
	if len(p) < markBytes || le.Uint32(p[markBytes-4:]) != checksum(p[:markBytes-4]) {
		return false, nil
	}
	m.format, m.cluster, m.number = version, raft.ClusterID(le.Uint64(p[16:])), le.Uint64(p[24:])
	m.at, m.known = decodePlace(p[32:]), le.Uint32(p[60:]) != 0
	m.standing.decode(p[64:])
	return m.claim.sane() && m.claim.oldest <= m.at.segment && m.at.batch < batchLimit, nil
}

// segmentName is the file name of a segment.
func segmentName(number uint64) string {
	var name [16 + len(segmentSuffix)]byte
	copy(name[16:], segmentSuffix)
	for i := 15; i >= 0; i-- {
		name[i] = '0' + byte(number%10)
		number /= 10
	}
	return string(name[:])
}

const segmentSuffix = ".wal"

// segmentNumber is its inverse; other names are not ok.
func segmentNumber(name string) (number uint64, ok bool) {
	if len(name) != 16+len(segmentSuffix) || name[16:] != segmentSuffix {
		return 0, false
	}
	for _, c := range []byte(name[:16]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		number = number*10 + uint64(c-'0')
	}
	return number, number > 0
}
