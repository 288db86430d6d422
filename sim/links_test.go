package sim

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
)

// linkWorld is a world of so many nodes in which nothing goes wrong but these lines.
func linkWorld(t testing.TB, nodes int, lines ...string) *Plan {
	core := make([]raft.NodeID, nodes)
	for i := range core {
		core[i] = raft.NodeID(i + 1)
	}
	p, err := Parse(fmt.Sprintf(`parley plan 1
seed 5
nodes %d
duration 14s
heal 8s core=%s
node election=250ms heartbeat=50ms segment=16384 loop=0s
limits append=0 inflight=0 uncommitted=0 idle=0s deliver=0 push=0 frames=0 snapshot=2000
link delay=300us spread=300us tail=0 tailmax=0s loss=0 duplicate=0 told=500 fifo=yes
disk write=20us..90us sync=100us..500us slow=0 slowmax=0s
client every=40ms pipeline=2 read=300 stale=100 text=64 patience=3s timeout=1s quit=0
client every=40ms pipeline=2 read=300 stale=100 text=64 patience=3s timeout=1s quit=0 anywhere=yes
subscriber stay=3s
%s
`, nodes, formatIDs(core), strings.Join(lines, "\n")))
	require.NoError(t, err)
	return p
}

// sound runs a plan in which no judge may speak.
func sound(t *testing.T, p *Plan) *Result {
	r := Run(p, Options{})
	if r.Violation != nil {
		require.Fail(t, r.Verdict(), "%s\n%s\n%s", r.Violation.Reason, r.Violation.Report, p.Format())
	}
	return r
}

// watched runs a plan and looks at the world after every event.
func watched(t *testing.T, p *Plan, look func(w *World)) *Result {
	w := newWorld(p, Options{})
	w.disturb = func() uint64 {
		look(w)
		return 0
	}
	w.runGuarded(true)
	r := w.result()
	require.Equal(t, "ok", r.Verdict(), "%+v", r.Violation)
	return r
}

const uploads = "uploader every=150ms bytes=8000 piece=1500 read=400 patience=3s timeout=800ms"

// Each fault of links bites, and the cluster lives through it.
func TestTheClusterLivesThroughEachFaultOfLinks(t *testing.T) {
	for _, c := range []struct {
		name  string
		nodes int
		lines []string
		count func(c *Cover) uint64
	}{
		{"one bit turns in a tenth of all messages", 3, []string{"fault at=1s corrupt rate=100 bits=1 for=6s"}, func(c *Cover) uint64 { return c.Corrupted }},
		{"two bits", 3, []string{"fault at=500ms corrupt rate=300 bits=2 for=7s"}, func(c *Cover) uint64 { return c.Corrupted }},
		{"three bits, on the way to one node", 3, []string{"fault at=1s corrupt to=2 rate=500 bits=3 for=6s"}, func(c *Cover) uint64 { return c.Corrupted }},
		{"bursts, in formation as well", 5, []string{"fault at=0s corrupt rate=300 for=7s"}, func(c *Cover) uint64 { return c.Corrupted }},
		{"all that leaves the leader is damaged", 3, []string{"fault at=2s corrupt rate=1000 bits=1 node=leader for=3s"}, func(c *Cover) uint64 { return c.Corrupted }},
		{"earlier messages come back", 3, []string{"fault at=1s substitute rate=150 for=6s"}, func(c *Cover) uint64 { return c.Substituted }},
		{"messages for others arrive, in formation as well", 5, []string{"fault at=0s substitute rate=300 for=6s"}, func(c *Cover) uint64 { return c.Strays }},
		{"the past comes back over restarts", 3, []string{"fault at=1s substitute rate=100 for=7s", "fault at=2s crash-process node=all for=100ms",
			"fault at=3s crash-machine node=leader for=50ms", "fault at=4s crash-process node=all for=10ms"}, func(c *Cover) uint64 { return c.Substituted }},
		{"a link is clogged", 3, []string{"fault at=2s clog from=1 to=2 for=2s", "fault at=2s clog from=2 to=1 for=3s"}, func(c *Cover) uint64 { return c.Clogged }},
		{"the leader is clogged", 5, []string{"fault at=2s clog node=leader for=2s"}, func(c *Cover) uint64 { return c.Clogged }},
		{"the network is clogged", 5, []string{"fault at=2s clog for=3s"}, func(c *Cover) uint64 { return c.Clogged }},
		{"links hold two messages", 3, []string{"fault at=1s capacity packets=2 for=6s"}, func(c *Cover) uint64 { return c.Overflowed }},
		{"the bulk lanes hold one", 3, []string{"bulk delay=5ms spread=2ms capacity=1", uploads}, func(c *Cover) uint64 { return c.BulkFull }},
		{"one link is slow", 3, []string{"fault at=2s slow from=1 to=2 factor=100 for=4s"}, func(c *Cover) uint64 { return c.Narrow }},
		{"a node loses most of what it says and hears", 5, []string{"fault at=2s loss node=leader rate=700 for=3s"}, func(c *Cover) uint64 { return c.Narrow }},
		{"a link flaps", 3, []string{"fault at=1s flap from=1 to=2 period=100ms for=6s"}, func(c *Cover) uint64 { return c.Flaps }},
		{"a node flaps with the election timeout", 5, []string{"fault at=1s flap node=leader period=500ms for=6s"}, func(c *Cover) uint64 { return c.Flaps }},
		{"a ring of majorities", 5, []string{"fault at=2s ring side=1,4,2,5,3 for=5s"}, func(c *Cover) uint64 { return c.Rings }},
		{"a bridge between halves", 5, []string{"fault at=2s bridge node=leader side=1,2 for=5s"}, func(c *Cover) uint64 { return c.Bridges }},
		{"a half that only hears", 5, []string{"fault at=2s oneway side=1,2 for=5s"}, func(c *Cover) uint64 { return c.Elections }},
		{"bulk is slow and the protocol overtakes it", 3, []string{"bulk delay=20ms spread=10ms capacity=0", uploads}, func(c *Cover) uint64 { return c.Overtaken }},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := linkWorld(t, c.nodes, c.lines...)
			r := sound(t, p)
			require.NotZero(t, c.count(&r.Cover))
			require.Equal(t, r.Hash, Run(p, Options{}).Hash)
			require.Greater(t, r.Ops, 50)
		})
	}
}

