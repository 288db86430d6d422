package statemachine

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
)

// ledger is the naive model of locks: a list that every entry goes through from end to end.
type ledger struct {
	limits Limits
	held   []ledgerLock
	now    raft.LogTime
	term   raft.Term
	fences map[string]raft.Position // of the last grant
	ended  map[string]int           // locks whose deadline passed and whose event is still to come
}

type ledgerLock struct {
	name, holder string
	fence        raft.Position
	ttl          time.Duration
	deadline     raft.LogTime
}

func newLedger(l Limits) *ledger {
	return &ledger{limits: l, fences: map[string]raft.Position{}, ended: map[string]int{}}
}

// entry lets time pass.
func (g *ledger) entry(term raft.Term, now raft.LogTime) {
	for i := range g.held {
		if term != g.term {
			g.held[i].deadline = now.Add(g.held[i].ttl)
		}
	}
	g.held = slices.DeleteFunc(g.held, func(l ledgerLock) bool {
		if l.deadline > now {
			return false
		}
		g.ended[fmt.Sprintf("%s/%d", l.name, l.fence)]++
		return true
	})
	g.term, g.now = term, now
}

func (g *ledger) find(name string) int {
	return slices.IndexFunc(g.held, func(l ledgerLock) bool { return l.name == name })
}

// do returns what told says of the reply.
func (g *ledger) do(at raft.Position, who string, kind int, name string, fence raft.Position, ttl time.Duration) string {
	i := g.find(name)
	answer := func(granted bool, l ledgerLock) string {
		return fmt.Sprintf("%v %s %d %s", granted, l.holder, l.fence, time.Duration(l.deadline-g.now))
	}
	if kind == commandAcquire && fence == 0 {
		if i >= 0 {
			return answer(false, g.held[i])
		}
		mine := 0
		for _, l := range g.held {
			if l.holder == who {
				mine++
			}
		}
		if mine >= g.limits.LocksPerPrincipalMax {
			return "too many locks"
		}
		g.held = append(g.held, ledgerLock{name, who, at, ttl, g.now.Add(ttl)})
		return answer(true, g.held[len(g.held)-1])
	}
	if i < 0 {
		return "stale fence"
	}
	l := g.held[i]
	if kind == commandBreak {
		if fence != 0 && fence != l.fence {
			return "stale fence"
		}
		if who != l.holder {
			return "not permitted"
		}
	} else if fence != l.fence || who != l.holder {
		return "stale fence"
	}
	switch kind {
	case commandRelease, commandBreak:
		g.held = slices.Delete(g.held, i, i+1)
		return answer(false, l)
	case commandRenew:
		if ttl != 0 {
			l.ttl = ttl
		}
		l.deadline = g.now.Add(l.ttl)
		g.held[i] = l
	}
	return answer(true, l)
}

// list is what tape.list says.
func (g *ledger) list() string {
	var lines []string
	for _, l := range g.held {
		lines = append(lines, fmt.Sprintf("%s:%s/%d/%s", l.name, l.holder, l.fence, time.Duration(l.deadline-g.now)))
	}
	slices.Sort(lines)
	return strings.Join(lines, " ")
}

// script plays one entry after another to a machine and to the ledger.
type script struct {
	*tape
	ledger *ledger
	draw   func(n int, what string) int // a number below n
	known  []raft.Position              // fences that were given
}

func newScript(draw func(n int, what string) int) *script {
	l := DefaultLimits()
	l.LocksPerPrincipalMax, l.LockExpiriesMax, l.EventsMax = 1+draw(3, "locks"), draw(3, "expiries"), 1000
	return &script{tape: newTape(l), ledger: newLedger(l), draw: draw}
}

var scriptNames = []string{"a", "b", "c", "d"}

// step plays one entry and compares everything.
func (s *script) step(t require.TestingT) {
	after := time.Duration(s.draw(8, "after")) * 400 * time.Millisecond
	if s.draw(6, "election") == 0 {
		s.at.Term++
	}
	who, name := []string{"ann", "bob", "cid"}[s.draw(3, "who")], scriptNames[s.draw(len(scriptNames), "name")]
	ttl := time.Duration(1+s.draw(5, "ttl")) * second
	fence := raft.Position(0)
	if n := len(s.known); n > 0 && s.draw(3, "fence") > 0 {
		fence = s.known[max(0, n-1-s.draw(4, "which"))]
	}
	kind := []int{0, commandAcquire, commandAcquire, commandRenew, commandRelease, commandBreak}[s.draw(6, "kind")]
	s.ledger.entry(s.at.Term, s.at.Time.Add(after))
	if kind == 0 {
		s.entry(after)
	} else {
		if kind == commandRelease || kind == commandBreak {
			ttl = 0
		}
		got := told(s.do(who, after, appendLockCommand(nil, uint8(kind), lockCommand{fence: fence, ttl: ttl, name: name})))
		want := s.ledger.do(s.at.Position, who, kind, name, fence, ttl)
		require.Equal(t, want, got, "%s: kind %d of %s under %d at %d", who, kind, name, fence, s.at.Position)
		if l, ok := s.lock(name); ok && l.fence == s.at.Position {
			require.Greater(t, l.fence, s.ledger.fences[name])
			s.ledger.fences[name] = l.fence
			s.known = append(s.known, l.fence)
		}
	}
	require.Equal(t, s.ledger.list(), s.list())
	require.Equal(t, s.RecomputeHash(), s.StateHash())
	s.expires(t)
}

