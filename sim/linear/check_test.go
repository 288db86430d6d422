package linear

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// ops builds histories: operation k is called at 10k and answered at 10k+5, unless it says otherwise.
type ops []Operation

func (list ops) check(t *testing.T) *Violation {
	t.Helper()
	h := &History{Operations: slices.Clone(list), Objects: []string{"#general"}}
	for i := range h.Operations {
		o := &h.Operations[i]
		if o.Call == 0 {
			o.Call = int64(10 * i)
		}
		if o.Outcome == Done && o.Return == 0 {
			o.Return = o.Call + 5
		}
	}
	return Check(h)
}

func wrote(id uint64, at raft.Position) Operation {
	return Operation{Kind: Append, Outcome: Done, ID: id, Position: at}
}

func lost(id uint64, at raft.Position) Operation {
	return Operation{Kind: Append, ID: id, Position: at}
}

func read(at, after raft.Position, limit int32, more bool, list ...Entry) Operation {
	return Operation{Kind: Read, Outcome: Done, Position: at, After: after, Limit: limit, More: more, Entries: list}
}

func (o Operation) during(call, end int64) Operation {
	o.Call, o.Return = call, end
	return o
}

func (o Operation) stale() Operation {
	o.Stale = true
	return o
}

func acquire(at raft.Position, now raft.LogTime, owner int32, granted bool, told raft.Position) Operation {
	return Operation{Kind: Acquire, Outcome: Done, Position: at, Time: now, Owner: owner, TTL: 100, Granted: granted, Told: told}
}

func withFence(k Kind, at raft.Position, now raft.LogTime, owner int32, fence raft.Position, granted bool) Operation {
	return Operation{Kind: k, Outcome: Done, Position: at, Time: now, Owner: owner, Fence: fence, TTL: 100, Granted: granted}
}

func look(at raft.Position, now raft.LogTime, told raft.Position) Operation {
	return Operation{Kind: Look, Outcome: Done, Position: at, Time: now, Told: told}
}

