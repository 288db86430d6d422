package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"parley/cmd/bench/load"
	"parley/raft/host"
)

// tailOptions are the flags of bench tail.
type tailOptions struct {
	raftOptions
	count int
	rate  int
}

// tailLine is the line of bench tail: what the slowest thousandth of all writes had to wait for.
type tailLine struct {
	Bench    string  `json:"bench"`
	Callers  int     `json:"callers"`
	Payload  int     `json:"payload"`
	Sync     string  `json:"sync"`
	Seconds  float64 `json:"seconds"`
	OpsPerS  float64 `json:"ops_per_s"`
	Rate     int     `json:"rate_per_s"`
	P50      float64 `json:"p50_us"`
	P99      float64 `json:"p99_us"`
	P999     float64 `json:"p999_us"`
	Max      float64 `json:"max_us"`
	Slow     int     `json:"slow"`  // writes of at least P999
	Bursts   int     `json:"waits"` // stretches of time in which some were slow; one stall makes many slow at once
	Causes   []cause `json:"causes"`
	Cycles   int64   `json:"gc_cycles"`
	StopMax  float64 `json:"gc_stop_max_us"`
	GCCPU    float64 `json:"gc_cpus"`    // processors that collection used, assists included
	Assist   float64 `json:"gc_assists"` // and those of them that were goroutines with other work to do
	OtherCPU float64 `json:"other_cpus"`
}

// cause is what slow writes waited for.
type cause struct {
	What  string  `json:"what"`
	Slow  int     `json:"slow"`     // writes
	Part  float64 `json:"part"`     // of all slow ones
	Times int     `json:"times"`    // how often it was there at all, for long enough to be seen
	Worst float64 `json:"worst_us"` // the longest it lasted
}

func (t tailLine) line() string {
	s := fmt.Sprintf("tail  %d callers  %.0f of %d ops/s  p50 %.0f us  p99 %.0f us  p99.9 %.0f us  max %.0f us  slow %d at %d times  gc %d cycles, %.2f processors, stops to %.0f us  others %.2f",
		t.Callers, t.OpsPerS, t.Rate, t.P50, t.P99, t.P999, t.Max, t.Slow, t.Bursts, t.Cycles, t.GCCPU, t.StopMax, t.OtherCPU)
	for _, c := range t.Causes {
		s += fmt.Sprintf("\n  %-28s %5.1f %%  %6d writes; %d times, %.0f us at most", c.What, 100*c.Part, c.Slow, c.Times, c.Worst)
	}
	return s
}

