package statemachine

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine/state"
)

func snapshot(t require.TestingT, m *Machine) []byte {
	var b bytes.Buffer
	require.NoError(t, m.WriteSnapshot(&b))
	return b.Bytes()
}

// The bytes stand in snapshots, which outlive releases.
func TestASnapshotIsTheseBytes(t *testing.T) {
	m := New()
	say(m, 5, "hi")
	row := "05000000000000008813000000000000050000000000000003000000616e6e020000006869"
	require.Equal(t, "01"+
		"01"+"0100000000000000"+"07000000"+"67656e6572616c"+"08000000"+"0100000000000000"+
		"02"+"0100000000000000"+"10000000"+"0000000000000001"+"0000000000000005"+"25000000"+row+
		"03"+"0100000000000000"+"08000000"+"0000000000000005"+"24000000"+
		"20000000"+"01"+"07000000"+"67656e6572616c"+"10000000"+"0000000000000001"+"0000000000000005"+
		bornChannels()+
		"ff"+"dcf8cc1ec855a2fc"+"365ce3c3775edda0", hex.EncodeToString(snapshot(t, m)))
}

// bornChannels are the rows of the channels that every cluster is born with, in the two tables that have them.
func bornChannels() string {
	u64 := func(v uint64) []byte { return appendU64(nil, v) }
	rows, names := append([]byte{byte(state.TablePlaces)}, u64(3)...), append([]byte{byte(state.TablePlaceNames)}, u64(3)...)
	for i, name := range []string{"general", "random", "tech"} {
		key := state.Key(uint64(i + 1))
		rows = appendBytes(appendString(rows, key), state.Append(nil, &state.Place{Kind: state.Channel, Name: name, Join: state.JoinOpen}))
		names = appendString(appendString(names, name), key)
	}
	return hex.EncodeToString(append(rows, names...))
}

func TestAnyStateComesBackFromItsSnapshotAndGoesOnAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := NewLimited(smallLimits())
		p := raft.Position(0)
		for range rapid.IntRange(0, 30).Draw(t, "commands") {
			p++
			m.Apply(at(p), drawCommand(t))
		}
		b := snapshot(t, m)
		back := NewLimited(smallLimits())
		back.Apply(at(1), drawCommand(t)) // whatever was there is gone
		require.NoError(t, back.Restore(iotest.OneByteReader(bytes.NewReader(b))))
		require.Equal(t, m.StateHash(), back.StateHash())
		require.Equal(t, back.RecomputeHash(), back.StateHash())
		require.Equal(t, m.AppendState(nil), back.AppendState(nil))
		require.Equal(t, b, snapshot(t, back))
		for range rapid.IntRange(0, 10).Draw(t, "more") {
			p++
			command := drawCommand(t)
			require.Equal(t, m.Apply(at(p), command), back.Apply(at(p), command))
			require.Equal(t, m.StateHash(), back.StateHash())
		}
		a, _ := m.EventsAfter(0, 100)
		c, _ := back.EventsAfter(0, 100)
		require.Equal(t, a, c)
	})
}

// A snapshot is written off the loop, while commands go on.
func TestACloneWritesWhatWasWhileTheOriginalGoesOn(t *testing.T) {
	m := New()
	for p := raft.Position(1); p <= 2000; p++ {
		say(m, p, fmt.Sprint("message ", p))
	}
	want := snapshot(t, m)
	clone := m.Clone().(*Machine)
	done := make(chan []byte)
	go func() {
		var b bytes.Buffer
		_ = clone.WriteSnapshot(&b)
		done <- b.Bytes()
	}()
	for p := raft.Position(2001); p <= 4000; p++ {
		say(m, p, fmt.Sprint("message ", p))
	}
	require.Equal(t, want, <-done)
	require.NotEqual(t, want, snapshot(t, m))
}

func TestBytesThatAreNoSnapshotAreRefusedAndChangeNothing(t *testing.T) {
	m := New()
	say(m, 5, "hi")
	say(m, 6, "ho")
	good := snapshot(t, m)
	edit := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(good)) }
	row := func(key string) []byte { return appendString(appendString(nil, key), "v") }
	for name, c := range map[string]struct {
		bytes []byte
		want  error
	}{
		"nothing":               {nil, state.ErrSnapshot},
		"a newer version":       {edit(func(b []byte) []byte { b[0]++; return b }), state.ErrVersion},
		"a table of the future": {[]byte{codecVersion, 200}, state.ErrVersion},
		"tables out of order":   {append([]byte{codecVersion, 2, 1, 0, 0, 0, 0, 0, 0, 0}, append(row("k"), 1)...), state.ErrSnapshot},
		"a table twice":         {append([]byte{codecVersion, 2, 1, 0, 0, 0, 0, 0, 0, 0}, append(row("k"), 2)...), state.ErrSnapshot},
		"a table without rows":  {append([]byte{codecVersion, 2, 0, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 17)...), state.ErrSnapshot},
		"rows out of order":     {append([]byte{codecVersion, 2, 2, 0, 0, 0, 0, 0, 0, 0}, append(row("l"), row("k")...)...), state.ErrSnapshot},
		"a row twice":           {append([]byte{codecVersion, 2, 2, 0, 0, 0, 0, 0, 0, 0}, append(row("k"), row("k")...)...), state.ErrSnapshot},
		"a row changed":         {edit(func(b []byte) []byte { b[30]++; return b }), state.ErrSnapshot},
		"the hash changed":      {edit(func(b []byte) []byte { b[len(b)-1]++; return b }), state.ErrSnapshot},
		"bytes behind":          {append(bytes.Clone(good), 0), state.ErrSnapshot},
		"a length without end":  {[]byte{codecVersion, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, state.ErrSnapshot},
	} {
		was := m.AppendState(nil)
		require.ErrorIs(t, m.Restore(bytes.NewReader(c.bytes)), c.want, name)
		require.Equal(t, was, m.AppendState(nil), name)
	}
	for i := range good {
		require.ErrorIs(t, New().Restore(bytes.NewReader(good[:i])), state.ErrSnapshot, "cut at %d", i)
	}
}

