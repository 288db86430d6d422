// Package kv is what all peers have in common: a replicated map with one writer or reader at a time for each caller.
package kv

import (
	"context"
	"time"

	"parley/cmd/bench/load"
)

// Session is one caller's way to a replicated map. It does one request at a time.
type Session interface {
	// Put applies a command: a key of load.KeyLen bytes, and a value. Its bytes belong to whoever takes it.
	Put(ctx context.Context, command []byte) error
	// Get reads a key, linearizably.
	Get(ctx context.Context, key uint64) ([]byte, error)
}

// Caller writes or reads one key.
type Caller struct {
	Session Session
	Key     uint64
	Payload int
	Read    bool
}

// backoff keeps a caller that is refused from asking as fast as it can.
const backoff = time.Millisecond

// Do does one request. Whatever goes wrong counts as an error, and the loop goes on.
func (c *Caller) Do(ctx context.Context) (bool, error) {
	var err error
	if c.Read {
		_, err = c.Session.Get(ctx, c.Key)
	} else {
		err = c.Session.Put(ctx, load.AppendPut(make([]byte, 0, c.Payload), c.Key, c.Payload))
	}
	if err != nil {
		return false, load.Pause(ctx, backoff)
	}
	return true, nil
}
