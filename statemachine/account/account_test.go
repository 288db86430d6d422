package account_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft/node"
	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

func TestR1_AnAccountIsMadeOnceForANameAndOnceForAnAddressHoweverTheyAreWritten(t *testing.T) {
	w, _, bob, _ := openWorld(t)
	var made account.SignedUp
	w.must(nobody, &account.SignUp{Name: "Dora", Email: "Dora@Example.org", Display: "Dora D.", Hash: hash("x")}, &made)
	require.Equal(t, state.UserID(w.at), made.User.ID)
	require.Equal(t, "Dora D.", made.User.Display)

	dup := w.refused(nobody, &account.SignUp{Name: "dORA", Email: "other@example.org", Hash: hash("x")}, state.Exists, "USERNAME_TAKEN")
	require.Equal(t, "username", dup.Field)
	dup = w.refused(nobody, &account.SignUp{Name: "dora2", Email: "DORA@example.ORG", Hash: hash("x")}, state.Exists, "EMAIL_TAKEN")
	require.Equal(t, "email", dup.Field)

	// Both can be changed, and what is given up is free for others.
	var me account.Person
	w.must(bob, &account.SetProfile{SetDisplay: true, Display: "Bobby"}, &me)
	require.Equal(t, "Bobby", me.Display)
	require.Equal(t, state.EventUserChanged, w.events()[0].Kind)
	w.refused(bob, &account.SetProfile{SetEmail: true, Email: "dora@example.org"}, state.Exists, "EMAIL_TAKEN")
	w.must(bob, &account.SetProfile{SetEmail: true, Email: "robert@example.org"}, &me)
	require.Equal(t, "Bobby", me.Display, "what is not set stays")
	w.must(bob, &account.SetProfile{SetEmail: true, Email: "Robert@example.org"}, &me)
	require.Equal(t, "Robert@example.org", me.Email, "an address is never taken by its own user")
	w.must(nobody, &account.SignUp{Name: "bob2", Email: "bob@example.org", Hash: hash("x")}, nil)
	for _, p := range []account.SetProfile{
		{SetDisplay: true}, {SetDisplay: true, Display: "a\x1bb"}, {SetDisplay: true, Display: strings.Repeat("x", 81)}, {SetEmail: true, Email: "no"},
	} {
		require.Equal(t, state.Invalid, w.do(bob, &p, nil).Code, "%+v", p)
	}
}

func TestR1_WhoMaySignUpIsDecidedByAnAdminOfTheCluster(t *testing.T) {
	w := newWorld(t)
	w.refused(nobody, signUp("early"), state.NotPermitted, "SIGN_UP_CLOSED")

	w, ann, bob, _ := openWorld(t)
	w.refused(bob, &account.SetSignUpMode{Mode: state.SignUpClosed}, state.NotPermitted, "NOT_CLUSTER_ADMIN")
	w.refused(bob, &account.CreateInvite{Hash: digest("code")}, state.NotPermitted, "NOT_CLUSTER_ADMIN")
	w.refused(ann, &account.SetSignUpMode{Mode: 9}, state.Invalid, "FIELD_INVALID")
	w.must(ann, &account.SetSignUpMode{Mode: state.SignUpClosed}, nil)
	w.must(ann, &account.CreateInvite{Hash: digest("code"), Uses: 2, Age: time.Hour}, nil)
	invited := func(name, code string) *account.SignUp {
		s := signUp(name)
		s.Invite = digest(code)
		return s
	}
	w.refused(nobody, invited("dora", "code"), state.NotPermitted, "SIGN_UP_CLOSED")

	w.must(ann, &account.SetSignUpMode{Mode: state.SignUpInvite}, nil)
	w.refused(nobody, signUp("dora"), state.NotPermitted, "INVITE_NEEDED")
	w.refused(nobody, invited("dora", "other"), state.NotPermitted, "INVITE_REFUSED")
	w.refused(ann, &account.CreateInvite{Hash: digest("code")}, state.Exists, "CODE_TAKEN")
	w.must(nobody, invited("dora", "code"), nil)
	w.refused(nobody, invited("dora", "code"), state.Exists, "USERNAME_TAKEN") // uses nothing up
	w.must(nobody, invited("emil", "code"), nil)
	w.refused(nobody, invited("fred", "code"), state.NotPermitted, "INVITE_REFUSED")
	require.Zero(t, w.m.Len(state.TableInvites))
}

