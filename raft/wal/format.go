package wal

import (
	"encoding/binary"
	"hash/crc32"

	"parley/raft"
)

// All numbers are little-endian; all checksums are CRC-32C (Castagnoli).
//
// A segment is a file "<number>.wal", the number in 16 decimal digits from 1. It is
// preallocated with zeros:
//
//	0                 4096              8192
//	┌────────┬───────┬────────┬───────┬─────────┬─────────┬── ─ ─ ─┬───────────┐
//	│ header │ zeros │ header │ zeros │ batch n │ batch   │        │ zeros     │
//	│        │       │ again  │       │         │ n+1     │        │           │
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
//	60  checksum of bytes 0 to 60, 4
//
// The first 16 bytes are the same in every format there will ever be, so that an
// older build can tell a newer file from a damaged one. "Continues from" is the
// end of the last batch before this segment; whatever lies behind that place is
// superseded. The first segment continues from zeros.
const (
	formatVersion = 1

	sectorBytes  = 512
	tagBytes     = 8 // at the start of each sector of a batch: its batch number
	sectorRoom   = sectorBytes - tagBytes
	blockBytes   = 4096
	bodyStart    = 2 * blockBytes
	headerBytes  = 64
	preambleEnd  = 16
	segmentMagic = "parleywl"
)

// The seal is a file "seal" of two slots, at 0 and at 4096, written alternately.
// The valid slot with the higher sequence says how far the log was certainly
// synced, and repeats what the last batch up to there said. A slot:
//
//	 0  "parleysl"
//	 8  format version 4     12  checksum of bytes 0 to 12, 4
//	16  cluster 8
//	24  sequence 8
//	32  the sealed batch: segment 8, end offset 8, batch 8, frame checksum 4
//	60  zero 4
//	64  claim 48 (see batch.go)
//	112 lowest index that the sealed batch changed, or zero 8
//	120 checksum of bytes 0 to 120, 4
const (
	sealName      = "seal"
	sealMagic     = "parleysl"
	sealSlotBytes = 124
	sealBytes     = 2 * blockBytes
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

func checksum(p []byte) uint32 { return crc32.Checksum(p, castagnoli) }

// place is the end of a batch: where the next one begins, and what it must say.
type place struct {
	segment uint64
	offset  int64
	batch   uint64 // of the batch that ends here; the next is one higher
	frame   uint32 // its frame checksum
}

// header is a segment's header.
type header struct {
	cluster raft.ClusterID
	segment uint64
	from    place
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

// appendHeader appends one copy of a header.
func appendHeader(dst []byte, h header) []byte {
	start := len(dst)
	dst = appendPreamble(dst, segmentMagic, formatVersion)
	dst = le.AppendUint64(dst, uint64(h.cluster))
	dst = le.AppendUint64(dst, h.segment)
	dst = appendPlace(dst, h.from)
	return le.AppendUint32(dst, checksum(dst[start:]))
}

// decodeHeader reads one copy of a header. A newer format is an error; damage is not ok.
func decodeHeader(p []byte, number uint64) (h header, ok bool, err error) {
	version, ok := preamble(p, segmentMagic)
	if !ok || version == 0 {
		return header{}, false, nil
	}
	if version > formatVersion {
		return header{}, false, &FormatError{File: segmentName(number), Version: version}
	}
	if len(p) < headerBytes || le.Uint32(p[60:]) != checksum(p[:60]) {
		return header{}, false, nil
	}
	h = header{
		cluster: raft.ClusterID(le.Uint64(p[16:])),
		segment: le.Uint64(p[24:]),
		from:    decodePlace(p[32:]),
	}
	return h, h.segment == number, nil
}

// seal is what a seal slot says.
type seal struct {
	sequence uint64
	at       place
	claim    claim
	from     raft.Index
}

func appendSeal(dst []byte, cluster raft.ClusterID, s seal) []byte {
	start := len(dst)
	dst = appendPreamble(dst, sealMagic, formatVersion)
	dst = le.AppendUint64(dst, uint64(cluster))
	dst = le.AppendUint64(dst, s.sequence)
	dst = appendPlace(dst, s.at)
	dst = le.AppendUint32(dst, 0)
	dst = appendClaim(dst, s.claim)
	dst = le.AppendUint64(dst, uint64(s.from))
	return le.AppendUint32(dst, checksum(dst[start:]))
}

// decodeSeal reads one slot. A newer format is an error; damage is not ok.
func decodeSeal(p []byte) (s seal, cluster raft.ClusterID, ok bool, err error) {
	version, ok := preamble(p, sealMagic)
	if !ok || version == 0 {
		return seal{}, 0, false, nil
	}
	if version > formatVersion {
		return seal{}, 0, false, &FormatError{File: sealName, Version: version}
	}
	if len(p) < sealSlotBytes || le.Uint32(p[120:]) != checksum(p[:120]) {
		return seal{}, 0, false, nil
	}
	return seal{
		sequence: le.Uint64(p[24:]),
		at:       decodePlace(p[32:]),
		claim:    decodeClaim(p[64:]),
		from:     raft.Index(le.Uint64(p[112:])),
	}, raft.ClusterID(le.Uint64(p[16:])), true, nil
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
