package server

import (
	"context"
	"encoding/hex"
	"net/http"

	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/file"
	"parley/statemachine/state"
)

// files serves FileService. The bytes go their ways in upload.go and download.go.
type files struct {
	pb.UnimplementedFileServiceServer
	*edge
}

// PostFile gives the file the type that its content looks like: this node reads the beginning of it, or does not have it,
// and then the type says nothing.
func (s *files) PostFile(ctx context.Context, r *pb.PostFileRequest) (*pb.PostFileResponse, error) {
	sum, err := sumOf("sha256", r.GetSha256())
	if err != nil {
		return nil, err
	}
	name := r.GetName()
	if len(name) > fileNameBytesMax {
		return nil, convert.RejectionError(state.Invalidf("name", "TOO_LONG", "A file's name has at most %d bytes.", fileNameBytesMax))
	}
	c := &file.Attach{Place: r.GetPlace(), Name: file.CleanName(name, s.limits.FileNameBytesMax), Size: r.GetSize(), Sum: sum,
		Description: r.GetDescription()}
	said := string(state.Append(nil, c)) // without the type, which is made here
	c.Type = s.typeOf(ctx, sum)
	var posted file.Attached
	at, err := s.proposeSaid(ctx, r.GetCommand(), c, &posted, said)
	if err != nil {
		return nil, err
	}
	return &pb.PostFileResponse{File: convert.File(&posted), Position: uint64(at)}, nil
}

// unknownType is the media type of what looks like none (RFC 2046 §4.5.1).
const unknownType = "application/octet-stream"

// typeOf returns the media type that content looks like (https://mimesniff.spec.whatwg.org).
func (s *files) typeOf(ctx context.Context, sum [32]byte) string {
	const looked = 512
	a, err := s.host.Do(ctx, node.Event{Kind: node.EventReadBlob, Blob: &node.BlobRequest{Sum: sum, Bytes: looked}})
	if err != nil || a.Outcome != node.Done {
		return unknownType
	}
	return http.DetectContentType(a.Reply)
}

func (s *files) ListFiles(ctx context.Context, r *pb.ListFilesRequest) (*pb.ListFilesResponse, error) {
	cursor, err := numberFrom[state.FileID](r.GetCursor())
	if err != nil {
		return nil, err
	}
	var page file.FilesPage
	at, err := s.askLong(ctx, r.GetConsistency(), &file.Files{Place: r.GetPlace(), Before: cursor, Limit: uint64(r.GetLimit())}, &page)
	if err != nil {
		return nil, err
	}
	return &pb.ListFilesResponse{Files: convert.Files(&page), NextCursor: numberCursor(page.Next), Position: uint64(at)}, nil
}

func (s *files) GetFile(ctx context.Context, r *pb.GetFileRequest) (*pb.GetFileResponse, error) {
	var f file.Attached
	at, err := s.ask(ctx, r.GetConsistency(), &file.FileOf{ID: r.GetFileId()}, &f)
	if err != nil {
		return nil, err
	}
	return &pb.GetFileResponse{File: convert.File(&f), Position: uint64(at)}, nil
}

func (s *files) DeleteFile(ctx context.Context, r *pb.DeleteFileRequest) (*pb.DeleteFileResponse, error) {
	at, err := s.propose(ctx, r.GetCommand(), &file.Remove{ID: r.GetFileId()}, &file.Removed{})
	return &pb.DeleteFileResponse{Position: uint64(at)}, err
}

// sumOf reads a SHA-256 as the wire has it.
func sumOf(field, text string) (sum [32]byte, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(sum) || hex.EncodeToString(b) != text {
		return sum, fieldError(field, "A SHA-256 is 64 hexadecimal digits in lower case.")
	}
	return [32]byte(b), nil
}
