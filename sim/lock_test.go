package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
	"parley/sim/linear"
	"parley/statemachine"
)

// lockLog is an agreed log that a test writes for the judges of locks: commands with the answers of a real state machine, or
// with those of a wrong one.
type lockLog struct {
	t  *testing.T
	w  *World
	m  *statemachine.Machine
	at node.Applied
}

// entry commits an entry after so much log time.
func (l *lockLog) entry(after time.Duration) {
	l.at.Position++
	l.at.Time = l.at.Time.Add(after)
	logs := &l.w.judges.logs
	logs.registry = append(logs.registry, []registered{{entry: raft.Entry{Index: raft.Index(l.at.Position), Term: l.at.Term, Time: l.at.Time}}})
	logs.committed = append(logs.committed, committed{term: l.at.Term})
	l.m.Advance(l.at)
	l.happened()
}

func (l *lockLog) happened() {
	l.w.happened(&machine{Machine: l.m, w: l.w}, l.at.Position)
}

// lead begins a term.
func (l *lockLog) lead(after time.Duration) {
	l.at.Term++
	l.entry(after)
}

// command commits a command; wrong may change what is answered.
func (l *lockLog) command(client int, after time.Duration, ask lockAsk, wrong func(r *statemachine.LockReply)) *operation {
	op := l.w.blankOperation()
	op.client, op.lock, op.write, op.wall = client, ask, true, raft.Wall(op.number)
	op.body = ask.encode(op.wall)
	l.w.judges.applied.byBody[string(op.body)] = op.number
	l.entry(after)
	at := l.at
	at.Session, at.Principal = node.SessionID(client), l.w.clients[client-1].plan.principal(client)
	reply := l.m.Apply(at, op.body)
	l.happened()
	if wrong != nil {
		r, _ := statemachine.DecodeLockReply(reply)
		wrong(&r)
		reply = replyOf(l.t, at, r)
	}
	op.position = at.Position
	l.w.judges.applied.log = append(l.w.judges.applied.log, application{at: at, command: op.body, reply: reply})
	return op
}

// replyOf has some state machine give a reply, which is the only way to its bytes.
func replyOf(t *testing.T, at node.Applied, want statemachine.LockReply) []byte {
	m := statemachine.New()
	at.Position, at.Time, at.Principal, at.Session = want.Lock.Fence, want.Lock.Since, want.Lock.Holder, node.SessionID(want.Lock.Session)
	reply := m.Apply(at, statemachine.AppendAcquire(nil, statemachine.Acquire{Name: want.Lock.Name, TTL: want.Lock.TTL}))
	got, err := statemachine.DecodeLockReply(reply)
	require.NoError(t, err)
	require.Equal(t, want.Lock, got.Lock)
	require.True(t, want.Granted)
	return reply
}

// granted makes a reply a grant, under a fence.
func granted(name, holder string, fence raft.Position, since raft.LogTime, ttl time.Duration) func(r *statemachine.LockReply) {
	return func(r *statemachine.LockReply) {
		*r = statemachine.LockReply{Position: fence, Granted: true, Lock: statemachine.Lock{Name: name, Fence: fence, Holder: holder, Since: since, TTL: ttl, Left: ttl}}
	}
}

