package load

import (
	"context"
	"encoding/binary"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A Caller does one operation at a time: its next one begins when the last one was answered, or when a pace says so.
type Caller interface {
	// Do does one operation. One that is not done counts as an error, and the loop goes on: what the caller does
	// next, say repeat it, is its own affair. An error is final for the loop.
	Do(ctx context.Context) (done bool, err error)
}

// A Rester is a caller that has something to do between two operations which does not count.
type Rester interface {
	// Rest is called behind every Do. An error is final for the loop.
	Rest(ctx context.Context) error
}

// Plan is how long to drive callers.
type Plan struct {
	Warm    time.Duration
	Measure time.Duration
	// Begin is called when it has been warm, and returns what is called when it was measured. It resets and reads
	// what is counted elsewhere, and profiles.
	Begin func() (end func(), err error)
	// Pace is how many operations a second become due, of all callers together; latencies count from then. 0: each
	// caller's next operation begins when its last one was answered.
	Pace int
	// Stretch is called with every stretch of the measurement as long as Every, if that is not 0.
	Every   time.Duration
	Stretch func(Stretch)
}

// Result is what came of a run.
type Result struct {
	Ops     int
	Errors  int
	Took    Histogram
	Seconds float64
	CPU     time.Duration // of this process
	Mallocs uint64
	Others  float64 // processors that everything else on the machine used
}

// loop is a caller and what it measured. A thousand of them take turns, so that each is to touch little memory: the
// last latencies wait in one line of cache until they are counted together.
type loop struct {
	caller Caller
	pace   *pacer
	all    *tally
	recent [32]uint16 // buckets
	n      int
	failed int
	err    error
}

// tally is what all loops measured together.
type tally struct {
	mu   sync.Mutex
	took Histogram
}

// copy is what was measured so far, but for what the loops did not count together yet.
func (t *tally) copy() Histogram {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.took
}

// add counts what a loop has.
func (t *tally) add(l *loop) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range l.recent[:l.n] {
		t.took.counts[b]++
	}
	t.took.total += uint64(l.n)
	l.n = 0
}

// Run drives all callers until the plan ends.
func Run(ctx context.Context, callers []Caller, p Plan) (Result, error) {
	run, cancel := context.WithCancel(ctx)
	defer cancel()
	var measuring atomic.Bool
	var all sync.WaitGroup
	var took tally
	pace := newPacer(p.Pace)
	loops := make([]*loop, len(callers))
	for i, c := range callers {
		l := &loop{caller: c, pace: pace, all: &took}
		loops[i] = l
		all.Go(func() { l.run(run, &measuring) })
	}
	r, err := p.measure(ctx, &measuring, &took)
	cancel()
	all.Wait()
	for _, l := range loops {
		took.add(l)
		r.Errors += l.failed
		err = errors.Join(err, l.err)
	}
	r.Took, r.Ops = took.took, took.took.Count()
	return r, err
}

// measure lets the loops run, and says between which moments they count.
func (p *Plan) measure(ctx context.Context, measuring *atomic.Bool, took *tally) (r Result, err error) {
	if err := Pause(ctx, p.Warm); err != nil {
		return r, err
	}
	if p.Begin != nil {
		end, err := p.Begin()
		if err != nil {
			return r, err
		}
		defer end()
	}
	before, meter := TakeUsage(), ReadMeter()
	measuring.Store(true)
	err = p.pauseInStretches(ctx, &stretches{all: took, begin: before.At, before: before})
	measuring.Store(false)
	after := TakeUsage()
	r.Seconds = after.At.Sub(before.At).Seconds()
	r.CPU, r.Mallocs = after.CPU-before.CPU, after.Mallocs-before.Mallocs
	r.Others = ReadMeter().Others(meter)
	return r, err
}

func (l *loop) run(ctx context.Context, measuring *atomic.Bool) {
	rester, rests := l.caller.(Rester)
	// A context of its own, as every request of a server has: one for all would be one lock for all.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next, stop := l.pace.turns()
	defer stop()
	for ctx.Err() == nil {
		start := next(ctx)
		done, err := l.caller.Do(ctx)
		took := time.Since(start)
		switch {
		case ctx.Err() != nil:
			return // what the end of the run cut off says nothing
		case err != nil:
			l.err = err
		case !measuring.Load():
		case !done:
			l.failed++
		default:
			l.recent[l.n] = uint16(bucketOf(uint64(max(took, 0))))
			if l.n++; l.n == len(l.recent) {
				l.all.add(l)
			}
		}
		if rests && l.err == nil {
			if err := rester.Rest(ctx); ctx.Err() == nil {
				l.err = err
			}
		}
		if l.err != nil {
			return
		}
	}
}

// KeyLen is the bytes of a key.
const KeyLen = 8

// AppendPut appends a command of some bytes: a key, and a value that fills the rest.
func AppendPut(dst []byte, key uint64, payload int) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, key)
	for len(dst) < payload {
		from := len(dst) % len(filling)
		dst = append(dst, filling[from:from+min(payload-len(dst), len(filling)-from)]...)
	}
	return dst
}

// filling is what a value is made of.
var filling = func() (f [256]byte) {
	for i := range f {
		f[i] = byte(i)
	}
	return f
}()

// Usage is what the process has used up to a moment.
type Usage struct {
	At      time.Time
	CPU     time.Duration
	Mallocs uint64
}

// TakeUsage looks at it now.
func TakeUsage() Usage {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	cpu := ownCPU()
	return Usage{At: time.Now(), CPU: cpu, Mallocs: m.Mallocs}
}

// ownCPU is the processor time of this process.
func ownCPU() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r) // fails only for a bad argument
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// Pause waits, unless the context ends first.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
