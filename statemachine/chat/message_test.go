package chat_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/statemachine/chat"
	"parley/statemachine/state"
	"parley/statemachine/teamtest"
)

// texts are those of a page.
func texts(w *teamtest.World, a teamtest.Actor, h *chat.History) string {
	var page chat.Page
	w.Told(a, h, &page)
	return textsOf(page.Messages)
}

func textsOf(messages []chat.Message) string {
	var all []string
	for _, m := range messages {
		all = append(all, m.Text)
	}
	return strings.Join(all, " ")
}

// send sends a text, and returns the message's id.
func send(w *teamtest.World, a teamtest.Actor, place, text string) string {
	var sent chat.Sent
	w.Must(a, &chat.Send{Place: place, Text: text}, &sent)
	return sent.ID.String()
}

func message(w *teamtest.World, a teamtest.Actor, id string) (m chat.Message) {
	w.Told(a, &chat.GetMessage{ID: id}, &m)
	return m
}

func TestR29_HistoryPagesExactlyInBothDirections(t *testing.T) {
	w, _, ann, _, _ := newWorld(t)
	var at []raft.Position
	for _, text := range strings.Fields("a b c d e f") {
		send(w, ann, "#general", text)
		at = append(at, w.At)
		w.Entry(ann) // something else
	}
	for _, c := range []struct {
		h    chat.History
		want string
		more bool
	}{
		{chat.History{}, "a b c d e f", false},
		{chat.History{Limit: 2}, "e f", true},
		{chat.History{Limit: 6}, "a b c d e f", false},
		{chat.History{Limit: 1 << 60}, "a b c d e f", false},
		{chat.History{Before: at[4], Limit: 2}, "c d", true},
		{chat.History{Before: at[0]}, "", false},
		{chat.History{Before: 1}, "", false},
		{chat.History{After: at[1], Limit: 2}, "c d", true},
		{chat.History{Forward: true, Limit: 2}, "a b", true},
		{chat.History{Forward: true, Before: at[1]}, "a", false},
		{chat.History{After: at[5]}, "", false},
		{chat.History{After: ^raft.Position(0)}, "", false},
		{chat.History{After: at[1], Before: at[4]}, "c d", false},
		{chat.History{After: at[4], Before: at[1]}, "", false},
		{chat.History{After: at[1] + 1, Before: at[1] + 2}, "", false},
	} {
		c.h.Place = "#general"
		var page chat.Page
		w.Told(ann, &c.h, &page)
		require.Equal(t, c.want, textsOf(page.Messages), "%+v", c.h)
		require.Equal(t, c.more, page.More, "%+v", c.h)
	}
}

func TestHistoryIsBoundedInBytesAndHoldsAtLeastAMessage(t *testing.T) {
	l := state.DefaultLimits()
	l.HistoryBytesMax = 10
	w, root := teamtest.New(t, l)
	for _, text := range []string{"1", "2", "ten bytes.", "more than ten bytes"} {
		send(w, root, "#general", text)
	}
	require.Equal(t, "more than ten bytes", texts(w, root, &chat.History{Place: "#general"}))
	require.Equal(t, "1 2", texts(w, root, &chat.History{Place: "#general", Forward: true}))
}

