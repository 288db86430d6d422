package node

import (
	"bytes"
	"encoding/binary"
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
	"parley/raft/blob"
	"parley/raft/snap"
	"parley/raft/vfs/memfs"
)

// stateNode is a node as far as its replicated state goes, with a log to apply to it.
type stateNode struct {
	Node
	toy *toy
}

var stateRules = Rules{SessionIdleMax: 100, UnusedIdleMax: 40, SessionsMax: 8, WindowMax: 4, ReplyBytesMax: 60, PrincipalBytesMax: 4,
	Blobs: blob.Rules{PinFor: 60, PinsMax: 2}}

func newStateNode(rules Rules) *stateNode {
	n := &stateNode{toy: &toy{}}
	n.settings.Rules = rules.withDefaults()
	n.settings.MaxLevel = 9
	n.sessions, n.requests, n.level, n.sm = newSessions(n.settings.Rules), newRequests(n.settings.Rules), 1, n.toy
	n.pins = newPins(n.settings.Rules)
	return n
}

// entry applies one entry.
func (n *stateNode) entry(pass time.Duration, kind raft.EntryKind, payload []byte) Answer {
	e := raft.Entry{Index: n.applied + 1, Term: 1, Time: n.logTime.Add(pass), Kind: kind, Payload: payload}
	n.applied, n.logTime = e.Index, e.Time
	n.out = &Output{}
	n.sessions.expire(e.Time)
	n.requests.expire(e.Time)
	n.pins.expire(e.Time)
	return n.execute(&e)
}

func (n *stateNode) open(pass time.Duration, nonce uint64, principal string) Answer {
	return n.entry(pass, raft.EntryCommand, encodeOpen(nonce, principal))
}

func (n *stateNode) do(pass time.Duration, id SessionID, seq, acked uint64, body string) Answer {
	return n.entry(pass, raft.EntryCommand, encodeCommand(&Command{Session: id, Seq: seq, AckedBelow: acked, Body: []byte(body)}))
}

func written(t require.TestingT, s *State) []byte {
	var b bytes.Buffer
	require.NoError(t, s.Write(&b))
	return b.Bytes()
}

// restored returns a node in the state that was read.
func restored(t require.TestingT, src []byte, rules Rules) *stateNode {
	n := newStateNode(rules)
	s, err := ReadState(iotest.OneByteReader(bytes.NewReader(src)), n.toy, rules)
	require.NoError(t, err)
	n.applied, n.logTime, n.level, n.sessions, n.requests, n.pins = s.Applied(), s.LogTime(), s.Level(), s.sessions, s.requests, s.pins
	_, hash := n.StateHash()
	require.Equal(t, hash, s.Hash())
	require.Equal(t, n.sessions.rehash(), n.sessions.hash)
	return n
}

// act draws an entry, sensible or not, and applies it to each of the nodes: all answer alike.
func act(t *rapid.T, nodes ...*stateNode) {
	pass := time.Duration(rapid.SampledFrom([]int{0, 0, 0, 1, 7, 30, 120}).Draw(t, "pass"))
	id := SessionID(rapid.Uint64Range(1, uint64(nodes[0].applied)+1).Draw(t, "session"))
	nonce := rapid.Uint64Max(12).Draw(t, "nonce")
	seq, acked := rapid.Uint64Max(6).Draw(t, "seq"), rapid.Uint64Max(4).Draw(t, "acked")
	principal := rapid.SampledFrom([]string{"", "ann", "bo"}).Draw(t, "principal")
	body := rapid.SampledFrom([]string{"", "a", "much longer"}).Draw(t, "body")
	kind := rapid.IntRange(0, 13).Draw(t, "kind")
	var first Answer
	for i, n := range nodes {
		var a Answer
		switch kind {
		case 0, 1, 2:
			a = n.open(pass, nonce, principal)
		case 3:
			a = n.entry(pass, raft.EntryCommand, encodeClose(id, nonce))
		case 4:
			a = n.entry(pass, raft.EntryClock, nil)
		case 5:
			a = n.entry(pass, raft.EntryLevel, AppendLevel(nil, 2))
		case 6, 7:
			a = n.entry(pass, raft.EntryCommand, encodeRequest(&Command{Principal: principal, RequestID: body, Digest: DigestOf(fmt.Sprint(seq)), Body: []byte(body)}))
		case 8, 9:
			c := blob.Confirmation{Sum: blob.SumOf([]byte(body)), Size: int64(len(body)), Config: raft.Index(seq / 5), NotAfter: raft.LogTime(nonce * 100)}
			a = n.entry(pass, raft.EntryCommand, encodePin(nonce, &c, principal))
		default:
			a = n.do(pass, id, seq, acked, body)
		}
		if a.Reply = bytes.Clone(a.Reply); len(a.Reply) == 0 {
			a.Reply = nil
		}
		if i == 0 {
			first = a
		}
		require.Equal(t, first, a)
		at, hash := n.StateHash()
		want, wantHash := nodes[0].StateHash()
		require.Equal(t, want, at)
		require.Equal(t, wantHash, hash)
		a1, ok1 := nodes[0].sessions.nextDeadline()
		a2, ok2 := n.sessions.nextDeadline()
		require.Equal(t, ok1, ok2)
		require.Equal(t, a1, a2)
	}
}

