// Package teamtest has a small world for tests of what people do: users with logins, and a state machine to which things are
// said as nodes say them, in bytes, entry by entry. Contents of files are named in a real table.
package teamtest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/blob"
	"parley/raft/node"
	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// World is a machine and how far its log has come.
type World struct {
	T     require.TestingT
	M     *statemachine.Machine
	At    raft.Position // of the last entry
	Now   raft.LogTime
	Term  raft.Term // of the leader who makes the entries
	Blobs *blob.Table
}

// Actor is somebody with a login.
type Actor struct {
	ID   state.UserID
	Name string
	Head state.Head
}

// Nobody has not logged in.
var Nobody = Actor{}

// New returns a world in which everybody may sign up, with root, an admin of the cluster.
func New(t require.TestingT, l state.Limits) (*World, Actor) {
	w := &World{T: t, M: statemachine.NewLimited(l), At: 10, Now: 1000, Term: 1, Blobs: blob.NewTable(&rows{}, blob.Rules{})}
	w.Must(Nobody, &account.Bootstrap{Key: make([]byte, 32), SignUp: state.SignUpOpen, Offer: digest("offer")}, nil)
	root := w.User("root")
	w.Must(root, &account.ClaimAdmin{Hash: digest("offer")}, nil)
	return w, root
}

func digest(s string) [32]byte { return sha256.Sum256([]byte(s)) }

// User signs somebody up and logs him in.
func (w *World) User(name string) Actor {
	w.Must(Nobody, &account.SignUp{Name: name, Email: name + "@example.org", Hash: []byte("$2a$12$of " + name)}, nil)
	return w.Again(Actor{Name: name})
}

// Entry returns the next entry, a second later.
func (w *World) Entry(a Actor) node.Applied {
	w.At++
	w.Now = w.Now.Add(time.Second)
	at := node.Applied{Position: w.At, Term: w.Term, Time: w.Now, Level: node.LevelTeam}
	if a.ID != 0 {
		at.Principal = a.ID.String()
	}
	return at
}

// Apply applies a command and returns the bytes of the answer.
func (w *World) Apply(a Actor, c state.Command) []byte {
	return w.ApplyWall(a, raft.Wall(w.At+1)*1000, c)
}

// ApplyWall is Apply with the clock of the server that took the command.
func (w *World) ApplyWall(a Actor, wall raft.Wall, c state.Command) []byte {
	at := w.Entry(a)
	a.Head.Wall = wall
	w.advance(at)
	return w.M.ApplyNaming(at, names{w.Blobs, at.Time}, statemachine.AppendCommand(nil, a.Head, c))
}

// Wait lets an entry come after a time: one that does nothing but move the clock.
func (w *World) Wait(d time.Duration) {
	w.At++
	w.Now = w.Now.Add(d)
	w.advance(node.Applied{Position: w.At, Term: w.Term, Time: w.Now, Level: node.LevelTeam})
}

func (w *World) advance(at node.Applied) { w.M.AdvanceNaming(at, names{w.Blobs, at.Time}) }

// Again logs somebody in once more.
func (w *World) Again(a Actor) Actor {
	var k account.Credentials
	w.Told(Nobody, &account.CredentialsOf{Name: a.Name}, &k)
	secret := digest(fmt.Sprint(a.Name, w.At))
	var in account.LoggedIn
	w.Must(Nobody, &account.LogIn{User: k.User, Version: k.Version, Secret: secret, Client: "test", Address: "127.0.0.1", Loopback: true}, &in)
	return Actor{k.User, a.Name, state.Head{Login: in.Login, Proof: state.Proof(secret[:16])}}
}

// Query returns the bytes of the answer to a query, which must change nothing.
func (w *World) Query(a Actor, q state.Query) []byte {
	before := w.M.StateHash()
	answer := w.M.Query(statemachine.AppendQuery(nil, a.Head, q))
	require.Equal(w.T, before, w.M.StateHash())
	return answer
}

// Do applies a command and decodes what is answered; reply may be nil. A command that is refused must have changed
// nothing.
func (w *World) Do(a Actor, c state.Command, reply state.Coded) *state.Refusal {
	w.Due()
	before := w.M.StateHash()
	refusal := w.decode(w.Apply(a, c), reply)
	if refusal != nil {
		require.Equal(w.T, before, w.M.StateHash(), "%T was refused (%s) and changed the state", c, refusal)
	}
	return refusal
}

