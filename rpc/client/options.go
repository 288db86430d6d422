package client

import (
	"fmt"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"

	"parley/raft"
	"parley/raft/node"
)

// Option changes how one request is made.
type Option func(*how)

// how is what the options of one request say.
type how struct {
	requestID string
	within    time.Duration
	stale     bool
	seen      func(raft.Position)
}

// Once sends a command under a request id instead of in the client's session, unless it is empty: for 24 hours whoever says the same under
// it gets the same answer, and nothing happens twice. An outcome that is unknown is
// found out by calling again, in this process or another.
func Once(requestID string) Option { return func(h *how) { h.requestID = requestID } }

// Stale lets any node answer a read from what it has, be it old; the answer's position says how old. Commands
// pass over it.
func Stale(stale bool) Option { return func(h *how) { h.stale = stale } }

// Within bounds the wait for one answer, and of a list for each of its pages; zero is no bound but the context's.
func Within(d time.Duration) Option { return func(h *how) { h.within = d } }

// StaleAt is Stale, and tells which position the answer is of.
func StaleAt(seen func(raft.Position)) Option {
	return func(h *how) { h.stale, h.seen = true, seen }
}

func howOf(options []Option) (h how, err error) {
	for _, o := range options {
		o(&h)
	}
	if len(h.requestID) > RequestIDBytesMax || !utf8.ValidString(h.requestID) {
		return h, &Error{Outcome: node.Refused, Code: codes.InvalidArgument, Reason: "FIELD_INVALID", Field: "command.request_id",
			Text: fmt.Sprintf("The request id is not UTF-8 of at most %d bytes.", RequestIDBytesMax)}
	}
	return h, nil
}
