package server

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
)

type chat struct {
	pb.UnimplementedChatServiceServer
	host   *host.Host
	limits statemachine.Limits
	now    func() time.Time
}

func (c *chat) Send(ctx context.Context, r *pb.SendRequest) (*pb.SendResponse, error) {
	channel := convert.ChannelOf(r.GetPlace())
	command, err := commandOf(r.GetCommand(), "parley.v1.ChatService.Send", channel, r.GetText())
	if err != nil {
		return nil, err
	}
	send := statemachine.Send{Channel: channel, Text: r.GetText(), Wall: raft.Wall(c.now().UnixNano())}
	if err := statemachine.CheckSend(c.limits, send); err != nil {
		return nil, convert.RejectionError(err) // Apply would say the same, on every node and from the log
	}
	command.Body = statemachine.AppendSend(nil, send)
	a, err := do(ctx, c.host, node.Event{Kind: node.EventCommand, Command: command})
	if err != nil {
		return nil, err
	}
	sent, err := statemachine.DecodeSendReply(a.Reply)
	if err != nil {
		return nil, convert.RefusalError(err, a.Position)
	}
	return &pb.SendResponse{Id: sent.ID, Place: convert.PlaceOf(sent.Channel), Position: uint64(sent.Position)}, nil
}

func (c *chat) History(ctx context.Context, r *pb.HistoryRequest) (*pb.HistoryResponse, error) {
	a, err := do(ctx, c.host, node.Event{Kind: node.EventQuery, Query: convert.HistoryQuery(r)})
	if err != nil {
		return nil, err
	}
	page, err := statemachine.DecodeHistoryReply(a.Reply)
	if err != nil {
		return nil, convert.RefusalError(err, a.Position)
	}
	return convert.HistoryResponse(convert.ChannelOf(r.GetPlace()), page, a.Position), nil
}

func (c *chat) Tail(r *pb.TailRequest, out grpc.ServerStreamingServer[pb.TailResponse]) error {
	// A stale read of nothing much tells whether the channel is there and
	// where this node stands.
	probe := &pb.HistoryRequest{Place: r.GetPlace(), Limit: 1, Consistency: pb.Consistency_CONSISTENCY_STALE}
	here, err := c.History(out.Context(), probe)
	if err != nil {
		return err
	}
	cluster := uint64(c.host.Status().Cluster)
	if r.GetCluster() != 0 && r.GetCluster() != cluster {
		return convert.AnswerError(node.Answer{
			Outcome: node.Refused, Code: node.CodeCompacted, Position: raft.Position(here.Position)}, "")
	}
	from := here.Position
	if r.From != nil {
		from = r.GetFrom()
	}
	sub, err := c.host.Subscribe(out.Context(), raft.Position(from))
	if errors.Is(err, host.ErrBusy) {
		return convert.AnswerError(node.Answer{Outcome: node.Refused, Code: node.CodeBusy}, "")
	}
	if err != nil {
		return convert.ContextError(err)
	}
	defer sub.Close()
	t := newTail(convert.ChannelOf(r.GetPlace()), cluster, sub, out)
	defer t.close()
	if err := t.progress(node.Frame{Position: raft.Position(from)}); err != nil {
		return err
	}
	return t.run()
}
