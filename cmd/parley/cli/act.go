package cli

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	"parley/cmd/parley/plain"
	"parley/rpc/client"
)

// acted is what a command prints as JSON that changes something and has nothing else to tell.
type acted struct {
	ID       string `json:"id,omitempty"`
	Channel  string `json:"channel,omitempty"`
	User     string `json:"user,omitempty"`
	Position uint64 `json:"position"`
}

// positioned is a response of a command.
type positioned interface{ GetPosition() uint64 }

// deed is a command that does one thing to what its arguments name, and then says so.
type deed struct {
	use, short, long string
	args             []string // their names
	complete         completion
	// do does it; what it fills in of acted is printed as JSON.
	do func(ctx context.Context, c *client.Client, args []string, j *acted) (positioned, error)
	// said is what a person is told; its verbs take the arguments.
	said string
}

func (a *app) deed(d deed) *cobra.Command {
	return &cobra.Command{
		Use: d.use, Short: d.short, Long: d.long, Args: args(d.args...), ValidArgsFunction: d.complete,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				var j acted
				r, err := d.do(ctx, c, args, &j)
				if err != nil {
					return err
				}
				j.Position = r.GetPosition()
				shown := make([]any, len(args))
				for i := range args {
					shown[i] = plain.Line(args[i])
				}
				return a.print(j, d.said, shown...)
			})
		},
	}
}

// print writes a value as JSON, or a line for a person.
func (a *app) print(j any, format string, args ...any) error {
	if a.json {
		return a.printJSON(j)
	}
	_, err := fmt.Fprintf(a.Out, format+"\n", args...)
	return err
}

// collect reads a list to its end.
func collect[T any](list iter.Seq2[T, error]) (all []T, err error) {
	for item, err := range list {
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, nil
}

// list prints all of a list: as an array in JSON, as a table for a person. A list without a row has none says.
func list[T, J any](a *app, all []T, one func(T) J, head string, row func(J) []string, none string) error {
	j := make([]J, 0, len(all))
	for _, item := range all {
		j = append(j, one(item))
	}
	if a.json {
		return a.printJSON(j)
	}
	if len(j) == 0 {
		a.note("%s", none)
		return nil
	}
	rows := make([][]string, len(j))
	for i := range j {
		rows[i] = row(j[i])
	}
	return a.table(head, rows)
}

// jsonTime is a time as JSON has it, empty if there is none.
func jsonTime(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().UTC().Format(time.RFC3339Nano)
}

// shownTime is what jsonTime wrote, for a person.
func shownTime(s string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return ""
	}
	return t.Local().Format(time.DateTime)
}

// flags joins the words that are so.
func flags(words ...string) string {
	var all []string
	for i := 0; i+1 < len(words); i += 2 {
		if words[i+1] != "" {
			all = append(all, words[i])
		}
	}
	return strings.Join(all, ", ")
}

// is is a condition for flags.
func is(b bool) string {
	if b {
		return "yes"
	}
	return ""
}

// place reads a PLACE: one without a sign is a channel.
func place(cmd *cobra.Command, arg string) (string, error) {
	if strings.Trim(arg, "#@ ") == "" {
		return "", usageOf(cmd, "%q names no place; write '#general', in quotes, or '@user'", arg)
	}
	return arg, nil
}

// channelOf reads the NAME of a channel, with or without its sign.
func channelOf(arg string) (string, error) {
	name := strings.TrimPrefix(arg, "#")
	if strings.Trim(name, "#@ ") == "" || strings.HasPrefix(arg, "@") {
		return "", usagef("%q names no channel; write general, or '#general' in quotes", arg)
	}
	return name, nil
}

// userOf reads the name of a user, with or without its sign.
func userOf(arg string) (string, error) {
	name := strings.TrimPrefix(arg, "@")
	if name == "" || strings.HasPrefix(arg, "#") {
		return "", usagef("%q names no user", arg)
	}
	return name, nil
}

func (a *app) note(format string, args ...any) {
	fmt.Fprintf(a.Err, "parley: "+format+"\n", args...)
}
