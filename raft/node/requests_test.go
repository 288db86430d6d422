package node

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
)

// oneShots is a table of requests with a log to apply to it.
type oneShots struct {
	requests
	index raft.Index
	time  raft.LogTime
}

func newOneShots(r Rules) *oneShots { return &oneShots{requests: newRequests(r.withDefaults())} }

// do applies a one-shot command and returns its reply, with "again " before a remembered one.
func (s *oneShots) do(principal, id, content string) (reply string, retry time.Duration, code Code) {
	s.index++
	s.expire(s.time)
	c := envelope{kind: envelopeRequest, principal: []byte(principal), requestID: []byte(id), digest: DigestOf(content)}
	kept, retry, code := s.begin(s.time, &c)
	switch {
	case code != CodeNone:
		return "", retry, code
	case kept != nil:
		return "again " + string(kept.reply), 0, CodeNone
	}
	reply = fmt.Sprint(s.index)
	s.finish(s.time, &c, positionOf(s.index), []byte(reply))
	return reply, 0, CodeNone
}

func (s *oneShots) pass(d time.Duration) { s.time = s.time.Add(d) }

func TestTheSameRequestGetsTheFirstAnswerAndAnotherUnderItsIDIsAConflict(t *testing.T) {
	s := newOneShots(Rules{})
	for i, x := range []struct {
		principal, id, content string
		reply                  string
		code                   Code
	}{
		{"ann", "a", "hello", "1", CodeNone},
		{"ann", "a", "hello", "again 1", CodeNone},
		{"ann", "a", "hullo", "", CodeRequestConflict},
		{"ann", "a", "hello", "again 1", CodeNone},
		{"ann", "b", "hello", "5", CodeNone},
		{"bob", "a", "hello", "6", CodeNone}, // ids are each principal's own
		{"", "a", "hullo", "7", CodeNone},
		{"an", "na", "hello", "8", CodeNone},
	} {
		reply, _, code := s.do(x.principal, x.id, x.content)
		require.Equal(t, x.code, code, "step %d", i)
		require.Equal(t, x.reply, reply, "step %d", i)
		require.Equal(t, s.rehash(), s.hash, "step %d", i)
	}
}

// An id is remembered from its execution on; to repeat it does not prolong that, or a script that
// repeats itself would fill the table for ever.
func TestARequestIsRememberedForADayOfLogTimeAndNotForLonger(t *testing.T) {
	s := newOneShots(Rules{})
	s.do("ann", "a", "x")
	s.do("", "login", "x")
	s.pass(15*time.Minute - 1)
	reply, _, _ := s.do("", "login", "x")
	require.Equal(t, "again 2", reply)
	s.pass(1)
	reply, _, _ = s.do("", "login", "y")
	require.Equal(t, "4", reply, "what comes before a login is not kept for long")
	s.pass(24*time.Hour - 15*time.Minute - 1)
	reply, _, _ = s.do("ann", "a", "x")
	require.Equal(t, "again 1", reply)
	_, _, code := s.do("ann", "a", "y")
	require.Equal(t, CodeRequestConflict, code)
	s.pass(1)
	reply, _, code = s.do("ann", "a", "y")
	require.Equal(t, CodeNone, code)
	require.Equal(t, "7", reply)
	s.pass(48 * time.Hour)
	s.expire(s.time)
	require.Zero(t, s.used)
	require.Zero(t, s.bytes)
	require.Empty(t, s.owners)
	require.Equal(t, Hash{}, s.hash)
}

// To evict the oldest would execute its command twice. So the 10,001st is refused, and told when.
func TestTheTenThousandAndFirstRequestIsRefusedUntilTheOldestExpires(t *testing.T) {
	s := newOneShots(Rules{})
	for i := range 10_000 {
		_, _, code := s.do("ann", fmt.Sprint(i), "x")
		require.Equal(t, CodeNone, code)
		s.pass(time.Second)
	}
	for range 3 {
		_, retry, code := s.do("ann", "one too many", "x")
		require.Equal(t, CodeRequestsFull, code)
		require.Equal(t, 24*time.Hour-10_000*time.Second, retry)
	}
	for _, i := range []string{"0", "9999"} {
		reply, _, code := s.do("ann", i, "x")
		require.Equal(t, CodeNone, code, "none is evicted")
		require.True(t, strings.HasPrefix(reply, "again "))
	}
	_, _, code := s.do("bob", "mine", "x")
	require.Equal(t, CodeNone, code, "it is each principal's own bound")

	s.pass(24*time.Hour - 10_000*time.Second - 1)
	_, retry, code := s.do("ann", "one too many", "x")
	require.Equal(t, CodeRequestsFull, code)
	require.Equal(t, time.Duration(1), retry)
	s.pass(1)
	_, _, code = s.do("ann", "one too many", "x")
	require.Equal(t, CodeNone, code)
	_, retry, code = s.do("ann", "two too many", "x")
	require.Equal(t, CodeRequestsFull, code)
	require.Equal(t, time.Second, retry)
}

