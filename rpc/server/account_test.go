package server

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"parley/raft/node"
	"parley/rpc/auth"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// admin makes the first admin of the cluster, with the token that its server left.
func (c *testCluster) admin(name string) *user {
	c.t.Helper()
	u := c.signUp(name)
	var token string
	require.Eventually(c.t, func() bool {
		token = c.cfg.Token.(*memToken).read()
		_, err := u.account().ClaimAdmin(u.ctx(), &pb.ClaimAdminRequest{Command: once(), Token: token})
		return err == nil
	}, 10*time.Second, 20*time.Millisecond)
	return u
}

// memToken is where the tests' servers leave the token.
type memToken struct {
	mu   sync.Mutex
	text string
}

func (m *memToken) Write(token string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.text = token
	return nil
}

func (m *memToken) Remove() error { return m.Write("") }

func (m *memToken) read() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.text
}

// governed is a configuration with a token for the first admin.
func governed() Config { return Config{BcryptCost: 4, Loopback: true, Token: &memToken{}} }

func TestR1_SignUpIsOnceForANameAndAnAddressAndProfilesChange(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann := c.signUp("ann")
	sign := func(name, email string) error {
		_, err := c.nobody().account().SignUp(t.Context(), &pb.SignUpRequest{Command: once(), Username: name, Email: email, Password: testPassword})
		return err
	}
	refused(t, sign("ANN", "other@example.org"), codes.AlreadyExists, "USERNAME_TAKEN")
	refused(t, sign("other", "Ann@Example.org"), codes.AlreadyExists, "EMAIL_TAKEN")

	name, email := "Ann B.", "ann.b@example.org"
	r, err := ann.account().UpdateProfile(ann.ctx(), &pb.UpdateProfileRequest{Command: once(), DisplayName: &name, Email: &email})
	require.NoError(t, err)
	require.Equal(t, name, r.GetUser().GetDisplayName())
	require.Equal(t, email, r.GetUser().GetEmail())
	require.NoError(t, sign("other", "ann@example.org"), "the address is free again")
}

func TestR1_TheModeOfSigningUpCountsAndInvitesLetIn(t *testing.T) {
	cfg := governed()
	c := startCluster(t, 1, cfg)
	root := c.admin("root")
	mode := func(m pb.SignUpMode) {
		_, err := root.account().SetSignUpMode(root.ctx(), &pb.SetSignUpModeRequest{Command: once(), Mode: m})
		require.NoError(t, err)
	}
	sign := func(name, invite string) error {
		_, err := c.nobody().account().SignUp(t.Context(), &pb.SignUpRequest{Command: once(), Username: name, Email: name + "@example.org",
			Password: testPassword, Invite: invite})
		return err
	}
	mode(pb.SignUpMode_SIGN_UP_MODE_CLOSED)
	refused(t, sign("ann", ""), codes.PermissionDenied, "SIGN_UP_CLOSED")
	mode(pb.SignUpMode_SIGN_UP_MODE_INVITE)
	refused(t, sign("ann", ""), codes.PermissionDenied, "INVITE_NEEDED")
	refused(t, sign("ann", auth.NewTicket(auth.Invite).Text()), codes.PermissionDenied, "INVITE_REFUSED")

	// A code of ours, as a person types it, and one that a script drew.
	ticket := auth.NewTicket(auth.Invite)
	for i, code := range []struct{ made, typed string }{
		{ticket.Text(), strings.ToUpper(ticket.Text())},
		{"abcdefghij-klmnopqrst-012345", "ABCDEFGHIJKLMNOPQRST012345"},
	} {
		r, err := root.account().CreateInvite(root.ctx(), &pb.CreateInviteRequest{Command: once(), Code: code.made})
		require.NoError(t, err)
		require.Greater(t, r.GetExpires().AsTime(), time.Now())
		name := fmt.Sprint("guest", i)
		require.NoError(t, sign(name, code.typed))
		refused(t, sign(name+"x", code.made), codes.PermissionDenied, "INVITE_REFUSED")
	}
	mistyped := []byte(auth.NewTicket(auth.Invite).Text())
	mistyped[8] ^= 1
	require.Equal(t, "invite", refused(t, sign("ann", string(mistyped)), codes.InvalidArgument, "FIELD_INVALID").Field)
}

