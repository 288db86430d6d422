package blob

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
)

// The central property of the replicator, over lives with loss, doubling, reordering, delay, crashes of
// processes and machines, flipped bits, wiped directories, nodes that lag, and changes of the
// membership through learners and joint configurations. At any time: what is confirmed, and what is
// named or pinned, is durable on a majority. In the end, when a majority is connected: every
// member that runs has all that is wanted and nothing else, and knows that the others do.
func TestWhatIsConfirmedIsDurableOnAMajorityAndWhatIsWantedReachesEveryMember(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rapid.Uint64().Draw(t, "seed"), rapid.IntRange(3, 5).Draw(t, "voters"))
		w.lossPercent = rapid.IntRange(0, 40).Draw(t, "loss in percent")
		require.NoError(t, w.story(rapid.IntRange(1, 40).Draw(t, "acts")))
	})
}

// A world in which nothing of this happens proves nothing.
func TestTheWorldShowsWhatItIsMadeFor(t *testing.T) {
	t.Parallel()
	sum := map[string]int{}
	for seed := range uint64(40) {
		w := newWorld(seed, 3)
		require.NoError(t, w.story(40), "seed %d", seed)
		for k, v := range w.stats {
			sum[k] += v
		}
	}
	for _, what := range []string{
		"confirmed", "removed", "rot", "wiped", "added", "joint", "joint ended", "left down", "promotion refused", "replacement refused",
		"pin: done", "pin: " + CodeStale.String(), "pin: " + CodeChanged.String(), "failed: " + FailedNotHeld.String(),
	} {
		require.NotZero(t, sum[what], what)
	}
}

// The same seed tells the same story, to the last byte of every node's state.
func TestTheSameSeedTellsTheSameStory(t *testing.T) {
	t.Parallel()
	tell := func() []byte {
		w := newWorld(7, 3)
		require.NoError(t, w.story(30))
		var state []byte
		for _, n := range w.nodes {
			state = n.rep.AppendState(state)
		}
		return state
	}
	require.True(t, bytes.Equal(tell(), tell()))
}

// A clone in the middle of a life goes on like its original, and leaves it alone.
func TestACloneGoesOnLikeItsOriginal(t *testing.T) {
	t.Parallel()
	w := newWorld(11, 3)
	steps := 0
	w.tamperInput = func(n *wnode, in *Input) bool {
		before := n.rep.AppendState(nil)
		c := n.rep.Clone()
		require.True(t, bytes.Equal(before, c.AppendState(nil)))
		var out Output
		out.Reset()
		c.Step(w.now, []Input{*in}, &out)
		require.True(t, bytes.Equal(before, n.rep.AppendState(nil)), "the original stays")
		o := n.rep.Clone()
		var again Output
		again.Reset()
		o.Step(w.now, []Input{*in}, &again)
		require.Equal(t, out, again)
		require.True(t, bytes.Equal(c.AppendState(nil), o.AppendState(nil)))
		steps++
		return true
	}
	for range 30 {
		w.act()
		require.NoError(t, w.run(2*time.Second))
	}
	require.Greater(t, steps, 1000)
}

// Each planted mistake is one that a careless replicator, executor or node could make. The judges
// must find it, or they are worth nothing.
func TestTheJudgesFindPlantedMistakes(t *testing.T) {
	t.Parallel()
	for _, mistake := range []struct {
		name   string
		voters int
		plant  func(w *world)
		found  string
	}{
		{"acknowledges before the blob is durable", 3, func(w *world) {
			// The executor says "committed" when the bytes are written, and commits a second later.
			w.tamperDo = func(n *wnode, op Op, do func() Done) Done {
				if op.Kind != OpCommit {
					return do()
				}
				run := n.run
				w.after(time.Second, func() error {
					if n.run == run {
						do()
						n.durable = nil
					}
					return nil
				})
				p := n.store.partOf(op.Sum)
				if p == nil {
					return do()
				}
				return Done{Op: op, Held: Held{Sum: op.Sum, Size: p.size, Gen: n.store.gen + 1}}
			}
		}, "are durable"},
		{"counts a learner", 4, func(w *world) {
			w.tamperInput = func(_ *wnode, in *Input) bool {
				if in.Kind == InputMembers {
					c := in.Config.Clone()
					for i := range c.Members {
						c.Members[i].Voter = c.Members[i].Voter || !c.Joint()
					}
					in.Config = &c
				}
				return true
			}
		}, "are durable"},
		{"forgets the outgoing half of a joint configuration", 3, func(w *world) {
			w.tamperInput = func(_ *wnode, in *Input) bool {
				if in.Kind == InputMembers {
					c := in.Config.Clone()
					for i := range c.Members {
						c.Members[i].VoterOld = false
					}
					in.Config = &c
				}
				return true
			}
		}, "are durable"},
		{"collects what is pinned", 3, func(w *world) {
			w.tamperInput = func(_ *wnode, in *Input) bool { return in.Kind != InputWant }
		}, "are durable"},
		{"keeps no promise of the process before", 3, func(w *world) {
			w.tamperInput = func(n *wnode, in *Input) bool {
				if in.Kind == InputReset {
					n.rep.caughtUp = true
				}
				return true
			}
		}, "are durable"},
		{"never collects", 3, func(w *world) {
			w.tamperInput = func(_ *wnode, in *Input) bool { return in.Kind != InputCaughtUp }
		}, "in the end"},
		{"loses what it is told to want", 3, func(w *world) {
			w.tamperInput = func(n *wnode, in *Input) bool {
				return in.Kind != InputWant || raft.Mix(uint64(n.who.ID), uint64(in.Position))%4 != 0
			}
		}, ""},
		{"takes the disk's word for content that it did not check", 3, func(w *world) {
			w.tamperDo = func(n *wnode, op Op, do func() Done) Done {
				d := do()
				if op.Kind == OpVerify || op.Kind == OpRead {
					d.Fault, d.Err = FaultNone, nil
					if d.Offset == 0 {
						d.Offset = 1 << 30
					}
				}
				return d
			}
		}, "in the end"},
	} {
		t.Run(strings.ReplaceAll(mistake.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(150) {
				w := newWorld(seed, mistake.voters)
				mistake.plant(w)
				if err := w.story(40); err != nil {
					require.ErrorContains(t, err, mistake.found)
					t.Logf("seed %d, %v after the start: %v", seed, time.Duration(w.now), err)
					return
				}
			}
			t.Fatal("nobody noticed")
		})
	}
}
