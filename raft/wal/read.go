package wal

import (
	"parley/raft"
)

// reading is what the sectors at one place turned out to hold.
type reading struct {
	block  block
	known  bool // header or trailer is readable: block is what was claimed
	listed bool // the frame checksum matches: every entry can be judged by itself
	// complete: everything the writer wrote is there, so that no crash cut it off.
	complete bool
	whole    bool // complete, and it follows the batch before
	what     string
	entries  []raft.Entry // whole: all; listed: those that are good
}

// expected is what the next batch must say.
type expected struct {
	cluster raft.ClusterID
	at      place // segment and offset where it begins; the batch and frame before it
}

// readBatch reads the batch that should begin at a place of data.
func readBatch(data []byte, want expected) reading {
	n := want.at.batch + 1
	at := want.at.offset
	if at+sectorBytes > int64(len(data)) || tagAt(data, at) != n {
		if r, ok := readTrailer(data, want); ok {
			r.what = "first sector of the batch is missing"
			return r
		}
		return reading{what: "no batch where one should begin"}
	}
	stream, sectors := destuff(data[at:], n)
	blk, length, ok := decodeBlock(stream, headerMagic)
	if !ok || !blk.isAt(want.at.segment, at, n) {
		r, _ := readTrailer(data, want)
		r.what = "batch header checksum mismatch"
		return r
	}
	r := reading{block: blk, known: true}
	r.listed, r.what = r.list(stream, length, want)
	switch {
	case r.what != "":
	case sectors < int64(blk.sectors):
		r.what = "batch is cut off"
	case !trailerMatches(stream, &blk):
		r.what = "batch trailer does not match its header"
	case blk.prev != want.at.frame:
		r.complete, r.what = true, "batch does not follow the one before"
	default:
		r.complete, r.whole = true, true
	}
	if !r.listed {
		r.entries = nil
	}
	return r
}

// isAt says whether a block was written for this place.
func (b *block) isAt(segment uint64, offset int64, batch uint64) bool {
	return b.segment == segment && b.offset == offset && b.batch == batch
}

// list reads table and payloads. It is not listed if the table can't be trusted;
// what tells the first fault.
func (r *reading) list(stream []byte, length int, want expected) (listed bool, what string) {
	b := &r.block
	end := uint64(length) + uint64(b.entries)*recordBytes
	if end > uint64(len(stream)) {
		return false, "batch is cut off"
	}
	table := stream[length:end]
	if frameSum(want.cluster, stream[8:length-blockSums], table) != b.frame {
		return false, "batch frame checksum mismatch"
	}
	if what := b.nonsense(table); what != "" {
		return false, what
	}
	r.entries = make([]raft.Entry, 0, b.entries)
	rest, run := stream[end:], 0
	for i := range uint64(b.entries) {
		record := table[i*recordBytes:]
		e := raft.Entry{
			Index: b.first + raft.Index(i),
			Time:  raft.LogTime(le.Uint64(record[0:])),
			Sum:   le.Uint32(record[12:]),
			Kind:  raft.EntryKind(record[16]),
		}
		if run+1 < len(b.runs) && b.runs[run+1].first <= e.Index {
			run++
		}
		e.Term = b.runs[run].term
		size := uint64(le.Uint32(record[8:]))
		if size > uint64(len(rest)) {
			return true, "batch is cut off"
		}
		if size > 0 {
			e.Payload = rest[:size:size]
		}
		rest = rest[size:]
		if raft.EntrySum(want.cluster, &e) != e.Sum {
			if what == "" {
				what = "entry checksum mismatch"
			}
			continue
		}
		r.entries = append(r.entries, e)
	}
	return true, what
}

