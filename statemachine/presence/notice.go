package presence

import (
	"parley/statemachine/state"
)

// MayNotice asks whether the caller may say a notice, before the streams of all nodes are told.
type MayNotice struct{ state.Notice }

// Kind is the query's number.
func (*MayNotice) Kind() uint8 { return kindMayNotice }

// Heard answers MayNotice. There is nothing to say but that he may.
type Heard struct{}

// Code passes no fields.
func (*Heard) Code(*state.Coder) {}

// Answer reads.
func (q *MayNotice) Answer(v *state.View) (state.Coded, *state.Refusal) {
	_, refusal := v.Notice(&q.Notice)
	return &Heard{}, refusal
}
