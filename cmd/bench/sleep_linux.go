package main

import (
	"time"

	"golang.org/x/sys/unix"
)

// sleep is precise to some 50 us. A timer of Go's is late by up to 1 ms while nothing else happens, since
// the poller counts in milliseconds: more than what is measured.
func sleep(d time.Duration) {
	t := unix.NsecToTimespec(d.Nanoseconds())
	_ = unix.Nanosleep(&t, nil) // a signal ends it early; what is due is computed anew
}
