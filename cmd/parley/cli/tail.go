package cli

import (
	"time"

	"github.com/spf13/cobra"

	"parley/raft"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// streamed are the options of a command that streams.
func (a *app) streamed(cmd *cobra.Command, from uint64) (client.StreamOptions, *trouble) {
	o := client.StreamOptions{ConnectMax: a.timeout}
	if cmd.Flags().Changed("from") {
		position := raft.Position(from)
		o.From = &position
	}
	t := &trouble{note: a.note, now: time.Now}
	o.OnTrouble = t.interrupted
	return o, t
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
