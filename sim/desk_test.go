package sim

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/document"
	"parley/statemachine/lock"
	"parley/statemachine/state"
)

// page makes a document of alice's that is written under its lock or by whoever holds it, and shares it with bob.
func (l *teamLog) page(mode state.LockMode) string {
	l.does("alice", &document.Create{Title: "Plan", Content: "one\n", Mode: mode})
	id := docID(state.DocID(l.at.Position))
	l.does("alice", &document.Share{ID: id, With: document.Whom{User: "bob"}, Role: state.Editor})
	return id
}

// takes has somebody take a lock, and returns the position of that.
func (l *teamLog) takes(who, name string, wait time.Duration) raft.Position {
	l.does(who, &lock.Acquire{Name: name, TTL: 10 * time.Second, Wait: wait})
	return l.at.Position
}

// writes is an update as a client makes it.
func writes(id, content string, fence raft.Position) *document.Update {
	c := document.NewUpdate(id, []byte(content), 0, nil)
	c.Fence = fence
	return c
}

// answers has the state machine give an answer that it never gave.
func (l *teamLog) answers(who string, c state.Command, reply state.Coded) {
	op := l.proposes(who, c)
	l.entry()
	raw := state.AppendReply(nil, reply, nil)
	l.w.judgeDesk(l.m, op, l.principal(who), raw)
	l.w.teamApplies(op, l.principal(who), raw)
}

// tells has a position tell what it likes.
func (l *teamLog) tells(events ...state.Shown) {
	l.entry()
	f := &framed{at: l.at.Position}
	for i := range events {
		f.parts = append(f.parts, framedPart{audience: state.ForAll().Word(), body: state.Append([]byte{2}, &events[i])})
	}
	l.w.judgeTold(f)
}

