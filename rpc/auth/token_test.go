package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

const testCluster = 0xc0ffee

// fixture is a ring with one key, and what it minted.
type fixture struct {
	*clock
	ring   *Keyring
	keys   Keys
	secret Secret
	token  Token
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{clock: newClock(), keys: Keys{Cluster: testCluster, Sign: NewKey("k1")}, secret: NewSecret()}
	var err error
	f.ring, err = NewKeyring(0, f.now)
	require.NoError(t, err)
	require.NoError(t, f.ring.Set(f.keys))
	f.token, err = f.ring.Mint("user_1a", "login_2b", f.secret)
	require.NoError(t, err)
	return f
}

// claims are those of a good token, to be spoilt.
func (f *fixture) claims() map[string]any {
	return map[string]any{
		"iss": "parley", "aud": "parley:0000000000c0ffee", "sub": "user_1a", "login": "login_2b", "sec": f.secret.Encode(),
		"iat": f.now().Unix(), "exp": f.now().Add(time.Hour).Unix(),
	}
}

// sign writes a token as RFC 7519 has it, without the library: what the library refuses to write must be
// refused when it is read, too.
func (f *fixture) sign(t testing.TB, header, claims map[string]any) string {
	t.Helper()
	part := func(v any) string {
		text, err := json.Marshal(v)
		require.NoError(t, err)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := part(header) + "." + part(claims)
	mac := hmac.New(sha256.New, f.keys.Sign.Secret[:])
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func goodHeader() map[string]any { return map[string]any{"alg": "HS256", "typ": "JWT", "kid": "k1"} }

func TestATokenIsVerifiedByEveryRingWithItsKey(t *testing.T) {
	f := newFixture(t)
	require.Equal(t, f.now().Add(LifetimeDefault), f.token.Expires)
	other, err := NewKeyring(time.Minute, f.now)
	require.NoError(t, err)
	require.NoError(t, other.Set(f.keys))
	for range 2 { // the second time from memory
		c, err := other.Verify(f.token.Text)
		require.NoError(t, err)
		require.Equal(t, Claims{User: "user_1a", Login: "login_2b", Secret: f.secret, Proof: f.secret.Proof(),
			Issued: f.now(), Expires: f.token.Expires, KeyID: "k1"}, c)
	}
	again, err := f.ring.Verify(f.sign(t, goodHeader(), f.claims()))
	require.NoError(t, err, "the hand-made token, from which the bad ones are made, is good")
	require.Equal(t, "user_1a", again.User)
}

// What is at stake: nodes of two releases take each other's tokens, and a client of another language may
// read them. The bytes may change only on purpose.
func TestTheFormOfATokenStaysWhatItIs(t *testing.T) {
	f := newFixture(t)
	var key, secret Secret
	for i := range key {
		key[i], secret[i] = byte(i), byte(255-i)
	}
	require.NoError(t, f.ring.Set(Keys{Cluster: testCluster, Sign: Key{"k1", key}}))
	token, err := f.ring.Mint("user_1a", "login_2b", secret)
	require.NoError(t, err)
	parts := strings.Split(token.Text, ".")
	require.Len(t, parts, 3)
	for n, want := range []string{
		`{"alg":"HS256","kid":"k1","typ":"JWT"}`,
		`{"iss":"parley","sub":"user_1a","aud":["parley:0000000000c0ffee"],"exp":1795424400,"iat":1795338000,` +
			`"login":"login_2b","sec":"__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA"}`,
	} {
		got, err := base64.RawURLEncoding.DecodeString(parts[n])
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
	require.Equal(t, "7x3ZNNejq6TjG_hYjEyaqdbLyvZoiaTpOQ5x2LULB1w", parts[2])
}

// Every token here was signed with the very key, except where the signature is the point: nothing but
// the one thing that its name says is wrong with it.
func TestWhatIsWrongWithATokenIsNoticed(t *testing.T) {
	f := newFixture(t)
	with := func(key string, value any) map[string]any {
		c := maps.Clone(f.claims())
		if value == nil {
			delete(c, key)
		} else {
			c[key] = value
		}
		return c
	}
	header := func(key string, value any) map[string]any {
		h := goodHeader()
		if value == nil {
			delete(h, key)
		} else {
			h[key] = value
		}
		return h
	}
	library := func(method jwt.SigningMethod, key any) string {
		tok := jwt.NewWithClaims(method, jwt.MapClaims(f.claims()))
		tok.Header["kid"] = "k1"
		text, err := tok.SignedString(key)
		require.NoError(t, err)
		return text
	}
	pair, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	good := f.sign(t, goodHeader(), f.claims())
	parts := strings.Split(good, ".")
	otherKey := *f
	otherKey.keys.Sign = NewKey("k1")
	hour := f.now().Add(time.Hour).Unix()

	for name, c := range map[string]struct{ token, reason string }{
		"algorithm none":                {library(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType), ReasonTokenInvalid},
		"none, signed as HS256":         {f.sign(t, header("alg", "none"), f.claims()), ReasonTokenInvalid},
		"None in capitals":              {f.sign(t, header("alg", "None"), f.claims()), ReasonTokenInvalid},
		"HS512":                         {library(jwt.SigningMethodHS512, f.keys.Sign.Secret[:]), ReasonTokenInvalid},
		"HS384":                         {library(jwt.SigningMethodHS384, f.keys.Sign.Secret[:]), ReasonTokenInvalid},
		"RS256":                         {library(jwt.SigningMethodRS256, pair), ReasonTokenInvalid},
		"RS256, signed as HS256":        {f.sign(t, header("alg", "RS256"), f.claims()), ReasonTokenInvalid},
		"no algorithm":                  {f.sign(t, header("alg", nil), f.claims()), ReasonTokenInvalid},
		"algorithm of another type":     {f.sign(t, header("alg", 256), f.claims()), ReasonTokenInvalid},
		"another key":                   {otherKey.sign(t, goodHeader(), f.claims()), ReasonTokenInvalid},
		"unknown key id":                {f.sign(t, header("kid", "k2"), f.claims()), ReasonTokenKeyUnknown},
		"no key id":                     {f.sign(t, header("kid", nil), f.claims()), ReasonTokenKeyUnknown},
		"key id of another type":        {f.sign(t, header("kid", []string{"k1"}), f.claims()), ReasonTokenKeyUnknown},
		"another issuer":                {f.sign(t, goodHeader(), with("iss", "gabble")), ReasonTokenInvalid},
		"no issuer":                     {f.sign(t, goodHeader(), with("iss", nil)), ReasonTokenInvalid},
		"another cluster":               {f.sign(t, goodHeader(), with("aud", "parley:0000000000c0ffef")), ReasonTokenOtherPlace},
		"no audience":                   {f.sign(t, goodHeader(), with("aud", nil)), ReasonTokenInvalid},
		"an audience that begins alike": {f.sign(t, goodHeader(), with("aud", "parley:0000000000c0ffee0")), ReasonTokenOtherPlace},
		"expired":                       {f.sign(t, goodHeader(), with("exp", f.now().Add(-tokenLeeway).Unix())), ReasonTokenExpired},
		"expired in 1970":               {f.sign(t, goodHeader(), with("exp", 1)), ReasonTokenExpired},
		"no expiry":                     {f.sign(t, goodHeader(), with("exp", nil)), ReasonTokenInvalid},
		"expiry of zero":                {f.sign(t, goodHeader(), with("exp", 0)), ReasonTokenExpired},
		"expiry null":                   {f.sign(t, goodHeader(), with("exp", json.RawMessage("null"))), ReasonTokenInvalid},
		"expiry as text":                {f.sign(t, goodHeader(), with("exp", "tomorrow")), ReasonTokenInvalid},
		"not yet valid":                 {f.sign(t, goodHeader(), with("nbf", hour-1)), ReasonTokenNotYetValid},
		"no secret":                     {f.sign(t, goodHeader(), with("sec", nil)), ReasonTokenInvalid},
		"a secret of zeros":             {f.sign(t, goodHeader(), with("sec", Secret{}.Encode())), ReasonTokenInvalid},
		"half a secret":                 {f.sign(t, goodHeader(), with("sec", f.secret.Encode()[:20])), ReasonTokenInvalid},
		"no user":                       {f.sign(t, goodHeader(), with("sub", nil)), ReasonTokenInvalid},
		"no login":                      {f.sign(t, goodHeader(), with("login", nil)), ReasonTokenInvalid},
		"a login as a number":           {f.sign(t, goodHeader(), with("login", 7)), ReasonTokenInvalid},
		"a long user":                   {f.sign(t, goodHeader(), with("sub", strings.Repeat("u", claimBytesMax+1))), ReasonTokenInvalid},
		"empty":                         {"", ReasonTokenMissing},
		"two dots":                      {"..", ReasonTokenInvalid},
		"words":                         {"let me in, please", ReasonTokenInvalid},
		"no signature":                  {parts[0] + "." + parts[1] + ".", ReasonTokenInvalid},
		"two parts":                     {parts[0] + "." + parts[1], ReasonTokenInvalid},
		"four parts":                    {good + "." + parts[2], ReasonTokenInvalid},
		"truncated":                     {good[:len(good)-4], ReasonTokenInvalid},
		"padded":                        {good + "=", ReasonTokenInvalid},
		"a line break at the end":       {good + "\n", ReasonTokenInvalid},
		"huge":                          {good + strings.Repeat(".A", 1<<22), ReasonTokenInvalid},
		"huge and valid":                {f.sign(t, goodHeader(), with("pad", strings.Repeat("x", tokenBytesMax))), ReasonTokenInvalid},
		"deep":                          {base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("[", 700))) + ".e30.AA", ReasonTokenInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // a refusal is not remembered as something else
				_, err := f.ring.Verify(c.token)
				r := refused(t, err)
				require.Equal(t, c.reason, r.Reason)
				require.Equal(t, Unauthenticated, r.Code)
				if len(c.token) > 10 {
					require.NotContains(t, r.Error(), c.token[:10])
				}
				require.NotContains(t, r.Error(), "x509")
			}
		})
	}
}

