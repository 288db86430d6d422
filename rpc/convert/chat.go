package convert

import (
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"parley/raft"
	"parley/raft/node"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
)

// Message returns a message as the wire has it.
func Message(m statemachine.Message) *pb.Message {
	return &pb.Message{
		Id:       m.ID,
		Position: uint64(m.Position),
		Sender:   strings.ToValidUTF8(m.Sender, "\uFFFD"), // a principal may be any bytes
		Text:     m.Text,
		Time:     timestamppb.New(time.Unix(0, int64(m.Wall))),
	}
}

// HistoryQuery returns the query that a request asks for.
func HistoryQuery(r *pb.HistoryRequest) node.Query {
	return node.Query{
		Consistency: consistency(r.GetConsistency()),
		Body: statemachine.AppendHistory(nil, statemachine.History{
			Channel: r.GetChannel(),
			Before:  raft.Position(r.GetBefore()),
			After:   raft.Position(r.GetAfter()),
			Forward: r.After != nil,
			Limit:   int(min(r.GetLimit(), 1<<30)),
		}),
	}
}

func consistency(c pb.Consistency) node.Consistency {
	if c == pb.Consistency_CONSISTENCY_STALE {
		return node.Stale
	}
	return node.Linearizable
}

// HistoryResponse returns a reply as the wire has it.
func HistoryResponse(h statemachine.HistoryReply, at raft.Position) *pb.HistoryResponse {
	r := &pb.HistoryResponse{More: h.More, Position: uint64(at)}
	for _, m := range h.Messages {
		r.Messages = append(r.Messages, Message(m))
	}
	return r
}
