// Sim runs Parley in the simulator: one seed, many seeds, a plan from a file, ever
// smaller plans, or the catalogue of planted bugs. Every run is a function of its plan, so that
// whatever it shows can be shown again.
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"parley/cmd/internal/heap"
	"parley/cmd/internal/usage"
)

// errFailed ends the program with status 1 after everything was said already.
var errFailed = errors.New("failed")

func main() {
	// A world takes some megabytes and leaves a hundred a second behind: without a reserve a quarter of the time goes into
	// collecting them. It need not grow with every processor of a large machine.
	heap.Reserve(min(runtime.GOMAXPROCS(0), 8))
	root := command()
	err := usage.Executed(root, root.Execute())
	if err != nil && !errors.Is(err, errFailed) {
		fmt.Fprintln(os.Stderr, "sim:", err)
	}
	os.Exit(usage.Code(err))
}

func command() *cobra.Command {
	root := &cobra.Command{
		Use:   "sim",
		Short: "Break a simulated cluster on purpose, by a seed",
		Long: `Sim runs whole clusters in one thread: delayed, lost and doubled messages, partitions,
crashes of processes and machines, bad clocks and disks. A seed makes a plan; a plan is text
that can be printed, edited and replayed. After every event judges look for broken promises.

  sim run --seed 7                 one run, one line
  sim run --seed 7 --trace -       told event by event
  sim soak --seeds 1..10000        many runs on all processors
  sim plan --seed 7 > my.plan      the plan of a seed, to edit
  sim replay my.plan               and to run
  sim shrink --seed N -o my.plan   the smallest plan that breaks what a failing seed breaks
  sim view --seed 7 -o run.html    as a page for a browser, to step through
  sim mutants                      how many seeds find each planted bug
  sim cover --seeds 1..1000        which rare situations were reached
  sim explore --elections 1        every choice within bounds, exhaustively

Exit codes: 0 ok, 1 a failure, 2 usage.`,
	}
	root.AddCommand(runCommand(), planCommand(), replayCommand(), soakCommand(), shrinkCommand(), viewCommand(), mutantsCommand(), coverCommand(), searchCommand())
	usage.Root(root)
	return root
}
