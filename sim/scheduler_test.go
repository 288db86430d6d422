package sim

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
)

// finished runs a plan and returns its world, to look into.
func finished(t *testing.T, p *Plan) *World {
	w := newWorld(p, Options{})
	w.runGuarded(true)
	require.Nil(t, w.violation, "%+v", w.violation)
	return w
}

// scheduled is a quiet plan of three nodes that write all the time.
func scheduled(seed uint64, s SchedulerPlan) *Plan {
	p := crashPlan(seed, Fault{At: time.Millisecond, Kind: Jump, Node: 1})
	p.Scheduler = s
	p.Clients = append(p.Clients, p.Clients[0], p.Clients[0])
	for i := range p.Clients {
		p.Clients[i].Every = 10 * time.Millisecond
	}
	return p
}

// A scheduler that no seed draws, or that decides nothing where it is drawn, would find nothing.
func TestEverySchedulerIsDrawnAndDecides(t *testing.T) {
	drawn := map[SchedulerKind]int{}
	for seed := range uint64(40) {
		drawn[Generate(seed, 10*time.Second).Scheduler.Kind]++
	}
	for kind, name := range schedulerNames {
		require.NotZero(t, drawn[SchedulerKind(kind)], name)
		again, ok := SchedulerNamed(name)
		require.True(t, ok)
		require.Equal(t, SchedulerKind(kind), again)
	}
	uniform := Run(GenerateFor(7, 10*time.Second, SchedulerUniform), Options{})
	require.Zero(t, uniform.Cover.PutOff+uniform.Cover.Delayed)
	priority := Run(GenerateFor(7, 10*time.Second, SchedulerPriority), Options{})
	require.NotZero(t, priority.Cover.PutOff)
	require.Zero(t, priority.Cover.Delayed)
	delays := Run(GenerateFor(7, 10*time.Second, SchedulerDelays), Options{})
	require.NotZero(t, delays.Cover.Delayed)
	require.Zero(t, delays.Cover.PutOff)
}

// What a scheduler decides is part of the plan like everything else.
func TestTheSameSeedRunsAlikeUnderEveryScheduler(t *testing.T) {
	for kind := range schedulerNames {
		for seed := range uint64(5) {
			p := GenerateFor(seed, 10*time.Second, SchedulerKind(kind))
			again, err := Parse(p.Format())
			require.NoError(t, err)
			require.Equal(t, p, again)
			require.Equal(t, Run(p, Options{}).Hash, Run(again, Options{}).Hash, "seed %d, %s", seed, SchedulerKind(kind))
		}
	}
}

// PCT finds what takes one slow actor, by starving one; and nobody starves for so long that timeouts lose
// their meaning.
func TestTheLowestPriorityStarvesAndNeverForLongerThanItsBound(t *testing.T) {
	const wait = 40 * time.Millisecond
	for seed := range uint64(10) {
		w := finished(t, scheduled(seed, SchedulerPlan{Kind: SchedulerPriority, Window: 5 * time.Millisecond, Wait: wait}))
		// Those that always have something to do: the nodes and clients.
		var highest, lowest *actor
		n := w.plan.servers()
		for i := range w.scheduler.actors {
			a := &w.scheduler.actors[i]
			require.LessOrEqual(t, a.longest, int64(wait))
			require.Empty(t, a.queue)
			if i < n || i >= n+n*n {
				if lowest == nil || a.priority < lowest.priority {
					lowest = a
				}
				if highest == nil || a.priority > highest.priority {
					highest = a
				}
			}
		}
		t.Logf("seed %d: of the highest %d of %d waited, of the lowest %d of %d, for up to %s",
			seed, highest.waited, highest.turns, lowest.waited, lowest.turns, time.Duration(lowest.longest))
		require.Greater(t, lowest.waited*highest.turns, highest.waited*lowest.turns, "seed %d", seed)
	}
}

// The paper's change points: a priority falls at so many turns, below all that never fell.
func TestAtEachPointAPriorityFallsBelowAllOthers(t *testing.T) {
	w := finished(t, scheduled(1, SchedulerPlan{Kind: SchedulerPriority, Points: 4, Within: 500, Window: time.Millisecond, Wait: 20 * time.Millisecond}))
	require.Empty(t, w.scheduler.points)
	fallen := 0
	for i := range w.scheduler.actors {
		if w.scheduler.actors[i].priority < pointsMax {
			fallen++
		}
	}
	require.NotZero(t, fallen)
	require.LessOrEqual(t, fallen, 4)
}