// What the checksum is sure to see must be all that the fault does: otherwise its judge would be unjust once in
// four billion times.
func TestWhatTurnsInAFrameIsOneToThreeBitsOrOneBurst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := make([]byte, rapid.IntRange(16, 200).Draw(t, "bytes"))
		count := rapid.Int64Range(0, flipsMax).Draw(t, "bits")
		turnBits(b, count, rapid.Uint64().Draw(t, "chance"))
		turned, first, last := 0, -1, 0
		for i, x := range b {
			turned += bits.OnesCount8(x)
			if x != 0 {
				if first < 0 {
					first = 8*i + bits.TrailingZeros8(x)
				}
				last = 8*i + bits.Len8(x) - 1
			}
		}
		if count > 0 {
			require.Equal(t, int(count), turned)
			return
		}
		require.GreaterOrEqual(t, turned, 2)
		require.Less(t, last-first, 32)
	})
}

// Nothing arrives over a clogged link, nothing of what it held is lost, and it arrives in order and at once.
func TestAClogHoldsEverythingAndLetsItGoInOneBurst(t *testing.T) {
	p := linkWorld(t, 3, "fault at=3s clog from=1 to=2 for=1s", "fault at=3500ms clog from=1 for=1s")
	var rec Recording
	r := Run(p, Options{Record: &rec})
	require.Equal(t, "ok", r.Verdict(), "%+v", r.Violation)
	at := map[uint64]time.Duration{}
	for _, e := range rec.Events {
		at[e.Number] = e.At
	}
	begin, end := 3*time.Second, 4500*time.Millisecond // the second clog covers the link for longer
	burst, missed, before := 0, 0, uint64(0)
	for _, m := range rec.Messages {
		if m.From != 1 || m.To != 2 || at[m.Sent] < begin || at[m.Sent] >= end {
			continue
		}
		switch {
		case m.Fate != FateArrived:
			missed++
		case at[m.Arrived] < end:
			require.Fail(t, "arrived", "at %s", at[m.Arrived])
		case at[m.Arrived] == end:
			burst++
			require.Greater(t, m.Arrived, before, "in the order in which they left")
			before = m.Arrived
		}
	}
	require.Zero(t, missed)
	require.Greater(t, burst, 5)
	cut := false
	for _, e := range rec.Events {
		cut = cut || slices.ContainsFunc(e.Links, func(c LinkChange) bool { return c == LinkChange{From: 1, To: 2, Cut: true} })
	}
	require.True(t, cut, "a page shows it")
}

