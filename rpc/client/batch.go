package client

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"

	"parley/raft/node"
	pb "parley/rpc/proto/parley/v1"
)

// BatchMax is how many messages one SendBatch takes.
const BatchMax = node.DefaultWindow

// SendBatch puts many messages into places, in their order, with an outcome for each: those that are refused do not hold
// up the others. All stand in the client's session, so that a batch whose answer gets lost is repeated without doubling any. Several batches may be under way at a time,
// with at most BatchMax messages together; the others wait.
func (c *Client) SendBatch(ctx context.Context, messages []*pb.BatchMessage) (*pb.SendBatchResponse, error) {
	if n := len(messages); n == 0 || n > BatchMax {
		return nil, &Error{Outcome: node.Refused, Code: codes.InvalidArgument, Reason: "FIELD_INVALID", Field: "messages",
			Text: fmt.Sprintf("A batch has 1 to %d messages, not %d.", BatchMax, n)}
	}
	o := operation{
		method: pb.ChatService_SendBatch_FullMethodName, request: &pb.SendBatchRequest{Messages: messages}, span: uint64(len(messages)),
	}
	return perform(ctx, c, o, &pb.SendBatchResponse{}, nil)
}
