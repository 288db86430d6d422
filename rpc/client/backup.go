package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"

	"parley/raft"
	"parley/raft/backup"
	pb "parley/rpc/proto/parley/v1"
)

// Backup writes a copy of all that the cluster holds. One that was broken off, now or by a call before, goes on behind the last content of a
// file that is whole, at whoever leads then, until the context ends; the state is that of the last attempt. Whether all is what was sent
// checksums tell (raft/backup). progress, if it is not nil, is told of how much there is, now and then.
func (c *Client) Backup(ctx context.Context, into Partial, progress func(done int64)) error {
	if *c.current().token.Load() == "" {
		return nobody()
	}
	var local error // of the file
	err := c.ask(ctx, backupMax, func(ctx context.Context, conn *grpc.ClientConn) error {
		b := &backingUp{into: into, progress: progress}
		local = nil
		err := b.run(ctx, conn)
		if b.local != nil {
			local = b.local
			return nil
		}
		return err
	})
	if local != nil {
		return &contentError{"write", local}
	}
	return err
}

// backingUp is one attempt at a backup.
type backingUp struct {
	into     Partial
	progress func(done int64)
	stream   grpc.ServerStreamingClient[pb.BackupResponse]
	quiet    *time.Timer
	chunk    []byte // what of a response was not read yet
	have     map[[32]byte]bool
	written  int64
	w        *backup.Writer
	local    error // of the file, or of what is in it: another attempt would not help
}

// run takes what there is in the file, and then what the node has beside it.
func (b *backingUp) run(ctx context.Context, conn *grpc.ClientConn) error {
	w, kept, err := backup.Resume(b.into, fileOf{b})
	if err != nil {
		b.local = err
		return nil
	}
	b.w, b.have, b.written = w, map[[32]byte]bool{}, kept.Bytes
	request := &pb.BackupRequest{}
	for i, sum := range kept.Sums {
		b.have[sum] = true
		if i < haveMax {
			request.Have = append(request.Have, kept.Sums[i][:])
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	b.quiet = time.AfterFunc(backupQuietMax, func() { cancel(fmt.Errorf("nothing came for %v", backupQuietMax)) })
	defer b.quiet.Stop()
	if b.stream, err = pb.NewOperatorServiceClient(conn).Backup(ctx, request, grpc.WaitForReady(false)); err != nil {
		return err
	}
	r, err := backup.NewReader(b)
	if err != nil {
		return b.judged(err)
	}
	if b.w == nil {
		b.w = backup.NewWriter(fileOf{b}, r.Header())
	} else if of := r.Header().Cluster; of != kept.Header.Cluster {
		b.local = &OtherClusterError{kept.Header.Cluster, of}
		return nil
	}
	return b.judged(b.copy(r))
}

// OtherClusterError says that the file has some of another cluster's backup.
type OtherClusterError struct{ Got, Want raft.ClusterID }

// Error names both.
func (e *OtherClusterError) Error() string {
	return fmt.Sprintf("it has some of a backup of cluster %s, and this is cluster %s: remove it, or choose another path", e.Got, e.Want)
}

// judged tells a stream that broke from bytes that are wrong, which another attempt may bring right.
func (b *backingUp) judged(err error) error {
	if newer := (*backup.FormatError)(nil); errors.As(err, &newer) {
		b.local = err
		return nil
	}
	return err
}

// copy writes what the node sends; what it sent twice it writes once.
func (b *backingUp) copy(r *backup.Reader) error {
	piece := make([]byte, pieceBytes)
	for {
		item, err := r.Next()
		switch {
		case err == io.EOF:
			return b.w.End(r.End())
		case err != nil:
			return err
		case item.State:
			err = b.w.State(func(to io.Writer) error { return pieces(r, piece, to.Write) })
		case b.have[item.Sum]:
			err = pieces(r, piece, func(p []byte) (int, error) { return len(p), nil })
		case item.Missing:
			err = b.w.Missing(item.Sum, item.Size)
		default:
			if err = b.w.Blob(item.Sum, item.Size); err == nil {
				err = pieces(r, piece, func(p []byte) (int, error) { return len(p), b.w.Content(p) })
			}
			b.have[item.Sum] = true
		}
		if err != nil {
			return err
		}
	}
}

// pieces hands on what a reader has, in the pieces that it has it in.
func pieces(r io.Reader, piece []byte, to func([]byte) (int, error)) error {
	for {
		n, err := r.Read(piece)
		if err == io.EOF {
			return nil
		}
		if err == nil {
			_, err = to(piece[:n])
		}
		if err != nil {
			return err
		}
	}
}

// Read reads what the node sends.
func (b *backingUp) Read(p []byte) (int, error) {
	for len(b.chunk) == 0 {
		r, err := b.stream.Recv()
		if err != nil {
			return 0, err // io.EOF is the end
		}
		b.quiet.Reset(backupQuietMax)
		b.chunk = r.GetChunk()
	}
	n := copy(p, b.chunk)
	b.chunk = b.chunk[n:]
	return n, nil
}

// fileOf is the file as a backup's writer has it.
type fileOf struct{ b *backingUp }

func (f fileOf) Write(p []byte) (int, error) {
	b := f.b
	n, err := b.into.Write(p)
	if err != nil {
		b.local = err
	}
	if b.written += int64(n); b.progress != nil {
		b.progress(b.written)
	}
	return n, err
}
