package convert

import (
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/chat"
	"parley/statemachine/state"
)

// JoinPolicy returns the policy that the wire names; unspecified is open, and one that there is not stays none.
func JoinPolicy(p pb.JoinPolicy) state.JoinPolicy {
	switch p {
	case pb.JoinPolicy_JOIN_POLICY_UNSPECIFIED, pb.JoinPolicy_JOIN_POLICY_OPEN:
		return state.JoinOpen
	case pb.JoinPolicy_JOIN_POLICY_INVITE:
		return state.JoinInvite
	}
	return noPolicy
}

// noPolicy is what no channel has: the state machine refuses it.
const noPolicy state.JoinPolicy = 255

func joinPolicyOf(p state.JoinPolicy) pb.JoinPolicy {
	if p == state.JoinInvite {
		return pb.JoinPolicy_JOIN_POLICY_INVITE
	}
	return pb.JoinPolicy_JOIN_POLICY_OPEN
}

func role(joined, admin bool) pb.MemberRole {
	switch {
	case !joined:
		return pb.MemberRole_MEMBER_ROLE_UNSPECIFIED
	case admin:
		return pb.MemberRole_MEMBER_ROLE_ADMIN
	}
	return pb.MemberRole_MEMBER_ROLE_MEMBER
}

// Channel returns a channel as somebody sees it.
func Channel(ch *chat.Channel) *pb.Channel {
	return &pb.Channel{
		Id:          ch.ID,
		Name:        ch.Name,
		Description: ch.Description,
		Private:     ch.Private,
		Join:        joinPolicyOf(ch.Join),
		Archived:    ch.Archived,
		Ai:          !ch.NoAI,
		Members:     count(ch.Members),
		Created:     timeOf(ch.Wall),
		Role:        role(ch.Joined, ch.Admin),
		Unread:      count(ch.Unread),
		Mentions:    count(ch.Mentions),
		Read:        uint64(ch.Read),
		Last:        uint64(ch.Last),
	}
}

// Channels returns a page of channels.
func Channels(p *chat.ChannelsPage) []*pb.Channel {
	channels := make([]*pb.Channel, len(p.Channels))
	for i := range p.Channels {
		channels[i] = Channel(&p.Channels[i])
	}
	return channels
}

// channelShown returns a channel as an event shows it: without what it is to whoever reads that.
func channelShown(p *state.Place) *pb.Channel {
	if p == nil {
		return nil
	}
	return &pb.Channel{
		Id:          p.IDString(),
		Name:        p.Name,
		Description: p.Description,
		Private:     p.Private,
		Join:        joinPolicyOf(p.Join),
		Archived:    p.Archived,
		Ai:          !p.NoAI,
		Members:     count(p.Members),
		Created:     timeOf(p.Wall),
	}
}

// Members returns a page of members.
func Members(p *chat.MembersPage) []*pb.ChannelMember {
	members := make([]*pb.ChannelMember, len(p.Members))
	for i := range p.Members {
		m := &p.Members[i]
		members[i] = &pb.ChannelMember{Username: m.Name, DisplayName: m.Display, Role: role(true, m.Admin), Online: m.Online}
		if !m.Online {
			members[i].LastSeen = timeOf(m.Seen)
		}
	}
	return members
}
