package client

import (
	"context"
	"crypto/rand"
	"time"

	pb "parley/rpc/proto/parley/v1"
)

// SignUp makes an account. It does not log in.
func (c *Client) SignUp(ctx context.Context, r *pb.SignUpRequest, o ...Option) (*pb.SignUpResponse, error) {
	return anonymous(ctx, c, pb.AccountService_SignUp_FullMethodName, r, &pb.SignUpResponse{}, o)
}

// LogIn makes a login, and has the client be it from now on.
func (c *Client) LogIn(ctx context.Context, username, password string) (Credentials, error) {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // never fails, says its documentation
	request := &pb.LogInRequest{Username: username, Password: password, Secret: secret, Client: c.cfg.Name}
	since := time.Now()
	r, err := anonymous(ctx, c, pb.AccountService_LogIn_FullMethodName, request, &pb.LogInResponse{}, nil)
	if err != nil {
		return Credentials{}, err
	}
	who := Credentials{
		Addrs: c.addrs, User: r.GetUser().GetUsername(), Login: r.GetLoginId(), Token: r.GetToken(),
		Since: since, Expires: r.GetExpires().AsTime(),
	}
	c.Use(who)
	if who.Cluster = c.clusterOf(ctx); who.Cluster != 0 {
		c.Use(who)
	}
	return who, nil
}

// Renew exchanges the token for one that lasts longer, and uses it. The client does so by itself.
func (c *Client) Renew(ctx context.Context) (Credentials, error) {
	login := c.Credentials().Login
	r, err := command(ctx, c, pb.AccountService_Renew_FullMethodName, &pb.RenewRequest{}, &pb.RenewResponse{}, []Option{Once(rand.Text())})
	if err != nil {
		return Credentials{}, err
	}
	c.take(r, login)
	return c.Credentials(), nil
}

// LogOut ends the login, after which the client is nobody's. One that had ended before is no error.
func (c *Client) LogOut(ctx context.Context) error {
	_, err := command(ctx, c, pb.AccountService_LogOut_FullMethodName, &pb.LogOutRequest{}, &pb.LogOutResponse{}, []Option{Once(rand.Text())})
	if e := failedAs(err); err != nil && (e == nil || !e.unauthenticated() || e.Reason == ReasonTokenMissing) {
		return err
	}
	c.Use(Credentials{})
	return nil
}

// WhoAmI returns the caller.
func (c *Client) WhoAmI(ctx context.Context, o ...Option) (*pb.WhoAmIResponse, error) {
	return query(ctx, c, pb.AccountService_WhoAmI_FullMethodName, &pb.WhoAmIRequest{}, &pb.WhoAmIResponse{}, o)
}

// ChangePassword gives the caller another password, and ends his other logins.
func (c *Client) ChangePassword(ctx context.Context, old, new string, o ...Option) (*pb.ChangePasswordResponse, error) {
	r := &pb.ChangePasswordRequest{OldPassword: old, NewPassword: new}
	return command(ctx, c, pb.AccountService_ChangePassword_FullMethodName, r, &pb.ChangePasswordResponse{}, o)
}

// UpdateProfile changes the caller's display name and email address.
func (c *Client) UpdateProfile(ctx context.Context, r *pb.UpdateProfileRequest, o ...Option) (*pb.UpdateProfileResponse, error) {
	return command(ctx, c, pb.AccountService_UpdateProfile_FullMethodName, r, &pb.UpdateProfileResponse{}, o)
}

// ListLogins returns a user's logins; an empty name is the caller's.
func (c *Client) ListLogins(ctx context.Context, username string, o ...Option) (*pb.ListLoginsResponse, error) {
	r := &pb.ListLoginsRequest{Username: username}
	return query(ctx, c, pb.AccountService_ListLogins_FullMethodName, r, &pb.ListLoginsResponse{}, o)
}

// RevokeLogin ends a login.
func (c *Client) RevokeLogin(ctx context.Context, login string, o ...Option) (*pb.RevokeLoginResponse, error) {
	r := &pb.RevokeLoginRequest{LoginId: login}
	return command(ctx, c, pb.AccountService_RevokeLogin_FullMethodName, r, &pb.RevokeLoginResponse{}, o)
}

