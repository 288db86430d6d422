package node

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
)

// table is a sessions table with a log to apply to it.
type table struct {
	sessions
	index raft.Index
	time  raft.LogTime
}

func newTable(r Rules) *table { return &table{sessions: newSessions(r.withDefaults())} }

// pass lets log time pass.
func (s *table) pass(d time.Duration) { s.time = s.time.Add(d) }

func (s *table) open1(nonce uint64) (SessionID, Code) {
	s.index++
	s.expire(s.time)
	return s.open(s.index, s.time, nonce, []byte("p"))
}

// do applies a command and returns its reply, with "again " before a kept one.
func (s *table) do(id SessionID, seq, acked uint64) (string, Code) {
	s.index++
	s.expire(s.time)
	slot, kept, code := s.begin(s.time, &envelope{session: id, seq: seq, ackedBelow: acked})
	switch {
	case code != CodeNone:
		return "", code
	case kept != nil:
		return "again " + string(kept.reply), CodeNone
	}
	reply := fmt.Sprint(s.index)
	s.finish(slot, seq, positionOf(s.index), []byte(reply))
	return reply, CodeNone
}

func TestTheSessionTable(t *testing.T) {
	// Each step is a command of the one session, and what must come of it.
	type step struct {
		seq, acked uint64
		reply      string
		code       Code
	}
	for name, steps := range map[string][]step{
		"a repetition gets the kept reply": {
			{1, 1, "2", CodeNone}, {1, 1, "again 2", CodeNone}, {2, 1, "4", CodeNone}, {1, 1, "again 2", CodeNone}},
		"commands may overtake each other": {
			{3, 1, "2", CodeNone}, {1, 1, "3", CodeNone}, {2, 1, "4", CodeNone}, {3, 1, "again 2", CodeNone}, {1, 1, "again 3", CodeNone}},
		"below what the client acknowledged nothing is executed": {
			{1, 1, "2", CodeNone}, {2, 2, "3", CodeNone}, {1, 1, "", CodeBelowWindow}, {2, 2, "again 3", CodeNone}},
		"an older acknowledgement takes nothing back": {
			{3, 3, "2", CodeNone}, {4, 1, "3", CodeNone}, {2, 1, "", CodeBelowWindow}},
		"beyond the window nothing is executed": {
			{4, 1, "2", CodeNone}, {5, 1, "", CodeBelowWindow}, {5, 2, "4", CodeNone}},
		"the acknowledgement in the command itself counts first": {
			{9, 9, "2", CodeNone}},
		"a seq of zero, or one that acknowledges itself away, is a caller's bug": {
			{0, 0, "", CodeBelowWindow}, {2, 3, "", CodeBelowWindow}, {2, 2, "4", CodeNone}},
	} {
		s := newTable(Rules{WindowMax: 4})
		id, _ := s.open1(1)
		for i, x := range steps {
			reply, code := s.do(id, x.seq, x.acked)
			require.Equal(t, x.code, code, "%s: step %d", name, i)
			require.Equal(t, x.reply, reply, "%s: step %d", name, i)
		}
		require.Equal(t, s.rehash(), s.hash, name)
	}
}

func TestTheSameNonceOpensTheSameSessionAndAnotherPrincipalsDoesNot(t *testing.T) {
	s := newTable(Rules{})
	a, _ := s.open1(7)
	b, _ := s.open1(7)
	require.Equal(t, a, b)
	other, _ := s.open(100, s.time, 7, []byte("q"))
	require.NotEqual(t, a, other)
	require.Equal(t, 2, s.used)
}

func TestAnExpiredSessionIsUnknownEvenBeforeItsTurnAndItsNonceOpensANewOne(t *testing.T) {
	s := newTable(Rules{SessionIdleMax: time.Minute, SessionsMax: 4 * expiriesPerEntryMax})
	var ids []SessionID
	for n := range uint64(2 * expiriesPerEntryMax) {
		id, code := s.open1(n)
		require.Equal(t, CodeNone, code)
		ids = append(ids, id)
	}
	last := ids[len(ids)-1]
	s.pass(time.Minute)
	_, code := s.do(last, 1, 1)
	require.Equal(t, CodeSessionUnknown, code)
	require.Equal(t, expiriesPerEntryMax, s.used, "some per entry")
	fresh, code := s.open1(uint64(len(ids) - 1))
	require.Equal(t, CodeNone, code)
	require.NotEqual(t, last, fresh)
	s.do(last, 1, 1)
	require.Equal(t, 1, s.used)
	require.Equal(t, s.rehash(), s.hash)
}

func TestUseKeepsASessionAlive(t *testing.T) {
	s := newTable(Rules{SessionIdleMax: time.Minute})
	busy, _ := s.open1(1)
	idle, _ := s.open1(2)
	for seq := uint64(1); seq < 5; seq++ {
		s.pass(40 * time.Second)
		_, code := s.do(busy, seq, seq)
		require.Equal(t, CodeNone, code)
	}
	_, code := s.do(idle, 1, 1)
	require.Equal(t, CodeSessionUnknown, code)
}

