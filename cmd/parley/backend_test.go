package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/parley/backend"
	"parley/cmd/parley/shell"
	"parley/rpc/client"
)

// guest is a Backend of one of the demo users, and what it says happens.
type guest struct {
	t *testing.T
	*backend.Backend
	c      *client.Client
	events <-chan shell.Event
	kept   client.Credentials
}

func (c *cluster) guest(t *testing.T, name string) *guest {
	t.Helper()
	cl, err := client.New(client.Config{Addrs: c.addrs})
	require.NoError(t, err)
	g := &guest{t: t, c: cl}
	g.Backend = backend.New(cl, func(who client.Credentials) error {
		g.kept = who
		return nil
	})
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() {
		cancel()
		for range g.events { // closes
		}
		cl.Close()
	})
	g.events = g.Events(ctx)
	a, err := g.LogIn(t.Context(), name, name+"123")
	require.NoError(t, err)
	require.Equal(t, name, a.Username)
	require.Equal(t, name, g.kept.User)
	return g
}

// until returns the first event that is meant.
func (g *guest) until(what string, meant func(shell.Event) bool) shell.Event {
	g.t.Helper()
	timer := time.NewTimer(30 * time.Second)
	defer timer.Stop()
	for {
		select {
		case e := <-g.events:
			if meant(e) {
				return e
			}
		case <-timer.C:
			g.t.Fatalf("it was not told: %s", what)
		}
	}
}

func (g *guest) kind(k shell.Kind, place shell.PlaceID) shell.Event {
	g.t.Helper()
	return g.until("", func(e shell.Event) bool { return e.Kind == k && e.Place == place })
}

// What others do reaches the shell as what it is, at the place that lists and messages name the same way.
func TestTheShellIsToldWhatHappens(t *testing.T) {
	c := sharedCluster(t)
	ctx := t.Context()
	alice, bob := c.guest(t, "alice"), c.guest(t, "bob")
	bob.until("connected", func(e shell.Event) bool { return e.Kind == shell.Connected })

	made, err := alice.CreateChannel(ctx, shell.NewChannel{Name: "harbour", Description: "ships"})
	require.NoError(t, err)
	require.Equal(t, shell.PlaceID("#harbour"), made.ID)
	bob.kind(shell.ChannelCreated, made.ID)
	require.NoError(t, alice.AddMember(ctx, made.ID, "bob"))
	joined := bob.kind(shell.Joined, made.ID)
	require.Equal(t, "bob", joined.User)
	require.Equal(t, "alice", joined.By)

	sent, err := alice.Send(ctx, shell.Draft{Key: "harbour-1", Place: made.ID, Text: "ahoy, @bob"})
	require.NoError(t, err)
	again, err := alice.Send(ctx, shell.Draft{Key: "harbour-1", Place: made.ID, Text: "ahoy, @bob"})
	require.NoError(t, err)
	require.Equal(t, sent.ID, again.ID, "one draft is one message")
	posted := bob.kind(shell.Posted, made.ID)
	require.Equal(t, sent.ID, posted.Message.ID)
	require.Equal(t, sent.Position, posted.Position)
	require.True(t, posted.Message.Mentioned)
	require.NoError(t, alice.Edit(ctx, sent.ID, "ahoy"))
	edited := bob.kind(shell.Edited, made.ID)
	require.Equal(t, "ahoy", edited.Message.Text)
	require.Equal(t, edited.Position, edited.Message.AsOf)
	require.NoError(t, alice.React(ctx, sent.ID, "⚓", true))
	require.Equal(t, sent.ID, bob.kind(shell.Reacted, made.ID).Message.ID)
	m, err := bob.Message(ctx, sent.ID)
	require.NoError(t, err)
	require.Equal(t, []shell.Reaction{{Emoji: "⚓", Count: 1}}, m.Reactions)

	places, err := bob.Channels(ctx)
	require.NoError(t, err)
	for _, p := range places {
		if p.ID == made.ID {
			require.Equal(t, 1, p.Unread)
			require.GreaterOrEqual(t, p.AsOf, edited.Position)
		}
	}
	require.NoError(t, bob.MarkRead(ctx, made.ID, edited.Position))
	require.Equal(t, sent.Position, bob.kind(shell.WasRead, made.ID).Through, "the newest message")
	require.NoError(t, alice.Delete(ctx, sent.ID))
	deleted := bob.kind(shell.Deleted, made.ID)
	require.Equal(t, sent.ID, deleted.Message.ID)
	require.Equal(t, shell.BySender, deleted.Message.Deleted)

	require.NoError(t, alice.SetInviteOnly(ctx, made.ID, true))
	bob.kind(shell.ChannelChanged, made.ID)
	require.NoError(t, alice.SetAdmin(ctx, made.ID, "bob", true))
	bob.kind(shell.ChannelChanged, made.ID)
	require.NoError(t, alice.RemoveMember(ctx, made.ID, "bob"))
	require.Equal(t, "bob", bob.kind(shell.Removed, made.ID).User)

	room, err := alice.Converse(ctx, "BOB")
	require.NoError(t, err)
	require.Equal(t, shell.PlaceID("@bob"), room.ID)
	_, err = alice.Send(ctx, shell.Draft{Key: "harbour-2", Place: room.ID, Text: "psst"})
	require.NoError(t, err)
	require.Equal(t, "psst", bob.kind(shell.Posted, "@alice").Message.Text)
	_, err = alice.Converse(ctx, "nobody_x")
	var e *shell.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, shell.NotFound, e.Kind)
}