func TestR1_AnInvitationEndsWithItsTimeAndLeavesNothingBehind(t *testing.T) {
	l := state.DefaultLimits()
	l.InvitesMax = 2
	w := newLimited(t, l)
	w.must(nobody, &account.Bootstrap{Key: key(1), SignUp: state.SignUpOpen, Offer: digest("token")}, nil)
	ann := w.member("ann")
	w.must(ann, &account.ClaimAdmin{Hash: digest("token")}, nil)
	w.must(ann, &account.SetSignUpMode{Mode: state.SignUpInvite}, nil)
	var end account.Until
	w.must(ann, &account.CreateInvite{Hash: digest("a"), Age: time.Hour}, &end)
	require.Equal(t, w.now.Add(time.Hour), end.Until)
	require.Equal(t, int64(time.Hour), end.Left)
	w.must(ann, &account.CreateInvite{Hash: digest("b")}, nil)
	w.refused(ann, &account.CreateInvite{Hash: digest("c")}, state.Exhausted, "INVITES_FULL")
	due, ok := w.m.NextDeadline()
	require.True(t, ok)
	require.Equal(t, end.Until, due, "the leader knows when to let time pass")

	w.pass(time.Hour)
	require.Equal(t, 1, w.m.Len(state.TableInvites))
	s := signUp("dora")
	s.Invite = digest("a")
	w.refused(nobody, s, state.NotPermitted, "INVITE_REFUSED")
	w.must(ann, &account.CreateInvite{Hash: digest("c"), Age: time.Hour}, nil)
	for _, i := range []account.CreateInvite{{}, {Hash: digest("d"), Uses: 1001}, {Hash: digest("d"), Age: -1}, {Hash: digest("d"), Age: 31 * 24 * time.Hour}} {
		w.refused(ann, &i, state.Invalid, "FIELD_INVALID")
	}
}

func TestR2_WhatIsNoNameAndNoAddressIsRefusedWithTheField(t *testing.T) {
	w, _, _, _ := openWorld(t)
	for _, name := range []string{"", "ab", strings.Repeat("x", 21), "a b", "ann-marie", "zoë", "a\x00b", "\xff\xfe\xfd", "@ann", "аnn"} {
		refusal := w.refused(nobody, &account.SignUp{Name: name, Email: "x@example.org", Hash: hash("x")}, state.Invalid, "USERNAME_INVALID")
		require.Equal(t, "username", refusal.Field, "%q", name)
	}
	for _, email := range []string{"", "x", "x@", "@example.org", "x@y", "x@y@example.org", "x y@example.org", "x@.org", "x@example.", "x@a..b",
		"x@exa\nmple.org", "\xff@example.org", strings.Repeat("x", 250) + "@a.de"} {
		refusal := w.refused(nobody, &account.SignUp{Name: "valid", Email: email, Hash: hash("x")}, state.Invalid, "EMAIL_INVALID")
		require.Equal(t, "email", refusal.Field, "%q", email)
	}
	refusal := w.do(nobody, &account.SignUp{Name: "valid", Email: "x@example.org"}, nil)
	require.Equal(t, "password", refusal.Field)
	for _, name := range []string{"abc", "A_9", strings.Repeat("x", 20), "user_1", "___"} {
		w.must(nobody, signUp(name), nil)
	}
}

