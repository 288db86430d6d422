package wal

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sort"

	"parley/raft"
	"parley/raft/vfs"
)

// scan is what the files of a log say. Making one changes nothing.
type scan struct {
	fs      vfs.FS
	dir     string
	cluster raft.ClusterID // zero: of whatever the first file says
	oldest  uint64         // segments before this one do not matter any more
	tags    tags           // of the segment at hand
	*Memory

	empty    bool     // the directory holds nothing at all
	temps    []string // files that are no part of the log
	numbers  []uint64 // of all segments there are
	names    []string // theirs
	sealFile bool
	sealBad  bool // no slot is readable, or there is no file
	sealWorn bool // not both are
	seal     mark

	was   Recovered
	p     replay
	tail  place    // the end of the last batch that counts
	cut   cut      // there
	last  *reading // that batch, if it is whole: one of reads
	prior mark     // where it begins, as a header would say it
	stray bool     // what lies where nothing was written is damaged

	gap    gap
	unsure bool // whether the last batch is the one that was stored there last
	sealed bool // the seal alone tells of the last batch
}

// link is a segment of the chain.
type link struct {
	mark
	name     string
	path     string // the same, behind the directory's
	readable bool   // the header is; otherwise only its number is known
	joined   bool   // it continues from the link before it
	note     int    // why it is not joined: in was.Damage, or -1
	end      int64
	batches  uint64
}

// Memory is what opening a log reads into: who opens many, one after the other, hands it from one to the next. Its zero value is empty.
type Memory struct {
	chain []link // the segments that are part of the log, oldest first
	file  []byte // the file at hand
	reads [2]reading
	unstuffer
}

// release lets go of what was read. Nothing refers to the memory any more: what is kept of a log is copied.
func (m *Memory) release() {
	clear(m.chain)
	for i := range m.reads {
		m.reads[i].clear()
	}
}

// look reads all files of a log. Errors are those of the file system, and the
// typed ones for a newer format and another cluster; damage is none. The scan is good until the memory is released.
func look(fs vfs.FS, dir string, cluster raft.ClusterID, memory *Memory) (*scan, error) {
	s, err := lookFrom(fs, dir, cluster, 0, memory)
	if err != nil || !s.was.Certain || len(s.was.Damage)+len(s.was.Worn) == 0 {
		return s, err
	}
	oldest := s.p.claim.oldest
	for _, d := range slices.Concat(s.was.Damage, s.was.Worn) {
		if d.Number != 0 && d.Number < oldest {
			// What is wrong with segments that are gone or wait for it is of no interest.
			return lookFrom(fs, dir, cluster, oldest, memory)
		}
	}
	return s, nil
}

