package chat_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/statemachine/chat"
	"parley/statemachine/presence"
	"parley/statemachine/state"
	"parley/statemachine/teamtest"
)

func newWorld(t require.TestingT) (w *teamtest.World, root, ann, bob, cid teamtest.Actor) {
	w, root = teamtest.New(t, state.DefaultLimits())
	return w, root, w.User("ann"), w.User("bob"), w.User("cid")
}

// of names a channel and a user.
func of(place, user string) chat.Of { return chat.Of{Place: place, User: user} }

func channel(w *teamtest.World, a teamtest.Actor, place string) (ch chat.Channel) {
	w.Told(a, &chat.ChannelOf{Place: place}, &ch)
	return ch
}

func channelsOf(w *teamtest.World, a teamtest.Actor) string {
	var page chat.ChannelsPage
	w.Told(a, &chat.Channels{}, &page)
	var all []string
	for _, ch := range page.Channels {
		all = append(all, ch.Name)
	}
	return strings.Join(all, " ")
}

func TestR13_ThreeChannelsAreAlwaysThereAndTheClusterAdministersThem(t *testing.T) {
	w, root, ann, bob, _ := newWorld(t)
	for i, name := range []string{"general", "random", "tech"} {
		ch := channel(w, ann, name)
		require.Equal(t, fmt.Sprint("chan_", i+1), ch.ID)
		require.Equal(t, i == 0, ch.Joined, "R14: every new user is in #general")
	}
	w.Refused(ann, &chat.Archive{Place: "#general"}, state.NotPermitted, "NOT_CHANNEL_ADMIN")
	w.Must(root, &chat.Promote{Of: of("#general", "ann")}, nil)
	w.Must(ann, &chat.RemoveMember{Of: of("#general", "bob")}, nil)
	w.Must(ann, &chat.Demote{Of: of("#general", "ann")}, nil) // R21 does not bind there
	w.Refused(ann, &chat.AddMember{Of: of("#general", "bob")}, state.NotPermitted, "NOT_CHANNEL_ADMIN")
	w.Must(root, &chat.AddMember{Of: of("#general", "bob")}, nil)
	w.Must(root, &chat.Archive{Place: "#tech"}, nil) // he is no member of it
	require.Equal(t, []string{"channel.promote chan_1: ann", "channel.remove chan_1: bob", "channel.demote chan_1: ann", "channel.add chan_1: bob",
		"channel.archive chan_3: (as an admin of the cluster)"}, w.Audited()[len(w.Audited())-5:])

	// Where nobody is an admin of the channel he deletes what does not belong there, as a member.
	var sent chat.Sent
	w.Must(bob, &chat.Send{Place: "#general", Text: "spam"}, &sent)
	w.Must(root, &chat.Unsend{ID: sent.ID.String()}, nil)
}

