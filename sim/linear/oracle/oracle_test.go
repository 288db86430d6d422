package oracle

import (
	"flag"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/sim/linear"
)

var histories = flag.Int("histories", 20_000, "how many small histories the checkers are compared on")

// tally is what the comparison saw.
type tally struct {
	honest     int // as a service left them
	harmless   int // mutated, and right all the same
	broken     int // mutated, and no order explains them
	wrongOrder int // mutated, and another order than the claimed one explains them
}

func (t *tally) add(u tally) {
	t.honest += u.honest
	t.harmless += u.harmless
	t.broken += u.broken
	t.wrongOrder += u.wrongOrder
}

// compare asks all checkers about one history, and returns what they must not say.
func compare(h *linear.History, mutated bool, seen *tally) error {
	v := linear.Check(h)
	claimed, explained := Brute(h, true), Brute(h, false)
	found := Whole(h).Search(0)
	switch {
	case (v == nil) != claimed:
		return fmt.Errorf("Check says %v, and brute force that the claimed order is right: %v", v, claimed)
	case found == Undecided || (found == Linearizable) != explained:
		return fmt.Errorf("Porcupine says %s, and brute force %v", found, explained)
	case claimed && !explained:
		return fmt.Errorf("the claimed order is right, and none is")
	case !mutated && !claimed:
		return fmt.Errorf("an honest service is refused: %v", v)
	case !mutated:
		seen.honest++
	case claimed:
		seen.harmless++
	case explained:
		seen.wrongOrder++
	default:
		seen.broken++
	}
	return nil
}

// The checker that judges millions of operations is believed because on small histories it says what brute force
// says, whatever is done to them; and Porcupine, which looks for any order, never finds one where brute force
// finds none. -histories=1000000 is the long form.
func TestTheCheckerPorcupineAndBruteForceAgreeOnEverySmallHistory(t *testing.T) {
	n := *histories
	if testing.Short() {
		n = min(n, 4000)
	}
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		sum     tally
	)
	width := runtime.GOMAXPROCS(0)
	for worker := range width {
		workers.Go(func() {
			var seen tally
			for k := worker; k < n && !t.Failed(); k += width {
				d := draw(uint64(k))
				how := "as it was left"
				if k%2 == 1 {
					how = d.mutate()
					for d.IntN(2) == 0 {
						how += ", " + d.mutate()
					}
				}
				if err := compare(&d.h, k%2 == 1, &seen); err != nil {
					t.Errorf("history %d, %s: %v\n%s", k, how, err, tell(&d.h))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			sum.add(seen)
		})
	}
	workers.Wait()
	t.Logf("%d histories: %d honest ones accepted by all; of mutated ones %d broken ones refused by all, %d refused for their order alone, %d right all the same",
		n, sum.honest, sum.broken, sum.wrongOrder, sum.harmless)
	require.Greater(t, sum.broken, n/20)
	require.Greater(t, sum.wrongOrder, n/100)
	require.Greater(t, sum.harmless, n/20)
}
