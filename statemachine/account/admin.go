package account

import (
	"parley/statemachine/state"
)

// The four commands below are for admins of the cluster. What is so already is done: nothing changes and nothing is
// written down.

// DisableUser ends all logins of a user and lets him make no more; what he wrote stays. An admin of the cluster is
// one no longer.
type DisableUser struct{ User string }

// Kind is the command's number.
func (*DisableUser) Kind() uint8 { return kindDisableUser }

// Code passes the fields.
func (d *DisableUser) Code(c *state.Coder) { c.String(&d.User) }

// Check finds nothing to refuse.
func (*DisableUser) Check(*state.Limits) *state.Refusal { return nil }

// Apply disables the account.
func (d *DisableUser) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	u, refusal := governs(t, d.User)
	if refusal != nil || u.Disabled {
		return done(t), refusal
	}
	if refusal := notLastAdmin(t, &u); refusal != nil {
		return nil, refusal
	}
	u.Admin, u.Disabled = false, true
	t.PutUser(&u)
	k, _ := t.Credential(u.ID)
	k.ResetHash, k.ResetUntil = [32]byte{}, 0
	t.PutCredential(u.ID, &k)
	t.EndLoginsOf(t.At.Position, u.ID, 0)
	changed(t, &u, "user.disable")
	return done(t), nil
}

// EnableUser lets a disabled user log in again. What he was besides he is made anew.
type EnableUser struct{ User string }

// Kind is the command's number.
func (*EnableUser) Kind() uint8 { return kindEnableUser }

// Code passes the fields.
func (e *EnableUser) Code(c *state.Coder) { c.String(&e.User) }

// Check finds nothing to refuse.
func (*EnableUser) Check(*state.Limits) *state.Refusal { return nil }

// Apply enables the account.
func (e *EnableUser) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	u, refusal := governs(t, e.User)
	if refusal != nil || !u.Disabled {
		return done(t), refusal
	}
	u.Disabled = false
	t.PutUser(&u)
	changed(t, &u, "user.enable")
	return done(t), nil
}

// GrantAdmin makes a user an admin of the cluster.
type GrantAdmin struct{ User string }

// Kind is the command's number.
func (*GrantAdmin) Kind() uint8 { return kindGrantAdmin }

// Code passes the fields.
func (g *GrantAdmin) Code(c *state.Coder) { c.String(&g.User) }

// Check finds nothing to refuse.
func (*GrantAdmin) Check(*state.Limits) *state.Refusal { return nil }

// Apply makes the user an admin.
func (g *GrantAdmin) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	u, refusal := governs(t, g.User)
	if refusal != nil || u.Admin {
		return done(t), refusal
	}
	if u.Disabled {
		return nil, state.Refusef(state.Precondition, "USER_DISABLED", "The account of %s is disabled. Enable it first.", u.Name)
	}
	u.Admin = true
	t.PutUser(&u)
	changed(t, &u, "admin.grant")
	return done(t), nil
}

// RevokeAdmin makes an admin of the cluster a user like others.
type RevokeAdmin struct{ User string }

// Kind is the command's number.
func (*RevokeAdmin) Kind() uint8 { return kindRevokeAdmin }

// Code passes the fields.
func (r *RevokeAdmin) Code(c *state.Coder) { c.String(&r.User) }

// Check finds nothing to refuse.
func (*RevokeAdmin) Check(*state.Limits) *state.Refusal { return nil }

// Apply unmakes the admin.
func (r *RevokeAdmin) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	u, refusal := governs(t, r.User)
	if refusal != nil || !u.Admin {
		return done(t), refusal
	}
	if refusal := notLastAdmin(t, &u); refusal != nil {
		return nil, refusal
	}
	u.Admin = false
	t.PutUser(&u)
	changed(t, &u, "admin.revoke")
	return done(t), nil
}

// notLastAdmin refuses to unmake the last admin of the cluster. No disabled account is one, so that the last one
// can log in.
func notLastAdmin(t *state.Txn, u *state.User) *state.Refusal {
	if u.Admin && t.Settings().Admins <= 1 {
		return state.Refusef(state.Precondition, "LAST_CLUSTER_ADMIN", "%s is the last admin of the cluster. Make another one first.", u.Name)
	}
	return nil
}

// changed writes down what an admin did to an account, and tells everybody who shows it.
func changed(t *state.Txn, u *state.User, action string) {
	t.Record(t.At.Position, &state.Event{Kind: state.EventUserChanged, Audience: state.ForAll(), User: u.ID, Other: t.User.ID})
	t.Audit(action, u.ID.String(), "")
}