func TestR31_RepliesToRepliesJoinTheThreadOfTheFirstMessage(t *testing.T) {
	w, _, ann, bob, _ := newWorld(t)
	first := send(w, ann, "#general", "first")
	var sent chat.Sent
	w.Must(bob, &chat.Send{Place: "#general", Text: "second", ReplyTo: first}, &sent)
	w.Must(ann, &chat.Send{Place: "#general", Text: "third", ReplyTo: sent.ID.String()}, nil)
	send(w, ann, "#general", "no reply")
	root := message(w, bob, first)
	require.Equal(t, uint64(2), root.Replies)
	require.Equal(t, root.ID.Position, message(w, bob, sent.ID.String()).Root)
	for _, id := range []string{first, sent.ID.String()} {
		var page chat.ThreadPage
		w.Told(bob, &chat.Thread{ID: id}, &page)
		require.Equal(t, "first", page.Root.Text)
		require.Equal(t, "second third", textsOf(page.Replies))
		require.False(t, page.More)
	}
	var page chat.ThreadPage
	w.Told(bob, &chat.Thread{ID: first, Limit: 1}, &page)
	require.True(t, page.More)
	page = chat.ThreadPage{}
	w.Told(bob, &chat.Thread{ID: first, After: sent.Position}, &page)
	require.Equal(t, "third", textsOf(page.Replies))

	w.Must(ann, &chat.Unsend{ID: first}, nil)
	w.Refused(bob, &chat.Send{Place: "#general", Text: "x", ReplyTo: first}, state.Precondition, "MESSAGE_DELETED")
	w.Must(bob, &chat.Send{Place: "#general", Text: "fourth", ReplyTo: sent.ID.String()}, nil)
	page = chat.ThreadPage{}
	w.Told(bob, &chat.Thread{ID: first}, &page)
	require.Equal(t, "second third fourth", textsOf(page.Replies), "the thread outlives its first message")

	direct := send(w, ann, "@bob", "between us")
	w.Refused(bob, &chat.Send{Place: "#general", Text: "x", ReplyTo: direct}, state.Invalid, "REPLY_ELSEWHERE")
	w.Refused(bob, &chat.Send{Place: "#general", Text: "x", ReplyTo: "msg_zz_1"}, state.NotFound, "MESSAGE_NOT_FOUND")
	w.Refused(bob, &chat.Send{Place: "@cid", Text: "x", ReplyTo: first}, state.Invalid, "REPLY_ELSEWHERE")
}

// Replies are kept for a day, for whoever repeats his request. What is deleted must not be in one.
func TestR32_NoReplyOfACommandHasTheTextOfAMessage(t *testing.T) {
	w, _, ann, bob, _ := newWorld(t)
	id := send(w, ann, "#general", "secret @bob")
	for _, c := range []state.Command{&chat.Send{Place: "#general", Text: "another secret", ReplyTo: id}, &chat.Edit{ID: id, Text: "an edited secret"},
		&chat.Edit{ID: id, Text: "an edited secret"}, &chat.MarkRead{Place: "#general"}, &chat.React{ID: id, Emoji: "x"}, &chat.Unreact{ID: id, Emoji: "x"}, &chat.Unsend{ID: id}} {
		require.NotContains(t, string(w.Apply(ann, c)), "secret", "%T", c)
	}
	require.Empty(t, message(w, bob, id).Text)
}

