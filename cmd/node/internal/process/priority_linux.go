package process

import (
	"os"
	"strconv"
	"syscall"
)

// lowPriority is halfway to the lowest: what runs so gets about a tenth of a processor that others want, and all of one
// that nobody wants.
const lowPriority = 10

// LowerPriority has this process give way to others. Linux keeps priorities by thread, and a new thread has that of the one that
// made it.
func LowerPriority() {
	threads, _ := os.ReadDir("/proc/self/task") // without them it goes on as it is
	for _, t := range threads {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			_ = syscall.Setpriority(syscall.PRIO_PROCESS, id, lowPriority)
		}
	}
}