// A heartbeat must never wait behind a snapshot, and pieces that come in order, in order.
func TestLanesKeepTheirOrderEachByItself(t *testing.T) {
	p := linkWorld(t, 3, "bulk delay=20ms spread=30ms capacity=0", uploads)
	var rec Recording
	r := Run(p, Options{Record: &rec})
	require.Equal(t, "ok", r.Verdict(), "%+v", r.Violation)
	type way struct {
		from, to raft.NodeID
		lane     laneKind
	}
	latest := map[way]uint64{}
	seen := [lanes]int{}
	for _, m := range rec.Messages {
		on := way{m.From, m.To, laneOf(m.Kind)}
		if m.Fate != FateArrived {
			continue
		}
		require.Greater(t, m.Arrived, latest[on], "%+v", m)
		latest[on] = m.Arrived
		seen[on.lane]++
	}
	require.Greater(t, seen[laneBulk], 100)
	require.Greater(t, seen[laneProtocol], 1000)
	require.NotZero(t, r.Cover.Overtaken)
}

// A link holds no more than it may, whatever else is wrong with it.
func TestALinkHoldsNoMoreThanItsCapacity(t *testing.T) {
	p := linkWorld(t, 3, "fault at=2s capacity packets=3 from=1 for=4s", "fault at=3s capacity packets=2 to=2 for=1s", "fault at=2500ms clog from=1 to=2 for=2s", uploads)
	most := int64(0)
	r := watched(t, p, func(w *World) {
		for on := range w.net.lanes {
			under := w.net.lanes[on][1][2].under
			require.GreaterOrEqual(t, under, int64(0))
			if now := time.Duration(w.now); now >= 3*time.Second && now < 4*time.Second {
				require.LessOrEqual(t, under, int64(3), "those that were under way stay")
			}
			most = max(most, under)
		}
	})
	require.NotZero(t, r.Cover.Overflowed)
	require.GreaterOrEqual(t, most, int64(3))
}

// The bulk lane's losses are nobody's news: in production nobody tells them either, and a protocol that counted
// on the word would stand still there.
func TestWhatTheBulkLaneLosesIsNotTold(t *testing.T) {
	p := linkWorld(t, 3)
	p.Link.Told = 1000
	w := newWorld(p, Options{})
	w.agenda = agenda{}
	for _, kind := range []raft.MessageKind{raft.MsgSnapshotChunk, raft.MsgBlob} {
		w.lost(kind, 1, 2)
		require.True(t, w.agenda.empty())
	}
	w.lost(raft.MsgAppend, 1, 2)
	require.Equal(t, eventPeerLost, w.agenda.pop().kind)
}

// In a ring each node sees a majority, itself included, and no two see the same.
func TestEachNodeOfARingSeesAnotherMajority(t *testing.T) {
	for n := ringMin; n <= nodesMax; n++ {
		p := linkWorld(t, n)
		w := newWorld(p, Options{})
		ring := slices.Clone(p.Core)
		slices.Reverse(ring[:n/2])
		w.cutRing(ring, 1)
		views := map[string]bool{}
		for _, a := range ring {
			var sees []raft.NodeID
			for b := raft.NodeID(1); int(b) <= n; b++ {
				require.Equal(t, w.net.open(a, b), w.net.open(b, a))
				if w.net.open(a, b) {
					sees = append(sees, b)
				}
			}
			require.Greater(t, 2*len(sees), n)
			require.Less(t, len(sees), n)
			views[formatIDs(sees)] = true
		}
		require.Len(t, views, n)
		w.cutRing(ring, -1)
		require.Equal(t, newWorld(p, Options{}).net.blocked, w.net.blocked)
	}
}

func TestOverABridgeOneNodeSeesBothHalves(t *testing.T) {
	p := linkWorld(t, 5)
	w := newWorld(p, Options{})
	w.cutBridge([]raft.NodeID{2}, []raft.NodeID{1, 2, 4}, 1)
	side := map[raft.NodeID]int{1: 1, 4: 1, 3: 2, 5: 2, 2: 0}
	for a := range side {
		for b := range side {
			require.Equal(t, side[a] == side[b] || side[a]*side[b] == 0, w.net.open(a, b), "%d to %d", a, b)
		}
	}
}

