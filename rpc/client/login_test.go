package client

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"parley/raft/node"
	pb "parley/rpc/proto/parley/v1"
	"parley/rpc/server"
	"parley/statemachine"
)

// The name of a field comes back with what is wrong with it, and nothing happens.
func TestR2_ARefusalNamesTheField(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	cl := c.client(Config{})
	for field, r := range map[string]*pb.SignUpRequest{
		"username": {Username: "x", Email: "x@example.org", Password: "long enough for all"},
		"email":    {Username: "xyz", Email: "nowhere", Password: "long enough for all"},
		"password": {Username: "xyz", Email: "x@example.org", Password: "short"},
	} {
		_, err := cl.SignUp(t.Context(), r)
		e := failedAs(err)
		require.NotNil(t, e, "%v", err)
		require.Equal(t, field, e.Field)
		require.Equal(t, codes.InvalidArgument, e.Code)
	}
	_, err := cl.CreateChannel(t.Context(), &pb.CreateChannelRequest{Name: "\xff"})
	require.Equal(t, "name", failedAs(err).Field, "what can't be sent is not")
	_, err = cl.SendBatch(t.Context(), []*pb.BatchMessage{{Place: "general", Text: "x"}, {Place: "general", Text: "\xff"}})
	require.Equal(t, "messages[1].text", failedAs(err).Field)
}

func TestR5_CredentialsServeAnotherClientAtAnyNode(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	who := c.credentials("bob")
	require.NotZero(t, who.Cluster)
	require.Equal(t, "bob", who.User)
	for _, addr := range c.addrs {
		me, err := c.open(Config{Addrs: []string{addr}, Credentials: who}).WhoAmI(t.Context())
		require.NoError(t, err)
		require.Equal(t, who.Login, me.GetLoginId())
	}
}

// A session is a user's. At stake is a message under another's name.
func TestAChangeOfLoginOpensAnotherSession(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	cl := c.client(Config{})
	for i, name := range []string{"alice", "bob", "alice", "charlie"} {
		cl.Use(c.credentials(name))
		_, err := cl.Send(t.Context(), "general", fmt.Sprint(i))
		require.NoError(t, err)
	}
	page, err := cl.History(t.Context(), &pb.HistoryRequest{Place: "general"})
	require.NoError(t, err)
	var senders []string
	for _, m := range page.GetMessages() {
		senders = append(senders, m.GetSender())
	}
	require.Equal(t, []string{"alice", "bob", "alice", "charlie"}, senders)
	require.Eventually(t, func() bool { return c.hosts[c.leader()].Status().Sessions == 1 }, 10*time.Second, 10*time.Millisecond, "the others were given back")

	cl.Use(Credentials{})
	_, err = cl.Send(t.Context(), "general", "nobody")
	require.Equal(t, ReasonTokenMissing, failedAs(err).Reason)
	require.Equal(t, codes.Unauthenticated, failedAs(err).Code)
}

// R8, R9: what is asked under a login that has ended is refused with the reason, and no session brings it back.
func TestR9_WhatIsAskedUnderARevokedLoginEnds(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	c.credentials("alice")
	cl, other := c.open(Config{}), c.open(Config{})
	_, err := cl.LogIn(t.Context(), "bob", "bob123")
	require.NoError(t, err)
	_, err = other.LogIn(t.Context(), "bob", "bob123")
	require.NoError(t, err)
	_, err = cl.Send(t.Context(), "general", "while it lives")
	require.NoError(t, err)
	_, err = other.RevokeLogin(t.Context(), cl.Credentials().Login)
	require.NoError(t, err)
	for name, ask := range map[string]func() error{
		"Send":      func() error { _, err := cl.Send(t.Context(), "general", "later"); return err },
		"Send once": func() error { _, err := cl.Send(t.Context(), "general", "later", Once("later")); return err },
		"History":   func() error { _, err := cl.History(t.Context(), &pb.HistoryRequest{Place: "general"}); return err },
		"Renew":     func() error { _, err := cl.Renew(t.Context()); return err },
		"Upload": func() error {
			_, err := cl.Upload(t.Context(), "general", strings.NewReader("x"), nil)
			return err
		},
		"Tail": func() error {
			for _, err := range cl.Tail(t.Context(), TailOptions{Place: "general"}) {
				return err
			}
			return nil
		},
		"Watch": func() error {
			for _, err := range cl.Watch(t.Context(), WatchOptions{}) {
				return err
			}
			return nil
		},
	} {
		e := failedAs(ask())
		require.NotNil(t, e, name)
		require.Equal(t, "LOGIN_ENDED", e.Reason, name)
		require.NotEqual(t, node.Unknown, e.Outcome, name)
	}
	require.NoError(t, cl.LogOut(t.Context()), "it has ended already")
	require.False(t, cl.Credentials().LoggedIn())
	_, err = other.WhoAmI(t.Context())
	require.NoError(t, err)
}

// R6, R7: a client that lives longer than a token goes on, and whoever keeps its credentials is told.
func TestR7_ATokenIsRenewedBeforeItExpires(t *testing.T) {
	c := startClusterOf(t, statemachine.DefaultLimits(), func(cfg *server.Config) { cfg.TokenLifetime = 3 * time.Second })
	first := c.credentials("bob")
	var renewals atomic.Int64
	var kept atomic.Pointer[Credentials]
	cl := c.open(Config{Credentials: first, Renewed: func(who Credentials) {
		renewals.Add(1)
		kept.Store(&who)
	}})
	require.Eventually(t, func() bool { return time.Now().After(first.Expires.Add(time.Second)) && renewals.Load() >= 2 }, 30*time.Second, 20*time.Millisecond)
	_, err := cl.Send(t.Context(), "general", "still here")
	require.NoError(t, err)
	require.Equal(t, first.Login, kept.Load().Login, "the login is the same")
	require.NotEqual(t, first.Token, kept.Load().Token)
}

// What is at stake: a token in a log.
func TestCredentialsDoNotShowTheTokenWhenTheyArePrinted(t *testing.T) {
	who := Credentials{User: "bob", Login: "login_1", Token: "the token"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(verb, who), "token")
		require.NotContains(t, fmt.Sprintf(verb, Config{Credentials: who}), "token", verb)
	}
	require.Equal(t, "nobody", Credentials{}.String())
}

func TestCodesHaveEnoughRandomLettersAndDigits(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		code := NewCode()
		require.Regexp(t, `^([A-Z2-7]{5}-){5}[A-Z2-7]$`, code)
		require.False(t, seen[code])
		seen[code] = true
	}
}
