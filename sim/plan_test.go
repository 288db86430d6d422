package sim

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A plan that does not survive being printed and read again could not be replayed.
func TestPlansReadBackAsTheyWereWritten(t *testing.T) {
	for seed := range uint64(500) {
		p := Generate(seed, time.Minute)
		again, err := Parse(p.Format())
		require.NoError(t, err)
		require.Equal(t, p, again, "seed %d", seed)
		require.Equal(t, p.Format(), again.Format())
	}
}

// What a seed draws is what a person may write: whoever prints the plan of any seed can run it, and shrink it. And the good times are good.
func TestThePlanOfEverySeedIsOneThatCanBeRun(t *testing.T) {
	t.Parallel() // one thread does it
	last := uint64(3000)
	if testing.Short() || raceEnabled {
		last = 1100
	}
	for seed := range last {
		for _, duration := range []time.Duration{10 * time.Second, 20 * time.Second, time.Minute} {
			p := Generate(seed, duration)
			require.NoError(t, p.check(), "seed %d of %s", seed, duration)
			for i := range p.Faults {
				require.Less(t, p.Faults[i].At, p.Heal, "seed %d of %s: %s", seed, duration, &p.Faults[i])
			}
		}
	}
}

// What a person may write and no seed draws reads back as well.
func TestEveryFieldOfADiskFaultReadsBackAsItWasWritten(t *testing.T) {
	p := Generate(1, time.Minute)
	p.Lost = true
	p.Faults = append(p.Faults, Fault{At: time.Second, Kind: Rot, Node: NodeAll, File: FileBlob, Off: 8200, Bits: 3, Index: 17, Beyond: true})
	again, err := Parse(p.Format())
	require.NoError(t, err)
	require.Equal(t, p, again)
	require.Contains(t, p.Format(), "\nfault at=1s rot node=all file=blob off=8200 bits=3 index=17 beyond=yes\n")
}

func TestDurationsReadBackAsTheyWereWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Range(-1e15, 1e15).Draw(t, "d"))
		again, ok := parseDuration(formatDuration(d))
		require.True(t, ok, formatDuration(d))
		require.Equal(t, d, again)
	})
}

// A person edits plans; a slip must be named, not swallowed.
func TestAMistakeInAPlanIsNamedWithItsLine(t *testing.T) {
	good := Generate(1, time.Minute).Format()
	for _, c := range []struct{ line, want string }{
		{"fault at=1s isolte node=1 for=2s", "unknown word"},
		{"fault at=1s isolate node=1 fro=2s", "unknown field \"fro\""},
		{"fault at=1x isolate node=1", "no duration"},
		{"fault at=1s isolate for=1s", "want node="},
		{"fault at=1s isolate node=99 for=1s", "no such node"},
		{"fault at=1s rot node=1 file=lgo", "unknown word"},
		{"fault at=1s rot node=1 bits=99", "at most 8 bits"},
		{"fault at=1s pause node=1 beyond=yes", "destroys nothing"},
		{"fault at=1s stall node=1 file=blob for=1s", "want file=log"},
		{"expect rain", "unknown word"},
		{"speed 9", "unknown word"},
		{"fault at=1s corrupt-state node=all", "want one node"},
		{"fault at=1s upgrade node=leader", "want the number"},
		{"old 99", "old names node 99"},
		{"old 1 level=99", "want an older one"},
		{"requests max=3", "there must be an age="},
		{"requests age=1s", "must not outlive"},
		{"duration 60s", `there is a line "duration" already, line 4`},
		{"clock 1 ppm=3", "two lines clock 1"},
		{"clock 9 ppm=3", "no such node"},
		{"client every=40ms every=50ms pipeline=1 patience=1s timeout=1s", `field "every" is there twice`},
		{"client every=1ns pipeline=1 patience=1s timeout=1s", "every= (1ms or more)"},
		{"client every=1s pipeline=1 patience=1s timeout=1s anywhere=maybe", "want yes or no"},
		{"client every=1s pipeline=1 patience=1s timeout=1s text=99999", "at most 16384 bytes"},
		{"client every=-1s pipeline=1 patience=1s timeout=1s", "want a duration from 0s on"},
		{"client every=1s pipeline=9223372036854775807 patience=1s timeout=1s", "want at most"},
		{"subscriber stay=0s", "stay= (1ms or more)"},
		{"subscriber stay=9000000000s", "want at most"},
		{"uploader every=", `field "every" has no value`},
		{"fault at=1s isolate node=4294967295 for=1s", "no number of a node"}, // the leader's, in 32 bits
		{"fault at=1s split side=1,1 for=1s", "node 1 is there twice"},
		{"locks max=-1", "from 0 on"},
	} {
		_, err := Parse(good + c.line + "\n")
		require.ErrorContains(t, err, c.want, c.line)
	}
	for was, is := range map[string]string{
		"core=1,2,3,4,5": "core=1,1,1", "sync=539us..4.312ms": "sync=5ms..1ms", "clock 2 ppm=0": "clock 2 ppm=-1000000", "append=0": "append=-5",
	} {
		require.Contains(t, good, was)
		_, err := Parse(strings.Replace(good, was, is, 1))
		require.Error(t, err, is)
	}
	_, err := Parse("seed 1\n")
	require.ErrorContains(t, err, "plan line 1")
}
