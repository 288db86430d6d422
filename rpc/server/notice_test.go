package server

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

// typing and editing say what a user does.
func (u *user) typing(place string) error {
	_, err := u.presence().Notice(u.ctx(), &pb.NoticeRequest{What: &pb.NoticeRequest_Place{Place: place}})
	return err
}

func (u *user) editing(document string) error {
	_, err := u.presence().Notice(u.ctx(), &pb.NoticeRequest{What: &pb.NoticeRequest_DocumentId{DocumentId: document}})
	return err
}

// heard puts the notices that came to a stream in a few words.
func (w *watching) heard() (all []string) {
	for _, n := range w.notices {
		switch what := n.GetWhat().(type) {
		case *pb.Notice_Place:
			all = append(all, n.GetUsername()+" in "+what.Place)
		case *pb.Notice_DocumentId:
			all = append(all, n.GetUsername()+" on "+what.DocumentId+", "+n.GetTitle())
		}
	}
	w.notices = nil
	return all
}

// hears reads until a notice has come, which is said anew with each step: none is certain to arrive, and one may come late.
func (w *watching) hears(want string, say func() error) {
	w.t.Helper()
	for {
		if err := say(); err != nil {
			require.Equal(w.t, "RATE_LIMITED", convert.ParseError(err).Reason)
		}
		w.step()
		require.NoError(w.t, w.finished)
		if slices.Contains(w.heard(), want) {
			return
		}
	}
}

// What is at stake: a word about the moment that tells somebody of a place that is none of his, or that costs the log.
func TestR67_WhoWritesIsKnownToThoseWhoMayReadThereOnEveryNodeAndNotInTheLog(t *testing.T) {
	c := startCluster(t, 3, Config{})
	ann, bob, cid := c.signUp("ann"), c.signUp("bob"), c.signUp("cid")
	_, err := ann.channel().CreateChannel(ann.ctx(), &pb.CreateChannelRequest{Command: once(), Name: "den", Private: true})
	require.NoError(t, err)
	_, err = ann.channel().AddMember(ann.ctx(), &pb.AddMemberRequest{Command: once(), Channel: "den", Username: "bob"})
	require.NoError(t, err)
	id := ann.newDocument("one", "bob")
	from := ann.send("@bob", "a word").GetPosition()
	topics := []pb.Topic{pb.Topic_TOPIC_MESSAGES, pb.Topic_TOPIC_DOCUMENTS}
	for i := range c.hosts {
		his := bob.at(i).watch(&pb.WatchRequest{From: &from, Topics: topics})
		others := cid.at(i).watch(&pb.WatchRequest{From: &from, Topics: topics})
		own := ann.at(i).watch(&pb.WatchRequest{From: &from, Topics: topics})
		messages := bob.at(i).watch(&pb.WatchRequest{From: &from, Topics: topics[:1]})
		said := (i + 1) % len(c.hosts) // at another node than the streams
		his.hears("ann in #den", func() error { return ann.at(said).typing("den") })
		his.hears("ann in @ann", func() error { return ann.at(said).typing("@bob") })
		his.hears("ann on "+id+", Plan", func() error { return ann.at(said).editing(id) })
		others.hears("ann in #general", func() error { return ann.at(said).typing("general") })
		end := ann.send("general", "the end").GetPosition()
		for _, w := range []*watching{others, own, messages} {
			w.until(end)
		}
		for _, said := range others.heard() {
			require.Equal(t, "ann in #general", said, "nothing else is for him")
		}
		require.Empty(t, own.heard(), "nobody is told what he does himself")
		for _, said := range messages.heard() {
			require.Contains(t, said, "ann in ", "documents are another topic")
		}
		for _, f := range his.frames {
			require.LessOrEqual(t, f.GetPosition(), end)
		}
		from = end
	}
	leader := c.hosts[c.leader()]
	log := leader.Status().Last
	require.NoError(t, ann.typing("den"))
	require.NoError(t, ann.editing(id))
	require.Equal(t, log, leader.Status().Last, "nothing came into the log")
}

