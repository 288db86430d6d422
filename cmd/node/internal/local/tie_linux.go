package local

import (
	"runtime"
	"syscall"
)

// onOneThread runs what comes, on a thread that lives until the channel closes.
func onOneThread(work <-chan func()) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for do := range work {
		do()
	}
}

func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
