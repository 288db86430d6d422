package client

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"google.golang.org/grpc/codes"

	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

// Partial is where a download is written. What it has already is taken for the beginning of the content, so that a
// download goes on in another process: an *os.File is one.
type Partial interface {
	io.ReadWriteSeeker
	Truncate(size int64) error
}

// Download writes a file's content, and compares its sum at the end. It goes on where it was broken off, at any node, until the context
// ends. progress, if it is not nil, is told of the file and how much of it there is, now and then.
func (c *Client) Download(ctx context.Context, file string, into Partial, progress func(f *pb.File, done int64)) (*pb.File, error) {
	if progress == nil {
		progress = func(*pb.File, int64) {}
	}
	d := &download{client: c, calls: c.current(), file: file, into: into, progress: progress}
	if *d.calls.token.Load() == "" {
		return nil, nobody()
	}
	return d.run(ctx)
}

// download is one Download.
type download struct {
	client   *Client
	calls    *calls
	file     string
	into     Partial
	progress func(*pb.File, int64)

	of   *pb.File // nil: not told yet
	done int64    // bytes of into
	old  bool     // some of them were there before
	sum  hash.Hash
}

func (d *download) run(parent context.Context) (*pb.File, error) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	defer context.AfterFunc(d.calls.ctx, func() { cancel(errOtherLogin) })()
	if err := d.takeOver(); err != nil {
		return nil, err
	}
	addrs, backoff := d.client.addrs, streamBackoffMin
	var last error
	for tries := 0; ; tries++ {
		before := d.done
		err := d.try(ctx, addrs[tries%len(addrs)])
		if err == nil {
			err = d.compare()
			if err == nil {
				return d.of, nil
			}
		}
		switch {
		case parent.Err() != nil && errors.Is(context.Cause(parent), context.DeadlineExceeded):
			return nil, unavailable("the content did not come in time (last: %v)", last)
		case parent.Err() != nil:
			return nil, context.Cause(parent)
		case ctx.Err() != nil:
			return nil, errOtherLogin
		case d.final(err):
			return nil, finalOf(err)
		}
		if last = err; d.done > before {
			backoff = streamBackoffMin
		}
		if pause(ctx, backoff) == nil {
			backoff = min(2*backoff, streamBackoffMax)
		}
	}
}

// final reports whether another try would end the same way. What was there before may have been something else: then it
// begins anew, once.
func (d *download) final(err error) bool {
	var local *contentError
	if errors.As(err, &local) {
		return true
	}
	var wrong *Error
	if errors.As(err, &wrong) {
		return d.restart() != nil
	}
	f := convert.ParseError(err)
	if f.Code == node.CodeNone && f.Outcome != node.Unknown && f.Reason != reasonRateLimited || f.Code == node.CodeReaderGone {
		return f.Reason != "FIELD_INVALID" || d.restart() != nil // the offset is behind the end
	}
	return false
}

func finalOf(err error) error {
	var local *contentError
	if errors.As(err, &local) || failedAs(err) != nil {
		return err
	}
	return failed(err)
}

// takeOver reads what is there already.
func (d *download) takeOver() (err error) {
	d.sum = sha256.New()
	if _, err = d.into.Seek(0, io.SeekStart); err == nil {
		d.done, err = io.Copy(d.sum, d.into)
	}
	d.old = d.done > 0
	return err
}

// restart gives up what was there before; an error says that there was nothing.
func (d *download) restart() error {
	if !d.old {
		return errors.New("client: nothing was there before")
	}
	d.old, d.done, d.sum = false, 0, sha256.New()
	if err := d.into.Truncate(0); err != nil {
		return err
	}
	_, err := d.into.Seek(0, io.SeekStart)
	return err
}

// compare says whether what came is the file.
func (d *download) compare() error {
	if got := hex.EncodeToString(d.sum.Sum(nil)); uint64(d.done) != d.of.GetSize() || got != d.of.GetSha256() {
		return &Error{Outcome: node.Refused, Code: codes.DataLoss, Reason: "OTHER_CONTENT",
			Text: fmt.Sprintf("What came are %d bytes with the sum %s, not %d with %s.", d.done, got, d.of.GetSize(), d.of.GetSha256())}
	}
	return nil
}

// try reads from one node, from where it was broken off.
func (d *download) try(parent context.Context, addr string) error {
	conn, err := d.client.conns.get(addr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(d.calls.as(parent))
	defer cancel(nil)
	quiet := time.AfterFunc(downloadQuietMax, func() { cancel(fmt.Errorf("%s sent nothing for %v", addr, downloadQuietMax)) })
	defer quiet.Stop()
	s, err := pb.NewFileServiceClient(conn).Download(ctx, &pb.DownloadRequest{FileId: d.file, Offset: uint64(d.done)})
	for err == nil {
		var r *pb.DownloadResponse
		if r, err = s.Recv(); err != nil {
			break
		}
		quiet.Reset(downloadQuietMax)
		switch step := r.GetStep().(type) {
		case *pb.DownloadResponse_Header:
			d.of = step.Header.GetFile()
			d.progress(d.of, d.done)
		case *pb.DownloadResponse_Chunk:
			err = d.write(step.Chunk)
		}
	}
	switch cause := context.Cause(ctx); {
	case err == io.EOF && d.of != nil:
		return nil
	case err == io.EOF:
		return fmt.Errorf("%s ended the stream", addr)
	case cause != nil && parent.Err() == nil:
		return cause
	}
	return err
}

func (d *download) write(chunk []byte) error {
	n, err := d.into.Write(chunk)
	d.sum.Write(chunk[:n])
	d.done += int64(n)
	if err != nil {
		return &contentError{"write", err}
	}
	d.progress(d.of, d.done)
	return nil
}
