// Command parley is the command-line client of a Parley cluster.
//
// Data goes to stdout, everything else to stderr. With --json the data is JSON,
// errors included. Exit codes:
//
//	0 ok                 5 not permitted
//	1 error              6 conflict
//	2 usage              7 unavailable: no node, or no quorum
//	3 not found          8 outcome unknown
//	4 not logged in    130 interrupted
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	"parley/cmd/parley/cli"
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var spared atomic.Int64 // how often
	go func() {
		for s := range signals {
			if s == os.Interrupt && spared.Load() > 0 {
				continue
			}
			signal.Stop(signals) // a second one ends the process at once
			cancel(errors.Join(cli.ErrInterrupted, errors.New(s.String())))
			return
		}
	}()
	spare := func() (end func()) {
		spared.Add(1)
		return sync.OnceFunc(func() { spared.Add(-1) })
	}
	os.Exit(cli.Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Spare: spare}))
}
