package server

import (
	"context"
	"sync"
	"time"

	"parley/llm"
)

// A gate lets a bounded number of texts be generated at a time, a bounded number of callers wait in their order, and a
// bounded number of texts begin a minute.
type gate struct {
	places chan struct{} // holds a token for each who generates or waits
	turns  chan struct{} // holds a token for each who generates

	mu     sync.Mutex
	tokens float64 // texts that may begin now
	filled time.Time
	rate   float64 // tokens a second
	burst  float64
}

func newGate(concurrent, queue, perMinute int, now time.Time) *gate {
	burst := max(float64(perMinute)/6, 1)
	return &gate{
		places: make(chan struct{}, concurrent+queue),
		turns:  make(chan struct{}, concurrent),
		tokens: burst, burst: burst, rate: float64(perMinute) / 60, filled: now,
	}
}

// take takes a token, or says when there will be one.
func (g *gate) take(now time.Time) (wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if d := now.Sub(g.filled); d > 0 {
		g.tokens = min(g.burst, g.tokens+d.Seconds()*g.rate)
		g.filled = now
	}
	if g.tokens < 1 {
		return time.Duration((1 - g.tokens) / g.rate * float64(time.Second)).Round(time.Millisecond)
	}
	g.tokens--
	return 0
}

// busyAfter is when to come back to a full queue: about the time of a text or two.
const busyAfter = 5 * time.Second

// enter waits for a turn, which leave ends.
func (g *gate) enter(ctx context.Context, now time.Time) (leave func(), err error) {
	select {
	case g.places <- struct{}{}:
	default:
		return nil, &llm.Error{Failure: llm.RateLimited, RetryAfter: busyAfter, Text: "too many texts are waited for"}
	}
	if wait := g.take(now); wait > 0 {
		<-g.places
		return nil, &llm.Error{Failure: llm.RateLimited, RetryAfter: wait, Text: "too many texts in a minute"}
	}
	select {
	case g.turns <- struct{}{}:
		return func() { <-g.turns; <-g.places }, nil
	case <-ctx.Done():
		<-g.places
		return nil, ctx.Err()
	}
}
