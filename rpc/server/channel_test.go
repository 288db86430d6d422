package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	pb "parley/rpc/proto/parley/v1"
)

// What people do with channels, each in a line.

func (u *user) makes(name string, private bool) error {
	_, err := u.channel().CreateChannel(u.ctx(), &pb.CreateChannelRequest{Command: once(), Name: name, Private: private})
	return err
}

func (u *user) joins(name string) error {
	_, err := u.channel().JoinChannel(u.ctx(), &pb.JoinChannelRequest{Command: once(), Channel: name})
	return err
}

func (u *user) leaves(name string) error {
	_, err := u.channel().LeaveChannel(u.ctx(), &pb.LeaveChannelRequest{Command: once(), Channel: name})
	return err
}

func (u *user) adds(name, other string) error {
	_, err := u.channel().AddMember(u.ctx(), &pb.AddMemberRequest{Command: once(), Channel: name, Username: other})
	return err
}

func (u *user) removes(name, other string) error {
	_, err := u.channel().RemoveMember(u.ctx(), &pb.RemoveMemberRequest{Command: once(), Channel: name, Username: other})
	return err
}

func (u *user) promotes(name, other string) error {
	_, err := u.channel().PromoteMember(u.ctx(), &pb.PromoteMemberRequest{Command: once(), Channel: name, Username: other})
	return err
}

func (u *user) posts(place string) error {
	_, err := u.chat().Send(u.ctx(), &pb.SendRequest{Command: once(), Place: place, Text: "hello"})
	return err
}

// sees returns a channel as somebody sees it.
func (u *user) sees(name string) *pb.Channel {
	u.c.t.Helper()
	r, err := u.channel().GetChannel(u.ctx(), &pb.GetChannelRequest{Channel: name})
	require.NoError(u.c.t, err)
	return r.GetChannel()
}

// members returns the members with what they are.
func (u *user) members(name string) (all []string) {
	u.c.t.Helper()
	r, err := u.channel().ListMembers(u.ctx(), &pb.ListMembersRequest{Channel: name})
	require.NoError(u.c.t, err)
	require.EqualValues(u.c.t, len(r.GetMembers()), r.GetTotal())
	for _, m := range r.GetMembers() {
		all = append(all, strings.ToLower(fmt.Sprintf("%s %s %v", m.GetUsername(), strings.TrimPrefix(m.GetRole().String(), "MEMBER_ROLE_"), m.GetOnline())))
	}
	return all
}

func TestR13_R14_TheThreeChannelsAreTheSameOnAllNodesAndEverybodyIsInTheFirst(t *testing.T) {
	c := startCluster(t, 3, governed())
	root, ann := c.admin("root"), c.signUp("ann")
	at := ann.send("general", "I am here from the beginning").GetPosition()
	for i := range c.hosts {
		r, err := ann.at(i).channel().ListChannels(ann.ctx(), &pb.ListChannelsRequest{})
		require.NoError(t, err)
		var all []string
		for _, ch := range r.GetChannels() {
			all = append(all, fmt.Sprint(ch.GetId(), " ", ch.GetName(), " ", ch.GetRole() == pb.MemberRole_MEMBER_ROLE_MEMBER, " ", ch.GetUnread()))
		}
		require.Equal(t, []string{"chan_1 general true 0", "chan_2 random false 0", "chan_3 tech false 0"}, all)
		require.GreaterOrEqual(t, r.GetPosition(), at)
	}
	refused(t, ann.makes("General", false), codes.AlreadyExists, "CHANNEL_NAME_TAKEN")
	require.NoError(t, root.joins("tech"))
	require.NoError(t, root.adds("tech", "ann"), "the admins of the cluster look after them")
	require.NoError(t, root.leaves("tech"), "and the last of them may go")
	require.Equal(t, []string{"ann member false"}, ann.members("tech"))
}

func TestR15_R16_WhoMakesAChannelIsItsAdminAndAHiddenNameIsAReservedOne(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	r, err := ann.channel().CreateChannel(ann.ctx(), &pb.CreateChannelRequest{Command: once(), Name: "Garden", Description: "What grows", Join: pb.JoinPolicy_JOIN_POLICY_INVITE})
	require.NoError(t, err)
	made := r.GetChannel()
	require.Equal(t, "Garden What grows JOIN_POLICY_INVITE MEMBER_ROLE_ADMIN 1", fmt.Sprint(made.GetName(), " ", made.GetDescription(), " ", made.GetJoin(), " ", made.GetRole(), " ", made.GetMembers()))
	require.Equal(t, []string{"ann admin false"}, ann.members("garden"))
	refused(t, bob.makes("GARDEN", false), codes.AlreadyExists, "CHANNEL_NAME_TAKEN")
	refused(t, bob.makes("xy", false), codes.InvalidArgument, "CHANNEL_NAME_INVALID")
	require.NoError(t, ann.makes("den", true))
	hidden := refused(t, bob.makes("Den", false), codes.AlreadyExists, "CHANNEL_NAME_RESERVED")
	require.Equal(t, "The name Den is reserved.", hidden.Text, "as of any reserved name; how often one may try is bounded")
}