func TestR3_PasswordsAreJudgedWhenTheyAreSet(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann := c.signUp("longusername")
	for password, reason := range map[string]string{
		"short":                  "PASSWORD_TOO_SHORT",
		"password1":              "PASSWORD_COMMON",
		"LongUserName":           "PASSWORD_IS_USERNAME",
		strings.Repeat("x", 73):  "PASSWORD_TOO_LONG",
		strings.Repeat("ä", 37):  "PASSWORD_TOO_LONG",
		strings.Repeat("x", 500): "PASSWORD_TOO_LONG",
	} {
		_, err := c.nobody().account().SignUp(t.Context(), &pb.SignUpRequest{Command: once(), Username: "LongUserName", Email: "x@example.org", Password: password})
		require.Equal(t, "password", refused(t, err, codes.InvalidArgument, reason).Field)
		_, err = ann.account().ChangePassword(ann.ctx(), &pb.ChangePasswordRequest{Command: once(), OldPassword: testPassword, NewPassword: password})
		require.Equal(t, "new_password", refused(t, err, codes.InvalidArgument, reason).Field)
		require.NotContains(t, err.Error(), password)
	}
}

func TestR4_AnUnknownUserAndAWrongPasswordAreOneAnswerAndGuessesAreFew(t *testing.T) {
	c := startCluster(t, 1, Config{})
	c.signUp("ann")
	stranger := c.nobody()
	stranger.name = "nobody"
	_, unknown := stranger.tryLogIn("a wrong password")
	stranger.name = "ann"
	_, wrong := stranger.tryLogIn("a wrong password")
	refused(t, wrong, codes.Unauthenticated, "CREDENTIALS_WRONG")
	require.Equal(t, wrong.Error(), unknown.Error())

	limited := 0
	for range 60 {
		if _, err := stranger.tryLogIn("a wrong password"); convert.ParseError(err).Reason == "TOO_MANY_ATTEMPTS" {
			require.Positive(t, convert.ParseError(err).Retry)
			limited++
		}
	}
	require.GreaterOrEqual(t, limited, 40, "most guesses were answered before any hash")
}

func TestR5_ATokenIssuedAnywhereWorksEverywhere(t *testing.T) {
	c := startCluster(t, 3, Config{})
	ann := c.signUp("ann")
	for i := range c.hosts {
		for _, consistency := range []pb.Consistency{pb.Consistency_CONSISTENCY_STALE, pb.Consistency_CONSISTENCY_LINEARIZABLE} {
			again := ann.logIn(testPassword) // the others have hardly heard of it
			me, err := again.at(i).account().WhoAmI(again.ctx(), &pb.WhoAmIRequest{Consistency: consistency})
			require.NoError(t, err)
			require.Equal(t, "ann", me.GetUser().GetUsername())
			require.Equal(t, again.login, me.GetLoginId())
		}
	}
	c.stop(c.leader())
	c.leader()
	ann.node = c.leader()
	ann.send("general", "the leader is another, and the token is good")
}

func TestR6_AnExpiredTokenIsRefusedAndEndsItsStreams(t *testing.T) {
	var mu sync.Mutex
	ahead := time.Duration(0)
	now := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(ahead)
	}
	c := startCluster(t, 1, Config{BcryptCost: 4, Loopback: true, TokenLifetime: time.Hour, Now: now})
	ann := c.signUp("ann")
	ann.send("general", "in time")
	renewed, err := ann.account().Renew(ann.ctx(), &pb.RenewRequest{Command: once()})
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), renewed.GetExpires().AsTime(), time.Minute)

	mu.Lock()
	ahead = time.Hour + time.Minute
	mu.Unlock()
	_, err = ann.account().WhoAmI(ann.ctx(), &pb.WhoAmIRequest{})
	refused(t, err, codes.Unauthenticated, "TOKEN_EXPIRED")
	_, err = ann.account().Renew(ann.ctx(), &pb.RenewRequest{Command: once()})
	refused(t, err, codes.Unauthenticated, "TOKEN_EXPIRED")
	require.NotEmpty(t, ann.logIn(testPassword).token, "an expired token keeps nobody from logging in")

	short := startCluster(t, 1, Config{BcryptCost: 4, Loopback: true, TokenLifetime: 2 * time.Second})
	bob := short.signUp("bob")
	s, err := bob.event().Watch(bob.ctx(), &pb.WatchRequest{})
	require.NoError(t, err)
	for err == nil {
		_, err = s.Recv()
	}
	refused(t, err, codes.Unauthenticated, "TOKEN_EXPIRED")
}

