//go:build linux || darwin

package metrics

import "golang.org/x/sys/unix"

// diskSpace returns how much the node's user may still write on the disk of a directory, and how large that disk is.
func diskSpace(dir string) (free, size uint64, ok bool) {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return 0, 0, false
	}
	return uint64(s.Bavail) * uint64(s.Bsize), uint64(s.Blocks) * uint64(s.Bsize), true
}
