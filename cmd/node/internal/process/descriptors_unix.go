//go:build unix

package process

import "syscall"

// clientsMax is how many connections of clients this process has files for. What is allowed at all is allowed from the start: Go raises
// a process's limit to the highest that it may set.
func clientsMax() (int, error) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, err
	}
	return clientsWith(uint64(l.Cur))
}
