package account

import (
	"parley/statemachine/state"
)

// The first admin of a cluster is whoever has a token that only its operator can read: a server draws it, leaves it
// in a file, and puts its hash here. It is good once and for a day. While there is no admin a server may offer
// another one, so that a cluster whose first token was lost is not without admins for good.

// OfferAdmin lets whoever has a token become an admin of the cluster, as long as there is none. It is for servers.
type OfferAdmin struct{ Hash [32]byte } // SHA-256 of the token

// Kind is the command's number.
func (*OfferAdmin) Kind() uint8 { return kindOfferAdmin }

// Code passes the fields.
func (o *OfferAdmin) Code(c *state.Coder) { c.Array(o.Hash[:]) }

// Check refuses what is no token.
func (o *OfferAdmin) Check(*state.Limits) *state.Refusal { return checkDigest("token", o.Hash) }

// Apply keeps the token's hash; one that waits already stays, so that two servers don't take turns.
func (o *OfferAdmin) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	s := t.Settings()
	switch {
	case s.SignUp == 0:
		return nil, refuseNotBootstrapped
	case s.Admins > 0:
		return nil, state.Refusef(state.Precondition, "ADMIN_EXISTS", "The cluster has an admin.")
	case s.OfferUntil > t.At.Time:
		return nil, state.Refusef(state.Exists, "TOKEN_WAITS", "A token waits to be used already.")
	}
	offer(t, &s, o.Hash)
	t.PutSettings(&s)
	t.Audit("admin.offer", "", "")
	return until(t, s.OfferUntil), nil
}

func offer(t *state.Txn, s *state.Settings, hash [32]byte) {
	s.OfferHash, s.OfferUntil = hash, later(t.At.Time, t.Limits.SecretAge)
}

// ClaimAdmin makes the caller an admin of the cluster, if he has the token.
type ClaimAdmin struct{ Hash [32]byte } // SHA-256 of the token

// Kind is the command's number.
func (*ClaimAdmin) Kind() uint8 { return kindClaimAdmin }

// Code passes the fields.
func (a *ClaimAdmin) Code(c *state.Coder) { c.Array(a.Hash[:]) }

// Check refuses what is no token.
func (a *ClaimAdmin) Check(*state.Limits) *state.Refusal { return checkDigest("token", a.Hash) }

// Apply makes the caller an admin, and the token void.
func (a *ClaimAdmin) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	s := t.Settings()
	if s.OfferHash != a.Hash || s.OfferUntil <= t.At.Time {
		return nil, state.Refusef(state.NotPermitted, "CLAIM_REFUSED", "The token is wrong, was used, or has expired.")
	}
	s.OfferHash, s.OfferUntil = [32]byte{}, 0
	t.PutSettings(&s)
	u := t.User
	u.Admin = true
	t.PutUser(&u)
	changed(t, &u, "admin.claim")
	return done(t), nil
}
