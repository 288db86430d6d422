//go:build !linux

package local

import "syscall"

// onOneThread runs what comes; only Linux ties children to a thread.
func onOneThread(work <-chan func()) {
	for do := range work {
		do()
	}
}

func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
