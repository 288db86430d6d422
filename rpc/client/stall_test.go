package client

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"parley/raft"
	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
)

// A client that opens a stream and never reads it blocks the node's Send. At stake
// is what was pushed to it, kept until its connection ends.
func TestAStreamThatNobodyReadsIsCutOff(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	cl := c.client(Config{})
	text := strings.Repeat("x", 16<<10)
	var wg sync.WaitGroup
	for range 100 { // more than gRPC and a subscription's credit hold
		wg.Go(func() {
			_, err := cl.Send(t.Context(), "general", text)
			require.NoError(t, err)
		})
	}
	wg.Wait()
	conn, err := cl.conns.get(c.addrs[c.leader()])
	require.NoError(t, err)
	beginning := uint64(0)
	stream, err := pb.NewChatServiceClient(conn).Tail(withToken(t.Context(), cl.Credentials().Token), &pb.TailRequest{Place: "#general", From: &beginning})
	require.NoError(t, err)
	h := c.hosts[c.leader()]
	require.Eventually(t, func() bool { return h.Status().Subscribers == 1 }, 10*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool { return h.Status().Subscribers == 0 }, 30*time.Second, 50*time.Millisecond)

	// What was on its way comes, then the reason and a place that loses nothing.
	var seen uint64
	for {
		r, err := stream.Recv()
		if err != nil {
			f := convert.ParseError(err)
			require.Equal(t, node.CodeTooSlow, f.Code, "%v", err)
			require.LessOrEqual(t, uint64(f.Position), seen)
			break
		}
		seen = max(seen, r.GetMessage().GetPosition(), r.GetProgress().GetPosition())
	}
	from, rest := raft.Position(seen), 0
	page, err := cl.History(t.Context(), &pb.HistoryRequest{Place: "general", After: &seen, Limit: 1000})
	require.NoError(t, err)
	require.NotEmpty(t, page.GetMessages(), "it was cut off before the end")
	for m, err := range cl.Tail(t.Context(), TailOptions{Place: "general", StreamOptions: StreamOptions{From: &from}}) {
		require.NoError(t, err)
		require.Greater(t, m.GetPosition(), seen)
		seen, rest = m.GetPosition(), rest+1
		if rest >= len(page.GetMessages()) {
			break
		}
	}
}

// A node that was just started has applied nothing; at stake is a tail that shows
// the whole history as news.
func TestATailFromNowOnThatReadsFromANodeThatLagsShowsNothingOld(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	behind := (c.leader() + 1) % 3 // a follower
	all := c.client(Config{})
	c.knows(behind, all)
	c.cut(behind)
	for i := range 5 {
		_, err := all.Send(t.Context(), "general", fmt.Sprint("old ", i))
		require.NoError(t, err)
	}
	seen := make(chan string, 16)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	tailing := c.client(Config{Addrs: []string{c.addrs[behind], c.addrs[(behind+1)%3], c.addrs[(behind+2)%3]}})
	go func() {
		for m, err := range tailing.Tail(ctx, TailOptions{Place: "general"}) {
			if err == nil {
				seen <- m.GetText()
			}
		}
	}()
	require.Eventually(t, func() bool { return c.hosts[behind].Status().Subscribers == 1 }, 10*time.Second, 10*time.Millisecond)
	c.heal(behind)
	_, err := all.Send(t.Context(), "general", "new")
	require.NoError(t, err)
	require.Equal(t, "new", <-seen)
}

func TestATailFromNowOnNeedsAQuorumToKnowWhatNowIs(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	c.leader()
	cl := c.client(Config{})
	c.stop(0)
	c.stop(1)
	for _, err := range cl.Tail(t.Context(), TailOptions{Place: "general", StreamOptions: StreamOptions{ConnectMax: 300 * time.Millisecond}}) {
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, ReasonUnavailable, e.Reason)
		require.ErrorContains(t, err, "no quorum")
	}
}

// A list that is long takes as long as it takes, and each of its pages no longer than its bound.
func TestABoundOfOneAnswerHoldsWithoutADeadline(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	c.leader()
	cl := c.client(Config{})
	all := 0
	for _, err := range cl.AllUsers(t.Context(), Within(time.Minute)) {
		require.NoError(t, err)
		all++
	}
	require.NotZero(t, all)
	c.stop(0)
	c.stop(1)
	for _, err := range cl.AllUsers(t.Context(), Within(200*time.Millisecond)) {
		require.Error(t, err)
		require.Equal(t, ReasonUnavailable, failedAs(err).Reason)
	}
}

// gRPC refuses what is too large before any handler sees it. That is no doubt.
func TestWhatIsBeyondANodesMessageBoundIsRefusedAtOnce(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	leader := c.leader()
	cl := c.client(Config{})
	var e *Error
	_, err := cl.Send(t.Context(), "general", strings.Repeat("x", 300<<10))
	require.ErrorAs(t, err, &e)
	require.Equal(t, node.Refused, e.Outcome)
	require.Equal(t, "TEXT_TOO_LONG", e.Reason)

	_, err = cl.Send(t.Context(), strings.Repeat("x", 2<<20), "x")
	require.ErrorAs(t, err, &e)
	require.Equal(t, node.Refused, e.Outcome)
	require.Equal(t, "TOO_LARGE", e.Reason)

	// Texts that Apply would refuse cost the log nothing, whoever sends them.
	conn, err := cl.conns.get(c.addrs[leader])
	require.NoError(t, err)
	before := c.hosts[leader].Status().Last
	_, err = pb.NewChatServiceClient(conn).Send(withToken(t.Context(), cl.Credentials().Token), &pb.SendRequest{
		Command: &pb.CommandContext{Session: 1, Seq: 1}, Place: "#general", Text: strings.Repeat("x", 16<<10+1)})
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	f := convert.ParseError(err)
	require.Equal(t, node.Refused, f.Outcome)
	require.Equal(t, "TEXT_TOO_LONG", f.Reason)
	require.Equal(t, before, c.hosts[leader].Status().Last)
}
