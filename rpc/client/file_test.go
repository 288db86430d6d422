package client

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
)

// flaky breaks connections: each after so many bytes that went one way.
type flaky struct {
	net.Conn
	left     *atomic.Int64
	outgoing bool
}

func (f *flaky) Write(b []byte) (int, error) {
	if f.outgoing && f.left.Add(-int64(len(b))) < 0 {
		_ = f.Close()
	}
	return f.Conn.Write(b)
}

func (f *flaky) Read(b []byte) (int, error) {
	n, err := f.Conn.Read(b)
	if !f.outgoing && f.left.Add(-int64(n)) < 0 {
		_ = f.Close()
	}
	return n, err
}

func breaking(outgoing bool, after int64) grpc.DialOption {
	return grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
		left := new(atomic.Int64)
		left.Store(after)
		return &flaky{conn, left, outgoing}, err
	})
}

func testContent(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * i >> 9)
	}
	return b
}

// put uploads content as alice over a sound connection.
func (c *testCluster) put(content []byte) *pb.File {
	c.t.Helper()
	cl := c.client(Config{})
	kept, err := cl.Upload(c.t.Context(), "general", bytes.NewReader(content), nil)
	require.NoError(c.t, err)
	posted, err := cl.PostFile(c.t.Context(), &pb.PostFileRequest{Place: "general", Name: "content", Sha256: kept.GetSha256(), Size: kept.GetSize()})
	require.NoError(c.t, err)
	return posted.GetFile()
}

// Connections that never last for the whole of a file: it comes all the same, and no part that the node has is sent twice over.
func TestR46_AnUploadGoesOnWhereItWasBrokenOff(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	content := testContent(3 << 20)
	cl := c.client(Config{Addrs: c.addrs[c.leader() : c.leader()+1], Dial: []grpc.DialOption{breaking(true, 1<<20)}})
	var starts []int64
	last := int64(-1)
	kept, err := cl.Upload(t.Context(), "general", bytes.NewReader(content), func(done int64) {
		if done <= last || last < 0 {
			starts = append(starts, done)
		}
		last = done
	})
	require.NoError(t, err)
	require.EqualValues(t, len(content), kept.GetSize())
	require.Greater(t, len(starts), 2, "it was broken off")
	for i := 1; i < len(starts); i++ {
		require.Greater(t, starts[i], starts[i-1], "each goes on behind the one before")
	}
	posted, err := cl.PostFile(t.Context(), &pb.PostFileRequest{Place: "general", Name: "x", Sha256: kept.GetSha256(), Size: kept.GetSize()})
	require.NoError(t, err)
	require.Equal(t, content, c.fetch(cl, posted.GetFile().GetId(), ""))
}

// fetch downloads into a new file that begins like this.
func (c *testCluster) fetch(cl *Client, id, begins string) []byte {
	c.t.Helper()
	path := filepath.Join(c.t.TempDir(), "part")
	require.NoError(c.t, os.WriteFile(path, []byte(begins), 0o600))
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(c.t, err)
	defer f.Close()
	_, err = cl.Download(c.t.Context(), id, f, nil)
	require.NoError(c.t, err)
	b, err := os.ReadFile(path)
	require.NoError(c.t, err)
	return b
}

func TestR46_ADownloadGoesOnWhereItWasBrokenOffAtAnyNode(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	content := testContent(3 << 20)
	file := c.put(content)
	cl := c.client(Config{Dial: []grpc.DialOption{breaking(false, 1<<20)}})
	require.Equal(t, content, c.fetch(cl, file.GetId(), ""))
	// Another process had begun it.
	require.Equal(t, content, c.fetch(cl, file.GetId(), string(content[:1<<20])))
	require.Equal(t, content, c.fetch(cl, file.GetId(), "something else"))
	require.Equal(t, content, c.fetch(cl, file.GetId(), string(content)+"and more"))
}

// R42: a file comes from any node, also when the one that took it is gone.
func TestR42_AFileComesFromAnyNodeWhoeverIsGone(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	content := testContent(300 << 10)
	file := c.put(content)
	for i := range c.addrs {
		require.Equal(t, content, c.fetch(c.client(Config{Addrs: c.addrs[i : i+1]}), file.GetId(), ""), "node %d", i+1)
	}
	bob := c.as("bob", Config{})
	c.stop(c.leader())
	require.Equal(t, content, c.fetch(bob, file.GetId(), ""))
}

func TestWithoutANodeFilesEndWhenTheContextDoes(t *testing.T) {
	cl, err := New(Config{Addrs: []string{"127.0.0.1:1"}, Credentials: somebody})
	require.NoError(t, err)
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err = cl.Upload(ctx, "general", bytes.NewReader([]byte("x")), nil)
	require.Equal(t, ReasonUnavailable, failedAs(err).Reason)
	f, err := os.CreateTemp(t.TempDir(), "")
	require.NoError(t, err)
	_, err = cl.Download(ctx, "file_1", f, nil)
	require.Equal(t, ReasonUnavailable, failedAs(err).Reason)
}
