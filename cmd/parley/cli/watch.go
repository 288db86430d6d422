package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// topics are the words of --topic.
var topics = map[string]pb.Topic{
	"messages": pb.Topic_TOPIC_MESSAGES, "channels": pb.Topic_TOPIC_CHANNELS, "files": pb.Topic_TOPIC_FILES,
	"presence": pb.Topic_TOPIC_PRESENCE, "accounts": pb.Topic_TOPIC_ACCOUNTS,
	"documents": pb.Topic_TOPIC_DOCUMENTS, "locks": pb.Topic_TOPIC_LOCKS,
}

func topicNames() (names []string) {
	for name := range topics {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (a *app) watchCommand() *cobra.Command {
	var from uint64
	var places, of []string
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Show what happens, as it happens, until Ctrl-C",
		Long: `Shows what happens and you may see, each event once and in order, until Ctrl-C. With --json an event is a
line. When the node that streams dies, another one goes on where it stopped.`,
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o := client.WatchOptions{Places: places}
			for _, name := range of {
				topic, ok := topics[name]
				if !ok {
					return usageOf(cmd, "--topic %s: it is one of %s", name, strings.Join(topicNames(), ", "))
				}
				o.Topics = append(o.Topics, topic)
			}
			var stream *trouble
			o.StreamOptions, stream = a.streamed(cmd, from)
			c, err := a.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			a.ahead(cmd.Context(), c, &o.StreamOptions)
			for frame, err := range c.Watch(cmd.Context(), o) {
				if err != nil {
					return err
				}
				stream.goesOn()
				for _, e := range frame.GetEvents() {
					if err := a.printEvent(frame.GetPosition(), e); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.Uint64Var(&from, "from", 0, "begin after this position instead of now; 0 is the beginning")
	f.StringSliceVar(&places, "in", nil, "only what happens in these places")
	f.StringSliceVar(&of, "topic", nil, "only these: "+strings.Join(topicNames(), ", "))
	return cmd
}