func TestR6_TheSigningKeyAloneForgesNothing(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	keys := c.servers[0].duties.keys
	claims, err := keys.ring.Verify(ann.token)
	require.NoError(t, err)
	me, err := bob.account().WhoAmI(bob.ctx(), &pb.WhoAmIRequest{})
	require.NoError(t, err)
	for _, f := range []struct{ user, login string }{
		{claims.User, claims.Login},               // hers, without her secret
		{me.GetUser().GetId(), claims.Login},      // bob under her login
		{claims.User, bob.login},                  // her under his
		{claims.User, state.LoginID(1).String()},  // a login that there never was
		{state.UserID(99).String(), claims.Login}, // somebody that there never was
		{"nobody", "nothing"},                     // not even ids
		{claims.User, strings.ToUpper(bob.login)}, // no id in its one form
		{"", ""},                    //
		{claims.Login, claims.User}, // the wrong way round
	} {
		token, err := keys.ring.Mint(f.user, f.login, auth.NewSecret())
		if err != nil {
			continue // the ring mints no such token
		}
		forged := *ann
		forged.token = token.Text
		_, err = forged.account().WhoAmI(forged.ctx(), &pb.WhoAmIRequest{})
		require.Equal(t, codes.Unauthenticated, convert.ParseError(err).Status)
		_, err = forged.chat().Send(forged.ctx(), &pb.SendRequest{Command: once(), Place: "general", Text: "forged"})
		require.Equal(t, codes.Unauthenticated, convert.ParseError(err).Status)
		s, err := forged.event().Watch(forged.ctx(), &pb.WatchRequest{})
		require.NoError(t, err)
		_, err = s.Recv()
		require.Equal(t, codes.Unauthenticated, convert.ParseError(err).Status)
	}
	require.Empty(t, ann.texts("general"))
}

// All of a token is right but who signed it, or for which cluster: then it is worth nothing, though the login's secret is in it.
func TestR6_ATokenOfAnotherKeyOrForAnotherClusterIsRefused(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann := c.signUp("ann")
	claims, err := c.servers[0].duties.keys.ring.Verify(ann.token)
	require.NoError(t, err)
	a, err := c.hosts[0].Do(t.Context(), node.Event{Kind: node.EventQuery, Query: node.Query{
		Body: statemachine.AppendQuery(nil, state.Head{}, &account.SigningKeys{})}})
	require.NoError(t, err)
	var list account.KeyList
	require.NoError(t, state.DecodeReply(a.Reply, &list))
	secret, err := auth.SecretFrom("key", list.Keys[0].Secret)
	require.NoError(t, err)
	id, cluster := strconv.FormatUint(list.Keys[0].ID, 36), uint64(c.hosts[0].Status().Cluster)
	for name, keys := range map[string]auth.Keys{
		"":                             {Cluster: cluster, Sign: auth.Key{ID: id, Secret: secret}},
		"another audience":             {Cluster: cluster + 1, Sign: auth.Key{ID: id, Secret: secret}},
		"another key under its number": {Cluster: cluster, Sign: auth.NewKey(id)},
		"a key that nobody knows":      {Cluster: cluster, Sign: auth.NewKey("zz")},
	} {
		ring, err := auth.NewKeyring(time.Hour, time.Now)
		require.NoError(t, err)
		require.NoError(t, ring.Set(keys))
		token, err := ring.Mint(claims.User, claims.Login, claims.Secret)
		require.NoError(t, err)
		as := *ann
		as.token = token.Text
		_, err = as.account().WhoAmI(as.ctx(), &pb.WhoAmIRequest{})
		if name == "" {
			require.NoError(t, err, "made in the same way with the right key it is good")
			continue
		}
		refused(t, err, codes.Unauthenticated, "TOKEN_INVALID")
	}
}

