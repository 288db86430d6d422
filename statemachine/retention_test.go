package statemachine_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/blob"
	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/chat"
	"parley/statemachine/file"
	"parley/statemachine/lock"
	"parley/statemachine/presence"
	"parley/statemachine/state"
	"parley/statemachine/teamtest"
)

// keep says for how long messages, files and events are kept.
func keep(w *teamtest.World, root teamtest.Actor, messages, files, events time.Duration) {
	w.Must(root, &account.SetRetention{SetMessages: true, SetFiles: true, SetEvents: true,
		To: state.Retention{Messages: messages, Files: files, Events: events}}, nil)
}

// sweepAll has entries come, as the leader appends clock entries when something is due, until nothing is.
func sweepAll(w *teamtest.World) (entries int) {
	for {
		at, ok := w.M.NextDeadline()
		if !ok || at > w.Now {
			return entries
		}
		w.Wait(time.Second)
		entries++
	}
}

func history(w *teamtest.World, a teamtest.Actor, place string) (texts []string) {
	var page chat.Page
	w.Told(a, &chat.History{Place: place, Limit: 1000}, &page)
	for _, m := range page.Messages {
		texts = append(texts, m.Text)
	}
	return texts
}

func generalOf(w *teamtest.World, a teamtest.Actor) (ch chat.Channel) {
	w.Told(a, &chat.ChannelOf{Place: "#general"}, &ch)
	return ch
}

// At stake: what is to be forgotten is kept, or what is to be kept is forgotten.
func TestR95_MessagesGoWhenTheyAreTooOldWithAllThatBelongsToThem(t *testing.T) {
	w, root := teamtest.New(t, state.DefaultLimits())
	ann, bob := w.User("ann"), w.User("bob")
	empty := map[state.Table]int{}
	for _, table := range []state.Table{state.TablePosts, state.TableEdits, state.TableThreads, state.TableReactions, state.TableMentions} {
		empty[table] = w.M.Len(table)
	}
	say := func(text, to string) string {
		var sent chat.Sent
		w.Must(ann, &chat.Send{Place: "#general", Text: text, ReplyTo: to}, &sent)
		return sent.ID.String()
	}
	first := say("first, @bob", "")
	w.Must(ann, &chat.Edit{ID: first, Text: "the first, @bob"}, nil)
	w.Must(bob, &chat.React{ID: first, Emoji: "👍"}, nil)
	w.Must(ann, &chat.Send{Place: "@bob", Text: "between us"}, nil)
	w.Refused(bob, &account.SetRetention{SetMessages: true, To: state.Retention{Messages: time.Hour}}, state.NotPermitted, "NOT_CLUSTER_ADMIN")
	w.Refused(root, &account.SetRetention{SetMessages: true, To: state.Retention{Messages: time.Minute}}, state.Invalid, "RETENTION_INVALID")

	keep(w, root, 24*time.Hour, 0, 0)
	sweepAll(w)
	w.Wait(23 * time.Hour)
	sweepAll(w)
	reply := say("a reply", first)
	require.Equal(t, []string{"the first, @bob", "a reply"}, history(w, bob, "#general"))
	var unread chat.MentionsPage
	w.Told(bob, &chat.Mentions{Unread: true}, &unread)
	require.EqualValues(t, 1, unread.Unread)

	w.Wait(2 * time.Hour)
	sweepAll(w)
	require.Equal(t, []string{"a reply"}, history(w, bob, "#general"))
	require.Empty(t, history(w, bob, "@ann"))
	w.NotTold(bob, &chat.GetMessage{ID: first}, state.NotFound, "MESSAGE_NOT_FOUND")
	unread = chat.MentionsPage{}
	w.Told(bob, &chat.Mentions{}, &unread)
	require.Zero(t, unread.Unread)
	require.Empty(t, unread.Messages)
	for _, e := range w.Seen(bob, 0) { // the backlog refers to it still
		require.NotContains(t, e.Post.Text, "first")
	}

	// What nobody can read any more is not unread, whether somebody marks it or not.
	marks := func(a teamtest.Actor, read raft.Position) uint64 {
		var marked chat.Marked
		w.Must(a, &chat.MarkRead{Place: "#general", Read: read}, &marked)
		return marked.Unread
	}
	require.EqualValues(t, 1, generalOf(w, bob).Unread, "the reply")
	gone, ok := state.ParseMessageID(first)
	require.True(t, ok)
	require.EqualValues(t, 1, marks(bob, gone.Position))
	require.EqualValues(t, 1, generalOf(w, bob).Unread)

	// A thread goes on without its beginning, and a mark is read though the newest message is gone.
	again := say("to the reply", reply)
	var page chat.ThreadPage
	w.Told(bob, &chat.Thread{ID: again}, &page)
	require.Equal(t, "a reply", page.Root.Text)
	require.Len(t, page.Replies, 1)
	w.Wait(30 * time.Hour)
	sweepAll(w)
	var marked chat.Marked
	w.Must(bob, &chat.MarkRead{Place: "#general"}, &marked)
	require.Zero(t, marked.Unread)
	for table, rows := range empty {
		require.Equal(t, rows, w.M.Len(table), "table %d", table)
	}
	require.Equal(t, w.M.RecomputeHash(), w.M.StateHash())
	require.Contains(t, w.Audited(), "retention.set : messages for 24h0m0s")

	keep(w, root, 0, 0, 0)
	_, due := w.M.SweepDue(1 << 62)
	require.False(t, due, "kept for ever, nothing is looked for")
}

