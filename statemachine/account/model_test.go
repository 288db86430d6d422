package account_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// book is the naive model of accounts: people and their logins in plain lists that every command goes through from
// end to end.
type book struct {
	people  []*person
	logins  []*entry
	invites map[string]*ticket
	mode    state.SignUpMode
	limits  state.Limits
}

type person struct {
	name, email     string
	admin, disabled bool
	password        uint64
	reset           string
	resetUntil      raft.LogTime
}

type entry struct {
	actor
	who      *person
	deadline raft.LogTime
}

type ticket struct {
	uses  uint64
	until raft.LogTime
}

func (b *book) find(name string) *person {
	for _, p := range b.people {
		if strings.EqualFold(p.name, name) {
			return p
		}
	}
	return nil
}

func (b *book) admins() (n int) {
	for _, p := range b.people {
		if p.admin {
			n++
		}
	}
	return n
}

func (b *book) end(keep func(e *entry) bool) {
	b.logins = slices.DeleteFunc(b.logins, func(e *entry) bool { return !keep(e) })
}

// expire lets what has a deadline end.
func (b *book) expire(now raft.LogTime) {
	b.end(func(e *entry) bool { return e.deadline > now })
	for code, i := range b.invites {
		if i.until <= now {
			delete(b.invites, code)
		}
	}
}

func (b *book) signUp(name, email, code string) string {
	i := b.invites[code]
	switch {
	case b.mode == state.SignUpClosed:
		return "SIGN_UP_CLOSED"
	case b.mode == state.SignUpInvite && code == "":
		return "INVITE_NEEDED"
	case b.mode == state.SignUpInvite && i == nil:
		return "INVITE_REFUSED"
	case b.find(name) != nil:
		return "USERNAME_TAKEN"
	}
	if b.emailTaken(email, nil) {
		return "EMAIL_TAKEN"
	}
	b.people = append(b.people, &person{name: name, email: email, password: 1})
	if b.mode == state.SignUpInvite {
		if i.uses--; i.uses == 0 {
			delete(b.invites, code)
		}
	}
	return ""
}

func (b *book) emailTaken(email string, but *person) bool {
	return slices.ContainsFunc(b.people, func(p *person) bool { return p != but && strings.EqualFold(p.email, email) })
}

func (b *book) logIn(p *person, version uint64, now raft.LogTime) (ended *entry, reason string) {
	switch {
	case p.password != version:
		return nil, "PASSWORD_CHANGED"
	case p.disabled:
		return nil, "ACCOUNT_DISABLED"
	}
	var mine []*entry
	for _, e := range b.logins {
		if e.who == p {
			mine = append(mine, e)
		}
	}
	if len(mine) >= b.limits.LoginsPerUserMax {
		ended = slices.MinFunc(mine, func(x, y *entry) int { return cmp.Compare(x.deadline, y.deadline) })
		b.end(func(e *entry) bool { return e != ended })
	}
	return ended, ""
}

// govern does what admins of the cluster do to an account.
func (b *book) govern(by *person, c state.Command, name string, now raft.LogTime) string {
	if !by.admin {
		return "NOT_CLUSTER_ADMIN"
	}
	p := b.find(name)
	if p == nil {
		return "USER_NOT_FOUND"
	}
	last := p.admin && b.admins() == 1
	switch c := c.(type) {
	case *account.DisableUser:
		switch {
		case p.disabled:
		case last:
			return "LAST_CLUSTER_ADMIN"
		default:
			p.admin, p.disabled, p.reset = false, true, ""
			b.end(func(e *entry) bool { return e.who != p })
		}
	case *account.EnableUser:
		p.disabled = false
	case *account.GrantAdmin:
		if p.disabled {
			return "USER_DISABLED"
		}
		p.admin = true
	case *account.RevokeAdmin:
		if last {
			return "LAST_CLUSTER_ADMIN"
		}
		p.admin = false
	case *account.CreateReset:
		if p.disabled {
			return "USER_DISABLED"
		}
		p.reset, p.resetUntil = string(c.Hash[:]), now.Add(b.limits.SecretAge)
	}
	return ""
}