func TestTheJudgesOfLocksAndDocumentsOfATeamSpeakWhenTheyMust(t *testing.T) {
	grant := func(login state.LoginID, fence, ticket raft.Position) state.Shown {
		return state.Shown{Kind: state.EventLocked, Text: "a", Login: login, Fence: fence, Ticket: ticket}
	}
	for _, c := range []struct {
		name string
		want string // empty: nobody may speak
		do   func(l *teamLog)
	}{
		{"all is well", "", func(l *teamLog) {
			first := l.takes("alice", "a", 0)
			l.takes("bob", "a", time.Minute)
			ticket := l.takes("charlie", "a", time.Minute)
			for _, who := range []string{"alice", "bob", "charlie"} {
				l.asks(who, l.at.Position, &lock.Get{Name: "a", Ticket: ticket})
				l.asks(who, l.at.Position, &lock.List{})
			}
			l.does("alice", &lock.Release{Name: "a", Fence: first})
			l.does("alice", &lock.Release{Name: "a", Fence: first})
			l.at.Term++
			l.at.Time = l.at.Time.Add(9 * time.Second)
			l.entry()
			l.at.Time = l.at.Time.Add(9 * time.Second)
			l.does("bob", &account.LogOut{})
			l.asks("charlie", l.at.Position, &lock.Get{Name: "a", Ticket: ticket})
			l.does("charlie", &lock.Break{Name: "a"})
		}},
		{"all is well with documents", "", func(l *teamLog) {
			id := l.page(state.LockRequired)
			l.does("bob", writes(id, "two\n", 0))
			fence := l.takes("bob", id, 0)
			l.does("alice", writes(id, "two\n", 0))
			l.does("bob", writes(id, "one\ntwo\n", fence))
			l.does("bob", document.NewUpdate(id, []byte("one\ntwo\nthree – and more of it\n"), 2, []byte("one\ntwo\n")))
			l.does("bob", &document.Restore{ID: id, Version: 1, Fence: fence})
			for _, who := range []string{"alice", "bob", "charlie"} {
				for _, q := range []state.Query{&document.Show{ID: id}, &document.Show{ID: id, Version: 2}, &document.Show{ID: id, At: l.at.Position - 1}, &document.History{ID: id, Limit: 2},
					&document.List{}, &document.List{Deleted: true}, &document.AccessList{ID: id}, &lock.Get{Name: id}, &lock.List{}} {
					l.asks(who, l.at.Position, q)
				}
			}
			l.does("alice", &document.Unshare{ID: id, With: document.Whom{User: "bob"}})
			l.does("bob", writes(id, "x", fence))
			l.does("bob", &lock.Release{Name: id, Fence: fence})
			l.does("alice", &document.Delete{ID: id})
			l.asks("alice", l.at.Position, &document.List{Deleted: true})
		}},
		{"a grant of a lock that somebody else has", LockExclusion, func(l *teamLog) {
			l.takes("alice", "a", 0)
			l.m.Remove(state.TableHolds, "a")
			l.takes("bob", "a", 0)
		}},
		{"a grant that is told of while another holds", LockExclusion, func(l *teamLog) {
			l.tells(grant(1, l.at.Position+1, 0))
			l.tells(grant(2, l.at.Position+1, 0))
		}},
		{"an end that is none", LockExclusion, func(l *teamLog) {
			l.takes("alice", "a", 0)
			l.tells(state.Shown{Kind: state.EventLockExpired, Text: "a", Login: 99, Fence: 1})
		}},
		{"a lock that is shown as somebody else's", LockExclusion, func(l *teamLog) {
			l.takes("alice", "a", 0)
			var h state.Hold
			require.True(l.t, l.m.Read(state.TableHolds, "a", &h))
			h.User = 2
			l.m.Put(state.TableHolds, "a", &h)
			l.asks("charlie", l.at.Position, &lock.Get{Name: "a"})
		}},
		{"a fence that is used again", Fences, func(l *teamLog) {
			fence := l.takes("alice", "a", 0)
			l.does("alice", &lock.Release{Name: "a", Fence: fence})
			l.answers("bob", &lock.Acquire{Name: "a", TTL: time.Second}, &lock.Answer{Position: l.at.Position + 1, Granted: true, Lock: lock.Lock{Name: "a", Fence: fence}})
		}},
		{"a fence that falls", Fences, func(l *teamLog) {
			l.takes("alice", "a", 0)
			l.tells(state.Shown{Kind: state.EventUnlocked, Text: "a", Login: l.heads["alice"].Login, Fence: l.at.Position}, grant(2, l.at.Position-1, 0))
		}},
		{"a release under a stale fence", Fences, func(l *teamLog) {
			fence := l.takes("alice", "a", 0)
			l.answers("alice", &lock.Release{Name: "a", Fence: fence - 1}, &lock.Answer{Position: l.at.Position + 1, Lock: lock.Lock{Name: "a"}})
		}},
		{"a grant to who came later", Line, func(l *teamLog) {
			l.takes("alice", "a", 0)
			l.takes("bob", "a", time.Minute)
			later := l.takes("charlie", "a", time.Minute)
			l.tells(state.Shown{Kind: state.EventUnlocked, Text: "a", Login: l.heads["alice"].Login, Fence: later - 2}, grant(l.heads["charlie"].Login, l.at.Position+1, later))
		}},
		{"a grant to who never stood in line", Line, func(l *teamLog) { l.tells(grant(1, l.at.Position+1, 5)) }},
		{"a wait that ends and was none", Line, func(l *teamLog) {
			l.tells(state.Shown{Kind: state.EventLockWaitEnded, Text: "a", Ticket: 5})
		}},
		{"a document that is written by who has not its lock", LockExclusion, func(l *teamLog) {
			id := l.page(state.LockAdvisory)
			l.takes("alice", id, 0)
			l.answers("bob", writes(id, "x", 0), &document.Done{})
		}},
		{"a document that is written under a stale fence", Fences, func(l *teamLog) {
			id := l.page(state.LockRequired)
			fence := l.takes("alice", id, 0)
			l.does("alice", &lock.Release{Name: id, Fence: fence})
			l.takes("bob", id, 0)
			l.answers("alice", writes(id, "x", fence), &document.Done{})
		}},
		{"a revision that is written anew", Revisions, func(l *teamLog) {
			id := l.page(state.LockAdvisory)
			row, ok := l.m.DocRevision(docOf(id), 1)
			require.True(l.t, ok)
			row.Delta, row.Sum = []byte("two\n"), sha256.Sum256([]byte("two\n"))
			l.m.Put(state.TableRevisions, state.Key(uint64(row.Doc), 1), &row)
			l.does("bob", writes(id, "x", 0))
		}},
		{"a revision that is lost", Revisions, func(l *teamLog) {
			id := l.page(state.LockAdvisory)
			l.does("bob", writes(id, "x", 0))
			l.m.Remove(state.TableRevisions, state.Key(uint64(docOf(id)), 1))
			l.does("alice", &document.Delete{ID: id})
		}},
		{"a version that is written twice", Revisions, func(l *teamLog) {
			id := l.page(state.LockAdvisory)
			d, _ := l.m.Document(docOf(id))
			l.does("bob", writes(id, "x", 0))
			l.m.PutDocument(&d)
			l.does("bob", writes(id, "y", 0))
		}},
		{"a text that is shown as another one", Team, func(l *teamLog) {
			id := l.page(state.LockAdvisory)
			row, _ := l.m.DocRevision(docOf(id), 1)
			row.Delta = []byte("two\n")
			l.m.Put(state.TableRevisions, state.Key(uint64(row.Doc), 1), &row)
			l.asks("bob", l.at.Position, &document.Show{ID: id})
		}},
		{"a document that is shown to who may not read it", Secrecy, func(l *teamLog) {
			id := l.page(state.LockAdvisory)
			d, _ := l.m.Document(docOf(id))
			l.m.PutGrant(&d, state.Grantee{Kind: state.GranteeUser, ID: 3}, state.Viewer)
			l.asks("charlie", l.at.Position, &document.Show{ID: id})
		}},
		{"a frame about a document for who may not read it", Secrecy, func(l *teamLog) {
			s, id := l.listens("bob"), l.page(state.LockAdvisory)
			l.does("alice", &document.Unshare{ID: id, With: document.Whom{User: "bob"}})
			d, _ := l.m.Document(docOf(id))
			l.m.PutGrant(&d, state.Grantee{Kind: state.GranteeUser, ID: 2}, state.Viewer)
			l.does("alice", writes(id, "x", 0))
			l.pushes(s, l.at.Position)
		}},
		{"a lock that outlives its time because no entry comes", Liveness, func(l *teamLog) {
			l.takes("alice", "a", 0)
			l.takes("bob", "a", 5*time.Second)
			l.w.now = int64(7 * time.Second)
			require.Empty(l.t, l.w.overdueHolds())
			l.w.now = int64(8 * time.Second)
			require.Len(l.t, l.w.overdueHolds(), 1)
			l.w.now = int64(14 * time.Second)
			require.Len(l.t, l.w.overdueHolds(), 2)
			l.w.now, l.w.node(1).up = int64(l.w.plan.Duration), false
			l.w.judgeLiveness()
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newTeamLog(t)
			require.Nil(t, l.w.violation)
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

// What protects itself by fences takes what comes under the newest, in the name of who has it, and nothing under an older one.
func TestAResourceOfATeamTakesNothingUnderAnOlderFence(t *testing.T) {
	l := newTeamLog(t)
	uses := func(who, owner string, fence raft.Position) {
		u := use{client: 1, owner: loginOwner(l.heads[owner].Login), grip: grip{name: "a", fence: fence}}
		l.w.used(&event{who: 1, arg: l.w.uses.put(u)})
	}
	first := l.takes("alice", "a", 0)
	uses("alice", "alice", first)
	l.does("alice", &lock.Release{Name: "a", Fence: first})
	second := l.takes("bob", "a", 0)
	uses("bob", "bob", second)
	uses("alice", "alice", first)
	require.Nil(t, l.w.violation)
	require.EqualValues(t, 1, l.w.cover.Fenced)
	uses("bob", "alice", second)
	require.Equal(t, Fences, l.w.violation.Invariant)
}

// A state that rots is found out by its peers. Meanwhile its node shows everybody the wrong message, and the judges know
// which: that of an entry with which nothing else is told to some and not to others.
func TestNoMessageRotsWithWhoseEntryALockEnds(t *testing.T) {
	l := newTeamLog(t)
	says := func() {
		op := l.w.blankOperation()
		op.write, op.text = true, "operation "+formatUint(uint64(op.number))
		op.body = statemachine.AppendSend(nil, statemachine.Send{Channel: statemachine.GeneralChannel, Text: op.text})
		l.w.judges.applied.byBody[string(op.body)] = op.number
		l.entry()
		l.m.s.rot.due = true
		l.m.Apply(l.at, op.body)
		l.m.next = len(l.w.judges.applied.log)
	}
	l.takes("alice", "a", 0)
	l.at.Time = l.at.Time.Add(time.Minute)
	says()
	require.True(t, l.m.s.rot.due, "the lock expires with it")
	require.Zero(t, l.m.s.rot.at)
	says()
	require.Equal(t, l.at.Position, l.m.s.rot.at, "and nothing happens with the next one")
	require.Nil(t, l.w.violation)
}
