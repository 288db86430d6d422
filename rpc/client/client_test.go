package client

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"parley/raft"
	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
)

// somebody has credentials that no cluster takes.
var somebody = Credentials{User: "somebody", Login: "login_1", Token: "x"}

func texts(t *testing.T, c *Client) (all []string) {
	t.Helper()
	page, err := c.History(t.Context(), &pb.HistoryRequest{Place: "general", Limit: 1000})
	require.NoError(t, err)
	for _, m := range page.GetMessages() {
		all = append(all, m.GetText())
	}
	return all
}

func TestTheAddressOfAnyOneNodeSuffices(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	c.leader()
	for i, addr := range c.addrs {
		cl := c.client(Config{Addrs: []string{addr}})
		require.NoError(t, cl.Ready(t.Context()))
		_, err := cl.Send(t.Context(), "general", fmt.Sprint(i))
		require.NoError(t, err)
	}
	require.Equal(t, []string{"0", "1", "2"}, texts(t, c.client(Config{})))
}

// Any node answers reads as fresh as the leader's: each sees what was acknowledged before, and a
// client that was told so stays with it.
func TestEveryNodeAnswersReadsOfWhatWasAcknowledged(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	leader := c.leader()
	writer := c.client(Config{})
	var readers []*Client
	for i := range c.addrs {
		readers = append(readers, c.client(Config{Addrs: []string{c.addrs[i], c.addrs[leader]}, ReadAnywhere: true}))
	}
	var want []string
	for i := range 20 {
		want = append(want, fmt.Sprint(i))
		_, err := writer.Send(t.Context(), "general", want[i])
		require.NoError(t, err)
		for _, r := range readers {
			require.Equal(t, want, texts(t, r))
		}
	}
	// A node that is cut off answers nobody from the past; its reader goes elsewhere.
	follower := (leader + 1) % len(c.addrs)
	c.cut(follower)
	_, err := writer.Send(t.Context(), "general", "later")
	require.NoError(t, err)
	require.Equal(t, append(want, "later"), texts(t, readers[follower]))
	c.heal(follower)
}

// Replies get lost after the command was executed. At stake is a message that
// appears twice.
func TestALostReplyDoesNotDoubleTheMessage(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	var lost atomic.Int64
	lose := func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, conn, opts...)
		if err == nil && method == pb.ChatService_Send_FullMethodName && lost.Add(1)%3 != 0 {
			return status.Error(codes.Unavailable, "lost on the way back")
		}
		return err
	}
	cl := c.client(Config{Dial: []grpc.DialOption{grpc.WithUnaryInterceptor(lose)}})
	var want []string
	for i := range 5 {
		text := fmt.Sprint("message ", i)
		sent, err := cl.Send(t.Context(), "general", text)
		require.NoError(t, err)
		require.Contains(t, sent.GetId(), "msg_"+strconv.FormatUint(sent.GetPosition(), 36))
		want = append(want, text)
	}
	require.Greater(t, lost.Load(), int64(5))
	require.Equal(t, want, texts(t, cl))
}

func TestSendsGoOnWhenTheLeaderStops(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	cl := c.client(Config{})
	leader := c.leader()
	var want []string
	for i := range 10 {
		if i == 5 {
			go c.stop(leader)
		}
		text := fmt.Sprint(i)
		_, err := cl.Send(t.Context(), "general", text)
		require.NoError(t, err)
		want = append(want, text)
	}
	require.Equal(t, want, texts(t, cl))

	s, err := cl.Status(t.Context())
	require.NoError(t, err)
	require.Len(t, s.Nodes, 3)
	require.NotZero(t, s.Leader)
	require.NotZero(t, s.Cluster)
}

func TestARefusalComesBackWithItsReason(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	cl := c.client(Config{})
	for _, x := range []struct{ channel, text, reason string }{
		{"nowhere", "x", "CHANNEL_NOT_FOUND"}, {"general", " ", "TEXT_EMPTY"},
		{"general", strings.Repeat("x", 16<<10+1), "TEXT_TOO_LONG"}, {"general", "\xff", "TEXT_NOT_UTF8"},
	} {
		_, err := cl.Send(t.Context(), x.channel, x.text)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, x.reason, e.Reason)
		require.NotEqual(t, node.Unknown, e.Outcome)
	}
	_, err := cl.History(t.Context(), &pb.HistoryRequest{Place: "nowhere"})
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "CHANNEL_NOT_FOUND", e.Reason)
}