// same compares all that callers can see with the book.
func (b *book) same(t *rapid.T, w *world, all []actor) {
	require.Equal(t, uint64(b.admins()), w.m.Settings().Admins)
	require.Equal(t, len(b.people), w.m.Len(state.TableUsers))
	require.Equal(t, len(b.people), w.m.Len(state.TableEmails))
	require.Equal(t, len(b.logins), w.m.Len(state.TableLogins))
	require.Equal(t, len(b.logins), w.m.Len(state.TableLoginDeadlines))
	require.Equal(t, len(b.invites), w.m.Len(state.TableInvites))
	for _, p := range b.people {
		u := w.user(p.name)
		require.Equal(t, []any{p.name, p.email, p.admin, p.disabled}, []any{u.Name, u.Email, u.Admin, u.Disabled})
		k, _ := w.m.Credential(u.ID)
		require.Equal(t, p.password, k.Version)
	}
	for _, a := range all {
		lives := slices.ContainsFunc(b.logins, func(e *entry) bool { return e.login == a.login })
		require.Equal(t, lives, w.lives(a), "%s of %s", a.login, a.id)
	}
}

// Whatever people do to accounts, in whatever order, comes out as in the book.
func TestAccountsAndLoginsAreAsANaiveBookHasThem(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := state.DefaultLimits()
		l.LoginsPerUserMax, l.LoginIdleMax, l.InvitesMax = 3, time.Hour, 3
		w := newLimited(t, l)
		b := &book{limits: l, mode: state.SignUpOpen, invites: map[string]*ticket{}}
		w.must(nobody, &account.Bootstrap{Key: key(1), SignUp: b.mode, Offer: digest("token")}, nil)
		names := []string{"ann", "bob", "Cid", "dora"}
		var all []actor // every login there ever was
		name := func() string {
			return rapid.SampledFrom([]string{"ann", "BOB", "cid", "Dora", "zed"}).Draw(t, "name")
		}
		code := func() string { return rapid.SampledFrom([]string{"", "x", "y", "z"}).Draw(t, "code") }
		hashOf := func(code string) (d [32]byte) {
			if code != "" {
				d = digest(code)
			}
			return d
		}
		logIn := func(name string, version uint64) string {
			p := b.find(name)
			secret := digest(fmt.Sprint(w.at))
			var in account.LoggedIn
			refusal := w.do(nobody, &account.LogIn{User: w.user(name).ID, Version: version, Secret: secret}, &in)
			b.expire(w.now)
			_, want := b.logIn(p, version, w.now)
			if want == "" {
				a := actor{in.User.ID, in.Login, state.Head{Login: in.Login, Proof: state.Proof(secret[:16])}}
				all = append(all, a)
				b.logins = append(b.logins, &entry{a, p, w.now.Add(l.LoginIdleMax)})
			}
			return reason(refusal) + "/" + want
		}
		// expect does a command under any login there ever was, and asks the model if it still is one.
		expect := func(c state.Command, model func(e *entry) string) {
			a := rapid.SampledFrom(all).Draw(t, "login")
			refusal := w.do(a, c, nil)
			b.expire(w.now)
			want := "LOGIN_ENDED"
			if i := slices.IndexFunc(b.logins, func(e *entry) bool { return e.login == a.login }); i >= 0 {
				want = model(b.logins[i])
			}
			require.Equal(t, want, reason(refusal), "%T by %s", c, a.id)
		}
		w.must(nobody, signUp("ann"), nil)
		b.signUp("ann", "ann@example.org", "")
		require.Equal(t, "/", logIn("ann", 1))
		w.must(all[0], &account.ClaimAdmin{Hash: digest("token")}, nil)
		b.people[0].admin = true

		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.IntRange(0, 16).Draw(t, "what") {
			case 0, 1:
				name := rapid.SampledFrom(names).Draw(t, "new")
				email := rapid.SampledFrom([]string{"ann@example.org", name + "@example.org", strings.ToUpper(name) + "@example.org"}).Draw(t, "email")
				c := code()
				refusal := w.do(nobody, &account.SignUp{Name: name, Email: email, Hash: hash("x"), Invite: hashOf(c)}, nil)
				b.expire(w.now)
				require.Equal(t, b.signUp(name, email, c), reason(refusal))
			case 2, 3, 4:
				p := rapid.SampledFrom(b.people).Draw(t, "who")
				got, want, _ := strings.Cut(logIn(p.name, max(1, p.password-uint64(rapid.IntRange(0, 1).Draw(t, "late")))), "/")
				require.Equal(t, want, got)
			case 5:
				expect(&account.RenewLogin{}, func(e *entry) string { e.deadline = w.now.Add(l.LoginIdleMax); return "" })
			case 6:
				expect(&account.LogOut{}, func(e *entry) string { b.end(func(o *entry) bool { return o != e }); return "" })
			case 7:
				victim := rapid.SampledFrom(all).Draw(t, "victim").login
				expect(&account.RevokeLogin{Login: victim.String()}, func(e *entry) string {
					i := slices.IndexFunc(b.logins, func(o *entry) bool { return o.login == victim })
					if i < 0 || b.logins[i].who != e.who && !e.who.admin {
						return "LOGIN_NOT_FOUND"
					}
					b.logins = slices.Delete(b.logins, i, i+1)
					return ""
				})
			case 8:
				version := uint64(rapid.IntRange(1, 3).Draw(t, "version"))
				expect(&account.ChangePassword{Version: version, Hash: hash("y")}, func(e *entry) string {
					if e.who.password != version {
						return "PASSWORD_CHANGED"
					}
					e.who.password, e.who.reset = version+1, ""
					b.end(func(o *entry) bool { return o == e || o.who != e.who })
					return ""
				})
			case 9, 10, 11:
				n := name()
				c := rapid.SampledFrom([]state.Command{&account.DisableUser{User: n}, &account.EnableUser{User: n}, &account.GrantAdmin{User: n},
					&account.RevokeAdmin{User: n}, &account.CreateReset{User: n, Hash: digest("x")}}).Draw(t, "command")
				expect(c, func(e *entry) string { return b.govern(e.who, c, n, w.now) })
			case 12:
				n := name()
				c := &account.ResetPassword{User: n, Secret: digest(rapid.SampledFrom([]string{"x", "y"}).Draw(t, "code")), Hash: hash("z")}
				refusal := w.do(nobody, c, nil)
				b.expire(w.now)
				p, want := b.find(n), "RESET_REFUSED"
				if p != nil && p.reset == string(c.Secret[:]) && p.resetUntil > w.now {
					p.password, p.reset, want = p.password+1, "", ""
					b.end(func(e *entry) bool { return e.who != p })
				}
				require.Equal(t, want, reason(refusal))
			case 13:
				c, uses := rapid.SampledFrom([]string{"x", "y", "z", "u", "v"}).Draw(t, "code"), uint64(rapid.IntRange(0, 2).Draw(t, "uses"))
				expect(&account.CreateInvite{Hash: digest(c), Uses: uses, Age: time.Minute}, func(e *entry) string {
					switch {
					case !e.who.admin:
						return "NOT_CLUSTER_ADMIN"
					case b.invites[c] != nil:
						return "CODE_TAKEN"
					case len(b.invites) == l.InvitesMax:
						return "INVITES_FULL"
					}
					b.invites[c] = &ticket{max(uses, 1), w.now.Add(time.Minute)}
					return ""
				})
			case 14:
				mode := state.SignUpMode(rapid.IntRange(1, 3).Draw(t, "mode"))
				expect(&account.SetSignUpMode{Mode: mode}, func(e *entry) string {
					if !e.who.admin {
						return "NOT_CLUSTER_ADMIN"
					}
					b.mode = mode
					return ""
				})
			case 15:
				email := strings.ToUpper(name()) + "@example.org"
				expect(&account.SetProfile{SetEmail: true, Email: email}, func(e *entry) string {
					if b.emailTaken(email, e.who) {
						return "EMAIL_TAKEN"
					}
					e.who.email = email
					return ""
				})
			case 16:
				w.pass(time.Duration(rapid.SampledFrom([]int{1, 20, 59, 70, 3000}).Draw(t, "minutes")) * time.Minute)
				b.expire(w.now)
			}
			b.same(t, w, all)
		}
	})
}

func reason(r *state.Refusal) string {
	if r == nil {
		return ""
	}
	return r.Reason
}
