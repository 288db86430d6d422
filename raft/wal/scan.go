package wal

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"parley/raft"
	"parley/raft/vfs"
)

// scan is what the files of a log say. Making one changes nothing.
type scan struct {
	fs      vfs.FS
	dir     string
	cluster raft.ClusterID // zero: of whatever the first file says

	temps    []string // files that are no part of the log
	numbers  []uint64 // of all segments there are
	chain    []header // of those that are part of the log, oldest first
	sealFile bool
	seal     seal

	was    Recovered
	read   []segmentRead // for each of chain
	tail   place         // the end of the last good batch
	before place         // the end of the one before that
	last   *reading      // the last good batch
	lowest raft.Index    // the lowest index it changed

	lost     bool   // what a batch changed is not known
	lostFrom uint64 // it was this one, if only one
	lostNote int    // its place in was.Damage
}

// segmentRead is how much of a segment belongs to the log.
type segmentRead struct {
	end     int64
	batches uint64
}

// look reads all files of a log. Errors are those of the file system, and the
// typed ones for a newer format and another cluster; damage is none.
func look(fs vfs.FS, dir string, cluster raft.ClusterID) (*scan, error) {
	s := &scan{fs: fs, dir: dir, cluster: cluster}
	s.was.Certain = true
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if number, ok := segmentNumber(name); ok {
			s.numbers = append(s.numbers, number)
		} else if name == sealName {
			s.sealFile = true
		} else if name == nextName || name == sealName+".tmp" {
			s.temps = append(s.temps, name)
		}
	}
	if err := s.lookSeal(); err != nil {
		return nil, err
	}
	if err := s.lookChain(); err != nil {
		return nil, err
	}
	for i := range s.chain {
		if err := s.lookSegment(i); err != nil {
			return nil, err
		}
	}
	s.conclude()
	return s, nil
}

// damage notes a place that is damaged. Which entries it costs is noted apart.
func (s *scan) damage(d Damage) { s.was.Damage = append(s.was.Damage, d) }

// belongs checks whose file it is.
func (s *scan) belongs(file string, cluster raft.ClusterID) error {
	if s.cluster == 0 {
		s.cluster = cluster
	}
	if cluster != s.cluster {
		return &ClusterError{File: file, Got: cluster, Want: s.cluster}
	}
	return nil
}

// lookSeal reads the seal file. One bad slot is wear: a crash while it was
// written, or rot; the other is older and as true.
func (s *scan) lookSeal() error {
	if !s.sealFile {
		if len(s.numbers) > 0 {
			s.damage(Damage{File: sealName, What: "the file is missing"})
		}
		return nil
	}
	data, err := s.readFile(sealName, sealBytes)
	if err != nil {
		return err
	}
	good := 0
	for i := range int64(2) {
		at := min(i*blockBytes, int64(len(data)))
		slot, cluster, ok, err := decodeSeal(data[at:])
		if err != nil {
			return err
		}
		if !ok {
			s.was.Worn = append(s.was.Worn, Damage{File: sealName, Offset: i * blockBytes, What: "slot checksum mismatch"})
			continue
		}
		if err := s.belongs(sealName, cluster); err != nil {
			return err
		}
		if good == 0 || slot.sequence > s.seal.sequence {
			s.seal = slot
		}
		good++
	}
	if good == 0 {
		s.damage(Damage{File: sealName, What: "both slots are damaged"})
	}
	return nil
}

// lookChain follows the headers back from the newest segment. Segments that it
// does not meet are superseded.
func (s *scan) lookChain() error {
	if len(s.numbers) == 0 {
		return nil
	}
	for number := s.numbers[len(s.numbers)-1]; number != 0; {
		h, err := s.lookHeader(number)
		if err != nil {
			return err
		}
		if h.segment == 0 {
			// What came before is somewhere, but who knows up to where it counts.
			s.lose(0)
			break
		}
		s.chain = append(s.chain, h)
		if h.from.segment >= number || h.from.segment == 0 && h.from != (place{}) {
			s.damage(Damage{File: segmentName(number), Number: number, What: fmt.Sprintf("the header says that it continues from segment %d", h.from.segment)})
			s.lose(0)
			break
		}
		number = h.from.segment
	}
	slices.Reverse(s.chain)
	return nil
}