func TestR15_AChannelIsMadeUnderAFreeName(t *testing.T) {
	w, root, ann, bob, _ := newWorld(t)
	var made chat.Channel
	w.Must(ann, &chat.CreateChannel{Name: "#Plans", Description: "what next", Join: state.JoinOpen}, &made)
	require.Equal(t, chat.Channel{ID: made.ID, Name: "Plans", Description: "what next", Join: state.JoinOpen, Members: 1, Admins: 1,
		Wall: made.Wall, Joined: true, Admin: true}, made, "R16: its maker is member and admin")
	for name, c := range map[string]struct {
		name   string
		code   state.Code
		reason string
	}{
		"taken":                 {"Plans", state.Exists, "CHANNEL_NAME_TAKEN"},
		"taken in another case": {"pLANS", state.Exists, "CHANNEL_NAME_TAKEN"},
		"kept":                  {"Everyone", state.Exists, "CHANNEL_NAME_RESERVED"},
		"two characters":        {"ab", state.Invalid, "CHANNEL_NAME_INVALID"},
		"nothing":               {"", state.Invalid, "CHANNEL_NAME_INVALID"},
		"only the sign":         {"#", state.Invalid, "CHANNEL_NAME_INVALID"},
		"two signs":             {"##abc", state.Invalid, "CHANNEL_NAME_INVALID"},
		"a blank":               {"a b c", state.Invalid, "CHANNEL_NAME_INVALID"},
		"an id":                 {"chan_1", state.Invalid, "CHANNEL_NAME_INVALID"},
		"turned":                {"abc\u202ecba", state.Invalid, "CHANNEL_NAME_INVALID"},
		"too long":              {strings.Repeat("x", 51), state.Invalid, "CHANNEL_NAME_INVALID"},
		"not UTF-8":             {"ab\xffc", state.Invalid, "CHANNEL_NAME_INVALID"},
	} {
		refusal := w.Refused(bob, &chat.CreateChannel{Name: c.name, Join: state.JoinOpen}, c.code, c.reason)
		if c.code == state.Invalid {
			require.Equal(t, "name", refusal.Field, name)
		}
	}
	require.Equal(t, "join", w.Refused(bob, &chat.CreateChannel{Name: "abc"}, state.Invalid, "FIELD_INVALID").Field)
	require.Equal(t, "description", w.Refused(bob, &chat.CreateChannel{Name: "abc", Join: 1, Description: strings.Repeat("x", 501)}, state.Invalid, "TOO_LONG").Field)

	// A name that somebody hides is refused in the words of one that is kept, to the admins of the cluster, too.
	w.Must(ann, &chat.CreateChannel{Name: "den", Private: true, Join: state.JoinOpen}, nil)
	reserved := w.Refused(bob, &chat.CreateChannel{Name: "here", Join: state.JoinOpen}, state.Exists, "CHANNEL_NAME_RESERVED")
	for _, a := range []teamtest.Actor{bob, root} {
		hidden := w.Refused(a, &chat.CreateChannel{Name: "den", Join: state.JoinOpen}, state.Exists, "CHANNEL_NAME_RESERVED")
		require.Equal(t, strings.ReplaceAll(reserved.Text, "here", "den"), hidden.Text)
	}
	w.Refused(ann, &chat.CreateChannel{Name: "den", Join: state.JoinOpen}, state.Exists, "CHANNEL_NAME_TAKEN")
}

func TestR17_JoiningFollowsThePolicyAndRemovalTakesTheWholeHistory(t *testing.T) {
	w, root, ann, bob, cid := newWorld(t)
	w.Must(ann, &chat.CreateChannel{Name: "club", Join: state.JoinOpen}, nil)
	w.Must(ann, &chat.Send{Place: "club", Text: "before you came"}, nil)
	require.Equal(t, "club general random tech", channelsOf(w, bob), "public channels are listed")

	var joined chat.Channel
	w.Must(bob, &chat.Join{Place: "#CLUB"}, &joined)
	require.Equal(t, uint64(2), joined.Members)
	require.Zero(t, joined.Unread, "what was said before counts as read")
	at := w.At
	w.Must(bob, &chat.Join{Place: "#club"}, nil) // again
	require.Empty(t, w.Seen(ann, at))
	require.Equal(t, "before you came", texts(w, bob, &chat.History{Place: "#club"}))

	w.Must(ann, &chat.RemoveMember{Of: of("#club", "Bob")}, nil)
	w.NotTold(bob, &chat.History{Place: "#club"}, state.NotPermitted, "NOT_A_MEMBER")
	w.Refused(bob, &chat.Join{Place: "#club"}, state.NotPermitted, "INVITATION_NEEDED")
	w.Must(ann, &chat.AddMember{Of: of("#club", "bob")}, nil)
	w.Must(bob, &chat.Leave{Place: "#club"}, nil)
	w.Must(bob, &chat.Join{Place: "#club"}, nil) // who left may come again

	invite := state.JoinInvite
	w.Must(ann, &chat.UpdateChannel{Place: "#club", Join: &invite}, nil)
	w.Refused(cid, &chat.Join{Place: "#club"}, state.NotPermitted, "INVITATION_NEEDED")
	w.Must(root, &chat.Join{Place: "#club"}, nil)
	require.Contains(t, w.Audited(), "channel.join "+joined.ID+": (as an admin of the cluster)")
	seen := w.Seen(ann, w.At-1)
	require.Equal(t, state.EventJoined, seen[0].Kind, "the members are told")
	require.Equal(t, "root", seen[0].OtherName)
}

