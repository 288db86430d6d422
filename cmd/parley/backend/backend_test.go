package backend

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/parley/shell"
	"parley/rpc/client"
	"parley/statemachine"
)

// At stake: a place that is called one thing in a list and another in an event is two places on the screen.
func TestAPlaceIsCalledTheSameWhereverItIsNamed(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	alice, bob := c.loggedIn("alice"), c.loggedIn("bob")
	e := alice.listens()
	e.hears(shell.Connected)

	made, err := bob.CreateChannel(t.Context(), shell.NewChannel{Name: "Lunch", Description: "at noon"})
	require.NoError(t, err)
	require.Equal(t, shell.PlaceID("#Lunch"), made.ID)
	require.Equal(t, made.ID, e.hears(shell.ChannelCreated).Place)
	require.NoError(t, alice.Join(t.Context(), made.ID))
	require.Equal(t, made.ID, e.hears(shell.Joined).Place)
	sent := bob.says(made.ID, "hungry, @alice?")
	posted := e.hears(shell.Posted)
	require.Equal(t, made.ID, posted.Place)
	require.Equal(t, made.ID, posted.Message.Place)
	require.True(t, posted.Message.Mentioned)
	require.Equal(t, sent.Position, posted.Message.Position)
	places, err := alice.Channels(t.Context())
	require.NoError(t, err)
	i := slices.IndexFunc(places, func(p shell.Place) bool { return p.ID == made.ID })
	require.GreaterOrEqual(t, i, 0)
	p := places[i]
	require.True(t, p.Joined && !p.Direct && !p.Admin)
	require.Equal(t, []int{2, 1, 1}, []int{p.Members, p.Unread, p.Mentions})
	require.GreaterOrEqual(t, p.AsOf, posted.Position, "its counts have the message, and the event does not count again")
	require.NoError(t, alice.MarkRead(t.Context(), made.ID, sent.Position))
	read := e.hears(shell.WasRead)
	require.Equal(t, made.ID, read.Place)
	require.Equal(t, sent.Position, read.Through)
	require.NoError(t, bob.React(t.Context(), sent.ID, "🍕", true))
	reacted := e.hears(shell.Reacted)
	require.Equal(t, []string{"#Lunch", sent.ID}, []string{string(reacted.Place), reacted.Message.ID})
	require.NoError(t, bob.Edit(t.Context(), sent.ID, "very hungry"))
	edited := e.hears(shell.Edited)
	require.Equal(t, "very hungry", edited.Message.Text)
	m, err := alice.Message(t.Context(), sent.ID)
	require.NoError(t, err)
	require.Equal(t, []shell.Reaction{{Emoji: "🍕", Count: 1}}, m.Reactions)
	require.True(t, m.Edited && m.AsOf >= edited.Position)
	require.NoError(t, bob.Delete(t.Context(), sent.ID))
	deleted := e.hears(shell.Deleted)
	require.Equal(t, sent.ID, deleted.Message.ID)
	require.Equal(t, shell.BySender, deleted.Message.Deleted)
	require.NoError(t, bob.SetInviteOnly(t.Context(), made.ID, true))
	require.Equal(t, made.ID, e.hears(shell.ChannelChanged).Place)
	require.NoError(t, bob.SetAdmin(t.Context(), made.ID, "alice", true))
	require.Equal(t, made.ID, e.hears(shell.ChannelChanged).Place)
	require.NoError(t, bob.RemoveMember(t.Context(), made.ID, "alice"))
	removed := e.hears(shell.Removed)
	require.Equal(t, []string{"#Lunch", "alice", "bob"}, []string{string(removed.Place), removed.User, removed.By})

	require.NoError(t, bob.AddMember(t.Context(), made.ID, "alice"))
	joined := e.hears(shell.Joined)
	require.Equal(t, []string{"alice", "bob"}, []string{joined.User, joined.By})

	_, err = alice.Converse(t.Context(), "nobody")
	require.Equal(t, shell.NotFound, kind(t, err))
	_, err = alice.Converse(t.Context(), "Alice")
	require.Equal(t, shell.Failed, kind(t, err))
	direct, err := alice.Converse(t.Context(), "BOB")
	require.NoError(t, err)
	require.Equal(t, shell.PlaceID("@bob"), direct.ID)
	bob.says("@alice", "psst")
	require.Equal(t, direct.ID, e.hears(shell.Posted).Place)
	conversations, err := alice.Conversations(t.Context())
	require.NoError(t, err)
	require.Len(t, conversations, 1)
	require.Equal(t, direct.ID, conversations[0].ID)
	require.Equal(t, "psst", conversations[0].Last.Text)
	require.Equal(t, 1, conversations[0].Unread)
	h, err := alice.History(t.Context(), direct.ID, shell.Page{Limit: 10})
	require.NoError(t, err)
	require.Equal(t, direct.ID, h.Messages[0].Place)
	both, err := alice.Members(t.Context(), direct.ID)
	require.NoError(t, err)
	require.Len(t, both, 2)
}

