package convert

import (
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/account"
	"parley/statemachine/presence"
	"parley/statemachine/state"
)

// User returns an account as the wire has it. Whoever may not see the address gets it without.
func User(u *state.User) *pb.User {
	return &pb.User{
		Id:          u.ID.String(),
		Username:    u.Name,
		DisplayName: u.Display,
		Admin:       u.Admin,
		Disabled:    u.Disabled,
		Created:     timeOf(u.Wall),
		Email:       u.Email,
	}
}

// Users returns a page of accounts.
func Users(l *account.UserList) []*pb.User {
	users := make([]*pb.User, len(l.Users))
	for i := range l.Users {
		users[i] = User(&l.Users[i].User)
	}
	return users
}

// Logins returns logins as the wire has them.
func Logins(l *account.LoginList) []*pb.Login {
	logins := make([]*pb.Login, len(l.Logins))
	for i := range l.Logins {
		one := &l.Logins[i]
		logins[i] = &pb.Login{Id: one.ID.String(), Client: one.Client, Address: one.Address, Created: timeOf(one.Wall), Current: one.Current}
	}
	return logins
}

// SignUpMode returns the mode that the wire names; one that there is not is none.
func SignUpMode(m pb.SignUpMode) state.SignUpMode {
	switch m {
	case pb.SignUpMode_SIGN_UP_MODE_OPEN:
		return state.SignUpOpen
	case pb.SignUpMode_SIGN_UP_MODE_INVITE:
		return state.SignUpInvite
	case pb.SignUpMode_SIGN_UP_MODE_CLOSED:
		return state.SignUpClosed
	}
	return 0
}

// SignUpModeOf returns a mode as the wire has it.
func SignUpModeOf(m state.SignUpMode) pb.SignUpMode {
	switch m {
	case state.SignUpOpen:
		return pb.SignUpMode_SIGN_UP_MODE_OPEN
	case state.SignUpInvite:
		return pb.SignUpMode_SIGN_UP_MODE_INVITE
	case state.SignUpClosed:
		return pb.SignUpMode_SIGN_UP_MODE_CLOSED
	}
	return pb.SignUpMode_SIGN_UP_MODE_UNSPECIFIED
}

// Present returns who is there as the wire has it.
func Present(p *presence.Present) []*pb.Presence {
	users := make([]*pb.Presence, len(p.Users))
	for i := range p.Users {
		u := &p.Users[i]
		users[i] = &pb.Presence{Username: u.Name, DisplayName: u.Display, Online: u.Online, LastSeen: timeOf(u.LastSeen)}
	}
	return users
}