// Whether there is an account is what a stranger wants to know first.
func TestR4_AnUnknownUserIsAnsweredAsAWrongPasswordIs(t *testing.T) {
	w, _, _, _ := openWorld(t)
	var none account.Credentials
	w.told(nobody, &account.CredentialsOf{Name: "nobody"}, &none)
	require.Equal(t, account.Credentials{}, none, "the server compares with a hash of its own then, and proposes nothing")
	_, refusal := w.tryLogIn("nobody")
	require.Equal(t, account.RefuseCredentials, refusal)

	var k account.Credentials
	w.told(nobody, &account.CredentialsOf{Name: "BOB"}, &k)
	require.Equal(t, hash("of bob"), k.Hash)
	w.refused(nobody, &account.LogIn{User: k.User, Version: k.Version + 1, Secret: digest("s")}, state.Conflict, "PASSWORD_CHANGED")
	w.refused(nobody, &account.LogIn{User: k.User, Version: k.Version}, state.Invalid, "FIELD_INVALID")
	w.refused(nobody, &account.LogIn{User: k.User, Version: k.Version, Secret: digest("s"), Client: "a\nb"}, state.Invalid, "CONTROL_CHARACTER")
}

func TestOneLoginTooManyEndsTheOneThatWasRenewedLeastRecently(t *testing.T) {
	l := state.DefaultLimits()
	l.LoginsPerUserMax = 3
	w := newLimited(t, l)
	w.must(nobody, &account.Bootstrap{Key: key(1), SignUp: state.SignUpOpen}, nil)
	first := w.member("ann")
	second, third := w.logIn("ann"), w.logIn("ann")
	w.must(first, &account.RenewLogin{}, nil)
	fourth := w.logIn("ann")
	require.True(t, w.lives(first))
	require.False(t, w.lives(second))
	require.True(t, w.lives(third))
	require.True(t, w.lives(fourth))
}

// Who has the key of the tokens but no secret of a login must get nowhere.
func TestR6_NobodyActsUnderALoginWithoutItsSecretNorInAnothersName(t *testing.T) {
	w, ann, bob, _ := openWorld(t)
	for name, a := range map[string]actor{
		"no proof":            {bob.id, bob.login, state.Head{Login: bob.login}},
		"proof of another":    {bob.id, bob.login, state.Head{Login: bob.login, Proof: ann.head.Proof}},
		"a login never begun": {bob.id, 0, state.Head{Login: 7777, Proof: bob.head.Proof}},
		"nobody":              nobody,
	} {
		refusal := w.refused(a, &account.LogOut{}, state.Unauthenticated, "LOGIN_ENDED")
		require.Equal(t, refusal, w.ask(a, &account.WhoAmI{}, nil), name)
	}
	other := bob
	other.id = ann.id // the client session is ann's
	require.Equal(t, state.Precondition, w.do(other, &account.LogOut{}, nil).Code)
	require.True(t, w.lives(bob))
}

func TestR6_KeysRotateAndOlderOnesVerifyForAsLongAsTheyAreToldTo(t *testing.T) {
	w, ann, bob, _ := openWorld(t)
	ids := func() (all []byte, current byte) {
		var l account.KeyList
		w.told(nobody, &account.SigningKeys{}, &l)
		for _, k := range l.Keys {
			all = append(all, k.Secret[0])
			if k.ID == l.Current {
				current = k.Secret[0]
			}
		}
		return all, current
	}
	check := func(want []byte, current byte) {
		t.Helper()
		all, now := ids()
		require.Equal(t, want, all)
		require.Equal(t, current, now)
	}
	check([]byte{1}, 1)
	w.refused(bob, &account.RotateKey{Key: key(2)}, state.NotPermitted, "NOT_CLUSTER_ADMIN")
	w.refused(ann, &account.RotateKey{Key: key(2)[1:]}, state.Invalid, "FIELD_INVALID")
	w.refused(ann, &account.RotateKey{Key: key(2), Keep: -1}, state.Invalid, "FIELD_INVALID")
	w.must(ann, &account.RotateKey{Key: key(2), Keep: 24 * time.Hour}, nil)
	check([]byte{1, 2}, 2)
	w.pass(time.Hour)
	w.must(ann, &account.RotateKey{Key: key(3), Keep: 24 * time.Hour}, nil)
	check([]byte{1, 2, 3}, 3)
	w.pass(23 * time.Hour)
	check([]byte{2, 3}, 3)
	w.pass(time.Hour)
	check([]byte{3}, 3)

	for b := byte(4); b <= 8; b++ { // never more than four
		w.must(ann, &account.RotateKey{Key: key(b), Keep: 24 * time.Hour}, nil)
	}
	check([]byte{5, 6, 7, 8}, 8)
	w.must(ann, &account.RotateKey{Key: key(9)}, nil) // a key leaked: none of the others counts
	check([]byte{9}, 9)
	require.True(t, w.lives(bob), "a login does not hang on the key of its token")
}