func TestR18_APrivateChannelShowsNothingToOthers(t *testing.T) {
	w, root, ann, bob, cid := newWorld(t)
	var den chat.Channel
	w.Must(ann, &chat.CreateChannel{Name: "den", Private: true, Join: state.JoinOpen}, &den)
	require.Equal(t, state.JoinInvite, den.Join)
	w.Must(ann, &chat.AddMember{Of: of("#den", "bob")}, nil)
	w.Must(ann, &chat.Send{Place: "#den", Text: "hi @bob, not @cid"}, nil)
	require.Equal(t, "den general random tech", channelsOf(w, bob))
	for _, a := range []teamtest.Actor{cid, root} {
		require.Equal(t, "general random tech", channelsOf(w, a))
		for _, ref := range []string{"#den", den.ID} {
			w.NotTold(a, &chat.ChannelOf{Place: ref}, state.NotFound, map[bool]string{true: "CHANNEL_NOT_FOUND", false: "PLACE_NOT_FOUND"}[ref == "#den"])
		}
		for _, e := range w.Seen(a, 0) {
			require.NotEqual(t, "den", e.PlaceName, "%+v", e)
		}
	}
	// An admin of the cluster sees what it is, and that he looked is written down; what is said there he does not see.
	records := len(w.Audited())
	var ch chat.Channel
	w.Must(root, &chat.InspectChannel{Place: "#den"}, &ch)
	require.Equal(t, chat.Channel{ID: den.ID, Name: "den", Private: true, Join: state.JoinInvite, Members: 2, Admins: 1, Wall: den.Wall}, ch)
	var all chat.ChannelsPage
	w.Must(root, &chat.InspectChannels{}, &all)
	require.Equal(t, "den", all.Channels[0].Name)
	require.Equal(t, []string{"channel.inspect " + den.ID + ": (as an admin of the cluster)", "channel.inspect all"}, w.Audited()[records:])
	w.Refused(ann, &chat.InspectChannels{}, state.NotPermitted, "NOT_CLUSTER_ADMIN")
	w.NotTold(root, &chat.History{Place: "#den"}, state.NotFound, "CHANNEL_NOT_FOUND")
}

// Who is a member and an admin of the cluster reads as a member: nothing of it is written down.
func TestAMemberWhoIsAnAdminOfTheClusterReadsAsAMember(t *testing.T) {
	w, root, _, _, _ := newWorld(t)
	w.Must(root, &chat.CreateChannel{Name: "den", Private: true, Join: state.JoinOpen}, nil)
	records := len(w.Audited())
	require.Equal(t, "den", channel(w, root, "den").Name)
	w.Must(root, &chat.InspectChannel{Place: "den"}, nil)
	require.Len(t, w.Audited(), records)
}

func TestR19_OnlyMembersPost(t *testing.T) {
	w, _, ann, bob, _ := newWorld(t)
	w.Must(ann, &chat.CreateChannel{Name: "club", Join: state.JoinOpen}, nil)
	refusal := w.Refused(bob, &chat.Send{Place: "#club", Text: "hi"}, state.NotPermitted, "NOT_A_MEMBER")
	require.Equal(t, "You are not a member of #club. Join it first.", refusal.Text)
	require.False(t, channel(w, bob, "club").Joined, "nobody is added silently")
}

func TestR20_AnAdminAddsAndRemovesUsers(t *testing.T) {
	w, _, ann, _, _ := newWorld(t)
	w.Must(ann, &chat.CreateChannel{Name: "club", Join: state.JoinOpen}, nil)
	w.Must(ann, &chat.AddMember{Of: of("#club", "@bob")}, nil)
	require.Equal(t, "bob is a member of #club already.", w.Refused(ann, &chat.AddMember{Of: of("#club", "BOB")}, state.Exists, "ALREADY_MEMBER").Text)
	require.Equal(t, "There is no user @nobody.", w.Refused(ann, &chat.AddMember{Of: of("#club", "nobody")}, state.NotFound, "USER_NOT_FOUND").Text)
	require.Equal(t, "cid is not a member of #club.", w.Refused(ann, &chat.RemoveMember{Of: of("#club", "cid")}, state.NotFound, "MEMBER_NOT_FOUND").Text)
	w.Must(ann, &chat.RemoveMember{Of: of("#club", "bob")}, nil)
	w.Refused(ann, &chat.RemoveMember{Of: of("#club", "bob")}, state.NotFound, "MEMBER_NOT_FOUND")
}

