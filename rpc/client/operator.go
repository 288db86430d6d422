package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"

	"google.golang.org/grpc"

	"parley/raft"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/state"
)

// Check has the nodes compare their states at one position.
func (c *Client) Check(ctx context.Context) (answer *pb.CheckResponse, err error) {
	err = c.ask(ctx, changeMax, func(ctx context.Context, conn *grpc.ClientConn) (err error) {
		answer, err = pb.NewOperatorServiceClient(conn).Check(ctx, &pb.CheckRequest{}, grpc.WaitForReady(false))
		return err
	})
	return answer, err
}

// RotateKey has another key sign tokens; now ends all tokens of the older ones.
func (c *Client) RotateKey(ctx context.Context, now bool, o ...Option) (*pb.RotateKeyResponse, error) {
	return command(ctx, c, pb.OperatorService_RotateKey_FullMethodName, &pb.RotateKeyRequest{Now: now}, &pb.RotateKeyResponse{}, o)
}

// ListAudit returns a page of the audit log; AllAudit returns all of it.
func (c *Client) ListAudit(ctx context.Context, r *pb.ListAuditRequest, o ...Option) (*pb.ListAuditResponse, error) {
	return query(ctx, c, pb.OperatorService_ListAudit_FullMethodName, r, &pb.ListAuditResponse{}, o)
}

// AllAudit returns the audit log from a position on, oldest first.
func (c *Client) AllAudit(ctx context.Context, from raft.Position, o ...Option) iter.Seq2[*pb.AuditRecord, error] {
	return walk(func(cursor string) (*pb.ListAuditResponse, error) {
		r := &pb.ListAuditRequest{Limit: pageMax, Cursor: cursor}
		if cursor == "" {
			r.From = uint64(from)
		}
		return c.ListAudit(ctx, r, o...)
	}, (*pb.ListAuditResponse).GetRecords)
}

// SetRetention says for how long things are kept.
func (c *Client) SetRetention(ctx context.Context, r *pb.SetRetentionRequest, o ...Option) (*pb.SetRetentionResponse, error) {
	return command(ctx, c, pb.OperatorService_SetRetention_FullMethodName, r, &pb.SetRetentionResponse{}, o)
}

// GetRetention returns for how long things are kept.
func (c *Client) GetRetention(ctx context.Context, o ...Option) (*pb.GetRetentionResponse, error) {
	return query(ctx, c, pb.OperatorService_GetRetention_FullMethodName, &pb.GetRetentionRequest{}, &pb.GetRetentionResponse{}, o)
}

// AuditHash computes the hash of a record from its fields. It is what the record after it carries as the one before.
func AuditHash(r *pb.AuditRecord) ([sha256.Size]byte, error) {
	a := state.AuditRecord{Position: raft.Position(r.GetPosition()), Number: r.GetNumber(), Time: raft.LogTime(r.GetLogTime()),
		Action: r.GetAction(), Object: r.GetObject(), Detail: r.GetDetail()}
	if len(r.GetBefore()) != len(a.Before) {
		return a.Before, errors.New("the hash of the record before has another length")
	}
	copy(a.Before[:], r.GetBefore())
	if r.GetTime() != nil {
		a.Wall = raft.Wall(r.GetTime().AsTime().UnixNano())
	}
	var ok bool
	if a.Actor, ok = state.ParseUserID(r.GetActor()); !ok && r.GetActor() != "" {
		return a.Before, fmt.Errorf("%q is no user's id", r.GetActor())
	}
	if a.Login, ok = state.ParseLoginID(r.GetLoginId()); !ok && r.GetLoginId() != "" {
		return a.Before, fmt.Errorf("%q is no login's id", r.GetLoginId())
	}
	return a.Hash(), nil
}
