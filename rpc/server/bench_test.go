package server

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	pb "parley/rpc/proto/parley/v1"
)

// What a lock costs is to be seen beside what a message costs: both are one entry on three nodes.
func BenchmarkSend(b *testing.B) {
	ann := startCluster(b, 3, Config{}).signUp("ann")
	for b.Loop() {
		ann.send("general", "hello")
	}
}

func BenchmarkAcquireAndRelease(b *testing.B) {
	ann := startCluster(b, 3, Config{}).signUp("ann")
	for b.Loop() {
		got := ann.acquire("deploy", time.Minute, 0)
		_, err := ann.lock().ReleaseLock(ann.ctx(), &pb.ReleaseLockRequest{Command: once(), Name: "deploy", Fence: got.GetLock().GetFence()})
		require.NoError(b, err)
	}
}