// Faults overlap and end in any order, and heal ends them all at once: then nothing of them may be left.
func TestFaultsOfLinksThatOverlapLeaveNothingBehind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Generate(rapid.Uint64Range(0, 1000).Draw(t, "seed"), 10*time.Second)
		g := &generator{chance: chance{rapid.Uint64().Draw(t, "chance")}, plan: p}
		s := g.stream(1)
		p.Faults = nil
		for range rapid.IntRange(1, 12).Draw(t, "faults") {
			kind := []FaultKind{Loss, Slow, Clog, Capacity, Corrupt, Substitute, Flap, OneWay, Ring, Bridge}[s.below(10)]
			f := g.bend(&s, kind, 1000)[0]
			f.Rate, f.Factor, f.Packets, f.Period = s.between(1, 900), s.between(1, 100), s.between(1, 9), 50*time.Millisecond
			if kind == Ring || kind == Bridge || kind == OneWay {
				f.Node, f.From, f.To = 0, 0, 0
				f.Side = g.shuffled(&s)[:1+s.below(uint64(p.Nodes-1))]
			}
			p.Faults = append(p.Faults, f)
		}
		fresh := newWorld(p, Options{})
		w := newWorld(p, Options{})
		w.agenda = agenda{}
		var under []int
		for step := range rapid.IntRange(1, 60).Draw(t, "steps") {
			w.now = int64(step) * int64(20*time.Millisecond)
			switch i := int(s.below(uint64(len(p.Faults)))); {
			case s.below(3) == 0:
				w.send(&raft.Message{Kind: raft.MsgHeartbeat, From: raft.Ident{ID: 1}, To: raft.Ident{ID: 2}})
			case w.live[i].on:
				w.lift(i)
				under = slices.DeleteFunc(under, func(j int) bool { return j == i })
			default:
				w.fault(&event{kind: eventFault, arg: uint64(i)})
				under = append(under, i)
			}
			for !w.agenda.empty() && w.agenda.next() <= w.now {
				e := *w.agenda.pop()
				switch e.kind {
				case eventMessage:
					w.arrive(&e)
				case eventFlap:
					w.flap(&e)
				}
			}
		}
		for _, i := range under {
			w.lift(i)
		}
		require.Equal(t, fresh.net.blocked, w.net.blocked)
		require.Equal(t, fresh.net.ways, w.net.ways)
		require.Empty(t, w.net.held)
		require.Equal(t, int64(1), w.net.slow)
	})
}

// A person who writes a line that does nothing, or something else than it says, is told.
func TestFaultsOfLinksThatMakeNoSenseAreRefused(t *testing.T) {
	good := linkWorld(t, 5).Format()
	for line, want := range map[string]string{
		"fault at=1s corrupt for=1s":                              "want rate=1 to 1000",
		"fault at=1s corrupt rate=10 bits=4 for=1s":               "no checksum promises",
		"fault at=1s substitute rate=1001 for=1s":                 "want rate=1 to 1000",
		"fault at=1s capacity for=1s":                             "want packets=",
		"fault at=1s flap node=1 for=1s":                          "want period=1ms or more",
		"fault at=1s ring side=1,2,3 for=1s":                      "at least 4 nodes",
		"fault at=1s bridge node=1 for=1s":                        "want side=",
		"fault at=1s bridge side=1,2 for=1s":                      "want node=",
		"fault at=1s clog node=1 to=2 for=1s":                     "name links by",
		"fault at=1s clog from=2 to=2 for=1s":                     "no link to itself",
		"fault at=1s oneway from=1 for=1s":                        "want from and to, or side",
		"fault at=1s clog to=9 for=1s":                            "no such node",
		"fault at=1s corrupt rate=10 bits=1 node=1 side=1 for=1s": "name links by",
	} {
		_, err := Parse(good + line + "\n")
		require.ErrorContains(t, err, want, line)
	}
	for _, line := range []string{
		"fault at=1s corrupt to=3 for=1s rate=10 bits=2",
		"fault at=1s substitute side=1,2 for=1s rate=10",
		"fault at=1s clog for=1s",
		"fault at=1s capacity from=1 to=2 for=1s packets=8",
		"fault at=1s flap node=leader for=1s period=200ms",
		"fault at=1s ring side=5,1,4,2,3 for=1s",
		"fault at=1s bridge node=3 side=1,2 for=1s",
		"fault at=1s loss from=2 for=1s rate=10",
	} {
		p, err := Parse(good + line + "\n")
		require.NoError(t, err)
		require.Contains(t, p.Format(), line+"\n")
	}
}

