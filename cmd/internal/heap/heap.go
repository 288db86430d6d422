// Package heap keeps the garbage collector of a node from running all the time while its state is small.
//
// Go collects whenever as much was allocated as was in use after the last collection. A young cluster uses a few megabytes, a
// request allocates some 20 KiB on its way: a node would collect every few dozen milliseconds, and spend an eighth of its
// processor time on it. A node with a large state collects seldom by itself.
package heap

import "os"

// ReservedBytes is what a node reserves. It allocates twice as much at least between two collections, and so
// takes 128 MiB more than its state at most; a state of that size has it anyway.
const ReservedBytes = 64 << 20

// reserved counts as in use, so that the next collection is that much later, and as much again. Nobody ever writes to it:
// it takes addresses and no memory, and holds no pointers that the collector would follow.
var reserved []byte

// Reserve does it for a process with so many nodes. Whoever says by GOGC or GOMEMLIMIT when Go is to collect knows
// better. It reports whether anything is reserved.
func Reserve(nodes int) bool {
	for _, said := range []string{"GOGC", "GOMEMLIMIT"} {
		if os.Getenv(said) != "" {
			return false
		}
	}
	reserved = make([]byte, nodes*ReservedBytes)
	return true
}
