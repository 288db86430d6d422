package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"parley/cmd/parley/plain"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

func (a *app) lockCommand() *cobra.Command {
	cmd := a.group("lock", "Locks of free names and of documents", a.lockAcquireCommand(), a.lockRunCommand(), a.lockListCommand())
	for _, v := range []struct {
		name, short, said string
		needs             bool // a fence
		do                func(ctx context.Context, c *client.Client, name string, fence uint64) (positioned, error)
	}{
		{"release", "Give a lock up", "%s is released", true, func(ctx context.Context, c *client.Client, name string, fence uint64) (positioned, error) {
			return c.ReleaseLock(ctx, name, fence, a.once())
		}},
		{"renew", "Give a lock its time anew", "%s is renewed", true, func(ctx context.Context, c *client.Client, name string, fence uint64) (positioned, error) {
			return c.RenewLock(ctx, &pb.RenewLockRequest{Name: name, Fence: fence}, a.once())
		}},
		{"break", "Take a lock from its holder", "%s is broken", false, func(ctx context.Context, c *client.Client, name string, fence uint64) (positioned, error) {
			return c.BreakLock(ctx, name, fence, a.once())
		}},
	} {
		var fence uint64
		use, about := v.name+" NAME|DOC --fence F", "that it was granted under"
		if !v.needs {
			use, about = v.name+" NAME|DOC [--fence F]", "only if this is the live one"
		}
		below := a.deed(deed{use: use, short: v.short, args: []string{"NAME"}, said: v.said,
			do: func(ctx context.Context, c *client.Client, args []string, j *acted) (positioned, error) {
				if v.needs && fence == 0 {
					return nil, usagef("--fence is missing: lock acquire printed it, and lock list shows it")
				}
				j.ID = args[0]
				return v.do(ctx, c, args[0], fence)
			}})
		below.Flags().Uint64Var(&fence, "fence", 0, about)
		cmd.AddCommand(below)
	}
	for _, below := range cmd.Commands() {
		if strings.Contains(below.Use, " NAME") {
			below.ValidArgsFunction = completeEach(a.lockable)
		}
	}
	return cmd
}

// lockJSON is a lock as --json prints it.
type lockJSON struct {
	Name    string `json:"name"`
	Granted bool   `json:"granted"`
	Fence   uint64 `json:"fence"`
	TTL     uint64 `json:"ttl_ms"`
	Holder  string `json:"holder"`
	Left    uint64 `json:"left_ms"`
	Mine    bool   `json:"mine"`
	Waiting uint32 `json:"waiting"`
	Time    string `json:"time,omitempty"`
}

func jsonLock(l *pb.Lock) lockJSON {
	return lockJSON{l.GetName(), l.GetMine(), l.GetFence(), l.GetTtlMs(), l.GetHolder(), l.GetLeftMs(), l.GetMine(), l.GetWaiting(), jsonTime(l.GetTime())}
}

func (a *app) lockListCommand() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Show the locks that are held", Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				all, err := collect(c.AllLocks(ctx, a.fresh()))
				if err != nil {
					return err
				}
				return list(a, all, jsonLock, "NAME HOLDER FENCE LEFT WAITING FLAGS", func(j lockJSON) []string {
					return []string{j.Name, j.Holder, fmt.Sprint(j.Fence), left(j.Left), fmt.Sprint(j.Waiting), flags("mine", is(j.Mine))}
				}, "no locks are held")
			})
		},
	}
}

// left is a time in milliseconds, for a person.
func left(ms uint64) string {
	return (time.Duration(ms) * time.Millisecond).Round(time.Second).String()
}

// lockFlags are what is said of a lock that is to be taken.
type lockFlags struct{ ttl, wait time.Duration }

func (l *lockFlags) add(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&l.ttl, "ttl", 30*time.Second, "for how long it is held without a renewal, 1s to 1h")
	cmd.Flags().DurationVar(&l.wait, "wait", 0, "stand in line for so long, if somebody holds it")
}

// check refuses what no request can say.
func (l *lockFlags) check(cmd *cobra.Command) error {
	if l.ttl < time.Second || l.ttl > time.Hour {
		return usageOf(cmd, "--ttl is 1s to 1h, and not %v", l.ttl)
	}
	if l.wait < 0 || l.wait > time.Hour {
		return usageOf(cmd, "--wait is 0s to 1h, and not %v", l.wait)
	}
	return nil
}

func (a *app) lockAcquireCommand() *cobra.Command {
	var l lockFlags
	cmd := &cobra.Command{
		Use: "acquire NAME|DOC [--ttl 30s] [--wait 10s]", Short: "Take a lock", Args: args("NAME"),
		Long: `Takes a lock and prints its fence, which goes with whatever is done under it. The lock ends after its --ttl unless
it is renewed, and with the login. If somebody else holds it the exit code is 6.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := l.check(cmd); err != nil {
				return err
			}
			c, err := a.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			got, err := a.acquire(cmd.Context(), c, args[0], l)
			if err != nil {
				return err
			}
			j := jsonLock(got.GetLock())
			j.Name, j.Granted = args[0], got.GetGranted()
			if !j.Granted {
				return a.notGranted(j)
			}
			return a.print(j, "%s is yours for %v under fence %d", plain.Line(j.Name), l.ttl, j.Fence)
		},
	}
	l.add(cmd)
	return cmd
}

// acquire takes a lock, after a wait if it has to be. --timeout bounds what comes besides the wait.
func (a *app) acquire(ctx context.Context, c *client.Client, name string, l lockFlags) (*pb.GetLockResponse, error) {
	limited, cancel := a.bounded(ctx)
	r, err := c.AcquireLock(limited, &pb.AcquireLockRequest{Name: name, TtlMs: uint64(l.ttl.Milliseconds()), WaitMs: uint64(l.wait.Milliseconds())}, a.once())
	cancel()
	got := &pb.GetLockResponse{Granted: r.GetGranted(), Lock: r.GetLock(), Ticket: r.GetTicket()}
	for err == nil && got.GetTicket() != 0 && !got.GetGranted() {
		limited, cancel := a.bounded(ctx)
		got, err = c.GetLock(limited, &pb.GetLockRequest{Name: name, Ticket: r.GetTicket(), WaitMs: 1000})
		cancel()
		if err != nil && ctx.Err() != nil { // somebody has lost patience: the line goes on without him
			leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			_, _ = c.CancelWait(leaving, name, r.GetTicket())
			cancel()
		}
	}
	return got, err
}

// notGrantedError says that a lock is somebody else's. It is printed already if a program reads it.
type notGrantedError struct {
	text    string
	printed bool
}

func (e *notGrantedError) Error() string { return e.text }

func (a *app) notGranted(j lockJSON) error {
	e := &notGrantedError{text: fmt.Sprintf("%s is not free yet", j.Name)}
	if j.Holder != "" {
		e.text = fmt.Sprintf("%s is held by %s, for %s if it is not renewed", j.Name, j.Holder, left(j.Left))
	}
	if a.json {
		e.printed = true
		return errors.Join(e, a.printJSON(j))
	}
	return e
}