func TestR95_FilesGoWhenTheyAreTooOldAndTheirContentWithThem(t *testing.T) {
	w, root := teamtest.New(t, state.DefaultLimits())
	ann := w.User("ann")
	content := "what a file holds"
	sum := w.Upload(ann, content)
	w.Must(ann, &file.Attach{Place: "#general", Name: "a.txt", Size: uint64(len(content)), Sum: sum, Type: "text/plain"}, nil)
	keep(w, root, 0, 48*time.Hour, 0)
	w.Wait(47 * time.Hour)
	sweepAll(w)
	require.EqualValues(t, len(content), w.M.Usage(ann.ID).Bytes)
	w.Wait(2 * time.Hour)
	sweepAll(w)
	w.Blobs.Expire(w.Now)
	require.Zero(t, w.M.Usage(ann.ID))
	_, wanted := w.Blobs.Size(blob.Sum(sum))
	require.False(t, wanted)
	var page file.FilesPage
	w.Told(ann, &file.Files{Place: "#general"}, &page)
	require.Empty(t, page.Files)
}

// At stake: an entry that holds the loop up for as long as a hundred thousand rows take.
func TestR95_EachEntryTakesAwayABoundedNumberOfThings(t *testing.T) {
	l := state.DefaultLimits()
	l.SweepRowsMax = 8
	w, root := teamtest.New(t, l)
	ann := w.User("ann")
	for i := range 50 {
		w.Must(ann, &chat.Send{Place: "#general", Text: fmt.Sprint("message ", i)}, nil)
	}
	var sent chat.Sent
	w.Must(ann, &chat.Send{Place: "#general", Text: "edited"}, &sent)
	for i := range 30 {
		w.Must(ann, &chat.Edit{ID: sent.ID.String(), Text: fmt.Sprint("edited ", i)}, nil)
	}
	for i := range 200 { // more places than one entry looks at
		w.Must(ann, &chat.CreateChannel{Name: fmt.Sprint("channel-", i), Join: state.JoinOpen}, nil)
		w.Must(ann, &chat.Send{Place: fmt.Sprint("#channel-", i), Text: "x"}, nil)
	}
	keep(w, root, time.Hour, 0, time.Minute)
	w.Wait(2 * time.Hour)
	rows := func() int {
		return w.M.Len(state.TablePosts) + w.M.Len(state.TableEdits) + w.M.Len(state.TableEvents)
	}
	before := rows()
	for w.M.Len(state.TablePosts) > 0 || w.M.Len(state.TableEvents) > 0 {
		was := rows()
		at, ok := w.M.NextDeadline()
		require.True(t, ok)
		require.LessOrEqual(t, at, w.Now.Add(2*time.Minute))
		w.Wait(time.Second)
		require.LessOrEqual(t, was-rows(), 2*l.SweepRowsMax)
	}
	require.Greater(t, before, 300)
	require.Equal(t, w.M.RecomputeHash(), w.M.StateHash())
}

