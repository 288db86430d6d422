package main

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// smallService is a point that takes a moment.
func smallService(t *testing.T, op string) serviceOptions {
	return serviceOptions{
		clusterOptions: clusterOptions{nodes: 3, dir: t.TempDir(), transport: "grpc", sync: "none"},
		callers:        []int{4}, payload: 64, measure: 100 * time.Millisecond, op: op, through: "stub",
		page: 5, batch: 8, rate: 50, pace: 50, messages: 400, channels: 20, cost: 4,
	}
}

// Other people's scripts read these fields, and a bench that measures nothing is worse than none.
func TestEveryOperationOfTheServiceIsDoneAndNoneIsRefused(t *testing.T) {
	for _, c := range []struct {
		op     string
		change func(*serviceOptions)
	}{
		{"send", func(*serviceOptions) {}},
		{"send", func(o *serviceOptions) { o.through = "client" }},
		{"batch", func(*serviceOptions) {}},
		{"history", func(*serviceOptions) {}},
		{"history", func(o *serviceOptions) { o.stale, o.through = true, "client" }},
		{"lock", func(*serviceOptions) {}},
		{"lock", func(o *serviceOptions) { o.one, o.people = true, 2 }},
		{"acquire", func(*serviceOptions) {}},
		{"login", func(*serviceOptions) {}},
	} {
		o := smallService(t, c.op)
		c.change(&o)
		t.Run(fmt.Sprint(c.op, " ", o.through, " ", o.stale || o.one), func(t *testing.T) {
			require.NoError(t, o.check())
			shown := 0
			require.NoError(t, o.run(context.Background(), func(r report) error {
				shown++
				p := r.(servicePoint)
				require.Positive(t, p.OpsPerS)
				require.Zero(t, p.Errors)
				require.NotEmpty(t, p.line())
				b, err := json.Marshal(p)
				require.NoError(t, err)
				var fields map[string]any
				require.NoError(t, json.Unmarshal(b, &fields))
				for _, f := range []string{
					"bench", "op", "callers", "payload", "ops_per_s", "p50_us", "p99_us", "p999_us",
					"cpu_s_per_10k", "allocs_per_op", "sync", "disk_sync_p50_us", "errors", "through", "connections", "people",
				} {
					require.Contains(t, fields, f)
				}
				return nil
			}))
			require.Equal(t, 1, shown)
		})
	}
}

// What no stream heard must show, or streams that hear nothing would be the fastest.
func TestStreamsBesideWritersHearEveryMessage(t *testing.T) {
	o := smallService(t, "send")
	o.streams, o.connections, o.measure, o.spread = 60, 6, 400*time.Millisecond, true
	for _, callers := range []int{0, 4} {
		o.callers = []int{callers}
		require.NoError(t, o.check())
		require.NoError(t, o.run(context.Background(), func(r report) error {
			p := r.(servicePoint)
			require.Zero(t, p.Missing)
			require.Positive(t, p.Messages)
			require.Positive(t, p.LatestP50)
			require.GreaterOrEqual(t, p.LatestP99, p.Each50)
			if callers == 0 {
				require.InDelta(t, p.Messages*o.streams, p.OpsPerS*p.Seconds, 0.5*p.OpsPerS, "an operation is a message at a stream")
			}
			return nil
		}))
	}
}

func TestAFilledClusterIsLookedAtAndStartsAgain(t *testing.T) {
	o := smallService(t, "fill")
	o.rules.SnapshotBytes = 64 << 10
	require.NoError(t, o.run(context.Background(), func(r report) error {
		f := r.(filled)
		require.GreaterOrEqual(t, f.Messages, int64(o.messages))
		require.Positive(t, f.PerS)
		require.Positive(t, f.SnapshotBytes)
		require.Positive(t, f.Before.Writes)
		require.Positive(t, f.Page1P50)
		require.Positive(t, f.PageAllP50)
		require.NotEmpty(t, f.line())
		return nil
	}))
}

func TestFlagsOfTheServiceThatMakeNoSenseAreRefusedWithTheWayOut(t *testing.T) {
	for want, change := range map[string]func(*serviceOptions){
		"--callers must be at least 1":         func(o *serviceOptions) { o.callers = []int{0} },
		"--payload must be from 16":            func(o *serviceOptions) { o.payload = 15 },
		"--batch from 1 to 256":                func(o *serviceOptions) { o.batch = 257 },
		"--rate and --pace must be":            func(o *serviceOptions) { o.rate = 0 },
		"--streams goes with --op send":        func(o *serviceOptions) { o.op, o.streams = "lock", 5 },
		"--messages and --channels must be":    func(o *serviceOptions) { o.channels = 0 },
		"--through client is for":              func(o *serviceOptions) { o.op, o.through = "lock", "client" },
		"--people must be from 0":              func(o *serviceOptions) { o.people = 1000 },
		"it can be send or batch or history":   func(o *serviceOptions) { o.op = "put" },
		"it can be stub or client":             func(o *serviceOptions) { o.through = "curl" },
		"--nodes must be at least 1":           func(o *serviceOptions) { o.nodes = 0 },
		"--sync is \"sometimes\"; it can be f": func(o *serviceOptions) { o.sync = "sometimes" },
	} {
		o := smallService(t, "send")
		require.NoError(t, o.check())
		change(&o)
		require.ErrorContains(t, o.check(), want)
	}
}