// The edge is asked with tokens as an attacker writes them.
func TestR6_OtherAlgorithmsAndBrokenTokensAreRefused(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann := c.signUp("ann")
	parts := strings.Split(ann.token, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	hs512, err := jwt.New(jwt.SigningMethodHS512).SignedString([]byte("guess"))
	require.NoError(t, err)
	for _, token := range []string{none + "." + parts[1] + ".", parts[0] + "." + parts[1] + ".", hs512, ann.token[:len(ann.token)-2], "x", strings.Repeat("x", 9000)} {
		forged := *ann
		forged.token = token
		_, err := forged.account().WhoAmI(forged.ctx(), &pb.WhoAmIRequest{})
		refused(t, err, codes.Unauthenticated, "TOKEN_INVALID")
		require.NotContains(t, err.Error(), token)
	}
	two := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+ann.token, "authorization", "Bearer "+ann.token)
	_, err = ann.account().WhoAmI(two, &pb.WhoAmIRequest{})
	refused(t, err, codes.Unauthenticated, "TOKEN_INVALID")
}

func TestR7_ALoginIsRenewedUntilItIsRevoked(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann := c.signUp("ann")
	r, err := ann.account().Renew(ann.ctx(), &pb.RenewRequest{Command: once()})
	require.NoError(t, err)
	renewed := *ann
	renewed.token = r.GetToken()
	renewed.send("general", "renewed")
	ann.send("general", "the old token is good until its own expiry")
	_, err = ann.logIn(testPassword).account().RevokeLogin(ann.ctx(), &pb.RevokeLoginRequest{Command: once(), LoginId: ann.login})
	require.NoError(t, err)
	_, err = renewed.account().Renew(renewed.ctx(), &pb.RenewRequest{Command: once()})
	refused(t, err, codes.Unauthenticated, "LOGIN_ENDED")
}

func TestR8_LogOutEndsTheLoginAndItsStreamsOnEveryNodeAndNoOther(t *testing.T) {
	c := startCluster(t, 3, Config{})
	ann := c.signUp("ann")
	other := ann.logIn(testPassword)
	var ended, live []interface {
		Recv() (*pb.WatchResponse, error)
	}
	for i := range c.hosts {
		for _, u := range []*user{ann, other} {
			s, err := u.at(i).event().Watch(u.ctx(), &pb.WatchRequest{})
			require.NoError(t, err)
			_, err = s.Recv()
			require.NoError(t, err)
			if u == ann {
				ended = append(ended, s)
			} else {
				live = append(live, s)
			}
		}
	}
	_, err := ann.account().LogOut(ann.ctx(), &pb.LogOutRequest{Command: once()})
	require.NoError(t, err)
	for i, s := range ended {
		var err error
		for err == nil {
			_, err = s.Recv()
		}
		refused(t, err, codes.Unauthenticated, "LOGIN_ENDED")
		_, err = ann.at(i).chat().History(ann.ctx(), &pb.HistoryRequest{Place: "general"})
		refused(t, err, codes.Unauthenticated, "LOGIN_ENDED")
		_, err = live[i].Recv()
		require.NoError(t, err)
	}
	require.Empty(t, other.texts("general"))
}