func TestR32_EditsAreVisibleAndWhatIsDeletedLeavesTheState(t *testing.T) {
	w, _, ann, bob, _ := newWorld(t)
	id := send(w, ann, "#general", "frist secret")
	sent := w.At
	w.Must(ann, &chat.Edit{ID: id, Text: "first secret"}, nil)
	w.Must(ann, &chat.Edit{ID: id, Text: "the second secret"}, nil)
	at := w.At
	w.Must(ann, &chat.Edit{ID: id, Text: "the second secret"}, nil) // the same again
	require.Empty(t, w.Seen(bob, at))
	m := message(w, bob, id)
	require.Equal(t, []any{"the second secret", uint64(2), at}, []any{m.Text, m.Edits, m.Edited})
	var edits chat.Revisions
	w.Told(bob, &chat.EditsOf{ID: id}, &edits)
	require.Equal(t, []state.Revision{
		{Position: sent, Wall: raft.Wall(sent) * 1000, Text: "frist secret"},
		{Position: at - 1, Wall: raft.Wall(at-1) * 1000, Text: "first secret"},
		{Position: at, Wall: raft.Wall(at) * 1000, Text: "the second secret"},
	}, edits.All)
	w.Refused(bob, &chat.Edit{ID: id, Text: "x"}, state.NotPermitted, "NOT_SENDER")
	w.Refused(bob, &chat.Unsend{ID: id}, state.NotPermitted, "NOT_SENDER")
	w.Must(bob, &chat.React{ID: id, Emoji: "secret"}, nil)
	require.Contains(t, string(w.M.AppendState(nil)), "secret")

	w.Must(ann, &chat.Unsend{ID: id}, nil)
	// The backlog keeps the emoji that somebody else chose, and shows it no more; it is a table before these.
	for table := state.TableUsers; table <= state.TableBarred; table++ {
		w.M.Ascend(table, "", func(_ string, row []byte) bool {
			require.NotContains(t, string(row), "secret", "table %d", table)
			return true
		})
	}
	for _, e := range w.Seen(bob, 0) {
		require.NotContains(t, e.Post.Text+e.Text, "secret")
	}
	m = message(w, bob, id)
	require.Equal(t, []any{"", uint64(0), "ann"}, []any{m.Text, m.Edits, m.DeleterName})
	require.Empty(t, m.Reactions)
	w.NotTold(bob, &chat.EditsOf{ID: id}, state.Precondition, "MESSAGE_DELETED")
	w.Refused(ann, &chat.Edit{ID: id, Text: "x"}, state.Precondition, "MESSAGE_DELETED")
	w.Refused(ann, &chat.React{ID: id, Emoji: "x"}, state.Precondition, "MESSAGE_DELETED")
	at = w.At
	w.Must(ann, &chat.Unsend{ID: id}, nil) // again
	require.Empty(t, w.Seen(bob, at))
}

func TestR32_AChannelAdminDeletesAnyMessageMarkedSo(t *testing.T) {
	w, _, ann, bob, _ := newWorld(t)
	w.Must(ann, &chat.CreateChannel{Name: "club", Join: state.JoinOpen}, nil)
	w.Must(bob, &chat.Join{Place: "#club"}, nil)
	id := send(w, bob, "#club", "rude")
	w.Must(ann, &chat.Unsend{ID: id}, nil)
	m := message(w, bob, id)
	require.Equal(t, []string{"bob", "ann"}, []string{m.SenderName, m.DeleterName})
	require.Equal(t, "message.delete "+channel(w, ann, "club").ID+": "+id+" of bob", w.Audited()[len(w.Audited())-1])
}

func TestAMessageIsEditedSoOftenAndNoMore(t *testing.T) {
	l := state.DefaultLimits()
	l.EditsMax = 2
	w, root := teamtest.New(t, l)
	id := send(w, root, "#general", "0")
	w.Must(root, &chat.Edit{ID: id, Text: "1"}, nil)
	w.Must(root, &chat.Edit{ID: id, Text: "2"}, nil)
	w.Refused(root, &chat.Edit{ID: id, Text: "3"}, state.Exhausted, "EDITS_FULL")
}

func mentions(w *teamtest.World, a teamtest.Actor, q chat.Mentions) chat.MentionsPage {
	var page chat.MentionsPage
	w.Told(a, &q, &page)
	return page
}

