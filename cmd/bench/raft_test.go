package main

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Other people's scripts read these fields.
func TestAPointHasTheFieldsThatScriptsReadAndMeasuresSomething(t *testing.T) {
	for _, c := range [][3]string{{"put", "tcp"}, {"put", "tcp", "plain"}, {"read", "tcp"}, {"put", "grpc"}, {"put", "memory"}} {
		op, transport, plain := c[0], c[1], c[2] == "plain"
		t.Run(op+" over "+transport+" "+c[2], func(t *testing.T) {
			o := raftOptions{
				clusterOptions: clusterOptions{nodes: 3, dir: t.TempDir(), transport: transport, sync: "none", plain: plain},
				callers:        []int{4}, payload: 64, measure: 50 * time.Millisecond, op: op,
			}
			require.NoError(t, o.check())
			p, err := measureRaft(context.Background(), o, 4, nil)
			require.NoError(t, err)
			require.Positive(t, p.OpsPerS)
			require.NotEmpty(t, p.line())

			b, err := json.Marshal(p)
			require.NoError(t, err)
			var fields map[string]any
			require.NoError(t, json.Unmarshal(b, &fields))
			for _, f := range []string{
				"bench", "op", "callers", "payload", "ops_per_s", "p50_us", "p99_us", "p999_us",
				"cpu_s_per_10k", "allocs_per_op", "sync", "disk_sync_p50_us", "errors",
			} {
				require.Contains(t, fields, f)
			}
		})
	}
}

func TestOptionsThatMakeNoSenseAreRefusedWithTheWayOut(t *testing.T) {
	good := raftOptions{
		clusterOptions: clusterOptions{nodes: 3, transport: "tcp", sync: "fdatasync"},
		callers:        []int{1}, payload: 128, op: "put",
	}
	require.NoError(t, good.check())
	for want, change := range map[string]func(*raftOptions){
		"--callers must be at least 1":          func(o *raftOptions) { o.callers = []int{0} },
		"--payload must be at least 8":          func(o *raftOptions) { o.payload = 7 },
		"--nodes must be at least 1":            func(o *raftOptions) { o.nodes = 0 },
		"--transport is \"udp\"; it can be tcp": func(o *raftOptions) { o.transport = "udp" },
		"it can be put or read":                 func(o *raftOptions) { o.op = "delete" },
		"it can be fdatasync or none":           func(o *raftOptions) { o.sync = "sometimes" },
	} {
		o := good
		change(&o)
		require.ErrorContains(t, o.check(), want)
	}
}
