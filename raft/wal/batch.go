package wal

import (
	"hash/crc32"
	"slices"

	"parley/raft"
)

// Batch is what one write to the log makes durable: one hard state, and a change
// of the entries. The changes are fields: the file only grows, and recovery replays it in
// the order of the fields here.
type Batch struct {
	Hard        raft.HardState
	ConfigIndex raft.Index // of the newest configuration entry in the log after this batch, or zero

	// Base, if it is not zero or comes with Reset: entries up to it are gone, because a
	// snapshot holds what they did. It is an entry of the log, at the base or above. With
	// Reset it is any entry, all others are gone as well, and Entries follow it.
	Base  raft.EntryID
	Reset bool

	Truncate raft.Index // if not zero: entries from this index on are gone

	// Fill holds entries that take the place of damaged ones: each has index, term and, if
	// it was known, the checksum of a hole. Nothing else changes by them.
	Fill []raft.Entry

	Entries []raft.Entry // follow the log's last entry
}

// A batch fills whole sectors. Each sector begins with the batch number, 6 bytes and a check of 2 (see tag.go);
// the other 504 bytes are a piece of the batch's stream:
//
//	sector    first                 …                         last
//	        ┌───┬────────┬───────┬───┬──────────────────────┬───┬─────────────┐
//	        │ n │ header │ table │ n │ payloads, zeros      │ n │ trailer     │
//	        └───┴────────┴───────┴───┴──────────────────────┴───┴─────────────┘
//
// The trailer begins a sector of its own and repeats the header, so that no batch
// has all it claims in one sector. Header and trailer:
//
//	  0  "PBH1" in the header, "PBT1" in the trailer
//	  4  length of this block 4
//	  8  segment 8     16  offset of the batch 8     24  batch number 8
//	 32  sectors of the batch 4     36  frame checksum of the batch before 4
//	 40  claim 152: how node and log stand after the batch (see claim.go)
//	192  the newest batch before this one that cut 8
//	200  lowest index that batches before it cut in this segment 8
//	208  truncate 8
//	216  index of the first entry, or zero 8
//	224  count of entries 4     228  count of fills 4
//	232  1 if all entries before are gone (reset), else 0: 4
//	236  count of term runs 4
//	240  term runs: term 8, index of its first entry in this batch 8
//	  …  frame checksum 4
//	  …  checksum of the block up to here 4
//
// The table has 20 bytes for each entry; index and term follow from the runs. Behind them
// it has 36 bytes for each fill, which begin with index 8 and term 8:
//
//	 0  log time 8     8  length of the payload 4     12  entry checksum 4
//	16  kind 1         17 zeros 3
//
// The payloads of the entries follow, then those of the fills. The frame checksum covers
// the cluster id, the block from byte 8 to the end of the runs, and the table, and with it
// the entry checksums, which cover the payloads. So a rotten payload condemns its entry
// and no other.
const (
	headerMagic  = 0x31484250
	trailerMagic = 0x31544250
	cutAt        = 40 + claimBytes
	countsAt     = cutAt + 32
	blockFixed   = countsAt + 16
	blockSums    = 8
	blockMin     = blockFixed + blockSums
	recordBytes  = 20
	fillBytes    = 16 + recordBytes
)

// block is what header and trailer of a batch say.
type block struct {
	segment  uint64
	offset   int64
	batch    uint64
	sectors  uint32
	prev     uint32 // frame checksum of the batch before
	claim    claim
	cut      cut // before the batch
	truncate raft.Index
	first    raft.Index
	entries  uint32
	fills    uint32
	reset    bool
	runs     []run
	frame    uint32
}

// encoder builds batches in memory that it keeps.
type encoder struct {
	cluster raft.ClusterID
	block   []byte
	table   []byte
	out     []byte // whole sectors
	tag     uint64
}

// encode lays out a batch and returns its sectors, valid until the next call,
// and its frame checksum. Runs and counts of b are filled in already.
func (e *encoder) encode(b *block, entries, fills []raft.Entry) ([]byte, uint32) {
	b.sectors = sectorsOf(len(b.runs), entries, fills)
	e.table = e.table[:0]
	for i := range entries {
		e.table = appendRecord(e.table, &entries[i])
	}
	for i := range fills {
		e.table = appendID(e.table, raft.EntryID{Index: fills[i].Index, Term: fills[i].Term})
		e.table = appendRecord(e.table, &fills[i])
	}
	e.block = appendBlock(e.block[:0], b)
	b.frame = frameSum(e.cluster, e.block[8:], e.table)
	e.block = le.AppendUint32(e.block, b.frame)
	e.block = le.AppendUint32(e.block, checksum(e.block))

	e.out, e.tag = e.out[:0], tags{format: formatVersion}.of(b.batch)
	e.put(e.block)
	e.put(e.table)
	for i := range entries {
		e.put(entries[i].Payload)
	}
	for i := range fills {
		e.put(fills[i].Payload)
	}
	e.pad()
	le.PutUint32(e.block, trailerMagic)
	end := len(e.block) - 4
	le.PutUint32(e.block[end:], checksum(e.block[:end]))
	e.put(e.block)
	e.pad()
	return e.out, b.frame
}

// appendRecord appends what the table says of an entry.
func appendRecord(dst []byte, e *raft.Entry) []byte {
	dst = le.AppendUint64(dst, uint64(e.Time))
	dst = le.AppendUint32(dst, uint32(len(e.Payload)))
	dst = le.AppendUint32(dst, e.Sum)
	return append(dst, byte(e.Kind), 0, 0, 0)
}

// put appends bytes to the stream, beginning sectors as needed.
func (e *encoder) put(p []byte) {
	for len(p) > 0 {
		used := len(e.out) % sectorBytes
		if used == 0 {
			e.out = le.AppendUint64(e.out, e.tag)
			used = tagBytes
		}
		n := min(len(p), sectorBytes-used)
		e.out = append(e.out, p[:n]...)
		p = p[n:]
	}
}