func TestR7_ALoginLivesWhileItIsRenewedAndEndsOtherwise(t *testing.T) {
	w, _, bob, cid := openWorld(t)
	idle := w.m.Limits.LoginIdleMax
	w.pass(idle / 2)
	var renewed account.LoggedIn
	w.must(bob, &account.RenewLogin{}, &renewed)
	require.Equal(t, bob.login, renewed.Login)
	require.Equal(t, w.now.Add(idle), renewed.Deadline)
	w.pass(idle / 2)
	require.True(t, w.lives(bob))
	require.False(t, w.lives(cid))
	require.Equal(t, state.EventLoginEnded, w.events()[0].Kind)
	w.refused(cid, &account.RenewLogin{}, state.Unauthenticated, "LOGIN_ENDED")
	w.must(bob, &account.LogOut{}, nil)
	w.refused(bob, &account.RenewLogin{}, state.Unauthenticated, "LOGIN_ENDED")
}

func TestR8_LoggingOutEndsThatLoginAndItsStreamsAndNoOther(t *testing.T) {
	w, _, bob, cid := openWorld(t)
	phone := w.logIn("bob")
	reader := func(a actor) string { return statemachine.Reader(a.id, a.head) }
	require.True(t, w.m.Admits(reader(bob)))
	dismissed := w.m.Dismissed()
	w.must(bob, &account.LogOut{}, nil)
	require.NotEqual(t, dismissed, w.m.Dismissed(), "the hub looks at its readers again")
	require.Equal(t, []state.Event{{Kind: state.EventLoginEnded, Audience: state.ForUser(bob.id), User: bob.id, Login: bob.login}}, w.events())
	require.False(t, w.m.Admits(reader(bob)))
	require.True(t, w.m.Admits(reader(phone)))
	require.False(t, w.lives(bob))
	require.True(t, w.lives(phone))
	require.True(t, w.lives(cid))
	w.refused(bob, &account.LogOut{}, state.Unauthenticated, "LOGIN_ENDED")
}

func TestR9_LoginsAreListedAndRevokedByTheirUserAndByAdminsOfTheCluster(t *testing.T) {
	w, ann, bob, cid := openWorld(t)
	phone := w.logIn("bob")
	var list account.LoginList
	w.told(bob, &account.Logins{}, &list)
	require.Len(t, list.Logins, 2)
	require.Equal(t, []bool{true, false}, []bool{list.Logins[0].Current, list.Logins[1].Current})
	require.Equal(t, phone.login, list.Logins[1].ID)
	require.Equal(t, "test", list.Logins[1].Client)
	w.told(ann, &account.Logins{User: "BOB"}, &list)
	require.Equal(t, "NOT_CLUSTER_ADMIN", w.ask(cid, &account.Logins{User: "bob"}, nil).Reason)
	require.Equal(t, "USER_NOT_FOUND", w.ask(ann, &account.Logins{User: "zed"}, nil).Reason)

	// Somebody else's login and none at all are one.
	hidden := w.refused(cid, &account.RevokeLogin{Login: phone.login.String()}, state.NotFound, "LOGIN_NOT_FOUND")
	for _, id := range []string{"login_zzz", "", "login_", "user_1", phone.login.String() + " ", "LOGIN_1", "login_01"} {
		require.Equal(t, hidden, w.refused(cid, &account.RevokeLogin{Login: id}, state.NotFound, "LOGIN_NOT_FOUND"))
	}
	w.must(bob, &account.RevokeLogin{Login: phone.login.String()}, nil)
	require.False(t, w.lives(phone))
	require.True(t, w.lives(bob))
	w.must(ann, &account.RevokeLogin{Login: bob.login.String()}, nil)
	require.False(t, w.lives(bob))
	require.Equal(t, []string{"login.revoke", "login.revoke"}, w.audited()[len(w.audited())-2:])
}

