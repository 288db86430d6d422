package server

import (
	"context"

	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
	"parley/statemachine/presence"
	"parley/statemachine/state"
)

// who serves PresenceService.
type who struct {
	pb.UnimplementedPresenceServiceServer
	*edge
}

func (s *who) Who(ctx context.Context, r *pb.WhoRequest) (*pb.WhoResponse, error) {
	cursor, err := nameFrom(r.GetCursor())
	if err != nil {
		return nil, err
	}
	var list presence.Present
	at, err := s.askLong(ctx, r.GetConsistency(), &presence.Who{All: r.GetAll(), Cursor: cursor, Limit: uint64(r.GetLimit())}, &list)
	if err != nil {
		return nil, err
	}
	return &pb.WhoResponse{Users: convert.Present(&list), NextCursor: nameCursor(list.Next), Online: uint32(list.Online), Position: uint64(at)}, nil
}

// Notice asks this node's state whether the caller may say it, so that he is told why not, and tells the streams of all
// nodes, each of which asks its own.
func (s *who) Notice(ctx context.Context, r *pb.NoticeRequest) (*pb.NoticeResponse, error) {
	var n state.Notice
	switch what := r.GetWhat().(type) {
	case *pb.NoticeRequest_Place:
		n = state.Notice{Kind: state.EventTyping, Of: what.Place}
	case *pb.NoticeRequest_DocumentId:
		n = state.Notice{Kind: state.EventEditing, Of: what.DocumentId}
	default:
		return nil, fieldError("what", "Say where somebody writes: place or document_id.")
	}
	if _, err := s.ask(ctx, pb.Consistency_CONSISTENCY_STALE, &presence.MayNotice{Notice: n}, &presence.Heard{}); err != nil {
		return nil, err
	}
	if s.rates.herald.Allow("", 1) == nil { // beyond that nobody is told
		s.host.Notice(statemachine.AppendNotice(nil, s.head(ctx), &n))
	}
	return &pb.NoticeResponse{}, nil
}
