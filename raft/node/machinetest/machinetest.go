// Package machinetest is the conformance test of node.StateMachine. Every implementation runs it, with the race detector too:
//
//	func TestConformance(t *testing.T) {
//		machinetest.Run(t, machinetest.Machine{
//			New:     func() node.StateMachine { return &counter{} },
//			Command: func(n uint64) []byte { return binary.AppendUvarint(nil, n%7) },
//		})
//	}
//
// What it finds would otherwise show as a node that stops because its state differs from that of a majority, perhaps after weeks.
// It can't find everything: a map that is ranged over may come in the same order twice.
package machinetest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
)

// Machine is what is tried.
type Machine struct {
	// New makes an empty state machine, as a node gets it when it starts.
	New func() node.StateMachine
	// Command returns the bytes of the command numbered n, 0, 1, 2, …: the same for the same number. They should
	// meet: most states come of commands about the same few things. The test counts to 1,000.
	Command func(n uint64) []byte
	// Query returns the bytes of a query in the same way. Nil is the empty query.
	Query func(n uint64) []byte
}

// commands is how many are executed: enough for tables to grow and to shrink, few enough for the race detector.
const commands = 500

// Run runs the tests, each on state machines of its own.
func Run(t *testing.T, m Machine) {
	if m.Query == nil {
		m.Query = func(uint64) []byte { return nil }
	}
	for _, c := range []struct {
		name string
		test func(t *testing.T, m *Machine)
	}{
		{"the same commands make the same replies, states and events", sameCommands},
		{"a query changes nothing, and its reply stays as it is", queriesChangeNothing},
		{"the state keeps nothing of a command's bytes", commandsAreCopied},
		{"any bytes are answered", anyBytesAreAnswered},
		{"a clone and its original go their own ways", clonesPart},
		{"a clone may be read while the original goes on", clonesAreReadBeside},
		{"a snapshot holds everything, in one form", snapshotsHoldEverything},
		{"a snapshot with other bytes makes a state or an error", otherSnapshots},
		{"events come in order and within bounds", eventsInOrder},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, &m) })
	}
}

// at is the place of the command numbered n: all have one of their own, and log time passes.
func at(n uint64) node.Applied {
	return node.Applied{Position: raft.Position(2 + n), Term: 1, Time: raft.LogTime(n) * raft.LogTime(time.Second), Level: node.LevelMax,
		Session: 1, Principal: "machinetest"}
}

// apply executes the commands from n to before end and returns the replies.
func (m *Machine) apply(s node.StateMachine, n, end uint64) (replies [][]byte) {
	for ; n < end; n++ {
		replies = append(replies, slices.Clone(s.Apply(at(n), m.Command(n))))
	}
	return replies
}

// after returns a state machine that has executed the first commands.
func (m *Machine) after(n uint64) node.StateMachine {
	s := m.New()
	m.apply(s, 0, n)
	return s
}

func snapshot(t *testing.T, s node.StateMachine) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, s.WriteSnapshot(&b))
	return b.Bytes()
}

func sameCommands(t *testing.T, m *Machine) {
	a, b := m.New(), m.New()
	require.Equal(t, a.StateHash(), b.StateHash(), "empty")
	for n := range uint64(commands) {
		require.Equal(t, a.Apply(at(n), m.Command(n)), b.Apply(at(n), m.Command(n)), "the replies to command %d", n)
		require.Equal(t, a.StateHash(), b.StateHash(), "behind command %d", n)
		require.Equal(t, a.Query(m.Query(n)), b.Query(m.Query(n)), "the replies to query %d", n)
	}
	require.Equal(t, snapshot(t, a), snapshot(t, b))
	framesA, compactedA := a.EventsAfter(0, commands)
	framesB, compactedB := b.EventsAfter(0, commands)
	require.Equal(t, framesA, framesB)
	require.Equal(t, compactedA, compactedB)
}

func queriesChangeNothing(t *testing.T, m *Machine) {
	s := m.after(commands / 2)
	hash, whole := s.StateHash(), snapshot(t, s)
	replies, copies := [][]byte{}, [][]byte{}
	for n := range uint64(commands) {
		r := s.Query(m.Query(n))
		replies, copies = append(replies, r), append(copies, bytes.Clone(r))
	}
	require.Equal(t, hash, s.StateHash())
	require.Equal(t, whole, snapshot(t, s))
	m.apply(s, commands/2, commands)
	require.Equal(t, copies, replies, "who asked may read the reply later")
}

func commandsAreCopied(t *testing.T, m *Machine) {
	kept, spoilt := m.New(), m.New()
	for n := range uint64(commands) {
		kept.Apply(at(n), m.Command(n))
		c := slices.Clone(m.Command(n))
		spoilt.Apply(at(n), c)
		for i := range c {
			c[i] = 0xa5
		}
	}
	require.Equal(t, snapshot(t, kept), snapshot(t, spoilt))
	require.Equal(t, kept.StateHash(), spoilt.StateHash())
}

