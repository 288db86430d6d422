package metrics

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"parley/raft"
	"parley/raft/blob"
	"parley/raft/host"
	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

// every is a note of each kind.
func every() (notes []raft.Note) {
	for k := range raft.NoteKind(200) {
		notes = append(notes, raft.Note{Kind: k, Term: 3, Index: 7, Peer: 2, A: uint64(raft.Candidate), B: uint64(blob.NoteHeld)})
	}
	return append(notes, raft.Note{Kind: raft.NoteRole, A: uint64(raft.Leader)}, raft.Note{Kind: raft.NoteApply, Index: 8})
}

func TestNotesAreCountedByWhatTheyTell(t *testing.T) {
	m := New()
	m.Notes(every())
	for name, want := range map[string]float64{
		"elections": testutil.ToFloat64(m.notes.elections), "leaderships": testutil.ToFloat64(m.notes.leaderships),
		"leaders": testutil.ToFloat64(m.notes.leaders), "quorums lost": testutil.ToFloat64(m.notes.quorumsLost),
		"breaches": testutil.ToFloat64(m.notes.breach), "held blobs": testutil.ToFloat64(m.notes.blobs[blob.NoteHeld]),
		"holes": testutil.ToFloat64(m.notes.holes), "installs": testutil.ToFloat64(m.notes.installs),
	} {
		require.Equal(t, 1.0, want, name)
	}
	require.Equal(t, 2.0, testutil.ToFloat64(m.notes.applied))

	// The pieces of one snapshot are one download.
	m = New()
	for have := range uint64(5) {
		m.Notes([]raft.Note{{Kind: node.NoteFetch, Index: 100, A: have, B: 4}})
	}
	m.Notes([]raft.Note{{Kind: node.NoteFetch, Index: 200, B: 4}})
	require.Equal(t, 2.0, testutil.ToFloat64(m.notes.fetches))
}

// What is at stake: the loop and the disk's goroutine do the counting. What they allocate is collected while a write waits.
func TestCountingAllocatesNothing(t *testing.T) {
	m := New()
	notes, p, full := every(), m.Probe(), errors.New("full")
	require.Zero(t, testing.AllocsPerRun(100, func() { m.Notes(notes) }))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		p.Step(time.Millisecond, 3)
		p.Batch(host.Batch{Entries: 4, Bytes: 1000, Write: time.Millisecond, Sync: time.Millisecond})
		p.Task(node.TaskMake, time.Second, full)
		p.Answer(node.Done, node.CodeNone)
		p.Answer(node.Refused, node.CodeBusy)
		p.Answer(node.Unknown, node.CodeStopping)
		p.Push(3, 400)
		p.End(node.CodeTooSlow)
	}))
}

func BenchmarkNotes(b *testing.B) {
	m := New()
	notes := []raft.Note{{Kind: raft.NoteAppend}, {Kind: raft.NoteStored}, {Kind: raft.NoteMatch}, {Kind: raft.NoteCommit}, {Kind: raft.NoteApply}}
	b.ReportAllocs()
	for b.Loop() {
		m.Notes(notes)
	}
}

func BenchmarkProbe(b *testing.B) {
	p := New().Probe()
	b.ReportAllocs()
	for b.Loop() {
		p.Step(100*time.Microsecond, 4)
		p.Batch(host.Batch{Entries: 4, Bytes: 1000, Write: time.Millisecond, Sync: time.Millisecond})
		p.Answer(node.Done, node.CodeNone)
		p.Push(3, 400)
	}
}

func BenchmarkACall(b *testing.B) {
	c := New().Calls()
	info := &stats.RPCTagInfo{FullMethodName: pb.ChatService_Send_FullMethodName}
	begin, end := &stats.Begin{}, &stats.End{BeginTime: time.Unix(0, 0), EndTime: time.Unix(0, 1e6)}
	b.ReportAllocs()
	for b.Loop() {
		ctx := c.TagRPC(context.Background(), info)
		c.HandleRPC(ctx, begin)
		c.HandleRPC(ctx, end)
	}
}

