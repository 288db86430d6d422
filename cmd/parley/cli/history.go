package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"parley/cmd/parley/plain"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

func (a *app) historyCommand() *cobra.Command {
	return a.historyOf("history PLACE", "Show messages, oldest first", "PLACE", a.places, func(cmd *cobra.Command, arg string) (string, error) {
		return place(cmd, arg)
	})
}

// historyOf is a command that shows the messages of what its argument names.
func (a *app) historyOf(use, short, name string, complete func(string) []string, where func(*cobra.Command, string) (string, error)) *cobra.Command {
	var number int
	var before, after uint64
	cmd := &cobra.Command{
		Use: use, Short: short, Args: args(name), ValidArgsFunction: completeEach(complete),
		RunE: func(cmd *cobra.Command, args []string) error {
			f := cmd.Flags()
			switch {
			case number < 1:
				return usageOf(cmd, "-n %d: show at least one message", number)
			case f.Changed("before") && f.Changed("after"):
				return usageOf(cmd, "--before and --after exclude each other")
			case f.Changed("before") && before == 0:
				return usageOf(cmd, "--before 0: nothing stands before the first position")
			}
			place, err := where(cmd, args[0])
			if err != nil {
				return err
			}
			r := &pb.HistoryRequest{Place: place, Before: before}
			if f.Changed("after") {
				r.After = proto.Uint64(after)
			}
			c, err := a.dial()
			if err != nil {
				return err
			}
			defer c.Close()
			messages, err := a.pages(cmd.Context(), c, r, number)
			if err != nil {
				return err
			}
			return a.printMessages(messages, false, noMessages(r))
		},
	}
	f := cmd.Flags()
	f.IntVarP(&number, "number", "n", 20, "how many messages")
	f.Uint64Var(&before, "before", 0, "show the last ones before this position")
	f.Uint64Var(&after, "after", 0, "show the first ones after this position")
	return cmd
}

// noMessages says that nothing is there of what was asked for.
func noMessages(r *pb.HistoryRequest) string {
	text := "no messages in " + plain.Line(r.GetPlace())
	switch {
	case r.GetBefore() != 0:
		text += fmt.Sprintf(" before position %d", r.GetBefore())
	case r.After != nil:
		text += fmt.Sprintf(" after position %d", r.GetAfter())
	}
	return text
}

// pages reads so many messages: a page holds at most 1,000, and fewer if they are long.
func (a *app) pages(ctx context.Context, c *client.Client, r *pb.HistoryRequest, number int) (all []*pb.Message, err error) {
	forward := r.After != nil
	for {
		r.Limit = uint32(min(number-len(all), 1000))
		page, err := a.page(ctx, c, r)
		if err != nil {
			return nil, err
		}
		got := page.GetMessages()
		if forward {
			all = append(all, got...)
		} else {
			all = append(got, all...)
		}
		if len(all) >= number || len(got) == 0 || !page.GetMore() {
			return all, nil
		}
		if forward {
			r.After = proto.Uint64(got[len(got)-1].GetPosition())
		} else {
			r.Before = got[0].GetPosition()
		}
	}
}

func (a *app) page(ctx context.Context, c *client.Client, r *pb.HistoryRequest) (*pb.HistoryResponse, error) {
	ctx, cancel := a.bounded(ctx) // each page has its time
	defer cancel()
	return c.History(ctx, r, a.fresh())
}

func (a *app) searchCommand() *cobra.Command {
	r := &pb.SearchRequest{}
	cmd := &cobra.Command{
		Use: "search QUERY [--cursor C]", Short: "Find the messages that have all the words, newest first", Args: args("QUERY"),
		Long: `Finds the messages that have all the words of a query, in whatever case, newest first, in the places that you are a
member of. A page has up to 20; the note at its end says how to see the next.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Query = args[0]
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				page, err := a.search(ctx, c, r)
				if err != nil {
					return err
				}
				if err := a.printMessages(page.GetMessages(), true, "nothing found for "+strconv.Quote(plain.Line(args[0]))); err != nil {
					return err
				}
				a.more(page.GetNextCursor())
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&r.Cursor, "cursor", "", "go on with this page")
	cmd.Flags().StringVar(&r.Place, "in", "", "only in this place")
	_ = cmd.RegisterFlagCompletionFunc("in", func(_ *cobra.Command, _ []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		return a.places(toComplete), cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

// search asks until a page has something on it: one request looks at so much and no more, and a page that is empty is
// not the last one.
func (a *app) search(ctx context.Context, c *client.Client, r *pb.SearchRequest) (*pb.SearchResponse, error) {
	for {
		page, err := c.Search(ctx, r, a.fresh())
		if err != nil || len(page.GetMessages()) > 0 || page.GetNextCursor() == "" {
			return page, err
		}
		r.Cursor = page.GetNextCursor()
	}
}
