package server

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft/node"
	"parley/raft/wal"
	pb "parley/rpc/proto/parley/v1"
)

// onDisk says whether any file of any node has these bytes.
func (c *testCluster) onDisk(what string) (found bool) {
	for _, dir := range c.dirs {
		require.NoError(c.t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || found {
				return nil // a file that is gone has nothing
			}
			b, _ := os.ReadFile(path)
			found = bytes.Contains(b, []byte(what))
			return nil
		}))
	}
	return found
}

// What is at stake: a text that its writer took back, and that somebody finds who gets hold of a disk. It leaves the state at
// once, and the disks with the snapshots that come after: the log back to the older of the two that are kept goes with them.
func TestR32_ATextThatWasDeletedLeavesTheDisksWithTheNextSnapshots(t *testing.T) {
	c := startSmall(t, 3, Config{}, node.Rules{SnapshotBytes: 64 << 10}, wal.Options{SegmentBytes: 64 << 10})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	const secret, edited = "a text that was never meant to be sent", "and one that was only a draft"
	id := ann.send("general", edited).GetId()
	_, err := ann.chat().Edit(ann.ctx(), &pb.EditRequest{Command: once(), MessageId: id, Text: secret})
	require.NoError(t, err)
	require.True(t, c.onDisk(secret))
	require.True(t, c.onDisk(edited))
	_, err = ann.chat().Unsend(ann.ctx(), &pb.UnsendRequest{Command: once(), MessageId: id})
	require.NoError(t, err)
	require.Equal(t, []string{"ann: "}, bob.texts("general"))
	text := noiseText(2 << 10)
	require.Eventually(t, func() bool {
		for range 20 {
			ann.send("general", text)
		}
		return !c.onDisk(secret) && !c.onDisk(edited)
	}, time.Minute, 10*time.Millisecond)
}
