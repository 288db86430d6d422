package backend

import (
	"context"

	"google.golang.org/protobuf/proto"

	"parley/cmd/parley/shell"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// Account is who is logged in.
func (b *Backend) Account(ctx context.Context) (shell.Account, error) {
	me, err := b.c.WhoAmI(ctx)
	if err != nil {
		return shell.Account{}, meant(err)
	}
	return accountOf(me.GetUser()), nil
}

func accountOf(u *pb.User) shell.Account {
	return shell.Account{Username: u.GetUsername(), DisplayName: u.GetDisplayName(), Email: u.GetEmail(), ClusterAdmin: u.GetAdmin()}
}

// SignUp makes an account. It does not log in.
func (b *Backend) SignUp(ctx context.Context, s shell.SignUp) (shell.Account, error) {
	r, err := b.c.SignUp(ctx, &pb.SignUpRequest{
		Username: s.Username, Email: s.Email, DisplayName: s.DisplayName, Password: s.Password, Invite: s.Invite,
	})
	if err != nil {
		return shell.Account{}, meant(err)
	}
	return accountOf(r.GetUser()), nil
}

// LogIn makes a login, and ends the one before.
func (b *Backend) LogIn(ctx context.Context, username, password string) (shell.Account, error) {
	before := b.c.Credentials()
	who, err := b.c.LogIn(ctx, username, password)
	if err != nil {
		return shell.Account{}, meant(err)
	}
	if err := b.keep(who); err != nil {
		return shell.Account{}, err
	}
	b.changed()
	if before.LoggedIn() {
		_, _ = b.c.RevokeLogin(ctx, before.Login) // of another user it expires by itself
	}
	return b.Account(ctx)
}

// LogOut ends the login.
func (b *Backend) LogOut(ctx context.Context) error {
	if err := b.c.LogOut(ctx); err != nil {
		return meant(err)
	}
	b.changed()
	return b.keep(client.Credentials{})
}

// changed wakes whoever follows what happens: it is another user's to see.
func (b *Backend) changed() {
	select {
	case b.login <- struct{}{}:
	default:
	}
}

// SetPassword changes the password.
func (b *Backend) SetPassword(ctx context.Context, old, new string) error {
	_, err := b.c.ChangePassword(ctx, old, new)
	return meant(err)
}

// Redeem sets a password with the code of a reset.
func (b *Backend) Redeem(ctx context.Context, username, secret, password string) error {
	_, err := b.c.ResetPassword(ctx, username, secret, password)
	return meant(err)
}

// SetProfile changes the display name and the email address; what is empty stays.
func (b *Backend) SetProfile(ctx context.Context, displayName, email string) error {
	r := &pb.UpdateProfileRequest{}
	if displayName != "" {
		r.DisplayName = proto.String(displayName)
	}
	if email != "" {
		r.Email = proto.String(email)
	}
	_, err := b.c.UpdateProfile(ctx, r)
	return meant(err)
}

// Logins are those of the user.
func (b *Backend) Logins(ctx context.Context) (all []shell.Login, err error) {
	r, err := b.c.ListLogins(ctx, "")
	for _, l := range r.GetLogins() {
		all = append(all, shell.Login{ID: l.GetId(), Created: timeOf(l.GetCreated()), Current: l.GetCurrent()})
	}
	return all, meant(err)
}

// Revoke ends a login.
func (b *Backend) Revoke(ctx context.Context, login string) error {
	_, err := b.c.RevokeLogin(ctx, login)
	return meant(err)
}

// Users are all users, and who of them is there.
func (b *Backend) Users(ctx context.Context) (all []shell.User, err error) {
	for p, err := range b.c.Everybody(ctx, true) {
		if err != nil {
			return nil, meant(err)
		}
		all = append(all, shell.User{Username: p.GetUsername(), DisplayName: p.GetDisplayName(), Online: p.GetOnline(), LastSeen: timeOf(p.GetLastSeen())})
	}
	return all, nil
}

// Claim makes this user a cluster admin with the token of the cluster's first start.
func (b *Backend) Claim(ctx context.Context, token string) error {
	_, err := b.c.ClaimAdmin(ctx, token)
	return meant(err)
}

// Invite makes a code with which somebody signs up.
func (b *Backend) Invite(ctx context.Context) (string, error) {
	code := client.NewCode()
	_, err := b.c.CreateInvite(ctx, &pb.CreateInviteRequest{Code: code})
	return code, meant(err)
}

// Disable ends all logins of a user and lets him make no more, or lets him again.
func (b *Backend) Disable(ctx context.Context, username string, disabled bool) (err error) {
	if disabled {
		_, err = b.c.DisableUser(ctx, username)
	} else {
		_, err = b.c.EnableUser(ctx, username)
	}
	return meant(err)
}

// GrantAdmin makes a user a cluster admin, or one like others.
func (b *Backend) GrantAdmin(ctx context.Context, username string, admin bool) (err error) {
	if admin {
		_, err = b.c.GrantAdmin(ctx, username)
	} else {
		_, err = b.c.RevokeAdmin(ctx, username)
	}
	return meant(err)
}

// ResetPassword makes a code with which a user sets another password.
func (b *Backend) ResetPassword(ctx context.Context, username string) (string, error) {
	code := client.NewCode()
	_, err := b.c.CreateReset(ctx, username, code)
	return code, meant(err)
}
