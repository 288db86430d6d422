// Package usage tells apart, for all commands but parley, what is wrong with a call from what went wrong: the exit codes are 2
// and 1. For all of them it sees to it that no output is lost in silence.
package usage

import (
	"errors"
	"fmt"
)

// Error is an error in how a command was called.
type Error struct{ err error }

func (e Error) Error() string { return e.err.Error() }

// Unwrap returns what is wrong.
func (e Error) Unwrap() error { return e.err }

// Errorf returns such an error.
func Errorf(format string, args ...any) error { return Error{fmt.Errorf(format, args...)} }

// Wrong makes an error one of the call; of errors that were joined, each.
func Wrong(err error) error {
	if err == nil {
		return nil
	}
	all, joined := err.(interface{ Unwrap() []error })
	if !joined {
		return Error{err}
	}
	var wrong []error
	for _, one := range all.Unwrap() {
		wrong = append(wrong, Wrong(one))
	}
	return errors.Join(wrong...)
}

// Code is the exit code of a command that ended with an error, or with none.
func Code(err error) int {
	if err == nil {
		return 0
	}
	if _, ok := errors.AsType[Error](err); ok {
		return 2
	}
	return 1
}
