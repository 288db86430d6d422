package client

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft/node"
	"parley/statemachine"
)

// A script that sends one message per process must not fill the session table: each
// client gives back what it opened.
func TestClientsThatComeAndGoLeaveNoSessions(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	l := c.leader()
	for range 20 {
		cl, err := New(Config{Addrs: c.addrs, Credentials: c.credentials("alice")})
		require.NoError(t, err)
		require.NoError(t, cl.Ready(t.Context()))
		_, err = cl.Send(t.Context(), "general", "hello")
		require.NoError(t, err)
		require.Equal(t, 1, c.hosts[l].Status().Sessions)
		cl.Close()
		require.Zero(t, c.hosts[l].Status().Sessions)
		cl.Close() // has nothing left to give back
	}
}

// The node that a client talked to last need not lead any more.
func TestASessionIsGivenBackToTheLeaderThatANodeNames(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	l := c.leader()
	a, err := c.hosts[l].Do(t.Context(), node.Event{Kind: node.EventOpenSession, Command: node.Command{Nonce: 7}})
	require.NoError(t, err)
	require.Equal(t, 1, c.hosts[l].Status().Sessions)
	other := c.client(Config{}).conns
	require.Eventually(t, func() bool { // a node that is slow is given up, and the session would expire
		other.giveBack(c.addrs[(l+1)%3], "", a.Session, 7)
		return c.hosts[l].Status().Sessions == 0
	}, 30*time.Second, time.Millisecond)
}

// A person who ends a program should not wait for a cluster that is gone.
func TestACloseEndsWhenNobodyTakesTheSession(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	c.leader()
	cl := c.client(Config{})
	_, err := cl.Send(t.Context(), "general", "hello")
	require.NoError(t, err)
	for i := range c.hosts {
		c.stop(i)
	}
	cl.Close()
}

// A call that finds the client open while another goroutine closes it must end all the
// same: nobody steps the machine any more.
func TestNoCallHangsWhenTheClientIsClosedBesideIt(t *testing.T) {
	for range 50 {
		c, err := New(Config{Addrs: []string{"127.0.0.1:1"}, Credentials: somebody})
		require.NoError(t, err)
		var calls sync.WaitGroup
		for range 64 {
			calls.Go(func() {
				_, err := c.Send(context.Background(), "general", "x")
				if err == nil {
					t.Error("nobody is there to answer")
				}
			})
		}
		c.Close()
		ended := make(chan struct{})
		go func() {
			calls.Wait()
			close(ended)
		}()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Fatal("calls hang after Close")
		}
	}
}
