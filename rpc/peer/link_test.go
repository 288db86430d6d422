package peer

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft/host"
)

// A peer that says hello is dialled at once, however long the backoff has become:
// its vote may be the one that an election needs.
func TestAHelloEndsTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		tr := &Transport{links: map[host.Route]*link{}}
		l := &link{t: tr, ctx: ctx, nudged: make(chan struct{}, 1)}
		tr.links[host.Route{Peer: 1, Lane: host.LaneProtocol}] = l
		start := time.Now()
		waited := make(chan time.Duration)
		go func() {
			l.wait(time.Hour)
			waited <- time.Since(start)
		}()
		synctest.Wait()
		tr.nudge(1)
		require.Zero(t, <-waited)
		tr.nudge(2) // of a node that is no peer: nothing happens
		l.nudge()
		l.nudge() // told twice is told once
		l.wait(time.Hour)
		l.wait(time.Minute)
		require.Equal(t, time.Minute, time.Since(start))
	})
}