// The stream's own end says whether all of it was right; what comes before must not be believed
// without it.
func TestAnErrorOfTheReaderIsTheErrorOfRestore(t *testing.T) {
	m := New()
	b := snapshot(t, m)
	damaged := errors.New("damaged")
	require.ErrorIs(t, New().Restore(io.MultiReader(bytes.NewReader(b), iotest.ErrReader(damaged))), damaged)
	require.ErrorIs(t, New().Restore(io.MultiReader(bytes.NewReader(b[:20]), iotest.ErrReader(damaged))), damaged)
}

func TestAnErrorOfTheWriterEndsTheSnapshot(t *testing.T) {
	m := New()
	for p := raft.Position(1); p <= 2000; p++ {
		say(m, p, "a message of some length, so that there are several blocks of them")
	}
	full := errors.New("full")
	writes := 0
	err := m.WriteSnapshot(writerFunc(func(p []byte) (int, error) { writes++; return 0, full }))
	require.ErrorIs(t, err, full)
	require.Equal(t, 1, writes)
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// FuzzRestore: whatever bytes come, with a right hash at the end or not, Restore says yes or no;
// what it accepts is written as the same bytes, and a machine with such rows answers.
func FuzzRestore(f *testing.F) {
	m := New()
	say(m, 5, "hi")
	f.Add(snapshot(f, m), false)
	f.Add(snapshot(f, m), true)
	f.Add([]byte{codecVersion, 255}, true)
	s := newTape(DefaultLimits())
	s.acquire("ann", 0, "a", second)
	s.acquire("bob", 0, "b", time.Hour)
	s.lead(second)
	f.Add(snapshot(f, s.Machine), true)
	f.Fuzz(func(t *testing.T, src []byte, resum bool) {
		m := New()
		if resum {
			src = withHash(src)
		}
		if m.Restore(bytes.NewReader(src)) != nil {
			require.Equal(t, New().StateHash(), m.StateHash())
			return
		}
		require.Equal(t, src, snapshot(t, m))
		require.Equal(t, m.RecomputeHash(), m.StateHash())
		m.Query(AppendHistory(nil, History{Channel: GeneralChannel}))
		m.Query(AppendHistory(nil, History{Channel: GeneralChannel, Forward: true}))
		m.EventsAfter(0, 10)
		m.Query(AppendLocks(nil, Locks{}))
		m.Query(AppendLocks(nil, Locks{Name: "a"}))
		m.NextDeadline()
		later := node.Applied{Position: 1 << 39, Term: 7, Time: 1 << 40, Level: levelLocks, Principal: "ann"}
		m.Advance(later)
		m.Apply(later, AppendAcquire(nil, Acquire{Name: "a", TTL: second}))
		m.Apply(later, AppendRelease(nil, Release{Name: "a", Fence: 1 << 39}))
		say(m, 1<<40, "more")
		require.Equal(t, m.RecomputeHash(), m.StateHash())
	})
}

// withHash puts the right hash behind the rows, if they can be read.
func withHash(src []byte) []byte {
	if len(src) < 18 {
		return src
	}
	var t state.Tables
	r := reader{src: src[1 : len(src)-17]}
	for len(r.src) > 0 && !r.bad {
		id := state.Table(r.u8())
		for n := r.u64(); n > 0 && !r.bad; n-- {
			key, value := r.string(), []byte(r.string())
			if r.bad || id > state.TableAudit {
				return src
			}
			t.Write(id, key, value)
		}
	}
	hash := t.Hash()
	return appendU64(appendU64(src[:len(src)-16], hash[0]), hash[1])
}

func BenchmarkSnapshotOfAMillionMessages(b *testing.B) {
	limits := DefaultLimits()
	m := NewLimited(limits)
	for p := raft.Position(1); p <= 1e6; p++ {
		say(m, p, "a message of about one hundred bytes, as people write them when they have something to tell")
	}
	var buf bytes.Buffer
	b.Run("clone", func(b *testing.B) {
		for b.Loop() {
			m.Clone()
		}
	})
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf.Reset()
			if err := m.WriteSnapshot(&buf); err != nil {
				b.Fatal(err)
			}
		}
		b.SetBytes(int64(buf.Len()))
	})
	b.Run("restore", func(b *testing.B) {
		b.SetBytes(int64(buf.Len()))
		b.ReportAllocs()
		for b.Loop() {
			if err := New().Restore(bytes.NewReader(buf.Bytes())); err != nil {
				b.Fatal(err)
			}
		}
	})
}
