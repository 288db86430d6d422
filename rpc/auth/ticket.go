package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"io"
	"strings"
)

// TicketKind says what a code opens. It is part of the hash: the code of one kind is worthless as another.
type TicketKind string

// The kinds.
const (
	Invite    TicketKind = "invite"    // an account, where sign-up is by invitation
	Reset     TicketKind = "reset"     // a new password for one account
	Bootstrap TicketKind = "bootstrap" // the first cluster admin
)

var ticketKinds = []TicketKind{Invite, Reset, Bootstrap}

// Ticket is a one-time secret that one person hands to another, so it must survive a telephone:
//
//	invite-8w3k-2m5x-...-90tq     128 random bits and a check byte in 7 groups of 4
//
// The letters are Crockford's base32: no i, l, o or u. Parsing takes either case, reads i and l as 1 and o as 0,
// and ignores blanks and hyphens. The check byte tells a slip of the pen (255 of 256 are noticed) from a code that
// was used up or never was.
//
// Printed, it is "[secret]". Text shows it.
type Ticket struct {
	Kind TicketKind
	bits [16]byte
}

// ticketEncoding writes 17 bytes (136 bits) in 28 characters; the last one's four lower bits are zero.
var ticketEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// ticketReading is how people's spelling becomes ours.
var ticketReading = strings.NewReplacer("-", "", " ", "", "\t", "", "\r", "", "\n", "", "i", "1", "l", "1", "o", "0")

const ticketGroup = 4

// NewTicket draws a code.
func NewTicket(kind TicketKind) Ticket {
	t := Ticket{Kind: kind}
	_, _ = rand.Read(t.bits[:]) // never fails: it ends the process instead
	return t
}

// TicketFrom makes a code of bits that a client drew, so that whoever repeats the request gets the same code. Zeros are
// refused, as with secrets.
func TicketFrom(kind TicketKind, field string, bits []byte) (Ticket, error) {
	t := Ticket{Kind: kind}
	if copy(t.bits[:], bits); len(bits) != len(t.bits) || t.bits == [16]byte{} {
		return Ticket{}, refuse(Invalid, ReasonSecretMalformed, field, "The secret of a code has %d bytes, drawn at random.", len(t.bits))
	}
	return t, nil
}

// ParseTicket reads a code of one kind, as a person typed it. The kind in front may be missing.
func ParseTicket(kind TicketKind, field, text string) (Ticket, error) {
	if len(text) > ticketTextBytesMax {
		return Ticket{}, refuse(Invalid, ReasonTicketMalformed, field, "This is too long for a code. Copy it anew.")
	}
	text = strings.ToLower(strings.TrimSpace(text))
	for _, k := range ticketKinds {
		if rest, found := strings.CutPrefix(text, string(k)+"-"); found {
			if k != kind {
				return Ticket{}, refuse(Invalid, ReasonTicketOtherKind, field, "This is a code for something else: it begins with %s-, and the one that is needed here with %s-.", k, kind)
			}
			text = rest
			break
		}
	}
	letters := ticketReading.Replace(text)
	b, err := ticketEncoding.DecodeString(letters)
	t := Ticket{Kind: kind}
	if err == nil && len(b) == len(t.bits)+1 {
		copy(t.bits[:], b)
		if t.letters() == letters {
			return t, nil
		}
	}
	return Ticket{}, refuse(Invalid, ReasonTicketMalformed, field,
		"The code is mistyped. Copy it anew: it looks like %s-xxxx-xxxx-xxxx-xxxx-xxxx-xxxx-xxxx.", kind)
}

// Text writes the code for the person who passes it on.
func (t Ticket) Text() string {
	var b strings.Builder
	b.WriteString(string(t.Kind))
	for letters := t.letters(); letters != ""; letters = letters[ticketGroup:] {
		b.WriteByte('-')
		b.WriteString(letters[:ticketGroup])
	}
	return b.String()
}

// letters are bits and check byte without ornament.
func (t Ticket) letters() string {
	return ticketEncoding.EncodeToString(append(t.bits[:], t.sum("check")[0]))
}

// Hash is what the replicated state keeps of the code.
func (t Ticket) Hash() SecretHash { return t.sum("hash") }

// sum separates what a code is hashed for, so that the check byte, which whoever sees the code may know,
// says nothing about the hash.
func (t Ticket) sum(purpose string) SecretHash {
	return sha256.Sum256(fmt.Appendf(nil, "parley %s %s\x00%s", t.Kind, purpose, t.bits[:]))
}

// Format implements fmt.Formatter for every verb.
func (t Ticket) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText keeps the code out of JSON and of structured logs.
func (t Ticket) MarshalText() ([]byte, error) { return []byte(redacted), nil }
