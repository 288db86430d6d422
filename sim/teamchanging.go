package sim

import "parley/raft"

// changing is a value and all that it was before, by position: so that a judge can ask what was so when an answer was given.
type changing[T any] struct {
	at []raft.Position
	is []T
}

// put says what it is from a position on. Positions never fall.
func (h *changing[T]) put(at raft.Position, v T) {
	if n := len(h.at); n > 0 && h.at[n-1] == at {
		h.is[n-1] = v
		return
	}
	h.at, h.is = append(h.at, at), append(h.is, v)
}

// when returns what it was behind the entry of a position; zero before anything was said. Mostly that is one of the
// last values.
func (h *changing[T]) when(at raft.Position) (v T) {
	for i := len(h.at) - 1; i >= 0; i-- {
		if h.at[i] <= at {
			return h.is[i]
		}
	}
	return v
}

// throughout reports whether holds was so of every value from one position to another.
func (h *changing[T]) throughout(from, to raft.Position, holds func(v T) bool) bool {
	for i := len(h.at) - 1; i >= 0; i-- {
		if h.at[i] > to {
			continue
		}
		if !holds(h.is[i]) {
			return false
		}
		if h.at[i] <= from {
			return true
		}
	}
	var zero T
	return holds(zero)
}
