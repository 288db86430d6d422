package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/observe/observetest"
)

func TestTheVersionIsPrintedForPeopleAndPrograms(t *testing.T) {
	stdout, _, code := run("", "version")
	require.Zero(t, code)
	require.Contains(t, stdout, runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH)
	stdout, _, code = run("", "version", "--json")
	require.Zero(t, code)
	var b struct{ Version, Go string }
	require.NoError(t, json.Unmarshal([]byte(stdout), &b))
	require.NotEmpty(t, b.Version)
	require.Equal(t, runtime.Version(), b.Go)
}

// A person asks where the time of one command goes, and the collector gets none of its words.
func TestACommandIsTracedFromItsNameToTheNodesLog(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50") // milliseconds between batches
	sink := observetest.Collect(t)
	c := observetest.Start(t, 1, observetest.Options{Collector: sink.Addr, DemoUsers: true})
	home := t.TempDir()
	call := func(stdin string, args ...string) {
		var out, errs bytes.Buffer
		code := Run(context.Background(), append(args, "--addrs", c.Nodes[0].Addr), Streams{In: strings.NewReader(stdin), Out: &out, Err: &errs, Getenv: env(home)})
		require.Zero(t, code, errs.String())
	}
	call("alice123\n", "login", "alice", "--password-stdin")
	call("", "send", "general", "plugh", "--trace-endpoint", sink.Addr)

	var trace []observetest.Span
	require.Eventually(t, func() bool {
		trace = trace[:0]
		var id string
		for _, s := range sink.Spans() {
			if s.Service == "parley" && s.Name == "parley send" {
				id = string(s.TraceId)
			}
		}
		entries := 0
		for _, s := range sink.Spans() {
			if string(s.TraceId) == id {
				trace = append(trace, s)
				if s.Name == "raft.entry" {
					entries++
				}
			}
		}
		return entries >= 1
	}, 20*time.Second, 20*time.Millisecond)
	for _, s := range trace {
		require.NotContains(t, s.String(), "plugh")
		require.NotContains(t, s.String(), "alice")
	}

	_, stderr, code := run("", "send", "general", "x", "--trace-endpoint", "nowhere")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "--trace-endpoint")
}

func TestWhichBuildThisIsIsAFlagToo(t *testing.T) {
	want, _, _ := run("", "version")
	stdout, _, code := run("", "--version")
	require.Zero(t, code)
	require.Equal(t, want, stdout)
}

func TestHelpForWhatIsNoCommandIsAWrongCall(t *testing.T) {
	for _, topic := range [][]string{{"nonsense"}, {"channel", "nonsense"}, {"send", "general"}} {
		stdout, stderr, code := run("", append([]string{"help"}, topic...)...)
		require.Equal(t, 2, code)
		require.Empty(t, stdout)
		require.Contains(t, stderr, `there is no command "`+strings.Join(topic, " ")+`"`)
	}
	stdout, _, code := run("", "help", "channel", "members")
	require.Zero(t, code)
	require.Contains(t, stdout, "parley channel members NAME")
}