// ListUsers returns a page of the accounts; AllUsers returns all of them.
func (c *Client) ListUsers(ctx context.Context, r *pb.ListUsersRequest, o ...Option) (*pb.ListUsersResponse, error) {
	return query(ctx, c, pb.AccountService_ListUsers_FullMethodName, r, &pb.ListUsersResponse{}, o)
}

// DisableUser ends all logins of a user and lets him make no more.
func (c *Client) DisableUser(ctx context.Context, username string, o ...Option) (*pb.DisableUserResponse, error) {
	r := &pb.DisableUserRequest{Username: username}
	return command(ctx, c, pb.AccountService_DisableUser_FullMethodName, r, &pb.DisableUserResponse{}, o)
}

// EnableUser lets a user log in again.
func (c *Client) EnableUser(ctx context.Context, username string, o ...Option) (*pb.EnableUserResponse, error) {
	r := &pb.EnableUserRequest{Username: username}
	return command(ctx, c, pb.AccountService_EnableUser_FullMethodName, r, &pb.EnableUserResponse{}, o)
}

// GrantAdmin makes a user an admin of the cluster.
func (c *Client) GrantAdmin(ctx context.Context, username string, o ...Option) (*pb.GrantAdminResponse, error) {
	r := &pb.GrantAdminRequest{Username: username}
	return command(ctx, c, pb.AccountService_GrantAdmin_FullMethodName, r, &pb.GrantAdminResponse{}, o)
}

// RevokeAdmin makes an admin of the cluster a user like others.
func (c *Client) RevokeAdmin(ctx context.Context, username string, o ...Option) (*pb.RevokeAdminResponse, error) {
	r := &pb.RevokeAdminRequest{Username: username}
	return command(ctx, c, pb.AccountService_RevokeAdmin_FullMethodName, r, &pb.RevokeAdminResponse{}, o)
}

// CreateReset lets a user set another password with a code, which NewCode draws.
func (c *Client) CreateReset(ctx context.Context, username, code string, o ...Option) (*pb.CreateResetResponse, error) {
	r := &pb.CreateResetRequest{Username: username, Code: code}
	return command(ctx, c, pb.AccountService_CreateReset_FullMethodName, r, &pb.CreateResetResponse{}, o)
}

// ResetPassword sets the password of a user with the code of a reset.
func (c *Client) ResetPassword(ctx context.Context, username, code, password string, o ...Option) (*pb.ResetPasswordResponse, error) {
	r := &pb.ResetPasswordRequest{Username: username, Code: code, NewPassword: password}
	return anonymous(ctx, c, pb.AccountService_ResetPassword_FullMethodName, r, &pb.ResetPasswordResponse{}, o)
}

// CreateInvite lets whoever has the code, which NewCode draws, sign up.
func (c *Client) CreateInvite(ctx context.Context, r *pb.CreateInviteRequest, o ...Option) (*pb.CreateInviteResponse, error) {
	return command(ctx, c, pb.AccountService_CreateInvite_FullMethodName, r, &pb.CreateInviteResponse{}, o)
}

// ClaimAdmin makes the caller an admin of the cluster with the token of its first start.
func (c *Client) ClaimAdmin(ctx context.Context, token string, o ...Option) (*pb.ClaimAdminResponse, error) {
	r := &pb.ClaimAdminRequest{Token: token}
	return command(ctx, c, pb.AccountService_ClaimAdmin_FullMethodName, r, &pb.ClaimAdminResponse{}, o)
}

// SetSignUpMode says who may sign up from now on.
func (c *Client) SetSignUpMode(ctx context.Context, mode pb.SignUpMode, o ...Option) (*pb.SetSignUpModeResponse, error) {
	r := &pb.SetSignUpModeRequest{Mode: mode}
	return command(ctx, c, pb.AccountService_SetSignUpMode_FullMethodName, r, &pb.SetSignUpModeResponse{}, o)
}

// NewCode draws the code of an invite or of a reset: more than 128 bits, in groups that can be read to somebody.
func NewCode() string {
	code := rand.Text()
	for i := len(code) / 5 * 5; i > 0; i -= 5 {
		if i < len(code) {
			code = code[:i] + "-" + code[i:]
		}
	}
	return code
}