// A node that is given up is not the next one, and nothing is missing or doubled over it.
func TestTheShellGoesToAnotherNodeAndMissesNothing(t *testing.T) {
	c := sharedCluster(t)
	ctx := t.Context()
	alice, bob := c.guest(t, "alice"), c.guest(t, "bob")
	first := bob.until("connected", func(e shell.Event) bool { return e.Kind == shell.Connected })
	_, err := alice.Send(ctx, shell.Draft{Key: "over-1", Place: "#tech", Text: "over one"})
	require.NoError(t, err)
	require.Equal(t, "over one", bob.kind(shell.Posted, "#tech").Message.Text)
	require.NoError(t, bob.Reconnect(ctx))
	_, err = alice.Send(ctx, shell.Draft{Key: "over-2", Place: "#tech", Text: "over two"})
	require.NoError(t, err)
	var kinds []shell.Kind
	var posted []string
	for len(posted) == 0 || kinds[len(kinds)-1] != shell.CaughtUp && !contains(kinds, shell.CaughtUp) {
		e := bob.until("anything", func(e shell.Event) bool { return e.Kind != shell.Online && e.Kind != shell.Offline })
		kinds = append(kinds, e.Kind)
		switch {
		case e.Kind == shell.Connected:
			require.NotEqual(t, first.Text, e.Text)
		case e.Kind == shell.Posted && e.Place == "#tech":
			posted = append(posted, e.Message.Text)
		}
	}
	require.Equal(t, []shell.Kind{shell.Lost, shell.Reconnecting, shell.Connected}, kinds[:3])
	require.Equal(t, []string{"over two"}, posted)
}

func contains(all []shell.Kind, k shell.Kind) bool {
	for _, one := range all {
		if one == k {
			return true
		}
	}
	return false
}

// A login that is revoked elsewhere ends the stream, and what was kept; the next log-in begins another.
func TestTheShellIsToldThatItsLoginWasRevoked(t *testing.T) {
	c := sharedCluster(t)
	ctx := t.Context()
	here, there := c.guest(t, "charlie"), c.guest(t, "charlie")
	here.until("connected", func(e shell.Event) bool { return e.Kind == shell.Connected })
	require.NoError(t, there.Revoke(ctx, here.c.Credentials().Login))
	here.until("revoked", func(e shell.Event) bool { return e.Kind == shell.Revoked })
	require.Eventually(t, func() bool { return !here.c.Credentials().LoggedIn() }, 10*time.Second, 10*time.Millisecond)
	_, err := here.Account(ctx)
	var e *shell.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, shell.NotLoggedIn, e.Kind)
	_, err = here.LogIn(ctx, "bob", "bob123")
	require.NoError(t, err)
	_, err = there.Send(ctx, shell.Draft{Key: "revoked-1", Place: "#random", Text: "welcome back"})
	require.NoError(t, err)
	here.kind(shell.Posted, "#random")
}

// Files go both ways, with progress, and never over what is there.
func TestTheShellPutsAndGetsFiles(t *testing.T) {
	c := sharedCluster(t)
	ctx := t.Context()
	alice, bob := c.guest(t, "alice"), c.guest(t, "bob")
	path := filepath.Join(t.TempDir(), "map.txt")
	require.NoError(t, writeFile(path, "here be dragons"))
	var up, down int64
	f, err := alice.Upload(ctx, "#general", path, "a map", func(done, _ int64) { up = done })
	require.NoError(t, err)
	require.EqualValues(t, len("here be dragons"), up)
	files, err := bob.Files(ctx, "#general")
	require.NoError(t, err)
	require.Equal(t, f.ID, files[0].ID)
	to := filepath.Join(t.TempDir(), "copy")
	got, err := bob.Download(ctx, f.ID, to, func(done, _ int64) { down = done })
	require.NoError(t, err)
	require.Equal(t, to, got)
	require.Equal(t, up, down)
	b, err := os.ReadFile(to)
	require.NoError(t, err)
	require.Equal(t, "here be dragons", string(b))
	_, err = bob.Download(ctx, f.ID, to, nil)
	var e *shell.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, shell.Conflict, e.Kind)
}
