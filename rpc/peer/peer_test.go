package peer_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/host/transporttest"
	"parley/rpc/peer"
)

func TestGRPCIsATransport(t *testing.T) {
	transporttest.Run(t, func(t *testing.T) transporttest.Fixture {
		return &sockets{addrs: make(map[raft.NodeID]string)}
	})
}

// sockets opens transports on loopback; each node keeps the port it got first.
type sockets struct {
	mu    sync.Mutex
	addrs map[raft.NodeID]string
}

func (s *sockets) Open(t *testing.T, id raft.NodeID, limits host.QueueLimits) host.Transport {
	s.mu.Lock()
	defer s.mu.Unlock()
	addr := "127.0.0.1:0"
	if known, ok := s.addrs[id]; ok {
		addr = known
	}
	p, err := peer.Listen(addr, peer.Options{Queue: limits})
	require.NoError(t, err)
	s.addrs[id] = p.Addr()
	return p
}

func (s *sockets) Addr(id raft.NodeID) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addrs[id]
}
