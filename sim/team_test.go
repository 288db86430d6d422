package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/chat"
	files "parley/statemachine/file"
	"parley/statemachine/presence"
	"parley/statemachine/state"
)

// teamLog is an agreed log that a test writes for the judges of a team: commands that a real state machine executes on
// node 1. What the test does to that machine behind the judges' backs is what a bug would have done.
type teamLog struct {
	t     *testing.T
	w     *World
	m     *machine
	at    node.Applied
	heads map[string]state.Head
}

func newTeamLog(t *testing.T) *teamLog {
	return newTeamLogOf(t, TeamPlan{Edge: 100 * time.Millisecond, Gone: time.Second, Users: 3})
}

func newTeamLogOf(t *testing.T, team TeamPlan) *teamLog {
	p := Generate(7, time.Minute)
	p.Team = team
	p.Teammates = []TeammatePlan{{User: 1, Every: time.Second, Pipeline: 1, Patience: time.Second, Timeout: time.Second, Stay: time.Second},
		{User: 2, Every: time.Second, Pipeline: 1, Patience: time.Second, Timeout: time.Second, Stay: time.Second}}
	w := newWorld(p, Options{})
	l := &teamLog{t: t, w: w, m: &machine{Machine: w.newMachine(), w: w, s: w.node(1)}, at: node.Applied{Term: 1, Level: node.LevelTeam}, heads: map[string]state.Head{}}
	w.node(1).up = true
	l.does("", &account.Bootstrap{Key: signingKey(1), SignUp: state.SignUpOpen})
	l.does("", &account.DemoUsers{Hashes: [3][]byte{{1}, {2}, {3}}})
	for i, name := range []string{"alice", "bob", "charlie"} {
		login := &account.LogIn{User: state.UserID(i + 1), Version: 1, Secret: secretOf(uint64(i)), Loopback: true}
		l.does("", login)
		l.heads[name] = state.Head{Login: state.LoginID(l.at.Position), Proof: state.Proof(login.Secret[:16])}
	}
	return l
}

// entry commits an entry.
func (l *teamLog) entry() {
	l.at.Position++
	l.at.Time = l.at.Time.Add(time.Millisecond)
	logs := &l.w.judges.logs
	logs.registry = append(logs.registry, []registered{{entry: raft.Entry{Index: raft.Index(l.at.Position), Term: l.at.Term, Time: l.at.Time}}})
	logs.committed = append(logs.committed, committed{term: l.at.Term})
	logs.mirrors[1].applied = raft.Index(l.at.Position)
	l.m.Advance(l.at)
}

// does commits a command of somebody and executes it.
func (l *teamLog) does(who string, c state.Command) *operation {
	op := l.proposes(who, c)
	l.entry()
	l.m.Apply(l.principal(who), op.body)
	l.m.next = len(l.w.judges.applied.log)
	return op
}

func (l *teamLog) proposes(who string, c state.Command) *operation {
	op := l.w.blankOperation()
	op.team, op.write = &teamOp{head: l.heads[who], command: c}, true
	op.team.head.Wall = raft.Wall(op.number)
	op.body = statemachine.AppendCommand(nil, op.team.head, c)
	l.w.judges.applied.byBody[string(op.body)] = op.number
	return op
}

func (l *teamLog) principal(who string) node.Applied {
	at := l.at
	if who != "" {
		at.Principal = "user_" + base36(uint64(map[string]int{"alice": 1, "bob": 2, "charlie": 3}[who]))
	}
	return at
}

// asks has somebody ask the state machine as it is, and the answer say that it is of a position.
func (l *teamLog) asks(who string, at raft.Position, q state.Query) []byte {
	op := l.w.blankOperation()
	op.team, op.consistency = &teamOp{head: l.heads[who], query: q}, node.Stale
	reply := l.m.Query(statemachine.AppendQuery(nil, op.team.head, q))
	l.w.judgeTeamQuestion(op, &caller.Result{Ticket: uint64(op.number), Outcome: node.Done, Position: at, Reply: reply})
	return reply
}

// listens gives somebody a stream at node 1.
func (l *teamLog) listens(who string) *subscriber {
	s := l.w.subscribers[len(l.w.subscribers)-1]
	s.login, s.stream, s.at = l.w.team.model.loginOf[l.heads[who].Login], s.ticket(), 1
	l.w.node(1).streamOpens(s)
	return s
}

