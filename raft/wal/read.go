package wal

import (
	"bytes"
	"slices"

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
	entries  []raft.Entry // listed: all; those that are bad are holes, without kind and payload
	fills    []raft.Entry // listed: those that are good
}

// expected is what the next batch must say.
type expected struct {
	cluster raft.ClusterID
	tags    tags
	at      place // segment and offset where it begins; the batch and frame before it
}

// forget makes room for what another place holds.
func (r *reading) forget() {
	*r = reading{block: block{runs: r.block.runs[:0]}, entries: r.entries[:0], fills: r.fills[:0]}
}

// clear lets go of all that was ever read.
func (r *reading) clear() {
	clear(r.entries[:cap(r.entries)])
	clear(r.fills[:cap(r.fills)])
	r.forget()
}

// readBatch reads into r the batch that should begin at a place of data.
func (u *unstuffer) readBatch(r *reading, data []byte, want expected) {
	r.forget()
	n := want.at.batch + 1
	at, tag := want.at.offset, want.tags.of(n)
	if at+sectorBytes > int64(len(data)) || tagAt(data, at) != tag {
		if r.what = "no batch where one should begin"; u.readTrailer(r, data, want) {
			r.what = "first sector of the batch is missing"
		}
		return
	}
	stream, sectors := u.destuff(data[at:], tag)
	b := &r.block
	length, ok := b.decode(stream, headerMagic)
	if !ok || !b.isAt(want.at.segment, at, n) || !b.sane() {
		u.readTrailer(r, data, want)
		r.what = "batch header checksum mismatch"
		return
	}
	r.known = true
	r.listed, r.what = r.list(stream, length, want)
	switch {
	case r.what != "":
	case sectors < int64(b.sectors):
		r.what = "batch is cut off"
	case !trailerMatches(stream, length, b.sectors):
		r.what = "batch trailer does not match its header"
	case b.prev != want.at.frame:
		r.complete, r.what = true, "batch does not follow the one before"
	default:
		r.complete, r.whole = true, true
	}
	if !r.listed {
		r.entries, r.fills = r.entries[:0], r.fills[:0]
	}
}

// list reads table and payloads. It is not listed if the table can't be trusted;
// what tells the first fault.
func (r *reading) list(stream []byte, length int, want expected) (listed bool, what string) {
	b := &r.block
	records := uint64(length) + uint64(b.entries)*recordBytes
	end := records + uint64(b.fills)*fillBytes
	if end > uint64(len(stream)) {
		return false, "batch is cut off"
	}
	table := stream[length:end]
	if frameSum(want.cluster, stream[8:length-blockSums], table) != b.frame {
		return false, "batch frame checksum mismatch"
	}
	payloads := payloadBytes(stream[length:records], stream[records:end])
	l := lister{cluster: want.cluster, rest: bytes.Clone(stream[end:min(end+payloads, uint64(len(stream)))])}
	r.entries = slices.Grow(r.entries, int(b.entries))
	run := 0
	for i := range raft.Index(b.entries) {
		id := raft.EntryID{Index: b.first + i}
		if run+1 < len(b.runs) && b.runs[run+1].first <= id.Index {
			run++
		}
		id.Term = b.runs[run].term
		e, ok := l.entry(id, table[i*recordBytes:])
		if !ok {
			e = raft.Entry{Index: id.Index, Term: id.Term, Sum: e.Sum}
		}
		r.entries = append(r.entries, e)
	}
	for table := stream[records:end]; len(table) > 0; table = table[fillBytes:] {
		if e, ok := l.entry(decodeID(table), table[16:]); ok {
			r.fills = append(r.fills, e)
		}
	}
	if size := end + payloads; streamSectors(size)+streamSectors(uint64(length)) != uint64(b.sectors) {
		return false, "batch claims a wrong number of sectors"
	}
	return true, l.what
}

// lister reads the payloads of a table's entries, one after the other.
type lister struct {
	cluster raft.ClusterID
	rest    []byte
	what    string // the first fault
}

// payloadBytes returns how long the payloads of a table are, whose records of entries come before those of fills.
func payloadBytes(records, fills []byte) (size uint64) {
	for at := 8; at < len(records); at += recordBytes {
		size += uint64(le.Uint32(records[at:]))
	}
	for at := 16 + 8; at < len(fills); at += fillBytes {
		size += uint64(le.Uint32(fills[at:]))
	}
	return size
}

// entry reads the next one; it is not ok if the payload is not there or not the one that was
// stored.
func (l *lister) entry(id raft.EntryID, record []byte) (e raft.Entry, ok bool) {
	e = raft.Entry{
		Index: id.Index,
		Term:  id.Term,
		Time:  raft.LogTime(le.Uint64(record[0:])),
		Sum:   le.Uint32(record[12:]),
		Kind:  raft.EntryKind(record[16]),
	}
	size := uint64(le.Uint32(record[8:]))
	if size > uint64(len(l.rest)) {
		l.rest = nil
		l.fault("batch is cut off")
		return e, false
	}
	if size > 0 {
		e.Payload = l.rest[:size:size]
	}
	l.rest = l.rest[size:]
	if e.Kind == 0 || raft.EntrySum(l.cluster, &e) != e.Sum {
		l.fault("entry checksum mismatch")
		return e, false
	}
	return e, true
}

func (l *lister) fault(what string) {
	if l.what == "" {
		l.what = what
	}
}