// Whoever has one good token must not be able to make another of it: not a single character may be changed.
func TestEveryCharacterOfATokenCounts(t *testing.T) {
	f := newFixture(t)
	for at := range f.token.Text {
		for _, other := range []byte("Aa0_-.=") {
			if f.token.Text[at] == other {
				continue
			}
			forged := f.token.Text[:at] + string(other) + f.token.Text[at+1:]
			_, err := f.ring.Verify(forged)
			require.Equal(t, Unauthenticated, refused(t, err).Code, "character %d as %c", at, other)
		}
	}
}

func TestATokenEndsOnTimeThoughItWasVerifiedBefore(t *testing.T) {
	f := newFixture(t)
	f.move(LifetimeDefault + tokenLeeway - time.Nanosecond)
	_, err := f.ring.Verify(f.token.Text)
	require.NoError(t, err)
	f.move(time.Nanosecond)
	_, err = f.ring.Verify(f.token.Text)
	requireReason(t, ReasonTokenExpired, err)

	fresh, err := NewKeyring(0, f.now)
	require.NoError(t, err)
	require.NoError(t, fresh.Set(f.keys))
	_, err = fresh.Verify(f.token.Text)
	requireReason(t, ReasonTokenExpired, err)
}

// A token issued anywhere works everywhere, also where the clock is behind.
func TestANodeWhoseClockIsBehindTakesAFreshToken(t *testing.T) {
	f := newFixture(t)
	f.move(-time.Hour)
	_, err := f.ring.Verify(f.token.Text)
	require.NoError(t, err)
}