// Whoever opens sessions and goes away must not keep others out for as long as
// a client may be in doubt.
func TestASessionThatExecutedNothingExpiresSoonerThanOneThatDid(t *testing.T) {
	s := newTable(Rules{})
	used, _ := s.open1(1)
	_, code := s.do(used, 1, 1)
	require.Equal(t, CodeNone, code)
	refused, _ := s.open1(2)
	_, code = s.do(refused, 300, 1)
	require.Equal(t, CodeBelowWindow, code)
	s.open1(3)
	deadline, _ := s.nextDeadline()
	require.Equal(t, s.time.Add(time.Minute), deadline, "the unused ones are next")

	s.pass(time.Minute)
	_, code = s.do(refused, 1, 1)
	require.Equal(t, CodeSessionUnknown, code, "what was refused was not executed")
	require.Equal(t, 1, s.used)
	reply, code := s.do(used, 1, 1)
	require.Equal(t, CodeNone, code)
	require.Equal(t, "again 2", reply)
	s.pass(15*time.Minute - 1)
	_, code = s.do(used, 2, 2)
	require.Equal(t, CodeNone, code)
	s.pass(15 * time.Minute)
	s.expire(s.time)
	require.Zero(t, s.used)
	require.Equal(t, Hash{}, s.hash)
}

func TestAFullTableRefusesAndEvictsNobody(t *testing.T) {
	s := newTable(Rules{SessionsMax: 2})
	a, _ := s.open1(1)
	s.open1(2)
	_, code := s.open1(3)
	require.Equal(t, CodeBusy, code)
	_, code = s.do(a, 1, 1)
	require.Equal(t, CodeNone, code)
	again, code := s.open1(1)
	require.Equal(t, CodeNone, code, "an open that only repeats is no new session")
	require.Equal(t, a, again)
}

func TestKeptRepliesAreBoundedAndAnAcknowledgementMakesRoom(t *testing.T) {
	s := newTable(Rules{ReplyBytesMax: 1})
	id, _ := s.open1(1)
	_, code := s.do(id, 1, 1)
	require.Equal(t, CodeNone, code)
	_, code = s.do(id, 2, 1)
	require.Equal(t, CodeNone, code)
	_, code = s.do(id, 3, 1)
	require.Equal(t, CodeBusy, code)
	reply, code := s.do(id, 2, 1)
	require.Equal(t, CodeNone, code, "a repetition needs no room")
	require.Equal(t, "again 3", reply)
	_, code = s.do(id, 3, 2)
	require.Equal(t, CodeNone, code, "what was refused may be tried again")
}

func TestTheTableExecutesEachSeqAtMostOnceWhateverTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newTable(Rules{WindowMax: 8, SessionIdleMax: time.Minute, UnusedIdleMax: 20 * time.Second, SessionsMax: 3, ReplyBytesMax: 40})
		type key struct {
			id  SessionID
			seq uint64
		}
		executed := map[key]string{}
		var ids []SessionID
		for range rapid.IntRange(1, 80).Draw(t, "steps") {
			s.pass(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
			if len(ids) > 0 && rapid.IntRange(0, 9).Draw(t, "close") == 0 {
				id := rapid.SampledFrom(ids).Draw(t, "closed")
				if slot, ok := s.byID[id]; ok {
					require.Equal(t, CodeNone, s.close(id, s.slots.at(slot).nonce))
				}
				require.Equal(t, CodeNone, s.close(id, 0), "it is gone")
				require.Equal(t, s.rehash(), s.hash)
				continue
			}
			if len(ids) == 0 || rapid.IntRange(0, 9).Draw(t, "open") == 0 {
				if id, code := s.open1(rapid.Uint64Range(0, 5).Draw(t, "nonce")); code == CodeNone {
					ids = append(ids, id)
				}
				continue
			}
			k := key{rapid.SampledFrom(ids).Draw(t, "session"), rapid.Uint64Range(0, 20).Draw(t, "seq")}
			acked := rapid.Uint64Range(0, k.seq).Draw(t, "acked")
			reply, code := s.do(k.id, k.seq, acked)
			if code == CodeNone {
				was, done := executed[k]
				if done {
					require.Equal(t, "again "+was, reply)
				} else {
					require.NotContains(t, reply, "again")
					executed[k] = reply
				}
			}
			require.Equal(t, s.rehash(), s.hash)
			c := s.clone()
			require.Equal(t, s.hash, c.rehash())
			require.LessOrEqual(t, s.used, 3)
		}
	})
}

func TestTwoTablesThatAppliedTheSameLogAreEqualAndHashAlike(t *testing.T) {
	build := func(extra bool) *table {
		s := newTable(Rules{})
		a, _ := s.open1(1)
		s.pass(time.Second)
		s.do(a, 1, 1)
		if extra {
			s.do(a, 2, 1)
		}
		return s
	}
	require.Equal(t, build(false).hash, build(false).hash)
	require.NotEqual(t, build(false).hash, build(true).hash)
}
