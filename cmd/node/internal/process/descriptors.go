package process

import "fmt"

// A process has a bounded number of files open, and a connection is one. If clients could take them all, the log could not open its next
// segment, and a node whose log fails stops: whoever opens many connections would stop it. So clients get what is left beside what the
// node itself needs.
const (
	// filesOwn is what is kept for the node: 256 connections of peers that have not said hello yet, four to each peer that has, 64 of
	// those who watch, and some dozens of files.
	filesOwn = 512
	// filesMin is the least that a node starts with. With less than twice filesOwn it keeps half.
	filesMin = 256
)

// clientsWith is how many clients' connections fit if a process may have so many files open.
func clientsWith(files uint64) (int, error) {
	if files < filesMin {
		return 0, fmt.Errorf("this process may have %d files open, and a node needs %d at least: raise the limit (ulimit -n, LimitNOFILE)", files, filesMin)
	}
	return int(min(files-min(filesOwn, files/2), 1<<20)), nil
}