func tailCommand(show reporter) *cobra.Command {
	var o tailOptions
	cmd := &cobra.Command{
		Use:   "tail",
		Short: "What the slowest thousandth of writes at half of the maximal load waits for",
		Long: `Runs a cluster as bench raft does, finds out how many writes a second callers reach as closed loops, and then
has half as many due each second, whatever became of those before: a burst every half millisecond, and a write's latency
runs from when it was due. Beside that it writes down when disks were slow, when the scheduler
was late and when the collector stopped everything, and says of which of these the slowest 0.1 % had most. Take a part
away to check what it says: GOGC=off, or --sync none.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.callers = []int{o.count}
			if err := o.check(); err != nil {
				return err
			}
			if o.rate < 0 {
				return errors.New("--rate must not be negative")
			}
			t, err := measureTail(cmd.Context(), o)
			if err != nil {
				return err
			}
			return show(t)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.count, "callers", 256, "writes that are under way at most")
	f.IntVar(&o.rate, "rate", 0, "writes a second; 0 is half of what as many closed loops reach")
	f.IntVar(&o.payload, "payload", 128, "bytes of a command")
	f.DurationVar(&o.measure, "for", 20*time.Second, "how long to measure")
	f.DurationVar(&o.warm, "warm", 2*time.Second, "how long to run closed loops before")
	o.addTo(f)
	f.BoolVar(&o.plain, "plain", false, "no client sessions, no state hash")
	o.op = "put"
	return cmd
}

// measureTail runs a cluster for one line.
func measureTail(ctx context.Context, o tailOptions) (tailLine, error) {
	dir, err := os.MkdirTemp(o.dir, "bench-tail-")
	if err != nil {
		return tailLine{}, err
	}
	defer os.RemoveAll(dir)
	w := &witness{disks: make([]stretches, o.nodes)}
	c := &benchCluster{options: o.clusterOptions, dir: dir, probe: w.probe}
	defer c.stop()
	if err := c.start(); err != nil {
		return tailLine{}, err
	}
	leader, err := c.leader(ctx)
	if err != nil {
		return tailLine{}, err
	}
	callers, err := openCallers(ctx, c.nodes[leader].host.Load(), o.raftOptions, o.count)
	if err != nil {
		return tailLine{}, err
	}
	say("%d nodes in %s, %d callers: closed loops first", o.nodes, dir, o.count)
	r, err := load.Run(ctx, callers, load.Plan{Warm: o.warm / 2, Measure: o.warm})
	if err != nil {
		return tailLine{}, err
	}
	t := tailLine{Bench: "tail", Callers: o.count, Payload: o.payload, Sync: o.sync, Rate: o.rate}
	if t.Rate == 0 {
		t.Rate = int(float64(r.Ops) / r.Seconds / 2)
	}
	say("they reach %.0f writes a second; now %d a second are due", float64(r.Ops)/r.Seconds, t.Rate)
	return t, t.measure(ctx, w, callers, o.measure)
}

// measure drives the callers at the pace, and fills in the line.
func (t *tailLine) measure(ctx context.Context, w *witness, callers []load.Caller, d time.Duration) error {
	spent, meter := readCollector(), load.ReadMeter()
	w.start()
	b := &bursts{callers: callers, perBurst: max(1, int(float64(t.Rate)*burstEvery.Seconds()+0.5)), late: w.beat}
	samples, err := b.run(ctx, w.begin, d)
	w.end()
	if err != nil {
		return err
	}
	if len(samples) == 0 {
		return errors.New("nothing was written")
	}
	now := readCollector()
	t.Seconds, t.OtherCPU = load.Round(d.Seconds(), 2), load.Round(load.ReadMeter().Others(meter), 2)
	t.OpsPerS = load.Round(float64(len(samples))/d.Seconds(), 1)
	t.Cycles = now.cycles - spent.cycles
	t.GCCPU = load.Round((now.total-spent.total)/d.Seconds(), 3)
	t.Assist = load.Round((now.assist-spent.assist)/d.Seconds(), 3)
	slices.SortFunc(samples, func(a, b burstWrite) int { return int(a.took - b.took) })
	at := func(part float64) float64 { return load.Micros(samples[int(part*float64(len(samples)-1))].took) }
	t.P50, t.P99, t.P999, t.Max = at(0.5), at(0.99), at(0.999), at(1)
	slow := samples[int(0.999*float64(len(samples)-1)):]
	t.Slow, t.Bursts = len(slow), len(waits(slow))
	t.Causes = w.explain(slow)
	for _, s := range w.stops.list {
		t.StopMax = max(t.StopMax, load.Micros(s.to-s.from))
	}
	return nil
}

// collector is what the garbage collector has used up to a moment.
type collector struct {
	cycles        int64
	total, assist float64 // seconds of a processor
}

func readCollector() collector {
	s := []metrics.Sample{{Name: "/gc/cycles/total:gc-cycles"}, {Name: "/cpu/classes/gc/total:cpu-seconds"}, {Name: "/cpu/classes/gc/mark/assist:cpu-seconds"}, {Name: "/cpu/classes/gc/mark/idle:cpu-seconds"}}
	metrics.Read(s)
	return collector{int64(s[0].Value.Uint64()), s[1].Value.Float64() - s[3].Value.Float64(), s[2].Value.Float64()}
}

// burstEvery is how often writes are due: as often as a timer of the kernel's can be waited for at little cost.
const burstEvery = 500 * time.Microsecond

// burstWrite is one write: when it was due, and how long after that it was done. Both without pointers, so that millions of
// them are no work for the collector that is looked at.
type burstWrite struct{ due, took time.Duration }

// bursts is an open loop: some writes are due every half millisecond.
type bursts struct {
	callers  []load.Caller
	perBurst int
	late     func(due, now time.Duration) // is told every beat
}

// run drives them for as long as asked and returns all writes that were done, in no order. Times count from begin.
func (b *bursts) run(ctx context.Context, begin time.Time, d time.Duration) ([]burstWrite, error) {
	m, err := newMetronome(burstEvery)
	if err != nil {
		return nil, err
	}
	defer m.close()
	due := make(chan time.Duration, backlogMax)
	each, failed := make([][]burstWrite, len(b.callers)), make([]error, len(b.callers))
	share := int(float64(b.perBurst)*d.Seconds()/burstEvery.Seconds())/len(b.callers)*2 + 64
	var run sync.WaitGroup
	for i, c := range b.callers {
		each[i] = make([]burstWrite, 0, share) // what grows is copied, and that takes time
		run.Go(func() {
			for at := range due {
				done, err := c.Do(ctx)
				if err != nil || !done {
					failed[i] = errors.Join(err, errors.New("a write was not done"))
					continue // the beat must not wait for anybody
				}
				each[i] = append(each[i], burstWrite{at, time.Since(begin) - at})
			}
		})
	}
	err = b.beat(ctx, m, begin, d, due)
	close(due)
	run.Wait()
	return slices.Concat(each...), errors.Join(append(failed, err)...)
}

// beat sends what is due. Each time is computed from the first, so that one that is told late does not move the others.
func (b *bursts) beat(ctx context.Context, m *metronome, begin time.Time, d time.Duration, due chan<- time.Duration) error {
	next := time.Since(begin) + burstEvery
	for end := next + d; next < end; {
		if err := errors.Join(m.wait(), ctx.Err()); err != nil {
			return err
		}
		now := time.Since(begin)
		for ; next <= now && next < end; next += burstEvery {
			b.late(next, now)
			for range b.perBurst {
				due <- next
			}
		}
	}
	return nil
}

// readStops returns the latest stops of the collector, as far as the runtime remembers them.
func readStops(begin time.Time) (list []stretch) {
	var s debug.GCStats
	debug.ReadGCStats(&s)
	for i, end := range s.PauseEnd {
		if at := end.Sub(begin); at > 0 {
			list = append(list, stretch{at - s.Pause[i], at})
		}
	}
	slices.Reverse(list)
	return list
}

// probe is what node i tells the witness of.
func (w *witness) probe(i int) host.Probe {
	return host.Probe{Batch: func(b host.Batch) { w.batch(i, b.Write+b.Sync) }}
}
