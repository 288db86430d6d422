package auth

import (
	"fmt"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func drawTicket(t *rapid.T) Ticket {
	c := Ticket{Kind: rapid.SampledFrom(ticketKinds).Draw(t, "kind")}
	copy(c.bits[:], rapid.SliceOfN(rapid.Byte(), len(c.bits), len(c.bits)).Draw(t, "bits"))
	return c
}

func TestATicketIsReadHoweverAPersonCopiesIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawTicket(t)
		text := c.Text()
		require.Regexp(t, `^(invite|reset|bootstrap)(-[0-9a-hjkmnp-tv-z]{4}){7}$`, text)
		groups := strings.TrimPrefix(text, string(c.Kind)+"-")
		for _, spelling := range []string{
			text,
			strings.ToUpper(text),
			" " + text + "\r\n",
			groups,
			strings.ReplaceAll(groups, "-", ""),
			strings.ReplaceAll(groups, "-", " "),
			string(c.Kind) + "-" + strings.ReplaceAll(strings.ReplaceAll(groups, "1", "l"), "0", "O"),
			string(c.Kind) + "-" + strings.ReplaceAll(groups, "1", "I"),
		} {
			back, err := ParseTicket(c.Kind, "code", spelling)
			require.NoError(t, err, spelling)
			require.Equal(t, c, back)
			require.Equal(t, c.Hash(), back.Hash())
		}
	})
}

// What is at stake: a code that was handed out before an upgrade opens its door after it.
func TestTheFormOfATicketStaysWhatItIs(t *testing.T) {
	c := Ticket{Invite, [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}}
	require.Equal(t, "invite-0410-6105-0r3g-g28a-1c60-t3gf-227g", c.Text())
	require.Equal(t, "5eaae84964d8e56da05a7cc1b433a10af9c893382a14c1462e2cdba00ce69785", fmt.Sprintf("%x", [32]byte(c.Hash())))
}

func TestARepeatedRequestGetsTheSameCode(t *testing.T) {
	bits := []byte("sixteen  letters")
	first, err := TicketFrom(Reset, "secret", bits)
	require.NoError(t, err)
	again, err := TicketFrom(Reset, "secret", bits)
	require.NoError(t, err)
	require.Equal(t, first.Text(), again.Text())
	read, err := ParseTicket(Reset, "code", first.Text())
	require.NoError(t, err)
	require.Equal(t, first.Hash(), read.Hash())
	for _, wrong := range [][]byte{nil, bits[:15], append(bits[:16:16], 'x'), make([]byte, 16)} {
		_, err := TicketFrom(Reset, "secret", wrong)
		r := refused(t, err)
		require.Equal(t, ReasonSecretMalformed, r.Reason)
		require.Equal(t, "secret", r.Field)
	}
}

func TestATicketOfAnotherKindIsRefusedAndHasAnotherHash(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawTicket(t)
		for _, kind := range ticketKinds {
			if kind == c.Kind {
				continue
			}
			_, err := ParseTicket(kind, "code", c.Text())
			r := refused(t, err)
			require.Equal(t, ReasonTicketOtherKind, r.Reason)
			require.Equal(t, "code", r.Field)
			require.NotEqual(t, c.Hash(), Ticket{kind, c.bits}.Hash())
		}
	})
}

// One byte of check lets one slip of 256 through; that one is then unknown to the state.
func TestASlipOfThePenIsToldFromAnUnknownCode(t *testing.T) {
	c := Ticket{Invite, [16]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}}
	text := c.Text()
	tried, noticed := 0, 0
	for at := len("invite-"); at < len(text); at++ {
		if text[at] == '-' {
			continue
		}
		for _, other := range "0123456789abcdefghjkmnpqrstvwxyz" {
			if byte(other) == text[at] {
				continue
			}
			tried++
			slip := text[:at] + string(other) + text[at+1:]
			if got, err := ParseTicket(Invite, "code", slip); err != nil {
				requireReason(t, ReasonTicketMalformed, err)
				noticed++
			} else {
				require.NotEqual(t, c, got)
			}
		}
	}
	require.Equal(t, 28*31, tried)
	require.Greater(t, noticed, tried*98/100)
}

func TestWhatIsNoCodeIsRefused(t *testing.T) {
	good := NewTicket(Invite).Text()
	for _, text := range []string{"", "invite", "invite-", "-", good[:len(good)-1], good + "0", good + "-0000", "invite-" + good,
		strings.Repeat("0", 28*10), strings.Repeat("-", 1<<20), "u" + good[8:], "invite-\x00\xff", strings.Repeat("ſ", 28)} {
		_, err := ParseTicket(Invite, "invite", text)
		require.Equal(t, "invite", refused(t, err).Field)
		requireReason(t, ReasonTicketMalformed, err)
	}
}

// Whatever is taken for a code is the code that its letters say, in one spelling and no other.
func FuzzTickets(f *testing.F) {
	for n, kind := range ticketKinds {
		f.Add(uint8(n), NewTicket(kind).Text())
	}
	f.Add(uint8(0), "INVITE-0000 0000-oooo-llll")
	f.Fuzz(func(t *testing.T, n uint8, text string) {
		kind := ticketKinds[int(n)%len(ticketKinds)]
		c, err := ParseTicket(kind, "code", text)
		if err != nil {
			refused(t, err)
			return
		}
		plain := func(s string) string {
			s = strings.ToLower(strings.TrimSpace(s))
			s = strings.TrimPrefix(s, string(kind)+"-")
			s = strings.NewReplacer("i", "1", "l", "1", "o", "0").Replace(s)
			return strings.Map(func(r rune) rune {
				if r == '-' || unicode.IsSpace(r) {
					return -1
				}
				return r
			}, s)
		}
		require.Equal(t, plain(c.Text()), plain(text))
	})
}