func lookFrom(fs vfs.FS, dir string, cluster raft.ClusterID, oldest uint64, memory *Memory) (*scan, error) {
	s := &scan{fs: fs, dir: dir, cluster: cluster, oldest: oldest, Memory: memory}
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	s.empty = len(names) == 0
	s.numbers, s.names = make([]uint64, 0, len(names)), make([]string, 0, len(names))
	for _, name := range names {
		if number, ok := segmentNumber(name); ok {
			s.numbers, s.names = append(s.numbers, number), append(s.names, name)
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

// nameOf returns the name of a segment, as the directory has it if it is there.
func (s *scan) nameOf(number uint64) string {
	if at, ok := slices.BinarySearch(s.numbers, number); ok {
		return s.names[at]
	}
	return segmentName(number)
}

// damage notes a place that is damaged and returns the note's number. Which entries it
// costs is noted apart.
func (s *scan) damage(d Damage) int {
	s.was.Damage = append(s.was.Damage, d)
	return len(s.was.Damage) - 1
}

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
		if s.sealBad = len(s.numbers) > 0; s.sealBad {
			s.sealWorn = true
			s.damage(Damage{File: sealName, What: "the file is missing"})
		}
		return nil
	}
	data, err := s.readFile(join(s.dir, sealName), 0, bodyStart)
	if err != nil {
		return err
	}
	var worn []Damage
	for i := range uint64(2) {
		var slot mark
		ok, err := s.readMark(&slot, data, i, sealName, 0)
		if err != nil {
			return err
		}
		if !ok {
			worn = append(worn, Damage{File: sealName, Offset: int64(i) * blockBytes, What: "slot checksum mismatch"})
		} else if slot.number >= s.seal.number {
			s.seal = slot
		}
	}
	s.sealWorn = len(worn) > 0
	if s.sealBad = len(worn) == 2; s.sealBad {
		s.damage(Damage{File: sealName, What: "both slots are damaged"})
		return nil
	}
	s.was.Worn = append(s.was.Worn, worn...)
	// A log that is not refused goes on at least to the sealed batch, and what matters never begins earlier than it did. So what came
	// before is not read. Without this a start after a compaction would find it missing, and would have to read all twice.
	s.oldest = max(s.oldest, s.seal.claim.oldest)
	return nil
}

// readMark reads one of the two copies of a segment's header, or one of the two slots of the seal, which has no number, and says
// whether it is good.
func (s *scan) readMark(m *mark, data []byte, which uint64, name string, number uint64) (ok bool, err error) {
	magic := segmentMagic
	if number == 0 {
		magic = sealMagic
	}
	at := min(which*blockBytes, uint64(len(data)))
	if ok, err = m.decode(data[at:], magic, name); !ok || err != nil {
		return false, err
	}
	if number != 0 && m.number != number || number == 0 && m.number%2 != which {
		return false, nil
	}
	return true, s.belongs(name, m.cluster)
}

// sameMark reports whether the two copies of a header are alike, byte for byte.
func sameMark(data []byte) bool {
	return len(data) >= blockBytes+markBytes && bytes.Equal(data[:markBytes], data[blockBytes:blockBytes+markBytes])
}

// lookSegment replays one segment of the chain.
func (s *scan) lookSegment(i int) error {
	g := &s.chain[i]
	newest := i == len(s.chain)-1
	joined := !newest && s.chain[i+1].joined
	limit := int64(-1)
	if joined {
		limit = s.chain[i+1].at.offset
	}
	data, err := s.readFile(g.path, bodyStart, limit)
	if err != nil {
		return err
	}
	at, ok := s.enter(i, data)
	for ok && (!joined || at.offset < limit) {
		r := s.other()
		s.readBatch(r, data, expected{cluster: s.cluster, tags: s.tags, at: at})
		if r.whole && (s.gap.open || s.follows(&r.block)) {
			s.take(r, at)
			at = s.tail
			continue
		}
		if newest && !s.gap.open && s.isEnd(data, at, r) {
			break
		}
		if !newest && !joined && !behind(data, at.offset, at.batch+1, s.tags).written() {
			break // as it should end; how the next one begins is another matter
		}
		next, found := s.skip(data, at, r)
		if !found {
			break
		}
		at = next
	}
	if g.end = at.offset; g.readable {
		g.batches = at.batch - g.at.batch
	}
	return nil
}

// other returns the reading that is not of the last batch.
func (s *scan) other() *reading {
	if s.last == &s.reads[0] {
		return &s.reads[1]
	}
	return &s.reads[0]
}

// follows says whether a batch fits the log before it.
func (s *scan) follows(b *block) bool {
	return b.cut == s.cutIn(b.segment) && s.p.follows(b)
}

// cutIn returns what was cut, as what comes next in a segment would say it.
func (s *scan) cutIn(segment uint64) cut {
	was := s.cut
	if segment != s.tail.segment {
		was.lowest = 0
	}
	return was
}

// take replays a batch that is whole.
func (s *scan) take(r *reading, at place) {
	b := &r.block
	s.prior = mark{at: s.startOf(at)}
	if s.prior.known = !s.gap.open; s.prior.known {
		s.prior.standing = standing{s.p.claim, s.cut}
	}
	s.close(&b.claim, b.cut, b.lastBefore(), at.segment)
	s.p.apply(r, at.segment)
	s.cut = b.cut.after(b)
	s.tail, s.last, s.unsure, s.sealed = endOf(at, b), r, false, false
	if b.batch == s.seal.at.batch && b.frame != s.seal.at.frame {
		// One of the two is left from an earlier life. The next batch tells which, if there is one.
		s.open(s.damage(Damage{File: s.nameOf(at.segment), Number: at.segment, Offset: at.offset, Batch: b.batch,
			What: "another batch than the one that was sealed"}))
		s.close(&b.claim, cut{batch: b.batch + 1}, b.claim.last.Index, 0)
		s.unsure = true
	}
}

// startOf returns the place that the batch at a place continues from, as a segment's
// header would name it.
func (s *scan) startOf(at place) place {
	if at.offset == bodyStart {
		if g := s.linkOf(at.segment); g != nil && g.readable {
			return g.at
		}
	}
	return at
}

// linkOf returns a segment of the chain; nil if it is none.
func (s *scan) linkOf(segment uint64) *link {
	at := sort.Search(len(s.chain), func(i int) bool { return s.chain[i].number >= segment })
	if at == len(s.chain) || s.chain[at].number != segment {
		return nil
	}
	return &s.chain[at]
}

// endOf is where a batch ends that begins at a place.
func endOf(at place, b *block) place {
	return place{segment: at.segment, offset: at.offset + int64(b.sectors)*sectorBytes, batch: b.batch, frame: b.frame}
}

// isEnd says whether the log ends here: cleanly, or with a batch that a crash tore.
// It must not be complete, nothing of a later batch may lie behind, and no seal may
// cover it. One crash does not tear a batch and a slot of the seal, as they are never
// written at a time, and no batch is written before a bad slot is written again: with a
// bad slot nothing counts as torn.
func (s *scan) isEnd(data []byte, at place, r *reading) bool {
	n := at.batch + 1
	rest := behind(data, at.offset, n, s.tags)
	if rest.other || s.seal.at.batch >= n || r.complete || rest.own && s.sealWorn {
		return false
	}
	if rest.own {
		s.was.Torn = &TornBatch{Segment: at.segment, Offset: at.offset, Batch: n}
		if r.known && r.block.entries > 0 {
			s.was.Torn.First, s.was.Torn.Last = r.block.first, r.block.claim.last.Index
		}
	}
	if s.sealed && !survived(data, at, s.tags) {
		s.unsure = true
	}
	if s.stray = rest.stray != 0; s.stray {
		s.was.Worn = append(s.was.Worn, Damage{File: s.nameOf(at.segment), Number: at.segment, Offset: rest.stray,
			What: "damaged where nothing was written"})
	}
	return true
}

// survived says whether anything is left of the block of 4 KiB in which the sealed batch, of
// which nothing is, ended. If not, the fault took the whole block or more, and with it
// any batch that was written behind the seal.
func survived(data []byte, end place, t tags) bool {
	for at := max(bodyStart, (end.offset-1)/blockBytes*blockBytes); at+sectorBytes <= min(end.offset, int64(len(data))); at += sectorBytes {
		if n, ok := t.number(tagAt(data, at)); ok && t.before < n && n <= end.batch {
			return true
		}
	}
	return false
}

// readFile reads a file from an offset up to a limit; a negative limit is none. The bytes stand where they stand in the file, and what is
// before them is nothing. They are good until the next call: what is kept of them is copied.
func (s *scan) readFile(path string, from, limit int64) ([]byte, error) {
	f, err := s.fs.Open(path)
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
	s.file = slices.Grow(s.file[:0], int(size))
	data := s.file[:size]
	from = min(from, size)
	if n, err := f.ReadAt(data[from:], from); err == io.EOF {
		data = data[:from+int64(n)]
	} else if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return data, f.Close()
}
