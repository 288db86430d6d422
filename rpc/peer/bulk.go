package peer

import (
	"context"
	"errors"
	"io"
)

// The bulk lane lives only while there is something to send:
//
//	        Put             hello            idle
//	none --------> dialling -----> connected -----> hanging up --> none
//	  ^               |               |                 |
//	  `--- backoff <--+---------------+-----------------'   broken: what waits is dropped
//
// What is queued while it dials or hangs up stays queued; what comes during a backoff is
// dropped. Neither is told to the protocol, which lost nothing: whoever asked for a
// snapshot or a blob asks again, perhaps somebody else. The log tells, seldom.

var errIdle = errors.New("nothing to send")

// runBulk opens the lane whenever there is something to send, until the link is cancelled.
func (l *link) runBulk() {
	pause := backoffMin
	l.queue.SetUp(true)
	for l.wanted() {
		welcome, err := l.line.talk()
		if l.ctx.Err() != nil {
			return
		}
		if welcome {
			pause = backoffMin
		}
		if err == nil {
			l.t.log.Info("hung up on a peer: nothing more to send", l.with()...)
			continue
		}
		l.queue.SetUp(false)
		l.trouble.warn(l.t.log, "no connection to a peer", l.with("error", plain(err))...)
		l.wait(pause)
		pause = min(2*pause, backoffMax)
		l.queue.SetUp(true)
	}
}

// wanted waits until there is something to send; false is the end of the link.
func (l *link) wanted() bool {
	for l.queue.Empty() {
		select {
		case <-l.queue.Wake():
		case <-l.ctx.Done():
			return false
		}
	}
	return l.ctx.Err() == nil
}

// hungUp waits for the end of a connection on which this node says nothing more, so that nothing on the way is lost:
// the peer ends it in turn when it has read everything, however long its receiver takes.
func (l *link) hungUp(ctx context.Context, ended <-chan struct{}) error {
	<-ended
	if err := context.Cause(ctx); !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// bulkDropped is what the queue calls when something is dropped.
func (l *link) bulkDropped() {
	l.dropped.warn(l.t.log, "snapshots or blobs for a peer were dropped or may be lost: whoever needs them asks again", l.with()...)
}