func TestR67_WhoMayNotWriteSomewhereHasNothingToSayThere(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann, bob, cid := c.signUp("ann"), c.signUp("bob"), c.signUp("cid")
	for name, private := range map[string]bool{"open": false, "den": true} {
		_, err := ann.channel().CreateChannel(ann.ctx(), &pb.CreateChannelRequest{Command: once(), Name: name, Private: private})
		require.NoError(t, err)
	}
	id := ann.newDocument("one", "bob")
	_, err := ann.document().ShareDocument(ann.ctx(), &pb.ShareDocumentRequest{Command: once(), DocumentId: id,
		With: &pb.Grantee{With: &pb.Grantee_User{User: "cid"}}, Role: pb.DocumentRole_DOCUMENT_ROLE_VIEWER})
	require.NoError(t, err)
	refused(t, cid.typing("open"), codes.PermissionDenied, "NOT_A_MEMBER")
	refused(t, cid.typing("den"), codes.NotFound, "CHANNEL_NOT_FOUND")
	refused(t, cid.editing(id), codes.PermissionDenied, "NOT_DOCUMENT_EDITOR")
	refused(t, bob.editing("doc_1"), codes.NotFound, "DOCUMENT_NOT_FOUND")
	require.NoError(t, cid.typing("@ann"), "a conversation that is not begun: nobody hears it")
	_, err = ann.channel().ArchiveChannel(ann.ctx(), &pb.ArchiveChannelRequest{Command: once(), Channel: "den"})
	require.NoError(t, err)
	refused(t, ann.typing("den"), codes.FailedPrecondition, "CHANNEL_ARCHIVED")
	for err = nil; err == nil; {
		err = ann.typing("general")
	}
	require.Positive(t, refused(t, err, codes.ResourceExhausted, "RATE_LIMITED").Retry)
	ann.send("general", "who has said too often that he writes writes all the same")
}

// A stream shows with a message whom it mentions, with a mark what is left, with who went when, and with an account what
// it is now.
func TestR33_R37_R68_EventsShowMentionsMarksAndWhenSomebodyWent(t *testing.T) {
	c := startCluster(t, 1, governed())
	root, ann, bob := c.admin("root"), c.signUp("ann"), c.signUp("bob")
	begin := ann.send("general", "begin").GetPosition()
	first := ann.send("general", "hello @bob, @nobody and @ROOT").GetPosition()
	ann.send("general", "and @bob again")
	edited, err := ann.chat().Edit(ann.ctx(), &pb.EditRequest{Command: once(), MessageId: ann.send("general", "x @bob").GetId(), Text: "only @root"})
	require.NoError(t, err)
	_, err = bob.chat().MarkRead(bob.ctx(), &pb.MarkReadRequest{Command: once(), Place: "general", Read: first})
	require.NoError(t, err)
	_, err = root.account().GrantAdmin(root.ctx(), &pb.GrantAdminRequest{Command: once(), Username: "ann"})
	require.NoError(t, err)
	his := bob.watch(&pb.WatchRequest{From: &begin}) // it shows what is so when it is delivered
	his.until(edited.GetPosition())
	ctx, leave := cancelable(ann)
	there, err := ann.event().Watch(ctx, &pb.WatchRequest{})
	require.NoError(t, err)
	_, err = there.Recv()
	require.NoError(t, err)
	told := func() (all []string) {
		for _, f := range his.frames {
			for _, e := range f.GetEvents() {
				switch e := e.GetKind().(type) {
				case *pb.Event_Message:
					all = append(all, fmt.Sprint("message ", e.Message.GetMentions()))
				case *pb.Event_Edited:
					all = append(all, fmt.Sprint("edited ", e.Edited.GetMessage().GetMentions()))
				case *pb.Event_Read:
					all = append(all, fmt.Sprintf("read, %d left, %d mentions", e.Read.GetUnread(), e.Read.GetMentions()))
				case *pb.Event_UserChanged:
					u := e.UserChanged.GetUser()
					all = append(all, fmt.Sprintf("user %s %v %v %v %s", u.GetUsername(), u.GetAdmin(), u.GetDisabled(), u.GetCreated() != nil, u.GetEmail()))
				case *pb.Event_Presence:
					if e.Presence.GetUsername() == "ann" {
						all = append(all, fmt.Sprintf("ann %v %v", e.Presence.GetOnline(), e.Presence.GetLastSeen() != nil))
					}
				}
			}
		}
		return all
	}
	for len(his.frames) == 0 || told()[len(told())-1] != "ann true false" {
		his.step()
		require.NoError(t, his.finished)
	}
	leave()
	for told()[len(told())-1] != "ann false true" {
		his.step()
		require.NoError(t, his.finished)
	}
	last, err := root.account().DisableUser(root.ctx(), &pb.DisableUserRequest{Command: once(), Username: "ann"})
	require.NoError(t, err)
	his.until(last.GetPosition())
	require.Equal(t, []string{"message [bob root]", "message [bob]", "message [root]", "edited [root]", "read, 2 left, 1 mentions",
		"user ann true false true ", "ann true false", "ann false true", "user ann false true true "}, told())
}
