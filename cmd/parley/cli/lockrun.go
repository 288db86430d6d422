package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"parley/rpc/client"
)

// killAfter is how long a command or an editor that is told to end may take before it is killed.
const killAfter = 2 * time.Second

func (a *app) lockRunCommand() *cobra.Command {
	var l lockFlags
	cmd := &cobra.Command{
		Use: "run NAME|DOC [--ttl 30s] [--wait 10s] -- COMMAND [ARGS]", Short: "Hold a lock while a command runs",
		Long: `Takes a lock, runs a command and gives the lock up when it ends. The lock is renewed as long as the command
runs; if it is lost, or this is interrupted, the command is ended, with SIGTERM and then SIGKILL, and on Linux whatever it has
started, too. The command finds the fence in PARLEY_FENCE: whatever
it writes to is safe from a holder who lost the lock only if it checks the fence. The exit code is the command's; 6 if the lock is
not free or was lost.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if at := cmd.ArgsLenAtDash(); at != 1 || len(args) < 2 {
				return usageOf(cmd, "name a lock and, behind --, a command")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := l.check(cmd); err != nil {
				return err
			}
			c, err := a.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			held, err := a.hold(cmd.Context(), c, args[0], l)
			if err != nil {
				return err
			}
			err = a.run(held, args[1], args[2:])
			return errors.Join(err, a.release(cmd.Context(), held))
		},
	}
	l.add(cmd)
	return cmd
}

// hold takes a lock that is kept. --timeout bounds what comes besides the wait.
func (a *app) hold(ctx context.Context, c *client.Client, name string, l lockFlags) (*client.HeldLock, error) {
	stop := func() {}
	if a.timeout > 0 {
		limited, cancel := context.WithCancelCause(ctx)
		timer := time.AfterFunc(a.timeout+l.wait, func() { cancel(context.DeadlineExceeded) })
		ctx, stop = limited, func() { timer.Stop() }
	}
	held, err := c.Lock(ctx, name, client.LockOptions{TTL: l.ttl, Wait: l.wait})
	stop()
	if e, ok := errors.AsType[*client.HeldError](err); ok {
		j := jsonLock(e.Lock)
		j.Name = name
		return nil, a.notGranted(j)
	}
	return held, err
}

// release gives a lock up, also when the command was interrupted.
func (a *app) release(ctx context.Context, held *client.HeldLock) error {
	ctx, cancel := a.bounded(context.WithoutCancel(ctx))
	defer cancel()
	return held.Release(ctx)
}

// commandError is the exit code of a command that was run.
type commandError struct{ code int }

func (e *commandError) Error() string {
	return fmt.Sprintf("the command ended with exit code %d", e.code)
}

// run runs a command as long as a lock is held.
func (a *app) run(held *client.HeldLock, name string, args []string) error {
	adopt()
	c := exec.CommandContext(held.Context(), name, args...)
	c.Stdin, c.Stdout, c.Stderr = a.In, a.stdout(), a.Err
	c.Env = append(os.Environ(), "PARLEY_FENCE="+strconv.FormatUint(held.Fence, 10), "PARLEY_LOCK="+held.Name)
	c.Cancel = func() error {
		signalDescendants(syscall.SIGTERM, c.Process.Pid)
		return c.Process.Signal(syscall.SIGTERM)
	}
	c.WaitDelay = killAfter
	err := c.Run()
	if held.Context().Err() != nil {
		endRest()
		if lost, ok := errors.AsType[*client.LostError](context.Cause(held.Context())); ok {
			return lost
		}
	}
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return &commandError{max(e.ExitCode(), exitError)}
	}
	return err
}

// endRest ends what a command has left behind that was told to end with it: a shell that gets SIGTERM is gone at once, and what it
// waited for would go on without the lock.
func endRest() {
	const look = syscall.Signal(0)
	for began, sig := time.Now(), look; signalDescendants(sig, 0) > 0 && time.Since(began) < 2*killAfter; time.Sleep(killAfter / 100) {
		if time.Since(began) > killAfter {
			sig = syscall.SIGKILL
		}
	}
}
