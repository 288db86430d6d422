package server

import (
	"context"
	"fmt"
	"slices"
	"time"

	"google.golang.org/grpc"

	"parley/raft"
	"parley/raft/backup"
	"parley/raft/blob"
	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/account"
)

// Backup streams a copy of everything while all goes on. The contents of files come first, which takes long; then the
// state, as it is then, with the contents that came meanwhile:
//
//	freeze ─▶ what it names ─▶ freeze ─▶ what it names and is not sent yet ─▶ all sent: the state of that freeze
//
// Contents that the client has of a backup that was broken off are left out.
//
// What a state names is on some node as long as somebody names it, and for ten minutes of log time after: only of a file
// that came and went between two freezes may the content be gone, and then there is another freeze.
func (s *operators) Backup(r *pb.BackupRequest, out grpc.ServerStreamingServer[pb.BackupResponse]) error {
	ctx := out.Context()
	have, err := sums(r.GetHave())
	if err != nil {
		return err
	}
	if err := s.operate(ctx, account.DeedBackup, "", ""); err != nil {
		return err
	}
	if !s.backing.TryLock() {
		return convert.AnswerError(node.Answer{Outcome: node.Refused, Code: node.CodeBusy}, "")
	}
	defer s.backing.Unlock()
	b := &backupStream{operators: s, ctx: ctx, out: out, sent: have}
	b.w = backup.NewWriter(b, backup.Header{Cluster: s.host.Status().Cluster, Wall: raft.Wall(s.now().UnixNano())})
	if err := b.run(); err != nil {
		return err
	}
	return b.flush()
}

// sums reads what a client has already.
func sums(have [][]byte) ([]blob.Sum, error) {
	if len(have) > haveMax {
		return nil, fieldError("have", fmt.Sprintf("At most %d contents can be left out.", haveMax))
	}
	all := make([]blob.Sum, len(have))
	for i, b := range have {
		if copy(all[i][:], b) != len(b) || len(b) != len(all[i]) {
			return nil, fieldError("have", "A sum has 32 bytes.")
		}
	}
	slices.SortFunc(all, blob.Sum.Compare)
	return all, nil
}

// backupStream writes one backup to one client.
type backupStream struct {
	*operators
	ctx  context.Context
	out  grpc.ServerStreamingServer[pb.BackupResponse]
	w    *backup.Writer
	buf  []byte
	sent []blob.Sum // sorted; what the client has already is among them
	lost time.Duration
}

// run writes the whole.
func (b *backupStream) run() error {
	for round := range freezesMax {
		a, err := do(b.ctx, b.host, node.Event{Kind: node.EventQuery, Query: node.Query{Whole: true}})
		if err != nil {
			return err
		}
		complete, fresh := true, 0
		for _, want := range a.State.Blobs() {
			at, had := slices.BinarySearchFunc(b.sent, want.Sum, blob.Sum.Compare)
			if had {
				continue
			}
			fresh++
			ok, err := b.blob(want)
			if err != nil {
				return err
			}
			if complete = complete && ok; ok {
				b.sent = slices.Insert(b.sent, at, want.Sum)
			}
		}
		if !complete || fresh > freezeAgain && round < freezesMax/2 {
			continue // it took a while: the state of now is what is wanted
		}
		if err := b.w.State(a.State.Write); err != nil {
			return b.failed(err)
		}
		return b.failed(b.w.End(backup.End{Position: a.Position, Term: a.Term}))
	}
	return convert.AnswerError(node.Answer{Outcome: node.Refused, Code: node.CodeNoBlob}, "")
}

// blob writes the content of one file. ok is false if nobody names it any more, and it is gone.
func (b *backupStream) blob(want blob.Want) (ok bool, err error) {
	first, err := b.piece(want.Sum, 0)
	if err != nil {
		return b.missing(want, err)
	}
	if err := b.w.Blob(want.Sum, want.Size); err != nil {
		return false, b.failed(err)
	}
	for off, p := int64(0), first; ; {
		if err := b.w.Content(p); err != nil {
			return false, b.failed(err)
		}
		if off += int64(len(p)); off >= want.Size {
			return true, nil
		}
		if p, err = b.piece(want.Sum, off); err != nil {
			return false, err // in the midst of it: the client begins anew
		}
	}
}

// missing decides about a blob that this node can't get: if it is still named, nobody has it any more, and a backup
// without it is better than none.
func (b *backupStream) missing(want blob.Want, why error) (ok bool, err error) {
	if convert.ParseError(why).Code != node.CodeNoBlob {
		return false, why
	}
	a, err := do(b.ctx, b.host, node.Event{Kind: node.EventQuery, Query: node.Query{Whole: true}})
	if err != nil {
		return false, err
	}
	if !slices.Contains(a.State.Blobs(), want) {
		return false, nil
	}
	return true, b.failed(b.w.Missing(want.Sum, want.Size))
}

// piece reads some of a blob. A node that lacks it fetches it; this waits for that, but not again and again for blobs that
// nobody has: all of them together get fetchMax.
func (b *backupStream) piece(sum blob.Sum, off int64) ([]byte, error) {
	began := time.Now()
	for {
		a, err := b.host.Do(b.ctx, node.Event{Kind: node.EventReadBlob, Blob: &node.BlobRequest{Sum: sum, Offset: off, Bytes: readBytes}})
		switch {
		case err != nil:
			return nil, convert.ContextError(err)
		case a.Outcome == node.Done:
			return a.Reply, nil
		case a.Code != node.CodeNoBlob && a.Code != node.CodeBusy:
			return nil, convert.AnswerError(a, clientAddr(b.host, a.Hint))
		case a.Code == node.CodeNoBlob && b.lost+time.Since(began) > fetchMax:
			b.lost += time.Since(began)
			return nil, convert.AnswerError(a, "")
		}
		select {
		case <-time.After(fetchAgain):
		case <-b.ctx.Done():
			return nil, convert.ContextError(b.ctx.Err())
		}
	}
}

// Write gathers what the backup's writer makes, and sends it in chunks. A client that reads slowly holds up its own
// backup and nothing else.
func (b *backupStream) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := min(len(p), chunkBytesSent-len(b.buf))
		b.buf, p = append(b.buf, p[:k]...), p[k:]
		if len(b.buf) == chunkBytesSent {
			if err := b.flush(); err != nil {
				return n - len(p), err
			}
		}
	}
	return n, nil
}

func (b *backupStream) flush() error {
	if len(b.buf) == 0 {
		return nil
	}
	err := b.out.Send(&pb.BackupResponse{Chunk: b.buf})
	b.buf = make([]byte, 0, chunkBytesSent) // gRPC may still hold the old one
	return err
}

// failed is the error of a stream that broke, or of this context.
func (b *backupStream) failed(err error) error {
	if err != nil && b.ctx.Err() != nil {
		return convert.ContextError(b.ctx.Err())
	}
	return err
}