func TestTheJudgesOfLocksSpeakWhenTheyMust(t *testing.T) {
	const second = time.Second
	acquire := lockAsk{kind: lockAcquire, name: "a", ttl: 10 * second}
	release := func(fence raft.Position) lockAsk { return lockAsk{kind: lockRelease, name: "a", fence: fence} }
	renew := func(fence raft.Position) lockAsk { return lockAsk{kind: lockRenew, name: "a", fence: fence} }
	writes := func(l *lockLog, client int, fence raft.Position) {
		l.w.judgeLocks(raft.Index(l.at.Position))
		l.w.used(&event{who: int32(client), arg: l.w.uses.put(use{client, l.w.clients[client-1].plan.principal(client), grip{name: "a", fence: fence}})})
	}
	for _, c := range []struct {
		name string
		want string // empty: nobody may speak
		do   func(l *lockLog)
	}{
		{"all is well", "", func(l *lockLog) {
			op := l.command(1, 0, acquire, nil)
			l.w.judgeLocks(raft.Index(l.at.Position))
			l.w.ended(l.w.clients[0], &caller.Result{Ticket: uint64(op.number), Outcome: node.Done, Position: op.position, Reply: l.w.judges.applied.log[0].reply})
			l.command(2, second, acquire, nil)
			l.command(2, 0, renew(1), nil)
			l.command(1, second, renew(1), nil)
			l.lists(0, statemachine.New().Query(lockListBody())) // a node that has applied nothing yet
			l.lead(9 * second)
			l.command(1, 0, release(1), nil)
			writes(l, 1, 1)
			l.command(2, 0, acquire, nil)
			writes(l, 2, 7)
			writes(l, 1, 1)
			l.entry(11 * second)
			l.command(1, 0, acquire, nil)
			writes(l, 1, 9)
			require.Equal(l.t, grip{name: "a", fence: 1}, l.w.clients[0].grips[0])
			require.EqualValues(l.t, 1, l.w.cover.Fenced)
			require.EqualValues(l.t, 1, l.w.cover.Expired)
		}},
		{"a grant of a lock that somebody else holds", LockExclusion, func(l *lockLog) {
			l.command(1, 0, acquire, nil)
			l.command(2, 0, acquire, granted("a", "client-2", 2, 0, 10*second))
		}},
		{"a fence that is used again", Fences, func(l *lockLog) {
			l.command(1, 0, acquire, nil)
			l.command(1, 0, release(1), nil)
			l.command(2, 0, acquire, granted("a", "client-2", 1, 0, 10*second))
		}},
		{"a grant under another fence than its position", LockExclusion, func(l *lockLog) {
			l.command(1, 0, acquire, granted("a", "client-1", 7, 0, 10*second))
		}},
		{"a lock that is kept beyond its deadline", LockExclusion, func(l *lockLog) {
			l.command(1, 0, acquire, nil)
			l.command(1, 10*second, renew(1), granted("a", "client-1", 1, 0, 10*second))
		}},
		{"a lock that its holder lost with the leader", LockExclusion, func(l *lockLog) {
			l.command(1, 0, acquire, nil)
			l.lead(11 * second)
			l.m = statemachine.New() // whose machine forgot it
			l.command(1, second, renew(1), nil)
		}},
		{"a release under somebody else's fence", LockExclusion, func(l *lockLog) {
			l.command(1, 0, acquire, nil)
			l.command(2, 0, release(1), granted("a", "client-1", 1, 0, 10*second))
		}},
		{"an expiry that was none", LockExclusion, func(l *lockLog) {
			l.command(1, 0, acquire, nil)
			l.entry(5 * second)
			at := l.at
			at.Time = at.Time.Add(5 * second)
			l.m.Advance(at)
			l.happened()
		}},
		{"a grant that is no event", LockExclusion, func(l *lockLog) {
			l.command(1, 0, acquire, nil)
			l.w.judges.applied.frames = nil
		}},
		{"a lock that went without a word", LockExclusion, func(l *lockLog) {
			l.command(1, 0, acquire, nil)
			l.entry(10 * second)
			l.w.judges.applied.frames = l.w.judges.applied.frames[:1]
			l.command(2, 0, acquire, nil)
		}},
		{"a lock below the level", StateHash, func(l *lockLog) {
			op := l.command(1, 0, acquire, nil)
			require.NotNil(l.t, op)
			l.w.judges.applied.log[0].at.Level--
		}},
		{"an answer that is not the log's", Linearizability, func(l *lockLog) {
			l.command(1, 0, acquire, nil)
			op := l.command(2, 0, acquire, nil)
			l.w.ended(l.w.clients[1], &caller.Result{Ticket: uint64(op.number), Outcome: node.Done, Position: op.position, Reply: l.w.judges.applied.log[0].reply})
		}},
		{"a lock that is acknowledged where nothing took effect", Durability, func(l *lockLog) {
			op := l.command(1, 0, acquire, nil)
			l.w.ended(l.w.clients[0], &caller.Result{Ticket: uint64(op.number), Outcome: node.Done, Position: 9, Reply: l.w.judges.applied.log[0].reply})
		}},
		{"a list with a lock that is over", Linearizability, func(l *lockLog) {
			l.command(1, 0, acquire, nil)
			reply := l.m.Query(lockListBody())
			l.entry(10 * second)
			l.lists(2, reply)
		}},
		{"a list from the future", Linearizability, func(l *lockLog) {
			l.command(1, 0, acquire, nil)
			l.lists(2, l.m.Query(lockListBody()))
		}},
		{"a list that was over when it was asked for", Linearizability, func(l *lockLog) {
			l.command(1, 0, acquire, nil)
			reply := l.m.Query(lockListBody())
			l.entry(second)
			l.w.judges.clients.Answered(linear.PlaceOfWrite(2))
			l.lists(1, reply)
		}},
		{"a write under a fence that nobody gave", Fences, func(l *lockLog) {
			l.command(1, 0, acquire, nil)
			writes(l, 1, 2)
		}},
		{"a write under another client's fence", Fences, func(l *lockLog) {
			l.command(1, 0, acquire, nil)
			writes(l, 2, 1)
		}},
		{"a write that is refused though no later grant was used", Fences, func(l *lockLog) {
			l.command(1, 0, acquire, nil)
			l.w.resourceOf("a").highest = 5
			writes(l, 1, 1)
		}},
		{"a write that is accepted after one under a later grant", Fences, func(l *lockLog) {
			l.command(1, 0, acquire, nil)
			l.w.resourceOf("a").last = 5
			writes(l, 1, 1)
		}},
		{"a lock that outlives its time because no entry comes", Liveness, func(l *lockLog) {
			l.command(1, 0, acquire, nil)
			l.w.judgeLocks(raft.Index(l.at.Position))
			l.w.now = int64(11 * second)
			require.Empty(l.t, l.w.overdueLocks())
			l.w.now = int64(14 * second)
			require.NotEmpty(l.t, l.w.overdueLocks())
			l.w.now = int64(l.w.plan.Duration)
			l.w.judgeLiveness()
		}},
		{"time that passes in two ways", StateHash, func(l *lockLog) {
			for id := raft.NodeID(1); id <= 2; id++ {
				m := &machine{Machine: statemachine.New(), w: l.w, s: l.w.node(id)}
				at := node.Applied{Position: 1, Time: raft.LogTime(id), Level: levelLocks, Principal: "ann"}
				m.Machine.Apply(at, acquire.encode(0))
				m.Advance(node.Applied{Position: 2, Time: 5, Level: levelLocks})
			}
		}},
		{"an entry that only one node's machine hears of", StateMachineSafety, func(l *lockLog) {
			for id := raft.NodeID(1); id <= 2; id++ {
				m := &machine{Machine: statemachine.New(), w: l.w, s: l.w.node(id)}
				m.Advance(node.Applied{Position: raft.Position(4 - id), Time: 5, Level: levelLocks})
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(Generate(7, time.Minute), Options{})
			for i := range w.plan.Clients {
				w.plan.Clients[i].User = 0
			}
			l := &lockLog{t, w, w.newMachine(), node.Applied{Term: 1, Level: levelLocks}}
			c.do(l)
			w.judgeLocks(raft.Index(l.at.Position))
			if c.want == "" {
				require.Nil(t, w.violation)
				return
			}
			require.NotNil(t, w.violation)
			require.Equal(t, c.want, w.violation.Invariant, w.violation.Reason)
			require.NotEmpty(t, Sentence(c.want))
		})
	}
}

func lockListBody() []byte { a := lockAsk{kind: lockList}; return a.encode(0) }

// lists answers a list from a position.
func (l *lockLog) lists(at raft.Position, reply []byte) {
	op := l.w.blankOperation()
	op.lock, op.floor = lockAsk{kind: lockList}, l.w.judges.clients.Called()
	if at == 0 {
		op.consistency = node.Stale
	}
	l.w.ended(l.w.clients[0], &caller.Result{Ticket: uint64(op.number), Outcome: node.Done, Position: at, Reply: reply})
}
