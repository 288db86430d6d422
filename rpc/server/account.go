package server

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// accounts serves AccountService. What touches a password is in login.go and password.go.
type accounts struct {
	pb.UnimplementedAccountServiceServer
	*edge
}

func (s *accounts) LogOut(ctx context.Context, r *pb.LogOutRequest) (*pb.LogOutResponse, error) {
	at, err := s.propose(ctx, r.GetCommand(), &account.LogOut{}, &account.Done{})
	return &pb.LogOutResponse{Position: uint64(at)}, err
}

func (s *accounts) WhoAmI(ctx context.Context, r *pb.WhoAmIRequest) (*pb.WhoAmIResponse, error) {
	var me account.Me
	at, err := s.ask(ctx, r.GetConsistency(), &account.WhoAmI{}, &me)
	if err != nil {
		return nil, err
	}
	return &pb.WhoAmIResponse{User: convert.User(&me.Person.User), LoginId: me.Login.ID.String(), Expires: timestamppb.New(actorOf(ctx).expires),
		SignUpMode: convert.SignUpModeOf(me.SignUp), Position: uint64(at)}, nil
}

func (s *accounts) UpdateProfile(ctx context.Context, r *pb.UpdateProfileRequest) (*pb.UpdateProfileResponse, error) {
	if err := refuseBlank("display_name", "The display name", r.GetDisplayName()); err != nil {
		return nil, err
	}
	var me account.Person
	at, err := s.propose(ctx, r.GetCommand(), &account.SetProfile{SetDisplay: r.DisplayName != nil, Display: r.GetDisplayName(),
		SetEmail: r.Email != nil, Email: r.GetEmail()}, &me)
	if err != nil {
		return nil, err
	}
	return &pb.UpdateProfileResponse{User: convert.User(&me.User), Position: uint64(at)}, nil
}

func (s *accounts) ListLogins(ctx context.Context, r *pb.ListLoginsRequest) (*pb.ListLoginsResponse, error) {
	var list account.LoginList
	at, err := s.ask(ctx, r.GetConsistency(), &account.Logins{User: r.GetUsername()}, &list)
	if err != nil {
		return nil, err
	}
	return &pb.ListLoginsResponse{Logins: convert.Logins(&list), Position: uint64(at)}, nil
}

func (s *accounts) RevokeLogin(ctx context.Context, r *pb.RevokeLoginRequest) (*pb.RevokeLoginResponse, error) {
	at, err := s.propose(ctx, r.GetCommand(), &account.RevokeLogin{Login: r.GetLoginId()}, &account.Done{})
	return &pb.RevokeLoginResponse{Position: uint64(at)}, err
}

func (s *accounts) ListUsers(ctx context.Context, r *pb.ListUsersRequest) (*pb.ListUsersResponse, error) {
	cursor, err := nameFrom(r.GetCursor())
	if err != nil {
		return nil, err
	}
	var list account.UserList
	at, err := s.ask(ctx, r.GetConsistency(), &account.Users{Cursor: cursor, Limit: uint64(r.GetLimit())}, &list)
	if err != nil {
		return nil, err
	}
	return &pb.ListUsersResponse{Users: convert.Users(&list), NextCursor: nameCursor(list.Next), Total: uint32(list.Total), Position: uint64(at)}, nil
}

func (s *accounts) DisableUser(ctx context.Context, r *pb.DisableUserRequest) (*pb.DisableUserResponse, error) {
	at, err := s.propose(ctx, r.GetCommand(), &account.DisableUser{User: r.GetUsername()}, &account.Done{})
	return &pb.DisableUserResponse{Position: uint64(at)}, err
}

func (s *accounts) EnableUser(ctx context.Context, r *pb.EnableUserRequest) (*pb.EnableUserResponse, error) {
	at, err := s.propose(ctx, r.GetCommand(), &account.EnableUser{User: r.GetUsername()}, &account.Done{})
	return &pb.EnableUserResponse{Position: uint64(at)}, err
}

func (s *accounts) GrantAdmin(ctx context.Context, r *pb.GrantAdminRequest) (*pb.GrantAdminResponse, error) {
	at, err := s.propose(ctx, r.GetCommand(), &account.GrantAdmin{User: r.GetUsername()}, &account.Done{})
	return &pb.GrantAdminResponse{Position: uint64(at)}, err
}

func (s *accounts) RevokeAdmin(ctx context.Context, r *pb.RevokeAdminRequest) (*pb.RevokeAdminResponse, error) {
	at, err := s.propose(ctx, r.GetCommand(), &account.RevokeAdmin{User: r.GetUsername()}, &account.Done{})
	return &pb.RevokeAdminResponse{Position: uint64(at)}, err
}

func (s *accounts) SetSignUpMode(ctx context.Context, r *pb.SetSignUpModeRequest) (*pb.SetSignUpModeResponse, error) {
	at, err := s.propose(ctx, r.GetCommand(), &account.SetSignUpMode{Mode: convert.SignUpMode(r.GetMode())}, &account.Done{})
	return &pb.SetSignUpModeResponse{Position: uint64(at)}, err
}

// nobodys is a user as the reply to a command of nobody's has it, and as his request called him. Sessions of nobody's are
// everybody's: a reply that is about somebody else is not for this caller.
func nobodys(u *state.User, name string) error {
	if state.FoldName(u.Name) == state.FoldName(name) {
		return nil
	}
	return convert.RejectionError(state.Refusef(state.Precondition, "SESSION_FOREIGN", "The number was used in this session for something else."))
}