// What a stale read, a lost write, a write out of turn and two holders of one lock look like must be refused
// by name, not only by chance.
func TestKnownAnomaliesAreRefusedWithTheirReason(t *testing.T) {
	a, b := Entry{1, 1}, Entry{2, 2}
	for _, c := range []struct {
		name    string
		history ops
		rule    Rule
		reason  string
	}{
		{"a read that misses an acknowledged write", ops{wrote(1, 1), read(0, 0, 9, false)},
			InTime, "Operation 2 of client 0 (read #general: the newest 9) took effect at position 0; when it was called, Operation 1 of client 0 (append 1 to #general) had been answered, of position 1."},
		{"two reads that see time run backwards", ops{wrote(1, 1).during(1, 100), read(1, 0, 9, false, a), read(0, 0, 9, false)},
			InTime, "had been answered, of position 1."},
		{"a later write that stands before an earlier one", ops{wrote(1, 2), wrote(2, 1)}, InTime, ""},
		{"an unanswered write that stands before what was known when it was called", ops{wrote(1, 2), lost(2, 1)}, InTime, ""},
		{"an unanswered write that a page shows before what was known when it was called",
			ops{wrote(2, 2), lost(1, 0), read(2, 0, 9, false, a, b)}, InTime, ""},
		{"a page without a message that its log has", ops{wrote(1, 1), wrote(2, 2), read(2, 0, 9, false, a)},
			Explained, "shows 1 at 1, and the log has 1 at 1, 2 at 2."},
		{"a page in another order than the log", ops{wrote(1, 1), wrote(2, 2), read(2, 0, 9, false, b, a)}, Explained, ""},
		{"a page from the future", ops{wrote(1, 1), wrote(2, 2).during(10, 100), read(1, 0, 9, false, a, b).during(20, 30)}, Explained, ""},
		{"a page with the oldest messages instead of the newest", ops{wrote(1, 1), wrote(2, 2), read(2, 0, 1, true, a)}, Explained, ""},
		{"a page with the newest messages instead of those that follow", ops{wrote(1, 1), wrote(2, 2), wrote(3, 3), read(3, 1, 1, true, Entry{3, 3})}, Explained, ""},
		{"a page that hides that there is more", ops{wrote(1, 1), wrote(2, 2), read(2, 0, 1, false, b)}, Explained, "shows 2 at 2, and the log has 2 at 2, and more."},
		{"a page with a message that nobody sent", ops{wrote(1, 1), read(2, 0, 9, false, a, b)}, Explained, ""},
		{"a stale page that was never true", ops{wrote(1, 1), wrote(2, 2), read(2, 0, 9, false, b).stale()}, Explained, ""},
		{"one message in two places", ops{wrote(1, 1), wrote(1, 2)}, Once, "took effect at position 1 and again at position 2."},
		{"two messages in one place", ops{wrote(1, 1), wrote(2, 1)}, Once, "both took effect at position 1."},
		{"a refused write that took effect", ops{{Kind: Append, Outcome: Refused, ID: 1, Position: 1}}, Once, "was refused and took effect at position 1."},
		{"an answer without a position", ops{wrote(1, 0)}, Complete, "has an answer without a position."},
		{"an answer before its call", ops{wrote(1, 1).during(9, 8)}, Complete, "has its answer before its call."},
		{"a lock with two holders", ops{acquire(1, 10, 1, true, 1), acquire(2, 20, 2, true, 2)},
			Explained, "is told granted under 2, and it was held under 1 for 90ns."},
		{"a lock that is held for nobody", ops{acquire(1, 10, 1, false, 7)}, Explained, "is told held under 7, and it was granted under 1 for 100ns."},
		{"a lock that outlives its deadline", ops{acquire(1, 10, 1, true, 1), acquire(2, 110, 2, false, 1)}, Explained, ""},
		{"a lock that ends before its deadline", ops{acquire(1, 10, 1, true, 1), acquire(2, 109, 2, true, 2)}, Explained, ""},
		{"a holder that renews too late", ops{acquire(1, 10, 1, true, 1), withFence(Renew, 2, 110, 1, 1, true)}, Explained, "is told done, and it was not held under this fence."},
		{"a former holder that releases the next one's lock", ops{acquire(1, 10, 1, true, 1), withFence(Release, 2, 20, 1, 1, true), acquire(3, 30, 2, true, 3), withFence(Release, 4, 40, 1, 1, true)}, Explained, ""},
		{"a fence in another's hands", ops{acquire(1, 10, 1, true, 1), withFence(Renew, 2, 20, 2, 1, true)}, Explained, ""},
		{"a lock that another breaks", ops{acquire(1, 10, 1, true, 1), withFence(Break, 2, 20, 2, 0, true)}, Explained, ""},
		{"a lock that is seen where it was given back", ops{acquire(1, 10, 1, true, 1), withFence(Release, 2, 20, 1, 1, true), look(2, 20, 1)}, Explained, "is told held under 1, and it was free."},
		{"a lock whose time left is another", ops{acquire(1, 10, 1, true, 1), {Kind: Look, Outcome: Done, Position: 1, Time: 10, Told: 1, Left: 99}}, Explained, ""},
		{"log time that falls", ops{acquire(1, 10, 1, true, 1), acquire(2, 9, 2, false, 1)}, Explained, "is of log time 9, and position 1 was of log time 10."},
		{"one position of two log times", ops{acquire(1, 10, 1, true, 1), look(1, 11, 1)}, Explained, ""},
		{"a lock that a term's beginning gives no time", ops{acquire(1, 10, 1, true, 1), {Kind: TermStart, Position: 2, Before: 100, Time: 105}, acquire(3, 200, 2, true, 3)}, Explained, ""},
		{"a lock that a term's beginning brings back", ops{acquire(1, 10, 1, true, 1), {Kind: TermStart, Position: 2, Before: 110, Time: 110}, acquire(3, 120, 2, false, 1)}, Explained, ""},
	} {
		v := c.history.check(t)
		require.NotNil(t, v, c.name)
		require.Equal(t, c.rule, v.Rule, "%s: %s", c.name, v.Reason)
		require.Contains(t, v.Error(), c.reason, c.name)
	}
}