// pushes sends the frame of the newest position to a stream, as the state machine renders it for whoever may read it.
func (l *teamLog) pushes(s *subscriber, position raft.Position) {
	frames, _ := l.m.EventsAfter(position-1, 1)
	reader := statemachine.Reader(s.login.User, state.Head{Login: s.login.ID, Proof: s.login.Proof()})
	var body []byte
	from := 0
	for _, part := range frames[0].Parts {
		if l.m.MayRead(reader, part.Audience) {
			body = append(body, frames[0].Body[from:part.End]...)
		}
		from = part.End
	}
	l.w.judgePushed(l.w.node(1), &node.Frame{Ticket: s.stream, Position: position, Body: body})
}

// smuggles makes somebody a member of a place behind the judges' backs.
func (l *teamLog) smuggles(user state.UserID, id state.PlaceID) {
	p, ok := l.m.Place(id)
	require.True(l.t, ok)
	l.m.PutMember(&p, user, &state.Member{})
	l.m.PutPlace(&p)
}

// secret is alice's private channel with a message in it.
func (l *teamLog) secret() state.PlaceID {
	l.does("alice", &chat.CreateChannel{Name: "secret", Private: true, Join: state.JoinInvite})
	id := state.PlaceID(l.at.Position)
	l.does("alice", &chat.Send{Place: "#secret", Text: "alpha @bob"})
	return id
}

