package statemachine

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine/state"
)

// tape is a log for one machine: every entry has the next position, a stamp and a term.
type tape struct {
	*Machine
	at node.Applied
}

func newTape(l Limits) *tape {
	return &tape{NewLimited(l), node.Applied{Term: 1, Level: levelLocks, Session: 1}}
}

// entry lets an entry come after so much log time.
func (s *tape) entry(after time.Duration) {
	s.at.Position++
	s.at.Time = s.at.Time.Add(after)
	at := s.at
	at.Session, at.Principal = 0, ""
	s.Advance(at)
}

// lead lets a new term begin after so much log time.
func (s *tape) lead(after time.Duration) {
	s.at.Term++
	s.entry(after)
}

// do lets somebody command something after so much log time.
func (s *tape) do(who string, after time.Duration, command []byte) []byte {
	s.entry(after)
	s.at.Principal = who
	return s.Apply(s.at, command)
}

// told is an answer in a line: what the machine says, without its reasons.
func told(reply []byte) string {
	l, err := DecodeLockReply(reply)
	var refusal *Refusal
	switch {
	case errors.As(err, &refusal):
		return refusal.Code.String()
	case err != nil:
		return err.Error()
	}
	return fmt.Sprintf("%v %s %d %s", l.Granted, l.Lock.Holder, l.Lock.Fence, l.Lock.Left)
}

func (s *tape) acquire(who string, after time.Duration, name string, ttl time.Duration) string {
	return told(s.do(who, after, AppendAcquire(nil, Acquire{Name: name, TTL: ttl, Wall: 7})))
}

func (s *tape) again(who string, after time.Duration, name string, fence raft.Position) string {
	return told(s.do(who, after, AppendAcquire(nil, Acquire{Name: name, TTL: time.Minute, Fence: fence})))
}

func (s *tape) renew(who string, after time.Duration, name string, fence raft.Position, ttl time.Duration) string {
	return told(s.do(who, after, AppendRenew(nil, Renew{Name: name, Fence: fence, TTL: ttl})))
}

func (s *tape) release(who string, after time.Duration, name string, fence raft.Position) string {
	return told(s.do(who, after, AppendRelease(nil, Release{Name: name, Fence: fence})))
}

func (s *tape) breaks(who string, after time.Duration, name string, fence raft.Position) string {
	return told(s.do(who, after, AppendBreak(nil, Break{Name: name, Fence: fence, Wall: 9})))
}

// list says which locks are held, in a line.
func (s *tape) list() string {
	l, err := DecodeLocksReply(s.Query(AppendLocks(nil, Locks{Limit: 1000})))
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, lock := range l.Locks {
		fmt.Fprintf(&b, "%s:%s/%d/%s ", lock.Name, lock.Holder, lock.Fence, lock.Left)
	}
	return strings.TrimSpace(b.String())
}

// happened says what subscribers see of a position, in a line.
func (s *tape) happened(at raft.Position) string {
	frames, _ := s.EventsAfter(at-1, 1)
	if len(frames) == 0 || frames[0].Position != at {
		return ""
	}
	events, err := DecodeEvents(frames[0].Body)
	if err != nil {
		return err.Error()
	}
	var b strings.Builder
	for _, e := range events {
		word := map[EventKind]string{EventMessage: "message", EventLock: "lock", EventUnlock: "unlock", EventExpire: "expire", EventBreak: "break"}[e.Kind]
		fmt.Fprintf(&b, "%s %s%s/%d ", word, e.Channel, e.Lock.Name, e.Lock.Fence)
	}
	return strings.TrimSpace(b.String())
}

const second = time.Second