// garbage returns bytes that are nearly the command numbered n, or nothing like it.
func garbage(c []byte, n uint64) []byte {
	c = slices.Clone(c)
	draw := raft.Mix(n, 1, 2, 3, 4)
	switch at := int(draw >> 8 % uint64(len(c)+1)); draw % 4 {
	case 0:
		return c[:at]
	case 1:
		return append(c, byte(draw>>16))
	case 2:
		if at < len(c) {
			c[at] ^= 1 << (draw >> 32 % 8)
		}
		return c
	default:
		return fmt.Appendf(nil, "%x", draw)[:draw>>40%16]
	}
}

func anyBytesAreAnswered(t *testing.T, m *Machine) {
	a, b := m.New(), m.New()
	for n := range uint64(commands) {
		c := garbage(m.Command(n/2), n)
		require.NotPanics(t, func() { a.Apply(at(n), slices.Clone(c)) }, "command %x", c)
		b.Apply(at(n), slices.Clone(c))
		q := garbage(m.Query(n), n)
		require.NotPanics(t, func() { a.Query(q) }, "query %x", q)
	}
	require.Equal(t, a.StateHash(), b.StateHash())
	require.Equal(t, snapshot(t, a), snapshot(t, b))
}

func clonesPart(t *testing.T, m *Machine) {
	s := m.after(commands / 2)
	hash, whole := s.StateHash(), snapshot(t, s)
	c, untouched := s.Clone(), s.Clone()
	m.apply(s, commands/2, commands)
	for _, c := range []node.StateMachine{c, untouched} {
		require.Equal(t, hash, c.StateHash(), "the original went on")
		require.Equal(t, whole, snapshot(t, c))
	}
	m.apply(c, commands/2, commands)
	require.Equal(t, s.StateHash(), c.StateHash(), "the clone did the same")
	require.Equal(t, snapshot(t, s), snapshot(t, c))
	require.Equal(t, whole, snapshot(t, untouched), "clones don't share what changes either")
	for n := uint64(0); n+3 < commands; n += commands / 20 { // with more and less room to grow in
		s := m.after(n)
		other := s.Clone()
		m.apply(s, n, n+3)
		whole := snapshot(t, s)
		for i := range uint64(3) {
			other.Apply(at(n+i), m.Command(n+i+commands))
		}
		require.Equal(t, whole, snapshot(t, s), "a clone went another way behind %d commands", n)
	}
}

func clonesAreReadBeside(t *testing.T, m *Machine) {
	s := m.after(commands / 2)
	whole, c := snapshot(t, s), s.Clone()
	type read struct {
		whole bytes.Buffer
		err   error
	}
	done := make(chan *read)
	go func() {
		var r read
		r.err = c.WriteSnapshot(&r.whole)
		for n := range uint64(commands) {
			c.Query(m.Query(n))
		}
		done <- &r
	}()
	m.apply(s, commands/2, commands)
	r := <-done
	require.NoError(t, r.err)
	require.Equal(t, whole, r.whole.Bytes())
}

func snapshotsHoldEverything(t *testing.T, m *Machine) {
	for _, n := range []uint64{0, 1, commands / 2} {
		s, restored := m.after(n), m.after(3) // what was there before goes
		whole := snapshot(t, s)
		require.NoError(t, restored.Restore(bytes.NewReader(whole)))
		require.Equal(t, s.StateHash(), restored.StateHash(), "behind %d commands: the hash is a function of the state", n)
		require.Equal(t, whole, snapshot(t, restored), "equal states write equal bytes")
		require.Equal(t, m.apply(s, n, commands), m.apply(restored, n, commands), "and go on alike")
		require.Equal(t, s.StateHash(), restored.StateHash())
	}
}

func otherSnapshots(t *testing.T, m *Machine) {
	whole := snapshot(t, m.after(commands/2))
	for n := range uint64(commands) {
		s, other := m.New(), garbage(whole, n)
		var err error
		require.NotPanics(t, func() { err = s.Restore(bytes.NewReader(other)) }, "%d bytes", len(other))
		if err != nil {
			continue
		}
		again := m.New()
		require.NoError(t, again.Restore(bytes.NewReader(snapshot(t, s))), "what was restored can be written and read")
		require.Equal(t, s.StateHash(), again.StateHash(), "the hash is of what was read, and not itself read")
	}
}

func eventsInOrder(t *testing.T, m *Machine) {
	s := m.after(commands)
	from, end := raft.Position(0), at(commands-1).Position
	all, compacted := s.EventsAfter(from, commands+1)
	for ; compacted && from < end; from++ { // the oldest are gone
		all, compacted = s.EventsAfter(from+1, commands+1)
	}
	require.False(t, compacted, "who has seen everything has missed nothing")
	last := from
	for _, f := range all {
		require.Greater(t, f.Position, last, "one frame a position, in order")
		require.LessOrEqual(t, f.Position, end)
		require.NotEmpty(t, f.Body)
		last = f.Position
	}
	for i, f := range all {
		next, compacted := s.EventsAfter(f.Position, 3)
		require.False(t, compacted)
		require.Equal(t, len(all[i+1:min(i+4, len(all))]), len(next), "behind position %d", f.Position)
		for j := range next {
			require.Equal(t, all[i+1+j], next[j])
		}
	}
}