func TestTheJudgesOfATeamSpeakWhenTheyMust(t *testing.T) {
	for _, c := range []struct {
		name string
		want string // empty: nobody may speak
		do   func(l *teamLog)
	}{
		{"all is well", "", func(l *teamLog) {
			id := l.secret()
			s := l.listens("bob")
			for _, q := range []state.Query{&chat.History{Place: "#secret"}, &chat.History{Place: "#nowhere"}, &chat.Search{Text: "ALPHA"}, &chat.Channels{},
				&chat.Mentions{}, &chat.Conversations{}, &presence.Who{All: true}, &account.Users{}, &account.Audit{}} {
				l.asks("alice", l.at.Position, q)
				l.asks("bob", l.at.Position, q)
			}
			l.does("alice", &chat.AddMember{Of: chat.Of{Place: "#secret", User: "BOB"}})
			l.pushes(s, l.at.Position)
			l.pushes(s, l.at.Position-1) // it shows what was said before, too
			l.does("bob", &chat.Send{Place: "@alice", Text: "psst"})
			l.pushes(s, l.at.Position)
			l.does("alice", &chat.RemoveMember{Of: chat.Of{Place: "#secret", User: "bob"}})
			l.does("bob", &chat.Join{Place: "#secret"})
			l.pushes(s, l.at.Position-1)
			l.asks("bob", l.at.Position, &chat.GetMessage{ID: state.MessageID{Place: id, Position: raft.Position(id) + 1}.String()})
			l.does("bob", &account.LogOut{})
			l.does("bob", &chat.Send{Place: "#general", Text: "still there?"})
			l.asks("bob", l.at.Position, &account.WhoAmI{})
		}},
		{"a page of a channel that its reader does not belong to", Secrecy, func(l *teamLog) {
			l.smuggles(2, l.secret())
			l.asks("bob", l.at.Position, &chat.History{Place: "#secret"})
		}},
		{"a search that finds what is hidden", Secrecy, func(l *teamLog) {
			l.smuggles(2, l.secret())
			l.asks("bob", l.at.Position, &chat.Search{Text: "alpha"})
		}},
		{"a message that is shown to who was removed", Secrecy, func(l *teamLog) {
			id := l.secret()
			l.does("alice", &chat.AddMember{Of: chat.Of{Place: "#secret", User: "bob"}})
			l.does("alice", &chat.RemoveMember{Of: chat.Of{Place: "#secret", User: "bob"}})
			l.smuggles(2, id)
			l.asks("bob", l.at.Position, &chat.GetMessage{ID: state.MessageID{Place: id, Position: raft.Position(id) + 1}.String()})
		}},
		{"a frame with a message that its reader may not see", Secrecy, func(l *teamLog) {
			s, id := l.listens("bob"), l.secret()
			l.smuggles(2, id)
			l.pushes(s, l.at.Position)
		}},
		{"a frame with the name of a private channel", Secrecy, func(l *teamLog) {
			s, id := l.listens("bob"), l.secret()
			l.smuggles(2, id)
			l.pushes(s, raft.Position(id))
		}},
		{"a frame with the text of a deleted message", Secrecy, func(l *teamLog) {
			s := l.listens("bob")
			l.does("alice", &chat.Send{Place: "#general", Text: "oh no"})
			sent := l.at.Position
			post, _ := l.m.Post(state.MessageID{Place: state.General, Position: sent})
			l.does("alice", &chat.Unsend{ID: post.ID.String()})
			l.m.PutPost(&post)
			l.pushes(s, sent)
		}},
		{"a channel's name that is said to be taken by a hidden one", Secrecy, func(l *teamLog) {
			l.smuggles(2, l.secret())
			l.does("bob", &chat.CreateChannel{Name: "secret", Join: state.JoinOpen})
		}},
		{"a hidden channel that is refused in other words", Secrecy, func(l *teamLog) {
			l.w.judgeSentence(&state.Refusal{Code: state.NotFound, Reason: "CHANNEL_NOT_FOUND", Text: "There is no channel #a."}, "#a")
			require.Nil(l.t, l.w.violation)
			l.w.judgeSentence(&state.Refusal{Code: state.NotFound, Reason: "CHANNEL_NOT_FOUND", Text: "You can't see #b."}, "b")
		}},
		{"an event for everybody that is for one", Secrecy, func(l *teamLog) {
			l.does("bob", &chat.Send{Place: "@alice", Text: "psst"})
			f := *l.w.framedAt(l.at.Position)
			f.parts[0].audience = state.ForAll().Word()
			l.w.judgeTeamEvents(&f)
		}},
		{"a content that is attached by who never had it", Secrecy, func(l *teamLog) {
			op := l.proposes("bob", &files.Attach{Place: "#general", Name: "a", Size: 3, Sum: [32]byte{1}})
			l.entry()
			f := state.File{ID: state.FileID(l.at.Position), Place: state.General, Name: "a", Size: 3, Sum: [32]byte{1}, Owner: 2, Time: l.at.Time, Wall: op.team.head.Wall}
			l.w.teamApplies(op, l.principal("bob"), state.AppendReply(nil, &files.Attached{File: f, PlaceID: "chan_1", Called: "#general", OwnerName: "bob"}, nil))
		}},
		{"an answer under a login that has ended", Logins, func(l *teamLog) {
			login, _ := l.m.Login(l.heads["bob"].Login)
			l.does("bob", &account.LogOut{})
			l.m.PutLogin(&login)
			l.asks("bob", l.at.Position, &account.WhoAmI{})
		}},
		{"a command under a login that has ended", Logins, func(l *teamLog) {
			login, _ := l.m.Login(l.heads["bob"].Login)
			l.does("alice", &account.RevokeLogin{Login: l.heads["bob"].Login.String()})
			l.m.PutLogin(&login)
			l.does("bob", &chat.MarkRead{Place: "#general"})
		}},
		{"a frame to a stream whose login has ended", Logins, func(l *teamLog) {
			s := l.listens("bob")
			l.does("bob", &account.LogOut{})
			l.w.judgePushed(l.w.node(1), &node.Frame{Ticket: s.stream, Position: l.at.Position})
		}},
		{"a stream that outlives its login", Logins, func(l *teamLog) {
			l.listens("bob")
			l.does("alice", &account.DisableUser{User: "bob"})
			l.w.judgeStreams(l.w.node(1))
		}},
		{"a stream that ends before its login", Logins, func(l *teamLog) {
			s := l.listens("bob")
			l.w.node(1).came = l.at.Position
			l.w.streamEnds(l.w.node(1), &node.Answer{Ticket: s.stream, Outcome: node.Refused, Code: node.CodeReaderGone})
		}},
		{"a command that is refused and was to be done", Team, func(l *teamLog) {
			op := l.proposes("bob", &chat.MarkRead{Place: "#general"})
			l.entry()
			l.w.teamApplies(op, l.principal("bob"), state.AppendReply(nil, nil, &state.Refusal{Code: state.Conflict, Reason: "NO"}))
		}},
		{"a command that does more than it should", Team, func(l *teamLog) {
			l.does("alice", &chat.Send{Place: "#general", Text: "one"})
			one := l.at.Position
			l.does("alice", &chat.Send{Place: "#general", Text: "two"})
			p, _ := l.m.Place(state.General)
			p.Messages++
			l.m.PutPlace(&p)
			l.does("bob", &chat.MarkRead{Place: "#general", Read: one})
		}},
		{"a count of unread messages that is wrong", Team, func(l *teamLog) {
			l.does("alice", &chat.Send{Place: "#general", Text: "one"})
			m, _ := l.m.Member(state.General, 2)
			m.Number = 1
			p, _ := l.m.Place(state.General)
			l.m.PutMember(&p, 2, &m)
			l.asks("bob", l.at.Position, &chat.Channels{})
		}},
		{"an answer of another position than it says", Team, func(l *teamLog) {
			l.does("alice", &chat.Send{Place: "#general", Text: "one"})
			l.asks("bob", l.at.Position-1, &chat.History{Place: "#general"})
		}},
		{"an event that is not told", Team, func(l *teamLog) {
			l.does("alice", &chat.Send{Place: "#general", Text: "one"})
			l.w.judgeTeamEvents(&framed{at: l.at.Position})
		}},
		{"an event of nothing", Team, func(l *teamLog) {
			l.entry()
			l.m.Record(l.at.Position, &state.Event{Kind: state.EventOnline, Audience: state.ForAll(), User: 1})
			l.w.happened(l.m, l.at.Position)
		}},
		{"an audit log that was written anew", Team, func(l *teamLog) {
			record := state.AuditRecord{Time: l.at.Time, Action: "login"}
			l.m.Put(state.TableAudit, state.Key(uint64(l.at.Position), 0), &record)
			l.asks("alice", l.at.Position, &account.Audit{})
		}},
		{"an event that a teammate never sees", Streams, func(l *teamLog) {
			s := l.listens("bob")
			s.from = l.at.Position
			l.does("alice", &chat.Send{Place: "#general", Text: "one"})
			l.entry()
			s.judgeArrived(&node.Frame{Position: l.at.Position}, l.at.Position)
		}},
		{"an event that a teammate sees twice", Streams, func(l *teamLog) {
			s := l.listens("bob")
			l.does("alice", &chat.Send{Place: "#general", Text: "one"})
			s.from = l.at.Position - 1
			for range 2 {
				s.judgeArrived(&node.Frame{Position: l.at.Position, Body: []byte{1}}, l.at.Position)
			}
		}},
		{"a frame that leaves out what its reader may see", Streams, func(l *teamLog) {
			s := l.listens("bob")
			l.does("alice", &chat.Send{Place: "#general", Text: "one @bob"})
			frames, _ := l.m.EventsAfter(l.at.Position-1, 1)
			l.w.judgePushed(l.w.node(1), &node.Frame{Ticket: s.stream, Position: l.at.Position, Body: frames[0].Body[:frames[0].Parts[0].End]})
		}},
		{"somebody who is online and has no stream", Presence, func(l *teamLog) {
			l.does("", &presence.Announce{Node: 1, Changes: []presence.Change{{User: 2, Online: true}}})
			l.w.judgePresence()
		}},
		{"somebody who has a stream and is offline", Presence, func(l *teamLog) {
			l.listens("bob")
			l.w.judgePresence()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newTeamLog(t)
			require.Nil(t, l.w.violation)
			if c.want == Presence { // node 1 is a member and well
				l.w.plan.Heal, l.w.plan.Core, l.w.plan.Rest, l.w.plan.Faults = time.Second, []raft.NodeID{1, 2, 3}, nil, nil
			}
			c.do(l)
			if c.want == "" {
				require.Nil(t, l.w.violation)
				return
			}
			require.NotNil(t, l.w.violation)
			require.Equal(t, c.want, l.w.violation.Invariant, l.w.violation.Reason)
			require.NotEmpty(t, Sentence(c.want))
		})
	}
}