func TestTheTableIsBoundedInAllToo(t *testing.T) {
	s := newOneShots(Rules{RequestsMax: 3, AnonymousRequestsMax: 1})
	do := func(principal, id string) Code {
		_, _, code := s.do(principal, id, "x")
		return code
	}
	require.Equal(t, CodeNone, do("a", "1"))
	s.pass(time.Minute)
	require.Equal(t, CodeNone, do("", "1"))
	require.Equal(t, CodeRequestsFull, do("", "2"), "who has no login has a bound of his own")
	require.Equal(t, CodeNone, do("b", "1"))
	_, retry, code := s.do("c", "1", "x")
	require.Equal(t, CodeRequestsFull, code)
	require.Equal(t, 15*time.Minute, retry, "the next to expire is that of the empty principal")
	require.Equal(t, CodeNone, do("b", "1"), "a repetition needs no room")
	s.pass(15 * time.Minute)
	require.Equal(t, CodeNone, do("c", "1"))

	s = newOneShots(Rules{RequestBytesMax: 5})
	require.Equal(t, CodeNone, do("a", "1"))
	require.Equal(t, CodeNone, do("a", "22222"))
	require.Equal(t, CodeRequestsFull, do("b", "1"), "ids and replies are bounded by their bytes")
	require.Equal(t, CodeNone, do("a", "22222"))
	s.pass(24 * time.Hour)
	require.Equal(t, CodeNone, do("b", "1"))
}

func TestWhatIsTooLongForARequestIsRefusedAndChangesNothing(t *testing.T) {
	s := newOneShots(Rules{RequestIDBytesMax: 4, PrincipalBytesMax: 4})
	_, _, code := s.do("ann", "12345", "x")
	require.Equal(t, CodeTooLarge, code)
	_, _, code = s.do("annie", "1", "x")
	require.Equal(t, CodeTooLarge, code)
	require.Zero(t, s.used)
}

// Expiry is spread over entries so that none of them is long, and what is past its deadline is
// not answered from even before its turn.
func TestRequestsExpireSomePerEntryAndNoneIsAnsweredPastItsDeadline(t *testing.T) {
	s := newOneShots(Rules{RequestAgeMax: time.Minute})
	for i := range 3 * expiriesPerEntryMax {
		s.do("ann", fmt.Sprint(i), "x")
	}
	s.pass(time.Minute)
	last := fmt.Sprint(3*expiriesPerEntryMax - 1)
	reply, _, code := s.do("ann", last, "another")
	require.Equal(t, CodeNone, code)
	require.NotContains(t, reply, "again")
	require.Equal(t, 2*expiriesPerEntryMax, s.used)
	require.Equal(t, s.rehash(), s.hash)
}

