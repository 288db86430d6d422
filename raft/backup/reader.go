package backup

import (
	"crypto/sha256"
	"errors"
	"io"

	"parley/raft"
)

// Item is what stands next in a backup.
type Item struct {
	State   bool     // it is the state; else a blob
	Missing bool     // nobody has the blob any more: there is nothing to read
	Sum     [32]byte // of the blob
	Size    int64    // of the blob
}

// Reader reads a backup item by item. What it gives away was checked.
type Reader struct {
	r      io.Reader
	header Header
	end    End
	offset int64 // of the piece at hand
	digest digest
	piece  []byte // memory of the piece at hand
	kind   uint8  // of the piece at hand; zero: it is used up
	left   []byte // of its content

	item    Item
	within  bool   // an item is at hand
	rest    int64  // of the blob
	content digest // of the blob
	state   bool   // there was one
	blobs   uint64
	err     error // io.EOF: all of it was read and is right
}

// NewReader reads the header of a backup.
func NewReader(r io.Reader) (*Reader, error) {
	b := &Reader{r: r, digest: sha256.New()}
	var p [headerBytes]byte
	n, err := io.ReadFull(r, p[:])
	switch {
	case n >= len(magic)+4 && string(p[:len(magic)]) == magic && le.Uint32(p[len(magic):]) > formatVersion:
		return nil, &FormatError{le.Uint32(p[len(magic):])}
	case ended(err):
		return nil, &DamagedError{int64(n), "the file ends here"}
	case err != nil:
		return nil, err
	}
	b.header = Header{Cluster: raft.ClusterID(le.Uint64(p[12:])), Wall: raft.Wall(le.Uint64(p[20:]))}
	if string(p[:]) != string(appendHeader(nil, b.header)) {
		return nil, &DamagedError{0, "it does not begin as backups do"}
	}
	_, _ = b.digest.Write(p[:])
	b.offset = headerBytes
	return b, nil
}

// Header returns what the backup begins with.
func (b *Reader) Header() Header { return b.header }

// End returns what it ends with, once Next has said io.EOF.
func (b *Reader) End() End { return b.end }

// Next goes on to the next item; what of the last one was not read is checked all the same. io.EOF says that the backup
// is whole and right, and that nothing follows.
func (b *Reader) Next() (Item, error) {
	if _, err := io.Copy(io.Discard, b); err != nil && b.err == nil {
		b.err = err
	}
	if b.err != nil {
		return Item{}, b.err
	}
	b.load()
	switch {
	case b.err != nil:
	case b.kind == kindBlob && !b.state:
		b.item = Item{Size: int64(le.Uint64(b.left[32:]))}
		copy(b.item.Sum[:], b.left)
		if b.item.Size < 0 {
			b.damaged("a blob of less than nothing")
		}
		b.rest, b.content, b.within = b.item.Size, sha256.New(), true
		b.blobs++
		b.kind = 0
	case b.kind == kindMissing && !b.state:
		b.item = Item{Missing: true, Size: int64(le.Uint64(b.left[32:]))}
		copy(b.item.Sum[:], b.left)
		b.kind = 0
	case b.kind == kindState && !b.state:
		b.item, b.within, b.state = Item{State: true}, true, true
	case b.kind == kindEnd && b.state:
		b.finish()
	default:
		b.damaged("a piece that does not belong here")
	}
	if b.err != nil {
		return Item{}, b.err
	}
	return b.item, nil
}

// finish checks the whole.
func (b *Reader) finish() {
	b.end = End{Position: raft.Position(le.Uint64(b.left)), Term: raft.Term(le.Uint64(b.left[8:])), Blobs: le.Uint64(b.left[16:])}
	var one [1]byte
	n, err := io.ReadFull(b.r, one[:])
	switch {
	case b.end.Blobs != b.blobs:
		b.damaged("it ends with another number of blobs")
	case n > 0:
		b.damaged("something follows the end")
	case !ended(err):
		b.err = err
	default:
		b.err = io.EOF
	}
}

// Read reads from the item at hand. At its end, io.EOF says that it is what was written.
func (b *Reader) Read(p []byte) (int, error) {
	if !b.within {
		return 0, io.EOF
	}
	for len(b.left) == 0 || b.kind == 0 {
		if b.err != nil {
			return 0, b.err
		}
		if b.over() {
			b.within = false
			return 0, b.orEOF()
		}
		b.load()
		b.take()
	}
	if b.err != nil {
		return 0, b.err
	}
	if b.item.State && b.kind != kindState {
		b.within = false
		return 0, io.EOF
	}
	n := copy(p, b.left)
	if b.left = b.left[n:]; len(b.left) == 0 {
		b.kind = 0
	}
	return n, nil
}

// take looks at a piece that was loaded for the blob at hand.
func (b *Reader) take() {
	if b.err != nil || b.item.State {
		return
	}
	if b.kind != kindContent || int64(len(b.left)) > b.rest {
		b.damaged("a blob is cut off")
		return
	}
	b.rest -= int64(len(b.left))
	_, _ = b.content.Write(b.left)
	if b.rest == 0 && [32]byte(b.content.Sum(nil)) != b.item.Sum {
		b.damaged("the blob that ends here has another SHA-256")
	}
}

// over says whether nothing of the item follows. Of the state, the next piece tells.
func (b *Reader) over() bool {
	if b.item.State || b.rest > 0 {
		return false
	}
	if b.item.Size == 0 && [32]byte(b.content.Sum(nil)) != b.item.Sum {
		b.damaged("an empty blob has another SHA-256")
	}
	return true
}

func (b *Reader) orEOF() error {
	if b.err != nil {
		return b.err
	}
	return io.EOF
}

// load reads and checks the next piece, unless it was loaded to see that the state is over.
func (b *Reader) load() {
	if b.err != nil || b.kind != 0 && len(b.left) > 0 {
		return
	}
	head := b.room(pieceHead)
	if !b.read(head) {
		return
	}
	kind, length := head[0], le.Uint32(head[1:])
	if !lengthFits(kind, length) {
		b.damaged("no piece begins like that")
		return
	}
	n := pieceHead + int(length)
	p := b.room(n + sumBytes)
	if !b.read(p[pieceHead:]) {
		return
	}
	if le.Uint32(p[n:]) != pieceSum(b.offset, p[:n]) {
		b.damaged("checksum mismatch")
		return
	}
	b.kind, b.left = kind, p[pieceHead:n]
	if kind == kindEnd {
		if string(b.digest.Sum(nil)) != string(b.left[endBytes-sha256.Size:]) {
			b.damaged("the SHA-256 of the whole is another")
		}
		return
	}
	_, _ = b.digest.Write(p)
	b.offset += int64(len(p))
}

// room returns n bytes of the piece's memory, with what is in them.
func (b *Reader) room(n int) []byte {
	if cap(b.piece) < n {
		b.piece = append(make([]byte, 0, n), b.piece...)
	}
	b.piece = b.piece[:n]
	return b.piece
}

// read fills p.
func (b *Reader) read(p []byte) bool {
	_, err := io.ReadFull(b.r, p)
	if ended(err) {
		b.damaged("the file ends here")
	} else if err != nil {
		b.err = err
	}
	return err == nil
}

func (b *Reader) damaged(what string) {
	if b.err == nil {
		b.err = &DamagedError{b.offset, what}
	}
}

// ended says whether a reader had no more.
func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
