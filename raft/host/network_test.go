package host_test

import (
	"testing"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/host/transporttest"
)

// The network in memory behaves like a real one, or tests on it prove little.
func TestNetworkIsATransport(t *testing.T) {
	transporttest.Run(t, func(*testing.T) transporttest.Fixture { return memory{host.NewNetwork()} })
}

type memory struct{ net *host.Network }

func (m memory) Open(_ *testing.T, _ raft.NodeID, limits host.QueueLimits) host.Transport {
	return m.net.End(limits)
}

func (m memory) Addr(raft.NodeID) string { return "" }