// The model is a map: what was executed, when, under which content.
func TestTheTableExecutesEachRequestOncePerMemoryWhateverTheOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := Rules{RequestAgeMax: time.Minute, AnonymousAgeMax: 30 * time.Second, RequestsPerPrincipalMax: 3,
			AnonymousRequestsMax: 2, RequestsMax: 6, RequestBytesMax: 60}.withDefaults()
		s := newOneShots(rules)
		type done struct {
			content, reply string
			at             raft.LogTime
		}
		model := map[requestKey]done{}
		for range rapid.IntRange(1, 120).Draw(t, "steps") {
			s.pass(time.Duration(rapid.IntRange(0, 15).Draw(t, "seconds")) * time.Second)
			k := requestKey{rapid.SampledFrom([]string{"", "ann", "bob", "eve"}).Draw(t, "principal"), rapid.SampledFrom([]string{"1", "2", "3", "4"}).Draw(t, "id")}
			content := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "content")
			age := rules.RequestAgeMax
			if k.principal == "" {
				age = rules.AnonymousAgeMax
			}
			was, known := model[k]
			known = known && s.time < was.at.Add(age)
			reply, retry, code := s.do(k.principal, k.id, content)
			switch {
			case known && was.content == content:
				require.Equal(t, "again "+was.reply, reply)
			case known:
				require.Equal(t, CodeRequestConflict, code)
			case code == CodeNone:
				require.NotContains(t, reply, "again")
				model[k] = done{content, reply, s.time}
			default:
				require.Equal(t, CodeRequestsFull, code)
				require.Positive(t, retry)
				require.LessOrEqual(t, retry, time.Minute)
			}
			require.Equal(t, s.rehash(), s.hash)
			c := s.clone()
			require.Equal(t, appendRequests(&s.requests), appendRequests(&c))
			require.Equal(t, s.hash, c.hash)
			require.LessOrEqual(t, s.used, 6)

			read, err := readRequests(appendRequests(&s.requests), rules)
			require.NoError(t, err)
			require.Equal(t, s.hash, read.hash)
			require.Equal(t, s.bytes, read.bytes)
			require.Equal(t, appendRequests(&s.requests), appendRequests(&read))
		}
	})
}

func TestTwoTablesWithOneHistoryHaveTheSameBytes(t *testing.T) {
	a, b := newOneShots(Rules{RequestAgeMax: time.Minute}), newOneShots(Rules{RequestAgeMax: time.Minute})
	// The slots of a are used in another order.
	for i := range 10 {
		a.do("old", fmt.Sprint(i), "x")
	}
	a.index, b.index = 100, 100
	a.pass(time.Minute)
	b.pass(time.Minute)
	for _, s := range []*oneShots{a, b} {
		for _, x := range []string{"ann", "", "bob", "ann"} {
			s.do(x, fmt.Sprint(s.index), "x")
		}
	}
	require.Equal(t, appendRequests(&b.requests), appendRequests(&a.requests))
	require.Equal(t, b.hash, a.hash)
}

func TestTheBytesOfARequestTable(t *testing.T) {
	s := newOneShots(Rules{})
	s.time = 7
	s.do("", "login", "x")
	s.do("ann", "a", "x")
	digest := DigestOf("x")
	d := hex.EncodeToString(digest[:])
	require.Equal(t, "02000000"+
		"0200000000000000"+"0700000000000000"+d+"03000000"+"616e6e"+"01000000"+"61"+"01000000"+"32"+
		"0100000000000000"+"0700000000000000"+d+"00000000"+"05000000"+"6c6f67696e"+"01000000"+"31",
		hex.EncodeToString(appendRequests(&s.requests)))
}

func appendRequests(r *requests) []byte {
	var b bytes.Buffer
	frozen := r.freeze()
	out := sink{w: &b}
	frozen.write(&out)
	out.flush()
	return b.Bytes()
}

func readRequests(p []byte, rules Rules) (requests, error) {
	r := newRequests(rules.withDefaults())
	in := newSource(bytes.NewReader(p))
	r.read(&in, &State{applied: 1 << 40, logTime: 1 << 60})
	if in.Err() != nil {
		return r, in.Err()
	}
	return r, in.End()
}

// Snapshots come from other machines. Whatever their bytes, reading ends in an error or in a table that
// keeps all rules.
func TestBytesThatAreNoRequestTableAreRefused(t *testing.T) {
	s := newOneShots(Rules{})
	s.do("", "login", "x")
	s.do("ann", "a", "x")
	s.do("ann", "b", "x")
	good := appendRequests(&s.requests)
	for n := range good {
		_, err := readRequests(good[:n], Rules{})
		require.ErrorIs(t, err, ErrState, "%d bytes", n)
	}
	record := func(principal, id string, at, time uint64) []byte {
		one := newOneShots(Rules{})
		one.index, one.time = raft.Index(at-1), raft.LogTime(time)
		one.do(principal, id, "x")
		return appendRequests(&one.requests)[4:]
	}
	for name, records := range map[string][][]byte{
		"none":                    {},
		"one twice":               {record("ann", "a", 1, 1), record("ann", "a", 2, 1)},
		"an older position":       {record("ann", "a", 2, 1), record("ann", "b", 1, 1)},
		"an older time":           {record("ann", "a", 1, 2), record("ann", "b", 2, 1)},
		"a name behind the empty": {record("", "a", 1, 1), record("ann", "b", 2, 1)},
		"of the future":           {record("ann", "a", 1<<41, 1)},
	} {
		p := []byte{byte(len(records)), 0, 0, 0}
		for _, r := range records {
			p = append(p, r...)
		}
		_, err := readRequests(p, Rules{})
		require.ErrorIs(t, err, ErrState, name)
	}
	_, err := readRequests([]byte{255, 255, 255, 255, 0}, Rules{})
	require.ErrorIs(t, err, ErrState)
	_, err = readRequests(good, Rules{RequestsPerPrincipalMax: 1})
	require.ErrorIs(t, err, ErrState)
}

