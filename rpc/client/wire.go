package client

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	spb "google.golang.org/genproto/googleapis/rpc/status"

	"parley/raft"
	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

// The machine in raft/caller sees bodies and replies as bytes. Here a body is
//
//	u8 method | the request, without its CommandContext
//
// so that a repetition is the same bytes, and a reply is
//
//	u8 0 | the response                    the call returned OK
//	u8 1 | google.rpc.Status               an answer all the same: the cluster said no
const (
	methodSend byte = iota + 1
	methodHistory
)

const (
	replyOK byte = iota
	replyRefused
)

// encodeBody makes a caller's body of a request.
func encodeBody(method byte, request proto.Message) ([]byte, error) {
	return proto.MarshalOptions{}.MarshalAppend([]byte{method}, request)
}

// decodeReply reads what encodeReply wrote: the response, or a refusal as *Error.
func decodeReply(reply []byte, response proto.Message) error {
	if reply[0] == replyOK {
		return proto.Unmarshal(reply[1:], response)
	}
	var s spb.Status
	if err := proto.Unmarshal(reply[1:], &s); err != nil {
		return err
	}
	return failed(convert.ParseError(status.ErrorProto(&s)))
}

// perform makes the gRPC call that a body stands for. Its answer is what the
// node said. ok is false if nothing came back: the request may have arrived or not.
func perform(ctx context.Context, conn *grpc.ClientConn, command *pb.CommandContext, body []byte) (a node.Answer, hint string, ok bool) {
	var response proto.Message
	var position uint64
	var err error
	switch body[0] {
	case methodSend:
		request := &pb.SendRequest{}
		if err := proto.Unmarshal(body[1:], request); err != nil {
			panic(err) // our own bytes
		}
		request.Command = command
		var r *pb.SendResponse
		r, err = pb.NewChatServiceClient(conn).Send(ctx, request)
		response, position = r, r.GetPosition()
	case methodHistory:
		request := &pb.HistoryRequest{}
		if err := proto.Unmarshal(body[1:], request); err != nil {
			panic(err)
		}
		var r *pb.HistoryResponse
		r, err = pb.NewChatServiceClient(conn).History(ctx, request)
		response, position = r, r.GetPosition()
	}
	if err != nil {
		return answerOf(err)
	}
	reply, err := proto.MarshalOptions{}.MarshalAppend([]byte{replyOK}, response)
	if err != nil {
		return node.Answer{}, "", false
	}
	return node.Answer{Outcome: node.Done, Position: raft.Position(position), Reply: reply}, "", true
}

// open makes the call that opens a session.
func open(ctx context.Context, conn *grpc.ClientConn, nonce uint64) (a node.Answer, hint string, ok bool) {
	r, err := pb.NewSessionServiceClient(conn).Open(ctx, &pb.OpenRequest{Nonce: nonce})
	if err != nil {
		return answerOf(err)
	}
	return node.Answer{
		Outcome:  node.Done,
		Position: raft.Position(r.GetPosition()),
		Session:  node.SessionID(r.GetSession()),
	}, "", true
}

// closeSession makes the call that closes a session.
func closeSession(ctx context.Context, conn *grpc.ClientConn, session node.SessionID, nonce uint64) (a node.Answer, hint string, ok bool) {
	r, err := pb.NewSessionServiceClient(conn).Close(ctx, &pb.CloseRequest{Session: uint64(session), Nonce: nonce})
	if err != nil {
		return answerOf(err)
	}
	return node.Answer{Outcome: node.Done, Position: raft.Position(r.GetPosition())}, "", true
}

// answerOf reads an answer from an error. An error that no node made says
// nothing about the request.
func answerOf(err error) (a node.Answer, hint string, ok bool) {
	f := convert.ParseError(err)
	if f.Reason == "" {
		return node.Answer{}, "", false
	}
	a = node.Answer{Outcome: f.Outcome, Code: f.Code, Position: f.Position, Hint: f.Leader, RetryAfter: f.Retry}
	if f.Outcome == node.Done || f.Outcome == node.Refused && f.Code == node.CodeNone {
		// The state machine's refusal, or that of a request that makes no sense: final.
		s, err := proto.MarshalOptions{}.MarshalAppend([]byte{replyRefused}, status.Convert(err).Proto())
		if err != nil {
			return node.Answer{}, "", false
		}
		a.Outcome, a.Reply = node.Done, s
	}
	return a, f.LeaderAddr, true
}
