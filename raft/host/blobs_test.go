package host_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/blob"
	"parley/raft/node"
)

// content is a file that nobody has seen before.
func content(seed uint64, bytes int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	p := make([]byte, bytes)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	return p
}

// files asks one node about blobs.
func (c *cluster) files(id raft.NodeID, kind node.EventKind, r node.BlobRequest) node.Answer {
	c.t.Helper()
	a, err := c.hosts[id].Do(context.Background(), node.Event{Kind: kind, Blob: &r})
	require.NoError(c.t, err)
	return a
}

// upload brings a file to a node, piece by piece, and has it pinned.
func (c *cluster) upload(id raft.NodeID, upload uint64, file []byte) node.Answer {
	c.t.Helper()
	c.await(func() bool { return c.hosts[id].Status().Level >= 2 })
	at := c.files(id, node.EventUploadBegin, node.BlobRequest{Upload: upload}).Offset
	for at < int64(len(file)) {
		piece := file[at:min(at+40_000, int64(len(file)))]
		a := c.files(id, node.EventUploadAppend, node.BlobRequest{Upload: upload, Offset: at, Data: piece})
		require.Equal(c.t, node.Done, a.Outcome, "%v", a.Code)
		at = a.Offset
	}
	return c.files(id, node.EventUploadCommit, node.BlobRequest{Upload: upload, Sum: blob.SumOf(file), Principal: "ann"})
}

// read reads a file from a node; false if it does not have all of it.
func (c *cluster) read(id raft.NodeID, sum blob.Sum) ([]byte, bool) {
	var file []byte
	for {
		a := c.files(id, node.EventReadBlob, node.BlobRequest{Sum: sum, Offset: int64(len(file)), Bytes: 50_000})
		if a.Outcome != node.Done || len(a.Reply) == 0 {
			return file, a.Outcome == node.Done
		}
		file = append(file, a.Reply...)
	}
}

// A file that was uploaded at one node is on all of them soon, and still there when all have been
// started again.
func TestAFileUploadedAtOneNodeIsReadAtTheOthersAndAfterARestart(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		c.startAll()
		follower := c.ids[0]
		if c.leader() == follower {
			follower = c.ids[1]
		}
		file := content(1, 300_001)
		a := c.upload(follower, 77, file)
		require.Equal(t, node.Done, a.Outcome, "%v", a.Code)
		require.NotZero(t, a.Position)
		require.EqualValues(t, len(file), a.Offset)
		everywhere := func() {
			for _, id := range c.ids {
				c.await(func() bool { got, ok := c.read(id, blob.SumOf(file)); return ok && bytes.Equal(got, file) })
			}
		}
		everywhere()
		c.stopAll()
		c.startAll()
		everywhere()
		for _, id := range c.ids {
			c.await(func() bool { s := c.hosts[id].Status(); return s.Blobs == 1 && s.BlobsMissing == 0 })
		}
	})
}

// Nobody is told that a file is safe while only one node has it.
func TestAFileThatNoMajorityStoresIsNotConfirmed(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		c.startAll()
		leader := c.leader()
		c.await(func() bool { return c.hosts[leader].Status().Level >= 2 })
		for _, id := range c.ids {
			if id != leader {
				c.net.Cut(leader, id)
			}
		}
		start := time.Now()
		a := c.upload(leader, 5, content(2, 1000))
		require.NotEqual(t, node.Done, a.Outcome)
		require.Equal(t, node.CodeNoMajority, a.Code)
		require.Less(t, time.Since(start), 10*time.Minute)
	})
}
