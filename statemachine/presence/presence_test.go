package presence_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/presence"
	"parley/statemachine/state"
)

// world is a machine to which things are said as nodes say them.
type world struct {
	t     require.TestingT
	m     *statemachine.Machine
	at    raft.Position
	users map[string]state.UserID
	head  state.Head // of ann, who asks
}

// newWorld returns a machine with these users, of whom ann has logged in.
func newWorld(t require.TestingT, l state.Limits, names ...string) *world {
	w := &world{t: t, m: statemachine.NewLimited(l), at: 10, users: map[string]state.UserID{}}
	w.do(&account.Bootstrap{Key: make([]byte, 32), SignUp: state.SignUpOpen, Offer: [32]byte{1}}, nil)
	for _, name := range names {
		var made account.SignedUp
		w.do(&account.SignUp{Name: name, Email: name + "@example.org", Hash: []byte("h")}, &made)
		w.users[name] = made.User.ID
	}
	var in account.LoggedIn
	w.do(&account.LogIn{User: w.users["ann"], Version: 1, Secret: [32]byte{1}}, &in)
	w.head = state.Head{Login: in.Login, Proof: state.Proof{1}}
	return w
}

// try applies a command. What is refused must have changed nothing.
func (w *world) try(h state.Head, principal string, c state.Command, reply state.Coded) *state.Refusal {
	w.at++
	before := w.m.StateHash()
	h.Wall = raft.Wall(w.at)
	at := node.Applied{Position: w.at, Time: raft.LogTime(w.at), Level: node.LevelTeam, Principal: principal}
	refusal := decode(w.t, w.m.Apply(at, statemachine.AppendCommand(nil, h, c)), reply)
	if refusal != nil {
		require.Equal(w.t, before, w.m.StateHash())
	}
	require.Equal(w.t, w.m.RecomputeHash(), w.m.StateHash())
	return refusal
}

func (w *world) do(c state.Command, reply state.Coded) {
	if refusal := w.try(state.Head{}, "", c, reply); refusal != nil {
		require.FailNow(w.t, refusal.Reason)
	}
}

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

func (w *world) ask(q state.Query, reply state.Coded) {
	require.Nil(w.t, decode(w.t, w.m.Query(statemachine.AppendQuery(nil, w.head, q)), reply))
}

// announce says "+ann -bob" for a node, and returns what subscribers are told of it.
func (w *world) announce(n raft.NodeID, changes string) string {
	a := presence.Announce{Node: n}
	for _, c := range strings.Fields(changes) {
		a.Changes = append(a.Changes, presence.Change{User: w.users[c[1:]], Online: c[0] == '+'})
	}
	w.do(&a, nil)
	return w.told()
}

// told returns the events of the newest position, as "ann on, bob off".
func (w *world) told() string {
	var all []string
	w.m.Ascend(state.TableEvents, state.Key(uint64(w.at)), func(_ string, row []byte) bool {
		bodies, err := statemachine.DecodeBodies(row)
		require.NoError(w.t, err)
		for _, b := range bodies {
			var e state.Event
			require.NoError(w.t, state.Decode(b, &e))
			require.Equal(w.t, state.ForAll(), e.Audience)
			all = append(all, w.m.NameOf(e.User)+map[state.EventKind]string{state.EventOnline: " on", state.EventOffline: " off"}[e.Kind])
		}
		return true
	})
	return strings.Join(all, ", ")
}

// who returns who is online, and of the others when they went.
func (w *world) who(q presence.Who) string {
	var list presence.Present
	w.ask(&q, &list)
	all := []string{fmt.Sprint(list.Online)}
	for _, u := range list.Users {
		switch {
		case u.Online:
			all = append(all, u.Name)
			require.Zero(w.t, u.LastSeen)
		default:
			all = append(all, fmt.Sprintf("(%s %d)", u.Name, u.LastSeen))
		}
	}
	return strings.Join(all, " ")
}

func TestR68_WhoIsThereIsToldOnceForAUserAndAChange(t *testing.T) {
	w := newWorld(t, state.DefaultLimits(), "ann", "Bob", "cid")
	require.Equal(t, "0", w.who(presence.Who{}))
	require.Equal(t, "0 (ann 0) (Bob 0) (cid 0)", w.who(presence.Who{All: true}))
	require.Equal(t, "Bob on, cid on", w.announce(1, "+Bob +cid"))
	require.Equal(t, "2 Bob cid", w.who(presence.Who{}))
	require.Equal(t, "2 (ann 0) Bob cid", w.who(presence.Who{All: true}))
	require.Empty(t, w.announce(1, "+Bob +cid"), "what is known is nothing new")
	require.Equal(t, "cid off", w.announce(1, "-cid -ann"))
	gone := w.at
	require.Empty(t, w.announce(1, "-cid"))
	require.Equal(t, fmt.Sprintf("1 (ann 0) Bob (cid %d)", gone), w.who(presence.Who{All: true}))
}