func TestR9_LoginsAreListedAndRevokedAndAccountsDisabled(t *testing.T) {
	c := startCluster(t, 1, governed())
	root, ann := c.admin("root"), c.signUp("ann")
	second := ann.logIn(testPassword)
	list, err := second.account().ListLogins(second.ctx(), &pb.ListLoginsRequest{})
	require.NoError(t, err)
	require.Len(t, list.GetLogins(), 2)
	require.Equal(t, []string{ann.login, second.login}, []string{list.GetLogins()[0].GetId(), list.GetLogins()[1].GetId()})
	require.True(t, list.GetLogins()[1].GetCurrent())
	require.Equal(t, "127.0.0.1", list.GetLogins()[0].GetAddress())
	_, err = ann.account().ListLogins(ann.ctx(), &pb.ListLoginsRequest{Username: "root"})
	refused(t, err, codes.PermissionDenied, "NOT_CLUSTER_ADMIN")
	_, err = ann.account().RevokeLogin(ann.ctx(), &pb.RevokeLoginRequest{Command: once(), LoginId: root.login})
	refused(t, err, codes.NotFound, "LOGIN_NOT_FOUND")

	_, err = root.account().RevokeLogin(root.ctx(), &pb.RevokeLoginRequest{Command: once(), LoginId: second.login})
	require.NoError(t, err)
	_, err = second.account().WhoAmI(second.ctx(), &pb.WhoAmIRequest{})
	refused(t, err, codes.Unauthenticated, "LOGIN_ENDED")

	ann.send("general", "it stays")
	_, err = root.account().DisableUser(root.ctx(), &pb.DisableUserRequest{Command: once(), Username: "ann"})
	require.NoError(t, err)
	_, err = ann.account().WhoAmI(ann.ctx(), &pb.WhoAmIRequest{})
	refused(t, err, codes.Unauthenticated, "LOGIN_ENDED")
	_, err = ann.tryLogIn(testPassword)
	refused(t, err, codes.PermissionDenied, "ACCOUNT_DISABLED")
	require.Equal(t, []string{"ann: it stays"}, root.texts("general"))
	_, err = root.account().EnableUser(root.ctx(), &pb.EnableUserRequest{Command: once(), Username: "ann"})
	require.NoError(t, err)
	ann.logIn(testPassword).send("general", "back")
}

func TestR10_APasswordIsChangedWithTheOldOneOrResetWithACode(t *testing.T) {
	c := startCluster(t, 1, governed())
	root, ann := c.admin("root"), c.signUp("ann")
	other := ann.logIn(testPassword)
	change := &pb.ChangePasswordRequest{Command: once(), OldPassword: "wrong", NewPassword: "another long secret"}
	_, err := ann.account().ChangePassword(ann.ctx(), change)
	refused(t, err, codes.PermissionDenied, "PASSWORD_WRONG")
	change.Command, change.OldPassword = once(), testPassword
	r, err := ann.account().ChangePassword(ann.ctx(), change)
	require.NoError(t, err)
	require.EqualValues(t, 1, r.GetEnded())
	again, err := ann.account().ChangePassword(ann.ctx(), change)
	require.NoError(t, err, "a repetition gets the first answer, though the old password is another by now")
	require.Equal(t, r.GetPosition(), again.GetPosition())
	_, err = other.account().WhoAmI(other.ctx(), &pb.WhoAmIRequest{})
	refused(t, err, codes.Unauthenticated, "LOGIN_ENDED")
	_, err = ann.tryLogIn(testPassword)
	refused(t, err, codes.Unauthenticated, "CREDENTIALS_WRONG")

	code := auth.NewTicket(auth.Reset).Text()
	reset := func(code string) error {
		_, err := c.nobody().account().ResetPassword(t.Context(), &pb.ResetPasswordRequest{Command: once(), Username: "ann", Code: code, NewPassword: "a third long secret"})
		return err
	}
	refused(t, reset(code), codes.PermissionDenied, "RESET_REFUSED")
	_, err = ann.account().CreateReset(ann.ctx(), &pb.CreateResetRequest{Command: once(), Username: "ann", Code: code})
	refused(t, err, codes.PermissionDenied, "NOT_CLUSTER_ADMIN")
	_, err = root.account().CreateReset(root.ctx(), &pb.CreateResetRequest{Command: once(), Username: "ann", Code: code})
	require.NoError(t, err)
	refused(t, reset(auth.NewTicket(auth.Reset).Text()), codes.PermissionDenied, "RESET_REFUSED")
	require.NoError(t, reset(code))
	refused(t, reset(code), codes.PermissionDenied, "RESET_REFUSED")
	_, err = ann.account().WhoAmI(ann.ctx(), &pb.WhoAmIRequest{})
	refused(t, err, codes.Unauthenticated, "LOGIN_ENDED")
	ann.logIn("a third long secret").send("general", "back")
}

