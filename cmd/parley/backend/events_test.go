package backend

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/cmd/parley/shell"
	"parley/statemachine"
)

// At stake: a message that stands in no list, as it came too late for it, and that no event tells of, as it came too early.
func TestR30_NothingFallsBetweenWhatIsReadAndWhatIsHeard(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	bob := c.loggedIn("bob")
	const all = 120
	begun := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range all {
			bob.says("#general", fmt.Sprint(i))
			if i == all/4 {
				close(begun)
			}
		}
	}()
	v := c.visit()
	e := v.listens()
	<-begun
	_, err := v.LogIn(t.Context(), "alice", "alice123")
	require.NoError(t, err)
	h, err := v.History(t.Context(), "#general", shell.Page{Limit: 1000})
	require.NoError(t, err)
	seen := map[string]int{}
	for _, m := range h.Messages {
		seen[m.Text] = 1
	}
	last := shell.Position(0)
	for _, event := range e.until("the last message", func(event shell.Event) bool {
		return event.Kind == shell.Posted && event.Message.Text == fmt.Sprint(all-1)
	}) {
		if event.Kind == shell.Posted {
			require.Greater(t, event.Position, last, "each once, in order")
			last = event.Position
			seen[event.Message.Text] = 1
		}
	}
	<-done
	require.Len(t, seen, all)
}

// At stake: what happened while the node behind the shell died.
func TestR70_TheEventsGoOnAtAnotherNodeEachOnce(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	alice, bob := c.loggedIn("alice"), c.loggedIn("bob")
	e := alice.listens()
	at := e.hears(shell.Connected).Text
	bob.says("#general", "before")
	heard := e.until("the first message", func(event shell.Event) bool { return event.Kind == shell.Posted })
	c.stop(slices.Index(c.addrs, at))
	bob.says("#general", "meanwhile")
	heard = append(heard, e.until("the end of what was missed", func(event shell.Event) bool { return event.Kind == shell.CaughtUp })...)
	bob.says("#general", "after")
	heard = append(heard, e.until("the last message", func(event shell.Event) bool { return event.Kind == shell.Posted && event.Message.Text == "after" })...)

	var texts []string
	var link []shell.Kind
	for _, event := range heard {
		switch event.Kind {
		case shell.Posted:
			texts = append(texts, event.Message.Text)
			require.Equal(t, "alice", event.Reader)
		case shell.Lost, shell.Connected, shell.CaughtUp:
			link = append(link, event.Kind)
			if event.Kind == shell.Connected {
				require.NotEqual(t, at, event.Text)
			}
		}
	}
	require.Equal(t, []string{"before", "meanwhile", "after"}, texts)
	require.Equal(t, shell.Lost, link[0])
	require.Equal(t, []shell.Kind{shell.Connected, shell.CaughtUp}, link[len(link)-2:])
	i := slices.IndexFunc(heard, func(event shell.Event) bool { return event.Kind == shell.CaughtUp })
	require.True(t, slices.ContainsFunc(heard[:i], func(event shell.Event) bool { return event.Message.Text == "meanwhile" }), "it has come before it is said that all has")
}

// What the backlog of events does not have any more is read anew, and from there on nothing is missing.
func TestR71_WhatIsNotKeptIsReadAnew(t *testing.T) {
	limits := statemachine.DefaultLimits()
	limits.EventsMax = 8
	c := startCluster(t, limits)
	alice, bob := c.loggedIn("alice"), c.loggedIn("bob")
	for i := range 20 {
		bob.says("#general", fmt.Sprint("old ", i))
	}
	alice.from = 1 // as if it had been away since
	e := alice.listens()
	at := e.hears(shell.Resync).Position
	h, err := alice.History(t.Context(), "#general", shell.Page{Limit: 100})
	require.NoError(t, err)
	require.Len(t, h.Messages, 20)
	require.GreaterOrEqual(t, h.AsOf, at)
	bob.says("#general", "new")
	require.Equal(t, "new", e.hears(shell.Posted).Message.Text)
}

// Whoever is not content with a node gets another one.
func TestReconnectingFindsAnotherNode(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	alice, bob := c.loggedIn("alice"), c.loggedIn("bob")
	e := alice.listens()
	at := e.hears(shell.Connected).Text
	done := make(chan error, 1)
	go func() { done <- alice.Reconnect(t.Context()) }()
	require.NotEqual(t, at, e.hears(shell.Connected).Text)
	e.hears(shell.CaughtUp)
	require.NoError(t, <-done)
	bob.says("#general", "heard")
	require.Equal(t, "heard", e.hears(shell.Posted).Message.Text)
}

// Before anybody logs in the shell says whether a node is there, and who logs in and out is followed.
func TestR8_TheEventsAreThoseOfWhoIsLoggedIn(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	bob := c.loggedIn("bob")
	v := c.visit()
	e := v.listens()
	e.hears(shell.Connected)
	for _, name := range []string{"alice", "charlie"} {
		_, err := v.LogIn(t.Context(), name, name+"123")
		require.NoError(t, err)
		require.Equal(t, name, v.remembered().User)
		bob.says("#general", "hello "+name)
		bob.says(shell.PlaceID("@"+name), "psst "+name)
		heard := e.until("what is for "+name, func(event shell.Event) bool { return event.Message.Text == "psst "+name })
		for _, event := range heard {
			require.NotEqual(t, shell.Revoked, event.Kind, "who logs out himself is told nothing")
			if event.Kind == shell.Posted {
				require.Equal(t, name, event.Reader)
			}
		}
		require.Equal(t, shell.PlaceID("@bob"), heard[len(heard)-1].Place)
		loggedOut := make(chan error, 1)
		go func() { loggedOut <- v.LogOut(t.Context()) }()
		for waits := true; waits; {
			select {
			case err := <-loggedOut:
				require.NoError(t, err)
				waits = false
			case event := <-e.events:
				require.NotEqual(t, shell.Revoked, event.Kind)
			}
		}
		require.False(t, v.remembered().LoggedIn())
		_, err = v.Account(t.Context())
		require.Equal(t, shell.NotLoggedIn, kind(t, err))
	}
}

// A login that is ended elsewhere ends here, and takes away nothing but itself.
func TestR9_ALoginThatWasEndedElsewhereIsOver(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	alice := c.loggedIn("alice")
	here, there := c.visitAs(alice.remembered()), c.visitAs(alice.remembered())
	other := c.loggedIn("alice").remembered()
	there.mu.Lock()
	there.kept = other // another process has logged in
	there.mu.Unlock()
	e, f := here.listens(), there.listens()
	e.hears(shell.Connected)
	f.hears(shell.Connected)
	require.NoError(t, alice.LogOut(t.Context()))
	require.Equal(t, "alice", e.hears(shell.Revoked).Reader)
	f.hears(shell.Revoked)
	require.False(t, here.remembered().LoggedIn())
	require.Equal(t, other.Login, there.remembered().Login)
	_, err := here.LogIn(t.Context(), "bob", "bob123")
	require.NoError(t, err)
	require.Equal(t, "bob", here.remembered().User)
}