func TestR69_SeveralStreamsOfOneUserAreOnePresence(t *testing.T) {
	w := newWorld(t, state.DefaultLimits(), "ann", "bob")
	require.Equal(t, "bob on", w.announce(1, "+bob"))
	require.Empty(t, w.announce(2, "+bob"))
	require.Empty(t, w.announce(3, "+bob +bob"))
	require.Equal(t, "1 bob", w.who(presence.Who{}))
	require.Empty(t, w.announce(1, "-bob"))
	require.Empty(t, w.announce(3, "-bob"))
	require.Equal(t, "bob off", w.announce(2, "-bob"))
	require.Zero(t, w.m.Len(state.TableEdges))
}

func TestR69_ANodeThatIsGoneTakesItsStreamsAlongAndNoOthers(t *testing.T) {
	l := state.DefaultLimits()
	l.PresenceChangesMax = 2
	w := newWorld(t, l, "ann", "bob", "cid", "dora")
	w.announce(1, "+ann +bob")
	w.announce(1, "+cid")
	w.announce(2, "+bob +dora")
	var nodes presence.NodeList
	w.ask(&presence.Nodes{}, &nodes)
	require.Equal(t, []raft.NodeID{1, 2}, nodes.Nodes)
	var there presence.Connected
	w.ask(&presence.Edges{Node: 1}, &there)
	require.Equal(t, []state.UserID{w.users["ann"], w.users["bob"], w.users["cid"]}, there.Users)
	require.False(t, there.More)

	var reply presence.Announced
	w.do(&presence.NodeGone{Node: 1}, &reply)
	require.Equal(t, "ann off", w.told(), "bob is at the other node")
	require.Equal(t, presence.Announced{Position: w.at, Changed: 2, More: true}, reply)
	w.do(&presence.NodeGone{Node: 1}, &reply)
	require.Equal(t, "cid off", w.told())
	require.Equal(t, presence.Announced{Position: w.at, Changed: 1}, reply)
	w.do(&presence.NodeGone{Node: 1}, &reply)
	require.Zero(t, reply.Changed)
	require.Equal(t, "2 bob dora", w.who(presence.Who{}))
	require.Equal(t, "ann on", w.announce(1, "+ann +bob"), "it comes back and says who is there")
}

func TestWhatIsNoAnnouncementIsRefused(t *testing.T) {
	l := state.DefaultLimits()
	l.PresenceChangesMax = 2
	w := newWorld(t, l, "ann", "bob")
	for field, c := range map[string]state.Command{
		"node":    &presence.Announce{},
		"changes": &presence.Announce{Node: 1, Changes: make([]presence.Change, 3)},
	} {
		refusal := w.try(state.Head{}, "", c, nil)
		require.Equal(t, state.Invalid, refusal.Code)
		require.Equal(t, field, refusal.Field)
	}
	require.Equal(t, "node", w.try(state.Head{}, "", &presence.NodeGone{}, nil).Field)
}

func TestNobodyIsOnlineWhoHasNoAccountInForce(t *testing.T) {
	l := state.DefaultLimits()
	l.EdgesPerUserMax = 2
	w := newWorld(t, l, "ann", "bob")
	require.Nil(t, w.try(w.head, w.users["ann"].String(), &account.ClaimAdmin{Hash: [32]byte{1}}, nil))
	require.Nil(t, w.try(w.head, w.users["ann"].String(), &account.DisableUser{User: "bob"}, nil))
	w.users["zed"] = 777
	require.Equal(t, "ann on", w.announce(1, "+bob +zed +ann"), "one that can't be does not keep the others from it")
	w.announce(2, "+ann")
	w.announce(3, "+ann")
	require.Equal(t, 2, w.m.Len(state.TableEdges), "nobody is at more nodes than the limit says")
	require.Equal(t, "1 ann", w.who(presence.Who{All: true}), "a disabled account is not listed")
}

func TestWhoIsPagedInTheOrderOfNames(t *testing.T) {
	l := state.DefaultLimits()
	l.UsersLookMax = 3
	w := newWorld(t, l, "ann", "bob", "Cid", "dora", "emil", "fred", "gus")
	w.announce(1, "+ann +gus +dora")
	for _, limit := range []uint64{0, 1, 2, 3, 9} {
		var names []string
		for q := (presence.Who{Limit: limit}); ; {
			var list presence.Present
			w.ask(&q, &list)
			require.Equal(t, uint64(3), list.Online)
			for _, u := range list.Users {
				names = append(names, u.Name)
			}
			require.LessOrEqual(t, len(list.Users), 3)
			if q.Cursor == list.Next || list.Next == "" {
				require.Empty(t, list.Next)
				break
			}
			q.Cursor = list.Next
		}
		require.Equal(t, []string{"ann", "dora", "gus"}, names)
	}
}

