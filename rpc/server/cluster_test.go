package server

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/raft/wal"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
)

// testCluster is nodes in this process, with real gRPC between them and
// their clients.
type testCluster struct {
	t       testing.TB
	cfg     Config
	addrs   []string
	dirs    []string
	seeds   []node.Seed
	hosts   []*host.Host
	servers []*Server
	conns   []*grpc.ClientConn
	network *host.Network
	rules   node.Rules
	wal     wal.Options
}

// startCluster starts n nodes. What cfg does not say is as on loopback, with cheap hashes.
func startCluster(t testing.TB, n int, cfg Config) *testCluster {
	t.Helper()
	return startSmall(t, n, cfg, node.Rules{}, wal.Options{})
}

// startSmall is startCluster with rules and a log of its own.
func startSmall(t testing.TB, n int, cfg Config, rules node.Rules, log wal.Options) *testCluster {
	t.Helper()
	c := &testCluster{t: t, cfg: cfg, network: host.NewNetwork(), rules: rules, wal: log}
	if c.cfg.BcryptCost == 0 {
		c.cfg.BcryptCost, c.cfg.Loopback = 4, true
	}
	if c.cfg.Limits == (statemachine.Limits{}) {
		c.cfg.Limits = statemachine.DefaultLimits()
	}
	if c.cfg.Logger == nil {
		c.cfg.Logger = slog.New(slog.DiscardHandler)
	}
	var listeners []net.Listener
	for id := raft.NodeID(1); id <= raft.NodeID(n); id++ {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		listeners = append(listeners, l)
		c.addrs = append(c.addrs, l.Addr().String())
		c.dirs = append(c.dirs, filepath.Join(t.TempDir(), "node"))
		c.seeds = append(c.seeds, node.Seed{ID: id, PeerAddr: "in memory", ClientAddr: l.Addr().String()})
	}
	c.hosts, c.servers = make([]*host.Host, n), make([]*Server, n)
	for i, l := range listeners {
		c.run(i, l)
		conn, err := grpc.NewClient(c.addrs[i], grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(16<<20)))
		require.NoError(t, err)
		c.conns = append(c.conns, conn)
	}
	t.Cleanup(func() {
		var stopped sync.WaitGroup
		for i := range c.hosts {
			_ = c.conns[i].Close()
			stopped.Go(func() { c.stop(i) })
		}
		stopped.Wait()
	})
	c.leader()
	return c
}

// patientElections keeps a busy machine from changing leaders under tests that are about something else.
const patientElections = time.Second

func (c *testCluster) run(i int, l net.Listener) {
	h, err := host.Start(host.Config{
		ID:        raft.NodeID(i + 1),
		Dir:       c.dirs[i],
		Settings:  node.Settings{Seeds: c.seeds, ElectionTimeout: patientElections, Rules: c.rules},
		WAL:       c.wal,
		Machine:   statemachine.NewLimited(c.cfg.Limits),
		Transport: c.network.End(host.QueueLimits{}),
		Logger:    slog.New(slog.DiscardHandler),
	})
	require.NoError(c.t, err)
	cfg := c.cfg
	cfg.Host, cfg.Version = h, "test"
	s, err := New(cfg)
	require.NoError(c.t, err)
	c.hosts[i], c.servers[i] = h, s
	go func() { _ = s.Serve(l) }()
}

// stop ends a node; a second time does nothing.
func (c *testCluster) stop(i int) {
	var done sync.WaitGroup
	done.Go(c.servers[i].Stop)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(c.t, c.hosts[i].Stop(ctx))
	done.Wait()
}

// restart runs a node that was stopped, from its directory.
func (c *testCluster) restart(i int) {
	l, err := net.Listen("tcp", c.addrs[i])
	require.NoError(c.t, err)
	c.run(i, l)
}

// leader waits until somebody leads and tokens can be made, and returns its index.
func (c *testCluster) leader() int {
	c.t.Helper()
	leader := -1
	require.Eventually(c.t, func() bool {
		for i, h := range c.hosts {
			select {
			case <-h.Done():
				continue
			default:
			}
			if s := h.Status(); s.Role == raft.Leader && c.servers[i].duties.keys.any() {
				leader = i
				return true
			}
		}
		return false
	}, 20*time.Second, 10*time.Millisecond)
	return leader
}

// user is somebody at a node: the leader's, unless a test says otherwise.
type user struct {
	c     *testCluster
	node  int
	name  string
	token string
	login string
}

func (c *testCluster) nobody() *user { return &user{c: c, node: c.leader()} }