// Due lets pass what the next entry lets pass, whatever it does.
func (w *World) Due() {
	w.advance(node.Applied{Position: w.At + 1, Term: w.Term, Time: w.Now.Add(time.Second), Level: node.LevelTeam})
}

// Must is Do for what may not be refused.
func (w *World) Must(a Actor, c state.Command, reply state.Coded) {
	if refusal := w.Do(a, c, reply); refusal != nil {
		require.FailNow(w.T, fmt.Sprintf("%T of %s was refused: %s %s", c, a.Name, refusal.Reason, refusal))
	}
}

// Refused does what must be refused for a reason.
func (w *World) Refused(a Actor, c state.Command, code state.Code, reason string) *state.Refusal {
	refusal := w.Do(a, c, nil)
	require.NotNil(w.T, refusal, "%T of %s", c, a.Name)
	require.Equal(w.T, reason, refusal.Reason, "%T of %s: %s", c, a.Name, refusal)
	require.Equal(w.T, code, refusal.Code, "%T of %s: %s", c, a.Name, refusal)
	return refusal
}

// Ask answers a query and decodes what is answered.
func (w *World) Ask(a Actor, q state.Query, reply state.Coded) *state.Refusal {
	return w.decode(w.Query(a, q), reply)
}

// Told is Ask for what may not be refused.
func (w *World) Told(a Actor, q state.Query, reply state.Coded) {
	if refusal := w.Ask(a, q, reply); refusal != nil {
		require.FailNow(w.T, fmt.Sprintf("%T of %s was refused: %s %s", q, a.Name, refusal.Reason, refusal))
	}
}

// NotTold asks what must be refused for a reason.
func (w *World) NotTold(a Actor, q state.Query, code state.Code, reason string) *state.Refusal {
	refusal := w.Ask(a, q, nil)
	require.NotNil(w.T, refusal, "%T of %s", q, a.Name)
	require.Equal(w.T, reason, refusal.Reason, "%T of %s: %s", q, a.Name, refusal)
	require.Equal(w.T, code, refusal.Code, "%T of %s: %s", q, a.Name, refusal)
	return refusal
}

func (w *World) decode(answer []byte, reply state.Coded) *state.Refusal {
	if reply == nil && len(answer) > 1 && state.Code(answer[1]) == state.OK {
		return nil
	}
	err := state.DecodeReply(answer, reply)
	var refusal *state.Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	require.NoError(w.T, err)
	return nil
}

// Seen returns the events after a position that a stream of somebody shows, as things are.
func (w *World) Seen(a Actor, after raft.Position) (all []state.Shown) {
	frames, compacted := w.M.EventsAfter(after, 1<<20)
	require.False(w.T, compacted)
	reader := statemachine.Reader(a.ID, a.Head)
	require.True(w.T, w.M.Admits(reader))
	for _, f := range frames {
		begin := 0
		for _, p := range f.Parts {
			if w.M.MayRead(reader, p.Audience) {
				all = append(all, w.shown(f.Body[begin:p.End])...)
			}
			begin = p.End
		}
		if len(f.Parts) == 0 {
			all = append(all, w.shown(f.Body)...)
		}
	}
	return all
}

func (w *World) shown(body []byte) (all []state.Shown) {
	bodies, err := statemachine.DecodeBodies(body)
	require.NoError(w.T, err)
	for _, b := range bodies {
		var e state.Shown
		require.NoError(w.T, state.Decode(b[1:], &e))
		all = append(all, e)
	}
	return all
}

// Audited returns the actions that were written down and on what, oldest first.
func (w *World) Audited() (actions []string) {
	w.M.AuditFrom(0, 0, func(a *state.AuditRecord) bool {
		action := a.Action + " " + a.Object
		if a.Detail != "" {
			action += ": " + a.Detail
		}
		actions = append(actions, action)
		return true
	})
	return actions
}

// Upload confirms an upload of somebody's, and returns the content's sum.
func (w *World) Upload(a Actor, content string) [32]byte {
	sum := blob.SumOf([]byte(content))
	require.Equal(w.T, blob.CodeNone, w.Blobs.Confirm(w.Now, 1,
		blob.Confirmation{Sum: sum, Size: int64(len(content)), Config: 1, NotAfter: w.Now}, a.ID.String()))
	return sum
}
