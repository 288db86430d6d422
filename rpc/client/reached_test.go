package client

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/statemachine"
)

// What a person wants to know when no node took a request: whether nothing listens there, something else, or a node that
// has no leader.
func TestWhenNoNodeTakesARequestTheErrorSaysWhyOfEachAddress(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	other, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer other.Close()
	go func() { _ = http.Serve(other, http.NotFoundHandler()) }()
	c := startCluster(t, statemachine.DefaultLimits())
	who := c.credentials("alice")
	c.stop(1)
	c.stop(2)

	nothing, something, lonely := closed.Addr().String(), other.Addr().String(), c.addrs[0]
	cl, err := New(Config{Addrs: []string{nothing, something, lonely}, Credentials: who})
	require.NoError(t, err)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	_, err = cl.Send(ctx, "general", "x")
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, ReasonUnavailable, e.Reason)
	require.Contains(t, e.Text, nothing+": connection refused")
	require.Contains(t, e.Text, something+": what listens there does not answer as a node does to clients")
	require.Contains(t, e.Text, lonely+": it knows no leader")
}

// On loopback whoever asks is told how the cluster is: somebody whose login has ended, or was of a cluster that is gone, too.
func TestATokenThatIsGoodForNothingDoesNotHideTheCluster(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	cl := c.open(Config{Addrs: c.addrs, Credentials: somebody})
	_, err := cl.WhoAmI(t.Context())
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "TOKEN_INVALID", e.Reason)
	s, err := cl.Status(t.Context())
	require.NoError(t, err)
	require.Len(t, s.Nodes, 3)
}