// At stake: a message that many reacted to is there by half while it goes, and whoever reacts to it then is taken for
// somebody who did before.
func TestR95_AMessageGoesAtOnceAndWhatBelongsToItBehindIt(t *testing.T) {
	l := state.DefaultLimits()
	l.SweepRowsMax = 4
	w, root := teamtest.New(t, l)
	ann := w.User("ann")
	var sent chat.Sent
	w.Must(ann, &chat.Send{Place: "#general", Text: "first"}, &sent)
	w.Must(ann, &chat.Edit{ID: sent.ID.String(), Text: "second"}, nil)
	w.Must(ann, &chat.Edit{ID: sent.ID.String(), Text: "third"}, nil)
	for i := range 40 {
		w.Must(w.User(fmt.Sprint("user", i)), &chat.React{ID: sent.ID.String(), Emoji: "👍"}, nil)
	}
	rest := func() int { return w.M.Len(state.TableEdits) + w.M.Len(state.TableReactions) }
	all := rest()
	require.Equal(t, 2+1+40, all)
	keep(w, root, time.Hour, 0, 0)
	w.Wait(2 * time.Hour)
	require.Zero(t, w.M.Len(state.TablePosts))
	require.Equal(t, all-l.SweepRowsMax+1, rest(), "a row is the message's own")
	require.Empty(t, history(w, ann, "#general"))
	w.NotTold(ann, &chat.EditsOf{ID: sent.ID.String()}, state.NotFound, "MESSAGE_NOT_FOUND")
	refusal, ok := state.DecodeReply(w.Apply(ann, &chat.React{ID: sent.ID.String(), Emoji: "🎉"}), nil).(*state.Refusal)
	require.True(t, ok)
	require.Equal(t, "MESSAGE_NOT_FOUND", refusal.Reason)
	require.Positive(t, rest())

	// What was said in the meantime goes its own way, and who has everything kept does not keep the rest of what is gone.
	var next chat.Sent
	w.Must(ann, &chat.Send{Place: "#general", Text: "next"}, &next)
	w.Must(ann, &chat.React{ID: next.ID.String(), Emoji: "👍"}, nil)
	require.Positive(t, rest()-2)
	keep(w, root, 0, 0, 0)
	sweepAll(w)
	require.Equal(t, 2, rest())
	require.Equal(t, []string{"next"}, history(w, ann, "#general"))
	_, due := w.M.SweepDue(1 << 62)
	require.False(t, due)
}

func TestR95_EventsGoWithTimeAndWhoWasAwayForLongerIsTold(t *testing.T) {
	w, root := teamtest.New(t, state.DefaultLimits())
	ann := w.User("ann")
	keep(w, root, 0, 0, 10*time.Minute)
	var at []raft.Position
	for range 30 {
		w.Must(ann, &chat.Send{Place: "#general", Text: "x"}, nil)
		at = append(at, w.At)
		w.Wait(time.Minute)
	}
	_, compacted := w.M.EventsAfter(at[0], 1000)
	require.True(t, compacted)
	frames, compacted := w.M.EventsAfter(at[19], 1000)
	require.False(t, compacted, "of ten minutes nothing is missing")
	require.Len(t, frames, 10)
	require.Less(t, w.M.Len(state.TableEvents), 15)
	require.Less(t, w.M.Len(state.TableEventTimes), 15)

	// When nobody writes any more, the rest goes as well, and then there is nothing to wait for.
	require.Less(t, sweepAll(w), 3)
	for range 20 {
		w.Wait(time.Minute)
	}
	require.Zero(t, w.M.Len(state.TableEvents))
	w.Wait(time.Minute)
	require.Zero(t, w.M.Len(state.TableEventTimes))
	next, ok := w.M.NextDeadline()
	require.True(t, ok)
	require.Greater(t, next, w.Now.Add(time.Hour), "the end of somebody's login")
}

