package account

import (
	"parley/raft"
	"parley/statemachine/state"
)

// CredentialsOf asks what a password is compared with. It is for servers: no caller's request becomes one.
type CredentialsOf struct{ Name string }

// Kind is the query's number.
func (*CredentialsOf) Kind() uint8 { return kindCredentialsOf }

// Code passes the fields.
func (q *CredentialsOf) Code(c *state.Coder) { c.String(&q.Name) }

// Credentials answers CredentialsOf; without user if there is none of the name.
type Credentials struct {
	User    state.UserID
	Hash    []byte
	Version uint64
	Demo    bool // a user of dev mode, who logs in only where all listeners are on loopback
}

// Code passes the fields.
func (k *Credentials) Code(c *state.Coder) {
	state.Number(c, &k.User)
	c.Bytes(&k.Hash)
	state.Number(c, &k.Version)
	c.Bool(&k.Demo)
}

// Answer reads.
func (q *CredentialsOf) Answer(v *state.View) (state.Coded, *state.Refusal) {
	u, ok := v.UserNamed(q.Name)
	if !ok {
		return &Credentials{}, nil
	}
	k, _ := v.Credential(u.ID)
	return &Credentials{u.ID, k.Hash, k.Version, u.Demo}, nil
}

// LogIn begins a login, for whoever knew the password of a version.
type LogIn struct {
	User     state.UserID
	Version  uint64   // of the password that was compared
	Secret   [32]byte // SHA-256 of the client's secret
	Client   string
	Address  string
	Loopback bool // the server listens on loopback alone; elsewhere users of dev mode are refused
}

// Kind is the command's number.
func (*LogIn) Kind() uint8 { return kindLogIn }

// Code passes the fields.
func (l *LogIn) Code(c *state.Coder) {
	state.Number(c, &l.User)
	state.Number(c, &l.Version)
	c.Array(l.Secret[:])
	c.String(&l.Client)
	c.String(&l.Address)
	c.Bool(&l.Loopback)
}

// Check refuses what is no login.
func (l *LogIn) Check(limits *state.Limits) *state.Refusal {
	if refusal := checkDigest("secret", l.Secret); refusal != nil {
		return refusal
	}
	if refusal := state.CheckLine("client", "A client's label", l.Client, limits.DisplayBytesMax); refusal != nil {
		return refusal
	}
	return state.CheckLine("address", "An address", l.Address, limits.DisplayBytesMax)
}

// LoggedIn answers LogIn.
type LoggedIn struct {
	User     state.User
	Login    state.LoginID
	Deadline raft.LogTime
}

// Code passes the fields.
func (l *LoggedIn) Code(c *state.Coder) {
	state.Number(c, &l.User.ID)
	l.User.Code(c)
	state.Number(c, &l.Login)
	state.Number(c, &l.Deadline)
}

// Apply begins the login, and ends the one renewed least recently if there are too many.
func (l *LogIn) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	u, ok := t.State.User(l.User)
	k, known := t.Credential(l.User)
	switch {
	case !ok || !known:
		return nil, RefuseCredentials
	case k.Version != l.Version:
		return nil, refusePasswordChanged
	case u.Disabled:
		return nil, refuseDisabled
	case u.Demo && !l.Loopback:
		return nil, RefuseDemo
	}
	l.makeRoom(t)
	login := state.Login{ID: state.LoginID(t.At.Position), User: u.ID, Secret: l.Secret, Client: l.Client, Address: l.Address,
		Wall: t.Wall, Deadline: later(t.At.Time, t.Limits.LoginIdleMax)}
	t.PutLogin(&login)
	t.View.User, t.View.Login = u, login
	t.Audit("login", login.ID.String(), l.Address)
	return &LoggedIn{u, login.ID, login.Deadline}, nil
}

// RefuseCredentials is the one answer to a wrong name and to a wrong password.
var RefuseCredentials = state.Refusef(state.Unauthenticated, "CREDENTIALS_WRONG", "The username or the password is wrong.")

// RefuseDemo answers the users of dev mode where strangers could reach them: everybody knows their passwords.
var RefuseDemo = state.Refusef(state.NotPermitted, "DEMO_REFUSED", "The users of dev mode log in only where every listener is on loopback.")

var (
	refusePasswordChanged = state.Refusef(state.Conflict, "PASSWORD_CHANGED", "The password was changed at this moment. Try again.")
	refuseDisabled        = state.Refusef(state.NotPermitted, "ACCOUNT_DISABLED", "The account is disabled. Ask an admin of the cluster.")
)

func (l *LogIn) makeRoom(t *state.Txn) {
	var stale state.Login
	n := 0
	t.LoginsOf(l.User, func(login *state.Login) bool {
		if n++; n == 1 || login.Deadline < stale.Deadline {
			stale = *login
		}
		return true
	})
	if n >= t.Limits.LoginsPerUserMax {
		t.EndLogin(t.At.Position, &stale)
	}
}