// What a judge asks of the past must be what a plain list of all values says.
func TestTheModelRemembersWhatWasSoAtEachPosition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h changing[int]
		values := make([]int, 40)
		for at := range values {
			if at > 0 {
				values[at] = values[at-1]
			}
			for range rapid.IntRange(0, 2).Draw(t, "puts") {
				values[at] = rapid.IntRange(0, 2).Draw(t, "value")
				h.put(raft.Position(at), values[at])
			}
		}
		for at, want := range values {
			require.Equal(t, want, h.when(raft.Position(at)))
		}
		from := rapid.IntRange(0, 39).Draw(t, "from")
		to := rapid.IntRange(from, 39).Draw(t, "to")
		all := true
		for at := from; at <= to; at++ {
			all = all && values[at] == 1
		}
		require.Equal(t, all, h.throughout(raft.Position(from), raft.Position(to), func(v int) bool { return v == 1 }))
	})
}

// What no seed draws a person may write.
func TestEveryFieldOfATeamReadsBackAsItWasWritten(t *testing.T) {
	p := Generate(1, time.Minute)
	p.Team = TeamPlan{Edge: 400 * time.Millisecond, Gone: 2 * time.Second, Mode: 2, Users: 5, Idle: 8 * time.Second, Secrets: 5 * time.Second,
		Logins: 3, Edits: 2, Reactions: 2, Search: 30, Quota: 9000,
		Names: 3, TTL: 2 * time.Second, Wait: 3 * time.Second, Line: 4, Content: 900, Revisions: 20, Deltas: 3, Kept: 8000, Grants: 2, Shut: 300, Codes: 100, Behind: 200, Peek: 300,
		Keep: 4 * time.Second, Sweep: 300 * time.Millisecond, Rows: 5, Walk: 2, Forget: 20}
	p.Teammates = []TeammatePlan{{User: 1, Every: 200 * time.Millisecond, Pipeline: 2, Read: 400, Stale: 100, Once: 200, Govern: 200, Account: 60, Guess: 100, Locks: 300, Docs: 301,
		Patience: 3 * time.Second, Timeout: 800 * time.Millisecond, Quit: 20, Nap: 21, Close: 10, Stay: 5 * time.Second, Share: true, Anywhere: true}}
	again, err := Parse(p.Format())
	require.NoError(t, err)
	require.Equal(t, p, again)
	require.Contains(t, p.Format(), "\nteam edge=400ms gone=2s mode=2 users=5 logins=3 edits=2 reactions=2 search=30 quota=9000"+
		" names=3 line=4 content=900 revisions=20 deltas=3 kept=8000 grants=2 shut=300 codes=100 behind=200 peek=300 rows=5 walk=2 forget=20 idle=8s secrets=5s ttl=2s wait=3s keep=4s sweep=300ms\n")
}

