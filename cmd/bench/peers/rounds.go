package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"parley/cmd/bench/load"
)

// run is what one call of the command measures.
type run struct {
	options
	peers       []string
	counts      []int // of callers
	rounds      int
	foreignMax  float64
	discardsMax int
	parley      []string
	each        bool
	json        bool
}

// subject is one of those that take turns, with a number of callers.
type subject struct {
	name      string
	args      []string // of the process that measures it
	program   string
	callers   int
	ours      bool // it is Parley
	kept      []turn
	discarded int
}

// turn is what one process measured: the fields of its JSON.
type turn map[string]any

func (t turn) number(field string) float64 { v, _ := t[field].(float64); return v }

// bars are the turn's histogram.
func (t turn) bars() (bars []load.Bar) {
	list, _ := t["histogram"].([]any)
	for _, v := range list {
		bar, _ := v.(map[string]any)
		bars = append(bars, load.Bar{Micros: uint64(turn(bar).number("to_us")), Count: uint64(turn(bar).number("count"))})
	}
	return bars
}

func (r *run) all(ctx context.Context) error {
	if err := r.check(); err != nil {
		return err
	}
	parley, clean, err := r.build(ctx)
	if err != nil {
		return err
	}
	defer clean()
	var failed []error
	for _, callers := range r.counts {
		subjects, err := r.subjects(callers, parley)
		if err != nil {
			return err
		}
		if err := r.turns(ctx, subjects); err != nil {
			return err
		}
		failed = append(failed, r.report(subjects))
	}
	return errors.Join(failed...)
}

func (r *run) check() error {
	if r.rounds < 1 || r.discardsMax < 0 || len(r.counts) == 0 {
		return errors.New("--rounds must be at least 1, --discards-max at least 0, and --callers needs a number")
	}
	if err := r.options.check(); err != nil {
		return err
	}
	if slices.Contains(r.peers, "all") {
		r.peers = peerNames()
		if r.op == "lock" {
			r.peers = []string{"etcd"}
		}
	}
	for _, name := range r.peers {
		if name == "none" {
			continue
		}
		p, err := peerOf(name)
		if err != nil {
			return err
		}
		if err := p.takes(slices.Min(r.counts)); err != nil {
			return err
		}
	}
	return nil
}

// build builds cmd/bench of the tree that this module stands in, with that tree's own versions of everything.
func (r *run) build(ctx context.Context) (program string, clean func(), err error) {
	if len(r.parley) == 0 {
		return "", func() {}, nil
	}
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "parley").Output()
	if err != nil {
		return "", nil, fmt.Errorf("where is Parley? run this with go -C cmd/bench/peers run . : %w", err)
	}
	dir, err := os.MkdirTemp("", "bench-parley-")
	if err != nil {
		return "", nil, err
	}
	program = filepath.Join(dir, "bench")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/bench")
	cmd.Dir, cmd.Stderr = strings.TrimSpace(string(root)), os.Stderr
	if err := cmd.Run(); err != nil {
		return "", nil, errors.Join(err, os.RemoveAll(dir))
	}
	return program, func() { _ = os.RemoveAll(dir) }, nil
}

// subjects lists those that take turns with a number of callers.
func (r *run) subjects(callers int, parley string) (list []*subject, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(r.dir)
	if err != nil {
		return nil, err
	}
	common := []string{
		"--callers", strconv.Itoa(callers), "--payload", strconv.Itoa(r.payload), "--op", r.op,
		"--for", r.measure.String(), "--warm", r.warm.String(), "--dir", dir,
	}
	common = append(common, r.shape.Args()...)
	for _, name := range r.peers {
		if name == "none" || name == fanoutPeer && callers != r.counts[0] { // it has streams instead: once is enough
			continue
		}
		args := append([]string{
			"point", "--peer", name, "--connections", strconv.Itoa(r.connections),
			"--streams", strconv.Itoa(r.streams), "--rate", strconv.Itoa(r.rate),
		}, common...)
		if r.one {
			args = append(args, "--one")
		}
		if r.profile != "" {
			args = append(args, "--cpuprofile", r.profile+"."+name)
		}
		list = append(list, &subject{name: name, program: self, args: args, callers: callers})
	}
	for _, words := range r.parley {
		if strings.TrimSpace(words) == "" {
			return nil, errors.New("--with-parley needs a word: raft or service")
		}
		fields := strings.Fields(words)
		args := slices.Concat(fields[:1], common, fields[1:], []string{"--json"}) // of a flag that comes twice the last one counts
		list = append(list, &subject{name: "parley " + words, program: parley, args: args, callers: callers, ours: true})
	}
	return list, nil
}