// The bound on bytes is looked at before a command, so that one may go beyond it, and the order of the table is not
// the order in which they came.
func TestATableBeyondItsBoundByOneRequestComesBack(t *testing.T) {
	rules := Rules{RequestBytesMax: 20}
	s := newOneShots(rules)
	s.do("", "login", "x")
	s.do("ann", "a name far beyond the bound", "x")
	require.Greater(t, s.bytes, rules.RequestBytesMax)
	r, err := readRequests(appendRequests(&s.requests), rules)
	require.NoError(t, err)
	require.Equal(t, s.hash, r.hash)
	_, err = readRequests(appendRequests(&s.requests), Rules{RequestBytesMax: 5})
	require.ErrorIs(t, err, ErrState)
}

func FuzzReadRequests(f *testing.F) {
	s := newOneShots(Rules{})
	s.do("", "login", "x")
	s.do("ann", "a", "x")
	f.Add(appendRequests(&s.requests))
	f.Add([]byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, p []byte) {
		r, err := readRequests(p, Rules{})
		if err != nil {
			return
		}
		if again := appendRequests(&r); !bytes.Equal(again, p) {
			t.Fatal("what was read is written otherwise")
		}
		if r.hash != r.rehash() {
			t.Fatal("the kept hash differs from the records")
		}
	})
}

func TestDigestsStayWhatTheyAre(t *testing.T) {
	d := DigestOf("send", "general", "hello")
	require.Equal(t, "928a5bcc6e9bd8601cc45ba311a6273e", hex.EncodeToString(d[:]))
	require.NotEqual(t, DigestOf("send", "gen", "eral"), DigestOf("send", "gene", "ral"))
	require.NotEqual(t, DigestOf("send", "a"), DigestOf("send", "a", ""))
}

// oneShot is a command under a request id.
func oneShot(principal, id, body string) Event {
	return Event{Kind: EventCommand, Command: Command{Principal: principal, RequestID: id, Digest: DigestOf(body), Body: []byte(body)}}
}

// ready is a formed cluster that runs at its newest level.
func ready(t *testing.T, nodes int, rules Rules) *cluster {
	c := newCluster(t, nodes)
	c.settings.Rules = rules
	c.startAll()
	c.until("the newest level", func() bool { return c.leader() != nil && c.leader().node.level == LevelMax })
	return c
}

// A follower's log time lags: where the command comes to stand in the log, the id may be free again. Its word would
// be final, and another copy of the command executed.
func TestAFollowerThatLagsDoesNotCallAnIDTakenThatIsFreeAgain(t *testing.T) {
	c := ready(t, 3, Rules{RequestAgeMax: 5 * time.Second})
	l, m := c.leader(), c.other()
	require.Equal(t, Done, l.do(oneShot("ann", "job-7", "a")).Outcome)
	c.advance(200 * time.Millisecond)
	c.isolate(m.id)
	c.advance(6 * time.Second)
	require.Equal(t, CodeNotLeader, m.do(oneShot("ann", "job-7", "b")).Code)
	require.Equal(t, Done, l.do(oneShot("ann", "job-7", "b")).Outcome)
}

// The same with a command that says the same: where it stands in the log it is executed anew, and what the follower
// remembers would be the answer to another one. A leader may remember as much while the command is on its way.
func TestWhatANodeRemembersIsNoAnswerToACommandThatIsExecutedAnew(t *testing.T) {
	c := ready(t, 3, Rules{RequestAgeMax: 5 * time.Second})
	l, m := c.leader(), c.other()
	first := l.do(oneShot("ann", "job-7", "a"))
	require.Equal(t, Done, first.Outcome)
	c.advance(200 * time.Millisecond)
	c.isolate(m.id)
	c.advance(6 * time.Second)
	again := l.do(oneShot("ann", "job-7", "a"))
	require.Equal(t, Done, again.Outcome)
	require.Greater(t, again.Position, first.Position)
	require.Equal(t, CodeNotLeader, m.do(oneShot("ann", "job-7", "a")).Code)
}

