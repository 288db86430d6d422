// Package heap keeps the garbage collector of a node from running all the time while its state is small.
//
// Go collects whenever as much was allocated as was in use after the last collection. A young cluster uses a few megabytes, a
// request allocates some 20 KiB on its way: a node would collect every few dozen milliseconds, and spend an eighth of its
// processor time on it. A node with a large state collects seldom by itself.
package heap

import (
	"os"
	"runtime/debug"
)

// ReservedBytes is what a node reserves. It allocates twice as much at least between two collections, and so
// takes 128 MiB more than its state at most; a state of that size has it anyway.
const ReservedBytes = 64 << 20

// reserved counts as in use, so that the next collection is that much later, and as much again. Nobody ever writes to it:
// it takes addresses and no memory, and holds no pointers that the collector would follow.
var reserved []byte

// limitLeast is the least GOMEMLIMIT under which a node reserves. What is reserved counts against that limit, and
// a sixteenth of it is not what a node runs out of memory by.
const limitLeast = 16 * ReservedBytes

// Reserve does it for a process with so many nodes. Whoever says by GOGC when Go is to collect knows better, and under a small
// GOMEMLIMIT there is nothing to spare. It reports whether anything is reserved.
func Reserve(nodes int) bool {
	if os.Getenv("GOGC") != "" || debug.SetMemoryLimit(-1) < int64(nodes*limitLeast) { // which is asked for, not set
		return false
	}
	reserved = make([]byte, nodes*ReservedBytes)
	return true
}