// What a node does after a restore must be what it would have done without: who is known, what was
// answered, who expires next.
func TestAnyStateComesBackAndGoesOnAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newStateNode(stateRules)
		for range rapid.IntRange(0, 60).Draw(t, "before") {
			act(t, n)
		}
		b := written(t, n.Freeze())
		back := restored(t, b, stateRules)
		require.Equal(t, b, written(t, back.Freeze()))
		require.Equal(t, n.sessions.used, back.sessions.used)
		require.Equal(t, n.sessions.bytes, back.sessions.bytes)
		for range rapid.IntRange(0, 60).Draw(t, "after") {
			act(t, n, back)
			require.Equal(t, back.sessions.rehash(), back.sessions.hash)
			require.Equal(t, back.pins.rows.rehash(), back.pins.rows.hash)
		}
		require.Equal(t, written(t, n.Freeze()), written(t, back.Freeze()))
	})
}

func TestAFrozenStateAndAClonedTableAreUntouchedByWhatComesAfter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newStateNode(stateRules)
		var states []*State
		var want [][]byte
		for range rapid.IntRange(0, 100).Draw(t, "entries") {
			switch rapid.IntRange(0, 8).Draw(t, "freeze") {
			case 0:
				s := n.Freeze()
				states, want = append(states, s), append(want, written(t, s))
				_, hash := n.StateHash()
				require.Equal(t, hash, s.Hash())
				require.Equal(t, hash, s.recompute())
			case 1:
				was := n.sessions
				n.sessions = was.clone()
				was.expire(1 << 62)
			}
			act(t, n)
			require.Equal(t, n.sessions.rehash(), n.sessions.hash)
		}
		for i, s := range states {
			require.Equal(t, want[i], written(t, s))
		}
	})
}

// The whole way of a snapshot: made by one node, sent to another one, and read there.
func TestAStateGoesThroughASnapshotFileAndAcrossTheWire(t *testing.T) {
	n := sampleState()
	state := n.Freeze()
	options := snap.Options{Cluster: 5, ChunkBytes: 64}
	from, err := snap.Open(memfs.New(1), "snap", options)
	require.NoError(t, err)
	base := raft.Base{Entry: raft.EntryID{Index: state.Applied(), Term: 1}, Time: state.LogTime(), Config: record}
	info, err := from.Create(base, state.Hash(), state.Write)
	require.NoError(t, err)

	to, err := snap.Open(memfs.New(2), "snap", options)
	require.NoError(t, err)
	p, err := to.Resume(info.ID)
	require.NoError(t, err)
	for !p.Complete() {
		pieces, err := from.ReadChunk(info, p.Have(), 100)
		require.NoError(t, err)
		require.NoError(t, p.Append(p.Have(), pieces))
	}
	got, err := p.Finish()
	require.NoError(t, err)
	require.Equal(t, info, got)
	r, err := to.Reader(got)
	require.NoError(t, err)
	back := newStateNode(Rules{})
	read, err := ReadState(r, back.toy, Rules{})
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Equal(t, Hash(got.Hash), read.Hash())
	require.Equal(t, written(t, state), written(t, read))
	require.Equal(t, n.toy.lines, back.toy.lines)
}