// A script repeats its command, and whichever node it asks, it comes to the leader in the end.
func TestAOneShotCommandIsExecutedOnceWhoeverIsAskedAndHoweverOften(t *testing.T) {
	c := ready(t, 3, Rules{})
	l := c.leader()
	first := l.do(oneShot("ann", "job-7", "a"))
	require.Equal(t, Done, first.Outcome)
	require.Equal(t, "1:a", string(first.Reply))
	c.advance(200 * time.Millisecond)
	for _, m := range c.members {
		again, other := m.do(oneShot("ann", "job-7", "a")), m.do(oneShot("ann", "job-7", "b"))
		require.Equal(t, Refused, other.Outcome)
		if m == l {
			again.Ticket, again.Hint = first.Ticket, first.Hint
			require.Equal(t, first, again)
			require.Equal(t, CodeRequestConflict, other.Code)
		} else {
			require.Equal(t, CodeNotLeader, again.Code)
			require.Equal(t, CodeNotLeader, other.Code)
		}
		require.Equal(t, []string{"a"}, m.sm.lines)
	}
	// Also what reaches the log twice, and what was in it before a restart of all.
	one, two, three := oneShot("ann", "job-8", "b"), oneShot("ann", "job-8", "b"), oneShot("ann", "job-8", "c")
	one.Ticket, two.Ticket, three.Ticket = 1000, 1001, 1002
	l.step(one, two, three)
	c.until("answers", func() bool { _, ok := l.answer(1002); return ok })
	a, _ := l.answer(1000)
	b, _ := l.answer(1001)
	conflict, _ := l.answer(1002)
	b.Ticket = a.Ticket
	require.Equal(t, a, b)
	require.Equal(t, CodeRequestConflict, conflict.Code)
	for _, m := range c.members {
		m.crash(nil)
	}
	c.wire = nil
	c.startAll()
	c.until("a leader", func() bool { return c.leader() != nil && c.leader().node.applied >= raft.Index(a.Position) })
	again := c.leader().do(oneShot("ann", "job-8", "b"))
	require.Equal(t, a.Position, again.Position)
	require.Equal(t, a.Reply, again.Reply)
	c.agree()
	require.Equal(t, []string{"a", "b"}, c.leader().sm.lines)
}

func TestAOneShotCommandThatIsTooLongIsRefusedBeforeItEntersTheLog(t *testing.T) {
	c := ready(t, 1, Rules{RequestIDBytesMax: 4, PrincipalBytesMax: 4})
	m := c.leader()
	last := m.node.raft.LastIndex()
	require.Equal(t, CodeTooLarge, m.do(oneShot("ann", "12345", "a")).Code)
	require.Equal(t, CodeTooLarge, m.do(oneShot("annie", "1", "a")).Code)
	require.Equal(t, CodeTooLarge, m.do(oneShot("ann", "1", strings.Repeat("a", m.node.settings.Limits.CommandBytesMax+1))).Code)
	require.Equal(t, last, m.node.raft.LastIndex())
}

// Who is refused for want of room hears when there will be some, and by then there is, though nobody
// else wrote: the leader appends the time.
func TestRequestsExpireOnAnIdleClusterAndTheRefusedOneThenGoesThrough(t *testing.T) {
	c := ready(t, 3, Rules{RequestAgeMax: 3 * time.Second, RequestsPerPrincipalMax: 1})
	l := c.leader()
	require.Equal(t, Done, l.do(oneShot("ann", "1", "a")).Outcome)
	c.advance(time.Second)
	a := l.do(oneShot("ann", "2", "b"))
	require.Equal(t, Refused, a.Outcome)
	require.Equal(t, CodeRequestsFull, a.Code)
	require.Positive(t, a.RetryAfter)
	require.LessOrEqual(t, a.RetryAfter, 2*time.Second)
	c.advance(a.RetryAfter + 50*time.Millisecond)
	for _, m := range c.members {
		require.Zero(t, m.node.Status().Requests, "node %d", m.id)
	}
	require.Equal(t, Done, l.do(oneShot("ann", "2", "b")).Outcome)
	require.Equal(t, []string{"a", "b"}, l.sm.lines)
	c.agree()
}