func TestR9_ADisabledAccountHasNoLoginsAndGetsNone(t *testing.T) {
	w, ann, bob, cid := openWorld(t)
	w.must(ann, &account.CreateReset{User: "bob", Hash: digest("code")}, nil)
	w.refused(cid, &account.DisableUser{User: "bob"}, state.NotPermitted, "NOT_CLUSTER_ADMIN")
	w.refused(ann, &account.DisableUser{User: "zed"}, state.NotFound, "USER_NOT_FOUND")
	w.must(ann, &account.DisableUser{User: "bob"}, nil)
	require.False(t, w.lives(bob))
	_, refusal := w.tryLogIn("bob")
	require.Equal(t, "ACCOUNT_DISABLED", refusal.Reason)
	w.refused(nobody, &account.ResetPassword{User: "bob", Secret: digest("code"), Hash: hash("new")}, state.NotPermitted, "RESET_REFUSED")
	w.refused(ann, &account.CreateReset{User: "bob", Hash: digest("code")}, state.Precondition, "USER_DISABLED")
	w.refused(ann, &account.GrantAdmin{User: "bob"}, state.Precondition, "USER_DISABLED")
	written := len(w.audited())
	w.must(ann, &account.DisableUser{User: "bob"}, nil)
	require.Len(t, w.audited(), written, "what is so already is done")

	w.must(ann, &account.EnableUser{User: "bob"}, nil)
	require.False(t, w.lives(bob), "what has ended stays so")
	require.True(t, w.lives(w.logIn("bob")))
	general, _ := w.m.Place(state.General)
	require.Equal(t, uint64(3), general.Members, "he was a member all the time")
}

func TestR10_APasswordIsChangedWithTheOldOneAndEndsTheOtherLogins(t *testing.T) {
	w, _, bob, _ := openWorld(t)
	phone := w.logIn("bob")
	w.refused(bob, &account.ChangePassword{Version: 2, Hash: hash("new")}, state.Conflict, "PASSWORD_CHANGED")
	w.refused(bob, &account.ChangePassword{Version: 1}, state.Invalid, "PASSWORD_INVALID")
	var changed account.PasswordChanged
	w.must(bob, &account.ChangePassword{Version: 1, Hash: hash("new")}, &changed)
	require.Equal(t, uint64(1), changed.Ended)
	require.True(t, w.lives(bob))
	require.False(t, w.lives(phone))
	// A log-in whose password was compared before the change comes too late.
	w.refused(nobody, &account.LogIn{User: bob.id, Version: 1, Secret: digest("late")}, state.Conflict, "PASSWORD_CHANGED")
	var k account.Credentials
	w.told(nobody, &account.CredentialsOf{Name: "bob"}, &k)
	require.Equal(t, account.Credentials{User: bob.id, Hash: hash("new"), Version: 2}, k)
}

