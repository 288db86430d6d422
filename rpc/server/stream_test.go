package server

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
	"parley/statemachine/state"
)

// watching is a Watch that collects what it gets.
type watching struct {
	t        testing.TB
	s        grpc.ServerStreamingClient[pb.WatchResponse]
	last     uint64 // the largest position that was received
	cluster  uint64
	frames   []*pb.Frame
	notices  []*pb.Notice
	finished error
}

// watch begins one, and returns when it stands.
func (u *user) watch(r *pb.WatchRequest) *watching {
	u.c.t.Helper()
	s, err := u.event().Watch(u.ctx(), r)
	require.NoError(u.c.t, err)
	w := &watching{t: u.c.t, s: s}
	w.step()
	require.NoError(u.c.t, w.finished)
	return w
}

// step takes one response.
func (w *watching) step() {
	r, err := w.s.Recv()
	if w.finished = err; err != nil {
		return
	}
	for _, f := range r.GetFrames() {
		require.Greater(w.t, f.GetPosition(), w.last, "positions rise, and none comes twice")
		w.last = f.GetPosition()
		w.frames = append(w.frames, f)
	}
	w.notices = append(w.notices, r.GetNotices()...)
	if p := r.GetProgress(); p != nil {
		w.last, w.cluster = max(w.last, p.GetPosition()), p.GetCluster()
	}
}

// until reads on to a position, and returns what happened as text.
func (w *watching) until(position uint64) []string {
	w.t.Helper()
	for w.last < position {
		w.step()
		require.NoError(w.t, w.finished)
	}
	var all []string
	for _, f := range w.frames {
		for _, e := range f.GetEvents() {
			all = append(all, told(e))
		}
	}
	return all
}

// told puts an event in a few words.
func told(e *pb.Event) string {
	switch e := e.GetKind().(type) {
	case *pb.Event_Message:
		return fmt.Sprintf("%s %s: %s", e.Message.GetPlace(), e.Message.GetSender(), e.Message.GetText())
	case *pb.Event_Edited:
		return fmt.Sprintf("%s edited: %s", e.Edited.GetMessage().GetPlace(), e.Edited.GetMessage().GetText())
	case *pb.Event_Deleted:
		return fmt.Sprintf("%s deleted by %s %v", e.Deleted.GetPlace(), e.Deleted.GetUsername(), e.Deleted.GetByAdmin())
	case *pb.Event_Reaction:
		return fmt.Sprintf("%s %s %s %v", e.Reaction.GetPlace(), e.Reaction.GetUsername(), e.Reaction.GetEmoji(), e.Reaction.GetRemoved())
	case *pb.Event_Read:
		return fmt.Sprintf("%s read, %d left", e.Read.GetPlace(), e.Read.GetUnread())
	case *pb.Event_Mention:
		return fmt.Sprintf("%s mention by %s", e.Mention.GetPlace(), e.Mention.GetSender())
	case *pb.Event_ChannelCreated:
		return fmt.Sprintf("#%s made by %s", e.ChannelCreated.GetChannel().GetName(), e.ChannelCreated.GetBy())
	case *pb.Event_ChannelChanged:
		return fmt.Sprintf("#%s changed by %s", e.ChannelChanged.GetChannel().GetName(), e.ChannelChanged.GetBy())
	case *pb.Event_ChannelArchived:
		return e.ChannelArchived.GetChannel() + " archived by " + e.ChannelArchived.GetBy()
	case *pb.Event_ChannelUnarchived:
		return e.ChannelUnarchived.GetChannel() + " unarchived by " + e.ChannelUnarchived.GetBy()
	case *pb.Event_MemberJoined:
		return fmt.Sprintf("%s %s joined by %s", e.MemberJoined.GetChannel(), e.MemberJoined.GetUsername(), e.MemberJoined.GetBy())
	case *pb.Event_MemberLeft:
		return fmt.Sprintf("%s %s left by %s", e.MemberLeft.GetChannel(), e.MemberLeft.GetUsername(), e.MemberLeft.GetBy())
	case *pb.Event_MemberRoleChanged:
		return fmt.Sprintf("%s %s is %v by %s", e.MemberRoleChanged.GetChannel(), e.MemberRoleChanged.GetUsername(), e.MemberRoleChanged.GetRole(), e.MemberRoleChanged.GetBy())
	case *pb.Event_Presence:
		return fmt.Sprintf("%s online %v", e.Presence.GetUsername(), e.Presence.GetOnline())
	case *pb.Event_UserCreated:
		return "user " + e.UserCreated.GetUser().GetUsername()
	case *pb.Event_UserChanged:
		return "user " + e.UserChanged.GetUser().GetUsername() + " is " + e.UserChanged.GetUser().GetDisplayName()
	case *pb.Event_LoginEnded:
		return "login ended"
	case *pb.Event_FileAdded:
		return e.FileAdded.GetFile().GetPlace() + " file " + e.FileAdded.GetFile().GetName()
	case *pb.Event_FileDeleted:
		return e.FileDeleted.GetPlace() + " file deleted by " + e.FileDeleted.GetUsername()
	}
	return fmt.Sprintf("%T", e.GetKind())
}

