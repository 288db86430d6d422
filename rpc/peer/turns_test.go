package peer

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/host"
)

// visit is a stream that waits for its turn.
type visit struct {
	replaced chan struct{}
	hangUp   context.CancelFunc
	came     chan func() // leave, once it is this one's turn; nil if it gave up
}

func enter(ts *turns, c caller) *visit {
	ctx, cancel := context.WithCancel(context.Background())
	v := &visit{replaced: make(chan struct{}), hangUp: cancel, came: make(chan func(), 1)}
	go func() {
		leave, ok := ts.take(ctx, c, v.replaced)
		if !ok {
			leave()
			leave = nil
		}
		v.came <- leave
	}()
	synctest.Wait()
	return v
}

func (v *visit) isReplaced() bool {
	select {
	case <-v.replaced:
		return true
	default:
		return false
	}
}

func lane1(inc raft.Incarnation, lane host.Lane) caller {
	return caller{raft.Ident{ID: 1, Inc: inc}, lane}
}

// What is at stake: while a receiver is behind, a peer that connects anew again and again
// must neither be heard out of order nor fill the memory with frames.
func TestANewerStreamWaitsForWhatTheOlderHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := turns{of: make(map[caller]*turn)}
		c := lane1(11, host.LaneBulk)
		first := enter(&ts, c)
		leaveFirst := <-first.came
		require.NotNil(t, leaveFirst)

		second := enter(&ts, c)
		require.True(t, first.isReplaced())
		require.Empty(t, second.came, "the first still hands over")
		third := enter(&ts, c)
		require.True(t, second.isReplaced())
		second.hangUp() // as the end of a replaced stream does
		require.Nil(t, <-second.came)
		require.Empty(t, third.came, "the second's end is not the first's")

		leaveFirst()
		leaveThird := <-third.came
		require.NotNil(t, leaveThird)
		require.False(t, third.isReplaced())
		leaveThird()
		require.Empty(t, ts.of, "nothing is remembered of who has left")
	})
}

func TestOnlyTheSameDirectoryOnTheSameLaneIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := turns{of: make(map[caller]*turn)}
		visits := []*visit{
			enter(&ts, lane1(11, host.LaneProtocol)),
			enter(&ts, lane1(11, host.LaneBulk)),
			enter(&ts, lane1(12, host.LaneProtocol)),
		}
		for _, v := range visits {
			leave := <-v.came
			require.NotNil(t, leave)
			require.False(t, v.isReplaced())
			defer leave()
		}
	})
}

// A stream that left can't be replaced any more, and its turn is free.
func TestAStreamThatLeftIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := turns{of: make(map[caller]*turn)}
		for range 3 {
			v := enter(&ts, lane1(11, host.LaneBulk))
			(<-v.came)()
			require.False(t, v.isReplaced())
		}
		require.Empty(t, ts.of)
	})
}