func TestWithoutANodeARequestIsRefusedAndNotInDoubt(t *testing.T) {
	cl, err := New(Config{Addrs: []string{"127.0.0.1:1"}, Credentials: somebody})
	require.NoError(t, err)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = cl.Send(ctx, "general", "x")
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, Error{Outcome: node.Refused, Code: codes.Unavailable, Reason: ReasonUnavailable, Text: e.Text}, *e)
	require.Error(t, cl.Ready(ctx))
	_, err = cl.Status(ctx)
	require.ErrorAs(t, err, &e)
}

func TestAStaleReadIsAnsweredByAnyNode(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	sent, err := c.client(Config{}).Send(t.Context(), "general", "x")
	require.NoError(t, err)
	for _, addr := range c.addrs {
		cl := c.client(Config{Addrs: []string{addr}})
		require.Eventually(t, func() bool {
			page, err := cl.History(t.Context(), &pb.HistoryRequest{Place: "general"}, Stale(true))
			require.NoError(t, err)
			return page.GetPosition() >= sent.GetPosition() && len(page.GetMessages()) == 1
		}, 10*time.Second, 10*time.Millisecond)
	}
}

// The backlog of events is short; at stake is a gap in what the tail shows.
func TestATailReadsFromTheHistoryWhatTheBacklogDropped(t *testing.T) {
	limits := statemachine.DefaultLimits()
	limits.EventsMax = 3
	c := startCluster(t, limits)
	cl := c.client(Config{})
	var want, got []string
	for i := range 10 {
		_, err := cl.Send(t.Context(), "general", fmt.Sprint(i))
		require.NoError(t, err)
		want = append(want, fmt.Sprint(i))
	}
	beginning := raft.Position(0)
	for m, err := range cl.Tail(t.Context(), TailOptions{Place: "general", StreamOptions: StreamOptions{From: &beginning}}) {
		require.NoError(t, err)
		got = append(got, m.GetText())
		switch len(got) {
		case 10:
			_, err := cl.Send(t.Context(), "general", "live")
			require.NoError(t, err)
		case 11:
			require.Equal(t, append(want, "live"), got)
			return
		}
	}
}

func TestATailWithoutFromBeginsNow(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	cl := c.client(Config{})
	_, err := cl.Send(t.Context(), "general", "old")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	seen := make(chan string, 1)
	go func() {
		for m, err := range cl.Tail(ctx, TailOptions{Place: "general"}) {
			if err == nil {
				seen <- m.GetText()
			}
		}
		close(seen)
	}()
	// The tail may begin before or after any one message: send until it sees one.
	var first string
	for i := 0; first == ""; i++ {
		_, err := cl.Send(t.Context(), "general", fmt.Sprint("new ", i))
		require.NoError(t, err)
		select {
		case first = <-seen:
		default:
		}
	}
	require.Contains(t, first, "new")
	cancel()
	for range seen { // drains, then ends with the context
	}
}

func TestATailOfNoChannelEndsWithTheReason(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	for _, err := range c.client(Config{}).Tail(t.Context(), TailOptions{Place: "nowhere"}) {
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, "CHANNEL_NOT_FOUND", e.Reason)
	}
	cl, err := New(Config{Addrs: []string{"127.0.0.1:1"}, Credentials: somebody})
	require.NoError(t, err)
	defer cl.Close()
	for _, err := range cl.Tail(t.Context(), TailOptions{Place: "general", StreamOptions: StreamOptions{ConnectMax: time.Millisecond}}) {
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, ReasonUnavailable, e.Reason)
	}
}

