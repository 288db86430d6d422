package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"parley/cmd/bench/load"
	"parley/cmd/bench/peers/bare"
)

// simOptions are the flags of peers sim.
type simOptions struct {
	rounds int
	ops    float64
	json   bool
}

// simulated is what a turn of either says: bench sim has more fields.
type simulated struct {
	Peer        string  `json:"peer"`
	Rounds      int     `json:"rounds"`
	HoursPerMin float64 `json:"simulated_h_per_cpu_min"`
	Least       float64 `json:"simulated_h_per_cpu_min_min,omitempty"`
	Most        float64 `json:"simulated_h_per_cpu_min_max,omitempty"`
	EventsPerS  float64 `json:"events_per_cpu_s"`
	NsPerEvent  float64 `json:"ns_per_event"`
	EventsPer   float64 `json:"events_per_simulated_s"`
	Allocs      float64 `json:"allocs_per_event"`
	Ratio       float64 `json:"ratio_to_bare,omitempty"`
}

// simCommand measures Parley's simulator in turn with a bare loop, so that a slow minute of the machine is one of both.
func simCommand() *cobra.Command {
	var o simOptions
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Measure Parley's simulator beside a bare loop around five nodes of etcd-io/raft",
		Long: `The bare loop has no disk, no faults, no clients, no judges and no encoding: nodes with etcd's default timeouts, whose
messages all arrive in order. It is a ceiling, and says how fast the machine is in this minute. Turns alternate, one core each.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.IntVar(&o.rounds, "rounds", 15, "turns of each")
	f.Float64Var(&o.ops, "ops", 10, "operations a simulated second")
	f.BoolVar(&o.json, "json", false, "print JSON, one object a line")
	return cmd
}

func (o simOptions) run(ctx context.Context) error {
	if o.rounds < 1 || o.ops <= 0 {
		return errors.New("--rounds and --ops must be positive")
	}
	program, clean, err := (&run{parley: []string{"sim"}}).build(ctx)
	if err != nil {
		return err
	}
	defer clean()
	runtime.GOMAXPROCS(1)
	var loops, parleys []simulated
	for round := range o.rounds {
		l, err := measureBare(o.ops)
		if err != nil {
			return err
		}
		p, err := measureParley(ctx, program, o.ops)
		if err != nil {
			return err
		}
		say("round %d: bare %.1f, parley %.2f simulated hours a minute", round+1, l.HoursPerMin, p.HoursPerMin)
		loops, parleys = append(loops, l), append(parleys, p)
	}
	b, p := medianOf("bare etcd-raft", loops), medianOf("parley", parleys)
	p.Ratio = load.Round(p.HoursPerMin/b.HoursPerMin, 3)
	return errors.Join(o.print(b), o.print(p))
}

// measureBare runs the bare loop for some seconds, with a leader from the beginning.
func measureBare(ops float64) (s simulated, err error) {
	const long = 3 * time.Hour
	l, err := bare.New()
	if err == nil {
		err = l.Run(time.Minute, ops)
	}
	if err != nil {
		return s, err
	}
	runtime.GC()
	before, first := load.TakeUsage(), l.Events
	if err := l.Run(long, ops); err != nil {
		return s, err
	}
	after := load.TakeUsage()
	cpu, events := (after.CPU - before.CPU).Seconds(), float64(l.Events-first)
	s.HoursPerMin = load.Round(long.Hours()*60/cpu, 3)
	s.EventsPerS, s.NsPerEvent = load.Round(events/cpu, 0), load.Round(cpu*1e9/events, 0)
	s.EventsPer = load.Round(events/long.Seconds(), 1)
	s.Allocs = load.Round(float64(after.Mallocs-before.Mallocs)/events, 2)
	return s, nil
}

// measureParley is one round of bench sim, in a process of its own.
func measureParley(ctx context.Context, program string, ops float64) (s simulated, err error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, program, "sim", "--ops", strconv.FormatFloat(ops, 'g', -1, 64), "--rounds", "1", "--json")
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return s, fmt.Errorf("bench sim: %w", err)
	}
	return s, json.Unmarshal(out.Bytes(), &s)
}

// medianOf is the turns' median of every number by itself.
func medianOf(name string, turns []simulated) simulated {
	median := func(field func(simulated) float64) float64 {
		var all []float64
		for _, t := range turns {
			all = append(all, field(t))
		}
		slices.Sort(all)
		return load.Round((all[(len(all)-1)/2]+all[len(all)/2])/2, 3)
	}
	hours := func(s simulated) float64 { return s.HoursPerMin }
	return simulated{
		Peer: name, Rounds: len(turns),
		HoursPerMin: median(hours),
		Least:       hours(slices.MinFunc(turns, byHours)), Most: hours(slices.MaxFunc(turns, byHours)),
		EventsPerS: median(func(s simulated) float64 { return s.EventsPerS }),
		NsPerEvent: median(func(s simulated) float64 { return s.NsPerEvent }),
		EventsPer:  median(func(s simulated) float64 { return s.EventsPer }),
		Allocs:     median(func(s simulated) float64 { return s.Allocs }),
	}
}

func byHours(a, b simulated) int { return cmp.Compare(a.HoursPerMin, b.HoursPerMin) }

func (o simOptions) print(s simulated) error {
	if o.json {
		return json.NewEncoder(os.Stdout).Encode(s)
	}
	beside := ""
	if s.Ratio > 0 {
		beside = fmt.Sprintf("  %.3f of the bare loop", s.Ratio)
	}
	_, err := fmt.Printf("%-14s %.2f simulated hours a minute (%.2f to %.2f)  %.0f events/s of one core  %.0f ns/event  %.0f events a simulated second  %.1f allocs/event  rounds %d%s\n",
		s.Peer, s.HoursPerMin, s.Least, s.Most, s.EventsPerS, s.NsPerEvent, s.EventsPer, s.Allocs, s.Rounds, beside)
	return err
}
