package node

import (
	"io"
	"testing"

	"parley/raft"
)

// BenchmarkStep is a single node that takes, stores and applies batches of 256
// commands of 128 bytes; the disk takes no time.
func BenchmarkStep(b *testing.B) {
	const batch = 256
	self := raft.Ident{ID: 1, Inc: 1}
	n := New(Settings{}, Boot{Identity: Identity{Self: self, Cluster: 5,
		Members: raft.Configuration{Members: []raft.Member{{Ident: self, Voter: true}}}}}, nothing{}, 1)
	now := raft.Mono(1)
	var out Output
	step := func(in ...Event) {
		now++
		out.Reset()
		n.Step(now, in, &out)
		for len(out.Store) > 0 {
			stored := out.Store[len(out.Store)-1].Seq
			out.Reset()
			n.Step(now, []Event{{Kind: EventStored, Stored: stored}}, &out)
		}
	}
	step()
	for n.role != raft.Leader || n.applied == 0 {
		now += 1e7
		step()
	}
	step(Event{Kind: EventOpenSession, Ticket: 1, Command: Command{Nonce: 1}})
	session := out.Done[0].Session
	events := make([]Event, batch)
	body := make([]byte, 128)
	seq := uint64(0)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		acked := seq + 1
		for i := range events {
			seq++
			events[i] = Event{Kind: EventCommand, Ticket: Ticket(seq + 1), Command: Command{Session: session, Seq: seq, AckedBelow: min(acked, seq), Body: body}}
		}
		step(events...)
		if len(out.Done) != batch {
			b.Fatal(len(out.Done))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/command")
}

// nothing is a state machine without state.
type nothing struct{}

func (nothing) Apply(Applied, []byte) []byte                        { return nil }
func (nothing) Query([]byte) []byte                                 { return nil }
func (nothing) EventsAfter(raft.Position, int) ([]EventFrame, bool) { return nil, false }
func (nothing) StateHash() Hash                                     { return Hash{} }
func (nothing) Clone() StateMachine                                 { return nothing{} }
func (nothing) WriteSnapshot(io.Writer) error                       { return nil }
func (nothing) Restore(io.Reader) error                             { return nil }