// Whoever reads a place takes its name from any answer and asks with it again; the sign may be left out.
func TestAnswersNameThePlaceAsRequestsDo(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	conns := newConns(&Config{})
	defer conns.close()
	conn, err := conns.get(c.addrs[c.leader()])
	require.NoError(t, err)
	chat, ctx := pb.NewChatServiceClient(conn), withToken(t.Context(), c.credentials("alice").Token)
	for i, place := range []string{"#general", "general"} {
		command := &pb.CommandContext{RequestId: fmt.Sprintf("the same place, request %d", i)}
		sent, err := chat.Send(ctx, &pb.SendRequest{Command: command, Place: place, Text: "x"})
		require.NoError(t, err)
		require.Equal(t, "#general", sent.GetPlace())
		page, err := chat.History(ctx, &pb.HistoryRequest{Place: sent.GetPlace()})
		require.NoError(t, err)
		require.Len(t, page.GetMessages(), i+1)
		require.Equal(t, "#general", page.GetMessages()[i].GetPlace())
	}
	for _, place := range []string{"", "#", "##general", "@general"} {
		_, err := chat.History(ctx, &pb.HistoryRequest{Place: place})
		require.Equal(t, codes.NotFound, status.Code(err), place)
	}
}

// Other clients than ours see the same rules.
func TestTheServerJudgesRawRequests(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	leader := c.leader()
	conns := newConns(&Config{})
	defer conns.close()
	conn, err := conns.get(c.addrs[leader])
	require.NoError(t, err)
	follower, err := conns.get(c.addrs[(leader+1)%3])
	require.NoError(t, err)
	ctx := withToken(t.Context(), c.credentials("alice").Token)

	_, err = pb.NewSessionServiceClient(conn).Open(ctx, &pb.OpenRequest{})
	require.Equal(t, node.Refused, convert.ParseError(err).Outcome, "a nonce of zero")
	_, err = pb.NewChatServiceClient(conn).Send(ctx, &pb.SendRequest{Place: "#general", Text: "x"})
	require.Equal(t, node.Refused, convert.ParseError(err).Outcome, "no session")

	first, err := pb.NewSessionServiceClient(conn).Open(ctx, &pb.OpenRequest{Nonce: 5})
	require.NoError(t, err)
	again, err := pb.NewSessionServiceClient(conn).Open(ctx, &pb.OpenRequest{Nonce: 5})
	require.NoError(t, err)
	require.Equal(t, first.GetSession(), again.GetSession(), "the same nonce is the same session")

	request := &pb.SendRequest{Command: &pb.CommandContext{Session: first.GetSession(), Seq: 1}, Place: "#general", Text: "x"}
	one, err := pb.NewChatServiceClient(conn).Send(ctx, request)
	require.NoError(t, err)
	two, err := pb.NewChatServiceClient(conn).Send(ctx, request)
	require.NoError(t, err)
	require.Equal(t, one.GetId(), two.GetId(), "a repetition gets the first answer")

	request.Command.Session++
	_, err = pb.NewChatServiceClient(conn).Send(ctx, request)
	require.Equal(t, node.CodeSessionUnknown, convert.ParseError(err).Code)

	_, err = pb.NewSessionServiceClient(follower).Open(ctx, &pb.OpenRequest{Nonce: 6})
	f := convert.ParseError(err)
	require.Equal(t, node.CodeNotLeader, f.Code)
	require.Equal(t, c.addrs[leader], f.LeaderAddr)
	require.Positive(t, f.Retry)

	stream, err := pb.NewChatServiceClient(conn).Tail(ctx, &pb.TailRequest{Place: "#general", Cluster: 1})
	require.NoError(t, err)
	_, err = stream.Recv()
	require.Equal(t, node.CodeCompacted, convert.ParseError(err).Code, "a position of another cluster")

	health := healthpb.NewHealthClient(conn)
	for _, service := range []string{"", pb.ChatService_ServiceDesc.ServiceName} {
		require.Eventually(t, func() bool {
			r, err := health.Check(ctx, &healthpb.HealthCheckRequest{Service: service})
			return err == nil && r.GetStatus() == healthpb.HealthCheckResponse_SERVING
		}, 10*time.Second, 10*time.Millisecond, service)
	}
}