var padding [sectorBytes]byte

// pad fills the sector with zeros.
func (e *encoder) pad() {
	if used := len(e.out) % sectorBytes; used != 0 {
		e.out = append(e.out, padding[used:]...)
	}
}

// appendBlock appends a header block up to its runs.
func appendBlock(dst []byte, b *block) []byte {
	dst = le.AppendUint32(dst, headerMagic)
	dst = le.AppendUint32(dst, uint32(blockLen(len(b.runs))))
	dst = le.AppendUint64(dst, b.segment)
	dst = le.AppendUint64(dst, uint64(b.offset))
	dst = le.AppendUint64(dst, b.batch)
	dst = le.AppendUint32(dst, b.sectors)
	dst = le.AppendUint32(dst, b.prev)
	dst = appendClaim(dst, &b.claim)
	dst = appendCut(dst, b.cut)
	dst = le.AppendUint64(dst, uint64(b.truncate))
	dst = le.AppendUint64(dst, uint64(b.first))
	dst = le.AppendUint32(dst, b.entries)
	dst = le.AppendUint32(dst, b.fills)
	reset := uint32(0)
	if b.reset {
		reset = 1
	}
	dst = le.AppendUint32(dst, reset)
	dst = le.AppendUint32(dst, uint32(len(b.runs)))
	return appendRuns(dst, b.runs)
}

func blockLen(runs int) int { return blockFixed + runs*runBytes + blockSums }

// streamSectors is how many sectors n bytes of a stream take.
func streamSectors(n uint64) uint64 { return (n + sectorRoom - 1) / sectorRoom }

// sectorsOf is how many sectors a batch takes.
func sectorsOf(runs int, entries, fills []raft.Entry) uint32 {
	n := uint64(blockLen(runs)) + uint64(len(entries))*recordBytes + uint64(len(fills))*fillBytes
	for i := range entries {
		n += uint64(len(entries[i].Payload))
	}
	for i := range fills {
		n += uint64(len(fills[i].Payload))
	}
	return uint32(streamSectors(n) + streamSectors(uint64(blockLen(runs))))
}

// frameSum is the frame checksum: what is local to this place in this log.
func frameSum(cluster raft.ClusterID, block, table []byte) uint32 {
	sum := ^uint32(0) // by table, because crc32.Update would move the eight bytes to the heap
	for c, i := uint64(cluster), 0; i < 8; c, i = c>>8, i+1 {
		sum = castagnoli[byte(sum)^byte(c)] ^ sum>>8
	}
	return crc32.Update(crc32.Update(^sum, castagnoli, block), castagnoli, table)
}

// decode reads a header or trailer from the start of p. What it accepts has a
// right checksum and lengths that fit one another; the rest is for the caller. The memory of b's runs is used again.
func (b *block) decode(p []byte, magic uint32) (length int, ok bool) {
	if len(p) < blockMin || le.Uint32(p) != magic {
		return 0, false
	}
	length = int(le.Uint32(p[4:]))
	runs := int(le.Uint32(p[blockFixed-4:]))
	if length < blockMin || length > len(p) || runs != (length-blockMin)/runBytes || length != blockLen(runs) {
		return 0, false
	}
	if le.Uint32(p[length-4:]) != checksum(p[:length-4]) {
		return 0, false
	}
	b.segment, b.offset, b.batch = le.Uint64(p[8:]), int64(le.Uint64(p[16:])), le.Uint64(p[24:])
	b.sectors, b.prev = le.Uint32(p[32:]), le.Uint32(p[36:])
	b.claim.decode(p[40:])
	b.cut = decodeCut(p[cutAt:])
	b.truncate, b.first = raft.Index(le.Uint64(p[cutAt+16:])), raft.Index(le.Uint64(p[cutAt+24:]))
	b.entries, b.fills = le.Uint32(p[countsAt:]), le.Uint32(p[countsAt+4:])
	b.reset = le.Uint32(p[countsAt+8:]) != 0
	b.runs = slices.Grow(b.runs[:0], runs)[:runs]
	decodeRuns(b.runs, p[blockFixed:])
	b.frame = le.Uint32(p[length-8:])
	return length, true
}

// isAt says whether a block was written for this place.
func (b *block) isAt(segment uint64, offset int64, batch uint64) bool {
	return b.segment == segment && b.offset == offset && b.batch == batch
}

// lastBefore returns the last of the entries of earlier batches that are left behind this one.
func (b *block) lastBefore() raft.Index { return b.claim.last.Index - raft.Index(b.entries) }

// sane says whether a block could be one: as with claims, the checksum has vouched for the
// bytes, and this vouches for the writer.
func (b *block) sane() bool {
	if b.sectors == 0 || !b.claim.sane() || b.claim.oldest > b.segment || b.claim.last.Index < raft.Index(b.entries) {
		return false
	}
	before := b.lastBefore()
	if before < b.claim.base.Index || b.reset && before != b.claim.base.Index ||
		b.truncate != 0 && b.truncate != before+1 {
		return false
	}
	if b.entries == 0 {
		return len(b.runs) == 0 && b.first == 0
	}
	if b.first != before+1 || len(b.runs) == 0 || b.runs[0].first != b.first || b.runs[0].term == 0 {
		return false
	}
	for i := 1; i < len(b.runs); i++ {
		if b.runs[i].first <= b.runs[i-1].first || b.runs[i].term <= b.runs[i-1].term {
			return false
		}
	}
	newest := b.runs[len(b.runs)-1]
	return newest.first <= b.claim.last.Index && newest.term == b.claim.last.Term
}