func TestR10_AForgottenPasswordIsResetOnceWithASecretFromAnAdminOfTheCluster(t *testing.T) {
	w, ann, bob, cid := openWorld(t)
	reset := func(user, code string) *account.ResetPassword {
		return &account.ResetPassword{User: user, Secret: digest(code), Hash: hash("new")}
	}
	w.refused(cid, &account.CreateReset{User: "bob", Hash: digest("code")}, state.NotPermitted, "NOT_CLUSTER_ADMIN")
	w.must(ann, &account.CreateReset{User: "bob", Hash: digest("first")}, nil)
	w.must(ann, &account.CreateReset{User: "bob", Hash: digest("code")}, nil)
	// One answer for all that can be wrong.
	wrong := w.refused(nobody, reset("bob", "other"), state.NotPermitted, "RESET_REFUSED")
	for _, r := range []*account.ResetPassword{reset("zed", "code"), reset("cid", "code"), reset("bob", "first"), reset("", "code"), reset("\xff", "code")} {
		require.Equal(t, wrong, w.refused(nobody, r, state.NotPermitted, "RESET_REFUSED"))
	}
	require.True(t, w.lives(bob), "the old password is good until then")
	w.must(nobody, reset("BOB", "code"), nil)
	require.False(t, w.lives(bob))
	require.True(t, w.lives(cid))
	require.Equal(t, wrong, w.refused(nobody, reset("bob", "code"), state.NotPermitted, "RESET_REFUSED"))
	require.Equal(t, []string{"password.reset", "password.reset", "password.reset.used"}, w.audited()[len(w.audited())-3:])

	w.must(ann, &account.CreateReset{User: "bob", Hash: digest("late")}, nil)
	w.pass(24 * time.Hour)
	require.Equal(t, wrong, w.refused(nobody, reset("bob", "late"), state.NotPermitted, "RESET_REFUSED"))
	k, _ := w.m.Credential(bob.id)
	require.Zero(t, k.ResetHash, "what is void does not stay in the state")

	// Who remembers his password after all takes the code's worth away.
	w.must(ann, &account.CreateReset{User: "bob", Hash: digest("again")}, nil)
	bob = w.logIn("bob")
	w.must(bob, &account.ChangePassword{Version: 2, Hash: hash("newer")}, nil)
	require.Equal(t, wrong, w.refused(nobody, reset("bob", "again"), state.NotPermitted, "RESET_REFUSED"))
}

func demoUsers() *account.DemoUsers {
	return &account.DemoUsers{Hashes: [3][]byte{hash("alice123"), hash("bob123"), hash("charlie123")}}
}

func TestR11_TheUsersOfDevModeAreMadeOnceAndLogInOnLoopbackOnly(t *testing.T) {
	w := newWorld(t)
	w.must(nobody, &account.Bootstrap{Key: key(1), SignUp: state.SignUpOpen}, nil)
	var edge account.Edge
	w.told(nobody, &account.EdgeState{}, &edge)
	require.False(t, edge.Demo)
	w.must(nobody, demoUsers(), nil)
	w.told(nobody, &account.EdgeState{}, &edge)
	require.Equal(t, account.Edge{SignUp: state.SignUpOpen, Admins: 1, Demo: true}, edge)
	for i, name := range []string{"alice", "bob", "charlie"} {
		u := w.user(name)
		require.True(t, u.Demo)
		require.Equal(t, i == 0, u.Admin)
		for _, place := range []state.PlaceID{state.General, state.Random, state.Tech} {
			m, ok := w.m.Member(place, u.ID)
			require.True(t, ok && m.Admin, "%s in %d", name, place)
		}
		w.refused(nobody, &account.LogIn{User: u.ID, Version: 1, Secret: digest("s")}, state.NotPermitted, "DEMO_REFUSED")
		require.True(t, w.lives(w.logIn(name)))
	}
	tech, _ := w.m.Place(state.Tech)
	require.Equal(t, []uint64{3, 3}, []uint64{tech.Members, tech.Admins})

	// Every new leader says it again; what became of them since stays.
	alice := w.logIn("alice")
	w.must(alice, &account.DisableUser{User: "bob"}, nil)
	w.must(alice, &account.ChangePassword{Version: 1, Hash: hash("better")}, nil)
	before := w.user("bob")
	w.must(nobody, demoUsers(), nil)
	require.Equal(t, before, w.user("bob"))
	k, _ := w.m.Credential(alice.id)
	require.Equal(t, uint64(2), k.Version)
}

