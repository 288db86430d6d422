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

// ChannelOf returns the channel that a place of the wire names: the sign may be left out. What is no name of a
// channel is the name of none.
func ChannelOf(place string) string { return strings.TrimPrefix(place, "#") }

// PlaceOf returns the place that a channel is on the wire.
func PlaceOf(channel string) string { return "#" + channel }

// Message returns a message of a channel as the wire has it.
func Message(channel string, m statemachine.Message) *pb.Message {
	return &pb.Message{
		Id:       m.ID,
		Place:    PlaceOf(channel),
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
			Channel: ChannelOf(r.GetPlace()),
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

// HistoryResponse returns a reply about a channel as the wire has it.
func HistoryResponse(channel string, h statemachine.HistoryReply, at raft.Position) *pb.HistoryResponse {
	r := &pb.HistoryResponse{More: h.More, Position: uint64(at)}
	for _, m := range h.Messages {
		r.Messages = append(r.Messages, Message(channel, m))
	}
	return r
}