// lookHeader reads a segment's header from either copy; a zero header is damage.
func (s *scan) lookHeader(number uint64) (header, error) {
	name := segmentName(number)
	if _, ok := slices.BinarySearch(s.numbers, number); !ok {
		s.damage(Damage{File: name, Number: number, What: "the file is missing"})
		return header{}, nil
	}
	data, err := s.readFile(name, bodyStart)
	if err != nil {
		return header{}, err
	}
	var found header
	var worn []Damage
	for i := range int64(2) {
		at := min(i*blockBytes, int64(len(data)))
		h, ok, err := decodeHeader(data[at:], number)
		if err != nil {
			return header{}, err
		}
		if !ok {
			worn = append(worn, Damage{File: name, Number: number, Offset: i * blockBytes, What: "header checksum mismatch"})
			continue
		}
		if err := s.belongs(name, h.cluster); err != nil {
			return header{}, err
		}
		found = h
	}
	if found.segment == 0 {
		s.damage(Damage{File: name, Number: number, What: "header checksum mismatch, in both copies"})
		return header{}, nil
	}
	s.was.Worn = append(s.was.Worn, worn...)
	return found, nil
}

// lookSegment replays one segment of the chain.
func (s *scan) lookSegment(i int) error {
	h := s.chain[i]
	newest := i == len(s.chain)-1
	limit := int64(-1)
	if !newest {
		limit = s.chain[i+1].from.offset
	}
	data, err := s.readFile(segmentName(h.segment), limit)
	if err != nil {
		return err
	}
	at := place{segment: h.segment, offset: bodyStart, batch: h.from.batch, frame: h.from.frame}
	first := h.from.batch
	for !newest && at.offset < limit || newest {
		r := readBatch(data, expected{cluster: s.cluster, at: at})
		if r.whole && s.follows(&r.block) {
			s.take(&r, at)
			at = s.tail
			continue
		}
		if newest && s.isEnd(data, at, &r) {
			break
		}
		next, ok := s.skip(data, at, &r)
		if !ok {
			break
		}
		at = next
	}
	if !newest {
		if to := s.chain[i+1].from; at != to && len(s.was.Damage) == 0 {
			s.damage(Damage{File: segmentName(h.segment), Number: h.segment, Offset: at.offset, Batch: at.batch + 1,
				What: fmt.Sprintf("segment %d continues from elsewhere", s.chain[i+1].segment)})
			s.lose(0)
		}
	}
	s.read = append(s.read, segmentRead{end: at.offset, batches: at.batch - first})
	return nil
}

// follows says whether a batch fits the log before it, as far as that is known.
func (s *scan) follows(b *block) bool {
	if s.lost {
		return true
	}
	last := s.was.Last
	if b.truncate != 0 {
		if b.truncate > last+1 {
			return false
		}
		last = b.truncate - 1
	}
	before, term := s.was.termAt(last), b.claim.lastTerm
	if b.entries > 0 && len(b.runs) > 0 {
		term = b.runs[0].term
	}
	return (b.entries == 0 && term == before || b.entries > 0 && b.first == last+1 && term >= before) &&
		b.claim.last == last+raft.Index(b.entries) && b.prevLowest == s.lowest
}

// take replays a batch that is whole.
func (s *scan) take(r *reading, at place) {
	b := &r.block
	s.found(b)
	s.was.apply(b, r.entries)
	s.lowest = b.lowest()
	s.before = s.tail
	if b.batch == 1 || s.last == nil {
		s.before = s.startOf(at)
	}
	s.tail = endOf(at, b)
	s.last = r
	if b.batch == s.seal.at.batch && b.frame != s.seal.at.frame {
		s.damage(Damage{File: segmentName(at.segment), Number: at.segment, Offset: at.offset, Batch: b.batch,
			What: "another batch than the one that was sealed"})
		s.lose(0)
	}
}

// startOf returns the place that the batch at a place continues from, as a segment's
// header would name it.
func (s *scan) startOf(at place) place {
	if at.offset == bodyStart {
		return s.headerOf(at.segment).from
	}
	return at
}

func (s *scan) headerOf(segment uint64) header {
	for _, h := range s.chain {
		if h.segment == segment {
			return h
		}
	}
	return header{}
}

// endOf is where a batch ends that begins at a place.
func endOf(at place, b *block) place {
	return place{segment: at.segment, offset: at.offset + int64(b.sectors)*sectorBytes, batch: b.batch, frame: b.frame}
}

// isEnd says whether the log ends here: cleanly, or with a batch that a crash tore.
// Nothing of a later batch may lie behind, and no seal may cover it.
func (s *scan) isEnd(data []byte, at place, r *reading) bool {
	n := at.batch + 1
	own, other := behind(data, at.offset, n)
	if other || s.seal.at.batch >= n || r.whole {
		return false
	}
	if own {
		s.was.Torn = &TornBatch{Segment: at.segment, Offset: at.offset, Batch: n}
		if r.known && r.block.entries > 0 && r.block.first != 0 && r.block.first <= r.block.claim.last {
			s.was.Torn.First, s.was.Torn.Last = r.block.first, r.block.claim.last
		}
	}
	return true
}

