package auth

import (
	"fmt"
	"sync"
	"time"
)

// Rates limits how often each user, or each address, may do something. Each has a bucket of its own; a
// node counts for itself. It may be used by many goroutines.
type Rates struct {
	what string
	rate rate
	now  func() time.Time
	mu   sync.Mutex
	keys *recent[string, bucket]
}

// NewRates returns a limit of burst at once and then one every so often. what says for a person what is limited,
// in the plural: "messages".
func NewRates(what string, burst int, every time.Duration, now func() time.Time) (*Rates, error) {
	if burst < 1 || every <= 0 {
		return nil, fmt.Errorf("limit of %s: %d at once and one every %v: both must be positive", what, burst, every)
	}
	return &Rates{what: what, rate: rate{burst, every}, now: now, keys: newRecent[string, bucket](ratesMax)}, nil
}

// Allow takes n tokens of a key's, all or none. The refusal says how long it takes until there are n; more than a
// whole bucket never goes through.
func (r *Rates) Allow(key string, n int) error {
	if n > r.rate.burst {
		return refuse(Invalid, ReasonTooLarge, "", "One call takes at most %d %s, and these are %d. Send fewer at a time.", r.rate.burst, r.what, n)
	}
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.keys.get(key)
	if b == nil {
		b = r.keys.make(bounded(key))
	}
	if d := b.wait(r.rate, n, now); d > 0 {
		return wait(ReasonRateLimited, d, "Too many %s. Try again in %s.", r.what, inSeconds(d))
	}
	b.take(r.rate, n, now)
	return nil
}
