package peer

import (
	"context"
	"sync"

	"parley/raft"
	"parley/raft/host"
)

// turns sees to it that of all streams that one peer opened on one lane, the newest is
// read, and one at a time.
//
// A peer opens a second stream when it has given up the first, which may not be known
// here yet. So the newer one takes the place of the older; but it waits until the frame
// that the older one is handing over is taken. So the order of a lane holds across
// connections, and a peer that connects over and over while the receiver
// is behind holds one frame in memory, not one for each attempt.
type turns struct {
	mu sync.Mutex
	of map[caller]*turn
}

// caller is who opened a stream, and for what. Two directories that take themselves
// for the same node are two callers.
type caller struct {
	from raft.Ident
	lane host.Lane
}

// turn is what the streams of one caller share.
type turn struct {
	users   int
	reading chan struct{} // holds a token while a stream is read
	newest  chan struct{} // closed when a newer stream comes
}

// take enters a stream and waits for its turn. It closes the channel of the older stream,
// as it will close this one's. ok is false if the context ended first. leave is to be called in any case.
func (t *turns) take(ctx context.Context, c caller, replaced chan struct{}) (leave func(), ok bool) {
	t.mu.Lock()
	turn := t.of[c]
	if turn == nil {
		turn = newTurn()
		t.of[c] = turn
	}
	turn.users++
	if turn.newest != nil {
		close(turn.newest)
	}
	turn.newest = replaced
	t.mu.Unlock()

	select {
	case turn.reading <- struct{}{}:
		ok = true
	case <-ctx.Done():
	}
	return func() {
		if ok {
			<-turn.reading
		}
		t.mu.Lock()
		defer t.mu.Unlock()
		if turn.users--; turn.users == 0 {
			delete(t.of, c)
		}
	}, ok
}

func newTurn() *turn { return &turn{reading: make(chan struct{}, 1)} }
