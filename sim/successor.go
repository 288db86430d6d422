package sim

import (
	"errors"
	"fmt"

	"parley/raft"
	"parley/raft/node"
)

// successor is a new cluster, which begins behind base with the state that an older one had at a position. What must be so for those who go on in
// it stands in newcomers.go, for people, and in returners.go, for their clients.
type successor struct {
	*refounded
	at    raft.Position // in the old cluster
	base  raft.Index
	wrong string // what is, first of all; empty: nothing
	err   error  // that ended it
}

// goOnFrom has the old cluster's people and clients go on in a new one, which begins behind base with the state that the old one had after
// an entry. It returns what is wrong there; empty: nothing.
func (w *World) goOnFrom(r *refounded, last raft.EntryID, base raft.Index) (wrong string, err error) {
	defer func() { err = errors.Join(err, r.disk.Close()) }()
	if c := w.judges.logs.committed; last.Index == 0 || int(last.Index) > len(c) || c[last.Index-1].term != last.Term {
		return "", nil // nobody knows what it was like: what a survivor kept need not have been committed
	}
	s := &successor{refounded: r, at: raft.Position(last.Index), base: base}
	if w.team != nil {
		s.settle(w)
	}
	s.comeBack(w)
	return s.wrong, s.err
}

// finds takes down what is wrong, unless something was before.
func (s *successor) finds(wrong bool, format string, args ...any) {
	if wrong && s.wrong == "" && s.err == nil {
		s.wrong = fmt.Sprintf(format, args...)
	}
}

// above complains of a number that the old cluster may have given out.
func (s *successor) above(what string, number uint64) {
	s.finds(number <= uint64(s.base), "%s %d is given out, and the new cluster begins at %d", what, number, s.base)
}

// askIf is ask, unless something is wrong already.
func (s *successor) askIf(ev node.Event) (a node.Answer, ok bool) {
	if s.err != nil || s.wrong != "" {
		return node.Answer{}, false
	}
	a, s.err = s.ask(ev)
	return a, s.err == nil
}