// At stake: whoever has the backup, a token from the old cluster, or an old node, is somebody in the new one.
func TestR90_ANewClusterHasAnotherKeyAndNobodyIsLoggedIn(t *testing.T) {
	w, root := teamtest.New(t, state.DefaultLimits())
	ann, bob := w.User("ann"), w.User("bob")
	w.Must(ann, &chat.Send{Place: "#general", Text: "kept"}, nil)
	var held lock.Answer
	w.Must(ann, &lock.Acquire{Name: "deploy", TTL: time.Hour}, &held)
	w.Must(bob, &lock.Acquire{Name: "deploy", TTL: time.Hour, Wait: time.Hour}, nil)
	w.Must(teamtest.Nobody, &presence.Announce{Node: 2, Changes: []presence.Change{{User: ann.ID, Online: true}}}, nil)
	require.EqualValues(t, 1, w.M.Online())
	var before account.KeyList
	w.Told(teamtest.Nobody, &account.SigningKeys{}, &before)

	m := w.M.Clone().(*statemachine.Machine)
	w.At += 1 << 40
	at := w.Entry(teamtest.Nobody)
	m.Refound(at, [32]byte{1, 2, 3})
	require.Equal(t, m.RecomputeHash(), m.StateHash())
	w.M = m
	for _, a := range []teamtest.Actor{root, ann, bob} {
		w.NotTold(a, &account.WhoAmI{}, state.Unauthenticated, "LOGIN_ENDED")
		require.False(t, m.Admits(statemachine.Reader(a.ID, a.Head)))
	}
	var after account.KeyList
	w.Told(teamtest.Nobody, &account.SigningKeys{}, &after)
	require.Len(t, after.Keys, 1)
	require.Equal(t, after.Current, after.Keys[0].ID)
	require.NotEqual(t, before.Keys[0].ID, after.Keys[0].ID)
	require.NotEqual(t, before.Keys[0].Secret, after.Keys[0].Secret)
	require.Zero(t, m.Online())
	require.Empty(t, m.NodesConnected())
	for _, old := range []raft.Position{0, 1, at.Position - 1<<40, at.Position - 1} {
		_, missed := m.EventsAfter(old, 10)
		require.True(t, missed, "a stream goes on from position %d of the old cluster", old)
	}
	frames, missed := m.EventsAfter(at.Position, 10)
	require.False(t, missed)
	require.Empty(t, frames)

	ann = w.Again(ann)
	require.Equal(t, []string{"kept"}, history(w, ann, "#general"))
	var again lock.Answer
	w.Must(ann, &lock.Acquire{Name: "deploy", TTL: time.Hour}, &again)
	require.Greater(t, again.Lock.Fence, raft.Position(at.Position))
	require.Contains(t, w.Audited()[len(w.Audited())-2], "cluster.begin")

	// It comes through a snapshot, and a cluster that never came to have a key has none now.
	var snapshot bytes.Buffer
	require.NoError(t, m.WriteSnapshot(&snapshot))
	require.NoError(t, statemachine.New().Restore(&snapshot))
	young := statemachine.New()
	was := young.StateHash()
	young.Refound(at, [32]byte{1})
	require.Equal(t, was, young.StateHash())
}