func TestALockIsGrantedToOneUntilItIsReleased(t *testing.T) {
	s := newTape(DefaultLimits())
	require.Equal(t, "true ann 1 30s", s.acquire("ann", 0, "deploy", 30*second))
	require.Equal(t, "false ann 1 29s", s.acquire("bob", second, "deploy", 30*second), "who comes second is told who has it")
	require.Equal(t, "true bob 3 30s", s.acquire("bob", 0, "other", 30*second), "names are locks of their own")
	require.Equal(t, "deploy:ann/1/29s other:bob/3/30s", s.list())

	require.Equal(t, "stale fence", s.release("bob", 0, "deploy", 1), "the fence alone is not enough: it is somebody else's")
	require.Equal(t, "stale fence", s.release("ann", 0, "deploy", 2))
	require.Equal(t, "stale fence", s.release("ann", 0, "deploy", 0))
	require.Equal(t, "false ann 1 28s", s.release("ann", second, "deploy", 1))
	require.Equal(t, "stale fence", s.release("ann", 0, "deploy", 1), "once is enough")
	require.Equal(t, "true bob 9 1s", s.acquire("bob", 0, "deploy", second))
	require.Equal(t, "stale fence", s.release("ann", 0, "deploy", 1), "the old fence is good for nothing")
	require.Equal(t, []string{"lock deploy/1", "", "lock other/3", "", "", "", "unlock deploy/1", "", "lock deploy/9", ""},
		[]string{s.happened(1), s.happened(2), s.happened(3), s.happened(4), s.happened(5), s.happened(6), s.happened(7), s.happened(8), s.happened(9), s.happened(10)})
}

// Acquire never renews: who asks for what it has under the live fence learns that it has it, and nothing changes.
func TestTheHolderAsksForWhatItHasUnderTheLiveFence(t *testing.T) {
	s := newTape(DefaultLimits())
	s.acquire("ann", 0, "a", 10*second)
	require.Equal(t, "false ann 1 9s", s.acquire("ann", second, "a", 10*second), "without the fence the holder is anybody")
	was := s.StateHash()
	require.Equal(t, "true ann 1 9s", s.again("ann", 0, "a", 1))
	require.Equal(t, was, s.StateHash())
	require.Equal(t, "stale fence", s.again("bob", 0, "a", 1))
	require.Equal(t, "stale fence", s.again("ann", 0, "a", 2))
	require.Equal(t, "stale fence", s.again("ann", 9*second, "a", 1), "what is over is not taken again under its fence")
	require.Equal(t, "", s.list())
}

func TestALockIsHeldBelowItsDeadlineAndNotAtIt(t *testing.T) {
	s := newTape(DefaultLimits())
	s.acquire("ann", 0, "a", 10*second)
	s.entry(10*second - 1)
	require.Equal(t, "a:ann/1/1ns", s.list())
	s.entry(1)
	require.Equal(t, "", s.list())
	require.Equal(t, "expire a/1", s.happened(3))
	require.Equal(t, "true bob 4 10s", s.acquire("bob", 0, "a", 10*second))
	require.Equal(t, "stale fence", s.renew("ann", 0, "a", 1, 0), "a lock that is lost is not renewed")
}

func TestARenewalCountsTheTimeAnewAndMayChangeIt(t *testing.T) {
	s := newTape(DefaultLimits())
	s.acquire("ann", 0, "a", 10*second)
	require.Equal(t, "true ann 1 10s", s.renew("ann", 9*second, "a", 1, 0))
	require.Equal(t, "true ann 1 3s", s.renew("ann", 9*second, "a", 1, 3*second))
	require.Equal(t, "true ann 1 3s", s.renew("ann", 2*second, "a", 1, 0))
	require.Equal(t, "stale fence", s.renew("ann", 0, "a", 2, 0))
	require.Equal(t, "stale fence", s.renew("bob", 0, "a", 1, 0))
	require.Equal(t, "stale fence", s.renew("ann", 3*second, "a", 1, 0), "its deadline is now")
	require.Equal(t, "", s.happened(2), "that a lock is kept is no event")
}

func TestTheHoldersUserBreaksALockAndNobodyElse(t *testing.T) {
	s := newTape(DefaultLimits())
	s.acquire("ann", 0, "a", 10*second)
	s.at.Session = 2
	require.Equal(t, "not permitted", s.breaks("bob", 0, "a", 0))
	require.Equal(t, "stale fence", s.breaks("ann", 0, "a", 9), "the lock that was meant is another one")
	require.Equal(t, "false ann 1 10s", s.breaks("ann", 0, "a", 1))
	require.Equal(t, "break a/1", s.happened(4))
	require.Equal(t, "stale fence", s.breaks("ann", 0, "a", 0), "nobody holds it")
	require.Equal(t, "true bob 6 1s", s.acquire("bob", 0, "a", second))
	require.Equal(t, "stale fence", s.renew("ann", 0, "a", 1, 0))
	require.Equal(t, "false bob 6 1s", s.breaks("bob", 0, "a", 0), "whatever its fence is")
}