// Two people's streams over the same life: each shows what its reader may see, and nothing else.
func TestR30_EachStreamShowsWhatItsReaderMaySee(t *testing.T) {
	c := startCluster(t, 3, Config{})
	ann, bob, cid := c.signUp("ann"), c.signUp("bob"), c.signUp("cid")
	topics := []pb.Topic{pb.Topic_TOPIC_MESSAGES, pb.Topic_TOPIC_CHANNELS, pb.Topic_TOPIC_FILES, pb.Topic_TOPIC_ACCOUNTS}
	begin := ann.send("general", "begin").GetPosition()
	var bobs, cids []*watching
	for i := range c.hosts {
		bobs = append(bobs, bob.at(i).watch(&pb.WatchRequest{From: &begin, Topics: topics}))
		cids = append(cids, cid.at(i).watch(&pb.WatchRequest{From: &begin, Topics: topics}))
	}
	ok := func(_ any, err error) {
		t.Helper()
		require.NoError(t, err)
	}
	ok(ann.channel().CreateChannel(ann.ctx(), &pb.CreateChannelRequest{Command: once(), Name: "plans", Private: true}))
	ann.send("#plans", "before bob came")
	ok(ann.channel().AddMember(ann.ctx(), &pb.AddMemberRequest{Command: once(), Channel: "plans", Username: "bob"}))
	m := ann.send("#plans", "hello @bob")
	ok(bob.chat().React(bob.ctx(), &pb.ReactRequest{Command: once(), MessageId: m.GetId(), Emoji: "👍"}))
	ok(ann.chat().Edit(ann.ctx(), &pb.EditRequest{Command: once(), MessageId: m.GetId(), Text: "hello all"}))
	gone := ann.send("#plans", "a slip of the tongue")
	ok(ann.chat().Unsend(ann.ctx(), &pb.UnsendRequest{Command: once(), MessageId: gone.GetId()}))
	ok(bob.chat().MarkRead(bob.ctx(), &pb.MarkReadRequest{Command: once(), Place: "#plans"}))
	ann.send("@bob", "between us")
	ann.upload("#plans", "a.txt", "x")
	ok(ann.channel().PromoteMember(ann.ctx(), &pb.PromoteMemberRequest{Command: once(), Channel: "plans", Username: "bob"}))
	name := "Ann B."
	ok(ann.account().UpdateProfile(ann.ctx(), &pb.UpdateProfileRequest{Command: once(), DisplayName: &name}))
	ok(ann.channel().RemoveMember(ann.ctx(), &pb.RemoveMemberRequest{Command: once(), Channel: "plans", Username: "bob"}))
	ann.send("#plans", "without bob")
	end := ann.send("general", "end").GetPosition()
	for i := range c.hosts {
		require.Equal(t, []string{"user ann is Ann B.", "#general ann: end"}, cids[i].until(end), "node %d", i)
	}
	for i := range c.hosts {
		got := bobs[i].until(end)
		require.NotContains(t, got, "#plans ann: without bob")
		require.Contains(t, got, "@ann ann: between us")
		require.Contains(t, got, "#plans bob left by ann")
		require.Equal(t, "#general ann: end", got[len(got)-1])
	}
}

