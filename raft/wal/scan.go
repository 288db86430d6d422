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

	empty    bool     // the directory holds nothing at all
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
	s.empty = len(names) == 0
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
	for newest || at.offset < limit {
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
// It must not be complete, nothing of a later batch may lie behind, and no seal may
// cover it.
func (s *scan) isEnd(data []byte, at place, r *reading) bool {
	n := at.batch + 1
	own, other := behind(data, at.offset, n)
	if other || s.seal.at.batch >= n || r.complete {
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