func TestWhatCanBeNoLockIsRefused(t *testing.T) {
	l := DefaultLimits()
	for name, want := range map[string]Code{
		"": CodeLockName, strings.Repeat("x", l.LockNameBytesMax): CodeOK, strings.Repeat("x", l.LockNameBytesMax+1): CodeLockName,
		"a b": CodeLockName, "a\x00": CodeLockName, "ä": CodeLockName, "\xff": CodeLockName, "A-Z.a_z:0/9": CodeOK,
		"doc_1": CodeLockName, "msg_1": CodeLockName, "file_": CodeLockName, "doc": CodeOK, "my_doc_1": CodeOK, "Doc_1": CodeOK,
	} {
		code := CodeOK
		if refusal := checkLockName(&l, name); refusal != nil {
			code = refusal.Code
		}
		require.Equal(t, want, code, "%q", name)
	}
	s := newTape(l)
	before := s.StateHash()
	for _, c := range []struct {
		who, name string
		ttl       time.Duration
		want      string
	}{
		{"ann", "a b", second, "bad lock name"},
		{"ann", "a", 0, "bad time to live"},
		{"ann", "a", second - 1, "bad time to live"},
		{"ann", "a", time.Hour + 1, "bad time to live"},
		{"ann", "a", -second, "bad time to live"},
		{"", "a", second, "no holder"},
	} {
		require.Equal(t, c.want, s.acquire(c.who, 0, c.name, c.ttl), "%+v", c)
		require.Equal(t, before, s.StateHash(), "%+v", c)
	}
	require.Equal(t, "bad time to live", s.renew("ann", 0, "a", 1, time.Millisecond))
	require.Equal(t, "true ann 8 1h0m0s", s.acquire("ann", 0, "a", time.Hour))
	reply := s.do("ann", 0, AppendAcquire(nil, Acquire{Name: strings.Repeat("x", 1<<16), TTL: second}))
	require.Less(t, len(reply), 200)
}

func TestOnePrincipalHoldsSoManyLocksAndAllTogetherSoMany(t *testing.T) {
	l := DefaultLimits()
	l.LocksPerPrincipalMax, l.LocksMax, l.LockExpiriesMax = 2, 4, 1
	s := newTape(l)
	s.acquire("ann", 0, "a", 10*second)
	s.acquire("ann", 0, "b", 10*second)
	require.Equal(t, "too many locks", s.acquire("ann", 0, "c", 10*second))
	require.Equal(t, "false ann 1 10s", s.acquire("ann", 0, "a", 10*second), "what is taken is taken before anybody counts")
	require.Equal(t, "true anna 5 20s", s.acquire("anna", 0, "c", 20*second), "another name, though it begins alike")
	s.entry(10 * second) // one of ann's two rows is left; she holds nothing
	require.Equal(t, "c:anna/5/10s", s.list())
	require.Equal(t, "true ann 7 20s", s.acquire("ann", 0, "d", 20*second))
	require.Equal(t, "true ann 8 20s", s.acquire("ann", 0, "e", 20*second))
	require.Equal(t, "too many locks", s.acquire("ann", 0, "f", 20*second))
	require.Equal(t, "true bob 10 20s", s.acquire("bob", 0, "f", 20*second))
	require.Equal(t, "too many locks", s.acquire("bob", 0, "g", 20*second), "there are four")
}

// At most so many rows go with one entry; what is past its deadline is not held even before its turn, and who takes
// it before its turn comes ends it first.
func TestWhatIsPastItsDeadlineIsNotHeldBeforeItsTurn(t *testing.T) {
	l := DefaultLimits()
	l.LockExpiriesMax = 2
	s := newTape(l)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		s.acquire("ann", 0, name, 10*second)
	}
	s.entry(20 * second) // 6
	require.Equal(t, "expire a/1 expire b/2", s.happened(6))
	require.Equal(t, "", s.list())
	one, err := DecodeLocksReply(s.Query(AppendLocks(nil, Locks{Name: "d"})))
	require.NoError(t, err)
	require.Empty(t, one.Locks)
	require.Equal(t, "stale fence", s.renew("ann", 0, "e", 5, 0)) // 7
	require.Equal(t, "expire c/3 expire d/4", s.happened(7))
	require.Equal(t, "e", string(s.mustLock(t, "e").name))
	l.LockExpiriesMax = 0 // the turn of e never comes by itself
	s.Limits = l
	require.Equal(t, "true bob 8 1s", s.acquire("bob", 0, "e", second))
	require.Equal(t, "expire e/5 lock e/8", s.happened(8))
	deadline, ok := s.NextDeadline()
	require.True(t, ok)
	require.Equal(t, s.at.Time.Add(second), deadline)
}

