package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"parley/raft"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// streamed are the options of a command that streams, which Ctrl-C ends as it should.
func (a *app) streamed(cmd *cobra.Command, from uint64) (client.StreamOptions, *trouble) {
	a.streams = true
	o := client.StreamOptions{ConnectMax: a.timeout}
	if cmd.Flags().Changed("from") {
		position := raft.Position(from)
		o.From = &position
	}
	t := &trouble{note: a.note, now: time.Now}
	o.OnTrouble = t.interrupted
	return o, t
}

// ahead has somebody told who begins behind a position that is still to come: he sees nothing of what happens before it, and
// would not know why. Where the cluster stands a quorum says, for which the stream does not wait.
func (a *app) ahead(ctx context.Context, c *client.Client, o *client.StreamOptions) {
	if o.From == nil || *o.From == 0 {
		return
	}
	newest := make(chan raft.Position, 1)
	go func() {
		if me, err := c.WhoAmI(ctx, client.Within(a.timeout)); err == nil {
			newest <- raft.Position(me.GetPosition())
		}
	}()
	o.OnProgress = func(string, raft.Position) {
		select {
		case at := <-newest:
			if at < *o.From {
				a.note("position %d is still to come, the newest is %d: what happens before it is not shown", *o.From, at)
			}
		default:
		}
	}
}

func (a *app) tailCommand() *cobra.Command {
	var from uint64
	cmd := &cobra.Command{
		Use:   "tail PLACE",
		Short: "Show messages as they come, until Ctrl-C",
		Long: `Shows messages as they come, each once and in order, until Ctrl-C. When the node that
streams dies, another one goes on where it stopped. --timeout bounds the wait for the
first connection.`,
		Args: args("PLACE"), ValidArgsFunction: completeEach(a.places),
		RunE: func(cmd *cobra.Command, args []string) error {
			place, err := place(cmd, args[0])
			if err != nil {
				return err
			}
			o, stream := a.streamed(cmd, from)
			c, err := a.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			a.ahead(cmd.Context(), c, &o)
			for m, err := range c.Tail(cmd.Context(), client.TailOptions{Place: place, StreamOptions: o}) {
				if err != nil {
					return err
				}
				stream.goesOn()
				if err := a.printTailed(m); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().Uint64Var(&from, "from", 0, "begin after this position instead of now; 0 is the beginning")
	return cmd
}

func (a *app) printTailed(m *pb.Message) error {
	if !a.json {
		return a.printMessage(m, false)
	}
	return a.printJSON(eventOfMessage("message", m.GetPosition(), m))
}