// trailerMatches says whether the trailer of so many sectors repeats the header, which is so long: all but its
// magic, and with it its own checksum.
func trailerMatches(stream []byte, length int, sectors uint32) bool {
	at := (uint64(sectors) - streamSectors(uint64(length))) * sectorRoom
	header, trailer := stream[:length], stream[at:]
	if len(trailer) < length || le.Uint32(trailer) != trailerMagic {
		return false
	}
	trailer = trailer[:length]
	sums := length - 4
	return bytes.Equal(trailer[4:sums], header[4:sums]) && le.Uint32(trailer[sums:]) == checksum(trailer[:sums])
}

// readTrailer looks for the trailer of a batch whose header is lost, and reports whether it is there.
func (u *unstuffer) readTrailer(r *reading, data []byte, want expected) bool {
	n := want.at.batch + 1
	tag := want.tags.of(n)
	for at := want.at.offset; at+sectorBytes <= int64(len(data)); at += sectorBytes {
		found := tagAt(data, at)
		if found != tag {
			if later, ok := want.tags.number(found); ok && later > n {
				break
			}
			continue
		}
		if le.Uint32(data[at+tagBytes:]) != trailerMagic {
			continue
		}
		stream, _ := u.destuff(data[at:], tag)
		b := &r.block
		if _, ok := b.decode(stream, trailerMagic); ok && b.isAt(want.at.segment, want.at.offset, n) && b.sane() {
			r.known = true
			return true
		}
	}
	return false
}

// unstuffer takes streams out of their sectors, one after the other, into memory that it keeps: what is kept of a stream
// is copied.
type unstuffer struct{ stream []byte }

// destuff returns the stream of the sectors from the start of data that carry a
// tag, and how many they are. It is valid until the next call.
func (u *unstuffer) destuff(data []byte, tag uint64) (stream []byte, sectors int64) {
	for int64(len(data)) >= (sectors+1)*sectorBytes && tagAt(data, sectors*sectorBytes) == tag {
		sectors++
	}
	stream = slices.Grow(u.stream[:0], int(sectors*sectorRoom))
	for i := range sectors {
		stream = append(stream, data[i*sectorBytes+tagBytes:(i+1)*sectorBytes]...)
	}
	u.stream = stream
	return stream, sectors
}

// tagAt returns the tag of the sector at an offset.
func tagAt(data []byte, at int64) uint64 { return le.Uint64(data[at:]) }

// remains is what lies behind the end of a log, or behind its last good batch.
type remains struct {
	own   bool  // sectors of batch n, which is bad or was never finished
	other bool  // sectors that no writer puts there before n was synced, or that hide whether one did
	stray int64 // the offset of the first sector that is damaged and was blank, or zero
}

// written says whether anything of batch n or a later one may be there.
func (r remains) written() bool { return r.own || r.other }

// behind says what the sectors from an offset on prove about the batch n that is
// bad there.
//
// A batch that was synced has no blank sector among its own, and is two sectors or more. So n was not synced if there is one in its first two
// places. Behind it nothing but the number of a later batch proves anything: garbage is what rotted while it was blank, perhaps long
// before the segment was used again. Before the first blank sector garbage may be a part of n, or of a later batch.
func behind(data []byte, at int64, n uint64, t tags) (r remains) {
	own, last := t.of(n), uint64(0) // the last blank tag: the next sector's is mostly the same
	places, garbage, blank := 0, int64(0), false
	for ; at+sectorBytes <= int64(len(data)); at += sectorBytes {
		tag := tagAt(data, at)
		if tag == last || t.blank(tag) {
			last, blank = tag, true
			continue
		}
		stray := false
		switch {
		case tag == own || t.torn(tag, n):
			r.own = true
		case t.strayed(data[at : at+sectorBytes]):
			stray, blank = true, true
		case !t.garbage(tag):
			r.other = true
		case blank:
			stray = true
		case garbage == 0:
			garbage = at
		}
		if stray && r.stray == 0 {
			r.stray = at
		}
		if !blank {
			places++
		}
	}
	switch {
	case garbage == 0:
	case places > 1:
		r.other = true
	default:
		r.stray = garbage
	}
	if r.other {
		r.stray = 0
	}
	return r
}

// findBatch looks for the first readable header of a batch after n.
func (u *unstuffer) findBatch(data []byte, segment uint64, at int64, n uint64, t tags) (b block, found bool) {
	for ; at+sectorBytes <= int64(len(data)); at += sectorBytes {
		if le.Uint32(data[at+tagBytes:]) != headerMagic {
			continue
		}
		tag := tagAt(data, at)
		later, ok := t.number(tag)
		if !ok || later <= n {
			continue
		}
		stream, _ := u.destuff(data[at:], tag)
		if _, ok := b.decode(stream, headerMagic); ok && b.isAt(segment, at, later) && b.sane() {
			return b, true
		}
	}
	return block{}, false
}

// formatOf says in which format the batches of a segment without a readable header are. One number in 65,536 has the
// check 0, so that its tag is the same in both: such a batch tells nothing.
func (u *unstuffer) formatOf(data []byte, segment uint64) uint32 {
	for at := int64(bodyStart); ; at += sectorBytes {
		b, found := u.findBatch(data, segment, at, 0, tags{format: 1})
		if !found {
			return formatVersion
		}
		if check16(b.batch) != 0 {
			return 1
		}
		at = b.offset
	}
}
