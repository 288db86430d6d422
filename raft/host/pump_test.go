package host

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
)

// sendSpy is a transport that is asked nothing but to send.
type sendSpy struct {
	Transport
	send func([]raft.Message)
}

func (s *sendSpy) Send(msgs []raft.Message) { s.send(msgs) }

// What is at stake: a follower's sync begins when the message is there. The leader's own, which takes as long, has time
// until then.
func TestMessagesLeaveBeforeTheOwnDiskBegins(t *testing.T) {
	d := newDisk(nil) // nobody takes its queue
	sent := 0
	h := &Host{disk: d, calls: newCalls(new(atomic.Int32)), cfg: Config{Transport: &sendSpy{send: func(msgs []raft.Message) {
		sent += len(msgs)
		require.Zero(t, d.waits())
	}}}}
	out := node.Output{Store: []raft.Store{store(1)}, Send: []raft.Message{{Kind: raft.MsgAppend}, {Kind: raft.MsgAppend}}}
	require.NoError(t, h.carryOut(&out, nil))
	require.Equal(t, 2, sent)
	require.Equal(t, 1, d.waits())
	require.Empty(t, out.Store, "it is the disk's now")
}
