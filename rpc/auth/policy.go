package auth

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Policy says which passwords may be set. It follows NIST SP 800-63B: length and a list of what
// everybody tries first, no rules of composition. Passwords of long ago are not
// judged at log-in: only sign-up, change and reset ask it.
type Policy struct {
	RunesMin int // characters, counted as code points; 0 is PasswordRunesDefault
}

// Validate refuses a policy that nobody could satisfy.
func (p Policy) Validate() error {
	if p.RunesMin < 0 || p.RunesMin > PasswordBytesMax {
		return fmt.Errorf("shortest password of %d characters: must be from 1 to %d, or 0 for %d",
			p.RunesMin, PasswordBytesMax, PasswordRunesDefault)
	}
	return nil
}

// tooLongText wants the bound and what it is.
const tooLongText = "A password has at most %d bytes, and this one has %d. (A letter with an accent takes two, an emoji four.)"

// Check judges a new password of the account with that name. field is the request's field, for the refusal.
func (p Policy) Check(field, username, password string) error {
	runesMin := p.RunesMin
	if runesMin == 0 {
		runesMin = PasswordRunesDefault
	}
	switch {
	case len(password) > PasswordBytesMax:
		return refuse(Invalid, ReasonPasswordTooLong, field, tooLongText, PasswordBytesMax, len(password))
	case !utf8.ValidString(password):
		return refuse(Invalid, ReasonPasswordNotUTF8, field, "A password is text in UTF-8.")
	case utf8.RuneCountInString(password) < runesMin:
		return refuse(Invalid, ReasonPasswordTooShort, field, "A password has at least %d characters.", runesMin)
	case strings.EqualFold(password, username):
		return refuse(Invalid, ReasonPasswordIsUsername, field, "A password is not the username. Choose something that others don't know.")
	case isCommon(password):
		return refuse(Invalid, ReasonPasswordCommon, field, "This password is one of those that everybody tries first. Choose another one: several words, for instance.")
	}
	return nil
}