// Whatever was announced, lost, doubled or overtaken before: one comparison makes the state say what is.
func TestReconciledRowsSayWhoIsThereWhateverTheySaidBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := state.DefaultLimits()
		l.PresenceChangesMax = rapid.IntRange(1, 4).Draw(t, "changes at once")
		l.EdgesPerUserMax = uint64(rapid.IntRange(1, 3).Draw(t, "nodes of a user"))
		names := []string{"ann", "bob", "cid", "dora", "emil"}
		w := newWorld(t, l, names...)
		require.Nil(t, w.try(w.head, w.users["ann"].String(), &account.ClaimAdmin{Hash: [32]byte{1}}, nil))
		user := rapid.OneOf(rapid.SampledFrom(names), rapid.Just("zed"))
		id := func(name string) state.UserID { return w.users[name] + 1000*state.UserID(strings.Count(name, "z")) }
		online := map[string]bool{} // as subscribers know it
		hear := func() {
			for _, s := range strings.Split(w.told(), ", ") {
				name, turn, ok := strings.Cut(s, " ")
				if ok && (turn == "on" || turn == "off") {
					require.NotEqual(t, online[name], turn == "on", "%s is told twice", s)
					online[name] = turn == "on"
				}
			}
		}
		disabled := ""
		for range rapid.IntRange(0, 20).Draw(t, "before") {
			n := raft.NodeID(rapid.IntRange(1, 4).Draw(t, "node"))
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0:
				w.do(&presence.NodeGone{Node: n}, nil)
			case 1:
				disabled = rapid.SampledFrom(names[1:]).Draw(t, "disabled")
				require.Nil(t, w.try(w.head, w.users["ann"].String(), &account.DisableUser{User: disabled}, nil))
			default:
				w.do(&presence.Announce{Node: n, Changes: []presence.Change{{User: id(user.Draw(t, "user")), Online: rapid.Bool().Draw(t, "online")}}}, nil)
			}
			hear()
		}

		n := raft.NodeID(rapid.IntRange(1, 4).Draw(t, "node"))
		var wanted []state.UserID
		for _, name := range rapid.SliceOfN(user, 0, 8).Draw(t, "wanted") {
			wanted = append(wanted, id(name))
		}
		given := slices.Clone(wanted)
		others := edgesBut(w.m.State, n)
		v := &state.View{State: w.m.State}
		var asked presence.ToAnnounce
		w.ask(&presence.Difference{Node: n, Wanted: wanted}, &asked)
		plan := presence.Reconcile(v, n, wanted)
		require.Equal(t, given, wanted, "what is wanted is only read")
		require.Equal(t, plan, asked.Announces)
		for i := range plan {
			require.LessOrEqual(t, len(plan[i].Changes), l.PresenceChangesMax)
			var reply presence.Announced
			w.do(&plan[i], &reply)
			require.Equal(t, uint64(len(plan[i].Changes)), reply.Changed, "nothing is announced in vain")
			hear()
		}
		require.Empty(t, presence.Reconcile(v, n, wanted), "one comparison is enough")
		require.Equal(t, others, edgesBut(w.m.State, n), "the other nodes' streams are theirs")

		total := map[state.UserID]uint64{}
		w.m.Ascend(state.TableEdges, "", func(key string, _ []byte) bool {
			total[state.UserID(state.KeyPart(key, 1))]++
			return true
		})
		for _, name := range names {
			u, _ := w.m.User(w.users[name])
			p := w.m.Presence(u.ID)
			require.Equal(t, total[u.ID], p.Nodes)
			require.Equal(t, p.Online(), online[name], "subscribers know of %s", name)
			if !slices.Contains(wanted, u.ID) {
				require.False(t, w.m.Connected(u.ID, n), "%s is not there", name)
			} else if !u.Disabled && p.Nodes < l.EdgesPerUserMax {
				require.True(t, w.m.Connected(u.ID, n), "%s is there", name)
			}
		}
		require.Equal(t, uint64(len(slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !online[name] }))), w.m.Online())
	})
}

func edgesBut(s *state.State, n raft.NodeID) (keys []string) {
	s.Ascend(state.TableEdges, "", func(key string, _ []byte) bool {
		if state.KeyPart(key, 0) != uint64(n) {
			keys = append(keys, key)
		}
		return true
	})
	return keys
}

func TestRepliesOfPresenceComeBackAsTheyWere(t *testing.T) {
	for _, c := range []struct{ is, back state.Coded }{
		{&presence.Announced{Position: 1, Changed: 2, More: true}, &presence.Announced{}},
		{&presence.Present{Users: []presence.User{{ID: 1, Name: "n", Display: "d", Online: true, LastSeen: 2}}, Next: "x", Online: 3}, &presence.Present{}},
		{&presence.Connected{Users: []state.UserID{1, 2}, More: true}, &presence.Connected{}},
		{&presence.NodeList{Nodes: []raft.NodeID{1, 2}}, &presence.NodeList{}},
		{&presence.ToAnnounce{Announces: []presence.Announce{{Node: 1, Changes: []presence.Change{{User: 2, Online: true}}}}}, &presence.ToAnnounce{}},
	} {
		require.NoError(t, state.DecodeReply(state.AppendReply(nil, c.is, nil), c.back), "%T", c.is)
		require.Equal(t, c.is, c.back)
	}
}
