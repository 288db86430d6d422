package backup

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"parley/raft"
)

// All numbers are little-endian; all checksums are CRC-32C (Castagnoli). A backup is a header and pieces:
//
//	 0  "parleybk"
//	 8  format version 4
//	12  cluster id 8
//	20  when it was begun, by the node's clock: nanoseconds since 1970 8
//	28  checksum of bytes 0 to 28, 4
//
//	a piece:  u8 kind | u32 length | that many bytes | u32 checksum of: offset of the piece 8, kind, length, bytes
//
//	kind 1  blob     SHA-256 of the content 32, its size 8; its content follows in pieces of kind 2
//	kind 2  content  at most 256 KiB of the blob's
//	kind 3  state    at most 256 KiB of the state's canonical form (raft/node: State.Write)
//	kind 4  missing  SHA-256 32, size 8 of a blob that the state names and that no node could be found to have
//	kind 5  end      position 8, term 8, number of blobs 8, SHA-256 of everything before this piece 32
//
// Blobs stand before the state. A backup takes as long as its blobs take, and meanwhile files come and go: those that
// came are added, and the state is frozen last, when all that it names is there. A blob that went meanwhile is in the file
// and not in the state; whoever restores it leaves it out.
//
// The checksum of a piece begins with its offset, so that pieces that change places are no pieces. In every
// format the first twelve bytes mean the same.
const (
	magic         = "parleybk"
	formatVersion = 1
	headerBytes   = 32
	pieceHead     = 5
	sumBytes      = 4

	kindBlob    = 1
	kindContent = 2
	kindState   = 3
	kindMissing = 4
	kindEnd     = 5

	blobBytes = 32 + 8
	endBytes  = 8 + 8 + 8 + 32

	// pieceBytesMax bounds what a piece holds, and with it what a reader takes of memory for bytes that promise much.
	pieceBytesMax = 256 << 10
)

var (
	le         = binary.LittleEndian
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
)

// Header is what a backup begins with.
type Header struct {
	Cluster raft.ClusterID // that was backed up
	Wall    raft.Wall      // when it was begun
}

// End is what a backup ends with.
type End struct {
	Position raft.Position // of the last entry whose effect is in the state
	Term     raft.Term     // of that entry
	Blobs    uint64        // that are in the file
}

// DamagedError says that a file is no backup, or not what was written.
type DamagedError struct {
	Offset int64
	What   string
}

// Error names the place.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("the backup is damaged, or none: offset %d: %s", e.Offset, e.What)
}

// FormatError says that a later release wrote the file.
type FormatError struct{ Version uint32 }

// Error names both versions.
func (e *FormatError) Error() string {
	return fmt.Sprintf("the backup was written by a newer Parley: format %d, this program reads up to %d", e.Version, formatVersion)
}

// digest is a running SHA-256.
type digest interface {
	io.Writer
	Sum(dst []byte) []byte
}

func appendHeader(dst []byte, h Header) []byte {
	start := len(dst)
	dst = append(dst, magic...)
	dst = le.AppendUint32(dst, formatVersion)
	dst = le.AppendUint64(dst, uint64(h.Cluster))
	dst = le.AppendUint64(dst, uint64(h.Wall))
	return le.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
}

// appendPiece appends a piece that begins at an offset.
func appendPiece(dst []byte, offset int64, kind uint8, p []byte) []byte {
	start := len(dst)
	dst = append(dst, kind)
	dst = le.AppendUint32(dst, uint32(len(p)))
	dst = append(dst, p...)
	return le.AppendUint32(dst, pieceSum(offset, dst[start:]))
}

// pieceSum is the checksum of a piece without its last four bytes.
func pieceSum(offset int64, p []byte) uint32 {
	var at [8]byte
	le.PutUint64(at[:], uint64(offset))
	return crc32.Update(crc32.Checksum(at[:], castagnoli), castagnoli, p)
}

// lengthFits says whether a piece of a kind may have so many bytes.
func lengthFits(kind uint8, n uint32) bool {
	switch kind {
	case kindBlob, kindMissing:
		return n == blobBytes
	case kindContent, kindState:
		return n > 0 && n <= pieceBytesMax
	case kindEnd:
		return n == endBytes
	}
	return false
}