func TestR17_R19_JoiningFollowsThePolicyAndNobodyElsePosts(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	require.NoError(t, ann.makes("open", false))
	_, err := ann.channel().CreateChannel(ann.ctx(), &pb.CreateChannelRequest{Command: once(), Name: "invited", Join: pb.JoinPolicy_JOIN_POLICY_INVITE})
	require.NoError(t, err)
	ann.send("open", "before bob")
	refused(t, bob.posts("open"), codes.PermissionDenied, "NOT_A_MEMBER")
	require.EqualValues(t, 1, bob.sees("open").GetMembers(), "and he was not added in silence")
	refused(t, bob.joins("invited"), codes.PermissionDenied, "INVITATION_NEEDED")
	require.NoError(t, bob.joins("open"))
	require.Equal(t, []string{"ann: before bob"}, bob.texts("open"), "the whole history")
	require.NoError(t, bob.posts("open"))
	require.NoError(t, ann.removes("open", "bob"))
	refused(t, bob.posts("open"), codes.PermissionDenied, "NOT_A_MEMBER")
	_, err = bob.chat().History(bob.ctx(), &pb.HistoryRequest{Place: "open"})
	refused(t, err, codes.PermissionDenied, "NOT_A_MEMBER")
	refused(t, bob.joins("open"), codes.PermissionDenied, "INVITATION_NEEDED")
	require.NoError(t, ann.adds("open", "bob"))
	require.Equal(t, []string{"ann: before bob", "bob: hello"}, bob.texts("open"))
}

func TestR20_R21_R23_AnAdminLooksAfterAChannelAndTheLastOneStays(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann, bob, cid := c.signUp("ann"), c.signUp("bob"), c.signUp("cid")
	require.NoError(t, ann.makes("garden", false))
	require.NoError(t, ann.adds("garden", "bob"))
	refused(t, ann.adds("garden", "Bob"), codes.AlreadyExists, "ALREADY_MEMBER")
	refused(t, ann.adds("garden", "nobody_x"), codes.NotFound, "USER_NOT_FOUND")
	refused(t, ann.removes("garden", "cid"), codes.NotFound, "MEMBER_NOT_FOUND")
	refused(t, bob.adds("garden", "cid"), codes.PermissionDenied, "NOT_CHANNEL_ADMIN")
	refused(t, ann.leaves("garden"), codes.FailedPrecondition, "LAST_CHANNEL_ADMIN")
	refused(t, ann.removes("garden", "ann"), codes.FailedPrecondition, "LAST_CHANNEL_ADMIN")
	_, err := ann.channel().DemoteMember(ann.ctx(), &pb.DemoteMemberRequest{Command: once(), Channel: "garden", Username: "ann"})
	refused(t, err, codes.FailedPrecondition, "LAST_CHANNEL_ADMIN")
	require.NoError(t, ann.promotes("garden", "bob"))
	require.NoError(t, ann.leaves("garden"))
	require.NoError(t, bob.adds("garden", "cid"))

	_, err = bob.channel().ArchiveChannel(bob.ctx(), &pb.ArchiveChannelRequest{Command: once(), Channel: "garden"})
	require.NoError(t, err)
	refused(t, bob.posts("garden"), codes.FailedPrecondition, "CHANNEL_ARCHIVED")
	require.True(t, cid.sees("garden").GetArchived())
	require.NoError(t, cid.leaves("garden"), "one leaves what is archived")
	_, err = bob.channel().UnarchiveChannel(bob.ctx(), &pb.UnarchiveChannelRequest{Command: once(), Channel: "garden"})
	require.NoError(t, err)
	require.NoError(t, bob.posts("garden"))
}

func TestR24_R25_ListsSayWhoIsThereAndWhatIsUnread(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	require.NoError(t, ann.makes("garden", false))
	require.NoError(t, bob.joins("garden"))
	there := bob.watch(&pb.WatchRequest{Topics: []pb.Topic{pb.Topic_TOPIC_PRESENCE}})
	for len(there.frames) == 0 { // he sees himself come
		there.step()
		require.NoError(t, there.finished)
	}
	require.Equal(t, []string{"ann admin false", "bob member true"}, ann.members("garden"))
	r, err := ann.channel().ListMembers(ann.ctx(), &pb.ListMembersRequest{Channel: "garden"})
	require.NoError(t, err)
	require.Equal(t, "2 1 1", fmt.Sprint(r.GetTotal(), " ", r.GetOnline(), " ", r.GetAdmins()))

	first := ann.send("garden", "one").GetPosition()
	ann.send("garden", "two @bob")
	require.Equal(t, "2 2 1", fmt.Sprint(bob.sees("garden").GetMembers(), " ", bob.sees("garden").GetUnread(), " ", bob.sees("garden").GetMentions()))
	_, err = bob.chat().MarkRead(bob.ctx(), &pb.MarkReadRequest{Command: once(), Place: "garden", Read: first})
	require.NoError(t, err)
	require.EqualValues(t, 1, bob.sees("garden").GetUnread())
	require.Zero(t, ann.sees("garden").GetUnread(), "one has read what one writes")
}