func TestR33_MentionsAreOfMembersAndCountedUntilTheyAreRead(t *testing.T) {
	w, _, ann, bob, cid := newWorld(t)
	w.Must(ann, &chat.CreateChannel{Name: "den", Private: true, Join: state.JoinOpen}, nil)
	w.Must(ann, &chat.AddMember{Of: of("#den", "bob")}, nil)
	first := send(w, ann, "#den", "@Bob, (@bob) and @cid; mail x@bob.org, @bobby, @ann and @@bob")
	require.Equal(t, []string{"bob", "ann"}, message(w, bob, first).Mentions)
	var told []state.Shown
	for _, e := range w.Seen(bob, w.At-1) {
		if e.Kind == state.EventMention {
			told = append(told, e)
		}
	}
	require.Len(t, told, 1)
	require.Equal(t, "ann", told[0].Sender)
	require.Empty(t, mentions(w, cid, chat.Mentions{}).Messages, "he is no member")
	require.Empty(t, mentions(w, ann, chat.Mentions{}).Messages, "nobody is told of himself")

	send(w, ann, "#general", "hello @bob")
	send(w, ann, "@bob", "hello @bob!")
	page := mentions(w, bob, chat.Mentions{Limit: 2})
	require.Equal(t, "hello @bob! hello @bob", textsOf(page.Messages), "newest first")
	require.Equal(t, uint64(3), page.Unread)
	page = mentions(w, bob, chat.Mentions{Limit: 2, Before: page.Next})
	require.Equal(t, first, page.Messages[0].ID.String())
	require.Zero(t, page.Next)

	w.Must(bob, &chat.MarkRead{Place: "#den"}, nil)
	page = mentions(w, bob, chat.Mentions{Unread: true})
	require.Equal(t, "hello @bob! hello @bob", textsOf(page.Messages))
	require.Equal(t, uint64(2), page.Unread)

	// An edit brings and takes mentions; a deletion takes them; who leaves a place is mentioned there no more.
	w.Must(ann, &chat.Edit{ID: first, Text: "nobody"}, nil)
	require.Len(t, mentions(w, bob, chat.Mentions{}).Messages, 2)
	w.Must(ann, &chat.Edit{ID: first, Text: "@bob again"}, nil)
	require.Len(t, mentions(w, bob, chat.Mentions{}).Messages, 3)
	w.Must(bob, &chat.Leave{Place: "#den"}, nil)
	require.Len(t, mentions(w, bob, chat.Mentions{}).Messages, 2)
	w.Must(ann, &chat.Unsend{ID: first}, nil)
	w.Must(ann, &chat.AddMember{Of: of("#den", "bob")}, nil)
	require.Len(t, mentions(w, bob, chat.Mentions{}).Messages, 2)
}

func TestMentionsAreBoundedPerMessageAndPerUser(t *testing.T) {
	l := state.DefaultLimits()
	l.MentionsMax, l.MentionsPerMessageMax = 3, 2
	w, root := teamtest.New(t, l)
	ann, bob := w.User("ann"), w.User("bob")
	send(w, root, "#general", "@nobody @ann @bob")
	require.Len(t, mentions(w, ann, chat.Mentions{}).Messages, 1)
	require.Empty(t, mentions(w, bob, chat.Mentions{}).Messages, "the third name is not looked for")
	var ids []string
	for i := range 5 {
		ids = append(ids, send(w, root, "#general", fmt.Sprint("@ann ", i)))
	}
	require.Equal(t, "@ann 4 @ann 3 @ann 2", textsOf(mentions(w, ann, chat.Mentions{}).Messages))
	w.Must(root, &chat.Unsend{ID: ids[3]}, nil)
	send(w, root, "#general", "@ann 5")
	require.Equal(t, "@ann 5 @ann 4 @ann 2", textsOf(mentions(w, ann, chat.Mentions{}).Messages))
	w.Must(root, &chat.Edit{ID: ids[0], Text: "@ann old"}, nil)
	require.Equal(t, "@ann 5 @ann 4 @ann 2", textsOf(mentions(w, ann, chat.Mentions{}).Messages), "the oldest goes")
}

func TestR35_ADirectMessageGoesToSomebodyElseWhoExists(t *testing.T) {
	w, _, ann, bob, _ := newWorld(t)
	require.Equal(t, "place", w.Refused(ann, &chat.Send{Place: "@Ann", Text: "x"}, state.Invalid, "CONVERSATION_WITH_SELF").Field)
	w.Refused(ann, &chat.Send{Place: "@nobody", Text: "x"}, state.NotFound, "USER_NOT_FOUND")
	require.Empty(t, texts(w, ann, &chat.History{Place: "@bob"}), "not begun")
	w.NotTold(ann, &chat.History{Place: "@nobody"}, state.NotFound, "USER_NOT_FOUND")
	var sent chat.Sent
	w.Must(ann, &chat.Send{Place: "@BOB", Text: "hi"}, &sent)
	require.Equal(t, "@bob", sent.Place)
	require.Equal(t, "hi", texts(w, bob, &chat.History{Place: "@ann"}))
	require.Equal(t, "hi", texts(w, bob, &chat.History{Place: sent.PlaceID}))
	w.Must(bob, &chat.Send{Place: "@ann", Text: "ho"}, nil)
	require.Equal(t, "hi ho", texts(w, ann, &chat.History{Place: "@bob"}), "there is one conversation of two")
}

