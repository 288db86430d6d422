package osfs

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// datasync is fdatasync: bytes and size, but not the time of the last change.
func datasync(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

// reserve takes space on the device. Where the file system can't, the zeros that
// follow find out.
func reserve(f *os.File, off, size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, off, size)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}
