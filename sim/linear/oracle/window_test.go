package oracle

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/sim"
	"parley/sim/linear"
)

// runs returns the histories of some of the simulator's runs.
func runs(t *testing.T) []*linear.History {
	t.Helper()
	seeds := uint64(12)
	if testing.Short() {
		seeds = 4
	}
	var list []*linear.History
	for seed := uint64(1); seed <= seeds; seed++ {
		r := sim.Run(sim.Generate(seed, 10*time.Second), sim.Options{History: true})
		require.Nil(t, r.Violation, "seed %d", seed)
		list = append(list, r.History)
	}
	return list
}

// windowSize is what Porcupine is asked about at a time. It decides most windows in a millisecond.
const windowSize = 40

// What the simulator's witness and its checker accept in real runs Porcupine must accept as well. It has no
// time limit here: a search that does not end is a failure, not a pass.
func TestPorcupineAcceptsEveryWindowOfRealRuns(t *testing.T) {
	operations, windows := 0, 0
	for k, h := range runs(t) {
		require.Nil(t, linear.Check(h))
		for _, w := range Windows(h, windowSize) {
			require.Equal(t, Linearizable, w.Search(0), "seed %d, window from %d:\n%s", k+1, w.From, tell(w.History))
			operations += len(w.History.Operations)
			windows++
		}
	}
	t.Logf("%d operations in %d windows", operations, windows)
	require.Greater(t, windows, 10)
	require.Greater(t, operations, 500)
}

// If windows did not bite, the test above would show nothing: a page of a real run that lacks its newest message, of
// a write that was acknowledged before the read, must be refused by the checker, and by Porcupine in the
// smallest window around it.
func TestAMessageThatARealReadMissesIsFoundByAllAndThePictureShowsIt(t *testing.T) {
	found := 0
	for _, h := range runs(t) {
		at := missOne(h)
		if at < 0 {
			continue
		}
		v := linear.Check(h)
		require.NotNil(t, v)
		require.Equal(t, at, v.Operation)
		w, verdict := Around(h, v, 0)
		require.Equal(t, Unlinearizable, verdict)
		require.Less(t, len(w.History.Operations), reachMax)
		page, verdict, err := w.Draw(h, v, 0)
		require.NoError(t, err)
		require.Equal(t, Unlinearizable, verdict)
		require.Contains(t, string(page), "prefers-color-scheme: dark")
		require.Contains(t, string(page), "#general")
		require.Less(t, len(page), 400_000)
		found++
	}
	require.Positive(t, found)
}

// missOne takes the newest message from a page that was asked for after its write had been acknowledged, and
// returns which read that was.
func missOne(h *linear.History) int {
	acknowledged := map[raft.Position]int64{}
	for i := range h.Operations {
		if o := &h.Operations[i]; o.Kind == linear.Append && o.Outcome == linear.Done {
			acknowledged[o.Position] = o.Return
		}
	}
	for i := range h.Operations {
		o := &h.Operations[i]
		if o.Kind != linear.Read || o.Stale || o.More || len(o.Entries) == 0 {
			continue
		}
		n := len(o.Entries) - 1
		if answered, ok := acknowledged[o.Entries[n].Position]; ok && answered < o.Call {
			o.Entries = o.Entries[:n:n]
			return i
		}
	}
	return -1
}

// A wrong claim is no wrong answer: the picture's reader must be told which it is.
func TestAWrongOrderAndAWrongAnswerAreToldApart(t *testing.T) {
	h := &linear.History{Objects: []string{"#general"}, Operations: []linear.Operation{
		{Kind: linear.Append, Outcome: linear.Done, Call: 1, Return: 2, Position: 5, ID: 1},
		{Kind: linear.Append, Outcome: linear.Done, Call: 3, Return: 4, Position: 7, ID: 2},
		{Kind: linear.Read, Outcome: linear.Done, Call: 5, Return: 6, Position: 6, Limit: 9, Entries: []linear.Entry{{Position: 5, ID: 1}, {Position: 7, ID: 2}}},
	}}
	v := linear.Check(h)
	require.NotNil(t, v)
	_, verdict := Around(h, v, 0)
	require.Equal(t, Linearizable, verdict)
	h.Operations[2].Entries = h.Operations[2].Entries[:1]
	v = linear.Check(h)
	require.NotNil(t, v)
	w, verdict := Around(h, v, 0)
	require.Equal(t, Unlinearizable, verdict)
	require.Len(t, w.History.Operations, 3)
}

// A search that runs out of time has found nothing, and nobody may take it for a yes.
func TestASearchThatRunsOutOfTimeIsUndecided(t *testing.T) {
	h := &linear.History{Objects: []string{"#general"}}
	for i := range 40 { // all at once, in an order that the last answers forbid
		h.Operations = append(h.Operations, linear.Operation{Kind: linear.Look, Outcome: linear.Done, Call: 1, Return: 1000, Client: int32(i)})
		h.Operations = append(h.Operations, linear.Operation{Kind: linear.Acquire, Outcome: linear.Unknown, Call: 1, Client: int32(i), Position: raft.Position(i + 1), TTL: 1})
	}
	h.Operations = append(h.Operations, linear.Operation{Kind: linear.Look, Outcome: linear.Done, Call: 2000, Return: 3000, Told: 99})
	require.Equal(t, Undecided, Whole(h).Search(time.Millisecond))
	require.NotEqual(t, Verdict(0), Linearizable)
}