// nonsense says what no writer would have written, or nothing. The checksums have
// vouched for the bytes; this vouches for the writer.
func (b *block) nonsense(table []byte) string {
	size := uint64(blockLen(len(b.runs))) + uint64(len(table))
	for at := 0; at < len(table); at += recordBytes {
		size += uint64(le.Uint32(table[at+8:]))
	}
	if streamSectors(size)+streamSectors(uint64(blockLen(len(b.runs)))) != uint64(b.sectors) {
		return "batch claims a wrong number of sectors"
	}
	if b.entries == 0 {
		if len(b.runs) > 0 || b.first != 0 {
			return "batch claims terms without entries"
		}
		return ""
	}
	last := b.first + raft.Index(b.entries) - 1
	if b.first == 0 || last < b.first || b.claim.last != last || len(b.runs) == 0 || b.runs[0].first != b.first {
		return "batch claims entries that it does not have"
	}
	for i := 1; i < len(b.runs); i++ {
		if b.runs[i].first <= b.runs[i-1].first || b.runs[i].first > last || b.runs[i].term <= b.runs[i-1].term {
			return "batch claims terms out of order"
		}
	}
	if b.claim.lastTerm != b.runs[len(b.runs)-1].term || b.truncate != 0 && b.truncate != b.first {
		return "batch contradicts itself"
	}
	return ""
}

// trailerMatches says whether the trailer repeats the header.
func trailerMatches(stream []byte, b *block) bool {
	length := uint64(blockLen(len(b.runs)))
	at := (uint64(b.sectors) - streamSectors(length)) * sectorRoom
	t, _, ok := decodeBlock(stream[at:], trailerMagic)
	if !ok || len(t.runs) != len(b.runs) {
		return false
	}
	for i := range t.runs {
		if t.runs[i] != b.runs[i] {
			return false
		}
	}
	return t.isAt(b.segment, b.offset, b.batch) && t.sectors == b.sectors && t.prev == b.prev && t.claim == b.claim &&
		t.truncate == b.truncate && t.first == b.first && t.prevLowest == b.prevLowest && t.entries == b.entries && t.frame == b.frame
}

// readTrailer looks for the trailer of a batch whose header is lost.
func readTrailer(data []byte, want expected) (reading, bool) {
	n := want.at.batch + 1
	for at := want.at.offset; at+sectorBytes <= int64(len(data)); at += sectorBytes {
		tag := tagAt(data, at)
		if tag > n {
			break
		}
		if tag != n || le.Uint32(data[at+tagBytes:]) != trailerMagic {
			continue
		}
		stream, _ := destuff(data[at:], n)
		if b, _, ok := decodeBlock(stream, trailerMagic); ok && b.isAt(want.at.segment, want.at.offset, n) {
			return reading{block: b, known: true}, true
		}
	}
	return reading{}, false
}

// destuff returns the stream of the sectors from the start of data that carry a
// batch number, and how many they are.
func destuff(data []byte, batch uint64) (stream []byte, sectors int64) {
	for int64(len(data)) >= (sectors+1)*sectorBytes && tagAt(data, sectors*sectorBytes) == batch {
		sectors++
	}
	stream = make([]byte, 0, sectors*sectorRoom)
	for i := range sectors {
		stream = append(stream, data[i*sectorBytes+tagBytes:(i+1)*sectorBytes]...)
	}
	return stream, sectors
}

// tagAt returns the batch number of the sector at an offset; zero was never written.
func tagAt(data []byte, at int64) uint64 { return le.Uint64(data[at:]) }

// behind says what the sectors from an offset on prove about the batch n that is
// bad there: torn sectors of its own, or others, which no writer puts there before
// n was synced.
func behind(data []byte, at int64, n uint64) (own, other bool) {
	for ; at+sectorBytes <= int64(len(data)); at += sectorBytes {
		switch tag := tagAt(data, at); {
		case tag == 0:
		case tag == n || tornTag(tag, n):
			own = true
		default:
			other = true
		}
	}
	return own, other
}

// tornTag says whether a tag is what a sector of batch n holds whose write broke
// off within the tag: its first bytes, and the zeros of a sector never
// written before. It is no tag of batch n+1, which differs in the first byte.
func tornTag(tag, n uint64) bool {
	for bits := 8; bits < 64; bits += 8 {
		if tag == n&(1<<bits-1) {
			return true
		}
	}
	return false
}

// findBatch looks for the first readable header of a batch after n.
func findBatch(data []byte, segment uint64, at int64, n uint64) (block, bool) {
	for ; at+sectorBytes <= int64(len(data)); at += sectorBytes {
		tag := tagAt(data, at)
		if tag <= n || le.Uint32(data[at+tagBytes:]) != headerMagic {
			continue
		}
		stream, _ := destuff(data[at:], tag)
		if b, _, ok := decodeBlock(stream, headerMagic); ok && b.isAt(segment, at, tag) {
			return b, true
		}
	}
	return block{}, false
}
