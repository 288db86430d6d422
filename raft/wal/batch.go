package wal

import (
	"hash/crc32"

	"parley/raft"
)

// Batch is what one write to the log makes durable: one hard state, and a change
// of the entries. Truncation is a field like any other: the file only grows, and
// recovery replays it.
type Batch struct {
	Hard        raft.HardState
	ConfigIndex raft.Index // of the newest configuration entry in the log after this batch, or zero
	Truncate    raft.Index // if not zero: entries from this index on are gone
	Entries     []raft.Entry
}

// A batch fills whole sectors. Each sector begins with the batch number, 8 bytes;
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
//	 40  claim 48
//	 88  truncate 8
//	 96  index of the first entry, or zero 8
//	104  lowest index that the batch before changed, or zero 8
//	112  count of entries 4     116  count of term runs 4
//	120  term runs: term 8, index of its first entry in this batch 8
//	  …  frame checksum 4
//	  …  checksum of the block up to here 4
//
// The claim is how node and log stand after the batch:
//
//	 0  term 8     8  vote: id 8, incarnation 8     24  configuration index 8
//	32  last index 8     40  last term 8
//
// The table has 20 bytes for each entry; index and term follow from the runs:
//
//	 0  log time 8     8  length of the payload 4     12  entry checksum 4
//	16  kind 1         17 zeros 3
//
// The frame checksum covers the cluster id, the block from byte 8 to the end of
// the runs, and the table, and with it the entry checksums, which cover the
// payloads. So a rotten payload condemns its entry and no other.
const (
	headerMagic  = 0x31484250
	trailerMagic = 0x31544250
	blockFixed   = 120
	runBytes     = 16
	blockSums    = 8
	blockMin     = blockFixed + blockSums
	recordBytes  = 20
)

// claim is how node and log stand after a batch.
type claim struct {
	hard     raft.HardState
	config   raft.Index
	last     raft.Index
	lastTerm raft.Term
}

func appendClaim(dst []byte, c claim) []byte {
	dst = le.AppendUint64(dst, uint64(c.hard.Term))
	dst = le.AppendUint64(dst, uint64(c.hard.Vote.ID))
	dst = le.AppendUint64(dst, uint64(c.hard.Vote.Inc))
	dst = le.AppendUint64(dst, uint64(c.config))
	dst = le.AppendUint64(dst, uint64(c.last))
	return le.AppendUint64(dst, uint64(c.lastTerm))
}

func decodeClaim(p []byte) claim {
	return claim{
		hard: raft.HardState{
			Term: raft.Term(le.Uint64(p[0:])),
			Vote: raft.Ident{ID: raft.NodeID(le.Uint64(p[8:])), Inc: raft.Incarnation(le.Uint64(p[16:]))},
		},
		config:   raft.Index(le.Uint64(p[24:])),
		last:     raft.Index(le.Uint64(p[32:])),
		lastTerm: raft.Term(le.Uint64(p[40:])),
	}
}

// run is a stretch of entries of one term; it ends where the next begins.
type run struct {
	term  raft.Term
	first raft.Index
}

// block is what header and trailer of a batch say.
type block struct {
	segment    uint64
	offset     int64
	batch      uint64
	sectors    uint32
	prev       uint32 // frame checksum of the batch before
	claim      claim
	truncate   raft.Index
	first      raft.Index
	prevLowest raft.Index
	entries    uint32
	runs       []run
	frame      uint32
}

// lowest returns the lowest index that the batch changes, or zero.
func (b *block) lowest() raft.Index {
	if b.truncate != 0 {
		return b.truncate
	}
	return b.first
}

// encoder builds batches in memory that it keeps.
type encoder struct {
	cluster raft.ClusterID
	block   []byte
	table   []byte
	out     []byte // whole sectors
	batch   uint64
}

