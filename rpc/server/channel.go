package server

import (
	"context"

	"parley/raft"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/chat"
	"parley/statemachine/state"
)

// channels serves ChannelService.
type channels struct {
	pb.UnimplementedChannelServiceServer
	*edge
}

func (s *channels) CreateChannel(ctx context.Context, r *pb.CreateChannelRequest) (*pb.CreateChannelResponse, error) {
	ch, at, err := s.change(ctx, r.GetCommand(), &chat.CreateChannel{Name: r.GetName(), Description: r.GetDescription(),
		Private: r.GetPrivate(), Join: convert.JoinPolicy(r.GetJoin())})
	return &pb.CreateChannelResponse{Channel: ch, Position: at}, err
}

// change proposes a command that is answered by the channel as it is then.
func (s *channels) change(ctx context.Context, cc *pb.CommandContext, c state.Command) (*pb.Channel, uint64, error) {
	var ch chat.Channel
	at, err := s.propose(ctx, cc, c, &ch)
	if err != nil {
		return nil, 0, err
	}
	return convert.Channel(&ch), uint64(at), nil
}

// done proposes a command about which there is nothing to say but where it was done.
func (s *channels) done(ctx context.Context, cc *pb.CommandContext, c state.Command) (uint64, error) {
	at, err := s.propose(ctx, cc, c, &chat.Done{})
	return uint64(at), err
}

// GetChannel asks, and where there is nothing to see for users an admin of the cluster may look, which is written down: that
// takes a command, and this node to lead.
func (s *channels) GetChannel(ctx context.Context, r *pb.GetChannelRequest) (*pb.GetChannelResponse, error) {
	var ch chat.Channel
	at, err := s.ask(ctx, r.GetConsistency(), &chat.ChannelOf{Place: r.GetChannel()}, &ch)
	if reason := convert.ParseError(err).Reason; reason == "CHANNEL_NOT_FOUND" || reason == "PLACE_NOT_FOUND" {
		if s.governs(ctx) {
			at, err = s.propose(ctx, s.own(), &chat.InspectChannel{Place: r.GetChannel()}, &ch)
		}
	}
	if err != nil {
		return nil, err
	}
	return &pb.GetChannelResponse{Channel: convert.Channel(&ch), Position: uint64(at)}, nil
}

func (s *channels) ListChannels(ctx context.Context, r *pb.ListChannelsRequest) (*pb.ListChannelsResponse, error) {
	cursor, err := nameFrom(r.GetCursor())
	if err != nil {
		return nil, err
	}
	var page chat.ChannelsPage
	var at raft.Position
	if r.GetHidden() {
		if _, err := consistencyOf(r.GetConsistency()); err != nil {
			return nil, err
		}
		at, err = s.propose(ctx, s.own(), &chat.InspectChannels{After: cursor, Limit: uint64(r.GetLimit())}, &page)
	} else {
		at, err = s.askLong(ctx, r.GetConsistency(), &chat.Channels{After: cursor, Limit: uint64(r.GetLimit()), Joined: r.GetJoined()}, &page)
	}
	if err != nil {
		return nil, err
	}
	return &pb.ListChannelsResponse{Channels: convert.Channels(&page), NextCursor: nameCursor(page.Next), Position: uint64(at)}, nil
}

func (s *channels) JoinChannel(ctx context.Context, r *pb.JoinChannelRequest) (*pb.JoinChannelResponse, error) {
	ch, at, err := s.change(ctx, r.GetCommand(), &chat.Join{Place: r.GetChannel()})
	return &pb.JoinChannelResponse{Channel: ch, Position: at}, err
}

func (s *channels) LeaveChannel(ctx context.Context, r *pb.LeaveChannelRequest) (*pb.LeaveChannelResponse, error) {
	at, err := s.done(ctx, r.GetCommand(), &chat.Leave{Place: r.GetChannel()})
	return &pb.LeaveChannelResponse{Position: at}, err
}

func (s *channels) ListMembers(ctx context.Context, r *pb.ListMembersRequest) (*pb.ListMembersResponse, error) {
	cursor, err := numberFrom[state.UserID](r.GetCursor())
	if err != nil {
		return nil, err
	}
	var page chat.MembersPage
	at, err := s.askLong(ctx, r.GetConsistency(), &chat.Members{Place: r.GetChannel(), After: cursor, Limit: uint64(r.GetLimit())}, &page)
	if err != nil {
		return nil, err
	}
	return &pb.ListMembersResponse{Members: convert.Members(&page), NextCursor: numberCursor(page.Next), Total: uint32(page.Total),
		Online: uint32(page.Online), Admins: uint32(page.Admins), Position: uint64(at)}, nil
}

func (s *channels) AddMember(ctx context.Context, r *pb.AddMemberRequest) (*pb.AddMemberResponse, error) {
	at, err := s.done(ctx, r.GetCommand(), &chat.AddMember{Of: chat.Of{Place: r.GetChannel(), User: r.GetUsername()}})
	return &pb.AddMemberResponse{Position: at}, err
}

func (s *channels) RemoveMember(ctx context.Context, r *pb.RemoveMemberRequest) (*pb.RemoveMemberResponse, error) {
	at, err := s.done(ctx, r.GetCommand(), &chat.RemoveMember{Of: chat.Of{Place: r.GetChannel(), User: r.GetUsername()}})
	return &pb.RemoveMemberResponse{Position: at}, err
}

func (s *channels) PromoteMember(ctx context.Context, r *pb.PromoteMemberRequest) (*pb.PromoteMemberResponse, error) {
	at, err := s.done(ctx, r.GetCommand(), &chat.Promote{Of: chat.Of{Place: r.GetChannel(), User: r.GetUsername()}})
	return &pb.PromoteMemberResponse{Position: at}, err
}

func (s *channels) DemoteMember(ctx context.Context, r *pb.DemoteMemberRequest) (*pb.DemoteMemberResponse, error) {
	at, err := s.done(ctx, r.GetCommand(), &chat.Demote{Of: chat.Of{Place: r.GetChannel(), User: r.GetUsername()}})
	return &pb.DemoteMemberResponse{Position: at}, err
}

func (s *channels) ArchiveChannel(ctx context.Context, r *pb.ArchiveChannelRequest) (*pb.ArchiveChannelResponse, error) {
	_, at, err := s.change(ctx, r.GetCommand(), &chat.Archive{Place: r.GetChannel()})
	return &pb.ArchiveChannelResponse{Position: at}, err
}

func (s *channels) UnarchiveChannel(ctx context.Context, r *pb.UnarchiveChannelRequest) (*pb.UnarchiveChannelResponse, error) {
	_, at, err := s.change(ctx, r.GetCommand(), &chat.Unarchive{Place: r.GetChannel()})
	return &pb.UnarchiveChannelResponse{Position: at}, err
}

func (s *channels) UpdateChannel(ctx context.Context, r *pb.UpdateChannelRequest) (*pb.UpdateChannelResponse, error) {
	c := &chat.UpdateChannel{Place: r.GetChannel(), Description: r.Description, AI: r.Ai}
	if r.Join != nil {
		join := convert.JoinPolicy(r.GetJoin())
		c.Join = &join
	}
	ch, at, err := s.change(ctx, r.GetCommand(), c)
	return &pb.UpdateChannelResponse{Channel: ch, Position: at}, err
}
