package sim

import "fmt"

// unanswered lists the nodes that still hold reads when the time is over. Every request that a node takes ends in one of
// three ways; but the caller of a read that is held for ever has long gone elsewhere, so that nothing else shows it.
// The last reads are asked for well before the end. One may be the node's own, which it repeats for as long as
// nobody answers.
func (w *World) unanswered() (list []string) {
	for _, s := range w.servers {
		if !s.up || s.node.Raft() == nil {
			continue
		}
		if n := s.node.Raft().ReadsPending(); n > 1 {
			list = append(list, fmt.Sprintf("node %d holds %d reads that have neither an answer nor a refusal", s.id, n))
		}
	}
	return list
}
