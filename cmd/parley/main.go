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
	"syscall"

	"parley/cmd/parley/cli"
)

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		s := <-signals
		signal.Stop(signals) // a second one ends the process at once
		cancel(errors.Join(cli.ErrInterrupted, errors.New(s.String())))
	}()
	spare := func() (end func()) {
		signal.Ignore(os.Interrupt) // by the kernel: one that is caught may be heard of when the other program has long ended
		return func() {
			if signal.Reset(os.Interrupt); ctx.Err() == nil {
				signal.Notify(signals, os.Interrupt)
			}
		}
	}
	os.Exit(cli.Run(ctx, os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Spare: spare}))
}
