package node

import (
	"fmt"

	"parley/raft"
)

// broken panics because something impossible happened: a bug in Parley, never a
// fault of disk, network or caller. The message prints the state that shows it.
// Callers test the condition themselves, so that the arguments of a message
// nobody sees cost nothing on the hot path.
func broken(format string, args ...any) {
	panic("node: " + fmt.Sprintf(format, args...))
}

// check holds after every Step.
func (n *Node) check() {
	if n.raft == nil {
		if n.applied != 0 || n.waiters.len() != 0 || n.reads.len() != 0 {
			broken("%v has no log and has applied %d, %d waiters, %d reads", n.self, n.applied, n.waiters.len(), n.reads.len())
		}
		return
	}
	if n.waiters.len() > 0 {
		if w := n.waiters.front(); n.role != raft.Leader || w.term != n.term || w.index <= n.applied {
			broken("%v, %v of term %d, applied %d, has a caller waiting for (%d, term %d)", n.self, n.role, n.term, n.applied, w.index, w.term)
		}
	}
	if n.sessions.used > n.settings.Rules.SessionsMax {
		broken("%d sessions", n.sessions.used)
	}
	if n.requests.used > n.settings.Rules.RequestsMax {
		broken("%d requests", n.requests.used)
	}
}