// A node that is taken out takes its links along, and what was about one link is never about all.
func TestTakingOutANodeNeverWidensAFaultOfLinks(t *testing.T) {
	p := linkWorld(t, 5,
		"fault at=1s clog from=2 to=3 for=1s", "fault at=1s clog to=2 for=1s", "fault at=1s clog from=3 for=1s",
		"fault at=1s ring side=5,2,4,1,3 for=1s", "fault at=1s ring side=5,2,4,1 for=1s", "fault at=1s flap node=2 for=1s period=10ms",
		"fault at=1s bridge node=1 side=2,4 for=1s")
	p.removeNode(2)
	var lines []string
	for i := range p.Faults {
		lines = append(lines, p.Faults[i].String())
	}
	require.Equal(t, []string{
		"fault at=1s clog from=2 for=1s",
		"fault at=1s ring side=4,3,1,2 for=1s",
		"fault at=1s bridge node=1 side=3 for=1s",
	}, lines)
}

// Whoever sends and receives must not allocate for faults that are not there: a run is ten million messages.
func TestSendingAllocatesNothingWhileNoFaultOfLinksIsOn(t *testing.T) {
	w := newWorld(linkWorld(t, 3, "fault at=1s clog for=1s", "fault at=1s corrupt rate=10 for=1s"), Options{})
	m := &raft.Message{Kind: raft.MsgHeartbeat, From: raft.Ident{ID: 1}, To: raft.Ident{ID: 2}}
	round := func() {
		w.agenda.keys, w.agenda.slots, w.agenda.free = w.agenda.keys[:0], w.agenda.slots[:0], w.agenda.free[:0]
		w.send(m)
		e := *w.agenda.pop()
		w.trace.buf = w.trace.buf[:0]
		w.arrive(&e) // at a node that is down
	}
	round()
	require.Zero(t, testing.AllocsPerRun(1000, round))
}

// Two runs that differ in nothing but what a message says are not the same. (A CRC of its frame would be: the frame ends with the message's.)
func TestTheTraceTellsMessagesOfOneLengthApart(t *testing.T) {
	traced := func(term raft.Term) string {
		w := newWorld(linkWorld(t, 3, "fault at=1s clog for=1s"), Options{})
		before := len(w.trace.buf)
		w.send(&raft.Message{Kind: raft.MsgHeartbeat, From: raft.Ident{ID: 1}, To: raft.Ident{ID: 2}, Term: term})
		for !w.agenda.empty() && len(w.trace.buf) == before {
			if e := *w.agenda.pop(); e.kind == eventMessage {
				w.arrive(&e)
			}
		}
		return string(w.trace.buf[before:])
	}
	require.Equal(t, traced(1), traced(1))
	require.NotEqual(t, traced(1), traced(2))
}

// Worlds of all kinds in which links do one thing to everything for as long as faults last. The past of all terms comes
// back, over restarts and changes of the membership: in such worlds a heartbeat of an earlier term once confirmed a read.
func TestWorldsInWhichLinksAreNeverWell(t *testing.T) {
	worlds := uint64(25)
	if testing.Short() || raceEnabled {
		worlds = 3
	}
	for _, c := range []struct {
		name  string
		fault Fault
	}{
		{"the past in a tenth of all messages", Fault{Kind: Substitute, Rate: 100}},
		{"the past in the place of what a node hears", Fault{Kind: Substitute, To: 2, Rate: 400}},
		{"turned bits in a tenth of all messages", Fault{Kind: Corrupt, Rate: 100, Bits: 3}},
		{"links that hold one message", Fault{Kind: Capacity, Packets: 1}},
		{"a link that flaps", Fault{Kind: Flap, From: 1, To: 2, Period: 70 * time.Millisecond}},
	} {
		t.Run(c.name, func(t *testing.T) {
			forEachSeed(30_001, 30_000+worlds, func(seed uint64) *Result {
				p := Generate(seed, 15*time.Second)
				c.fault.For = p.Heal
				p.Faults = append(p.Faults, c.fault)
				return Run(p, Options{})
			}, func(r *Result) {
				if r.Violation != nil {
					t.Errorf("seed %d: %s: %s\n%s", r.Seed, r.Verdict(), r.Violation.Reason, r.Violation.Report)
				}
			})
		})
	}
}
