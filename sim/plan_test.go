package sim

import (
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
	} {
		_, err := Parse(good + c.line + "\n")
		require.ErrorContains(t, err, c.want, c.line)
	}
	_, err := Parse("seed 1\n")
	require.ErrorContains(t, err, "plan line 1")
}
