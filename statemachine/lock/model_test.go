package lock_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/statemachine/account"
	"parley/statemachine/lock"
	"parley/statemachine/state"
	"parley/statemachine/teamtest"
)

// plainLock is a lock as one thinks of it: who holds it, until when, and who stands behind.
type plainLock struct {
	holder state.LoginID // zero: nobody
	fence  raft.Position // of the newest grant, kept for ever
	ttl    time.Duration
	ends   raft.LogTime
	line   []plainWait
}

type plainWait struct {
	login  state.LoginID
	ticket raft.Position
	ttl    time.Duration
	ends   raft.LogTime
}

// plain is a town of locks without tables, deadlines in order, grace by computation or limits.
type plain struct {
	locks map[string]*plainLock
	names []string
	live  map[state.LoginID]bool
	term  raft.Term
	last  raft.LogTime
}

// advance lets an entry come: a change of the leader, ends of waits and of locks, and then those who wait.
func (p *plain) advance(w *teamtest.World) {
	for _, name := range p.names {
		l := p.locks[name]
		if w.Term != p.term && l.holder != 0 && l.ends > p.last {
			l.ends = w.Now.Add(l.ttl)
		}
		l.line = slices.DeleteFunc(l.line, func(k plainWait) bool { return k.ends <= w.Now })
		if l.holder != 0 && l.ends <= w.Now {
			l.holder = 0
		}
		p.next(w, l)
	}
	p.term, p.last = w.Term, w.Now
}

// next gives a free lock to the first in line, unless it was given away with this entry already.
func (p *plain) next(w *teamtest.World, l *plainLock) {
	if l.holder == 0 && l.fence != w.At && len(l.line) > 0 {
		l.grant(w, l.line[0].login, l.line[0].ttl)
		l.line = l.line[1:]
	}
}

func (l *plainLock) grant(w *teamtest.World, login state.LoginID, ttl time.Duration) {
	l.holder, l.fence, l.ttl, l.ends = login, w.At, ttl, w.Now.Add(ttl)
}

func (p *plain) release(w *teamtest.World, l *plainLock) {
	l.holder = 0
	p.next(w, l)
}

func (p *plain) logOut(w *teamtest.World, login state.LoginID) {
	p.live[login] = false
	for _, name := range p.names {
		l := p.locks[name]
		l.line = slices.DeleteFunc(l.line, func(k plainWait) bool { return k.login == login })
		if l.holder == login {
			p.release(w, l)
		}
	}
}

