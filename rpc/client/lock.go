package client

import (
	"context"

	pb "parley/rpc/proto/parley/v1"
)

// AcquireLock takes a lock, or a place in line; see Lock for both and what follows.
func (c *Client) AcquireLock(ctx context.Context, r *pb.AcquireLockRequest, o ...Option) (*pb.AcquireLockResponse, error) {
	return command(ctx, c, pb.LockService_AcquireLock_FullMethodName, r, &pb.AcquireLockResponse{}, o)
}

// RenewLock gives a lock its time anew.
func (c *Client) RenewLock(ctx context.Context, r *pb.RenewLockRequest, o ...Option) (*pb.RenewLockResponse, error) {
	return command(ctx, c, pb.LockService_RenewLock_FullMethodName, r, &pb.RenewLockResponse{}, o)
}

// ReleaseLock gives a lock up.
func (c *Client) ReleaseLock(ctx context.Context, name string, fence uint64, o ...Option) (*pb.ReleaseLockResponse, error) {
	r := &pb.ReleaseLockRequest{Name: name, Fence: fence}
	return command(ctx, c, pb.LockService_ReleaseLock_FullMethodName, r, &pb.ReleaseLockResponse{}, o)
}

// BreakLock takes a lock from its holder; with a fence only if it is the live one.
func (c *Client) BreakLock(ctx context.Context, name string, fence uint64, o ...Option) (*pb.BreakLockResponse, error) {
	r := &pb.BreakLockRequest{Name: name, Fence: fence}
	return command(ctx, c, pb.LockService_BreakLock_FullMethodName, r, &pb.BreakLockResponse{}, o)
}

// CancelWait leaves the line for a lock.
func (c *Client) CancelWait(ctx context.Context, name string, ticket uint64, o ...Option) (*pb.CancelWaitResponse, error) {
	r := &pb.CancelWaitRequest{Name: name, Ticket: ticket}
	return command(ctx, c, pb.LockService_CancelWait_FullMethodName, r, &pb.CancelWaitResponse{}, o)
}

// GetLock says who holds a lock, and what became of a place in line.
func (c *Client) GetLock(ctx context.Context, r *pb.GetLockRequest, o ...Option) (*pb.GetLockResponse, error) {
	return query(ctx, c, pb.LockService_GetLock_FullMethodName, r, &pb.GetLockResponse{}, o)
}

// ListLocks returns a page of the locks that are held; AllLocks returns all of them.
func (c *Client) ListLocks(ctx context.Context, r *pb.ListLocksRequest, o ...Option) (*pb.ListLocksResponse, error) {
	return query(ctx, c, pb.LockService_ListLocks_FullMethodName, r, &pb.ListLocksResponse{}, o)
}
