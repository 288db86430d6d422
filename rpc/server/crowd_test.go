package server

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"

	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

// At stake: one machine that opens connections until nobody else gets one.
func TestR95_OneAddressHasAQuarterOfTheConnectionsAtMost(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer inner.Close()
	l := newCrowd(inner, 3, func(net.Addr) bool { return false })
	accepted := make(chan net.Conn, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	from := func(ip string) net.Conn {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
		c, err := d.Dial("tcp", inner.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	closed := func(c net.Conn) bool {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
		_, err := c.Read(make([]byte, 1))
		return err == io.EOF
	}
	var held []net.Conn
	for range 3 {
		from("127.0.0.2")
		held = append(held, <-accepted)
	}
	require.True(t, closed(from("127.0.0.2")), "the fourth")
	from("127.0.0.3")
	other := <-accepted
	require.Equal(t, "127.0.0.3", other.RemoteAddr().(*net.TCPAddr).IP.String(), "others get in")
	require.NoError(t, held[0].Close())
	require.Error(t, held[0].Close(), "a second time")
	from("127.0.0.2")
	<-accepted
	require.True(t, closed(from("127.0.0.2")), "one had gone, and not two")

	require.True(t, isLoopback(held[0].RemoteAddr()))
	require.False(t, isLoopback(&net.TCPAddr{IP: net.ParseIP("192.0.2.1")}))
}

// A user who fills the node with calls leaves room for the others.
func TestR95_OneUserHasABoundedNumberOfCallsUnderWay(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	const max = 5
	c.servers[0].duties.edge.calls.max = max // before anybody has any
	ann.acquire("busy", time.Minute, 0)
	ctx, cancel := context.WithCancel(ann.ctx())
	defer cancel()
	// Calls that wait: for a place in the line of a lock, a second each.
	answers := make(chan error, 100)
	ask := func() {
		go func() {
			_, err := ann.lock().AcquireLock(ctx, &pb.AcquireLockRequest{Command: once(), Name: "busy", TtlMs: 60_000, WaitMs: 60_000})
			answers <- err
		}()
	}
	for range 40 {
		ask()
	}
	refusedCalls := 0
	for range 40 {
		if f := convert.ParseError(<-answers); f.Status == codes.ResourceExhausted && f.Reason == "BUSY" {
			refusedCalls++
		}
	}
	require.NotZero(t, refusedCalls)
	bob.send("general", "hello")
	require.Eventually(t, func() bool {
		_, err := ann.account().WhoAmI(ann.ctx(), &pb.WhoAmIRequest{})
		return err == nil
	}, 10*time.Second, 10*time.Millisecond, "what is over counts no more")
	require.Empty(t, c.servers[0].duties.edge.calls.of)
}

// Through the whole service: 10,000 wrong passwords, from one address and from twenty, and the owner, who is at home, gets in all
// the while. What is answered before any comparison says TOO_MANY_ATTEMPTS, so that the others are the hashes.
func TestR95_TenThousandWrongPasswordsCostAtMostAHundredHashesAndLockNobodyOut(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann := c.signUp("ann")
	from := func(ip string) *grpc.ClientConn {
		conn, err := grpc.NewClient("passthrough:///"+c.addrs[0], grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
				return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}).DialContext(ctx, "tcp", addr)
			}))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	var conns []*grpc.ClientConn
	for i := range 20 {
		conns = append(conns, from(fmt.Sprintf("127.0.1.%d", i+1)))
	}
	hashes, refusals := 0, map[string]int{}
	for n := range 10_000 {
		conn := conns[0]
		if n >= 5_000 {
			conn = conns[n%len(conns)]
		}
		_, err := pb.NewAccountServiceClient(conn).LogIn(t.Context(), &pb.LogInRequest{Command: once(), Username: "ann", Password: fmt.Sprint("wrong", n),
			Secret: []byte("0123456789abcdef0123456789abcdef"), Client: "test"})
		f := convert.ParseError(err)
		refusals[f.Reason]++
		if f.Reason == "CREDENTIALS_WRONG" {
			hashes++
		}
		if n%1000 == 999 {
			ann.logIn(testPassword) // from where she signed up and logged in before
		}
	}
	require.LessOrEqual(t, hashes, 100, refusals)
	require.Greater(t, hashes, 10, "and it is no lock")
	require.Equal(t, 10_000, refusals["CREDENTIALS_WRONG"]+refusals["TOO_MANY_ATTEMPTS"], refusals)
}
