package account

import (
	"parley/raft"
	"parley/statemachine/state"
)

// RenewLogin moves the deadline of the caller's login. His server makes him a new token then: what is revoked has no
// login to renew.
type RenewLogin struct{}

// Kind is the command's number.
func (*RenewLogin) Kind() uint8 { return kindRenewLogin }

// Code passes no fields.
func (*RenewLogin) Code(*state.Coder) {}

// Check finds nothing to refuse.
func (*RenewLogin) Check(*state.Limits) *state.Refusal { return nil }

// Apply moves the deadline.
func (*RenewLogin) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	l := t.Login
	l.Deadline = later(t.At.Time, t.Limits.LoginIdleMax)
	t.PutLogin(&l)
	return &LoggedIn{t.User, l.ID, l.Deadline}, nil
}

// LogOut ends the caller's login; his others live on.
type LogOut struct{}

// Kind is the command's number.
func (*LogOut) Kind() uint8 { return kindLogOut }

// Code passes no fields.
func (*LogOut) Code(*state.Coder) {}

// Check finds nothing to refuse.
func (*LogOut) Check(*state.Limits) *state.Refusal { return nil }

// Apply ends the login.
func (*LogOut) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	t.EndLogin(t.At.Position, &t.Login)
	t.Audit("logout", t.Login.ID.String(), "")
	return done(t), nil
}

// RevokeLogin ends a login as if it had logged out: one of the caller's, or anybody's if he is an admin of the
// cluster.
type RevokeLogin struct{ Login string }

// Kind is the command's number.
func (*RevokeLogin) Kind() uint8 { return kindRevokeLogin }

// Code passes the fields.
func (r *RevokeLogin) Code(c *state.Coder) { c.String(&r.Login) }

// Check finds nothing to refuse: what is no id is the id of no login.
func (*RevokeLogin) Check(*state.Limits) *state.Refusal { return nil }

// Apply ends the login. Somebody else's is refused in the words for one that there is not.
func (r *RevokeLogin) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	id, ok := state.ParseLoginID(r.Login)
	l, lives := t.State.Login(id)
	if !ok || !lives || l.User != t.User.ID && !t.User.Admin {
		return nil, state.Refusef(state.NotFound, "LOGIN_NOT_FOUND", "There is no such login, or it has ended.")
	}
	t.EndLogin(t.At.Position, &l)
	t.Audit("login.revoke", l.ID.String(), l.User.String())
	return done(t), nil
}

// Logins asks for the logins of a user that have not ended: one's own, or anybody's for an admin of the cluster.
type Logins struct{ User string } // empty: the caller

// Kind is the query's number.
func (*Logins) Kind() uint8 { return kindLogins }

// Code passes the fields.
func (q *Logins) Code(c *state.Coder) { c.String(&q.User) }

// LoginList answers Logins, oldest first.
type LoginList struct{ Logins []LoginInfo }

// Code passes the fields.
func (l *LoginList) Code(c *state.Coder) {
	state.List(c, &l.Logins, func(c *state.Coder, i *LoginInfo) { i.Code(c) })
}

// LoginInfo is a login as it is shown: without what proves it.
type LoginInfo struct {
	ID       state.LoginID
	Client   string
	Address  string
	Wall     raft.Wall // when it began
	Deadline raft.LogTime
	Current  bool // the question comes under it
}

// Code passes the fields.
func (i *LoginInfo) Code(c *state.Coder) {
	state.Number(c, &i.ID)
	c.String(&i.Client)
	c.String(&i.Address)
	state.Number(c, &i.Wall)
	state.Number(c, &i.Deadline)
	c.Bool(&i.Current)
}

func infoOf(v *state.View, l *state.Login) LoginInfo {
	return LoginInfo{l.ID, l.Client, l.Address, l.Wall, l.Deadline, l.ID == v.Login.ID}
}

// Answer reads.
func (q *Logins) Answer(v *state.View) (state.Coded, *state.Refusal) {
	u := v.User
	if q.User != "" && state.FoldName(q.User) != state.FoldName(u.Name) {
		refusal := needAdmin(v)
		if refusal != nil {
			return nil, refusal
		}
		if u, refusal = named(v, q.User); refusal != nil {
			return nil, refusal
		}
	}
	list := &LoginList{}
	v.LoginsOf(u.ID, func(l *state.Login) bool {
		list.Logins = append(list.Logins, infoOf(v, l))
		return true
	})
	return list, nil
}
