package sim

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/sim/linear"
)

// A check of a history that misses things checks less than it says: runs must leave operations of every kind, with
// every outcome, and each wrong answer about a lock or a page must be found in them.
func TestHistoriesOfRunsHoldEverythingThatClientsSawAndNoAnswerInThemCanBeAnother(t *testing.T) {
	kinds, outcomes := [linear.Ending + 1]int{}, [3]int{}
	granted, held, wrong := 0, 0, 0
	for seed := uint64(1); seed <= 16; seed++ {
		p := Generate(seed, 10*time.Second)
		r := Run(p, Options{History: true})
		require.Nil(t, r.Violation)
		require.Nil(t, linear.Check(r.History))
		ops := r.History.Operations
		done := 0
		for i := range ops {
			o := &ops[i]
			kinds[o.Kind]++
			outcomes[o.Outcome]++
			if o.Outcome != linear.Done {
				continue
			}
			done++
			was := *o
			switch o.Kind {
			case linear.Append:
				continue
			case linear.Read:
				if o.More = !o.More; len(o.Entries) > 0 && i%2 == 0 {
					o.More, o.Entries = was.More, slices.Clone(o.Entries)
					o.Entries[i%len(o.Entries)].ID++
				}
			case linear.Look:
				o.Told++
			default:
				if o.Kind == linear.Acquire && o.Granted {
					granted++
				} else if o.Kind == linear.Acquire {
					held++
				}
				o.Granted = !o.Granted
			}
			if wrong++; wrong%8 == 0 {
				require.NotNil(t, linear.Check(r.History), "seed %d: %s → %s", seed, r.History.Name(i), r.History.Answer(o))
			}
			*o = was
		}
		require.Nil(t, linear.Check(r.History))
		if len(p.Teammates) == 0 { // of a team's, those about locks and documents alone
			require.GreaterOrEqual(t, done, r.Ops-outcomes[linear.Refused], "seed %d", seed)
		}
	}
	for k := linear.Append; k <= linear.Ending; k++ {
		require.Positive(t, kinds[k], "no operation of kind %d", k)
	}
	for o, n := range outcomes {
		require.Positive(t, n, "no outcome %d", o)
	}
	require.Positive(t, granted)
	require.Positive(t, held)
}

// Whoever does not ask gets none, and asking changes nothing.
func TestAskingForTheHistoryChangesNothing(t *testing.T) {
	with, without := Run(Generate(9, 5*time.Second), Options{History: true}), Run(Generate(9, 5*time.Second), Options{})
	require.Nil(t, without.History)
	require.NotEmpty(t, with.History.Operations)
	require.Equal(t, without.Hash, with.Hash)
}