// A judge that cries wolf is switched off: what may happen must be accepted.
func TestWhatMayHappenIsAccepted(t *testing.T) {
	a, b := Entry{1, 1}, Entry{2, 2}
	for _, c := range []struct {
		name    string
		history ops
	}{
		{"nothing", nil},
		{"a page of an empty log", ops{read(0, 0, 9, false)}},
		{"writes in another order than they were called", ops{wrote(1, 2).during(1, 100), wrote(2, 1).during(2, 50)}},
		{"a page that shows a write before its answer", ops{wrote(1, 1).during(1, 100), read(1, 0, 9, false, a)}},
		{"a page that misses a write under way", ops{wrote(1, 1).during(1, 100), read(0, 0, 9, false)}},
		{"instants that are equal, which say nothing", ops{wrote(1, 1).during(1, 10), read(0, 0, 9, false).during(10, 11)}},
		{"a write without an answer that took effect late", ops{lost(1, 2), wrote(2, 1), read(2, 0, 9, false, Entry{1, 2}, Entry{2, 1})}},
		{"a write without an answer that nobody saw", ops{lost(1, 0), read(5, 0, 9, false)}},
		{"a write without an answer that a page shows", ops{lost(1, 0), read(5, 0, 9, false, a)}},
		{"a write without an answer that another sender got the answer to", ops{lost(1, 0), wrote(2, 2), wrote(1, 1)}},
		{"a refused write", ops{{Kind: Append, Outcome: Refused, ID: 1}, read(5, 0, 9, false)}},
		{"a command that was sent again, much later", ops{wrote(1, 1), wrote(2, 2), wrote(1, 1), read(2, 0, 9, false, a, b)}},
		{"a stale page, later than what it misses", ops{wrote(1, 1), wrote(2, 2), read(1, 0, 9, false, a).stale()}},
		{"the newest page, and the page that follows", ops{wrote(1, 1), wrote(2, 2), read(2, 0, 1, true, b), read(2, 1, 1, false, b), read(2, 2, 1, false)}},
		{"a lock from hand to hand", ops{acquire(1, 10, 1, true, 1), acquire(2, 20, 2, false, 1), withFence(Release, 3, 30, 1, 1, true),
			acquire(4, 40, 2, true, 4), withFence(Renew, 5, 130, 2, 4, true), acquire(6, 229, 1, false, 4), acquire(7, 230, 1, true, 7)}},
		{"a lock that its owner asks for again", ops{acquire(1, 10, 1, true, 1), {Kind: Acquire, Outcome: Done, Position: 2, Time: 60, Owner: 1, Fence: 1, TTL: 100, Granted: true, Told: 1, Left: 50}}},
		{"a lock that its owner breaks", ops{acquire(1, 10, 1, true, 1), withFence(Break, 2, 20, 1, 0, true), look(2, 20, 0)}},
		{"a renewal for as long as before", ops{acquire(1, 10, 1, true, 1), {Kind: Renew, Outcome: Done, Position: 2, Time: 60, Owner: 1, Fence: 1, Granted: true}, look(2, 60, 1), acquire(3, 159, 2, false, 1)}},
		{"a lock that a term's beginning gives its whole time", ops{acquire(1, 10, 1, true, 1), {Kind: TermStart, Position: 2, Before: 109, Time: 150}, acquire(3, 249, 2, false, 1), acquire(4, 250, 2, true, 4)}},
		{"a grant without an answer that stands in another's way", ops{{Kind: Acquire, Position: 1, Time: 10, Owner: 1, TTL: 100}, acquire(2, 20, 2, false, 1)}},
	} {
		require.Nil(t, c.history.check(t), c.name)
	}
}

// Whoever reads a verdict sees these words and nothing else of the history.
func TestOperationsAreToldInWords(t *testing.T) {
	h := &History{Objects: []string{"#general"}}
	for _, c := range []struct {
		o    Operation
		want string
	}{
		{wrote(7, 3), "append 7 to #general → at 3"},
		{lost(7, 3), "append 7 to #general → no answer; at 3"},
		{lost(7, 0), "append 7 to #general → no answer"},
		{Operation{Kind: Append, ID: 7, Outcome: Refused}, "append 7 to #general → refused"},
		{read(9, 0, 5, false), "read #general: the newest 5 → at 9: nothing"},
		{read(9, 2, 1, true, Entry{3, 7}).stale(), "read #general: 1 behind position 2, of any age → at 9: 7 at 3, and more"},
		{Operation{Kind: Acquire, Object: 1, Outcome: Done, Position: 4, TTL: time.Second, Granted: true, Told: 4}, "acquire object 1 for 1s → at 4: granted under 4"},
		{withFence(Release, 5, 0, 0, 4, false), "release #general under 4 → at 5: not held under this fence"},
		{withFence(Break, 5, 0, 0, 0, true), "break #general → at 5: done"},
		{look(5, 0, 0), "look at #general → at 5: free"},
		{Operation{Kind: TermStart, Position: 6, Before: 1, Time: 2}, "a term begins → at 6: log time 2 behind 1"},
	} {
		require.Equal(t, c.want, h.Question(&c.o)+" → "+h.Answer(&c.o))
	}
	for r := Complete; r <= InTime; r++ {
		require.NotContains(t, r.String(), "rule")
	}
}

