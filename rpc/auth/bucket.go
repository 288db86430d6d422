package auth

import "time"

// bucket holds up to burst tokens and gets a new one every so often; what may happen takes one. It is kept as
// the one moment at which it will be full again, so that the zero bucket is full, nothing has to tick,
// and a bucket that nobody touched is right whenever it is looked at.
type bucket struct{ full time.Time }

// rate says how large buckets are and how fast they fill.
type rate struct {
	burst int
	every time.Duration
}

// wait returns how long it takes until n tokens can be taken; n must not exceed the burst.
func (b *bucket) wait(r rate, n int, now time.Time) time.Duration {
	b.settle(r, now)
	return max(0, b.full.Sub(now)-time.Duration(r.burst-n)*r.every)
}

// take takes n tokens. There may be too few: then later ones take longer.
func (b *bucket) take(r rate, n int, now time.Time) {
	b.settle(r, now)
	b.full = b.full.Add(time.Duration(n) * r.every)
}

// put gives back what was taken.
func (b *bucket) put(r rate, n int) { b.full = b.full.Add(-time.Duration(n) * r.every) }

// settle keeps the bucket between empty and full, whatever the clock did.
func (b *bucket) settle(r rate, now time.Time) {
	if b.full.Before(now) {
		b.full = now
	}
	if empty := now.Add(time.Duration(r.burst) * r.every); b.full.After(empty) {
		b.full = empty
	}
}

// backoff is a delay that doubles with every failure and never exceeds delayMax.
type backoff struct {
	failures int
	last     time.Time // of the last failure
	until    time.Time // nothing may be tried before
}

// wait returns how long it takes until the next attempt may come.
func (b *backoff) wait(now time.Time) time.Duration {
	b.settle(now)
	return max(0, b.until.Sub(now))
}

// fail counts a failure. The first few of a backoff may be free.
func (b *backoff) fail(free int, now time.Time) {
	b.settle(now)
	b.failures++
	b.last, b.until = now, now
	if beyond := b.failures - free; beyond > 0 {
		b.until = now.Add(min(delayMax, delayMin<<min(beyond-1, 16)))
	}
}

// settle forgets what is long past, and never waits longer than the longest delay, whatever the clock did.
func (b *backoff) settle(now time.Time) {
	if now.Sub(b.last) > forgetAfter {
		*b = backoff{}
	}
	if latest := now.Add(delayMax); b.until.After(latest) {
		b.until = latest
	}
}
