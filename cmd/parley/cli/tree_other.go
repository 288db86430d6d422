//go:build !linux

package cli

import "syscall"

// adopt does nothing: what a child leaves behind is not this process's here.
func adopt() {}

// signalDescendants knows of none.
func signalDescendants(syscall.Signal, int) int { return 0 }