// At stake: a message whose answer was lost, and which is stored again when it is tried again.
func TestR98_ADraftIsStoredOnceHoweverOftenItIsSent(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	alice := c.loggedIn("alice")
	d := shell.Draft{Key: "a key", Place: "#general", Text: "once"}
	first, err := alice.Send(t.Context(), d)
	require.NoError(t, err)
	again, err := c.visitAs(alice.remembered()).Send(t.Context(), d)
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
	d.Text = "twice"
	_, err = alice.Send(t.Context(), d)
	require.Equal(t, shell.Conflict, kind(t, err))
}

// Without a majority a message is not stored, and whoever sends it is not told that it was not: it may still be.
func TestR98_WhatNoMajorityAnswersIsNotSaidToHaveFailed(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	alice, bob := c.loggedIn("alice"), c.loggedIn("bob")
	bob.says("#general", "everybody is there")
	c.stop(1)
	c.stop(2)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err := alice.Send(ctx, shell.Draft{Key: "k", Place: "#general", Text: "is anybody there?"})
	require.Contains(t, []shell.ErrorKind{shell.Unknown, shell.Unavailable}, kind(t, err))
	_, err = alice.Users(ctx)
	require.Equal(t, shell.Unavailable, kind(t, err))
}

// Signing up on the screen is being there.
func TestR1_WhoSignsUpIsLoggedIn(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	c.loggedIn("alice")
	v := c.visit()
	a, err := v.SignUp(t.Context(), shell.SignUp{Username: "dora", Email: "dora@example.org", DisplayName: "Dora D", Password: "a long password"})
	require.NoError(t, err)
	require.Equal(t, shell.Account{Username: "dora", DisplayName: "Dora D", Email: "dora@example.org"}, a)
	require.Equal(t, "dora", v.remembered().User)
	v.says("#general", "here I am")
	require.NoError(t, v.SetProfile(t.Context(), "Dora", ""))
	a, err = v.Account(t.Context())
	require.NoError(t, err)
	require.Equal(t, "Dora", a.DisplayName)
	logins, err := v.Logins(t.Context())
	require.NoError(t, err)
	require.Len(t, logins, 1)
	require.True(t, logins[0].Current)
	require.NotEmpty(t, logins[0].Client)

	_, err = c.visit().SignUp(t.Context(), shell.SignUp{Username: "Dora", Email: "d@example.org", Password: "a long password"})
	require.Equal(t, shell.Conflict, kind(t, err))
	_, err = c.visit().LogIn(t.Context(), "dora", "a wrong password")
	require.Equal(t, shell.NotLoggedIn, kind(t, err))
}

// A login that nobody can remember is none: the next command would be somebody else's.
func TestALoginThatCanNotBeKeptIsNone(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	c.loggedIn("alice")
	v := c.visit()
	v.keep = func(_, _ client.Credentials) error { return os.ErrPermission }
	_, err := v.LogIn(t.Context(), "bob", "bob123")
	require.ErrorIs(t, err, os.ErrPermission)
	_, err = v.Account(t.Context())
	require.Equal(t, shell.NotLoggedIn, kind(t, err))
	logins, err := c.loggedIn("bob").Logins(t.Context())
	require.NoError(t, err)
	require.Len(t, logins, 1, "the one that could not be kept was ended")
}

