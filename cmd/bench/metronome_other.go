//go:build !linux

package main

import "time"

// metronome ticks as precisely as Go's timers.
type metronome struct{ t *time.Ticker }

func newMetronome(every time.Duration) (*metronome, error) {
	return &metronome{time.NewTicker(every)}, nil
}

// wait returns at the next tick, or at once if there was one since the last call.
func (m *metronome) wait() error { <-m.t.C; return nil }

func (m *metronome) close() { m.t.Stop() }