func TestARenewedTokenIsOfTheSameLogin(t *testing.T) {
	f := newFixture(t)
	c, err := f.ring.Verify(f.token.Text)
	require.NoError(t, err)
	f.move(time.Hour)
	renewed, err := f.ring.Mint(c.User, c.Login, c.Secret)
	require.NoError(t, err)
	require.Equal(t, f.token.Expires.Add(time.Hour), renewed.Expires)
	again, err := f.ring.Verify(renewed.Text)
	require.NoError(t, err)
	require.Equal(t, c.Login, again.Login)
	require.Equal(t, c.Proof, again.Proof)
}

func TestATokenThatWouldNotBeTakenIsNotMinted(t *testing.T) {
	f := newFixture(t)
	long := strings.Repeat("x", claimBytesMax)
	for _, c := range []struct {
		user, login string
		secret      Secret
	}{{"", "login_1", f.secret}, {"user_1", "", f.secret}, {"user_1", "login_1", Secret{}}, {long + "x", "login_1", f.secret}} {
		_, err := f.ring.Mint(c.user, c.login, c.secret)
		require.Error(t, err)
	}
	// The longest of all, with a key id to match, is within the bound.
	require.NoError(t, f.ring.Set(Keys{Cluster: ^uint64(0), Sign: NewKey(strings.Repeat("k", keyIDBytesMax))}))
	token, err := f.ring.Mint(long, long, f.secret)
	require.NoError(t, err)
	_, err = f.ring.Verify(token.Text)
	require.NoError(t, err)
	require.LessOrEqual(t, len(token.Text), tokenBytesMax)
}

