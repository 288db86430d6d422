package tracing

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"pgregory.net/rapid"

	"parley/raft"
)

// stand is one node's recorder without its goroutine: a test hands it what it would be handed.
type stand struct {
	t      *testing.T
	r      *Recorder
	spans  *tracetest.InMemoryExporter
	tracer trace.Tracer
	told   [][]byte
}

func newStand(t *testing.T) *stand {
	s := &stand{t: t, spans: tracetest.NewInMemoryExporter()}
	p := &Provider{sdk: sdk.NewTracerProvider(sdk.WithSyncer(s.spans))}
	s.tracer = p.sdk.Tracer("test")
	s.r = p.Record(1, func(aside []byte) { s.told = append(s.told, aside) })
	s.r.Close() // the test is its goroutine
	return s
}

// notes has a Step make them.
func (s *stand) notes(notes ...raft.Note) {
	s.r.Notes(notes)
	s.drain()
}

// heard is what a leader said.
func (s *stand) heard(aside []byte) {
	s.r.Heard(2, aside)
	s.drain()
}

func (s *stand) drain() {
	for {
		select {
		case t := <-s.r.in:
			s.r.look(t)
		default:
			return
		}
	}
}

// call returns the number of a call that is traced.
func (s *stand) call() (uint64, trace.Span) {
	ctx, span := s.tracer.Start(context.Background(), "call")
	number := s.r.TraceOf(ctx)
	require.NotZero(s.t, number)
	return number, span
}

// names are those of the spans that ended.
func (s *stand) names() (names []string) {
	for _, one := range s.spans.GetSpans() {
		names = append(names, one.Name)
	}
	slices.Sort(names)
	return names
}

func note(kind raft.NoteKind, i raft.Index) raft.Note {
	return raft.Note{Kind: kind, Term: 3, Index: i}
}

func appendNote(i raft.Index, trace uint64) raft.Note {
	return raft.Note{Kind: raft.NoteAppend, Term: 3, Index: i, Trace: trace}
}

func TestALeaderTellsAnEntryFromTheCallToTheApply(t *testing.T) {
	s := newStand(t)
	number, _ := s.call()
	s.notes(appendNote(10, 0), appendNote(11, number), appendNote(12, 0))
	require.Equal(t, []string{"raft.propose"}, s.names())
	require.Len(t, s.told, 1, "the followers are told once")
	s.notes(note(raft.NoteCommit, 11))
	s.notes(note(raft.NoteApply, 11))
	require.Equal(t, []string{"raft.apply", "raft.commit", "raft.propose"}, s.names(), "its own disk is behind")
	s.notes(note(raft.NoteStored, 12))
	require.Equal(t, []string{"raft.apply", "raft.commit", "raft.entry", "raft.propose", "raft.store"}, s.names())
	s.notes(note(raft.NoteCommit, 12), note(raft.NoteApply, 12))
	require.Len(t, s.names(), 5, "what nobody traces makes no span")
}

// What a follower hears from its leader and what it sees itself come in any order.
func TestAFollowerPutsTogetherWhatItHearsAndWhatItSees(t *testing.T) {
	leader := newStand(t)
	number, _ := leader.call()
	leader.notes(appendNote(5, number))
	aside := leader.told[0]

	own := []raft.Note{appendNote(5, 0), note(raft.NoteStored, 5), note(raft.NoteCommit, 5), note(raft.NoteApply, 5)}
	for at := range len(own) + 1 {
		s := newStand(t)
		for i, n := range own {
			if i == at {
				s.heard(aside)
			}
			s.notes(n)
		}
		if at == len(own) {
			require.Empty(t, s.names())
			s.heard(aside)
		}
		require.Equal(t, []string{"raft.apply", "raft.store"}, s.names(), "heard at %d", at)
		s.heard(aside)
		require.Len(t, s.names(), 2, "each once")
	}

	// An entry of another term at that index is another entry.
	s := newStand(t)
	s.notes(raft.Note{Kind: raft.NoteAppend, Term: 2, Index: 5}, note(raft.NoteStored, 5))
	s.heard(aside)
	require.Empty(t, s.names())
	s.notes(note(raft.NoteTruncate, 5))
	s.notes(appendNote(5, 0))
	s.notes(note(raft.NoteStored, 5))
	require.Equal(t, []string{"raft.store"}, s.names(), "the leader's entry has taken its place")
}

func TestTheSpanOfAnEntryThatIsCutEndsWithAnError(t *testing.T) {
	s := newStand(t)
	number, _ := s.call()
	s.notes(appendNote(5, number))
	s.notes(note(raft.NoteStored, 5))
	s.notes(note(raft.NoteTruncate, 4))
	spans := s.spans.GetSpans()
	require.Equal(t, "raft.entry", spans[len(spans)-1].Name)
	require.Equal(t, "it was not committed, and a leader had another", spans[len(spans)-1].Status.Description)
}

// A call that is refused, or a read, never becomes an entry. At stake is memory.
func TestCallsThatBecomeNoEntryAreForgotten(t *testing.T) {
	s := newStand(t)
	for range flightsMax {
		s.call()
	}
	ctx, _ := s.tracer.Start(context.Background(), "one too many")
	require.Zero(t, s.r.TraceOf(ctx))
	var last flight
	for _, f := range s.r.flights {
		if f.begun.After(last.begun) {
			last = f
		}
	}
	s.r.forget(last.begun.Add(flightMax + 1))
	require.Empty(t, s.r.flights)
	require.NotZero(t, s.r.TraceOf(ctx))
}

// What is at stake: the loop. Whoever can't keep up loses spans, and says how many.
func TestARecorderThatIsBehindDropsAndCounts(t *testing.T) {
	s := newStand(t)
	for i := range raft.Index(queueMax + 10) {
		s.r.Notes([]raft.Note{note(raft.NoteStored, i)})
	}
	require.EqualValues(t, 10, s.r.Dropped())
}

func TestNoNotesInAnyOrderBreakTheRecorder(t *testing.T) {
	kinds := []raft.NoteKind{raft.NoteAppend, raft.NoteStored, raft.NoteCommit, raft.NoteApply, raft.NoteTruncate, raft.NoteRole}
	outer := t
	rapid.Check(t, func(t *rapid.T) {
		s := newStand(outer)
		for range rapid.IntRange(1, 60).Draw(t, "notes") {
			n := raft.Note{Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), Term: raft.Term(rapid.IntRange(1, 3).Draw(t, "term")),
				Index: raft.Index(rapid.SampledFrom([]int{1, 2, 3, 4, window + 1, window + 2, 1 << 40}).Draw(t, "index"))}
			if n.Kind == raft.NoteAppend && rapid.Bool().Draw(t, "traced") {
				n.Trace, _ = s.call()
			}
			s.notes(n)
			if len(s.told) > 0 && rapid.Bool().Draw(t, "heard") {
				s.heard(s.told[len(s.told)-1])
			}
		}
		for _, one := range s.spans.GetSpans() {
			if one.EndTime.Before(one.StartTime) {
				t.Fatalf("%s ends before it begins", one.Name)
			}
		}
	})
}

// An aside comes from another process.
func FuzzAsides(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{asideVersion})
	f.Add(appendLink(nil, link{term: 3, index: 9}))
	f.Fuzz(func(t *testing.T, b []byte) {
		links := decodeLinks(b)
		require.LessOrEqual(t, len(links), linksMax)
		var again []byte
		for _, l := range links {
			again = appendLink(again, l)
		}
		if len(links) > 0 {
			require.Equal(t, b, again)
		}
	})
}
