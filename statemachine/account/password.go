package account

import (
	"crypto/sha256"

	"parley/raft"
	"parley/statemachine/state"
)

// ChangePassword gives the caller another password and ends his other logins. That he knows the old one was seen
// where the request came in, with the hash of a version; it counts only if that is still the one.
type ChangePassword struct {
	Version uint64 // of the password that was compared
	Hash    []byte // bcrypt's, of the new one
}

// Kind is the command's number.
func (*ChangePassword) Kind() uint8 { return kindChangePassword }

// Code passes the fields.
func (p *ChangePassword) Code(c *state.Coder) {
	state.Number(c, &p.Version)
	c.Bytes(&p.Hash)
}

// Check refuses what is no hash.
func (p *ChangePassword) Check(*state.Limits) *state.Refusal { return checkHash(p.Hash) }

// PasswordChanged answers ChangePassword and ResetPassword.
type PasswordChanged struct {
	Position raft.Position
	Ended    uint64 // how many logins ended
}

// Code passes the fields.
func (p *PasswordChanged) Code(c *state.Coder) {
	state.Number(c, &p.Position)
	state.Number(c, &p.Ended)
}

// Apply changes the password.
func (p *ChangePassword) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	if k, _ := t.Credential(t.User.ID); k.Version != p.Version {
		return nil, refusePasswordChanged
	}
	return setPassword(t, "password.change", p.Hash, t.Login.ID), nil
}

// setPassword gives the transaction's user another password, which voids every code for a reset, and ends his logins
// but one.
func setPassword(t *state.Txn, action string, hash []byte, spared state.LoginID) *PasswordChanged {
	k, _ := t.Credential(t.User.ID)
	t.PutCredential(t.User.ID, &state.Credential{Hash: hash, Version: k.Version + 1})
	ended := t.EndLoginsOf(t.At.Position, t.User.ID, spared)
	t.Audit(action, t.User.ID.String(), "")
	return &PasswordChanged{t.At.Position, uint64(ended)}
}

// CreateReset lets a user who forgot his password set another one with a code, once. One that waits already is void
// from then on.
type CreateReset struct {
	User string
	Hash [32]byte // SHA-256 of the code
}

// Kind is the command's number.
func (*CreateReset) Kind() uint8 { return kindCreateReset }

// Code passes the fields.
func (r *CreateReset) Code(c *state.Coder) {
	c.String(&r.User)
	c.Array(r.Hash[:])
}

// Check refuses what is no code.
func (r *CreateReset) Check(*state.Limits) *state.Refusal { return checkDigest("code", r.Hash) }

// Apply keeps the code's hash until it is used or its time is over.
func (r *CreateReset) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	u, refusal := governs(t, r.User)
	if refusal != nil {
		return nil, refusal
	}
	if u.Disabled {
		return nil, state.Refusef(state.Precondition, "USER_DISABLED", "The account of %s is disabled. Enable it first.", u.Name)
	}
	k, _ := t.Credential(u.ID)
	k.ResetHash, k.ResetUntil = lockedTo(u.ID, r.Hash), later(t.At.Time, t.Limits.SecretAge)
	t.PutCredential(u.ID, &k)
	t.Audit("password.reset", u.ID.String(), "")
	return until(t, k.ResetUntil), nil
}

// ResetPassword gives a user another password, for whoever has the code of a reset, and ends all his logins. It comes
// from nobody: he can't log in.
type ResetPassword struct {
	User   string
	Secret [32]byte // SHA-256 of the code
	Hash   []byte   // bcrypt's, of the new password
}

// Kind is the command's number.
func (*ResetPassword) Kind() uint8 { return kindResetPassword }

// Code passes the fields.
func (r *ResetPassword) Code(c *state.Coder) {
	c.String(&r.User)
	c.Array(r.Secret[:])
	c.Bytes(&r.Hash)
}

// Check refuses what is no code and what is no hash.
func (r *ResetPassword) Check(*state.Limits) *state.Refusal {
	if refusal := checkDigest("code", r.Secret); refusal != nil {
		return refusal
	}
	return checkHash(r.Hash)
}

// Apply changes the password. One answer stands for all that may be wrong, so that nobody learns which users wait
// for a reset.
func (r *ResetPassword) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	u, ok := t.UserNamed(r.User)
	k, _ := t.Credential(u.ID)
	if !ok || u.Disabled || k.ResetHash != lockedTo(u.ID, r.Secret) || k.ResetUntil <= t.At.Time {
		return nil, state.Refusef(state.NotPermitted, "RESET_REFUSED", "The username or the code is wrong, or the code was used or has expired.")
	}
	t.View.User = u
	return setPassword(t, "password.reset.used", r.Hash, 0), nil
}

// lockedTo binds the hash of a code to a user: what one user's row holds is good for no other.
func lockedTo(user state.UserID, hash [32]byte) [32]byte {
	return sha256.Sum256(append([]byte(user.String()+" "), hash[:]...))
}