func (s *tape) mustLock(t *testing.T, name string) lockRow {
	l, ok := s.lock(name)
	require.True(t, ok)
	return l
}

// A change of the leader keeps holders from renewing; each has its whole time again from the first entry of
// the new term on, if it held its lock when the term before ended.
func TestANewTermGivesEveryLockThatIsHeldItsTimeAnew(t *testing.T) {
	s := newTape(DefaultLimits())
	s.acquire("ann", 0, "a", 10*second)
	s.acquire("bob", 0, "b", 5*second)
	s.entry(4 * second)
	s.lead(7 * second) // both deadlines passed without a leader
	require.Equal(t, "a:ann/1/10s b:bob/2/5s", s.list())
	require.Equal(t, "", s.happened(4))
	s.entry(5 * second)
	require.Equal(t, "a:ann/1/5s", s.list(), "bob's time is over, in the same term")
	require.Equal(t, "expire b/2", s.happened(5))
	s.lead(second)
	s.lead(9 * second)
	s.lead(9 * second)
	require.Equal(t, "a:ann/1/10s", s.list(), "one leader after another")
	require.Equal(t, "true ann 1 10s", s.renew("ann", 9*second, "a", 1, 0))
	s.entry(10 * second)
	require.Equal(t, "", s.list())
}

func TestANewTermRaisesNoLockFromTheDead(t *testing.T) {
	l := DefaultLimits()
	l.LockExpiriesMax = 0
	s := newTape(l)
	s.acquire("ann", 0, "a", 5*second)
	s.acquire("ann", 0, "b", 10*second)
	s.entry(5 * second) // a is dead, and its row is still there
	s.lead(second)
	require.Equal(t, "b:ann/2/10s", s.list())
	s.lead(second)
	require.Equal(t, "b:ann/2/10s", s.list())
	s.Limits.LockExpiriesMax = 2
	s.entry(0)
	require.Equal(t, "expire a/1", s.happened(6))
}

// The deadline as it was written stays where it is, until it comes: nothing is swept when the leader changes.
func TestANewTermCostsNoMoreThanItsFirstEntry(t *testing.T) {
	s := newTape(DefaultLimits())
	for i := range 50 {
		s.acquire("ann", 0, fmt.Sprintf("lock-%02d", i), 10*second)
	}
	was := s.Tables.Clone()
	s.lead(second)
	require.Equal(t, rowsOf(&was, state.TableLocks), rowsOf(&s.Tables, state.TableLocks))
	require.Equal(t, rowsOf(&was, state.TableLockDeadlines), rowsOf(&s.Tables, state.TableLockDeadlines))
	s.Limits.LockExpiriesMax = 10
	s.entry(9 * second)
	require.Equal(t, 40, s.below(s.at.Time+1), "ten rows are made right with an entry")
	s.lead(0)
	require.Equal(t, 2*termStartBytes, len(s.mark(markTerms)), "the rows that wait need both beginnings")
	for range 3 {
		s.entry(0)
	}
	require.Equal(t, 0, s.below(s.at.Time+1))
	s.entry(0)
	require.Equal(t, termStartBytes, len(s.mark(markTerms)))
	require.Equal(t, 50, strings.Count(s.list(), "/10s"))
}

func rowsOf(t *state.Tables, id state.Table) (rows []string) {
	t.Ascend(id, "", func(key string, value []byte) bool {
		rows = append(rows, key+"="+string(value))
		return true
	})
	return rows
}

// below counts the deadlines as written below a time.
func (s *tape) below(time raft.LogTime) (n int) {
	s.Ascend(state.TableLockDeadlines, "", func(key string, _ []byte) bool {
		if deadline, _ := splitDeadlineKey(key); deadline < time {
			n++
		}
		return true
	})
	return n
}

func (s *tape) mark(name string) []byte {
	row, _ := s.Get(state.TableMarks, name)
	return row
}