// The events of one place come to a stream that follows them live, each in its words.
func TestR70_EveryKindOfEventArrivesOnceAndInOrder(t *testing.T) {
	c := startCluster(t, 3, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	_, err := ann.channel().CreateChannel(ann.ctx(), &pb.CreateChannelRequest{Command: once(), Name: "plans"})
	require.NoError(t, err)
	join, err := bob.channel().JoinChannel(bob.ctx(), &pb.JoinChannelRequest{Command: once(), Channel: "plans"})
	require.NoError(t, err)
	from := join.GetPosition()
	w := bob.watch(&pb.WatchRequest{From: &from, Places: []string{"#plans", "@ann"}, Topics: []pb.Topic{pb.Topic_TOPIC_MESSAGES, pb.Topic_TOPIC_CHANNELS, pb.Topic_TOPIC_FILES}})
	ok := func(position interface{ GetPosition() uint64 }, err error) {
		t.Helper()
		require.NoError(t, err)
		w.until(position.GetPosition())
	}
	text, id := "about plans", ""
	m, err := ann.chat().Send(ann.ctx(), &pb.SendRequest{Command: once(), Place: "#plans", Text: "one"})
	id = m.GetId()
	ok(m, err)
	ok(ann.chat().Edit(ann.ctx(), &pb.EditRequest{Command: once(), MessageId: id, Text: "hi @bob"}))
	ok(bob.chat().React(bob.ctx(), &pb.ReactRequest{Command: once(), MessageId: id, Emoji: "🙂"}))
	ok(bob.chat().React(bob.ctx(), &pb.ReactRequest{Command: once(), MessageId: id, Emoji: "🙂", Remove: true}))
	ok(bob.chat().MarkRead(bob.ctx(), &pb.MarkReadRequest{Command: once(), Place: "#plans"}))
	ok(ann.chat().Unsend(ann.ctx(), &pb.UnsendRequest{Command: once(), MessageId: id}))
	ok(ann.chat().Send(ann.ctx(), &pb.SendRequest{Command: once(), Place: "@bob", Text: "direct"}))
	ok(ann.chat().Send(ann.ctx(), &pb.SendRequest{Command: once(), Place: "#general", Text: "elsewhere"}))
	ok(ann.channel().UpdateChannel(ann.ctx(), &pb.UpdateChannelRequest{Command: once(), Channel: "plans", Description: &text}))
	ok(ann.channel().PromoteMember(ann.ctx(), &pb.PromoteMemberRequest{Command: once(), Channel: "plans", Username: "bob"}))
	ok(ann.channel().DemoteMember(ann.ctx(), &pb.DemoteMemberRequest{Command: once(), Channel: "plans", Username: "bob"}))
	ok(ann.channel().ArchiveChannel(ann.ctx(), &pb.ArchiveChannelRequest{Command: once(), Channel: "plans"}))
	ok(ann.channel().UnarchiveChannel(ann.ctx(), &pb.UnarchiveChannelRequest{Command: once(), Channel: "plans"}))
	end := ann.send("#plans", "end").GetPosition()
	require.Equal(t, []string{
		"#plans ann: one",
		"#plans edited: hi @bob",
		"#plans mention by ann",
		"#plans bob 🙂 false",
		"#plans bob 🙂 true",
		"#plans read, 0 left",
		"#plans deleted by ann false",
		"@ann ann: direct",
		"#plans changed by ann",
		"#plans bob is MEMBER_ROLE_ADMIN by ann",
		"#plans bob is MEMBER_ROLE_MEMBER by ann",
		"#plans archived by ann",
		"#plans unarchived by ann",
		"#plans ann: end",
	}, w.until(end))

	// The same again, from the backlog, in two parts and at other nodes.
	half := w.frames[6].GetPosition()
	again := bob.at(0).watch(&pb.WatchRequest{From: &half, Cluster: w.cluster, Topics: []pb.Topic{pb.Topic_TOPIC_CHANNELS}})
	require.Equal(t, "#plans unarchived by ann", last(again.until(end)))
	for i := range c.hosts {
		again := bob.at(i).watch(&pb.WatchRequest{From: &half, Cluster: w.cluster, Places: []string{"#plans", "@ann"}})
		again.until(end)
		var positions, want []uint64
		for _, f := range again.frames {
			positions = append(positions, f.GetPosition())
		}
		for _, f := range w.frames[7:] {
			want = append(want, f.GetPosition())
		}
		require.Subset(t, positions, want)
	}
}

func last(all []string) string { return all[len(all)-1] }

func TestR70_ATailGoesOnAtAnotherNodeWithoutGapAndWithoutRepetition(t *testing.T) {
	c := startCluster(t, 3, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	var got []string
	from, cluster := ann.send("@bob", "0").GetPosition()-1, uint64(0)
	for i := range 9 {
		ann.send("@bob", fmt.Sprint(i+1))
		ann.send("general", "elsewhere")
		s, err := bob.at(i%3).chat().Tail(bob.ctx(), &pb.TailRequest{Place: "@ann", From: &from, Cluster: cluster})
		require.NoError(t, err)
		for len(got) < i+2 {
			r, err := s.Recv()
			require.NoError(t, err)
			if m := r.GetMessage(); m != nil {
				got, from = append(got, m.GetText()), m.GetPosition()
				require.Equal(t, "@ann", m.GetPlace())
			} else {
				from, cluster = max(from, r.GetProgress().GetPosition()), r.GetProgress().GetCluster()
			}
		}
	}
	require.Equal(t, []string{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, got)
}

// A conversation that is still to begin can be waited for.
func TestATailOfAConversationThatIsNotBegunShowsItsFirstMessage(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	s, err := bob.chat().Tail(bob.ctx(), &pb.TailRequest{Place: "@ann"})
	require.NoError(t, err)
	_, err = s.Recv()
	require.NoError(t, err)
	ann.send("general", "not this")
	ann.send("@bob", "the first")
	for {
		r, err := s.Recv()
		require.NoError(t, err)
		if m := r.GetMessage(); m != nil {
			require.Equal(t, "the first", m.GetText())
			return
		}
	}
}

func TestR22_RemovalEndsTheTailOfTheChannelAndOfNoOther(t *testing.T) {
	c := startCluster(t, 3, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	_, err := ann.channel().CreateChannel(ann.ctx(), &pb.CreateChannelRequest{Command: once(), Name: "plans", Private: true})
	require.NoError(t, err)
	_, err = ann.channel().AddMember(ann.ctx(), &pb.AddMemberRequest{Command: once(), Channel: "plans", Username: "bob"})
	require.NoError(t, err)
	var tails []grpc.ServerStreamingClient[pb.TailResponse]
	for i := range c.hosts {
		for _, place := range []string{"#plans", "#general"} {
			s, err := bob.at(i).chat().Tail(bob.ctx(), &pb.TailRequest{Place: place})
			require.NoError(t, err)
			_, err = s.Recv()
			require.NoError(t, err)
			tails = append(tails, s)
		}
	}
	_, err = ann.channel().RemoveMember(ann.ctx(), &pb.RemoveMemberRequest{Command: once(), Channel: "plans", Username: "bob"})
	require.NoError(t, err)
	ann.send("#plans", "without bob")
	ann.send("general", "with bob")
	for i, s := range tails {
		var seen []string
		for {
			r, err := s.Recv()
			if err != nil {
				require.Zero(t, i%2)
				refused(t, err, codes.NotFound, "CHANNEL_NOT_FOUND")
				require.Empty(t, seen)
				break
			}
			if m := r.GetMessage(); m != nil {
				require.Equal(t, "with bob", m.GetText())
				require.Equal(t, 1, i%2)
				break
			}
		}
	}
}

func TestR71_APositionThatIsNotKeptAndOneOfAnotherClusterAreCompacted(t *testing.T) {
	limits := statemachine.DefaultLimits()
	limits.EventsMax = 5
	c := startCluster(t, 1, Config{Limits: limits})
	ann := c.signUp("ann")
	first := ann.send("general", "0").GetPosition()
	for i := range 10 {
		ann.send("general", fmt.Sprint(i+1))
	}
	for _, r := range []*pb.WatchRequest{{From: &first}, {From: &first, Cluster: 12345}} {
		s, err := ann.event().Watch(ann.ctx(), r)
		require.NoError(t, err)
		for err == nil {
			_, err = s.Recv()
		}
		f := refused(t, err, codes.OutOfRange, "COMPACTED")
		require.Greater(t, uint64(f.Position), first, "where to go on")
	}
}

func TestR72_AStreamThatReadsNothingIsCutOffAndDelaysNobody(t *testing.T) {
	t.Parallel() // a stalled stream is given ten seconds
	c := startCluster(t, 1, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	slow, err := bob.event().Watch(bob.ctx(), &pb.WatchRequest{})
	require.NoError(t, err)
	quick := ann.watch(&pb.WatchRequest{Topics: []pb.Topic{pb.Topic_TOPIC_MESSAGES}})
	text := noiseText(16 << 10)
	var sent []uint64
	require.Eventually(t, func() bool {
		at := ann.send("general", text).GetPosition()
		sent = append(sent, at)
		quick.until(at)
		return c.hosts[0].Status().Subscribers == 1 // the slow one is gone
	}, 30*time.Second, 20*time.Millisecond)
	for err == nil {
		_, err = slow.Recv()
	}
	f := refused(t, err, codes.ResourceExhausted, "TOO_SLOW")
	require.Less(t, uint64(f.Position), sent[len(sent)-1])
	from := uint64(f.Position)
	resumed := bob.watch(&pb.WatchRequest{From: &from, Topics: []pb.Topic{pb.Topic_TOPIC_MESSAGES}})
	resumed.until(sent[len(sent)-1])
}

func noiseText(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 'a' + byte(i*7%26)
	}
	return string(b)
}

func TestR68_WhoIsOnlineIsKnownOnEveryNodeAndSeveralStreamsAreOnePresence(t *testing.T) {
	c := startCluster(t, 3, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	w := ann.watch(&pb.WatchRequest{Topics: []pb.Topic{pb.Topic_TOPIC_PRESENCE}})
	online := func(node int) (names []string) {
		r, err := ann.at(node).presence().Who(ann.ctx(), &pb.WhoRequest{})
		require.NoError(t, err)
		for _, p := range r.GetUsers() {
			names = append(names, p.GetUsername())
		}
		return names
	}
	eventually := func(want ...string) {
		t.Helper()
		for i := range c.hosts {
			require.Eventually(t, func() bool { return fmt.Sprint(online(i)) == fmt.Sprint(want) }, 10*time.Second, 20*time.Millisecond, "node %d: %v", i, want)
		}
	}
	eventually("ann")
	var streams []grpc.ServerStreamingClient[pb.WatchResponse]
	var ends []func()
	for i := range 3 {
		ctx, cancel := cancelable(bob)
		s, err := bob.at(i).event().Watch(ctx, &pb.WatchRequest{})
		require.NoError(t, err)
		_, err = s.Recv()
		require.NoError(t, err)
		streams, ends = append(streams, s), append(ends, cancel)
	}
	eventually("ann", "bob")
	ends[0]()
	ends[1]()
	_, err := streams[2].Recv()
	require.NoError(t, err)
	eventually("ann", "bob")
	ends[2]()
	eventually("ann")
	events := w.until(ann.send("general", "end").GetPosition())
	require.Equal(t, []string{"ann online true", "bob online true", "bob online false"}, events, "three streams, one coming and one going")
	r, err := ann.presence().Who(ann.ctx(), &pb.WhoRequest{All: true})
	require.NoError(t, err)
	require.Equal(t, "bob", r.GetUsers()[1].GetUsername())
	require.NotNil(t, r.GetUsers()[1].GetLastSeen())
	require.EqualValues(t, 1, r.GetOnline())
}

func TestR69_TheUsersOfANodeThatIsGoneAreOfflineInTime(t *testing.T) {
	c := startCluster(t, 3, Config{BcryptCost: 4, Loopback: true, GoneAfter: time.Second})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	down := (c.leader() + 1) % 3
	bob.at(down).watch(&pb.WatchRequest{})
	who := func() []*pb.Presence {
		r, err := ann.presence().Who(ann.ctx(), &pb.WhoRequest{})
		require.NoError(t, err)
		return r.GetUsers()
	}
	require.Eventually(t, func() bool { return len(who()) == 1 }, 10*time.Second, 20*time.Millisecond)
	c.stop(down)
	require.Eventually(t, func() bool { return len(who()) == 0 }, 30*time.Second, 100*time.Millisecond)
}

// The times of the real thing, by a clock that the test moves: a node that is gone takes its users along 15 s after its last
// word, a machine that vanished with its client shows 25 s after its, and both are told within another round or two.
func TestR69_WhoCrashedIsOfflineWithinThirtySeconds(t *testing.T) {
	require.Less(t, goneAfter+dutyEvery+dutyMax, 30*time.Second, "a node, with an election in between")
	require.Less(t, pingAfter+pingMax+2*dutyEvery, 30*time.Second, "a client whose machine vanished")
	var ahead atomic.Int64
	c := startCluster(t, 3, Config{BcryptCost: 4, Loopback: true, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	down := (c.leader() + 1) % 3
	bob.at(down).watch(&pb.WatchRequest{})
	ann.watch(&pb.WatchRequest{})
	who := func() (names []string) {
		r, err := ann.presence().Who(ann.ctx(), &pb.WhoRequest{})
		require.NoError(t, err)
		for _, u := range r.GetUsers() {
			names = append(names, u.GetUsername())
		}
		return names
	}
	require.Eventually(t, func() bool { return len(who()) == 2 }, 20*time.Second, 20*time.Millisecond)
	c.stop(down)
	leader := c.hosts[c.leader()]
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(leader.Status().Members, func(m node.MemberStatus) bool { return int(m.ID) == down+1 && !m.Alive })
	}, 20*time.Second, 20*time.Millisecond)
	require.Len(t, who(), 2, "it may only be slow")
	ahead.Store(int64(goneAfter))
	require.Eventually(t, func() bool { return len(who()) == 1 }, 20*time.Second, 20*time.Millisecond)
	require.Equal(t, []string{"ann"}, who())
}

// What is at stake: a team that waits for one whose connection hangs. As many hang as a login may have, each at what one stream
// may have under way; every message reaches the others before the next is sent, and nobody has to be elected.
func TestR72_StreamsThatHangDelayNeitherWritesNorOthersNorElections(t *testing.T) {
	c := startCluster(t, 3, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	hanging := bob.at(ann.node)
	for range 40 {
		_, err := hanging.event().Watch(bob.ctx(), &pb.WatchRequest{})
		require.NoError(t, err)
	}
	quick := ann.watch(&pb.WatchRequest{Topics: []pb.Topic{pb.Topic_TOPIC_MESSAGES}})
	require.Eventually(t, func() bool { return c.hosts[ann.node].Status().Subscribers == 41 }, 20*time.Second, 10*time.Millisecond)
	term := c.hosts[ann.node].Status().Term
	text := noiseText(16 << 10)
	const messages = 150 // more than 1 MiB, which is what a stream may have under way
	for i := range messages {
		at := ann.send("general", text).GetPosition()
		require.Len(t, quick.until(at), i+1, "each arrives, once, while the others hang")
	}
	require.Equal(t, 41, c.hosts[ann.node].Status().Subscribers, "none has been cut off meanwhile")
	require.Equal(t, term, c.hosts[ann.node].Status().Term, "no election")
}

func TestALoginHasABoundedNumberOfStreams(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann := c.signUp("ann")
	for range streamsPerLoginMax {
		ann.watch(&pb.WatchRequest{})
	}
	s, err := ann.event().Watch(ann.ctx(), &pb.WatchRequest{})
	require.NoError(t, err)
	_, err = s.Recv()
	refused(t, err, codes.ResourceExhausted, "BUSY")
	ann.logIn(testPassword).watch(&pb.WatchRequest{})
}

// An importer's messages stand in the order in which he gave them, and a batch that is repeated is sent once.
func TestABatchIsInOrderOnceAndAnswersForEachMessage(t *testing.T) {
	c := startCluster(t, 3, Config{})
	ann := c.signUp("ann")
	s, err := ann.session().Open(ann.ctx(), &pb.OpenRequest{Nonce: 3})
	require.NoError(t, err)
	r := &pb.SendBatchRequest{Command: &pb.CommandContext{Session: s.GetSession(), Seq: 1}}
	var want []string
	for i := range 256 {
		m := &pb.BatchMessage{Place: "general", Text: fmt.Sprint(i)}
		switch i {
		case 10:
			m.Text = ""
		case 20:
			m.Place = "#nowhere"
		default:
			want = append(want, "ann: "+m.Text)
		}
		r.Messages = append(r.Messages, m)
	}
	first, err := ann.chat().SendBatch(ann.ctx(), r)
	require.NoError(t, err)
	for i, o := range first.GetOutcomes() {
		switch i {
		case 10:
			require.Equal(t, "TEXT_EMPTY", o.GetRefused().GetReason())
		case 20:
			require.Equal(t, "CHANNEL_NOT_FOUND", o.GetRefused().GetReason())
		default:
			require.NotNil(t, o.GetSent())
		}
	}
	again, err := ann.chat().SendBatch(ann.ctx(), r)
	require.NoError(t, err)
	require.Equal(t, first.GetPosition(), again.GetPosition())
	require.Equal(t, want, ann.texts("general"))

	r.Command.Session = 0
	_, err = ann.chat().SendBatch(ann.ctx(), r)
	refused(t, err, codes.InvalidArgument, "FIELD_INVALID")
	follower := ann.at((c.leader() + 1) % 3)
	r.Command.Session = s.GetSession()
	r.Command.Seq = 300
	_, err = follower.chat().SendBatch(ann.ctx(), r)
	f := refused(t, err, codes.Unavailable, "NOT_LEADER")
	require.Equal(t, node.Refused, f.Outcome)
}

// What is said to be so is so until it is not, whatever a stream's frames hold.
func TestFramesOfOtherReleasesArePassedOver(t *testing.T) {
	body := []byte{0, 0, 0, 0, 2, 0, 0, 0, 99, 1}
	require.NoError(t, eachShown(body, func(*state.Shown) error { return convert.PanicError() }))
	require.Error(t, eachShown([]byte{9, 0, 0, 0, 1}, func(*state.Shown) error { return nil }))
}
