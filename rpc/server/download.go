package server

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/file"
)

// Download reads one piece after the other, and the next when the client has taken the one before. Every byte was
// checked when it was read.
func (s *files) Download(r *pb.DownloadRequest, out grpc.ServerStreamingServer[pb.DownloadResponse]) error {
	ctx := out.Context()
	var f file.Attached
	at, err := s.ask(ctx, r.GetConsistency(), &file.FileOf{ID: r.GetFileId()}, &f)
	if err != nil {
		return err
	}
	offset := r.GetOffset()
	if offset > f.Size {
		return fieldError("offset", "The offset is behind the end of the file.")
	}
	header := &pb.DownloadHeader{File: convert.File(&f), Position: uint64(at)}
	if err := out.Send(&pb.DownloadResponse{Step: &pb.DownloadResponse_Header{Header: header}}); err != nil {
		return err
	}
	for offset < f.Size {
		piece, err := s.piece(ctx, &f, offset)
		if err != nil {
			return err
		}
		for rest := piece; len(rest) > 0; {
			n := min(len(rest), chunkBytesSent)
			if err := out.Send(&pb.DownloadResponse{Step: &pb.DownloadResponse_Chunk{Chunk: rest[:n]}}); err != nil {
				return err
			}
			rest = rest[n:]
		}
		offset += uint64(len(piece))
	}
	return nil
}

// piece reads some of a file. A node that does not have it fetches it, as it does all that is named; who asks waits
// for that.
func (s *files) piece(ctx context.Context, f *file.Attached, offset uint64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchMax)
	defer cancel()
	for {
		a, err := s.host.Do(ctx, node.Event{Kind: node.EventReadBlob, Blob: &node.BlobRequest{Sum: f.Sum, Offset: int64(offset), Bytes: readBytes}})
		switch {
		case err != nil:
			return nil, convert.ContextError(err)
		case a.Outcome == node.Done && len(a.Reply) > 0:
			return a.Reply, nil
		case a.Outcome == node.Done: // shorter than its file: the file was deleted, and other content came in its place
			a.Outcome, a.Code = node.Refused, node.CodeNoBlob
		}
		if a.Code != node.CodeNoBlob && a.Code != node.CodeBusy {
			return nil, convert.AnswerError(a, clientAddr(s.host, a.Hint))
		}
		select {
		case <-time.After(fetchAgain):
		case <-ctx.Done():
			return nil, convert.AnswerError(a, "")
		}
	}
}