func TestR11_DemoUsersAreThereInDevModeAndNowhereElse(t *testing.T) {
	c := startCluster(t, 1, Config{BcryptCost: 4, Loopback: true, DemoUsers: true})
	alice := c.nobody()
	alice.name = "alice"
	require.Eventually(t, func() bool { _, err := alice.tryLogIn("alice123"); return err == nil }, 10*time.Second, 20*time.Millisecond)
	for name, password := range map[string]string{"alice": "alice123", "bob": "bob123", "charlie": "charlie123"} {
		u := &user{c: c, node: c.leader(), name: name}
		u = u.logIn(password)
		me, err := u.account().WhoAmI(u.ctx(), &pb.WhoAmIRequest{})
		require.NoError(t, err)
		require.Equal(t, name == "alice", me.GetUser().GetAdmin())
		list, err := u.channel().ListChannels(u.ctx(), &pb.ListChannelsRequest{})
		require.NoError(t, err)
		for _, ch := range list.GetChannels() {
			require.Equal(t, pb.MemberRole_MEMBER_ROLE_ADMIN, ch.GetRole(), ch.GetName())
		}
		require.Len(t, list.GetChannels(), 3)
		alice = u
	}

	_, err := New(Config{Host: c.hosts[0], DemoUsers: true, Limits: c.cfg.Limits})
	require.ErrorContains(t, err, "loopback")

	// The same directory, with a listener that strangers reach.
	c.stop(0)
	c.cfg.DemoUsers, c.cfg.Loopback, c.cfg.BcryptCost = false, false, 10
	c.restart(0)
	alice.node = c.leader()
	_, err = alice.account().WhoAmI(alice.ctx(), &pb.WhoAmIRequest{})
	refused(t, err, codes.PermissionDenied, "DEMO_REFUSED")
	alice.name = "bob"
	_, err = alice.tryLogIn("bob123")
	refused(t, err, codes.PermissionDenied, "DEMO_REFUSED")
}

// At stake: who starts a cluster in dev mode tries until alice can log in, and would find his own tries in the record of what was done,
// beside those of whoever guesses passwords.
func TestR11_ALogInBeforeTheDemoUsersAreMadeIsToComeBackAndHasNotFailed(t *testing.T) {
	c := startCluster(t, 1, Config{BcryptCost: 10, Loopback: true, DemoUsers: true})
	alice := c.nobody()
	alice.name = "alice"
	var before []error
	require.Eventually(t, func() bool {
		_, err := alice.tryLogIn("alice123")
		if err != nil {
			before = append(before, err)
		}
		return err == nil
	}, 10*time.Second, time.Millisecond)
	for _, err := range before {
		refused(t, err, codes.Unavailable, "NOT_FORMED")
	}
}

// If the name of one of them is taken they are never made, and everybody else logs in all the same.
func TestR11_WhoHasTheNameOfADemoUserLogsInWhereTheyAreWanted(t *testing.T) {
	c := startCluster(t, 1, Config{BcryptCost: 4, Loopback: true})
	c.signUp("bob")
	c.stop(0)
	c.cfg.DemoUsers = true
	c.restart(0)
	bob := c.nobody()
	bob.name = "bob"
	require.Eventually(t, func() bool { _, err := bob.tryLogIn(testPassword); return err == nil }, 10*time.Second, 20*time.Millisecond)
	_, err := bob.at(c.leader()).tryLogIn("bob123")
	refused(t, err, codes.Unauthenticated, "CREDENTIALS_WRONG")
}

