package main

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/bench/load"

	"parley/raft/node"
)

// TestMain runs a node of a benchmark in this program, if that is what it was started for.
func TestMain(m *testing.M) {
	if os.Getenv(memberEnv) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// What stands behind the figures: the follower missed what the others compacted, so that only a snapshot can
// help it, and has their state afterwards.
func TestAFollowerThatMissedWhatWasCompactedCatchesUpBySnapshot(t *testing.T) {
	o := catchupOptions{
		clusterOptions: clusterOptions{
			nodes: 3, dir: t.TempDir(), transport: "tcp", sync: "none", rules: node.Rules{SnapshotBytes: 1 << 20},
		},
		entries: 40_000, payload: 128, keys: 5_000, clients: 64, rate: 1_000,
		baseline: 50 * time.Millisecond, after: 50 * time.Millisecond, rounds: 1,
	}
	require.NoError(t, o.check())
	rounds := 0
	require.NoError(t, measureCatchup(context.Background(), o, func(c catchup) error {
		rounds++
		require.Equal(t, rounds, c.Round)
		require.GreaterOrEqual(t, c.Entries, o.entries)
		require.Positive(t, c.FillMade)
		require.Greater(t, c.SnapshotBytes, int64(5_000*100), "nearly every key was written")
		require.Greater(t, uint64(c.SnapshotEntry), uint64(o.entries)/2)
		require.Positive(t, c.Before.Writes)
		require.Positive(t, c.After.Writes)
		require.NotEmpty(t, c.line())

		b, err := json.Marshal(c)
		require.NoError(t, err)
		var fields map[string]any
		require.NoError(t, json.Unmarshal(b, &fields))
		for _, f := range []string{
			"bench", "round", "entries", "payload", "clients", "rate_per_s", "sync", "snapshot_bytes", "catchup_s",
			"before", "making", "during", "start", "fetch", "load", "log", "after", "p99_during_per_before",
		} {
			require.Contains(t, fields, f)
		}
		return nil
	}))
	require.Equal(t, o.rounds, rounds)
}

// A write that was due in a stall counts from when it was due.
func TestAWindowHoldsWhatWasDueInItHoweverLateItWasDone(t *testing.T) {
	begin := time.Now()
	at := func(ms int) time.Time { return begin.Add(time.Duration(ms) * time.Millisecond) }
	var samples []sample
	for ms := range 100 {
		samples = append(samples, sample{due: at(ms), took: time.Millisecond})
	}
	samples[50].took = time.Second
	w := between(samples, load.Meter{At: at(10)}, load.Meter{At: at(60)})
	require.Equal(t, 50, w.Writes)
	require.InDelta(t, 1_000, w.P50, 1)
	require.InDelta(t, 1_000_000, w.Max, 1)
	require.InDelta(t, 1_000_000, w.P99, 1)
	require.Zero(t, between(samples, load.Meter{At: at(200)}, load.Meter{At: at(300)}).Writes)
}

func TestFlagsOfCatchupThatMakeNoSenseAreRefusedWithTheWayOut(t *testing.T) {
	good := catchupOptions{
		clusterOptions: clusterOptions{nodes: 3, transport: "tcp", sync: "fdatasync"},
		entries:        1, payload: 128, keys: 1, clients: 1, rate: 1, rounds: 1,
	}
	require.NoError(t, good.check())
	for want, change := range map[string]func(*catchupOptions){
		"--payload must be at least 8": func(o *catchupOptions) { o.payload = 7 },
		"--keys must be from 1 to":     func(o *catchupOptions) { o.keys = keysMax + 1 },
		"--rounds must be at least 1":  func(o *catchupOptions) { o.rounds = 0 },
		"--nodes must be at least 3":   func(o *catchupOptions) { o.nodes = 2 },
		"it can be fdatasync or none":  func(o *catchupOptions) { o.sync = "sometimes" },
		"it can be tcp or grpc":        func(o *catchupOptions) { o.transport = "udp" },
	} {
		o := good
		change(&o)
		require.ErrorContains(t, o.check(), want)
	}
}