func TestR36_AConversationIsReadByItsTwoPartiesOnly(t *testing.T) {
	w, root, ann, bob, cid := newWorld(t)
	id := send(w, ann, "@bob", "between us")
	for _, a := range []teamtest.Actor{root, cid} {
		var page chat.ConversationsPage
		w.Told(a, &chat.Conversations{}, &page)
		require.Empty(t, page.Conversations)
		w.NotTold(a, &chat.GetMessage{ID: id}, state.NotFound, "MESSAGE_NOT_FOUND")
		require.Empty(t, search(w, a, "between"))
		for _, e := range w.Seen(a, 0) {
			require.NotEqual(t, state.Conversation, e.PlaceKind)
		}
	}
	seen := w.Seen(bob, w.At-1)[0]
	require.Equal(t, "between us", seen.Post.Text)
	require.Equal(t, [2]string{"ann", "bob"}, seen.PairNames)
}

func TestR37_ReadingMovesAMarkThatNeverFalls(t *testing.T) {
	w, _, ann, bob, _ := newWorld(t)
	var at []raft.Position
	for range 4 {
		send(w, ann, "#general", "@bob")
		at = append(at, w.At)
	}
	from := w.At
	var marked chat.Marked
	w.Must(bob, &chat.MarkRead{Place: "#general", Read: at[1]}, &marked)
	require.Equal(t, chat.Marked{Read: at[1], Unread: 2, Mentions: 2}, marked)
	w.Must(bob, &chat.MarkRead{Place: "#general", Read: at[0]}, &marked)
	require.Equal(t, chat.Marked{Read: at[1], Unread: 2, Mentions: 2}, marked)
	w.Must(bob, &chat.MarkRead{Place: "#general", Read: w.At + 1000}, &marked)
	require.Equal(t, chat.Marked{Read: at[3]}, marked)
	send(w, ann, "#general", "new")
	require.Equal(t, uint64(1), channel(w, bob, "general").Unread, "a mark is not beyond what there was")
	w.Must(bob, &chat.MarkRead{Place: "#general"}, &marked)
	require.Zero(t, marked.Unread)
	var marks []raft.Position
	for _, e := range w.Seen(bob, from) {
		if e.Kind == state.EventRead {
			marks = append(marks, e.Read.Read)
			require.Zero(t, e.Read.Unread, "as it is at delivery")
		}
	}
	require.Len(t, marks, 3, "all his streams are told, once a move")
	for _, e := range w.Seen(ann, from) {
		require.NotEqual(t, state.EventRead, e.Kind, "nobody else is")
	}
	w.Must(bob, &chat.MarkRead{Place: "@cid"}, &marked) // not begun
	require.Equal(t, chat.Marked{}, marked)
}

func TestR38_ConversationsAreListedNewestFirst(t *testing.T) {
	w, _, ann, bob, cid := newWorld(t)
	send(w, ann, "@bob", "first")
	send(w, cid, "@ann", "second")
	send(w, bob, "@ann", "third")
	var page chat.ConversationsPage
	w.Told(ann, &chat.Conversations{}, &page)
	require.Len(t, page.Conversations, 2)
	first, second := page.Conversations[0], page.Conversations[1]
	require.Equal(t, []any{"bob", "bob", uint64(1), "third", "bob", "@bob"},
		[]any{first.Name, first.Display, first.Unread, first.Last.Text, first.Last.SenderName, first.Last.Place})
	require.Equal(t, []any{"cid", uint64(1), "second"}, []any{second.Name, second.Unread, second.Last.Text})
	page = chat.ConversationsPage{}
	w.Told(ann, &chat.Conversations{Limit: 1}, &page)
	next := page.Next
	page = chat.ConversationsPage{}
	w.Told(ann, &chat.Conversations{Limit: 1, Before: next}, &page)
	require.Equal(t, "cid", page.Conversations[0].Name)
	require.Zero(t, page.Next)
}