func TestR12_TheFirstAdminClaimsTheTokenAndTheLastOneStays(t *testing.T) {
	cfg := governed()
	c := startCluster(t, 3, cfg)
	ann := c.signUp("ann")
	_, err := ann.account().ClaimAdmin(ann.ctx(), &pb.ClaimAdminRequest{Command: once(), Token: auth.NewTicket(auth.Bootstrap).Text()})
	refused(t, err, codes.PermissionDenied, "CLAIM_REFUSED")
	root := c.admin("root")
	require.Eventually(t, func() bool { return cfg.Token.(*memToken).read() == "" }, 10*time.Second, 20*time.Millisecond, "a used token lies around no longer")

	grant := func(by *user, who string) error {
		_, err := by.account().GrantAdmin(by.ctx(), &pb.GrantAdminRequest{Command: once(), Username: who})
		return err
	}
	revoke := func(by *user, who string) error {
		_, err := by.account().RevokeAdmin(by.ctx(), &pb.RevokeAdminRequest{Command: once(), Username: who})
		return err
	}
	refused(t, revoke(root, "root"), codes.FailedPrecondition, "LAST_CLUSTER_ADMIN")
	refused(t, grant(ann, "ann"), codes.PermissionDenied, "NOT_CLUSTER_ADMIN")
	require.NoError(t, grant(root, "ann"))
	require.NoError(t, revoke(ann, "root"))
	refused(t, revoke(ann, "ann"), codes.FailedPrecondition, "LAST_CLUSTER_ADMIN")
}

// What is at stake: a session's number that somebody guesses, and with it the answers that are kept for another.
func TestR28_ASessionIsItsUsersAndNobodysSessionTellsNothing(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	s, err := ann.session().Open(ann.ctx(), &pb.OpenRequest{Nonce: 7})
	require.NoError(t, err)
	send := &pb.SendRequest{Command: &pb.CommandContext{Session: s.GetSession(), Seq: 1}, Place: "general", Text: "mine"}
	first, err := ann.chat().Send(ann.ctx(), send)
	require.NoError(t, err)
	_, err = bob.chat().Send(bob.ctx(), send)
	refused(t, err, codes.FailedPrecondition, "SESSION_FOREIGN")
	again, err := ann.logIn(testPassword).chat().Send(ann.ctx(), send)
	require.NoError(t, err)
	require.Equal(t, first.GetPosition(), again.GetPosition())

	open, err := c.nobody().session().Open(t.Context(), &pb.OpenRequest{Nonce: 9})
	require.NoError(t, err)
	secret := make([]byte, 32)
	_, _ = rand.Read(secret)
	in := &pb.LogInRequest{Command: &pb.CommandContext{Session: open.GetSession(), Seq: 1}, Username: "ann", Password: testPassword, Secret: secret}
	mine, err := c.nobody().account().LogIn(t.Context(), in)
	require.NoError(t, err)
	repeated, err := c.nobody().account().LogIn(t.Context(), in)
	require.NoError(t, err)
	require.Equal(t, mine.GetLoginId(), repeated.GetLoginId(), "one login")
	in.Username = "bob"
	_, err = c.nobody().account().LogIn(t.Context(), in)
	refused(t, err, codes.FailedPrecondition, "SESSION_FOREIGN")
}

func TestR28_ARequestIdIsExecutedOnceAndMeansOneThing(t *testing.T) {
	c := startCluster(t, 3, Config{})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	send := &pb.SendRequest{Command: &pb.CommandContext{RequestId: "nightly"}, Place: "general", Text: "report"}
	first, err := ann.chat().Send(ann.ctx(), send)
	require.NoError(t, err)
	other := &pb.SendRequest{Command: send.GetCommand(), Place: "general", Text: "another report"}
	_, err = ann.chat().Send(ann.ctx(), other)
	refused(t, err, codes.AlreadyExists, "REQUEST_CONFLICT")
	_, err = bob.chat().Send(bob.ctx(), other)
	require.NoError(t, err, "ids are each user's own")
	c.stop(c.leader())
	ann.node = c.leader()
	again, err := ann.chat().Send(ann.ctx(), send)
	require.NoError(t, err)
	require.Equal(t, first.GetId(), again.GetId())
	require.Equal(t, []string{"ann: report", "bob: another report"}, ann.texts("general"))
}