// busy is a history of many clients at once, as an honest service would leave it: each operation takes effect at a
// random instant between its call and its answer. One in fifty has no answer, and half of those no effect.
func busy(operations, clients int) *History {
	const channels, locks = 8, 100
	rng := rand.New(rand.NewPCG(1, 2))
	free := make([]int64, clients)
	logs := make([]chat, channels)
	held := make([]lock, locks)
	h := &History{Operations: make([]Operation, 0, operations)}
	arena := make([]Entry, 0, 4*operations)
	at, now := raft.Position(0), int64(1_000_000)
	for len(h.Operations) < operations {
		now += 10
		c := rng.IntN(clients)
		if free[c] >= now {
			continue
		}
		o := Operation{Client: int32(c), Owner: int32(c), Outcome: Done, Call: max(free[c]+1, now-rng.Int64N(5000)), Return: now + 1 + rng.Int64N(5000), Time: raft.LogTime(now)}
		free[c] = o.Return
		fate := rng.IntN(100)
		if what := rng.IntN(100); what < 40 {
			o.Kind, o.Object, o.ID = Append, rng.Int32N(channels), uint64(len(h.Operations)+1)
		} else if what < 80 {
			o.Kind, o.Object, o.Limit, o.Position, o.Time = Read, rng.Int32N(channels), 1+rng.Int32N(10), at, 0
			if n := len(logs[o.Object].log); n > 0 && what < 60 {
				o.After = logs[o.Object].log[max(0, n-1-rng.IntN(20))].Position
			}
			page, more := logs[o.Object].page(o.After, int(o.Limit))
			from := len(arena)
			arena = append(arena, page...)
			o.Entries, o.More = arena[from:len(arena):len(arena)], more
		} else {
			o.Kind, o.Object, o.TTL = Acquire+Kind(rng.IntN(3)), channels+rng.Int32N(locks), 20000
			o.Fence = held[o.Object-channels].fence
			if o.Kind == Acquire {
				o.Fence = 0
			}
		}
		if o.Kind.writes() && fate != 0 {
			at++
			o.Position = at
			switch l := &o; {
			case o.Kind == Append:
				logs[o.Object].log = append(logs[o.Object].log, Entry{at, o.ID})
			default:
				answer := held[o.Object-channels].step(l, at)
				o.Granted = answer.granted
				if o.Kind == Acquire {
					o.Told = answer.told
				}
			}
		}
		if fate < 2 {
			o.Outcome, o.Return, o.Entries, o.More, o.Granted, o.Told = Unknown, 0, nil, false, false, 0
		}
		h.Operations = append(h.Operations, o)
	}
	slices.SortFunc(h.Operations, func(a, b Operation) int { return int(a.Call - b.Call) })
	return h
}

// The benchmark measures acceptance, so it must be accepted; and a single wrong page among a hundred thousand
// operations must not be.
func TestABusyHistoryIsAcceptedAndOneWrongAnswerInItIsNot(t *testing.T) {
	h := busy(100_000, 300)
	require.Nil(t, Check(h))
	for i := len(h.Operations) / 2; ; i++ {
		if o := &h.Operations[i]; o.Kind == Read && len(o.Entries) > 1 {
			o.Entries = slices.Clone(o.Entries[1:])
			v := Check(h)
			require.NotNil(t, v)
			require.Equal(t, i, v.Operation)
			return
		}
	}
}

// BenchmarkMillionOperations checks a million operations of a thousand clients. Bytes are the history's own, and
// what the check takes besides.
func BenchmarkMillionOperations(b *testing.B) {
	var before, built, checked runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	h := busy(1_000_000, 1000)
	runtime.GC()
	runtime.ReadMemStats(&built)
	for b.Loop() {
		if v := Check(h); v != nil {
			b.Fatal(v)
		}
	}
	runtime.ReadMemStats(&checked)
	b.ReportMetric(float64(built.HeapAlloc-before.HeapAlloc), "history-bytes")
	b.ReportMetric(float64(checked.TotalAlloc-built.TotalAlloc)/float64(b.N), "check-bytes")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(h.Operations)), "ns/operation")
	runtime.KeepAlive(h)
}
