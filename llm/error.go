package llm

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Failure is why there is no text.
type Failure uint8

// The failures. Callers may try again after the first two.
const (
	_             Failure = iota
	RateLimited           // too many requests, here or at the backend
	Unavailable           // the backend cannot be reached or has trouble of its own
	Refused               // the backend does not want to answer this
	Malformed             // the backend's answer is not one, or was cut
	TooLarge              // the prompt is larger than the backend takes
	Invalid               // the request makes no sense
	Misconfigured         // a key, a model, a file or a library is missing or not taken
	External              // the text may not leave the machine, and would
)

var failureNames = [...]string{
	RateLimited: "rate limited", Unavailable: "unavailable", Refused: "refused", Malformed: "malformed", TooLarge: "too large", Invalid: "invalid", Misconfigured: "misconfigured", External: "external",
}

// String returns the name of the failure.
func (f Failure) String() string {
	if f == 0 || int(f) >= len(failureNames) {
		return fmt.Sprintf("Failure(%d)", uint8(f))
	}
	return failureNames[f]
}

// An Error says why there is no text. Its words are the backend's author's: what a server on the other side said is not in
// them, since it may repeat what it was sent.
type Error struct {
	Failure    Failure
	RetryAfter time.Duration // 0 if it is not known
	Text       string        // one sentence for a person, without a word of the request
}

// Error returns the sentence.
func (e *Error) Error() string { return e.Text }

// Errorf returns an error. The arguments must not come from a request or an answer.
func Errorf(f Failure, format string, args ...any) *Error {
	return &Error{Failure: f, Text: fmt.Sprintf(format, args...)}
}

// FromContext returns the error of a context that ended, and err otherwise: a library that was interrupted calls it
// by names of its own.
func FromContext(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// FailureOf returns the failure of an error, and 0 if it has none.
func FailureOf(err error) Failure {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Failure
	}
	return 0
}

// retryAfterMax bounds what a backend may say about when to come back.
const retryAfterMax = time.Hour

// FromStatus returns the error for the HTTP status of a backend's answer. retryAfter is what the backend said, or 0.
func FromStatus(backend string, status int, retryAfter time.Duration) *Error {
	e := &Error{RetryAfter: min(max(retryAfter, 0), retryAfterMax)}
	switch {
	case status == 429:
		e.Failure, e.Text = RateLimited, backend+" is asked too often"
	case status == 401, status == 403:
		e.Failure, e.Text = Misconfigured, backend+" does not take the key"
	case status == 404:
		e.Failure, e.Text = Misconfigured, backend+" does not know the model, or the base address is wrong"
	case status == 413:
		e.Failure, e.Text = TooLarge, backend+" finds the prompt too large"
	case status == 400, status == 422:
		e.Failure, e.Text = Refused, fmt.Sprintf("%s does not take the request (HTTP %d)", backend, status)
	case status == 408, status >= 500:
		e.Failure, e.Text = Unavailable, fmt.Sprintf("%s has trouble (HTTP %d)", backend, status)
	default:
		e.Failure, e.Text = Malformed, fmt.Sprintf("%s answered HTTP %d", backend, status)
	}
	return e
}
