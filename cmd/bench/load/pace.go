package load

import (
	"context"
	"sync/atomic"
	"time"
)

// pacer says when the next operation of all callers together is due: an open loop. Who is late takes the next one at
// once, and its latency counts from when it was due, so that what a stall holds up is counted too.
type pacer struct {
	begin time.Time
	every time.Duration
	taken atomic.Int64
}

// newPacer makes one of so many operations a second; 0: none, every caller goes on when it was answered.
func newPacer(rate int) *pacer {
	if rate == 0 {
		return nil
	}
	return &pacer{begin: time.Now(), every: time.Second / time.Duration(rate)}
}

// turns returns what waits until a loop's next operation is due, and says when that was, or is. A context that ends
// earlier ends the wait. Without a pace the next one is due now.
func (p *pacer) turns() (next func(context.Context) time.Time, stop func()) {
	if p == nil {
		return func(context.Context) time.Time { return time.Now() }, func() {}
	}
	timer := time.NewTimer(time.Hour)
	next = func(ctx context.Context) time.Time {
		due := p.begin.Add(time.Duration(p.taken.Add(1)-1) * p.every)
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
		}
		return due
	}
	return next, func() { timer.Stop() }
}