func TestAMistakeInATeamIsNamed(t *testing.T) {
	good := Generate(1, time.Minute).Format()
	for _, c := range []struct{ line, want string }{
		{"team mode=4", "want a mode"},
		{"team users=99", "at most"},
		{"team edits=-1", "from 0 on"},
		{"team color=red", "unknown field"},
		{"team grants=-1", "from 0 on"},
		{"team keep=-1s", "from 0s on"},
		{"team ttl=1ms", "100ms or more"},
		{"teammate user=1 every=1s pipeline=1 patience=1s", "a teammate needs"},
		{"teammate user=99 every=1s pipeline=1 patience=1s timeout=1s", "a teammate needs"},
	} {
		_, err := Parse(good + c.line + "\n")
		require.ErrorContains(t, err, c.want, c.line)
	}
}

// In more than every third world there is a team; without one nothing of it costs anything.
func TestSomeSeedsHaveATeam(t *testing.T) {
	teams := 0
	for seed := range uint64(300) {
		p := Generate(seed, time.Minute)
		if len(p.Teammates) > 0 {
			teams++
			require.NoError(t, p.check())
		}
	}
	require.Greater(t, teams, 60)
	require.Less(t, teams, 180)
}

// The names that a text mentions are those behind an @ that nothing of a name precedes.
func TestTheModelReadsMentionsAsTheyAreDefined(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"@alice and @BOB.", []string{"alice", "bob"}},
		{"me@alice @alice @Alice", []string{"alice"}},
		{"@al @a_very_long_name_of_somebody_else", nil},
		{"(@bob)@bob,@dora", []string{"bob", "dora"}},
		{"@", nil},
	} {
		require.Equal(t, c.want, spoken(c.text), c.text)
	}
}