// expires checks that what subscribers are told to have expired did so, once.
func (s *script) expires(t require.TestingT) {
	frames, _ := s.EventsAfter(s.at.Position-1, 1)
	if len(frames) == 0 {
		return
	}
	events, err := DecodeEvents(frames[0].Body)
	require.NoError(t, err)
	ends := 0
	for _, e := range events {
		if e.Kind == EventExpire {
			key := fmt.Sprintf("%s/%d", e.Lock.Name, e.Lock.Fence)
			require.Equal(t, 1, s.ledger.ended[key], key)
			delete(s.ledger.ended, key)
			ends++
		}
	}
	require.LessOrEqual(t, ends, s.Limits.LockExpiriesMax+1)
}

// settle lets all turns come: then everything that ended was told.
func (s *script) settle(t require.TestingT) {
	s.Limits.LockExpiriesMax = 100
	s.ledger.limits, s.ledger.now = s.Limits, s.at.Time
	s.ledger.entry(s.at.Term, s.at.Time)
	s.entry(0)
	s.expires(t)
	require.Empty(t, s.ledger.ended)
	deadline, ok := s.NextDeadline()
	require.Equal(t, len(s.ledger.held) > 0, ok)
	require.True(t, !ok || deadline > s.at.Time)
	require.LessOrEqual(t, len(s.mark(markTerms)), termStartBytes)
	require.Equal(t, len(s.ledger.held) > 0, len(s.mark(markTime)) > 0)
}

// Whatever is asked, whenever, by whomever, over however many leaders: the machine says what the ledger says, and so
// does a clone of it, and one that came from its snapshot.
func TestLocksDoWhatTheNaiveLedgerSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newScript(func(n int, what string) int { return rapid.IntRange(0, n-1).Draw(t, what) })
		for range rapid.IntRange(1, 60).Draw(t, "entries") {
			switch rapid.IntRange(0, 9).Draw(t, "life") {
			case 0:
				was := s.Machine
				s.Machine = was.Clone().(*Machine)
				was.Advance(s.at) // the original's life is its own
				was.expireLocks(s.at)
			case 1:
				back := NewLimited(s.Limits)
				require.NoError(t, back.Restore(bytes.NewReader(snapshot(t, s.Machine))))
				require.Equal(t, s.AppendState(nil), back.AppendState(nil))
				s.Machine = back
			}
			s.step(t)
		}
		s.settle(t)
	})
}

// FuzzLocks plays the same from bytes, and between them hands the machine commands that nobody made.
func FuzzLocks(f *testing.F) {
	f.Add([]byte{1, 2, 3, 1, 0, 0, 0, 1, 0, 3, 1, 0, 0, 0, 3, 7, 0, 0, 0, 0, 0, 0})
	f.Add(bytes.Repeat([]byte{0, 1, 0, 0, 4, 1}, 40))
	f.Add(bytes.Repeat([]byte{5, 7, 0, 1, 2, 3, 1, 1, 2}, 60))
	f.Fuzz(func(t *testing.T, src []byte) {
		next := func(n int, _ string) int {
			if len(src) == 0 {
				return 0
			}
			b := int(src[0])
			src = src[1:]
			return b % n
		}
		s := newScript(next)
		for steps := 0; len(src) > 0 && steps < 200; steps++ {
			s.step(t)
		}
		s.settle(t)
	})
}

// FuzzApplyLocks hands any bytes to a machine that takes commands about locks: as a command, as a query, as what it
// answered and as what happened.
func FuzzApplyLocks(f *testing.F) {
	f.Add(AppendAcquire(nil, Acquire{Name: "b", TTL: second, Wall: 3}))
	f.Add(AppendAcquire(nil, Acquire{Name: "a", TTL: second, Fence: 1}))
	f.Add(AppendRelease(nil, Release{Name: "a", Fence: 1}))
	f.Add(AppendRenew(nil, Renew{Name: "a", Fence: 1, TTL: -1}))
	f.Add(AppendBreak(nil, Break{Name: "a"}))
	f.Add(AppendLocks(nil, Locks{Name: "a", After: "b", Limit: 7}))
	f.Fuzz(func(t *testing.T, src []byte) {
		s := newTape(DefaultLimits())
		s.acquire("ann", 0, "a", second)
		other := s.Clone().(*Machine)
		was := s.at
		reply := s.do("ann", 0, src)
		other.Advance(s.at)
		require.Equal(t, reply, other.Apply(s.at, src))
		require.Equal(t, s.StateHash(), other.StateHash())
		require.Equal(t, s.RecomputeHash(), s.StateHash())
		if l, err := DecodeLockReply(reply); err == nil {
			require.Equal(t, reply, appendLockReply(nil, l))
			require.Greater(t, s.at.Position, was.Position)
		}
		for _, b := range [][]byte{src, s.Query(src)} {
			if l, err := DecodeLocksReply(b); err == nil {
				require.Equal(t, b, appendLocksReply(nil, l))
			}
			_, _ = DecodeLockReply(b)
			_, _ = DecodeEvents(b)
		}
		frames, _ := s.EventsAfter(0, 10)
		for _, frame := range frames {
			_, err := DecodeEvents(frame.Body)
			require.NoError(t, err)
		}
	})
}