// The bound is what makes a delay-bounded run a small departure from a known order.
func TestADelayBoundedSchedulerDelaysAtMostSoOften(t *testing.T) {
	for _, k := range []int64{0, 1, 7} {
		for _, fifo := range []bool{false, true} {
			p := scheduled(3, SchedulerPlan{Kind: SchedulerDelays, Points: k, Within: 300, Wait: 50 * time.Millisecond})
			p.Link.FIFO = fifo
			w := finished(t, p)
			require.Equal(t, uint64(k), w.cover.Delayed, "the run is long enough for all of them")
		}
	}
	p := scheduled(3, SchedulerPlan{Kind: SchedulerDelays, Points: 7, Within: 1 << 40, Wait: 50 * time.Millisecond})
	require.Zero(t, finished(t, p).cover.Delayed, "none of them is reached")
}

// A scheduler moves what happens to one actor, never past what came before: a connection that keeps order
// would not be one otherwise, and streams would have gaps that no node made.
func TestWhatIsPutOffStaysInOrder(t *testing.T) {
	t.Parallel() // one thread does it
	for kind := SchedulerPriority; int(kind) < len(schedulerNames); kind++ {
		for seed := range uint64(2) {
			p := scheduled(seed, SchedulerPlan{Kind: kind, Points: 50, Within: 2000, Window: 2 * time.Millisecond, Wait: 30 * time.Millisecond})
			p.Link.FIFO = true
			var rec Recording
			r := Run(p, Options{Record: &rec})
			require.Nil(t, r.Violation)
			require.NotZero(t, r.Cover.PutOff+r.Cover.Delayed)
			type lane struct {
				kind     laneKind
				from, to raft.NodeID
			}
			last := map[lane]uint64{}
			for _, m := range rec.Messages {
				if m.Fate == FateArrived || m.Fate == FateMissed {
					l := lane{laneOf(m.Kind), m.From, m.To}
					require.Greater(t, m.Arrived, last[l], "%s, seed %d: a message from %d to %d overtook another", kind, seed, m.From, m.To)
					last[l] = m.Arrived
				}
			}
		}
	}
}

// Whose turn is at the same instant goes in the order in which the turns were set, or a run would hang on how the list is kept.
func TestThoseWhoWaitStandInTheOrderOfTheirTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s scheduler
		var want []waits
		for place := range rapid.IntRange(0, 60).Draw(t, "n") {
			who, free := waits{until: int64(rapid.IntRange(0, 8).Draw(t, "until")), place: place}, len(s.waits)
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0: // the first has his turn, and waits on
				if free == 0 {
					continue
				}
				who.place, free = want[0].place, 0
				want = want[1:]
			default:
				s.waits = append(s.waits, waits{})
			}
			s.wait(free, who)
			want = append(want, who)
			slices.SortStableFunc(want, func(a, b waits) int { return cmp.Compare(a.until, b.until) })
			require.Equal(t, want, s.waits)
		}
	})
}

// In good times nobody may be put off: what is pending then must finish.
func TestTheLivenessPhaseIsFair(t *testing.T) {
	for seed := range uint64(5) {
		p := GenerateFor(seed, 20*time.Second, SchedulerPriority)
		w := newWorld(p, Options{})
		healed := false
		last := uint64(0)
		w.disturb = func() uint64 {
			if w.healed && !healed {
				healed, last = true, w.cover.PutOff
			}
			return 0
		}
		w.runGuarded(true)
		require.Nil(t, w.violation)
		require.True(t, healed)
		require.NotZero(t, last)
		require.Equal(t, last, w.cover.PutOff)
	}
}

func TestASchedulerThatCannotBeFollowedIsNamed(t *testing.T) {
	good := GenerateFor(1, time.Minute, SchedulerUniform).Format()
	for _, c := range []struct{ line, want string }{
		{"scheduler fair", "unknown word"},
		{"scheduler uniform wait=1s", "needs nothing"},
		{"scheduler priority points=3 wait=1s", "within="},
		{"scheduler priority points=3 within=10", "wait="},
		{"scheduler delay-bounded wait=60s", "wait="},
		{"scheduler delay-bounded points=5000 within=9 wait=1s", "0 to 1000"},
	} {
		_, err := Parse(good + c.line + "\n")
		require.ErrorContains(t, err, c.want, c.line)
	}
}