// Whatever is done to locks by logins that come and go, under leaders that change, the machine says what the plain model
// says: who holds what under which fence and for how long, and who stands where in line.
func TestLocksAreThoseOfThePlainModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, _, ann, bob, cid := world(t)
		w.M.Limits.LocksPerPrincipalMax, w.M.Limits.LockWaitersMax, w.M.Limits.LockExpiriesMax = 1000, 1000, 1000
		who := []teamtest.Actor{ann, bob, cid, w.Again(ann)}
		p := &plain{locks: map[string]*plainLock{}, names: []string{"a", "b", "c"}, live: map[state.LoginID]bool{}, term: w.Term, last: w.Now}
		for _, name := range p.names {
			p.locks[name] = &plainLock{}
		}
		for _, a := range who {
			p.live[a.Head.Login] = true
		}
		fences := map[string]raft.Position{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			i := rapid.IntRange(0, len(who)-1).Draw(t, "who")
			a, name := who[i], rapid.SampledFrom(p.names).Draw(t, "name")
			l := p.locks[name]
			ttl := time.Duration(rapid.IntRange(1, 9).Draw(t, "ttl")) * time.Second
			fence := l.fence
			if rapid.IntRange(0, 5).Draw(t, "stale") == 0 {
				fence--
			}
			var reply lock.Answer
			var refusal *state.Refusal
			// do applies a command, lets the model pass the time up to it, and says whether the caller holds the lock.
			do := func(c state.Command) (holds bool) {
				at := w.At + 1
				reply = lock.Answer{}
				refusal = w.Do(a, c, &reply)
				require.Equal(t, at, w.At)
				p.advance(w)
				return l.holder == a.Head.Login && fence == l.fence
			}
			switch rapid.IntRange(0, 8).Draw(t, "what") {
			case 0, 1, 2:
				wait := time.Duration(rapid.IntRange(0, 9).Draw(t, "wait")) * time.Second
				do(&lock.Acquire{Name: name, TTL: ttl, Wait: wait})
				require.Nil(t, refusal)
				free := l.holder == 0 && l.fence != w.At
				if free {
					l.grant(w, a.Head.Login, ttl)
				} else if wait > 0 {
					require.Equal(t, []any{w.At, uint64(len(l.line))}, []any{reply.Ticket, reply.Ahead})
					l.line = append(l.line, plainWait{a.Head.Login, w.At, ttl, w.Now.Add(wait)})
				}
				require.Equal(t, free, reply.Granted)
			case 3:
				if holds := do(&lock.Renew{Name: name, Fence: fence, TTL: ttl}); holds {
					require.Nil(t, refusal)
					l.ttl, l.ends = ttl, w.Now.Add(ttl)
				} else {
					require.NotNil(t, refusal)
				}
			case 4:
				if holds := do(&lock.Release{Name: name, Fence: fence}); holds {
					require.Nil(t, refusal)
					p.release(w, l)
				} else {
					require.NotNil(t, refusal)
				}
			case 5:
				do(&lock.Break{Name: name})
				mine := l.holder != 0 && l.holder == a.Head.Login || i%3 == 0 && (l.holder == who[0].Head.Login || l.holder == who[3].Head.Login) && l.holder != 0
				require.Equal(t, mine, refusal == nil, "%v", refusal)
				if mine {
					p.release(w, l)
				}
			case 6:
				var ticket raft.Position
				if len(l.line) > 0 {
					ticket = rapid.SampledFrom(l.line).Draw(t, "ticket").ticket
				}
				do(&lock.Cancel{Name: name, Ticket: ticket})
				mine := slices.IndexFunc(l.line, func(k plainWait) bool { return k.ticket == ticket && k.login == a.Head.Login })
				require.Equal(t, mine >= 0, refusal == nil)
				if mine >= 0 {
					l.line = slices.Delete(l.line, mine, mine+1)
				}
			case 7:
				var done account.Done
				require.Nil(t, w.Do(a, &account.LogOut{}, &done))
				p.advance(w)
				p.logOut(w, a.Head.Login)
				who[i] = w.Again(a)
				p.live[who[i].Head.Login] = true
				p.advance(w)
			case 8:
				if rapid.Bool().Draw(t, "new leader") {
					w.Term++
				}
				w.Wait(time.Duration(rapid.IntRange(0, 5).Draw(t, "pass")) * time.Second)
				p.advance(w)
			}
			p.check(t, w, who, fences)
		}
		require.Equal(t, w.M.RecomputeHash(), w.M.StateHash())
	})
}

// check compares all that can be asked.
func (p *plain) check(t *rapid.T, w *teamtest.World, who []teamtest.Actor, fences map[string]raft.Position) {
	held, waits := 0, 0
	for _, name := range p.names {
		l := p.locks[name]
		waits += len(l.line)
		for _, a := range who {
			var got lock.Answer
			w.Told(a, &lock.Get{Name: name}, &got)
			if l.holder == 0 {
				require.Zero(t, got.Lock.Fence, name)
				continue
			}
			require.Equal(t, []any{l.fence, l.ttl, time.Duration(l.ends - w.Now), uint64(len(l.line)), l.holder == a.Head.Login},
				[]any{got.Lock.Fence, got.Lock.TTL, got.Lock.Left, got.Lock.Waits, got.Granted}, name)
			for i, k := range l.line {
				got = lock.Answer{}
				w.Told(a, &lock.Get{Name: name, Ticket: k.ticket}, &got)
				if k.login == a.Head.Login {
					require.Equal(t, []any{k.ticket, uint64(i)}, []any{got.Ticket, got.Ahead})
				}
			}
		}
		if l.holder != 0 {
			held++
			require.True(t, p.live[l.holder], "nobody holds a lock under a login that has ended")
		}
		require.GreaterOrEqual(t, l.fence, fences[name], "a fence never falls")
		fences[name] = l.fence
	}
	require.Equal(t, held, w.M.Len(state.TableLoginHolds))
	require.Equal(t, waits, w.M.Len(state.TableWaits), fmt.Sprint(p.names))
	require.Equal(t, waits, w.M.Len(state.TableWaitDeadlines))
	require.Equal(t, waits, w.M.Len(state.TableLoginWaits))
	require.Equal(t, w.M.Len(state.TableHolds), w.M.Len(state.TableHoldDeadlines))
}