// R41, R42, R45: a file comes back as it was put, and over nothing that is there.
func TestR41_AFileGoesThereAndBack(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	alice, bob := c.loggedIn("alice"), c.loggedIn("bob")
	e := bob.listens()
	e.hears(shell.Connected)
	content := strings.Repeat("line after line\n", 20_000)
	dir := t.TempDir()
	path := filepath.Join(dir, "report.txt")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	var moved []int64
	progress := func(done, all int64) {
		require.EqualValues(t, len(content), all)
		moved = append(moved, done)
	}
	put, err := alice.Upload(t.Context(), "#general", path, "the figures", progress)
	require.NoError(t, err)
	require.IsIncreasing(t, moved)
	require.EqualValues(t, len(content), moved[len(moved)-1])
	filed := e.hears(shell.Filed)
	require.Equal(t, shell.PlaceID("#general"), filed.Place)
	require.Equal(t, put, filed.File)
	require.Equal(t, []string{"report.txt", "the figures", "alice"}, []string{put.Name, put.Description, put.Uploader})
	list, err := bob.Files(t.Context(), "#general")
	require.NoError(t, err)
	require.Equal(t, []shell.File{put}, list)

	moved = nil
	to := filepath.Join(t.TempDir(), "copy.txt")
	got, err := bob.Download(t.Context(), put.ID, to, progress)
	require.NoError(t, err)
	require.Equal(t, to, got)
	require.EqualValues(t, len(content), moved[len(moved)-1])
	b, err := os.ReadFile(got)
	require.NoError(t, err)
	require.Equal(t, content, string(b))
	_, err = bob.Download(t.Context(), put.ID, path, progress)
	require.Equal(t, shell.Conflict, kind(t, err))
	_, err = bob.Download(t.Context(), "file_none", "", progress)
	require.Equal(t, shell.NotFound, kind(t, err))
	_, err = alice.Upload(t.Context(), "#general", dir, "", progress)
	require.ErrorContains(t, err, "is no file")
}

// R74 to R77 as the shell has them: without an LLM server the answers are made without a model, and only who is in a place gets any.
func TestR76_TheShellIsHelpedInThePlacesThatItsUserIsIn(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	alice, bob := c.loggedIn("alice"), c.loggedIn("bob")
	made, err := alice.CreateChannel(t.Context(), shell.NewChannel{Name: "den", Private: true})
	require.NoError(t, err)
	alice.says(made.ID, "Shall we ship the release on Friday?")
	alice.says(made.ID, "The linker does not find the library.")
	texts, source, err := alice.SmartReply(t.Context(), made.ID)
	require.NoError(t, err)
	require.Len(t, texts, 3)
	require.Equal(t, "offline", source)
	summary, err := alice.Summarize(t.Context(), made.ID, 20)
	require.NoError(t, err)
	require.NotEmpty(t, summary.Text)
	suggestions, err := alice.Suggest(t.Context(), made.ID, "The linker")
	require.NoError(t, err)
	require.NotEmpty(t, suggestions.Completions)
	said := ""
	source, err = alice.Ask(t.Context(), made.ID, "What does the linker not find?", func(part string, anew bool) {
		require.False(t, anew)
		said += part
	})
	require.NoError(t, err)
	require.Equal(t, "offline", source)
	require.Contains(t, said, "alice: The linker does not find the library.")
	_, err = alice.Ask(t.Context(), "", "Why?", func(string, bool) {})
	require.NoError(t, err)

	_, _, err = bob.SmartReply(t.Context(), made.ID)
	require.Equal(t, shell.NotFound, kind(t, err))
	_, err = bob.Summarize(t.Context(), made.ID, 20)
	require.Equal(t, shell.NotFound, kind(t, err))
	_, err = bob.Ask(t.Context(), made.ID, "What?", func(string, bool) { t.Error("an answer") })
	require.Equal(t, shell.NotFound, kind(t, err))
	_, err = alice.Summarize(t.Context(), made.ID, 3)
	require.Equal(t, shell.Failed, kind(t, err))
}

// The status has every node, whoever is logged in.
func TestR91_TheStatusHasEveryNode(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	c.loggedIn("alice")
	s, err := c.visit().Status(t.Context())
	require.NoError(t, err)
	require.Len(t, s.Nodes, 3)
	require.NotEmpty(t, s.Leader)
	for _, n := range s.Nodes {
		require.True(t, n.Alive)
		require.Contains(t, c.addrs, n.Address)
	}
}