// Sessions of many pages, whose lists run through all of them.
func TestTablesThatShareTheirPagesGoTheirOwnWays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const sessions = 3 * pageSlots
		full := func() *stateNode {
			n := newStateNode(Rules{SessionIdleMax: 100, UnusedIdleMax: 40})
			for i := range uint64(sessions) {
				if id := n.open(0, i, "").Session; i%3 > 0 {
					n.do(0, id, 1, 1, "x")
				}
			}
			return n
		}
		a, alone := full(), [2]*stateNode{full(), full()}
		b := *a
		b.toy = a.toy.Clone().(*toy)
		b.sm, b.sessions = b.toy, a.sessions.clone()
		both := [2]*stateNode{a, &b}
		var ids []SessionID // those whose neighbours are in another page, and some more
		for slot := range a.sessions.each {
			if in := slot % pageSlots; in < 4 || in > pageSlots-4 {
				ids = append(ids, a.sessions.slots.at(slot).id)
			}
		}
		for range rapid.IntRange(0, 40).Draw(t, "entries") {
			side := rapid.IntRange(0, 1).Draw(t, "side")
			id := rapid.SampledFrom(ids).Draw(t, "session")
			seq := rapid.Uint64Range(1, 3).Draw(t, "seq")
			pass := time.Duration(rapid.SampledFrom([]int{0, 0, 1, 20}).Draw(t, "pass"))
			for _, n := range [2]*stateNode{both[side], alone[side]} {
				n.do(pass, id, seq, max(1, seq-1), "y")
			}
		}
		for side := range both {
			require.Equal(t, written(t, alone[side].Freeze()), written(t, both[side].Freeze()))
			for _, n := range [2]*stateNode{both[side], alone[side]} {
				n.entry(70, raft.EntryClock, nil)
			}
			require.Equal(t, written(t, alone[side].Freeze()), written(t, both[side].Freeze()))
		}
	})
}

// The race detector sees whether what is frozen shares anything that changes.
func TestAStateIsWrittenByAnotherGoroutineWhileTheNodeGoesOn(t *testing.T) {
	n := newStateNode(Rules{})
	for i := range uint64(300) {
		id := n.open(1, i, "ann").Session
		for _, seq := range []uint64{1, 3, 4} { // three replies in memory for four
			n.do(1, id, seq, 1, "some words")
		}
	}
	state := n.Freeze()
	want := written(t, n.Freeze())
	done := make(chan []byte)
	go func() {
		var b bytes.Buffer
		_ = state.Write(&b)
		done <- b.Bytes()
	}()
	for i := range uint64(300) {
		id := SessionID(1 + 4*i)
		n.do(1, id, 2, 1, "in between")
		n.do(1, id, 5, 1+i%4, "more words")
		n.open(1, 1000+i, "bo")
	}
	require.Equal(t, want, <-done)
}

func TestAllNodesOfAClusterWriteTheSameBytes(t *testing.T) {
	c := formed(t, 3)
	s := c.leader().open(1)
	for i := range uint64(20) {
		c.leader().do(command(s, i+1, fmt.Sprint("line ", i)))
	}
	c.advance(2 * time.Second)
	want := written(t, c.leader().node.Freeze())
	for _, m := range c.members {
		require.Equal(t, want, written(t, m.node.Freeze()))
	}
	state, err := ReadState(bytes.NewReader(want), &toy{}, c.settings.Rules)
	require.NoError(t, err)
	at, hash := c.leader().node.StateHash()
	require.Equal(t, at, positionOf(state.Applied()))
	require.Equal(t, hash, state.Hash())
}

// sampleState has a session of each kind, a kept reply, and a line in the machine.
func sampleState() *stateNode {
	n := newStateNode(Rules{})
	a := n.open(1, 0xaa, "ann").Session
	n.open(1, 0xbb, "")
	n.do(1, a, 2, 2, "hi")
	n.level = 3
	return n
}

// The bytes stand in snapshots, which outlive releases.
func TestAStateIsTheseBytes(t *testing.T) {
	u := func(v uint64) string { return hex.EncodeToString(binary.LittleEndian.AppendUint64(nil, v)) }
	n := sampleState()
	_, h := n.StateHash()
	require.Equal(t, Hash{0x8283c2af6c2c0acb, 0xb223defa5e60964a}, h)
	require.Equal(t, "01"+
		"01"+u(36)+u(3)+u(3)+"03000000"+u(h[0])+u(h[1])+
		"02"+u(111)+
		"01000000"+u(2)+u(0xbb)+u(2)+u(1)+"00000000"+
		"01000000"+u(1)+u(0xaa)+u(3)+u(2)+"03000000"+"616e6e"+
		"01000000"+u(2)+u(3)+"04000000"+"313a6869"+
		"ff"+
		u(1)+u(3)+u(2)+"6869"+u(n.toy.hash[0])+u(n.toy.hash[1]),
		hex.EncodeToString(written(t, n.Freeze())))
}