func TestR40_ReactionsAreCountedOncePerUserAndEmoji(t *testing.T) {
	w, _, ann, bob, cid := newWorld(t)
	id := send(w, ann, "#general", "hi")
	var all chat.Reactions
	w.Must(bob, &chat.React{ID: id, Emoji: "👍"}, nil)
	w.Must(cid, &chat.React{ID: id, Emoji: "👍"}, nil)
	w.Must(bob, &chat.React{ID: id, Emoji: "👩‍👩‍👧"}, nil)
	at := w.At
	w.Must(bob, &chat.React{ID: id, Emoji: "👍"}, &all) // again
	require.Empty(t, w.Seen(ann, at))
	want := []chat.Reaction{{Emoji: "👍", Count: 2, Mine: true}, {Emoji: "👩‍👩‍👧", Count: 1, Mine: true}}
	require.Equal(t, want, all.All)
	require.Equal(t, want, message(w, bob, id).Reactions)
	require.False(t, message(w, ann, id).Reactions[0].Mine)

	w.Must(bob, &chat.Unreact{ID: id, Emoji: "👍"}, nil)
	w.Must(bob, &chat.Unreact{ID: id, Emoji: "👍"}, nil) // again
	w.Must(cid, &chat.Unreact{ID: id, Emoji: "👩‍👩‍👧"}, nil)
	all = chat.Reactions{}
	w.Must(cid, &chat.Unreact{ID: id, Emoji: "👍"}, &all)
	require.Equal(t, []chat.Reaction{{Emoji: "👩‍👩‍👧", Count: 1}}, all.All)
	row, _ := w.M.Get(state.TableReactions, state.Key(1, uint64(message(w, ann, id).ID.Position)))
	require.NotContains(t, string(row), "👍", "what was taken back is gone")
	all = chat.Reactions{}
	w.Must(cid, &chat.React{ID: id, Emoji: "🎉"}, &all) // where the first one was
	require.Equal(t, []chat.Reaction{{Emoji: "👩‍👩‍👧", Count: 1}, {Emoji: "🎉", Count: 1, Mine: true}}, all.All)

	for _, emoji := range []string{"", " ", "a b", "a\nb", "\u200d", "\u202e👍", "\xff", strings.Repeat("x", 33)} {
		require.Equal(t, "emoji", w.Refused(bob, &chat.React{ID: id, Emoji: emoji}, state.Invalid, "EMOJI_INVALID").Field, "%q", emoji)
	}
	for i := range 48 {
		w.Must(bob, &chat.React{ID: id, Emoji: fmt.Sprint(i)}, nil)
	}
	w.Refused(bob, &chat.React{ID: id, Emoji: "one-too-many"}, state.Exhausted, "REACTIONS_FULL")
}

func TestAnUnknownIDHasOneAnswerHoweverItIsWritten(t *testing.T) {
	w, _, ann, _, _ := newWorld(t)
	for _, id := range []string{"", "msg_", "msg_1_1", "msg_01_1", "MSG_1_1", "chan_1", "x\xff\u202e", strings.Repeat("z", 1000)} {
		refusal := w.NotTold(ann, &chat.GetMessage{ID: id}, state.NotFound, "MESSAGE_NOT_FOUND")
		require.Less(t, len(refusal.Text), 120)
		require.True(t, strings.ToValidUTF8(refusal.Text, "") == refusal.Text && !strings.Contains(refusal.Text, "\u202e"))
	}
}
