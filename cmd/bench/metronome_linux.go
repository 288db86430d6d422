package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// metronome ticks precisely. A timer of Go's is late by up to 1 ms while nothing else happens, since the poller counts
// in milliseconds: more than what is measured. A thread that sleeps in the kernel takes a processor of
// Go's along for a while, and so changes what is measured. A timer of the kernel's, read through the poller, does neither.
type metronome struct{ f *os.File }

func newMetronome(every time.Duration) (*metronome, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make a timer: %w", err)
	}
	f := os.NewFile(uintptr(fd), "timer")
	each := unix.NsecToTimespec(every.Nanoseconds())
	if err := unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Interval: each, Value: each}, nil); err != nil {
		_ = f.Close() // the first error is the one to tell
		return nil, fmt.Errorf("set a timer: %w", err)
	}
	return &metronome{f}, nil
}

// wait returns at the next tick, or at once if there was one since the last call.
func (m *metronome) wait() error {
	var ticks [8]byte
	_, err := m.f.Read(ticks[:])
	return err
}

func (m *metronome) close() { _ = m.f.Close() } // nothing was written
