package server

import (
	"context"

	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/presence"
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