func TestR11_NobodysAccountBecomesAUserOfDevMode(t *testing.T) {
	w := newWorld(t)
	w.must(nobody, &account.Bootstrap{Key: key(1), SignUp: state.SignUpOpen}, nil)
	w.must(nobody, signUp("Charlie"), nil)
	w.refused(nobody, demoUsers(), state.Exists, "USERNAME_TAKEN")
	require.Equal(t, 1, w.m.Len(state.TableUsers))
}

func TestR12_TheFirstAdminHasTheTokenAndTheLastOneStays(t *testing.T) {
	w := newWorld(t)
	w.refused(nobody, &account.OfferAdmin{Hash: digest("token")}, state.Precondition, "NOT_BOOTSTRAPPED")
	w.must(nobody, &account.Bootstrap{Key: key(1), SignUp: state.SignUpOpen, Offer: digest("token")}, nil)
	w.refused(nobody, &account.Bootstrap{Key: key(2), SignUp: state.SignUpClosed, Offer: digest("mine")}, state.Exists, "BOOTSTRAPPED")
	w.refused(nobody, &account.OfferAdmin{Hash: digest("mine")}, state.Exists, "TOKEN_WAITS")
	ann, bob := w.member("ann"), w.member("bob")
	w.refused(bob, &account.ClaimAdmin{Hash: digest("guess")}, state.NotPermitted, "CLAIM_REFUSED")
	w.refused(bob, &account.ClaimAdmin{}, state.Invalid, "FIELD_INVALID")

	// A day later the token is void, and the server offers another one.
	w.pass(24 * time.Hour)
	w.refused(ann, &account.ClaimAdmin{Hash: digest("token")}, state.NotPermitted, "CLAIM_REFUSED")
	var edge account.Edge
	w.told(nobody, &account.EdgeState{}, &edge)
	require.Equal(t, account.Edge{SignUp: state.SignUpOpen}, edge)
	w.must(nobody, &account.OfferAdmin{Hash: digest("second")}, nil)
	w.must(ann, &account.ClaimAdmin{Hash: digest("second")}, nil)
	w.refused(bob, &account.ClaimAdmin{Hash: digest("second")}, state.NotPermitted, "CLAIM_REFUSED")
	w.refused(nobody, &account.OfferAdmin{Hash: digest("third")}, state.Precondition, "ADMIN_EXISTS")

	w.refused(bob, &account.GrantAdmin{User: "bob"}, state.NotPermitted, "NOT_CLUSTER_ADMIN")
	for _, c := range []state.Command{&account.RevokeAdmin{User: "ann"}, &account.DisableUser{User: "ann"}} {
		w.refused(ann, c, state.Precondition, "LAST_CLUSTER_ADMIN")
	}
	w.must(ann, &account.GrantAdmin{User: "bob"}, nil)
	w.must(ann, &account.RevokeAdmin{User: "ann"}, nil)
	w.refused(ann, &account.GrantAdmin{User: "ann"}, state.NotPermitted, "NOT_CLUSTER_ADMIN")
	w.must(bob, &account.GrantAdmin{User: "ann"}, nil)
	w.must(bob, &account.DisableUser{User: "ann"}, nil)
	w.refused(bob, &account.RevokeAdmin{User: "bob"}, state.Precondition, "LAST_CLUSTER_ADMIN")
	w.must(bob, &account.EnableUser{User: "ann"}, nil)
	require.False(t, w.user("ann").Admin, "who was disabled is made an admin anew")
	require.Equal(t, uint64(1), w.m.Settings().Admins)
}

