package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// PidFile shows who runs in a directory. The file is locked as long as its
// process lives and the lock ends with it, however it ends, so that a number that
// was left behind is never taken for a living process.
type PidFile struct{ f *os.File }

// InUseError tells that a directory belongs to a living process.
type InUseError struct {
	Dir string
	Pid int // 0 if it can't be read
}

// Error names the process and what to do about it.
func (e *InUseError) Error() string {
	if e.Pid == 0 {
		return fmt.Sprintf("%s is in use by another process: stop it, or choose another --dir", e.Dir)
	}
	return fmt.Sprintf("%s is in use by process %d: stop it, or choose another --dir", e.Dir, e.Pid)
}

// Claim locks the pid file and writes this process's id. A file that is locked is an
// *InUseError.
func Claim(path string) (*PidFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := flock(f); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &InUseError{Dir: filepath.Dir(path), Pid: readPid(f)}
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &PidFile{f}, nil
}

// Release gives the directory back. The file stays: removing it would race with
// the next process that locks it.
func (p *PidFile) Release() {
	_ = p.f.Truncate(0) // whoever reads it now sees that nobody runs
	_ = p.f.Close()
}

// Running returns the living process that claimed the pid file, if there is one.
func Running(path string) (pid int, alive bool) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return 0, false
	}
	defer f.Close()
	if flock(f) == nil {
		return 0, false
	}
	return readPid(f), true
}

func flock(f *os.File) error {
	for {
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

func readPid(f *os.File) int {
	b := make([]byte, 32)
	n, err := f.ReadAt(b, 0)
	if err != nil && err != io.EOF {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(b[:n]))) // 0: not written yet
	return pid
}
