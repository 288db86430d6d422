package account_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// world is a machine to which things are said as nodes say them: in bytes, entry by entry.
type world struct {
	t   require.TestingT
	m   *statemachine.Machine
	at  raft.Position
	now raft.LogTime
}

// actor is somebody with a login.
type actor struct {
	id    state.UserID
	login state.LoginID
	head  state.Head
}

// nobody has not logged in.
var nobody = actor{}

// newWorld returns a machine on which nothing was decided. Entries with commands stand behind those that every
// cluster begins with.
func newWorld(t require.TestingT) *world { return newLimited(t, state.DefaultLimits()) }

func newLimited(t require.TestingT, l state.Limits) *world {
	return &world{t: t, m: statemachine.NewLimited(l), at: 10, now: 1000}
}

// openWorld returns a machine on which everybody may sign up, with ann, an admin of the cluster, and bob and cid.
func openWorld(t require.TestingT) (w *world, ann, bob, cid actor) {
	w = newWorld(t)
	w.must(nobody, &account.Bootstrap{Key: key(1), SignUp: state.SignUpOpen, Offer: digest("token")}, nil)
	ann, bob, cid = w.member("ann"), w.member("bob"), w.member("cid")
	w.must(ann, &account.ClaimAdmin{Hash: digest("token")}, nil)
	return w, ann, bob, cid
}

func digest(s string) [32]byte { return sha256.Sum256([]byte(s)) }

func key(b byte) []byte {
	k := make([]byte, 32)
	k[0] = b
	return k
}

// hash stands for what bcrypt makes of a password. Nothing here looks into it.
func hash(password string) []byte { return []byte("$2a$12$" + password) }

// pass lets log time pass with an entry that holds no command.
func (w *world) pass(d time.Duration) {
	w.now = w.now.Add(d)
	w.at++
	w.m.Advance(w.entry(""))
}

func (w *world) entry(principal string) node.Applied {
	return node.Applied{Position: w.at, Term: 1, Time: w.now, Level: node.LevelTeam, Principal: principal}
}

// do applies a command and decodes what is answered; reply may be nil. A command that is refused must have changed
// nothing.
func (w *world) do(a actor, c state.Command, reply state.Coded) *state.Refusal {
	w.pass(time.Second)
	before := w.m.StateHash()
	principal := ""
	if a.id != 0 {
		principal = a.id.String()
	}
	answer := w.m.Apply(w.entry(principal), statemachine.AppendCommand(nil, a.head, c))
	refusal := decode(w.t, answer, reply)
	if refusal != nil {
		require.Equal(w.t, before, w.m.StateHash(), "%T was refused (%s) and changed the state", c, refusal)
	}
	require.Equal(w.t, w.m.RecomputeHash(), w.m.StateHash())
	return refusal
}

// decode reads an answer; with a nil reply only whether it was refused.
func decode(t require.TestingT, answer []byte, reply state.Coded) *state.Refusal {
	if reply == nil && len(answer) > 1 && state.Code(answer[1]) == state.OK {
		return nil
	}
	err := state.DecodeReply(answer, reply)
	var refusal *state.Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	require.NoError(t, err)
	return nil
}

func (w *world) must(a actor, c state.Command, reply state.Coded) {
	if refusal := w.do(a, c, reply); refusal != nil {
		require.FailNow(w.t, fmt.Sprintf("%T was refused: %s %s", c, refusal.Reason, refusal))
	}
}

// refused does what must be refused for a reason.
func (w *world) refused(a actor, c state.Command, code state.Code, reason string) *state.Refusal {
	refusal := w.do(a, c, nil)
	require.NotNil(w.t, refusal, "%T", c)
	require.Equal(w.t, reason, refusal.Reason, "%T: %s", c, refusal)
	require.Equal(w.t, code, refusal.Code, "%T: %s", c, refusal)
	return refusal
}

// ask answers a query, which must change nothing.
func (w *world) ask(a actor, q state.Query, reply state.Coded) *state.Refusal {
	before := w.m.StateHash()
	refusal := decode(w.t, w.m.Query(statemachine.AppendQuery(nil, a.head, q)), reply)
	require.Equal(w.t, before, w.m.StateHash())
	return refusal
}

func (w *world) told(a actor, q state.Query, reply state.Coded) {
	if refusal := w.ask(a, q, reply); refusal != nil {
		require.FailNow(w.t, fmt.Sprintf("%T was refused: %s %s", q, refusal.Reason, refusal))
	}
}

// lives says whether the login of an actor is one.
func (w *world) lives(a actor) bool { return w.ask(a, &account.WhoAmI{}, nil) == nil }

func signUp(name string) *account.SignUp {
	return &account.SignUp{Name: name, Email: name + "@example.org", Hash: hash("of " + name)}
}

// logIn begins another login of a user, as a server does that has compared the password.
func (w *world) logIn(name string) actor {
	a, refusal := w.tryLogIn(name)
	require.Nil(w.t, refusal)
	return a
}

func (w *world) tryLogIn(name string) (actor, *state.Refusal) {
	var k account.Credentials
	w.told(nobody, &account.CredentialsOf{Name: name}, &k)
	secret := digest(fmt.Sprint(name, w.at))
	var in account.LoggedIn
	refusal := w.do(nobody, &account.LogIn{User: k.User, Version: k.Version, Secret: secret, Client: "test", Address: "127.0.0.1", Loopback: true}, &in)
	return actor{k.User, in.Login, state.Head{Login: in.Login, Proof: state.Proof(secret[:16]), Wall: raft.Wall(w.at)}}, refusal
}

// member signs a user up and logs him in.
func (w *world) member(name string) actor {
	w.must(nobody, signUp(name), nil)
	return w.logIn(name)
}

func (w *world) user(name string) state.User {
	u, ok := w.m.UserNamed(name)
	require.True(w.t, ok, name)
	return u
}

// events returns the kinds of what happened at the newest position.
func (w *world) events() (all []state.Event) {
	w.m.Ascend(state.TableEvents, state.Key(uint64(w.at)), func(_ string, row []byte) bool {
		bodies, err := statemachine.DecodeBodies(row)
		require.NoError(w.t, err)
		for _, b := range bodies {
			var e state.Event
			require.NoError(w.t, state.Decode(b, &e))
			all = append(all, e)
		}
		return true
	})
	return all
}

// audited returns the actions that were written down, oldest first.
func (w *world) audited() (actions []string) {
	w.m.AuditFrom(0, 0, func(a *state.AuditRecord) bool {
		actions = append(actions, a.Action)
		return true
	})
	return actions
}