// call has a call end somehow.
func call(m *Metrics, method string, err error) {
	h := m.Calls()
	ctx := h.TagRPC(context.Background(), &stats.RPCTagInfo{FullMethodName: method})
	h.HandleRPC(ctx, &stats.Begin{})
	h.HandleRPC(ctx, &stats.End{Error: err, BeginTime: time.Unix(0, 0), EndTime: time.Unix(1, 0)})
}

// What is at stake: every value of a label is a series that Prometheus keeps for weeks, and that everybody who scrapes can
// read. A caller chooses the name of a method.
func TestAMethodThatNobodyServesIsNotALabel(t *testing.T) {
	m := New()
	for i := range 100 {
		call(m, fmt.Sprintf("/odd.Service/%d", i), status.Error(codes.Unimplemented, "no"))
	}
	call(m, pb.ChatService_Send_FullMethodName, nil)
	call(m, pb.ChatService_Send_FullMethodName, status.Error(codes.Unavailable, "no"))
	require.Equal(t, 100.0, testutil.ToFloat64(m.calls.handled.WithLabelValues("other", "Unimplemented")))
	require.Equal(t, 1.0, testutil.ToFloat64(m.calls.handled.WithLabelValues("ChatService/Send", "OK")))
	require.Equal(t, 1.0, testutil.ToFloat64(m.calls.handled.WithLabelValues("ChatService/Send", "Unavailable")))
	require.Zero(t, testutil.ToFloat64(m.calls.calls))
	require.Zero(t, testutil.ToFloat64(m.calls.streams))
}

func TestRefusedLogInsAreCountedByTheirReason(t *testing.T) {
	m := New()
	call(m, pb.AccountService_LogIn_FullMethodName, nil)
	call(m, pb.AccountService_LogIn_FullMethodName, convert.AnswerError(node.Answer{Outcome: node.Refused, Code: node.CodeBusy}, ""))
	require.Equal(t, 1.0, testutil.ToFloat64(m.calls.logins))
	require.Equal(t, 1.0, testutil.ToFloat64(m.calls.refused.WithLabelValues("BUSY")))
}

// Every reason that an answer may have is a series from the beginning: one that appears with its first event
// has no rate then.
func TestEveryCodeOfAnAnswerIsCounted(t *testing.T) {
	m := New()
	p := m.Probe()
	for c := range node.Code(codesMax) {
		if c.String() == "unknown code" || c == node.CodeNone {
			continue
		}
		require.NotEmpty(t, convert.ReasonOf(c), "%d", c)
		p.Answer(node.Refused, c)
		require.Equal(t, 1.0, testutil.ToFloat64(m.host.refused[c]))
	}
}

// docRow is a row of the table in docs/operations.md.
var docRow = regexp.MustCompile("(?m)^\\| `(parley_[a-z_]+)` \\| ([a-z]+) \\| (.*?) \\| (.*) \\|$")

// The table of docs/operations.md says what the program says, of each family and no other.
func TestTheTableOfMetricsIsWholeAndTrue(t *testing.T) {
	text, err := os.ReadFile("../../../docs/operations.md")
	require.NoError(t, err)
	var got, want []string
	got = append(got, docRow.FindAllString(string(text), -1)...)
	m := New()
	m.Watch(nil, "")
	for _, f := range m.Families() {
		labels := ""
		if len(f.Labels) > 0 {
			labels = "`" + strings.Join(f.Labels, "`, `") + "`"
		}
		want = append(want, fmt.Sprintf("| `%s` | %s | %s | %s |", f.Name, f.Kind, labels, f.Help))
	}
	slices.SortFunc(want, func(a, b string) int {
		return strings.Compare(docRow.FindStringSubmatch(a)[1], docRow.FindStringSubmatch(b)[1])
	})
	if !slices.Equal(want, got) {
		t.Fatalf("docs/operations.md has another table of metrics. It should be\n%s", strings.Join(want, "\n"))
	}
}
