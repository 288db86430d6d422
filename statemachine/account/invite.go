package account

import (
	"time"

	"parley/statemachine/state"
)

// SetSignUpMode says who may sign up from now on. It is for admins of the cluster.
type SetSignUpMode struct{ Mode state.SignUpMode }

// Kind is the command's number.
func (*SetSignUpMode) Kind() uint8 { return kindSetSignUpMode }

// Code passes the fields.
func (m *SetSignUpMode) Code(c *state.Coder) { state.Byte(c, &m.Mode) }

// Check refuses what is no mode.
func (m *SetSignUpMode) Check(*state.Limits) *state.Refusal { return checkMode(m.Mode) }

func checkMode(mode state.SignUpMode) *state.Refusal {
	if mode < state.SignUpOpen || mode > state.SignUpClosed {
		return state.Invalidf("mode", "FIELD_INVALID", "The mode is none of open, invite and closed.")
	}
	return nil
}

// modeNames are the modes as people call them.
var modeNames = [...]string{state.SignUpOpen: "open", state.SignUpInvite: "invite", state.SignUpClosed: "closed"}

// Apply changes the mode.
func (m *SetSignUpMode) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	if refusal := needAdmin(&t.View); refusal != nil {
		return nil, refusal
	}
	if o := t.Settings(); o.SignUp != m.Mode {
		o.SignUp = m.Mode
		t.PutSettings(&o)
		t.Audit("signup.mode", "", modeNames[m.Mode])
	}
	return done(t), nil
}

// CreateInvite lets whoever has a code sign up. It is for admins of the cluster.
type CreateInvite struct {
	Hash [32]byte      // SHA-256 of the code
	Uses uint64        // how many may use it; zero: one
	Age  time.Duration // for how long; zero: Limits.InviteAge
}

// Kind is the command's number.
func (*CreateInvite) Kind() uint8 { return kindCreateInvite }

// Code passes the fields.
func (i *CreateInvite) Code(c *state.Coder) {
	c.Array(i.Hash[:])
	state.Number(c, &i.Uses)
	state.Number(c, &i.Age)
}

// Check refuses what is no invitation.
func (i *CreateInvite) Check(l *state.Limits) *state.Refusal {
	switch {
	case i.Uses > l.InviteUsesMax:
		return state.Invalidf("uses", "FIELD_INVALID", "An invitation is for at most %d.", l.InviteUsesMax)
	case i.Age < 0 || i.Age > l.InviteAgeMax:
		return state.Invalidf("seconds", "FIELD_INVALID", "An invitation is good for at most %d days.", l.InviteAgeMax/(24*time.Hour))
	}
	return checkDigest("code", i.Hash)
}

// Apply keeps the code's hash until it is used up or its time is over.
func (i *CreateInvite) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	if refusal := needAdmin(&t.View); refusal != nil {
		return nil, refusal
	}
	if _, taken := t.Invite(string(i.Hash[:])); taken {
		return nil, &state.Refusal{Code: state.Exists, Reason: "CODE_TAKEN", Field: "code", Text: "There is an invitation of this code already."}
	}
	if t.Len(state.TableInvites) >= t.Limits.InvitesMax {
		return nil, state.Refusef(state.Exhausted, "INVITES_FULL", "As many invitations wait to be used as there may be (%d).", t.Limits.InvitesMax)
	}
	age := i.Age
	if age == 0 {
		age = t.Limits.InviteAge
	}
	invite := state.Invite{By: t.User.ID, Uses: max(i.Uses, 1), Until: later(t.At.Time, age)}
	t.PutInvite(string(i.Hash[:]), &invite)
	t.Audit("invite.create", "", "")
	return until(t, invite.Until), nil
}
