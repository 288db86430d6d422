package auth

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASecretIsReadAsItWasWritten(t *testing.T) {
	s := NewSecret()
	require.NotEqual(t, s, NewSecret())
	back, err := ParseSecret("secret", s.Encode())
	require.NoError(t, err)
	require.Equal(t, s, back)
	back, err = SecretFrom("secret", s[:])
	require.NoError(t, err)
	require.Equal(t, s, back)
}

// The proof is what a client in another language, and the state machine, compute by themselves.
func TestAProofIsTheFirstHalfOfTheSHA256OfTheSecret(t *testing.T) {
	s := NewSecret()
	sum := sha256.Sum256(s[:])
	require.Equal(t, SecretHash(sum), s.Hash())
	require.Equal(t, Proof(sum[:16]), s.Proof())
	require.Equal(t, s.Proof(), s.Hash().Proof())
}

func TestWhatIsNoSecretIsRefusedWithTheField(t *testing.T) {
	good := NewSecret().Encode()
	for name, text := range map[string]string{
		"empty":        "",
		"short":        good[:42],
		"long":         good + "A",
		"padded":       good[:42] + "=",
		"other base64": strings.Repeat("+", 43),
		"line break":   good[:20] + "\n" + good[21:],
		"zeros":        Secret{}.Encode(),
		// 43 characters are 258 bits; the last two must be zero, or a secret had four spellings.
		"second spelling": strings.Repeat("A", 42) + "B",
	} {
		_, err := ParseSecret("secret", text)
		r := refused(t, err)
		require.Equal(t, ReasonSecretMalformed, r.Reason, name)
		require.Equal(t, "secret", r.Field, name)
		require.Equal(t, Invalid, r.Code, name)
	}
	_, err := SecretFrom("secret", make([]byte, 31))
	requireReason(t, ReasonSecretMalformed, err)
}

// What is at stake: a log line that somebody adds in a hurry must not hold what opens an account.
func TestSecretsDoNotShowHoweverTheyArePrinted(t *testing.T) {
	s := NewSecret()
	ticket := NewTicket(Reset)
	key := NewKey("k1")
	for _, v := range []any{s, &s, ticket, key, &key, Keys{Cluster: 1, Sign: key, Older: []Key{key}}, Claims{User: "u", Secret: s}, []Secret{s},
		map[string]Ticket{"t": ticket}} {
		var printed strings.Builder
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%b"} {
			fmt.Fprintf(&printed, verb+"\n", v)
		}
		marshalled, err := json.Marshal(v)
		require.NoError(t, err)
		printed.Write(marshalled)
		slog.New(slog.NewTextHandler(&printed, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&printed, nil)).Info("x", "v", v)
		for _, hidden := range []string{s.Encode(), ticket.Text(), key.Secret.Encode(),
			fmt.Sprintf("%x", s[:]), fmt.Sprintf("%x", ticket.bits[:]), fmt.Sprintf("%x", key.Secret[:]),
			fmt.Sprintf("%X", s[:]), strings.Trim(fmt.Sprint(s[:]), "[]"), strings.Trim(fmt.Sprint(ticket.bits[:]), "[]"), strings.Trim(fmt.Sprint(key.Secret[:]), "[]"),
			strings.ReplaceAll(strings.Trim(fmt.Sprint(s[:]), "[]"), " ", ",")} {
			require.NotContains(t, printed.String(), hidden, "%T", v)
		}
		require.Contains(t, printed.String(), redacted)
	}
}
