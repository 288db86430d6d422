package cli

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

// prSetChildSubreaper is PR_SET_CHILD_SUBREAPER of prctl(2).
const prSetChildSubreaper = 36

// adopt has the processes that a child leaves behind become this one's own, so that descendants has them. A kernel that can't do
// that leaves them to whoever takes them.
func adopt() { _, _, _ = syscall.Syscall6(syscall.SYS_PRCTL, prSetChildSubreaper, 1, 0, 0, 0, 0) }

// signalDescendants sends a signal to all descendants but one, and returns how many there are.
func signalDescendants(sig syscall.Signal, but int) int {
	all := descendants()
	for _, pid := range all {
		if pid != but {
			_ = syscall.Kill(pid, sig) // an error if it has ended, which is as good
		}
	}
	return len(all)
}

// descendants are the processes that this one has started and that still run, those that they have started, and so on.
func descendants() (all []int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := map[int][]int{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat") // PID (NAME) STATE PARENT …
		if err != nil {
			continue // it has ended
		}
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 2 || string(fields[0]) == "Z" {
			continue
		}
		if parent, err := strconv.Atoi(string(fields[1])); err == nil {
			children[parent] = append(children[parent], pid)
		}
	}
	all = children[os.Getpid()]
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}
