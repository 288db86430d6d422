package sim

import (
	"hash/crc32"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// planted is a violation that some plans meet: after every event it looks at the world, as a bug
// of the code under test would show.
type planted struct {
	name  string
	least int // lines that the story takes
	look  func(w *World)
}

// plantedBugs take several lines each, so that taking out one at a time is not enough.
var plantedBugs = []planted{
	{"a later leader commits while a node is down", 7, func(w *World) {
		down := 0
		for _, s := range w.servers {
			if !s.up && s.crashes > 0 {
				down++
			}
		}
		if c := w.judges.logs.committed; len(c) > 6 && c[len(c)-1].at == w.now && c[len(c)-1].term > 2 && down > 0 && w.answered() > 0 {
			w.violate(Durability, "Entry %d was committed at the wrong moment.", len(c))
		}
	}},
	{"an answer that is lost for good behind a restart", 7, func(w *World) {
		crashes := uint64(0)
		for _, s := range w.servers {
			crashes += s.crashes
		}
		if crashes >= 2 && len(w.operations) > 3 {
			w.operations[3].ended = false
		}
	}},
}

// run is Run with the planted violation.
func (b *planted) run(p *Plan, stopAt uint64) *Result {
	w := newWorld(p, Options{StopAt: stopAt})
	w.disturb = func() uint64 {
		b.look(w)
		return 0
	}
	w.runGuarded(false)
	return w.result()
}

func (b *planted) try(plans []*Plan, stopAt uint64, wanted func(*Result) bool) (int, *Result) {
	for i, p := range plans {
		if r := b.run(p, stopAt); wanted(r) {
			return i, r
		}
	}
	return -1, nil
}

// findPlan returns the plan of the first seed that meets the planted violation.
func (b *planted) findPlan(t *testing.T) *Plan {
	for seed := range uint64(300) {
		if p := Generate(seed, 8*time.Second); len(p.Faults) > 4 && b.run(p, 0).Violation != nil {
			return p
		}
	}
	require.Fail(t, "no seed meets it")
	return nil
}

// The whole promise: at most ten lines, each of them needed, and the text of them replays to the same invariant.
// The code under test is sound, so that without what was planted the plan must pass: it accuses nobody else.
func TestAPlantedViolationShrinksToAFewLinesAllOfWhichItTakes(t *testing.T) {
	for _, b := range plantedBugs {
		t.Run(b.name, func(t *testing.T) {
			p := b.findPlan(t)
			s, err := Shrink(p, ShrinkOptions{Try: b.try})
			require.NoError(t, err)
			require.True(t, s.Minimal)
			t.Logf("%d runs\n%s", s.Runs, s.Format())

			again, err := Parse(s.Format())
			require.NoError(t, err)
			r := b.run(again, 0)
			require.NotNil(t, r.Violation)
			require.Equal(t, s.Before.Violation.Invariant, r.Violation.Invariant)
			require.Equal(t, s.After.Hash, r.Hash)
			require.Nil(t, Run(again, Options{}).Violation)

			before, after := s.Lines()
			require.Equal(t, strings.Count(p.Format(), "\n"), before)
			require.LessOrEqual(t, after, 10)
			require.GreaterOrEqual(t, after, b.least)
			require.Less(t, s.After.Deliveries, s.Before.Deliveries)
			b.requireMinimal(t, s)
		})
	}
}

// requireMinimal takes out each line of the text that a plan can do without, and none may be superfluous.
func (b *planted) requireMinimal(t *testing.T, s *Shrunk) {
	lines := strings.SplitAfter(s.Plan.Format(), "\n")
	for i, line := range lines[:len(lines)-1] {
		p, err := Parse(strings.Join(slices.Delete(slices.Clone(lines), i, i+1), ""))
		if err != nil {
			continue // the world can't run without it
		}
		if r := b.run(p, 0); r.Violation != nil {
			require.NotEqual(t, s.After.Violation.Invariant, r.Violation.Invariant, "superfluous: %s", line)
		}
	}
}

// What is pending when the time is over accuses a node only if it had the time. A shrunk plan that heals and
// ends in the same moment would break liveness and say nothing.
func TestAPlanThatBreaksLivenessIsShrunkToOneThatGrantsTheTimeToFinish(t *testing.T) {
	b := plantedBugs[1]
	p := b.findPlan(t)
	s, err := Shrink(p, ShrinkOptions{Try: b.try})
	require.NoError(t, err)
	require.Equal(t, Liveness, s.After.Violation.Invariant)
	require.GreaterOrEqual(t, s.Plan.Duration-s.Plan.Heal, min(livenessMin, p.Duration-p.Heal))
	for _, f := range s.Plan.Faults {
		require.Less(t, f.At, s.Plan.Heal, "%s", &f)
	}
}

// Two people who shrink the same seed must talk about the same plan, however many processors they have.
func TestTheShrunkPlanIsTheSameHoweverTheTrialGoesAboutIt(t *testing.T) {
	t.Parallel() // one thread does it
	b := plantedBugs[0]
	p := b.findPlan(t)
	once, err := Shrink(p, ShrinkOptions{Try: b.try})
	require.NoError(t, err)
	again, err := Shrink(p, ShrinkOptions{Try: func(plans []*Plan, stopAt uint64, wanted func(*Result) bool) (first int, found *Result) {
		for i := 0; i < len(plans); i += 2 {
			for j := min(i+1, len(plans)-1); j >= i; j-- { // the later of two first, as if its processor were faster
				if r := b.run(plans[j], stopAt); wanted(r) {
					first, found = j, r
				}
			}
			if found != nil {
				return first, found
			}
		}
		return -1, nil
	}})
	require.NoError(t, err)
	require.Equal(t, once.Format(), again.Format())
	require.Equal(t, once.After.Hash, again.After.Hash)
}

// Whoever has little time gets the smallest plan so far, and is told that it is not the end.
func TestAShrinkThatIsEndedHasAPlanThatStillBreaksAndSaysSo(t *testing.T) {
	b := plantedBugs[0]
	p := b.findPlan(t)
	check := func(s *Shrunk, err error) {
		require.NoError(t, err)
		require.False(t, s.Minimal)
		require.Contains(t, s.Format(), "ended before it was done")
		again, err := Parse(s.Format())
		require.NoError(t, err)
		require.Equal(t, s.Before.Violation.Invariant, b.run(again, 0).Verdict())
	}
	for _, runs := range []int{1, 2, 7, 30} {
		s, err := Shrink(p, ShrinkOptions{Try: b.try, Runs: runs})
		check(s, err)
		require.LessOrEqual(t, s.Runs, runs)
	}
	asked := 0
	check(Shrink(p, ShrinkOptions{Try: b.try, Over: func() bool { asked++; return asked > 20 }}))
}

func TestWhereNoJudgeSpeaksThereIsNothingToShrink(t *testing.T) {
	_, err := Shrink(Generate(1, 2*time.Second), ShrinkOptions{})
	require.ErrorIs(t, err, ErrNothingBreaks)
	_, err = Shrink(&Plan{}, ShrinkOptions{})
	require.ErrorContains(t, err, "plan")
}

// Another panic, or the same verdict about something else that a plan was to lose, is not the same bug.
func TestAPanicIsTheSameOnlyIfItSaysTheSame(t *testing.T) {
	result := func(invariant, reason string) *Result {
		return &Result{Violation: &Violation{Invariant: invariant, Reason: reason}}
	}
	s := &shrinker{Shrunk: Shrunk{Was: &Plan{}, Before: result(Panicked, "commit 7 beyond last 6")}}
	require.True(t, s.sameAs(result(Panicked, "commit 12 beyond last 11")))
	require.False(t, s.sameAs(result(Panicked, "index out of range [3]")))
	require.False(t, s.sameAs(result(Liveness, "commit 7 beyond last 6")))
	require.False(t, s.sameAs(&Result{}))
	s.Before = result(Liveness, "After 5s of good times 1 things are not done")
	require.True(t, s.sameAs(result(Liveness, "other words")))
}

// Edits that undid each other would shrink for ever. Whatever will do and whatever won't, it ends: here the answer
// is drawn for every text. All proposals must be plans that can be run, and fair.
func TestShrinkingEndsWhateverTheTrialSays(t *testing.T) {
	t.Parallel() // one thread does it
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64Range(0, 5000).Draw(t, "seed")
		salt := rapid.StringN(0, 4, -1).Draw(t, "salt")
		parts := rapid.Uint32Range(1, 12).Draw(t, "one of so many will do")
		late := rapid.Bool().Draw(t, "judged at the end")
		p := Generate(seed, 20*time.Second)
		p.Faults, p.Clients = p.Faults[:min(len(p.Faults), 4)], p.Clients[:min(len(p.Clients), 2)]
		runs := 0
		s, err := Shrink(p, ShrinkOptions{Try: func(plans []*Plan, _ uint64, wanted func(*Result) bool) (int, *Result) {
			for i, c := range plans {
				require.NoError(t, c.check())
				if runs++; runs > 1 && crc32.ChecksumIEEE([]byte(salt+c.Format()))%parts != 0 {
					continue
				}
				r := &Result{Violation: &Violation{Invariant: Liveness, At: c.Duration}}
				if !late {
					r.Violation.Invariant, r.Violation.At = Durability, c.Duration*2/3
				}
				if wanted(r) {
					return i, r
				}
			}
			return -1, nil
		}, Runs: 200_000})
		require.NoError(t, err)
		require.True(t, s.Minimal, "after %d runs", s.Runs)
		require.GreaterOrEqual(t, s.Plan.Duration-s.Plan.Heal, livenessMin)
		if parts == 1 { // everything will do: what is left is the frame
			require.LessOrEqual(t, strings.Count(s.Plan.Format(), "\n"), 6)
			require.Equal(t, 1, s.Plan.Nodes)
		}
	})
}