func TestR21_TheLastAdminStays(t *testing.T) {
	w, root, ann, bob, _ := newWorld(t)
	w.Must(ann, &chat.CreateChannel{Name: "club", Join: state.JoinOpen}, nil)
	w.Refused(ann, &chat.Leave{Place: "#club"}, state.Precondition, "LAST_CHANNEL_ADMIN")
	w.Must(bob, &chat.Join{Place: "#club"}, nil)
	w.Refused(ann, &chat.Leave{Place: "#club"}, state.Precondition, "LAST_CHANNEL_ADMIN")
	w.Refused(ann, &chat.Demote{Of: of("#club", "ann")}, state.Precondition, "LAST_CHANNEL_ADMIN")
	w.Refused(ann, &chat.RemoveMember{Of: of("#club", "ann")}, state.Precondition, "LAST_CHANNEL_ADMIN")
	w.Refused(root, &chat.RemoveMember{Of: of("#club", "ann")}, state.Precondition, "LAST_CHANNEL_ADMIN")
	w.Must(ann, &chat.Promote{Of: of("#club", "bob")}, nil)
	w.Must(ann, &chat.Promote{Of: of("#club", "bob")}, nil) // again
	require.Equal(t, uint64(2), channel(w, ann, "club").Admins)
	w.Must(ann, &chat.Leave{Place: "#club"}, nil)
	w.Refused(bob, &chat.Leave{Place: "#club"}, state.Precondition, "LAST_CHANNEL_ADMIN")
}

// Nobody can come into a private channel by himself, so that its last member leaves nobody behind.
func TestTheLastMemberOfAPrivateChannelLeavesItArchivedAndHidden(t *testing.T) {
	w, root, ann, bob, _ := newWorld(t)
	w.Must(ann, &chat.CreateChannel{Name: "den", Private: true, Join: state.JoinOpen}, nil)
	w.Must(ann, &chat.AddMember{Of: of("#den", "bob")}, nil)
	w.Refused(ann, &chat.Leave{Place: "#den"}, state.Precondition, "LAST_CHANNEL_ADMIN")
	w.Must(bob, &chat.Leave{Place: "#den"}, nil)
	w.Must(ann, &chat.Leave{Place: "#den"}, nil)
	w.NotTold(ann, &chat.ChannelOf{Place: "#den"}, state.NotFound, "CHANNEL_NOT_FOUND")
	w.Refused(ann, &chat.CreateChannel{Name: "den", Join: state.JoinOpen}, state.Exists, "CHANNEL_NAME_RESERVED")
	var ch chat.Channel
	w.Must(root, &chat.InspectChannel{Place: "#den"}, &ch)
	require.True(t, ch.Archived)
	require.Zero(t, ch.Members+ch.Admins)
	w.Must(root, &chat.Unarchive{Place: "#den"}, nil)
	w.Must(root, &chat.AddMember{Of: of("#den", "ann")}, nil)
	w.Must(root, &chat.Promote{Of: of("#den", "ann")}, nil)
	require.True(t, channel(w, ann, "#den").Admin)
}

func TestR22_RemovalTakesAllRightsAtOnceAndTheStreamShowsNoMore(t *testing.T) {
	w, _, ann, bob, _ := newWorld(t)
	w.Must(ann, &chat.CreateChannel{Name: "den", Private: true, Join: state.JoinOpen}, nil)
	w.Must(ann, &chat.AddMember{Of: of("#den", "bob")}, nil)
	w.Must(ann, &chat.Promote{Of: of("#den", "bob")}, nil)
	from := w.At
	w.Must(ann, &chat.Send{Place: "#den", Text: "hello @bob"}, nil)
	require.Equal(t, "hello @bob", w.Seen(bob, from)[0].Post.Text)
	w.Must(ann, &chat.RemoveMember{Of: of("#den", "bob")}, nil)
	w.Must(ann, &chat.Send{Place: "#den", Text: "about bob"}, nil)

	// What he did not fetch while he was a member he does not get any more: a mention without what it is in, and
	// that he was removed.
	seen := w.Seen(bob, from)
	require.Len(t, seen, 2)
	require.Equal(t, state.EventMention, seen[0].Kind)
	require.Empty(t, seen[0].Post.Text+seen[0].PlaceName+seen[0].Sender)
	require.Equal(t, state.EventLeft, seen[1].Kind)
	require.Equal(t, "den", seen[1].PlaceName)
	require.Equal(t, "ann", seen[1].OtherName)
	w.Refused(bob, &chat.Send{Place: "#den", Text: "x"}, state.NotFound, "CHANNEL_NOT_FOUND")
	w.Must(ann, &chat.AddMember{Of: of("#den", "bob")}, nil)
	require.False(t, channel(w, bob, "den").Admin, "what he was does not come back")
}

