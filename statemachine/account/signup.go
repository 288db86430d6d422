package account

import (
	"parley/statemachine/state"
)

// The kinds of the commands and queries of this package. They are in logs; they never change.
const (
	kindSignUp = 1
	kindLogIn  = 2

	kindCredentialsOf = 1
)

// SignUp makes an account. It comes from nobody: whoever wants it has no login yet.
type SignUp struct {
	Name    string
	Email   string
	Display string   // empty: the name
	Hash    []byte   // bcrypt's, of a password that was checked
	Invite  [32]byte // SHA-256 of the code, if one is needed
}

// Kind is the command's number.
func (*SignUp) Kind() uint8 { return kindSignUp }

// Code passes the fields.
func (s *SignUp) Code(c *state.Coder) {
	c.String(&s.Name)
	c.String(&s.Email)
	c.String(&s.Display)
	c.Bytes(&s.Hash)
	c.Array(s.Invite[:])
}

// Check refuses what is no account.
func (s *SignUp) Check(l *state.Limits) *state.Refusal {
	if refusal := l.CheckUserName("username", s.Name); refusal != nil {
		return refusal
	}
	if refusal := l.CheckEmail("email", s.Email); refusal != nil {
		return refusal
	}
	if len(s.Hash) == 0 || len(s.Hash) > hashBytesMax {
		return state.Invalidf("password", "PASSWORD_INVALID", "The password's hash is not one.")
	}
	return state.CheckLine("display_name", "A display name", s.Display, l.DisplayBytesMax)
}

// hashBytesMax bounds a password's hash: bcrypt's has 60.
const hashBytesMax = 100

// SignedUp answers SignUp.
type SignedUp struct{ User state.User }

// Code passes the fields.
func (s *SignedUp) Code(c *state.Coder) {
	state.Number(c, &s.User.ID)
	s.User.Code(c)
}

// Apply makes the account, and makes it a member of #general.
func (s *SignUp) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	if refusal := s.permitted(t); refusal != nil {
		return nil, refusal
	}
	if _, taken := t.UserNamed(s.Name); taken {
		return nil, &state.Refusal{Code: state.Exists, Reason: "USERNAME_TAKEN", Field: "username", Text: "Somebody has the username already."}
	}
	if t.Has(state.TableEmails, state.FoldName(s.Email)) {
		return nil, &state.Refusal{Code: state.Exists, Reason: "EMAIL_TAKEN", Field: "email", Text: "Somebody has the email address already."}
	}
	if t.Len(state.TableUsers) >= t.Limits.UsersMax {
		return nil, state.Refusef(state.Exhausted, "USERS_FULL", "There are as many accounts as there may be (%d).", t.Limits.UsersMax)
	}
	u := state.User{ID: state.UserID(t.At.Position), Name: s.Name, Email: s.Email, Display: s.Display, Wall: t.Wall}
	if u.Display == "" {
		u.Display = u.Name
	}
	t.PutUser(&u)
	t.PutCredential(u.ID, &state.Credential{Hash: s.Hash, Version: 1})
	t.Record(t.At.Position, &state.Event{Kind: state.EventUserMade, Audience: state.ForAll(), User: u.ID})
	general, _ := t.Place(state.General)
	t.PutMember(&general, u.ID, &state.Member{Since: t.At.Position, Read: general.Last, Number: general.Messages})
	t.PutPlace(&general)
	t.Record(t.At.Position, &state.Event{Kind: state.EventJoined, Audience: state.ForSeers(general.ID), Place: general.ID, User: u.ID, Other: u.ID})
	if s.Invite != ([32]byte{}) {
		t.Remove(state.TableInvites, string(s.Invite[:]))
	}
	return &SignedUp{u}, nil
}

// permitted judges by the sign-up mode.
func (s *SignUp) permitted(t *state.Txn) *state.Refusal {
	switch t.Settings().SignUp {
	case state.SignUpClosed:
		return state.Refusef(state.NotPermitted, "SIGN_UP_CLOSED", "This cluster takes no new accounts.")
	case state.SignUpInvite:
		var i state.Invite
		if !t.Read(state.TableInvites, string(s.Invite[:]), &i) || i.Until <= t.At.Time {
			return state.Refusef(state.NotPermitted, "INVITE_NEEDED", "A new account needs an invitation code: ask an admin of the cluster for one.")
		}
	}
	return nil
}
