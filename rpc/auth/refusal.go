package auth

import (
	"fmt"
	"time"
)

// Code says what sort of refusal it is. The edge maps each to one gRPC code.
type Code uint8

// The codes.
const (
	Invalid         Code = iota + 1 // the caller must write something else: INVALID_ARGUMENT
	Unauthenticated                 // the caller must log in: UNAUTHENTICATED
	Exhausted                       // the caller must wait for RetryAfter: RESOURCE_EXHAUSTED
	Unavailable                     // this node can't say yet; another one or a later try may: UNAVAILABLE
)

func (c Code) String() string {
	switch c {
	case Invalid:
		return "invalid"
	case Unauthenticated:
		return "unauthenticated"
	case Exhausted:
		return "exhausted"
	case Unavailable:
		return "unavailable"
	}
	return fmt.Sprintf("code %d", uint8(c))
}

// The reasons, as they stand in ErrorInfo.reason. They never change their meaning.
const (
	ReasonTokenMissing     = "TOKEN_MISSING"
	ReasonTokenInvalid     = "TOKEN_INVALID"
	ReasonTokenExpired     = "TOKEN_EXPIRED"
	ReasonTokenNotYetValid = "TOKEN_NOT_YET_VALID"
	ReasonTokenOtherPlace  = "TOKEN_OTHER_CLUSTER"
	// ReasonTokenKeyUnknown: the key was retired, or this node has not heard of it yet. A caller
	// that can wait until its state has caught up should verify once more.
	ReasonTokenKeyUnknown = "TOKEN_KEY_UNKNOWN"
	ReasonNoSigningKey    = "NO_SIGNING_KEY"

	ReasonPasswordTooShort   = "PASSWORD_TOO_SHORT"
	ReasonPasswordTooLong    = "PASSWORD_TOO_LONG"
	ReasonPasswordCommon     = "PASSWORD_COMMON"
	ReasonPasswordIsUsername = "PASSWORD_IS_USERNAME"
	ReasonPasswordNotUTF8    = "PASSWORD_NOT_UTF8"

	ReasonCredentials  = "WRONG_CREDENTIALS"
	ReasonLoginLimited = "LOGIN_LIMITED"
	ReasonHasherBusy   = "PASSWORD_CHECKS_BUSY"
	ReasonRateLimited  = "RATE_LIMITED"
	ReasonTooLarge     = "TOO_LARGE"

	ReasonSecretMalformed = "SECRET_MALFORMED"
	ReasonTicketMalformed = "CODE_MALFORMED"
	ReasonTicketOtherKind = "CODE_OTHER_KIND"
)

// Refusal is what this package answers instead of doing something. Every error that a caller can
// cause is one.
type Refusal struct {
	Code       Code
	Reason     string        // for programs: upper-case words, stable
	Field      string        // the request's field, if one is to blame
	Text       string        // for a person: what is wrong, and what to do
	RetryAfter time.Duration // with Exhausted and Unavailable: earlier is in vain
}

// Error returns the sentence.
func (r *Refusal) Error() string { return r.Text }

func refuse(code Code, reason, field, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Reason: reason, Field: field, Text: fmt.Sprintf(format, args...)}
}

// wait refuses until d has passed.
func wait(reason string, d time.Duration, format string, args ...any) *Refusal {
	r := refuse(Exhausted, reason, "", format, args...)
	r.RetryAfter = d
	return r
}