// turns goes round until everybody has enough turns that count.
func (r *run) turns(ctx context.Context, subjects []*subject) error {
	for {
		waiting := false
		for _, s := range subjects {
			if len(s.kept) == r.rounds || s.discarded > r.discardsMax {
				continue
			}
			waiting = true
			t, err := s.turn(ctx, r.warm+r.measure+stuckAfter)
			if errors.Is(err, errStuck) {
				s.discarded++
				say("%-24s %5d callers: still running %v after its end: killed, and discarded", s.name, s.callers, stuckAfter)
				continue
			}
			if err != nil {
				return fmt.Errorf("%s, %d callers: %w", s.name, s.callers, err)
			}
			quiet := s.judge(t, r.foreignMax)
			say("%-24s %5d callers  %9.0f ops/s  p50 %7.0f us  others used %.2f processors%s",
				s.name, s.callers, t.number("ops_per_s"), t.number("p50_us"), t.number("other_cpus"), discardedWord(quiet))
			if r.each {
				t["kept"] = quiet
				if err := r.print(t, s.name); err != nil {
					return err
				}
			}
		}
		if !waiting {
			return nil
		}
	}
}

func discardedWord(quiet bool) string {
	if quiet {
		return ""
	}
	return ": discarded"
}

// stuckAfter is how much longer than it measures a turn may take: to begin, to elect, to make a thousand sessions, to end.
const stuckAfter = time.Minute

var errStuck = errors.New("the turn does not end")

// turn measures once, in a process of its own, which has so long.
func (s *subject) turn(ctx context.Context, patience time.Duration) (turn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errStuck)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.program, s.args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it removes its directories, then
	cmd.WaitDelay = 10 * time.Second
	before := load.ReadMeter()
	if err := cmd.Run(); err != nil {
		if context.Cause(ctx) == errStuck {
			err = errStuck
		}
		return nil, err
	}
	var t turn
	if err := json.Unmarshal(out.Bytes(), &t); err != nil {
		return nil, fmt.Errorf("%q is no point: %w", out.String(), err)
	}
	if _, ok := t["other_cpus"]; !ok { // it does not say: all of its life, then, instead of the stretch that counts
		after := load.ReadMeter()
		after.Own += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
		t["other_cpus"] = load.Round(after.Others(before), 2)
	}
	t["peer"] = s.name
	return t, nil
}

// judge keeps a turn or discards it, and looks at nothing but what others did meanwhile.
func (s *subject) judge(t turn, foreignMax float64) bool {
	if t.number("other_cpus") > foreignMax {
		s.discarded++
		return false
	}
	s.kept = append(s.kept, t)
	return true
}

// report prints a line for each subject. The error names those of whom nothing was kept.
func (r *run) report(subjects []*subject) (err error) {
	best := 0.0
	speeds := map[string]float64{}
	for _, s := range subjects {
		if s.ours || len(s.kept) == 0 {
			continue
		}
		speeds[s.name] = s.median().number("ops_per_s")
		if s.kept[0]["sync"] != "none" { // a ceiling is no peer
			best = max(best, speeds[s.name])
		}
	}
	for _, s := range subjects {
		if len(s.kept) == 0 {
			err = errors.Join(err, fmt.Errorf("%s, %d callers: all of %d turns were discarded; --foreign-max is the bound", s.name, s.callers, s.discarded))
			continue
		}
		m := s.median()
		if s.ours && best > 0 {
			m["ratio_to_best_peer"] = load.Round(m.number("ops_per_s")/best, 3)
		}
		for name, speed := range speeds {
			if s.ours && speed > 0 {
				m["ratio_to_"+name] = load.Round(m.number("ops_per_s")/speed, 3)
			}
		}
		err = errors.Join(err, r.print(m, s.name))
	}
	return err
}

// median is the turns' median of every number by itself, and what they have in common otherwise.
func (s *subject) median() turn {
	m := turn{"rounds": float64(len(s.kept)), "discarded": float64(s.discarded)}
	if len(s.kept) == 0 {
		return m
	}
	var speeds []float64
	for _, t := range s.kept {
		speeds = append(speeds, t.number("ops_per_s"))
	}
	m["ops_per_s_min"], m["ops_per_s_max"] = slices.Min(speeds), slices.Max(speeds)
	for field, value := range s.kept[0] {
		if field == "histogram" {
			m[field] = s.histogram()
			continue
		}
		if _, ok := value.(float64); !ok {
			if field != "kept" {
				m[field] = value
			}
			continue
		}
		var all []float64
		for _, t := range s.kept {
			all = append(all, t.number(field))
		}
		slices.Sort(all)
		m[field] = load.Round((all[(len(all)-1)/2]+all[len(all)/2])/2, 3)
	}
	return m
}

// histogram is all turns' latencies together.
func (s *subject) histogram() (sum []load.Bar) {
	for _, t := range s.kept {
		sum = load.AddBars(sum, t.bars())
	}
	return sum
}

func (r *run) print(t turn, name string) error {
	b, err := json.Marshal(t)
	if err != nil {
		return err
	}
	if r.json {
		_, err := fmt.Println(string(b))
		return err
	}
	var p load.Point
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	_, err = fmt.Printf("%-24s %s  rounds %.0f, %.0f discarded\n", name, p.Line(), t.number("rounds"), t.number("discarded"))
	return err
}
