package client

import (
	"context"

	pb "parley/rpc/proto/parley/v1"
)

// CreateChannel makes a channel, with the caller as its admin.
func (c *Client) CreateChannel(ctx context.Context, r *pb.CreateChannelRequest, o ...Option) (*pb.CreateChannelResponse, error) {
	return command(ctx, c, pb.ChannelService_CreateChannel_FullMethodName, r, &pb.CreateChannelResponse{}, o)
}

// GetChannel returns a channel.
func (c *Client) GetChannel(ctx context.Context, channel string, o ...Option) (*pb.GetChannelResponse, error) {
	r := &pb.GetChannelRequest{Channel: channel}
	return query(ctx, c, pb.ChannelService_GetChannel_FullMethodName, r, &pb.GetChannelResponse{}, o)
}

// ListChannels returns a page of the channels that the caller may see; AllChannels returns all of them.
func (c *Client) ListChannels(ctx context.Context, r *pb.ListChannelsRequest, o ...Option) (*pb.ListChannelsResponse, error) {
	return query(ctx, c, pb.ChannelService_ListChannels_FullMethodName, r, &pb.ListChannelsResponse{}, o)
}

// JoinChannel makes the caller a member.
func (c *Client) JoinChannel(ctx context.Context, channel string, o ...Option) (*pb.JoinChannelResponse, error) {
	r := &pb.JoinChannelRequest{Channel: channel}
	return command(ctx, c, pb.ChannelService_JoinChannel_FullMethodName, r, &pb.JoinChannelResponse{}, o)
}

// LeaveChannel ends the caller's membership.
func (c *Client) LeaveChannel(ctx context.Context, channel string, o ...Option) (*pb.LeaveChannelResponse, error) {
	r := &pb.LeaveChannelRequest{Channel: channel}
	return command(ctx, c, pb.ChannelService_LeaveChannel_FullMethodName, r, &pb.LeaveChannelResponse{}, o)
}

// ListMembers returns a page of the members; AllMembers returns all of them.
func (c *Client) ListMembers(ctx context.Context, r *pb.ListMembersRequest, o ...Option) (*pb.ListMembersResponse, error) {
	return query(ctx, c, pb.ChannelService_ListMembers_FullMethodName, r, &pb.ListMembersResponse{}, o)
}

// AddMember makes a user a member.
func (c *Client) AddMember(ctx context.Context, channel, username string, o ...Option) (*pb.AddMemberResponse, error) {
	r := &pb.AddMemberRequest{Channel: channel, Username: username}
	return command(ctx, c, pb.ChannelService_AddMember_FullMethodName, r, &pb.AddMemberResponse{}, o)
}

// RemoveMember ends the membership of a user.
func (c *Client) RemoveMember(ctx context.Context, channel, username string, o ...Option) (*pb.RemoveMemberResponse, error) {
	r := &pb.RemoveMemberRequest{Channel: channel, Username: username}
	return command(ctx, c, pb.ChannelService_RemoveMember_FullMethodName, r, &pb.RemoveMemberResponse{}, o)
}

// PromoteMember makes a member an admin of the channel.
func (c *Client) PromoteMember(ctx context.Context, channel, username string, o ...Option) (*pb.PromoteMemberResponse, error) {
	r := &pb.PromoteMemberRequest{Channel: channel, Username: username}
	return command(ctx, c, pb.ChannelService_PromoteMember_FullMethodName, r, &pb.PromoteMemberResponse{}, o)
}

// DemoteMember makes an admin of the channel a member like others.
func (c *Client) DemoteMember(ctx context.Context, channel, username string, o ...Option) (*pb.DemoteMemberResponse, error) {
	r := &pb.DemoteMemberRequest{Channel: channel, Username: username}
	return command(ctx, c, pb.ChannelService_DemoteMember_FullMethodName, r, &pb.DemoteMemberResponse{}, o)
}

// ArchiveChannel makes a channel read-only.
func (c *Client) ArchiveChannel(ctx context.Context, channel string, o ...Option) (*pb.ArchiveChannelResponse, error) {
	r := &pb.ArchiveChannelRequest{Channel: channel}
	return command(ctx, c, pb.ChannelService_ArchiveChannel_FullMethodName, r, &pb.ArchiveChannelResponse{}, o)
}

// UnarchiveChannel undoes ArchiveChannel.
func (c *Client) UnarchiveChannel(ctx context.Context, channel string, o ...Option) (*pb.UnarchiveChannelResponse, error) {
	r := &pb.UnarchiveChannelRequest{Channel: channel}
	return command(ctx, c, pb.ChannelService_UnarchiveChannel_FullMethodName, r, &pb.UnarchiveChannelResponse{}, o)
}

// UpdateChannel changes a channel's description, its policy, and whether models may read it.
func (c *Client) UpdateChannel(ctx context.Context, r *pb.UpdateChannelRequest, o ...Option) (*pb.UpdateChannelResponse, error) {
	return command(ctx, c, pb.ChannelService_UpdateChannel_FullMethodName, r, &pb.UpdateChannelResponse{}, o)
}
