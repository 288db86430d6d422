package peer

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// What is at stake: somebody who opens connections and says nothing, until no peer gets in.
func TestR95_WhoOpensConnectionsAndSaysNothingIsInNobodysWay(t *testing.T) {
	tr, _, got := node2Over(t, WireTCP)
	var silent []net.Conn
	for range 2 * lobbyMax {
		c, err := net.Dial("tcp", tr.Addr())
		require.NoError(t, err)
		silent = append(silent, c)
		t.Cleanup(func() { _ = c.Close() })
	}
	one, _, _ := sender(t, WireTCP, tr.Addr(), bulkIdleAfter)
	m := testMessage(77)
	m.Kind = raft.MsgHeartbeat
	one.Send([]raft.Message{m})
	got.awaitSeq(77)
	_, err := silent[0].Read(make([]byte, 1))
	require.Error(t, err, "the oldest was closed")
}

func TestTheLobbyForgetsWhoHasLeft(t *testing.T) {
	var l lobby
	var leave []func()
	var conns []net.Conn
	for range lobbyMax {
		c, other := net.Pipe()
		t.Cleanup(func() { _ = other.Close() })
		conns = append(conns, c)
		leave = append(leave, l.enter(c))
	}
	leave[0]()
	leave[0]()
	c, _ := net.Pipe()
	l.enter(c)
	require.Len(t, l.conns, lobbyMax, "there was room")
	c, _ = net.Pipe()
	l.enter(c)
	require.Len(t, l.conns, lobbyMax)
	_, err := conns[1].Write([]byte("x"))
	require.Error(t, err, "the oldest that was there")
	leave[1]()
	require.Len(t, l.conns, lobbyMax, "it had gone already")
}
