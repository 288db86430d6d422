package snap

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"parley/raft"
	"parley/raft/vfs"
)

// syncEvery is how many bytes are written before a sync. All of a large file at its end would
// hold up the syncs of the log, which wait for the same disk, by seconds.
const syncEvery = 256 << 10

// Create makes the snapshot of everything up to an entry: write writes its body. It is there,
// and durable, when Create returns, and not at all before. One that was there for this
// entry is replaced.
func (s *Store) Create(base raft.Base, hash [2]uint64, write func(io.Writer) error) (Info, error) {
	if err := s.ready(); err != nil {
		return Info{}, err
	}
	if err := s.removeIfThere(tempName); err != nil {
		return Info{}, explain(err)
	}
	f, err := s.fs.Create(s.path(tempName))
	if err != nil {
		return Info{}, explain(err)
	}
	w := newWriter(f, header{chunk: s.options.chunkBytes(), cluster: s.options.Cluster, hash: hash, base: base})
	made, err := w.file(write)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = s.removeIfThere(tempName) // Open does it again; the first error is the one to tell
		return Info{}, err
	}
	return made.Info, s.publish(tempName, made)
}

// writer cuts what is written to it into chunks.
type writer struct {
	f        vfs.File
	header   header
	layout   layout // its size is known at the end
	chunk    []byte // what stands in the next chunk so far
	number   int64  // of the next chunk
	offset   int64
	unsynced int64
	digest   digest
	err      error
}

func newWriter(f vfs.File, h header) *writer {
	return &writer{f: f, header: h, chunk: make([]byte, 0, h.chunk+sumBytes), digest: sha256.New()}
}

// file writes all pieces and syncs them.
func (w *writer) file(write func(io.Writer) error) (file, error) {
	p := appendHeader(nil, &w.header)
	if len(p) > headerBytesMax {
		return file{}, fmt.Errorf("snap: the base takes %d bytes, %d are the most", len(p), headerBytesMax)
	}
	w.header.bytes = int64(len(p))
	w.layout, _ = layoutOf(&w.header, 0)
	w.put(p)
	if err := write(w); err != nil && w.err == nil {
		return file{}, err
	}
	if len(w.chunk) > 0 {
		w.flush()
	}
	w.layout.size = w.offset + trailerBytes
	info := Info{ID: ID{Entry: w.header.base.Entry, Size: w.layout.size}, Base: w.header.base, Hash: w.header.hash}
	info.Sum = w.trailer()
	w.sync()
	return file{info, w.layout}, w.err
}

// Write takes bytes of the body.
func (w *writer) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 && w.err == nil {
		n := min(int(w.header.chunk)-len(w.chunk), len(p))
		w.chunk = append(w.chunk, p[:n]...)
		p = p[n:]
		written += n
		if len(w.chunk) == int(w.header.chunk) {
			w.flush()
		}
	}
	return written, w.err
}

// flush writes the chunk at hand.
func (w *writer) flush() {
	w.chunk = le.AppendUint32(w.chunk, w.layout.chunkSum(w.number, w.chunk))
	w.put(w.chunk)
	w.chunk = w.chunk[:0]
	w.number++
}

// trailer writes the last piece and returns the sum in it.
func (w *writer) trailer() (sum [sha256.Size]byte) {
	p := w.layout.appendTrailer(make([]byte, 0, trailerBytes))
	_, _ = w.digest.Write(p) // a digest takes all
	p = w.digest.Sum(p)
	p = le.AppendUint32(p, w.layout.trailerSum(p))
	sum = [sha256.Size]byte(p[trailerSum:])
	w.put(p)
	return sum
}

// put writes bytes of the file.
func (w *writer) put(p []byte) {
	if w.err != nil {
		return
	}
	if _, err := w.f.WriteAt(p, w.offset); err != nil {
		w.err = explain(err)
		return
	}
	_, _ = w.digest.Write(p)
	w.offset += int64(len(p))
	if w.unsynced += int64(len(p)); w.unsynced >= syncEvery {
		w.sync()
	}
}

func (w *writer) sync() {
	w.unsynced = 0
	if w.err == nil {
		if err := w.f.Sync(); err != nil {
			w.err = explain(err)
		}
	}
}