// ctx carries the token.
func (u *user) ctx() context.Context {
	if u.token == "" {
		return u.c.t.Context()
	}
	return metadata.AppendToOutgoingContext(u.c.t.Context(), "authorization", "Bearer "+u.token)
}

// at is the same user at another node.
func (u *user) at(node int) *user {
	other := *u
	other.node = node
	return &other
}

func (u *user) conn() *grpc.ClientConn             { return u.c.conns[u.node] }
func (u *user) account() pb.AccountServiceClient   { return pb.NewAccountServiceClient(u.conn()) }
func (u *user) channel() pb.ChannelServiceClient   { return pb.NewChannelServiceClient(u.conn()) }
func (u *user) chat() pb.ChatServiceClient         { return pb.NewChatServiceClient(u.conn()) }
func (u *user) file() pb.FileServiceClient         { return pb.NewFileServiceClient(u.conn()) }
func (u *user) document() pb.DocumentServiceClient { return pb.NewDocumentServiceClient(u.conn()) }
func (u *user) lock() pb.LockServiceClient         { return pb.NewLockServiceClient(u.conn()) }
func (u *user) event() pb.EventServiceClient       { return pb.NewEventServiceClient(u.conn()) }
func (u *user) presence() pb.PresenceServiceClient { return pb.NewPresenceServiceClient(u.conn()) }
func (u *user) assistant() pb.AssistantServiceClient {
	return pb.NewAssistantServiceClient(u.conn())
}
func (u *user) session() pb.SessionServiceClient { return pb.NewSessionServiceClient(u.conn()) }

// once is the context of a command that is sent once.
func once() *pb.CommandContext { return &pb.CommandContext{RequestId: rand.Text()} }

const testPassword = "a long enough secret"

// signUp makes an account and logs it in.
func (c *testCluster) signUp(name string) *user {
	c.t.Helper()
	u := c.nobody()
	u.name = name
	_, err := u.account().SignUp(u.ctx(), &pb.SignUpRequest{Command: once(), Username: name, Email: name + "@example.org", Password: testPassword})
	require.NoError(c.t, err)
	return u.logIn(testPassword)
}

// logIn returns the same user under another login.
func (u *user) logIn(password string) *user {
	u.c.t.Helper()
	again := &user{c: u.c, node: u.c.leader(), name: u.name}
	r, err := again.tryLogIn(password)
	require.NoError(u.c.t, err)
	again.token, again.login = r.GetToken(), r.GetLoginId()
	return again
}

func (u *user) tryLogIn(password string) (*pb.LogInResponse, error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return u.account().LogIn(u.c.t.Context(), &pb.LogInRequest{Command: once(), Username: u.name, Password: password, Secret: secret, Client: "test"})
}

// send puts a message somewhere.
func (u *user) send(place, text string) *pb.SendResponse {
	u.c.t.Helper()
	r, err := u.chat().Send(u.ctx(), &pb.SendRequest{Command: once(), Place: place, Text: text})
	require.NoError(u.c.t, err)
	return r
}

// texts returns what somebody reads somewhere.
func (u *user) texts(place string) (texts []string) {
	u.c.t.Helper()
	r, err := u.chat().History(u.ctx(), &pb.HistoryRequest{Place: place, Limit: 1000})
	require.NoError(u.c.t, err)
	for _, m := range r.GetMessages() {
		texts = append(texts, m.GetSender()+": "+m.GetText())
	}
	return texts
}

// refused asserts how a call was refused.
func refused(t testing.TB, err error, code codes.Code, reason string) convert.Failure {
	t.Helper()
	f := convert.ParseError(err)
	require.Equal(t, fmt.Sprint(code, " ", reason), fmt.Sprint(f.Status, " ", f.Reason), "%v", err)
	return f
}

func TestSomebodySignsUpLogsInAndIsReadOnEveryNode(t *testing.T) {
	c := startCluster(t, 3, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	ann.send("#general", "hello all")
	ann.send("@bob", "hello bob")
	for i := range c.hosts {
		require.Equal(t, []string{"ann: hello all"}, bob.at(i).texts("general"))
		require.Equal(t, []string{"ann: hello bob"}, bob.at(i).texts("@ann"))
	}
	_, err := c.nobody().chat().History(t.Context(), &pb.HistoryRequest{Place: "#general"})
	refused(t, err, codes.Unauthenticated, "TOKEN_MISSING")
}

// cancelable is a user's context that ends when it is told to.
func cancelable(u *user) (context.Context, func()) { return context.WithCancel(u.ctx()) }
