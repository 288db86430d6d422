package account

import (
	"parley/statemachine/state"
)

// SignUp makes an account. It comes from nobody: whoever wants it has no login yet.
type SignUp struct {
	Name    string
	Email   string
	Display string   // empty: the name
	Hash    []byte   // bcrypt's, of a password that was checked
	Invite  [32]byte // SHA-256 of the code, if one is needed: of an invitation, or of the first admin's token
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
	if refusal := checkHash(s.Hash); refusal != nil {
		return refusal
	}
	return state.CheckLine("display_name", "A display name", s.Display, l.DisplayBytesMax)
}

// SignedUp answers SignUp.
type SignedUp struct{ User state.User }

// Code passes the fields.
func (s *SignedUp) Code(c *state.Coder) {
	state.Number(c, &s.User.ID)
	s.User.Code(c)
}

// Apply makes the account, and makes it a member of #general.
func (s *SignUp) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	used, refusal := s.permitted(t)
	if refusal != nil {
		return nil, refusal
	}
	u := state.User{ID: state.UserID(t.At.Position), Name: s.Name, Email: s.Email, Display: s.Display, Wall: t.Wall}
	if refusal := free(t, &u); refusal != nil {
		return nil, refusal
	}
	if t.Len(state.TableUsers) >= t.Limits.UsersMax {
		return nil, refuseUsersFull(t)
	}
	makeUser(t, &u, s.Hash)
	join(t, state.General, u.ID, false)
	if used != nil {
		s.useInvite(t, used)
	}
	return &SignedUp{u}, nil
}

// permitted judges by the sign-up mode, and returns the invitation that is to be used, if one is. Before anything
// was decided nobody may: a cluster that is just being made is open to none. Whoever has the first admin's token may
// in any mode, and uses nothing up: only users claim it, and without it a cluster that is not open would never have one.
func (s *SignUp) permitted(t *state.Txn) (*state.Invite, *state.Refusal) {
	set := t.Settings()
	if s.Invite != ([32]byte{}) && s.Invite == set.OfferHash && set.OfferUntil > t.At.Time {
		return nil, nil
	}
	switch set.SignUp {
	case state.SignUpOpen:
		return nil, nil
	case state.SignUpInvite:
		switch {
		case s.Invite == ([32]byte{}) && set.Admins == 0:
			return nil, state.Refusef(state.NotPermitted, "INVITE_NEEDED",
				"A new account needs a code, and there is no admin yet who could make one: it is in the file bootstrap-token in the directory of a node.")
		case s.Invite == ([32]byte{}):
			return nil, state.Refusef(state.NotPermitted, "INVITE_NEEDED", "A new account needs an invitation code: ask an admin of the cluster for one.")
		}
		i, ok := t.Invite(string(s.Invite[:]))
		if !ok || i.Until <= t.At.Time {
			return nil, state.Refusef(state.NotPermitted, "INVITE_REFUSED", "The invitation code is wrong, was used, or has expired.")
		}
		return &i, nil
	}
	return nil, state.Refusef(state.NotPermitted, "SIGN_UP_CLOSED", "This cluster takes no new accounts.")
}

func (s *SignUp) useInvite(t *state.Txn, i *state.Invite) {
	if i.Uses--; i.Uses == 0 {
		t.RemoveInvite(string(s.Invite[:]))
		return
	}
	t.PutInvite(string(s.Invite[:]), i)
}

// free refuses a new account whose id or names somebody has.
func free(t *state.Txn, u *state.User) *state.Refusal {
	if _, taken := t.State.User(u.ID); taken { // no entry makes two accounts
		return &state.Refusal{Code: state.Exists, Reason: "USERNAME_TAKEN", Field: "username", Text: "The account exists already."}
	}
	if _, taken := t.UserNamed(u.Name); taken {
		return &state.Refusal{Code: state.Exists, Reason: "USERNAME_TAKEN", Field: "username", Text: "Somebody has the username already."}
	}
	return freeEmail(t, u.Email)
}

func freeEmail(t *state.Txn, email string) *state.Refusal {
	if t.Has(state.TableEmails, state.FoldName(email)) {
		return &state.Refusal{Code: state.Exists, Reason: "EMAIL_TAKEN", Field: "email", Text: "Somebody has the email address already."}
	}
	return nil
}

func refuseUsersFull(t *state.Txn) *state.Refusal {
	return state.Refusef(state.Exhausted, "USERS_FULL", "There are as many accounts as there may be (%d).", t.Limits.UsersMax)
}

// makeUser writes a new account and what proves who it is.
func makeUser(t *state.Txn, u *state.User, hash []byte) {
	if u.Display == "" {
		u.Display = u.Name
	}
	t.PutUser(u)
	t.PutCredential(u.ID, &state.Credential{Hash: hash, Version: 1})
	t.Record(t.At.Position, &state.Event{Kind: state.EventUserMade, Audience: state.ForAll(), User: u.ID})
}

// join makes a new user a member of a channel that every cluster is born with. What was said there before counts as
// read.
func join(t *state.Txn, id state.PlaceID, user state.UserID, admin bool) {
	place, _ := t.Place(id)
	t.PutMember(&place, user, &state.Member{Admin: admin, Since: t.At.Position, Read: place.Last, Number: place.Messages})
	t.PutPlace(&place)
	t.Record(t.At.Position, &state.Event{Kind: state.EventJoined, Audience: state.ForPlace(id), Place: id, User: user, Other: user})
}