// A node that is taken out takes what is said of it along, and all others keep their parts.
func TestTakingOutANodeRenumbersWhatIsBehindIt(t *testing.T) {
	p, err := Parse(`parley plan 1
nodes 4
spares 1
old 2,3
duration 9s
heal 5s core=1,3,4
rest 2 deaf
node election=250ms heartbeat=50ms segment=16384 loop=0s
clock 2 ppm=5 wall=0s
clock 4 ppm=7 wall=0s
client every=40ms pipeline=2 read=1000 stale=0 text=64 patience=2s timeout=1s quit=0 anywhere=yes at=3
fault at=1s isolate node=2 for=1s
fault at=1s isolate node=4 for=1s
fault at=1s split side=2 for=1s
fault at=1s split side=1,2,3 for=1s
fault at=1s oneway from=1 to=2 for=1s
fault at=1s oneway from=4 to=1 for=1s
fault at=2s pause node=5 for=1s
`)
	require.NoError(t, err)
	p.removeNode(2)
	require.Equal(t, `parley plan 1
nodes 3
spares 1
old 2
duration 9s
heal 5s core=1,2,3
node election=250ms heartbeat=50ms segment=16384 loop=0s
clock 3 ppm=7 wall=0s
client every=40ms pipeline=2 read=1000 stale=0 text=64 patience=2s timeout=1s quit=0 anywhere=yes at=2
fault at=1s isolate node=3 for=1s
fault at=1s split side=1,2 for=1s
fault at=1s oneway from=3 to=1 for=1s
fault at=2s pause node=4 for=1s
`, p.Format())
	p.renumber()
	require.Contains(t, p.Format(), `clock 1 ppm=7 wall=0s
client every=40ms pipeline=2 read=1000 stale=0 text=64 patience=2s timeout=1s quit=0 anywhere=yes at=3
fault at=1s isolate node=1 for=1s
fault at=1s split side=2,3 for=1s
fault at=1s oneway from=1 to=2 for=1s
fault at=2s pause node=4 for=1s
`)
	text := p.Format()
	p.renumber()
	require.Equal(t, text, p.Format())
}
