package auth

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestAPasswordIsJudgedByItsLengthAndByWhatEverybodyTries(t *testing.T) {
	long := strings.Repeat("quiet-otters ", 6)
	for name, c := range map[string]struct {
		policy             Policy
		username, password string
		reason             string // "" is taken
	}{
		"eight characters":                   {password: "vq7#mtzp"},
		"seven characters":                   {password: "vq7#mtz", reason: ReasonPasswordTooShort},
		"empty":                              {password: "", reason: ReasonPasswordTooShort},
		"eight characters of two bytes":      {password: "ähöüßéèø"},
		"seven characters of four bytes":     {password: "🦦🦊🦉🐝🐙🦀🐌", reason: ReasonPasswordTooShort},
		"eight characters of four bytes":     {password: "🦦🦊🦉🐝🐙🦀🐌🐿"},
		"letters only":                       {password: "ottersdancequietly"},
		"digits only":                        {password: "7295018364"},
		"blanks":                             {password: "an otter sings"},
		"72 bytes":                           {password: long[:72]},
		"73 bytes":                           {password: long[:73], reason: ReasonPasswordTooLong},
		"19 emoji are 76 bytes":              {password: strings.Repeat("🦦", 19), reason: ReasonPasswordTooLong},
		"no text":                            {password: "vq7#mtzp\xff", reason: ReasonPasswordNotUTF8},
		"the username":                       {username: "OtterFan77", password: "OtterFan77", reason: ReasonPasswordIsUsername},
		"the username in other case":         {username: "OtterFan77", password: "oTTERfAN77", reason: ReasonPasswordIsUsername},
		"more than the username":             {username: "OtterFan77", password: "OtterFan77!"},
		"on the list":                        {password: "password1", reason: ReasonPasswordCommon},
		"on the list, in other case":         {password: "PassWord1", reason: ReasonPasswordCommon},
		"a walk over the keyboard":           {password: "qwertyui", reason: ReasonPasswordCommon},
		"a longer minimum":                   {policy: Policy{RunesMin: 12}, password: "vq7#mtzp", reason: ReasonPasswordTooShort},
		"a longer minimum, met":              {policy: Policy{RunesMin: 12}, password: "vq7#mtzp-12x"},
		"a shorter minimum":                  {policy: Policy{RunesMin: 4}, password: "vq7#"},
		"a shorter minimum, and on the list": {policy: Policy{RunesMin: 4}, password: "1234", reason: ReasonPasswordCommon},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.policy.Check("new_password", c.username, c.password)
			if c.reason == "" {
				require.NoError(t, err)
				return
			}
			r := refused(t, err)
			require.Equal(t, c.reason, r.Reason)
			require.Equal(t, "new_password", r.Field)
			require.Equal(t, Invalid, r.Code)
			if c.password != "" {
				require.NotContains(t, r.Error(), c.password)
			}
		})
	}
}

func TestAPolicyThatNobodyCouldSatisfyIsRefused(t *testing.T) {
	require.Error(t, Policy{RunesMin: -1}.Validate())
	require.Error(t, Policy{RunesMin: PasswordBytesMax + 1}.Validate())
	require.NoError(t, Policy{}.Validate())
	require.NoError(t, Policy{RunesMin: PasswordBytesMax}.Validate())
}

// The demonstration's passwords are given without asking the policy; nobody else may have them.
func TestWellKnownPasswordsAreOnTheList(t *testing.T) {
	for _, p := range strings.Fields(`
		password1 12345678 qwertyui iloveyou1 letmein123 password 123456789 1234567890 qwerty123 1q2w3e4r 1qaz2wsx
		zaq12wsx trustno1 password123 admin123 welcome1 Welcome1 P@ssw0rd Passw0rd! sunshine princess1 football1 baseball1 superman
		iloveyou 11111111 00000000 88888888 87654321 abcd1234 asdfghjkl qwertyuiop 123123123 1234qwer qwer1234 q1w2e3r4
		summer2024 Winter2025! Password2026 changeme letmein1 michael1 charlie1 charlie123 alice123 bob12345 starwars whatever computer
		123456 12345 qwerty abc123 111111 123123 monkey dragon 1234 654321 master shadow`) {
		want := p != "alice123" && p != "bob12345"
		require.Equal(t, want, isCommon(p), p)
	}
}

func TestTheListHasThousandsOfEntriesThatThePolicyWouldTakeOtherwise(t *testing.T) {
	list := common()
	require.True(t, slices.IsSorted(list))
	require.Len(t, slices.Compact(slices.Clone(list)), len(list))
	var refusedByLength, refusedByList int
	for _, p := range list {
		require.Equal(t, strings.ToLower(p), p)
		require.True(t, utf8.ValidString(p))
		r := refused(t, Policy{}.Check("password", "somebody", p))
		switch r.Reason {
		case ReasonPasswordCommon:
			refusedByList++
		case ReasonPasswordTooShort:
			refusedByLength++
		default:
			t.Fatalf("%q: %v", p, r)
		}
	}
	require.GreaterOrEqual(t, refusedByList, 3000)
	require.Greater(t, refusedByLength, 1000, "short ones matter where the policy allows them")
	require.Equal(t, len(list), refusedByList+refusedByLength)
}

// A list that grew out of hand would refuse what people think of by themselves.
func TestWhatPeopleThinkOfByThemselvesIsNotOnTheList(t *testing.T) {
	for _, p := range []string{"correct horse battery staple", "vq7#mtzp", "otters-at-noon", "Tr0ub4dor&3", "seven green chairs", "my dog eats 3 shoes",
		"hilltop-lantern", "4 o'clock tea", "ünterwegs"} {
		require.NoError(t, Policy{}.Check("password", "somebody", p))
	}
}