func TestAClusterWithoutLocksWritesNothingForTheTime(t *testing.T) {
	s := newTape(DefaultLimits())
	was := s.AppendState(nil)
	s.entry(second)
	s.lead(second)
	require.Equal(t, was, s.AppendState(nil))
	_, ok := s.NextDeadline()
	require.False(t, ok)
	for _, end := range []func(fence raft.Position){
		func(fence raft.Position) { s.release("ann", 0, "a", fence) },
		func(raft.Position) { s.breaks("ann", 0, "a", 0) },
		func(raft.Position) { s.entry(second) },
	} {
		s.acquire("ann", 0, "a", second)
		s.lead(0)
		require.NotEmpty(t, s.mark(markTime))
		end(s.mustLock(t, "a").fence)
		require.Empty(t, s.list())
		require.Empty(t, s.mark(markTime))
		require.Empty(t, s.mark(markTerms))
	}
}

// Nodes of the release before answer a command about a lock as one that there is not; so must everybody until the
// level rises, byte by byte: the reply is part of the state.
func TestBelowItsLevelACommandAboutALockIsNone(t *testing.T) {
	s := newTape(DefaultLimits())
	s.at.Level = levelLocks - 1
	was := s.StateHash()
	for kind, command := range map[int][]byte{
		2: AppendAcquire(nil, Acquire{Name: "a", TTL: second}), 3: AppendRelease(nil, Release{Name: "a", Fence: 1}),
		4: AppendRenew(nil, Renew{Name: "a", Fence: 1}), 5: AppendBreak(nil, Break{Name: "a"}),
	} {
		require.Equal(t, refuse(CodeMalformed, "There is no command %d.", kind), s.do("ann", 0, command))
		require.Equal(t, refuse(CodeMalformed, "There is no command %d.", kind), s.do("ann", 0, command[:5]))
	}
	require.Equal(t, was, s.StateHash())
	require.Equal(t, "", s.list())
	s.at.Level = levelLocks
	require.Equal(t, "true ann 9 1s", s.acquire("ann", 0, "a", second))
}

func TestAListOfLocksPagesByName(t *testing.T) {
	l := DefaultLimits()
	l.LocksPageMax = 3
	s := newTape(l)
	for _, name := range []string{"d", "a", "c", "e", "b"} {
		s.acquire("ann", 0, name, 10*second)
	}
	s.release("ann", 0, "c", 3)
	for _, c := range []struct {
		q    Locks
		want string
		more bool
	}{
		{Locks{}, "a b d", true},
		{Locks{Limit: 2}, "a b", true},
		{Locks{Limit: 9}, "a b d", true},
		{Locks{After: "a"}, "b d e", false},
		{Locks{After: "c"}, "d e", false},
		{Locks{After: "e"}, "", false},
		{Locks{Name: "d"}, "d", false},
		{Locks{Name: "c"}, "", false},
	} {
		got, err := DecodeLocksReply(s.Query(AppendLocks(nil, c.q)))
		require.NoError(t, err)
		var names []string
		for _, lock := range got.Locks {
			names = append(names, lock.Name)
		}
		require.Equal(t, c.want, strings.Join(names, " "), "%+v", c.q)
		require.Equal(t, c.more, got.More, "%+v", c.q)
	}
	_, err := DecodeLocksReply(s.Query(AppendLocks(nil, Locks{Name: "doc_1"})))
	require.ErrorContains(t, err, "doc_")
}

// A message and locks that expire with its entry are one frame, whatever the backlog drops.
func TestAllThatHappensAtAPositionIsOneFrame(t *testing.T) {
	l := DefaultLimits()
	l.EventsMax = 2
	s := newTape(l)
	s.acquire("ann", 0, "a", second)
	s.acquire("bob", 0, "b", second)
	s.do("ann", second, AppendSend(nil, Send{Channel: GeneralChannel, Text: "late"})) // 3
	require.Equal(t, "expire a/1 expire b/2 message general/0", s.happened(3))
	frames, compacted := s.EventsAfter(1, 10)
	require.False(t, compacted)
	require.Equal(t, []raft.Position{2, 3}, positions(frames))
	_, compacted = s.EventsAfter(0, 10)
	require.True(t, compacted, "position 1 was dropped whole")
	events, err := DecodeEvents(frames[1].Body)
	require.NoError(t, err)
	require.Equal(t, Event{Kind: EventExpire, Lock: LockEvent{Name: "a", Fence: 1, Time: raft.LogTime(second), Holder: "ann"}}, events[0])
	require.Equal(t, "late", events[2].Message.Text)
	events, err = DecodeEvents(frames[0].Body)
	require.NoError(t, err)
	require.Equal(t, []Event{{Kind: EventLock, Lock: LockEvent{Name: "b", Fence: 2, Wall: 7, Holder: "bob", By: "bob"}}}, events)
}

