package tracing_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"

	"parley/cmd/observe/observetest"
	"parley/cmd/observe/tracing"
	"parley/raft"
	"parley/rpc/client"
)

// names lists spans as "service/instance name", sorted.
func names(spans []observetest.Span) (list []string) {
	for _, s := range spans {
		list = append(list, strings.TrimSuffix(fmt.Sprintf("%s/%s %s", s.Service, s.Instance, s.Name), " "))
	}
	slices.Sort(list)
	return list
}

// What is at stake: whoever looks for the slow part of a slow write has spans of three nodes, or guesses.
func TestOneTraceLeadsFromTheClientThroughThreeNodes(t *testing.T) {
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50") // milliseconds between batches
	s := observetest.Collect(t)
	c := observetest.Start(t, 3, observetest.Options{Collector: s.Addr, DemoUsers: true})
	p, err := tracing.Open(t.Context(), tracing.Config{Endpoint: s.Addr, Service: "parley"})
	require.NoError(t, err)
	alice := c.Client(client.Config{Dial: []grpc.DialOption{grpc.WithStatsHandler(p.Client())}})
	_, err = alice.LogIn(t.Context(), "alice", "alice123")
	require.NoError(t, err)
	_, err = alice.Send(t.Context(), "#general", "before") // the session is there, and the client knows the leader
	require.NoError(t, err)

	ctx, end := p.Start(t.Context(), "test")
	sent, err := alice.Send(ctx, "#general", "hello")
	require.NoError(t, err)
	end()
	p.Close()

	leader := fmt.Sprint(c.Leader().Host.Self().ID)
	want := []string{"parley/ parley.v1.ChatService/Send", "parley/ test"}
	for id := range 3 {
		node := fmt.Sprint(id + 1)
		spans := []string{"raft.apply", "raft.store"}
		if node == leader {
			spans = append(spans, "parley.v1.ChatService/Send", "raft.commit", "raft.entry", "raft.propose")
		}
		for _, name := range spans {
			want = append(want, fmt.Sprintf("parley-node/%s %s", node, name))
		}
	}
	slices.Sort(want)

	var trace []observetest.Span
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		trace = nil
		var id string
		for _, one := range s.Spans() {
			if one.Name == "test" {
				id = string(one.TraceId)
			}
		}
		for _, one := range s.Spans() {
			if string(one.TraceId) == id {
				trace = append(trace, one)
			}
		}
		require.Equal(t, want, names(trace))
	}, 20*time.Second, 50*time.Millisecond)

	byID := map[string]observetest.Span{}
	for _, one := range trace {
		byID[string(one.SpanId)] = one
	}
	for _, one := range trace {
		require.LessOrEqual(t, one.StartTimeUnixNano, one.EndTimeUnixNano, one.Name)
		above, ok := byID[string(one.ParentSpanId)]
		if one.Name == "test" {
			require.False(t, ok)
			continue
		}
		require.True(t, ok, "%s hangs on a span of the same trace", one.Name)
		switch one.Name {
		case "raft.store", "raft.commit", "raft.apply":
			require.Equal(t, "raft.entry", above.Name)
			require.Equal(t, leader, above.Instance)
		case "raft.entry", "raft.propose":
			require.Equal(t, "parley-node/"+leader+" parley.v1.ChatService/Send", names([]observetest.Span{above})[0])
		}
		for _, a := range one.Attributes {
			if a.GetKey() == "parley.index" {
				require.EqualValues(t, sent.GetPosition(), a.GetValue().GetIntValue())
			}
		}
	}
}

// What is at stake: everybody's writes, when nobody asked for traces. Compare with BenchmarkATracedCall.
func BenchmarkACallThatNobodyTraces(b *testing.B) {
	p, err := tracing.Open(b.Context(), tracing.Config{Endpoint: "127.0.0.1:1", Service: "bench"})
	require.NoError(b, err)
	r := p.Record(1, func([]byte) {})
	b.Cleanup(func() { r.Close(); p.Close() })
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		if r.TraceOf(ctx) != 0 {
			b.Fatal("traced")
		}
	}
}

func BenchmarkNotesOfAnEntry(b *testing.B) {
	p, err := tracing.Open(b.Context(), tracing.Config{Endpoint: "127.0.0.1:1", Service: "bench"})
	require.NoError(b, err)
	r := p.Record(1, func([]byte) {})
	b.Cleanup(func() { r.Close(); p.Close() })
	b.ReportAllocs()
	notes := make([]raft.Note, 4)
	for i := raft.Index(1); b.Loop(); i++ {
		for k, kind := range []raft.NoteKind{raft.NoteAppend, raft.NoteStored, raft.NoteCommit, raft.NoteApply} {
			notes[k] = raft.Note{Kind: kind, Term: 1, Index: i}
		}
		r.Notes(notes)
	}
}
