//go:build !linux

package main

import "time"

// sleep is as precise as Go's timers.
func sleep(d time.Duration) { time.Sleep(d) }