func TestATokenIsFoundInTheMetadata(t *testing.T) {
	for _, value := range []string{"Bearer abc", "bearer abc", "BEARER  abc "} {
		token, err := ParseBearer([]string{value})
		require.NoError(t, err)
		require.Equal(t, "abc", token)
	}
	_, err := ParseBearer(nil)
	requireReason(t, ReasonTokenMissing, err)
	for _, values := range [][]string{{""}, {"abc"}, {"Bearer"}, {"Bearer "}, {"Basic abc"}, {"Bearer a", "Bearer b"}} {
		_, err := ParseBearer(values)
		requireReason(t, ReasonTokenInvalid, err)
	}
}

// Whatever bytes come, the answer is a refusal or the claims of a token that the key did sign.
func FuzzTokens(f *testing.F) {
	x := newFixture(f)
	f.Add(x.token.Text)
	f.Add(x.sign(f, goodHeader(), x.claims()))
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("..")
	mac := func(signed string) string {
		h := hmac.New(sha256.New, x.keys.Sign.Secret[:])
		h.Write([]byte(signed))
		return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
	}
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := x.ring.Verify(token); err == nil {
			last := strings.LastIndex(token, ".")
			require.Equal(t, mac(token[:last]), token[last+1:])
		} else {
			refused(t, err)
		}
		// The same bytes as claims under a good signature: only whoever has the key can do that, and even he
		// gets claims that hold together or none.
		header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","kid":"k1"}`))
		signed := header + "." + base64.RawURLEncoding.EncodeToString([]byte(token))
		c, err := x.ring.Verify(signed + "." + mac(signed))
		if err != nil {
			refused(t, err)
			return
		}
		require.NotEmpty(t, c.User)
		require.NotEmpty(t, c.Login)
		require.NotEqual(t, Secret{}, c.Secret)
		require.Equal(t, c.Secret.Proof(), c.Proof)
		require.True(t, x.now().Before(c.Expires.Add(tokenLeeway)))
	})
}

func BenchmarkVerify(b *testing.B) {
	b.Run("remembered", func(b *testing.B) {
		f := newFixture(b)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := f.ring.Verify(f.token.Text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("new", func(b *testing.B) {
		f := newFixture(b)
		set := f.ring.set.Load()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := set.parse(f.token.Text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("forged", func(b *testing.B) {
		f := newFixture(b)
		forged := f.token.Text[:len(f.token.Text)-4] + "AAAA"
		b.ReportAllocs()
		for b.Loop() {
			if _, err := f.ring.Verify(forged); err == nil {
				b.Fatal("taken")
			}
		}
	})
}

func BenchmarkMint(b *testing.B) {
	f := newFixture(b)
	for b.Loop() {
		if _, err := f.ring.Mint("user_1a", "login_2b", f.secret); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleKeyring() {
	ring, _ := NewKeyring(24*time.Hour, time.Now)
	_ = ring.Set(Keys{Cluster: 0xc0ffee, Sign: NewKey("k1")})
	token, _ := ring.Mint("user_1a", "login_2b", NewSecret())
	claims, err := ring.Verify(token.Text)
	fmt.Println(claims.User, claims.Login, claims.Secret, err)
	// Output: user_1a login_2b [secret] <nil>
}
