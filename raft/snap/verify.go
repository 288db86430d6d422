package snap

import (
	"crypto/sha256"
	"fmt"
	"io"

	"parley/raft"
)

// ID names a snapshot: files of one ID are equal, byte for byte.
type ID struct {
	Entry raft.EntryID      // the last entry whose effect is in it
	Size  int64             // bytes of the file
	Sum   [sha256.Size]byte // SHA-256 of the file up to where the sum itself stands
}

// Info is what is known of a snapshot without its body.
type Info struct {
	ID
	Base raft.Base
	Hash [2]uint64 // of the state in it
}

// verifier checks a file's pieces one after the other, wherever they come from: it is the one path
// on which bytes come to be believed.
type verifier struct {
	file    string // for errors
	cluster raft.ClusterID
	id      ID    // what the pieces must add up to
	offset  int64 // up to here they are checked
	header  header
	layout  layout
	digest  digest
}

// digest is a running SHA-256.
type digest interface {
	io.Writer
	Sum(dst []byte) []byte
}

func newVerifier(file string, cluster raft.ClusterID, id ID) verifier {
	return verifier{file: file, cluster: cluster, id: id, digest: sha256.New()}
}

// whole reports whether all pieces were checked.
func (v *verifier) whole() bool { return v.offset == v.id.Size }

// info is what the pieces say of the snapshot, once the header is among them.
func (v *verifier) info() Info { return Info{ID: v.id, Base: v.header.base, Hash: v.header.hash} }

// wrongWhole is what is wrong when all pieces are right by themselves and are not the snapshot
// together. The verifier is used up then.
const wrongWhole = defect("the SHA-256 of the whole is another")

// next returns the length of the next piece. lead is what the source has at the offset; of a
// header its first leadBytes are needed.
func (v *verifier) next(lead []byte) (int64, error) {
	if v.offset == 0 {
		return headerLength(lead, v.file)
	}
	p, ok := v.layout.pieceAt(v.offset)
	if !ok {
		return 0, defect("nothing follows here")
	}
	return p.bytes, nil
}

// take checks the next piece and returns what it holds of the body. p has the length that next
// told. The error is a defect, or one of another type that says what the file is instead.
func (v *verifier) take(p []byte) (data []byte, err error) {
	at := piece{kind: pieceHeader}
	if v.offset > 0 {
		at, _ = v.layout.pieceAt(v.offset)
	}
	if err := v.check(at, p); err != nil {
		return nil, err
	}
	switch at.kind {
	case pieceChunk:
		data = p[:len(p)-sumBytes]
	case pieceTrailer:
		_, _ = v.digest.Write(p[:trailerSum]) // a digest takes all
		if [sha256.Size]byte(v.digest.Sum(nil)) != v.id.Sum {
			return nil, wrongWhole
		}
	}
	_, _ = v.digest.Write(p)
	v.offset += int64(len(p))
	return data, nil
}

// check checks one piece by itself.
func (v *verifier) check(at piece, p []byte) error {
	switch at.kind {
	case pieceHeader:
		return v.checkHeader(p)
	case pieceTrailer:
		sum, err := v.layout.checkTrailer(p)
		if err == nil && sum != v.id.Sum {
			return defect("it is another snapshot of the same entry")
		}
		return err
	}
	data := p[:len(p)-sumBytes]
	if le.Uint32(p[len(data):]) != v.layout.chunkSum(at.number, data) {
		return defect(fmt.Sprintf("chunk %d: checksum mismatch", at.number))
	}
	return nil
}

// checkHeader learns from the header where the other pieces stand.
func (v *verifier) checkHeader(p []byte) error {
	h, err := decodeHeader(p, v.file, v.cluster)
	if err != nil {
		return err
	}
	if h.base.Entry != v.id.Entry {
		return defect(fmt.Sprintf("it is the snapshot at entry %d of term %d", h.base.Entry.Index, h.base.Entry.Term))
	}
	l, ok := layoutOf(&h, v.id.Size)
	if !ok {
		return defect(fmt.Sprintf("no snapshot with this header has %d bytes", v.id.Size))
	}
	v.header, v.layout = h, l
	return nil
}

// checkTrailer checks a trailer by itself and returns the sum in it.
func (l *layout) checkTrailer(p []byte) (sum [sha256.Size]byte, err error) {
	switch {
	case le.Uint32(p[trailerBytes-sumBytes:]) != l.trailerSum(p):
		return sum, defect("trailer checksum mismatch")
	case string(p[:trailerSum]) != string(l.appendTrailer(nil)):
		return sum, defect("the trailer is of a file of another length")
	}
	return [sha256.Size]byte(p[trailerSum:]), nil
}