func TestAStateWithoutSessionsHasNoSectionForThem(t *testing.T) {
	n := newStateNode(Rules{})
	n.entry(1, raft.EntryNoop, nil)
	b := written(t, n.Freeze())
	require.Equal(t, byte(sectionMachine), b[1+9+clockSectionBytes])
	restored(t, b, Rules{})
}

func TestBytesThatAreNoStateAreRefused(t *testing.T) {
	const clockAt, sessionsAt = 1, 1 + 9 + clockSectionBytes
	const listAt = sessionsAt + 9
	le := binary.LittleEndian
	for name, c := range map[string]struct {
		spoil func(b []byte) []byte
		want  error
	}{
		"a newer version":           {func(b []byte) []byte { b[0]++; return b }, ErrStateVersion},
		"a section of the future":   {func(b []byte) []byte { b[sessionsAt] = 77; return b }, ErrStateVersion},
		"no clock":                  {func(b []byte) []byte { return append(b[:1], b[sessionsAt:]...) }, ErrState},
		"the clock twice":           {func(b []byte) []byte { b[sessionsAt] = sectionClock; return b }, ErrState},
		"section 0":                 {func(b []byte) []byte { b[clockAt] = 0; return b }, ErrState},
		"a section too short":       {func(b []byte) []byte { b[sessionsAt+1]--; return b }, ErrState},
		"a section too long":        {func(b []byte) []byte { b[sessionsAt+1]++; return b }, ErrState},
		"a section without end":     {func(b []byte) []byte { le.PutUint64(b[sessionsAt+1:], 1<<63); return b }, ErrState},
		"level 0":                   {func(b []byte) []byte { b[clockAt+9+16] = 0; return b }, ErrState},
		"another hash":              {func(b []byte) []byte { b[clockAt+9+20]++; return b }, ErrState},
		"another nonce":             {func(b []byte) []byte { b[listAt+12]++; return b }, ErrState},
		"a session from the future": {func(b []byte) []byte { b[listAt+4] = 9; return b }, ErrState},
		"session 0":                 {func(b []byte) []byte { b[listAt+4] = 0; return b }, ErrState},
		"a session twice":           {func(b []byte) []byte { b[listAt+4] = 1; return b }, ErrState},
		"a nonce twice":             {func(b []byte) []byte { b[listAt+12] = 0xaa; b[listAt+48+8] = 0xaa; return b }, ErrState},
		"used in the future":        {func(b []byte) []byte { b[listAt+20] = 9; return b }, ErrState},
		"nothing acknowledged":      {func(b []byte) []byte { b[listAt+28] = 0; return b }, ErrState},
		"a principal without end":   {func(b []byte) []byte { le.PutUint32(b[listAt+36:], 1<<31); return b }, ErrState},
		"a seq below the window":    {func(b []byte) []byte { b[listAt+40+4+24] = 3; return b }, ErrState},
		"bytes behind":              {func(b []byte) []byte { return append(b, 0) }, nil},
		"an empty section":          {func(b []byte) []byte { return append(append(b[:sessionsAt], 2, 0, 0, 0, 0, 0, 0, 0, 0), 255) }, ErrState},
		"a section for no sessions": {func(b []byte) []byte {
			return append(append(b[:sessionsAt], 2, 8, 0, 0, 0, 0, 0, 0, 0), make([]byte, 8)...)
		}, ErrState},
		"more sessions than the rule": {func(b []byte) []byte { return b }, ErrState},
	} {
		rules := Rules{}
		if name == "more sessions than the rule" {
			rules.SessionsMax = 1
		}
		_, err := ReadState(bytes.NewReader(c.spoil(written(t, sampleState().Freeze()))), &toy{}, rules)
		require.Error(t, err, name)
		if c.want != nil {
			require.ErrorIs(t, err, c.want, name)
		}
	}
	good := written(t, sampleState().Freeze())
	for i := range good {
		_, err := ReadState(bytes.NewReader(good[:i]), &toy{}, Rules{})
		require.Error(t, err, "cut at %d", i)
	}
	lazy := sampleState()
	lazy.sm = nothing{}
	_, err := ReadState(bytes.NewReader(append(written(t, lazy.Freeze()), 0)), nothing{}, Rules{})
	require.ErrorIs(t, err, ErrState, "a machine that leaves bytes over")
	damaged := errors.New("damaged")
	for _, n := range []int{0, 1, 40, len(good)} {
		_, err := ReadState(io.MultiReader(bytes.NewReader(good[:n]), iotest.ErrReader(damaged)), &toy{}, Rules{})
		require.ErrorIs(t, err, damaged, "the reader's own error after %d bytes", n)
	}
}