// Only users claim the token, and only admins invite: without this a cluster off loopback would never have a user.
func TestR12_TheFirstUserSignsUpWithTheTokenWhereSigningUpIsNotOpen(t *testing.T) {
	for _, mode := range []state.SignUpMode{state.SignUpInvite, state.SignUpClosed} {
		w := newWorld(t)
		w.must(nobody, &account.Bootstrap{Key: key(1), SignUp: mode, Offer: digest("token")}, nil)
		with := func(name, code string) *account.SignUp {
			s := signUp(name)
			s.Invite = digest(code)
			return s
		}
		reason := map[state.SignUpMode]string{state.SignUpInvite: "INVITE_REFUSED", state.SignUpClosed: "SIGN_UP_CLOSED"}[mode]
		w.refused(nobody, with("ann", "guess"), state.NotPermitted, reason)
		w.must(nobody, with("ann", "token"), nil)
		ann := w.logIn("ann")
		w.must(ann, &account.ClaimAdmin{Hash: digest("token")}, nil)
		w.refused(nobody, with("bob", "token"), state.NotPermitted, reason)

		w = newWorld(t)
		w.must(nobody, &account.Bootstrap{Key: key(1), SignUp: mode, Offer: digest("token")}, nil)
		w.pass(24 * time.Hour)
		w.refused(nobody, with("ann", "token"), state.NotPermitted, reason)
	}
}

func TestR13_TheThreeChannelsExistOnceWithTheSameIds(t *testing.T) {
	w := newWorld(t)
	for id, name := range map[state.PlaceID]string{state.General: "general", state.Random: "random", state.Tech: "tech"} {
		p, ok := w.m.Place(id)
		require.True(t, ok)
		require.Equal(t, name, p.Name)
		got, ok := w.m.ChannelNamed(strings.ToUpper(name))
		require.True(t, ok)
		require.Equal(t, id, got)
	}
}

func TestR14_EveryNewUserIsInGeneralAndHasNothingUnread(t *testing.T) {
	w, _, _, _ := openWorld(t)
	dora := w.member("dora")
	general, _ := w.m.Place(state.General)
	require.Equal(t, uint64(4), general.Members)
	require.Zero(t, general.Admins)
	m, ok := w.m.Member(state.General, dora.id)
	require.True(t, ok)
	require.Zero(t, w.m.Unread(&m, &general))
	_, ok = w.m.Member(state.Random, dora.id)
	require.False(t, ok)
}

func TestBelowTheLevelOfTheTeamNothingIsDone(t *testing.T) {
	w := newWorld(t)
	before := w.m.StateHash()
	at := w.entry("")
	at.Level = node.LevelTeam - 1
	refusal := decode(t, w.m.Apply(at, statemachine.AppendCommand(nil, state.Head{}, demoUsers())), nil)
	require.Equal(t, state.NotYet, refusal.Code)
	require.Equal(t, before, w.m.StateHash())
}

// When very many things end at once, some wait for the entries behind. None of them is good for anything meanwhile.
func TestWhatIsPastItsTimeIsVoidBeforeItsTurnToGo(t *testing.T) {
	l := state.DefaultLimits()
	l.ExpiriesMax = 0 // as if others came first
	w := newLimited(t, l)
	w.must(nobody, &account.Bootstrap{Key: key(1), SignUp: state.SignUpOpen, Offer: digest("token")}, nil)
	ann := w.member("ann")
	w.pass(l.SecretAge)
	w.refused(ann, &account.ClaimAdmin{Hash: digest("token")}, state.NotPermitted, "CLAIM_REFUSED")
	w.must(nobody, &account.OfferAdmin{Hash: digest("second")}, nil)
	w.must(ann, &account.ClaimAdmin{Hash: digest("second")}, nil)
	w.must(ann, &account.SetSignUpMode{Mode: state.SignUpInvite}, nil)
	w.must(ann, &account.CreateInvite{Hash: digest("code"), Age: l.SecretAge}, nil)
	w.must(ann, &account.CreateReset{User: "ann", Hash: digest("reset")}, nil)
	w.pass(l.SecretAge)
	require.Equal(t, 1, w.m.Len(state.TableInvites))
	s := signUp("dora")
	s.Invite = digest("code")
	w.refused(nobody, s, state.NotPermitted, "INVITE_REFUSED")
	w.refused(nobody, &account.ResetPassword{User: "ann", Secret: digest("reset"), Hash: hash("new")}, state.NotPermitted, "RESET_REFUSED")
}