func TestR23_AnArchivedChannelIsReadAndNothingComesIntoIt(t *testing.T) {
	w, _, ann, bob, _ := newWorld(t)
	w.Must(ann, &chat.CreateChannel{Name: "club", Join: state.JoinOpen}, nil)
	w.Must(bob, &chat.Join{Place: "#club"}, nil)
	var sent chat.Sent
	w.Must(bob, &chat.Send{Place: "#club", Text: "last words"}, &sent)
	w.Must(ann, &chat.Archive{Place: "#club"}, nil)
	at := w.At
	w.Must(ann, &chat.Archive{Place: "#club"}, nil) // again
	require.Empty(t, w.Seen(ann, at))
	for _, c := range []state.Command{&chat.Send{Place: "#club", Text: "x"}, &chat.Edit{ID: sent.ID.String(), Text: "x"}, &chat.React{ID: sent.ID.String(), Emoji: "x"}} {
		w.Refused(bob, c, state.Precondition, "CHANNEL_ARCHIVED")
	}
	w.Refused(ann, &chat.AddMember{Of: of("#club", "cid")}, state.Precondition, "CHANNEL_ARCHIVED")
	require.Equal(t, "last words", texts(w, bob, &chat.History{Place: "#club"}))
	w.Must(bob, &chat.Unsend{ID: sent.ID.String()}, nil) // what was said can be taken back
	w.Must(ann, &chat.Unarchive{Place: "#club"}, nil)
	w.Must(bob, &chat.Send{Place: "#club", Text: "again"}, nil)
}

func TestR24_TheMemberListSaysWhoIsAdminAndWhoIsThere(t *testing.T) {
	w, _, ann, bob, cid := newWorld(t)
	w.Must(ann, &chat.CreateChannel{Name: "club", Join: state.JoinOpen}, nil)
	w.Must(bob, &chat.Join{Place: "#club"}, nil)
	w.Must(cid, &chat.Join{Place: "#club"}, nil)
	w.Must(teamtest.Nobody, &presence.Announce{Node: 1, Changes: []presence.Change{{User: cid.ID, Online: true}}}, nil)
	var page chat.MembersPage
	w.Told(bob, &chat.Members{Place: "#club"}, &page)
	require.Equal(t, chat.MembersPage{Total: 3, Admins: 1, Online: 1, Members: []chat.Member{
		{User: ann.ID, Name: "ann", Display: "ann", Admin: true},
		{User: bob.ID, Name: "bob", Display: "bob"},
		{User: cid.ID, Name: "cid", Display: "cid", Online: true, Seen: page.Members[2].Seen},
	}}, page)
	var names []string
	for q := (chat.Members{Place: "#club", Limit: 1}); ; q.After = page.Next {
		page = chat.MembersPage{}
		w.Told(bob, &q, &page)
		require.Equal(t, uint64(1), page.Online, "of the channel, not of the page")
		names = append(names, page.Members[0].Name)
		if page.Next == 0 {
			break
		}
	}
	require.Equal(t, []string{"ann", "bob", "cid"}, names)
}

func TestR25_TheChannelListCountsMembersAndWhatIsUnread(t *testing.T) {
	w, _, ann, bob, _ := newWorld(t)
	w.Must(ann, &chat.Send{Place: "#general", Text: "one"}, nil)
	w.Must(ann, &chat.Send{Place: "#general", Text: "two, @bob"}, nil)
	ch := channel(w, bob, "general")
	require.Equal(t, []uint64{4, 2, 1}, []uint64{ch.Members, ch.Unread, ch.Mentions})
	require.Zero(t, channel(w, ann, "general").Unread, "what one sends is read")

	var names []string
	var page chat.ChannelsPage
	for q := (chat.Channels{Limit: 1}); ; q.After = page.Next {
		page = chat.ChannelsPage{}
		w.Told(bob, &q, &page)
		names = append(names, page.Channels[0].Name)
		if page.Next == "" {
			break
		}
	}
	require.Equal(t, []string{"general", "random", "tech"}, names)
	page = chat.ChannelsPage{}
	w.Told(bob, &chat.Channels{Joined: true}, &page)
	require.Equal(t, "general", page.Channels[0].Name)
}