// The bytes below are in logs, on wires and in snapshots; a change of any of them needs a new codecVersion.
func TestBytesOfLocksStayAsTheyAre(t *testing.T) {
	u64 := func(v uint64) string { return hex.EncodeToString(appendU64(nil, v)) }
	text := func(s string) string { return hex.EncodeToString(appendString(nil, s)) }
	same := func(want string, got []byte) {
		t.Helper()
		require.Equal(t, want, hex.EncodeToString(got))
	}
	same("0102"+u64(9)+u64(3)+u64(1e9)+text("a"), AppendAcquire(nil, Acquire{Name: "a", TTL: second, Fence: 3, Wall: 9}))
	same("0103"+u64(9)+u64(3)+u64(0)+text("a"), AppendRelease(nil, Release{Name: "a", Fence: 3, Wall: 9}))
	same("0104"+u64(9)+u64(3)+u64(1e9)+text("a"), AppendRenew(nil, Renew{Name: "a", TTL: second, Fence: 3, Wall: 9}))
	same("0105"+u64(9)+u64(3)+u64(0)+text("a"), AppendBreak(nil, Break{Name: "a", Fence: 3, Wall: 9}))
	same("0102"+u64(4)+text("a")+text("b"), AppendLocks(nil, Locks{Name: "a", After: "b", Limit: 4}))

	raw := func(h string) []byte { p, _ := hex.DecodeString(h); return p }
	s := newTape(DefaultLimits())
	s.at.Session, s.at.Time = 5, 100
	lock := u64(1) + u64(5) + u64(100) + u64(1e9) + u64(1e9) + text("a") + text("ann")
	same("0100"+u64(1)+"01"+lock, s.do("ann", 0, AppendAcquire(nil, Acquire{Name: "a", TTL: second, Wall: 9})))
	s.lead(200)
	same("0100"+"00"+u64(1)+lock, s.Query(AppendLocks(nil, Locks{Name: "a"})))
	frames, _ := s.EventsAfter(0, 1)
	event := u64(1) + u64(100) + u64(9) + text("ann") + text("ann")
	same(hex.EncodeToString(appendBytes(nil, raw("0102"+text("a")+event))), frames[0].Body)

	b := func(p []byte) string { return hex.EncodeToString(appendBytes(nil, p)) }
	key := []byte(state.Key(100 + 1e9))
	same("01"+
		"00"+u64(2)+text(markTerms)+b(raw(u64(2)+u64(100)+u64(300)))+text(markTime)+b(raw(u64(300)+u64(2)))+
		"01"+u64(1)+text("general")+b(raw(u64(1)))+
		"03"+u64(1)+b([]byte(state.Key(1)))+b(appendBytes(nil, raw("02"+text("a")+b(raw(event)))))+
		"04"+u64(1)+text("a")+b(raw(u64(1)+u64(5)+u64(100)+u64(1e9)+u64(100+1e9)+u64(1)+text("ann")))+
		"05"+u64(1)+b(append(key, 'a'))+b(nil)+
		"06"+u64(1)+b(append(raw(text("ann")), 'a'))+b(nil)+
		bornChannels()+
		"ff"+u64(s.StateHash()[0])+u64(s.StateHash()[1]), snapshot(t, s.Machine))
}

// Fences rise across everything that can happen to a cluster: the state comes back from a snapshot, in a new
// cluster far above, and goes on alike.
func TestALockSurvivesASnapshotWithItsFenceAndItsTime(t *testing.T) {
	s := newTape(DefaultLimits())
	s.acquire("ann", 0, "a", 10*second)
	s.entry(4 * second)
	b := snapshot(t, s.Machine)
	back := &tape{New(), s.at}
	require.NoError(t, back.Restore(bytes.NewReader(b)))
	require.Equal(t, "a:ann/1/6s", back.list(), "its time is what had passed, before any entry comes")
	back.at.Position += 1 << 40
	back.lead(7 * second)
	require.Equal(t, "a:ann/1/10s", back.list(), "a new cluster is a new term")
	require.Equal(t, "false ann 1 10s", back.release("ann", 0, "a", 1))
	require.Equal(t, fmt.Sprintf("true bob %d 1s", uint64(1<<40+5)), back.acquire("bob", 0, "a", second))
}
