package main

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/bench/load"
)

// Other people's scripts read these fields, of Parley and of its peers alike.
func TestEveryPeerMeasuresSomethingAndPrintsTheFieldsThatScriptsRead(t *testing.T) {
	for _, p := range peers {
		for _, op := range []string{"put", "read", "lock"} {
			if op == "lock" && p.name != "etcd" || op == "read" && p.start == nil {
				continue
			}
			t.Run(p.name+" "+op, func(t *testing.T) {
				o := options{
					callers: 4, payload: 64, op: op, measure: 200 * time.Millisecond, warm: 100 * time.Millisecond,
					dir: t.TempDir(), streams: 20, rate: 50,
				}
				require.NoError(t, o.check())
				out, err := p.measure(context.Background(), o)
				require.NoError(t, err)
				b, err := json.Marshal(out)
				require.NoError(t, err)
				var fields turn
				require.NoError(t, json.Unmarshal(b, &fields))
				for _, f := range []string{
					"bench", "peer", "op", "callers", "payload", "ops_per_s", "p50_us", "p99_us", "p999_us", "cpu_s_per_10k",
					"allocs_per_op", "sync", "disk_sync_p50_us", "syncs_per_s", "errors", "transport", "other_cpus",
				} {
					require.Contains(t, fields, f)
				}
				require.Positive(t, fields.number("ops_per_s"))
				require.Zero(t, fields.number("errors"))
				if op == "put" && fields["sync"] != "none" {
					require.Positive(t, fields.number("syncs_per_s"), "a write that is not synced is no write")
				}
			})
		}
	}
}

func turnOf(ops, others float64) turn {
	return turn{"peer": "x", "op": "put", "ops_per_s": ops, "other_cpus": others}
}

// Who looks at a figure before he discards it measures his own wishes.
func TestATurnIsKeptOrDiscardedByWhatOthersUsedAlone(t *testing.T) {
	var s subject
	for _, ops := range []float64{0, 1, 1e9} {
		require.True(t, s.judge(turnOf(ops, 0.35), 0.35))
		require.False(t, s.judge(turnOf(ops, 0.36), 0.35))
	}
	require.Len(t, s.kept, 3)
	require.Equal(t, 3, s.discarded)
}

func TestTheMedianIsOfEveryNumberByItselfAndOfKeptTurnsAlone(t *testing.T) {
	var s subject
	for _, ops := range []float64{30, 10, 20} {
		s.judge(turnOf(ops, 0.1), 0.35)
	}
	s.judge(turnOf(1000, 2), 0.35)
	m := s.median()
	require.Equal(t, 20.0, m.number("ops_per_s"))
	require.Equal(t, 10.0, m.number("ops_per_s_min"))
	require.Equal(t, 30.0, m.number("ops_per_s_max"))
	require.Equal(t, 3.0, m.number("rounds"))
	require.Equal(t, 1.0, m.number("discarded"))
	require.Equal(t, "put", m["op"])
	s.judge(turnOf(40, 0), 0.35)
	require.Equal(t, 25.0, s.median().number("ops_per_s"), "of four it lies between the two in the middle")
}

// A line of figures of which none counts would be read as a result.
func TestAPeerOfWhichNothingWasKeptIsAnErrorAndNoLine(t *testing.T) {
	r := run{json: true}
	s := &subject{name: "x", callers: 7, discarded: 2}
	require.ErrorContains(t, r.report([]*subject{s}), "x, 7 callers: all of 2 turns were discarded")
}

func TestFlagsThatMakeNoSenseAreRefusedWithTheWayOut(t *testing.T) {
	good := run{options: options{payload: 128, op: "put", streams: 1, rate: 1}, counts: []int{1}, rounds: 1, peers: []string{"etcd"}}
	require.NoError(t, good.check())
	for want, change := range map[string]func(*run){
		"--callers must be at least 1": func(r *run) { r.counts = []int{0} },
		"--payload must be at least 8": func(r *run) { r.payload = 7 },
		"it can be put, read or lock":  func(r *run) { r.op = "delete" },
		"--rounds must be at least 1":  func(r *run) { r.rounds = 0 },
		"--peer is \"zookeeper\"":      func(r *run) { r.peers = []string{"zookeeper"} },
	} {
		r := good
		change(&r)
		require.ErrorContains(t, r.check(), want)
	}
}

func TestAllArePeersWithLocksWhenLocksAreAskedFor(t *testing.T) {
	r := run{options: options{payload: 128, op: "lock", streams: 1, rate: 1}, counts: []int{1}, rounds: 1, peers: []string{"all"}}
	require.NoError(t, r.check())
	require.Equal(t, []string{"etcd"}, r.peers)
}

// A median of every bar by itself would be a picture of no run.
func TestTheHistogramOfSeveralTurnsHasAllTheirLatencies(t *testing.T) {
	var s subject
	for _, printed := range []string{
		`{"ops_per_s":1,"histogram":[{"to_us":128,"count":3},{"to_us":256,"count":1}]}`,
		`{"ops_per_s":3,"histogram":[{"to_us":256,"count":2},{"to_us":512,"count":1}]}`,
	} {
		var got turn
		require.NoError(t, json.Unmarshal([]byte(printed), &got))
		s.kept = append(s.kept, got)
	}
	m := s.median()
	require.Equal(t, 2.0, m.number("ops_per_s"))
	require.Equal(t, []load.Bar{{Micros: 128, Count: 3}, {Micros: 256, Count: 3}, {Micros: 512, Count: 1}}, m["histogram"])
}

// hashicorp/raft once waited for itself in the end of a turn; a run would have waited with it for ever.
func TestATurnThatDoesNotEndIsKilledAndSaysSo(t *testing.T) {
	s := subject{name: "x", program: "sleep", args: []string{"3600"}}
	_, err := s.turn(context.Background(), time.Millisecond)
	require.ErrorIs(t, err, errStuck)
	s = subject{name: "x", program: "false"}
	_, err = s.turn(context.Background(), time.Minute)
	require.Error(t, err)
	require.NotErrorIs(t, err, errStuck, "one that fails by itself does not count as that")
}

// A ratio between a loop that did nothing and a simulator is no comparison.
func TestTheBareLoopAndTheSimulatorAreComparedByTheSameFields(t *testing.T) {
	b, err := measureBare(10)
	require.NoError(t, err)
	require.Positive(t, b.HoursPerMin)
	require.Greater(t, b.EventsPer, 100.0, "five nodes tick, four answer heartbeats and commands")
	m := medianOf("x", []simulated{{HoursPerMin: 1}, {HoursPerMin: 9}, {HoursPerMin: 2}})
	require.Equal(t, simulated{Peer: "x", Rounds: 3, HoursPerMin: 2, Least: 1, Most: 9}, m)

	var parley simulated
	program, clean, err := (&run{parley: []string{"sim"}}).build(t.Context())
	require.NoError(t, err)
	defer clean()
	parley, err = measureParley(t.Context(), program, 10)
	require.NoError(t, err)
	require.Positive(t, parley.HoursPerMin)
	require.Positive(t, parley.EventsPer)
}
