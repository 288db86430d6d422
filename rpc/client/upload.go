package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"

	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

// Content is what is to be uploaded. An upload that breaks reads parts of it again.
type Content interface {
	io.ReaderAt
	// Size is how much there is.
	Size() int64
}

// Upload brings content to the cluster, for a place. When it returns no error, the content lies on a majority of the
// nodes; PostFile then makes a file of it. It goes on where it was broken off, at the same node while that one
// answers, and begins anew at another one. progress, if it is not nil, is told how much the node has, now and then; it falls when
// another node begins anew.
//
// It tries until the context ends.
func (c *Client) Upload(ctx context.Context, place string, content Content, progress func(done int64)) (*pb.UploadResponse, error) {
	if progress == nil {
		progress = func(int64) {}
	}
	u := &upload{client: c, calls: c.current(), place: place, content: content, progress: progress}
	if *u.calls.token.Load() == "" {
		return nil, nobody()
	}
	return u.run(ctx)
}

// upload is one Upload: it goes from node to node, with a number for each.
type upload struct {
	client   *Client
	calls    *calls
	place    string
	content  Content
	progress func(int64)
	sum      string // of the content
	number   uint64 // of the upload at this node; 0: none drawn yet
}

func (u *upload) run(parent context.Context) (*pb.UploadResponse, error) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	defer context.AfterFunc(u.calls.ctx, func() { cancel(errOtherLogin) })()
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(u.content, 0, u.content.Size())); err != nil {
		return nil, &contentError{"read", err}
	}
	u.sum = hex.EncodeToString(sum.Sum(nil))
	addrs, backoff := u.client.addrs, streamBackoffMin
	var last error
	for at := 0; ; {
		moved, r, err := u.try(ctx, addrs[at%len(addrs)])
		if err == nil {
			return r, nil
		}
		if ctx.Err() != nil {
			return nil, u.ended(parent, last)
		}
		if uploadFinal(err) {
			return nil, failed(err)
		}
		last = err
		if moved { // it broke on the way: this node has a part
			backoff = streamBackoffMin
		} else {
			at, u.number = at+1, 0
		}
		if err := pause(ctx, backoff); err != nil {
			return nil, u.ended(parent, last)
		}
		backoff = min(2*backoff, streamBackoffMax)
	}
}

// ended is the error of an upload that the context ended.
func (u *upload) ended(parent context.Context, last error) error {
	switch {
	case parent.Err() == nil:
		return errOtherLogin
	case errors.Is(context.Cause(parent), context.DeadlineExceeded) && last != nil:
		return unavailable("no node took the content in time (last: %s)", failed(last).Text)
	case errors.Is(context.Cause(parent), context.DeadlineExceeded):
		return unavailable("the content was not brought to the cluster in time")
	}
	return context.Cause(parent)
}

// uploadFinal reports whether another try would be refused as well.
func uploadFinal(err error) bool {
	var local *contentError
	if errors.As(err, &local) {
		return true
	}
	f := convert.ParseError(err)
	switch f.Code {
	case node.CodeNone:
		return f.Outcome != node.Unknown && f.Reason != reasonRateLimited
	case node.CodeBlobsFull, node.CodeTooLarge, node.CodeReaderGone, node.CodeOtherContent:
		return true
	}
	return false
}

// contentError says that the content could not be read or written on this machine.
type contentError struct {
	what string
	err  error
}

func (e *contentError) Error() string { return e.what + " the content: " + e.err.Error() }
func (e *contentError) Unwrap() error { return e.err }

// try uploads to one node, from where it says. moved: it took some.
func (u *upload) try(parent context.Context, addr string) (moved bool, r *pb.UploadResponse, err error) {
	conn, err := u.client.conns.get(addr)
	if err != nil {
		return false, nil, err
	}
	ctx, cancel := context.WithCancelCause(u.calls.as(parent))
	defer cancel(nil)
	if u.number == 0 {
		u.number = draw()
	}
	files := pb.NewFileServiceClient(conn)
	size := u.content.Size()
	begin, stop := context.WithTimeout(ctx, attemptMax)
	begun, err := files.BeginUpload(begin, &pb.BeginUploadRequest{Upload: u.number, Place: u.place, Size: uint64(size)})
	stop()
	if err != nil {
		return false, nil, err
	}
	// Sending waits when the node does not read, and the answer for a majority: neither for ever.
	quiet := time.AfterFunc(uploadQuietMax, func() { cancel(fmt.Errorf("%s took nothing for %v", addr, uploadQuietMax)) })
	defer quiet.Stop()
	s, err := files.Upload(ctx)
	if err != nil {
		return false, nil, err
	}
	from := int64(min(begun.GetOffset(), uint64(size)))
	done, err := u.send(s, from, func() { quiet.Reset(uploadQuietMax) })
	if errors.As(err, new(*contentError)) {
		return false, nil, err
	}
	// After an error of sending the answer says why.
	r, err = s.CloseAndRecv()
	if cause := context.Cause(ctx); err != nil && cause != nil && parent.Err() == nil {
		err = cause
	}
	return done > from, r, err
}

// send sends the header and the content from an offset on, and returns up to where.
func (u *upload) send(s grpc.ClientStreamingClient[pb.UploadRequest, pb.UploadResponse], at int64, moved func()) (int64, error) {
	size := u.content.Size()
	header := &pb.UploadHeader{Upload: u.number, Place: u.place, Size: uint64(size), Offset: uint64(at), Sha256: u.sum}
	if err := s.Send(&pb.UploadRequest{Step: &pb.UploadRequest_Header{Header: header}}); err != nil {
		return at, err
	}
	u.progress(at)
	for at < size {
		chunk := make([]byte, min(chunkBytes, size-at)) // gRPC may keep it
		if n, err := u.content.ReadAt(chunk, at); n < len(chunk) {
			return at, &contentError{"read", fmt.Errorf("%d bytes at %d: %w", len(chunk), at, err)}
		}
		if err := s.Send(&pb.UploadRequest{Step: &pb.UploadRequest_Chunk{Chunk: chunk}}); err != nil {
			return at, err
		}
		moved()
		at += int64(len(chunk))
		u.progress(at)
	}
	return at, nil
}
