package backend

import (
	"context"
	"strings"

	"parley/cmd/parley/shell"
	pb "parley/rpc/proto/parley/v1"
)

// listMax is how much of a list is asked for at a time: the most that a page has.
const listMax = 1000

// Channels are those that the user may see.
func (b *Backend) Channels(ctx context.Context) (all []shell.Place, err error) {
	for cursor := ""; ; {
		page, err := b.c.ListChannels(ctx, &pb.ListChannelsRequest{Limit: listMax, Cursor: cursor})
		if err != nil {
			return nil, meant(err)
		}
		for _, c := range page.GetChannels() {
			all = append(all, placeOf(c, page.GetPosition()))
		}
		if cursor = page.GetNextCursor(); cursor == "" {
			return all, nil
		}
	}
}

func placeOf(c *pb.Channel, asOf uint64) shell.Place {
	return shell.Place{
		ID: channelID(c.GetName()), Name: c.GetName(), Description: c.GetDescription(), Private: c.GetPrivate(), Archived: c.GetArchived(),
		Joined: c.GetRole() != pb.MemberRole_MEMBER_ROLE_UNSPECIFIED, Admin: c.GetRole() == pb.MemberRole_MEMBER_ROLE_ADMIN,
		Members: int(c.GetMembers()), Unread: int(c.GetUnread()), Mentions: int(c.GetMentions()), Read: shell.Position(c.GetRead()),
		AsOf: shell.Position(asOf),
	}
}

// CreateChannel makes a channel.
func (b *Backend) CreateChannel(ctx context.Context, c shell.NewChannel) (shell.Place, error) {
	r := &pb.CreateChannelRequest{Name: c.Name, Description: c.Description, Private: c.Private, Join: policy(c.InviteOnly)}
	made, err := b.c.CreateChannel(ctx, r)
	if err != nil {
		return shell.Place{}, meant(err)
	}
	return placeOf(made.GetChannel(), made.GetPosition()), nil
}

func policy(inviteOnly bool) pb.JoinPolicy {
	if inviteOnly {
		return pb.JoinPolicy_JOIN_POLICY_INVITE
	}
	return pb.JoinPolicy_JOIN_POLICY_OPEN
}

// Join makes the user a member.
func (b *Backend) Join(ctx context.Context, channel shell.PlaceID) error {
	_, err := b.c.JoinChannel(ctx, string(channel))
	return meant(err)
}

// Leave ends the user's membership.
func (b *Backend) Leave(ctx context.Context, channel shell.PlaceID) error {
	_, err := b.c.LeaveChannel(ctx, string(channel))
	return meant(err)
}

// Archive makes a channel read-only, or undoes that.
func (b *Backend) Archive(ctx context.Context, channel shell.PlaceID, archived bool) (err error) {
	if archived {
		_, err = b.c.ArchiveChannel(ctx, string(channel))
	} else {
		_, err = b.c.UnarchiveChannel(ctx, string(channel))
	}
	return meant(err)
}

// SetInviteOnly says how others become members.
func (b *Backend) SetInviteOnly(ctx context.Context, channel shell.PlaceID, inviteOnly bool) error {
	_, err := b.c.UpdateChannel(ctx, &pb.UpdateChannelRequest{Channel: string(channel), Join: policy(inviteOnly).Enum()})
	return meant(err)
}

// Members are the members of a channel, or the two of a conversation.
func (b *Backend) Members(ctx context.Context, place shell.PlaceID) (all []shell.Member, err error) {
	if partner, ok := direct(place); ok {
		users, err := b.Users(ctx)
		for _, u := range users {
			if strings.EqualFold(u.Username, partner) || u.Username == b.c.Credentials().User {
				all = append(all, shell.Member{User: u})
			}
		}
		return all, err
	}
	for m, err := range b.c.AllMembers(ctx, string(place)) {
		if err != nil {
			return nil, meant(err)
		}
		all = append(all, shell.Member{
			User:  shell.User{Username: m.GetUsername(), DisplayName: m.GetDisplayName(), Online: m.GetOnline(), LastSeen: timeOf(m.GetLastSeen())},
			Admin: m.GetRole() == pb.MemberRole_MEMBER_ROLE_ADMIN,
		})
	}
	return all, nil
}

// AddMember makes a user a member.
func (b *Backend) AddMember(ctx context.Context, channel shell.PlaceID, username string) error {
	_, err := b.c.AddMember(ctx, string(channel), username)
	return meant(err)
}

// RemoveMember ends the membership of a user.
func (b *Backend) RemoveMember(ctx context.Context, channel shell.PlaceID, username string) error {
	_, err := b.c.RemoveMember(ctx, string(channel), username)
	return meant(err)
}

// SetAdmin makes a member an admin of the channel, or one like others.
func (b *Backend) SetAdmin(ctx context.Context, channel shell.PlaceID, username string, admin bool) (err error) {
	if admin {
		_, err = b.c.PromoteMember(ctx, string(channel), username)
	} else {
		_, err = b.c.DemoteMember(ctx, string(channel), username)
	}
	return meant(err)
}

// Conversations are those of the user, newest message first.
func (b *Backend) Conversations(ctx context.Context) (all []shell.Place, err error) {
	for cursor := ""; ; {
		page, err := b.c.Conversations(ctx, &pb.ConversationsRequest{Limit: listMax, Cursor: cursor})
		if err != nil {
			return nil, meant(err)
		}
		for _, c := range page.GetConversations() {
			all = append(all, b.conversationOf(c, page.GetPosition()))
		}
		if cursor = page.GetNextCursor(); cursor == "" {
			return all, nil
		}
	}
}

func (b *Backend) conversationOf(c *pb.Conversation, asOf uint64) shell.Place {
	p := shell.Place{
		ID: shell.PlaceID(c.GetPlace()), Direct: true, Name: c.GetPartner(), DisplayName: c.GetDisplayName(), Joined: true, Members: 2,
		Online: c.GetOnline(), Unread: int(c.GetUnread()), Mentions: int(c.GetMentions()), Read: shell.Position(c.GetRead()), AsOf: shell.Position(asOf),
	}
	if c.GetLast() != nil {
		last := b.message(c.GetLast(), asOf)
		p.Last = &last
	}
	return p
}

// Converse is the conversation with a user, be it begun or not: its first message makes it.
func (b *Backend) Converse(ctx context.Context, username string) (shell.Place, error) {
	all, err := b.Conversations(ctx)
	if err != nil {
		return shell.Place{}, err
	}
	for _, p := range all {
		if strings.EqualFold(p.Name, username) {
			return p, nil
		}
	}
	users, err := b.Users(ctx)
	if err != nil {
		return shell.Place{}, err
	}
	for _, u := range users {
		switch {
		case !strings.EqualFold(u.Username, username):
		case u.Username == b.c.Credentials().User:
			return shell.Place{}, &shell.Error{Kind: shell.Failed, Text: "Direct messages go to others."}
		default:
			return shell.Place{ID: shell.PlaceID("@" + u.Username), Direct: true, Name: u.Username, DisplayName: u.DisplayName, Joined: true, Members: 2, Online: u.Online}, nil
		}
	}
	return shell.Place{}, &shell.Error{Kind: shell.NotFound, Text: "There is no user @" + username + ".", Hint: "/users lists them"}
}