// One reply may go beyond the bound; whatever order it is read in, the state is a right one.
func TestAStateWhoseLastReplyWentBeyondTheBoundIsRead(t *testing.T) {
	rules := Rules{ReplyBytesMax: 10}
	n := newStateNode(rules)
	a, b := n.open(1, 1, "").Session, n.open(1, 2, "").Session
	n.do(1, a, 1, 1, "123")
	n.do(1, b, 1, 1, string(make([]byte, 100)))
	n.do(1, a, 1, 1, "123") // used last, and so read last
	require.Greater(t, n.sessions.bytes, 100)
	restored(t, written(t, n.Freeze()), rules)
	require.Equal(t, CodeBusy, n.do(1, a, 2, 1, "4").Code)
}

// FuzzReadState: any bytes, with a right state hash or not, are read or refused; what is accepted
// is written as the same bytes and can go on.
func FuzzReadState(f *testing.F) {
	f.Add(written(f, sampleState().Freeze()), false)
	f.Add(written(f, sampleState().Freeze()), true)
	f.Fuzz(func(t *testing.T, src []byte, resum bool) {
		rules := stateRules
		rules.PrincipalBytesMax, rules.ReplyBytesMax = 100, 1000
		if resum {
			src = withStateHash(src, rules)
		}
		n := newStateNode(rules)
		s, err := ReadState(bytes.NewReader(src), n.toy, rules)
		if err != nil {
			return
		}
		require.Equal(t, src, written(t, s))
		n.applied, n.logTime, n.level, n.sessions, n.requests, n.pins = s.Applied(), s.LogTime(), s.Level(), s.sessions, s.requests, s.pins
		if n.applied > 1<<40 || n.logTime > 1<<40 {
			return
		}
		n.open(1, 5, "eve")
		for id := SessionID(1); id < 5; id++ {
			n.do(1, id, 2, 1, "more")
		}
		n.entry(1000, raft.EntryClock, nil)
		require.Equal(t, n.sessions.rehash(), n.sessions.hash)
		require.Zero(t, n.sessions.used)
	})
}

// withStateHash puts the right hash into a state, if the rest of it can be read.
func withStateHash(src []byte, rules Rules) []byte {
	const at = 1 + 9 + 20
	rules = rules.withDefaults()
	s := &State{sessions: newSessions(rules), requests: newRequests(rules), pins: newPins(rules), sm: &toy{}}
	in := newSource(bytes.NewReader(src))
	in.u8()
	if s.readSections(&in) != nil || s.sm.Restore(&in) != nil || len(src) < at+16 {
		return src
	}
	h := s.recompute()
	src = bytes.Clone(src)
	binary.LittleEndian.PutUint64(src[at:], h[0])
	binary.LittleEndian.PutUint64(src[at+8:], h[1])
	return src
}

// A full table: 65,536 sessions, each with one kept reply of 100 bytes.
func BenchmarkFreezeOfAFullTable(b *testing.B) {
	n := newStateNode(Rules{})
	n.sm = nothing{}
	var ids []SessionID
	for i := range uint64(1 << 16) {
		id := n.open(1, i, "somebody").Session
		slot, _, _ := n.sessions.begin(n.logTime, &envelope{session: id, seq: 1, ackedBelow: 1})
		n.sessions.finish(slot, 1, positionOf(n.applied), make([]byte, 100))
		ids = append(ids, id)
	}
	b.Run("freeze", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n.Freeze()
		}
	})
	use := func(freeze bool) func(b *testing.B) {
		return func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if freeze && i%len(ids) == 0 {
					n.sessions.freeze()
				}
				n.sessions.use(n.sessions.byID[ids[i*7919%len(ids)]], n.logTime, 0)
			}
		}
	}
	b.Run("use", use(false))
	b.Run("use after a freeze", use(true))
	b.Run("deep copy", func(b *testing.B) {
		for b.Loop() {
			c := n.sessions.freeze()
			for slot := range c.each {
				e := c.slots.own(slot)
				c.ownReplies(e)
			}
		}
	})
	state := n.Freeze()
	var buf bytes.Buffer
	b.Run("write", func(b *testing.B) {
		for b.Loop() {
			buf.Reset()
			if err := state.Write(&buf); err != nil {
				b.Fatal(err)
			}
		}
		b.SetBytes(int64(buf.Len()))
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(buf.Len()))
		for b.Loop() {
			if _, err := ReadState(bytes.NewReader(buf.Bytes()), nothing{}, Rules{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
