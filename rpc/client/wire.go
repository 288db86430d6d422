package client

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	spb "google.golang.org/genproto/googleapis/rpc/status"

	"parley/raft"
	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

// A reply, as the machine in raft/caller hands it back, is
//
//	u8 0 | the response                    the call returned OK
//	u8 1 | google.rpc.Status               an answer all the same: the cluster said no
const (
	replyOK byte = iota
	replyRefused
)

// decodeReply reads a reply: the response, or a refusal as *Error.
func decodeReply(reply []byte, response proto.Message) error {
	if reply[0] == replyOK {
		if err := proto.Unmarshal(reply[1:], response); err != nil {
			return fmt.Errorf("client: a response that is none: %w", err)
		}
		return nil
	}
	var s spb.Status
	if err := proto.Unmarshal(reply[1:], &s); err != nil {
		return fmt.Errorf("client: a refusal that is none: %w", err)
	}
	return failed(status.ErrorProto(&s))
}

// commandField is the number of the field that has the CommandContext, in every request that has one.
const commandField = 1

// invoke makes the gRPC call that a body stands for. Its answer is what the
// node said. ok is false if nothing came back: the request may have arrived or not.
func invoke(ctx context.Context, conn *grpc.ClientConn, command *pb.CommandContext, body []byte) (a node.Answer, hint string, ok bool) {
	method, request := string(body[2:2+body[1]]), body[2+body[1]:]
	if command != nil {
		context, err := proto.Marshal(command)
		if err != nil {
			panic(err) // numbers, and an id that was looked at
		}
		request = append(make([]byte, 0, len(request)+len(context)+8), request...)
		request = protowire.AppendBytes(protowire.AppendTag(request, commandField, protowire.BytesType), context)
	}
	reply := []byte{replyOK}
	if err := conn.Invoke(ctx, method, &request, &reply, grpc.ForceCodecV2(encoded{})); err != nil {
		return answerOf(err)
	}
	return node.Answer{Outcome: node.Done, Reply: reply}, "", true
}

// encoded is the codec of messages that are bytes already. A response is put behind what its *[]byte holds.
type encoded struct{}

var _ encoding.CodecV2 = encoded{}

func (encoded) Name() string { return "proto" }

func (encoded) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("client: %T is not encoded", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*b)}, nil
}

func (encoded) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("client: %T takes no bytes", v)
	}
	for _, part := range data { // gRPC takes its buffers back: copy
		*b = append(*b, part.ReadOnlyData()...)
	}
	return nil
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
//
// Three refusals are final in different ways. What the state machine said, or would say whatever its state, is said again to a
// repetition: it is the reply. What is said of the caller's login is final, too, but an attempt before it may have
// been executed while the login lived, which raft/caller knows: it is CodeReaderGone. A caller that is asked to
// slow down has to come again: it is CodeBusy.
func answerOf(err error) (a node.Answer, hint string, ok bool) {
	f := convert.ParseError(err)
	if f.Reason == "" {
		return node.Answer{}, "", false
	}
	said, err := proto.MarshalOptions{}.MarshalAppend([]byte{replyRefused}, status.Convert(err).Proto())
	if err != nil {
		return node.Answer{}, "", false
	}
	a = node.Answer{Outcome: f.Outcome, Code: f.Code, Position: f.Position, Hint: f.Leader, RetryAfter: f.Retry, Reply: said}
	switch {
	case f.Outcome == node.Done, f.Outcome == node.Refused && f.Code == node.CodeNone && !passing(f.Reason):
		a.Outcome = node.Done
	case loginReasons[f.Reason]:
		a.Code = node.CodeReaderGone
	case f.Reason == reasonRateLimited:
		a.Code = node.CodeBusy
	}
	return a, f.LeaderAddr, true
}

// passing reports whether a refusal says something of who asks, and not of what is asked.
func passing(reason string) bool { return loginReasons[reason] || reason == reasonRateLimited }

// loginReasons are those that say that whoever calls is not logged in.
var loginReasons = map[string]bool{ReasonTokenMissing: true, "TOKEN_INVALID": true, "TOKEN_EXPIRED": true, ReasonLoginEnded: true}

const reasonRateLimited = "RATE_LIMITED"

// withToken puts a token into the metadata of calls, if there is one.
func withToken(ctx context.Context, token string) context.Context {
	if token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}