// skip notes a damaged batch and finds the next one.
func (s *scan) skip(data []byte, at place, r *reading) (next place, ok bool) {
	d := Damage{File: segmentName(at.segment), Number: at.segment, Offset: at.offset, Batch: at.batch + 1, What: r.what}
	if r.whole {
		d.What = "batch does not fit the log before it"
	}
	if r.known && !r.whole && s.follows(&r.block) && r.block.sane() {
		s.found(&r.block)
		s.was.apply(&r.block, r.entries)
		s.lowest = r.block.lowest()
		d.First, d.Last = s.missing(&r.block)
		s.damage(d)
		return endOf(at, &r.block), true
	}
	s.damage(d)
	s.lose(at.batch + 1)
	b, ok := findBatch(data, at.segment, at.offset+sectorBytes, at.batch)
	if !ok {
		return place{}, false
	}
	return place{segment: at.segment, offset: b.offset, batch: b.batch - 1, frame: b.prev}, true
}

// sane says whether a block whose table is unknown may be replayed.
func (b *block) sane() bool {
	if b.sectors == 0 {
		return false
	}
	if b.entries == 0 {
		return b.first == 0
	}
	last := b.first + raft.Index(b.entries) - 1
	return b.first != 0 && last >= b.first && last == b.claim.last && last != indexMax &&
		(b.truncate == 0 || b.truncate == b.first)
}

// missing returns the range of a batch's entries that are not present.
func (s *scan) missing(b *block) (first, last raft.Index) {
	for _, d := range s.was.damaged {
		if b.entries > 0 && d.last >= b.first {
			if first == 0 {
				first = max(d.first, b.first)
			}
			last = d.last
		}
	}
	return first, last
}

// lose notes that what a batch changed is not known; zero is "more than one".
func (s *scan) lose(batch uint64) {
	if s.lost {
		batch = 0
	}
	s.lost, s.lostFrom, s.lostNote = true, batch, len(s.was.Damage)-1
	s.was.Certain = false
}

// found closes a gap at a batch that is known: if only the batch before it is
// missing, it tells how far down that one reached, else any index may be
// another than it seems.
func (s *scan) found(b *block) {
	if !s.lost {
		return
	}
	from := raft.Index(1)
	if s.lostFrom == b.batch-1 && s.lostFrom != 0 {
		from = b.prevLowest
	}
	s.condemn(from, b.claim.last-min(b.claim.last, raft.Index(b.entries)))
}

// condemn marks everything from an index to the end of the log as damaged and
// ends the gap. From zero, nothing was changed.
func (s *scan) condemn(from, last raft.Index) {
	s.lost, s.lostFrom = false, 0
	s.was.Certain = true
	s.was.truncate(last + 1)
	if from != 0 && from <= last {
		s.was.condemn(span{from, last})
		s.was.Damage[s.lostNote].First, s.was.Damage[s.lostNote].Last = from, last
	}
}

// conclude checks what the seal vouches for and closes a gap at the end.
func (s *scan) conclude() {
	end := s.tail.batch
	if len(s.chain) == 0 && s.seal.at.batch > 0 && len(s.was.Damage) == 0 {
		s.damage(Damage{File: sealName, What: fmt.Sprintf("batch %d was sealed, but there is no segment", s.seal.at.batch)})
		s.lose(0)
	}
	if s.seal.at.batch > end && len(s.was.Damage) == 0 {
		s.damage(Damage{File: segmentName(s.tail.segment), Number: s.tail.segment, Offset: s.tail.offset,
			What: fmt.Sprintf("batch %d was sealed, but the log ends with %d", s.seal.at.batch, end)})
		s.lose(0)
	}
	if s.lost {
		s.concludeLost()
	}
	s.was.finish()
}

// concludeLost closes a gap at the end: by the seal's copy of the claim, if it was
// the sealed batch that is lost, else with everything in doubt.
func (s *scan) concludeLost() {
	if c := s.seal.claim; s.lostFrom != 0 && s.lostFrom == s.seal.at.batch {
		s.condemn(s.seal.from, c.last)
		s.was.claim(c)
		return
	}
	s.was.condemn(span{1, indexMax})
	s.was.Damage[s.lostNote].First, s.was.Damage[s.lostNote].Last = 1, indexMax
}

// readFile reads a file up to a limit; a negative limit is none.
func (s *scan) readFile(name string, limit int64) ([]byte, error) {
	f, err := s.fs.Open(join(s.dir, name))
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if limit >= 0 {
		size = min(size, limit)
	}
	data := make([]byte, size)
	if n, err := f.ReadAt(data, 0); err == io.EOF {
		data = data[:n]
	} else if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return data, f.Close()
}
