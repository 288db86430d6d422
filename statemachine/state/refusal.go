package state

import (
	"fmt"
	"time"
)

// Code is the kind of a refusal, as programs tell them apart. Codes are in replicated replies; they never change.
type Code uint8

// The codes.
const (
	OK              Code = 0
	Malformed       Code = 1  // the bytes are no command or query of this release
	Invalid         Code = 2  // a field is not as it must be, whatever the state is
	NotFound        Code = 3  // it does not exist, or not for whoever asks
	Exists          Code = 4  // it exists already
	NotPermitted    Code = 5  // it is not for the caller to do this
	Unauthenticated Code = 6  // no login, or one that has ended
	Conflict        Code = 7  // somebody else changed it meanwhile
	Exhausted       Code = 8  // a bound is reached
	Precondition    Code = 9  // not as things are
	NotYet          Code = 10 // some node still runs a release that does not know the command
)

// String names the code as traces print it.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("code%d", uint8(c))
}

var codeNames = [...]string{"ok", "malformed", "invalid", "not found", "exists", "not permitted", "not logged in", "conflict", "exhausted",
	"precondition", "not yet"}

// Refusal is a reply that says why a command changed nothing, or why a query has no answer.
type Refusal struct {
	Code       Code
	Reason     string        // a stable word in upper case, for programs
	Field      string        // Invalid: which one, as the wire names it
	Text       string        // one sentence, for a person
	RetryAfter time.Duration // Exhausted: when it is worth trying again; zero if that is not known
}

// Error returns the sentence.
func (r *Refusal) Error() string { return r.Text }

// Code passes the fields that stand behind the code.
func (r *Refusal) code(c *Coder) {
	c.String(&r.Reason)
	c.String(&r.Field)
	c.String(&r.Text)
	Number(c, &r.RetryAfter)
}

// Invalidf refuses a field.
func Invalidf(field, reason, format string, args ...any) *Refusal {
	return &Refusal{Code: Invalid, Reason: reason, Field: field, Text: fmt.Sprintf(format, args...)}
}

// Refusef refuses for any other reason.
func Refusef(code Code, reason, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Reason: reason, Text: fmt.Sprintf(format, args...)}
}

// ReplyVersion is the first byte of every reply.
const ReplyVersion = 2

// AppendReply appends an answer or a refusal.
//
//	u8 version=2 | u8 code=0 | the answer's fields
//	u8 version=2 | u8 code   | string reason | string field | string text | number retry after
func AppendReply(dst []byte, answer Coded, refusal *Refusal) []byte {
	c := Coder{encode: true, bytes: dst}
	c.reply(answer, refusal)
	return c.bytes
}

// reply is AppendReply.
func (c *Coder) reply(answer Coded, refusal *Refusal) {
	if refusal != nil {
		c.bytes = append(c.bytes, ReplyVersion, byte(refusal.Code))
		refusal.code(c)
		return
	}
	c.bytes = append(c.bytes, ReplyVersion, byte(OK))
	answer.Code(c)
}

// DecodeReply reads a reply into answer. The error is a *Refusal if the state machine refused, ErrMalformed or
// ErrVersion if the bytes are no reply.
func DecodeReply(src []byte, answer Coded) error {
	if len(src) < 2 {
		return ErrMalformed
	}
	if src[0] != ReplyVersion {
		return ErrVersion
	}
	if Code(src[1]) == OK {
		return decode(Coder{bytes: src[2:], share: len(src)}, answer) // who reads a reply is soon done with it
	}
	refusal := &Refusal{Code: Code(src[1])}
	c := Coder{bytes: src[2:]}
	refusal.code(&c)
	if c.bad || len(c.bytes) != 0 {
		return ErrMalformed
	}
	return refusal
}
