package backend

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"

	"parley/cmd/parley/shell"
	"parley/raft"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// Account is who is logged in.
func (b *Backend) Account(ctx context.Context) (shell.Account, error) {
	me, err := b.whoAmI(ctx)
	if err != nil {
		return shell.Account{}, meant(err)
	}
	return accountOf(me.GetUser()), nil
}

// whoAmI asks who is logged in, and takes down at which position this was so, the first time for each login. From there
// on the shell is told what happens, and what it reads afterwards is not older: nothing falls in between.
func (b *Backend) whoAmI(ctx context.Context) (*pb.WhoAmIResponse, error) {
	me, err := b.c.WhoAmI(ctx)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if login := me.GetLoginId(); login != b.login && login == b.c.Credentials().Login {
		b.login, b.from = login, raft.Position(me.GetPosition())
	}
	return me, nil
}

// begun is the position from which on a login is told what happens.
func (b *Backend) begun(ctx context.Context, login string) (raft.Position, error) {
	for {
		b.mu.Lock()
		known, from := b.login == login, b.from
		b.mu.Unlock()
		if known {
			return from, nil
		}
		if b.c.Credentials().Login != login {
			return 0, errAnother
		}
		ask, cancel := context.WithTimeout(ctx, askMax)
		_, err := b.whoAmI(ask)
		cancel()
		if err != nil {
			return 0, err
		}
	}
}

// askMax bounds the question who is logged in: a few elections.
const askMax = 10 * time.Second

func accountOf(u *pb.User) shell.Account {
	return shell.Account{Username: u.GetUsername(), DisplayName: u.GetDisplayName(), Email: u.GetEmail(), ClusterAdmin: u.GetAdmin()}
}

// SignUp makes an account, and logs in.
func (b *Backend) SignUp(ctx context.Context, s shell.SignUp) (shell.Account, error) {
	r, err := b.c.SignUp(ctx, &pb.SignUpRequest{
		Username: s.Username, Email: s.Email, DisplayName: s.DisplayName, Password: s.Password, Invite: s.Invite,
	})
	if err != nil {
		return shell.Account{}, meant(err)
	}
	return b.LogIn(ctx, r.GetUser().GetUsername(), s.Password)
}

// LogIn makes a login. One that can't be used, or not be kept, is none.
func (b *Backend) LogIn(ctx context.Context, username, password string) (a shell.Account, err error) {
	before := b.c.Credentials()
	who, err := b.c.LogIn(ctx, username, password)
	if err != nil {
		return a, meant(err)
	}
	me, err := b.whoAmI(ctx)
	if err == nil {
		if err = b.keep(before, who); err != nil {
			_ = b.c.LogOut(ctx) // it expires by itself if that fails
		}
	}
	if err != nil {
		b.c.Use(client.Credentials{})
		return a, meant(err)
	}
	b.wake()
	return accountOf(me.GetUser()), nil
}

// LogOut ends the login.
func (b *Backend) LogOut(ctx context.Context) error {
	who := b.c.Credentials()
	b.leave(who.Login)
	defer b.leave("")
	if err := b.c.LogOut(ctx); err != nil {
		return meant(err)
	}
	b.wake()
	return b.keep(who, client.Credentials{})
}

// leave takes down that the user is ending a login himself.
func (b *Backend) leave(login string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.leaving = login
}

// lost takes in that the cluster does not know a login any more, and reports whether somebody else has ended it. Whoever
// logs in by another process meanwhile stays so.
func (b *Backend) lost(who client.Credentials, reason string) bool {
	b.mu.Lock()
	leaving := b.leaving == who.Login
	b.mu.Unlock()
	if leaving {
		return false
	}
	b.c.Use(client.Credentials{})
	if reason == client.ReasonLoginEnded {
		_ = b.keep(who, client.Credentials{}) // what is kept is refused next time
	}
	return true
}

// wake has the stream be of who is logged in now.
func (b *Backend) wake() {
	select {
	case b.changed <- struct{}{}:
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
		all = append(all, shell.Login{ID: l.GetId(), Client: l.GetClient(), Address: l.GetAddress(), Created: timeOf(l.GetCreated()), Current: l.GetCurrent()})
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
	_, err := b.c.CreateInvite(ctx, &pb.CreateInviteRequest{Code: code, Uses: 1})
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