// encode lays out a batch and returns its sectors, valid until the next call,
// and its frame checksum. Runs and count of b are filled in already.
func (e *encoder) encode(b *block, entries []raft.Entry) ([]byte, uint32) {
	b.sectors = sectorsOf(len(b.runs), entries)
	e.table = e.table[:0]
	for i := range entries {
		en := &entries[i]
		e.table = le.AppendUint64(e.table, uint64(en.Time))
		e.table = le.AppendUint32(e.table, uint32(len(en.Payload)))
		e.table = le.AppendUint32(e.table, en.Sum)
		e.table = append(e.table, byte(en.Kind), 0, 0, 0)
	}
	e.block = appendBlock(e.block[:0], b)
	b.frame = frameSum(e.cluster, e.block[8:], e.table)
	e.block = le.AppendUint32(e.block, b.frame)
	e.block = le.AppendUint32(e.block, checksum(e.block))

	e.out, e.batch = e.out[:0], b.batch
	e.put(e.block)
	e.put(e.table)
	for i := range entries {
		e.put(entries[i].Payload)
	}
	e.pad()
	le.PutUint32(e.block, trailerMagic)
	end := len(e.block) - 4
	le.PutUint32(e.block[end:], checksum(e.block[:end]))
	e.put(e.block)
	e.pad()
	return e.out, b.frame
}

// put appends bytes to the stream, beginning sectors as needed.
func (e *encoder) put(p []byte) {
	for len(p) > 0 {
		used := len(e.out) % sectorBytes
		if used == 0 {
			e.out = le.AppendUint64(e.out, e.batch)
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
	dst = appendClaim(dst, b.claim)
	dst = le.AppendUint64(dst, uint64(b.truncate))
	dst = le.AppendUint64(dst, uint64(b.first))
	dst = le.AppendUint64(dst, uint64(b.prevLowest))
	dst = le.AppendUint32(dst, b.entries)
	dst = le.AppendUint32(dst, uint32(len(b.runs)))
	for _, r := range b.runs {
		dst = le.AppendUint64(dst, uint64(r.term))
		dst = le.AppendUint64(dst, uint64(r.first))
	}
	return dst
}

func blockLen(runs int) int { return blockFixed + runs*runBytes + blockSums }

// streamSectors is how many sectors n bytes of a stream take.
func streamSectors(n uint64) uint64 { return (n + sectorRoom - 1) / sectorRoom }

// sectorsOf is how many sectors a batch takes.
func sectorsOf(runs int, entries []raft.Entry) uint32 {
	n := uint64(blockLen(runs)) + uint64(len(entries))*recordBytes
	for i := range entries {
		n += uint64(len(entries[i].Payload))
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

// decodeBlock reads a header or trailer from the start of p. What it accepts has a
// right checksum and lengths that fit one another; the rest is for the caller.
func decodeBlock(p []byte, magic uint32) (b block, length int, ok bool) {
	if len(p) < blockMin || le.Uint32(p) != magic {
		return block{}, 0, false
	}
	length = int(le.Uint32(p[4:]))
	runs := int(le.Uint32(p[116:]))
	if length < blockMin || length > len(p) || runs != (length-blockMin)/runBytes || length != blockLen(runs) {
		return block{}, 0, false
	}
	if le.Uint32(p[length-4:]) != checksum(p[:length-4]) {
		return block{}, 0, false
	}
	b = block{
		segment:    le.Uint64(p[8:]),
		offset:     int64(le.Uint64(p[16:])),
		batch:      le.Uint64(p[24:]),
		sectors:    le.Uint32(p[32:]),
		prev:       le.Uint32(p[36:]),
		claim:      decodeClaim(p[40:]),
		truncate:   raft.Index(le.Uint64(p[88:])),
		first:      raft.Index(le.Uint64(p[96:])),
		prevLowest: raft.Index(le.Uint64(p[104:])),
		entries:    le.Uint32(p[112:]),
		frame:      le.Uint32(p[length-8:]),
	}
	for at := blockFixed; at < length-blockSums; at += runBytes {
		b.runs = append(b.runs, run{term: raft.Term(le.Uint64(p[at:])), first: raft.Index(le.Uint64(p[at+8:]))})
	}
	return b, length, true
}
