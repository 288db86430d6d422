package statemachine_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/chat"
	"parley/statemachine/document"
	"parley/statemachine/presence"
	"parley/statemachine/state"
	"parley/statemachine/teamtest"
)

// Who may say that he writes somewhere, and who hears it, is what the tables of permissions say of writing and reading there.
// Whatever is said, the state stays what it was.
func TestR67_WhoMaySayThatHeWritesAndWhoHearsIt(t *testing.T) {
	w, _ := teamtest.New(t, state.DefaultLimits())
	ann, bob, cid := w.User("ann"), w.User("bob"), w.User("cid")
	w.Must(ann, &chat.CreateChannel{Name: "den", Private: true, Join: state.JoinInvite}, nil)
	w.Must(ann, &chat.AddMember{Of: chat.Of{Place: "#den", User: "bob"}}, nil)
	w.Must(ann, &chat.CreateChannel{Name: "past", Join: state.JoinOpen}, nil)
	w.Must(ann, &chat.Archive{Place: "#past"}, nil)
	w.Must(ann, &chat.Send{Place: "@bob", Text: "a conversation"}, nil)
	var doc document.Item
	w.Must(ann, &document.Create{Title: "Plan", Content: "x", Mode: state.LockAdvisory}, &doc)
	w.Must(ann, &document.Share{ID: doc.Document.ID.String(), With: document.Whom{User: "bob"}, Role: state.Viewer}, nil)

	says := func(a teamtest.Actor, kind state.EventKind, of string) (heard string) {
		before := w.M.StateHash()
		body, audience, ok := w.M.Notice(statemachine.AppendNotice(nil, a.Head, &state.Notice{Kind: kind, Of: of}))
		require.Equal(t, before, w.M.StateHash())
		refusal := state.DecodeReply(w.M.Query(statemachine.AppendQuery(nil, a.Head, &presence.MayNotice{Notice: state.Notice{Kind: kind, Of: of}})), &presence.Heard{})
		if !ok {
			return "nobody"
		}
		require.NoError(t, refusal, "what is told is what the caller is told that he may say")
		bodies, err := statemachine.DecodeBodies(body)
		require.NoError(t, err)
		require.Len(t, bodies, 1)
		e, known, err := statemachine.DecodeShown(bodies[0])
		require.NoError(t, err)
		require.True(t, known)
		require.Equal(t, a.Name, e.UserName)
		var names []string
		for _, reader := range []teamtest.Actor{ann, bob, cid} {
			if w.M.MayRead(statemachine.Reader(reader.ID, reader.Head), audience) {
				names = append(names, reader.Name)
			}
		}
		return strings.Join(names, " ")
	}
	for _, c := range []struct {
		who  teamtest.Actor
		kind state.EventKind
		of   string
		want string
	}{
		{ann, state.EventTyping, "#general", "ann bob cid"},
		{ann, state.EventTyping, "#den", "ann bob"},
		{cid, state.EventTyping, "#den", "nobody"},
		{ann, state.EventTyping, "#past", "nobody"},
		{bob, state.EventTyping, "@ann", "ann bob"},
		{cid, state.EventTyping, "@ann", "nobody"}, // it is not begun
		{ann, state.EventTyping, "@ann", "nobody"},
		{ann, state.EventTyping, "#nowhere", "nobody"},
		{ann, state.EventEditing, doc.Document.ID.String(), "ann bob"},
		{bob, state.EventEditing, doc.Document.ID.String(), "nobody"}, // he only reads it
		{cid, state.EventEditing, doc.Document.ID.String(), "nobody"},
		{ann, state.EventEditing, "#general", "nobody"},
		{ann, state.EventMessage, "#general", "nobody"},
	} {
		require.Equal(t, c.want, says(c.who, c.kind, c.of), "%s, kind %d, %s", c.who.Name, c.kind, c.of)
	}
	forged := ann
	forged.Head.Proof[0]++
	require.Equal(t, "nobody", says(forged, state.EventTyping, "#general"))
	w.Must(ann, &account.LogOut{}, nil)
	require.Equal(t, "nobody", says(ann, state.EventTyping, "#general"), "her login has ended")
}

// A notice comes from another process: any bytes are safe.
func TestAnyBytesAreNoNoticeOrOne(t *testing.T) {
	w, _ := teamtest.New(t, state.DefaultLimits())
	ann := w.User("ann")
	good := statemachine.AppendNotice(nil, ann.Head, &state.Notice{Kind: state.EventTyping, Of: "#general"})
	rapid.Check(t, func(t *rapid.T) {
		bytes := append([]byte(nil), good...)
		for range rapid.IntRange(0, 4).Draw(t, "changes") {
			if len(bytes) > 0 {
				bytes[rapid.IntRange(0, len(bytes)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
			}
		}
		bytes = bytes[:rapid.IntRange(0, len(bytes)).Draw(t, "length")]
		body, audience, ok := w.M.Notice(append(bytes, rapid.SliceOfN(rapid.Byte(), 0, 4).Draw(t, "more")...))
		require.Equal(t, ok, len(body) > 0 && audience != "")
	})
}
