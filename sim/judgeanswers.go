package sim

import "fmt"

// unanswered lists the nodes that still hold reads when the time is over. Every request that a node takes ends in one of
// three ways, and the caller of a read that is held for ever has long gone elsewhere, so that nothing else shows it.
// The last reads are asked for well before the end.
func (w *World) unanswered() (list []string) {
	for _, s := range w.servers {
		if !s.up || s.pausedUntil > w.now {
			continue
		}
		if n := s.node.Status().Reads; n > 0 {
			list = append(list, fmt.Sprintf("node %d holds %d reads that have neither an answer nor a refusal", s.id, n))
		}
	}
	return list
}
