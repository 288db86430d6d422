package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"

	"google.golang.org/grpc"

	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/file"
	"parley/statemachine/state"
)

func (s *files) BeginUpload(ctx context.Context, r *pb.BeginUploadRequest) (*pb.BeginUploadResponse, error) {
	offset, err := s.begin(ctx, r.GetUpload(), r.GetPlace(), r.GetSize())
	return &pb.BeginUploadResponse{Offset: uint64(offset)}, err
}

// begin asks whether the caller may put a file of a size there, and how much of it has arrived.
func (s *files) begin(ctx context.Context, upload uint64, place string, size uint64) (int64, error) {
	if upload == 0 {
		return 0, fieldError("upload", "An upload has a number: draw one at random that is not zero.")
	}
	if _, err := s.ask(ctx, pb.Consistency_CONSISTENCY_LINEARIZABLE, &file.MayAttach{Place: place, Size: size}, &file.Quota{}); err != nil {
		return 0, err
	}
	a, err := do(ctx, s.host, node.Event{Kind: node.EventUploadBegin, Blob: &node.BlobRequest{Upload: s.uploadOf(ctx, upload)}})
	return a.Offset, err
}

// uploadOf makes an upload its user's own: another one's of the same number is another.
func (s *files) uploadOf(ctx context.Context, upload uint64) uint64 {
	h := sha256.New()
	_, _ = io.WriteString(h, actorOf(ctx).principal) // a hash takes everything
	var b [8]byte
	for i := range b {
		b[i] = byte(upload >> (8 * i))
	}
	h.Write(b[:])
	n := uint64(0)
	for _, v := range h.Sum(nil)[:8] {
		n = n<<8 | uint64(v)
	}
	return max(n, 1)
}

// Upload takes one piece at a time from the client to the disk, and the next when that is there: a stream holds a
// piece of memory, however large the file is. What the header promised is the most that comes.
func (s *files) Upload(in grpc.ClientStreamingServer[pb.UploadRequest, pb.UploadResponse]) error {
	ctx := in.Context()
	first, err := in.Recv()
	header := first.GetHeader()
	switch {
	case errors.Is(err, io.EOF) || err == nil && header == nil:
		return convert.RequestError("An upload begins with a header.")
	case err != nil:
		return err
	}
	u := &upload{files: s, in: in, header: header}
	if header.GetSha256() != "" {
		if u.sum, err = sumOf("header.sha256", header.GetSha256()); err != nil {
			return err
		}
	}
	have, err := s.begin(ctx, header.GetUpload(), header.GetPlace(), header.GetSize())
	if err != nil {
		return err
	}
	if err := u.from(uint64(have)); err != nil {
		return err
	}
	if err := u.receive(ctx); err != nil {
		return err
	}
	return u.commit(ctx)
}

// upload is one call of Upload.
type upload struct {
	*files
	in     grpc.ClientStreamingServer[pb.UploadRequest, pb.UploadResponse]
	header *pb.UploadHeader
	sum    [32]byte // zero: what comes
	offset uint64
	hash   hash.Hash // of what came, if all of it came in this call
}

// from begins where the client begins: the upload may have come further than he knows, never less far.
func (u *upload) from(have uint64) error {
	u.offset = u.header.GetOffset()
	if u.offset > have {
		return convert.AnswerError(node.Answer{Outcome: node.Refused, Code: node.CodeOffset, Offset: int64(have)}, "")
	}
	if u.sum == ([32]byte{}) {
		if u.offset != 0 {
			return fieldError("header.sha256", "An upload that goes on names the sum of the whole: what came before is not looked at again.")
		}
		u.hash = sha256.New()
	}
	return nil
}

// receive takes the chunks.
func (u *upload) receive(ctx context.Context) error {
	for {
		r, err := u.in.Recv()
		switch {
		case errors.Is(err, io.EOF):
			if u.offset != u.header.GetSize() {
				return u.refuseSize()
			}
			return nil
		case err != nil:
			return err
		case r.GetHeader() != nil:
			return convert.RequestError("An upload has one header, at its beginning.")
		case len(r.GetChunk()) > chunkBytesMax:
			return convert.RejectionError(state.Invalidf("chunk", "TOO_LONG", "A chunk has at most %d bytes.", chunkBytesMax))
		case u.offset+uint64(len(r.GetChunk())) > u.header.GetSize():
			return u.refuseSize()
		}
		if err := u.append(ctx, r.GetChunk()); err != nil {
			return err
		}
	}
}

func (u *upload) refuseSize() error {
	return convert.AnswerError(node.Answer{Outcome: node.Refused, Code: node.CodeOtherContent}, "")
}

// append hands a chunk to the disk, but for what is there already.
func (u *upload) append(ctx context.Context, chunk []byte) error {
	if len(chunk) == 0 {
		return nil
	}
	e := node.Event{Kind: node.EventUploadAppend, Blob: &node.BlobRequest{
		Upload: u.uploadOf(ctx, u.header.GetUpload()), Offset: int64(u.offset), Data: chunk}}
	a, err := u.host.Do(ctx, e)
	switch {
	case err != nil:
		return convert.ContextError(err)
	case a.Outcome == node.Done:
	case a.Code == node.CodeOffset && uint64(a.Offset) >= u.offset+uint64(len(chunk)):
		// It came in an earlier call; the sum at the end tells whether it was the same.
	case a.Code == node.CodeOffset && uint64(a.Offset) > u.offset:
		e.Blob.Data, e.Blob.Offset = chunk[uint64(a.Offset)-u.offset:], a.Offset
		if _, err := do(ctx, u.host, e); err != nil {
			return err
		}
	default:
		return convert.AnswerError(a, clientAddr(u.host, a.Hint))
	}
	u.offset += uint64(len(chunk))
	if u.hash != nil {
		u.hash.Write(chunk)
	}
	return nil
}

// commit has the content kept by a majority, for the caller.
func (u *upload) commit(ctx context.Context) error {
	if u.hash != nil {
		u.sum = [32]byte(u.hash.Sum(nil))
	}
	a, err := do(ctx, u.host, node.Event{Kind: node.EventUploadCommit, Blob: &node.BlobRequest{
		Upload: u.uploadOf(ctx, u.header.GetUpload()), Sum: u.sum, Principal: actorOf(ctx).principal}})
	if err != nil {
		return err
	}
	return u.in.SendAndClose(&pb.UploadResponse{Sha256: hex.EncodeToString(u.sum[:]), Size: u.header.GetSize(), Position: uint64(a.Position)})
}
