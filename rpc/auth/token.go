package auth

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// issuer is who makes the tokens.
const issuer = "parley"

// Claims is what a token says about its bearer. It was true when the token was made: whether the login is still
// live, and whether the secret is its secret, only the replicated state knows.
type Claims struct {
	User    string // the user's id
	Login   string // the login's id
	Secret  Secret // the login's: whoever renews the token needs it
	Proof   Proof  // of the secret; goes into commands and queries
	Issued  time.Time
	Expires time.Time // calls are refused and streams end from here on
	KeyID   string    // the key that signed
}

// Token is a token as it goes to a client.
type Token struct {
	Text    string // header.claims.signature, RFC 7519
	Expires time.Time
}

// wireClaims are the claims as they stand in a token.
//
//	{"iss":"parley","aud":["parley:00c0ffee00c0ffee"],"sub":"user_1a","login":"login_2b",
//	 "sec":"<the login's secret, base64url>","iat":1795305600,"exp":1795392000}
//
// There is no jti: it would name the token, and a token that is renewed has the same login. There is no
// nbf: a node whose clock is behind would refuse for a while what another one has just made. It is
// heeded where it stands.
type wireClaims struct {
	jwt.RegisteredClaims
	Login  string `json:"login"`
	Secret string `json:"sec"`
}

func audience(cluster uint64) string { return fmt.Sprintf("parley:%016x", cluster) }

// newParser pins all that a token could choose about its own verification [RFC 8725]: the algorithm, who made it, whom it
// is for, and that it ends.
func newParser(cluster uint64, now func() time.Time) *jwt.Parser {
	return jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(audience(cluster)),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(tokenLeeway),
		jwt.WithTimeFunc(now),
		jwt.WithStrictDecoding(),
	)
}

// Mint makes a token for a login. Expiry is in whole seconds, rounded down. To renew a token is to mint
// one with the ids and the secret of its claims.
func (r *Keyring) Mint(user, login string, secret Secret) (Token, error) {
	s := r.set.Load()
	if s == nil {
		return Token{}, noSigningKey()
	}
	if err := checkIDs(user, login, secret); err != nil {
		return Token{}, fmt.Errorf("minting a token: %w", err)
	}
	now := r.now()
	expires := now.Add(r.lifetime).Truncate(time.Second)
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, wireClaims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer:    issuer,
			Audience:  jwt.ClaimStrings{audience(s.cluster)},
			Subject:   user,
			IssuedAt:  jwt.NewNumericDate(now),
			ExpiresAt: jwt.NewNumericDate(expires),
		},
		Login:  login,
		Secret: secret.Encode(),
	})
	t.Header["kid"] = s.sign.ID
	text, err := t.SignedString(s.sign.Secret[:])
	if err != nil {
		return Token{}, fmt.Errorf("signing a token: %w", err)
	}
	return Token{Text: text, Expires: expires.UTC()}, nil
}

// Verify checks a token and returns what it claims. A token's signature is checked once and then
// remembered, its expiry at every use. Refusals are Unauthenticated, and
// Unavailable as long as this node has no key at all.
func (r *Keyring) Verify(token string) (Claims, error) {
	s := r.set.Load()
	switch {
	case s == nil:
		return Claims{}, noSigningKey()
	case token == "":
		return Claims{}, unauthenticated(ReasonTokenMissing, "This call needs a token. Log in first.")
	case len(token) > tokenBytesMax:
		return Claims{}, invalidToken()
	}
	c, known := s.verified.get(token)
	if !known {
		var err error
		if c, err = s.parse(token); err != nil {
			return Claims{}, err
		}
		s.verified.put(token, c)
	}
	if !r.now().Before(c.Expires.Add(tokenLeeway)) {
		return Claims{}, expiredToken()
	}
	return c, nil
}

// parse checks all that can be said about a token without the state.
func (s *keySet) parse(token string) (Claims, error) {
	if strings.ContainsAny(token, "\r\n") {
		return Claims{}, invalidToken() // Go's base64 skips line breaks: one token would have many spellings, each to be remembered
	}
	var w wireClaims
	t, err := s.parser.ParseWithClaims(token, &w, s.secretOf)
	if err != nil {
		return Claims{}, tokenRefusal(err)
	}
	secret, err := ParseSecret("sec", w.Secret)
	if err != nil || checkIDs(w.Subject, w.Login, secret) != nil {
		return Claims{}, invalidToken()
	}
	c := Claims{User: w.Subject, Login: w.Login, Secret: secret, Proof: secret.Proof(), Expires: w.ExpiresAt.UTC()}
	if w.IssuedAt != nil {
		c.Issued = w.IssuedAt.UTC()
	}
	c.KeyID, _ = t.Header["kid"].(string)
	return c, nil
}

var errKeyUnknown = errors.New("key unknown")

// secretOf finds the key that a token names. A token that names none was not made here.
func (s *keySet) secretOf(t *jwt.Token) (any, error) {
	id, _ := t.Header["kid"].(string)
	secret, ok := s.secrets[id]
	if !ok {
		return nil, errKeyUnknown
	}
	return secret[:], nil
}

// tokenRefusal says what is wrong with a token in our words. Those of the library may quote the token. Whoever
// can't sign learns nothing: the claims are judged after the signature.
func tokenRefusal(err error) error {
	switch {
	case errors.Is(err, errKeyUnknown):
		return unauthenticated(ReasonTokenKeyUnknown, "The key that signed this token is not in use. Log in again.")
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return unauthenticated(ReasonTokenOtherPlace, "This token is for another cluster. Log in here.")
	case errors.Is(err, jwt.ErrTokenExpired):
		return expiredToken()
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return unauthenticated(ReasonTokenNotYetValid, "This token is not valid yet. Compare the clocks.")
	}
	return invalidToken()
}

func checkIDs(user, login string, secret Secret) error {
	for _, id := range []string{user, login} {
		if id == "" || len(id) > claimBytesMax {
			return fmt.Errorf("an id of %d bytes, must be 1 to %d", len(id), claimBytesMax)
		}
	}
	if secret == (Secret{}) {
		return errors.New("no secret")
	}
	return nil
}

func unauthenticated(reason, text string) *Refusal {
	return refuse(Unauthenticated, reason, "", "%s", text)
}

func invalidToken() error {
	return unauthenticated(ReasonTokenInvalid, "This is no valid token. Log in again.")
}

func expiredToken() error {
	return unauthenticated(ReasonTokenExpired, "The token has expired. Log in again.")
}

// noSigningKey is no Unauthenticated: a client would throw its good token away because a node has just started.
func noSigningKey() error {
	r := refuse(Unavailable, ReasonNoSigningKey, "", "This node has not learned yet with which key the cluster signs. Try again.")
	r.RetryAfter = time.Second
	return r
}

// ParseBearer returns the token of a call from the values of its "authorization" metadata ("Bearer TOKEN", RFC 6750).
// Two values are refused: one of them would be ignored.
func ParseBearer(values []string) (string, error) {
	switch len(values) {
	case 0:
		return "", unauthenticated(ReasonTokenMissing, "This call needs a token. Log in first.")
	case 1:
		scheme, token, found := strings.Cut(values[0], " ")
		if token = strings.TrimSpace(token); found && token != "" && strings.EqualFold(scheme, "Bearer") {
			return token, nil
		}
	}
	return "", unauthenticated(ReasonTokenInvalid, "The authorization metadata is one value: Bearer TOKEN.")
}