// Nothing that is private stands in a log: not at the most talkative level, and not when calls fail.
func TestTheRequestLogHasNoSecretsAndNoTexts(t *testing.T) {
	var log syncBuffer
	cfg := governed()
	cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c := startCluster(t, 1, cfg)
	root := c.admin("root")
	root.send("general", "the text of a message")
	code := auth.NewTicket(auth.Invite).Text()
	_, err := root.account().CreateInvite(root.ctx(), &pb.CreateInviteRequest{Command: once(), Code: code})
	require.NoError(t, err)
	_, err = root.tryLogIn("not the password")
	require.Error(t, err)
	text := log.String()
	require.Contains(t, text, "method=/parley.v1.ChatService/Send user=user_")
	require.Regexp(t, `from=127\.0\.0\.1 code=Unauthenticated .*reason=CREDENTIALS_WRONG`, text, "who guesses can be shut out")
	for _, secret := range []string{testPassword, "not the password", root.token, code, "the text of a message", "root@example.org", "Bearer"} {
		require.NotContains(t, text, secret)
	}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// Servers ask things that no caller may: what becomes of a query in a caller's name is judged by its kind.
func TestACallersLoginDoesNotReachWhatIsForServers(t *testing.T) {
	c := startCluster(t, 1, Config{})
	ann := c.signUp("ann")
	_, err := c.nobody().account().ListUsers(t.Context(), &pb.ListUsersRequest{})
	refused(t, err, codes.Unauthenticated, "TOKEN_MISSING")
	list, err := ann.account().ListUsers(ann.ctx(), &pb.ListUsersRequest{})
	require.NoError(t, err)
	require.Equal(t, "ann@example.org", list.GetUsers()[0].GetEmail(), "one's own")
	bob := c.signUp("bob")
	list, err = bob.account().ListUsers(bob.ctx(), &pb.ListUsersRequest{})
	require.NoError(t, err)
	require.Empty(t, list.GetUsers()[0].GetEmail())
	a, err := c.hosts[0].Do(t.Context(), node.Event{Kind: node.EventQuery, Query: node.Query{
		Body: statemachine.AppendQuery(nil, state.Head{}, &account.WhoAmI{})}})
	require.NoError(t, err)
	require.ErrorContains(t, state.DecodeReply(a.Reply, &account.Me{}), "logged in")
}

// A node that others can reach lets in whoever was invited, one on loopback everybody, unless its operator says otherwise.
func TestR1_WhoMaySignUpByDefaultHangsOnWhoReachesTheNode(t *testing.T) {
	for _, loopback := range []bool{true, false} {
		c := startCluster(t, 1, Config{BcryptCost: 10, Loopback: loopback})
		_, err := c.nobody().account().SignUp(t.Context(), &pb.SignUpRequest{Command: once(), Username: "ann", Email: "ann@example.org", Password: testPassword})
		if loopback {
			require.NoError(t, err)
			continue
		}
		refused(t, err, codes.PermissionDenied, "INVITE_NEEDED")
	}
}

func TestR9_ADisabledAccountLosesItsLoginsAndLocksAndKeepsItsMessages(t *testing.T) {
	c := startCluster(t, 1, governed())
	root, ann, bob := c.admin("root"), c.signUp("ann"), c.signUp("bob")
	ann.send("general", "what I said stays")
	require.True(t, ann.acquire("hers", time.Hour, 0).GetGranted())
	require.False(t, bob.acquire("hers", time.Hour, 0).GetGranted())
	_, err := root.account().DisableUser(root.ctx(), &pb.DisableUserRequest{Command: once(), Username: "ann"})
	require.NoError(t, err)
	_, err = ann.account().WhoAmI(ann.ctx(), &pb.WhoAmIRequest{})
	refused(t, err, codes.Unauthenticated, "LOGIN_ENDED")
	_, err = (&user{c: c, node: ann.node, name: "ann"}).tryLogIn(testPassword)
	require.Error(t, err)
	require.True(t, bob.acquire("hers", time.Hour, 0).GetGranted(), "her lock is free")
	require.Equal(t, []string{"ann: what I said stays"}, bob.texts("general"))
	_, err = root.account().EnableUser(root.ctx(), &pb.EnableUserRequest{Command: once(), Username: "ann"})
	require.NoError(t, err)
	_, err = (&user{c: c, node: ann.node, name: "ann"}).tryLogIn(testPassword)
	require.NoError(t, err)
}
