package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
)

// redacted is what secrets write instead of themselves.
const redacted = "[secret]"

// Secret is 32 random bytes that somebody keeps: a client for its login, a cluster for its
// signing key. Only its hash is ever replicated for a login.
//
// Printed by any verb, marshalled to JSON or logged, it is "[secret]". Encode shows it.
type Secret [32]byte

// SecretHash is the SHA-256 of a secret. As the secret is 256 random bits, no salt and no slow hash
// is needed: there is nothing to guess.
type SecretHash [sha256.Size]byte

// Proof is the first half of a SecretHash. Commands carry it: 128 bits can't be guessed, and
// they are half as long in every entry of the log.
type Proof [16]byte

// secretEncoding is base64url without padding, as in tokens; bits that mean nothing must be zero, so
// that a secret has one spelling.
var secretEncoding = base64.RawURLEncoding.Strict()

// NewSecret draws a secret from the operating system's source.
func NewSecret() Secret {
	var s Secret
	_, _ = rand.Read(s[:]) // never fails: it ends the process instead
	return s
}

// ParseSecret reads what Encode wrote. field is the name of the request's field, for the refusal.
func ParseSecret(field, text string) (Secret, error) {
	if len(text) != secretEncoding.EncodedLen(len(Secret{})) {
		return Secret{}, malformedSecret(field)
	}
	b, err := secretEncoding.DecodeString(text)
	if err != nil {
		return Secret{}, malformedSecret(field)
	}
	return SecretFrom(field, b)
}

// SecretFrom takes a secret that came as bytes. Zeros are refused: they come from a client that
// forgot to draw, and would be everybody's.
func SecretFrom(field string, b []byte) (Secret, error) {
	if len(b) != len(Secret{}) || Secret(b) == (Secret{}) {
		return Secret{}, malformedSecret(field)
	}
	return Secret(b), nil
}

func malformedSecret(field string) error {
	return refuse(Invalid, ReasonSecretMalformed, field,
		"The secret of a login has %d bytes, drawn at random. (As text it is base64url without padding.)", len(Secret{}))
}

// Encode writes the secret as 43 characters of base64url.
func (s Secret) Encode() string { return secretEncoding.EncodeToString(s[:]) }

// Hash is what the replicated state keeps of the secret.
func (s Secret) Hash() SecretHash { return sha256.Sum256(s[:]) }

// Proof is what a command shows of the secret.
func (s Secret) Proof() Proof { return s.Hash().Proof() }

// Proof is what a command must show to fit this hash.
func (h SecretHash) Proof() Proof { return Proof(h[:len(Proof{})]) }

// Format implements fmt.Formatter for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText keeps the secret out of JSON and of structured logs.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
