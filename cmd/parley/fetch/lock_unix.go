//go:build unix

package fetch

import (
	"errors"
	"os"
	"syscall"
)

// lock takes a file for this process, until it is closed, or says that another has it.
func lock(f *os.File) error {
	for {
		switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); {
		case errors.Is(err, syscall.EWOULDBLOCK):
			return errLocked
		case !errors.Is(err, syscall.EINTR):
			return err
		}
	}
}
