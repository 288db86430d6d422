package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"parley/cmd/parley/plain"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

func (a *app) channelCommand() *cobra.Command {
	cmd := a.group("channel", "Channels, and who belongs to them",
		a.channelListCommand(), a.channelCreateCommand(), a.channelMembersCommand(), a.channelSetCommand())
	for _, v := range []struct {
		name, short, said string
		do                func(context.Context, *client.Client, string) (positioned, error)
	}{
		{"join", "Become a member", "you are a member of %s", func(ctx context.Context, c *client.Client, ch string) (positioned, error) {
			return c.JoinChannel(ctx, ch, a.once())
		}},
		{"leave", "Be a member no more", "you are no member of %s any more", func(ctx context.Context, c *client.Client, ch string) (positioned, error) {
			return c.LeaveChannel(ctx, ch, a.once())
		}},
		{"archive", "Make a channel read-only", "%s is archived", func(ctx context.Context, c *client.Client, ch string) (positioned, error) {
			return c.ArchiveChannel(ctx, ch, a.once())
		}},
		{"unarchive", "Have members write in an archived channel again", "%s is not archived", func(ctx context.Context, c *client.Client, ch string) (positioned, error) {
			return c.UnarchiveChannel(ctx, ch, a.once())
		}},
	} {
		cmd.AddCommand(a.deed(deed{
			use: v.name + " NAME", short: v.short, args: []string{"NAME"}, said: v.said, complete: completeEach(a.channels),
			do: func(ctx context.Context, c *client.Client, args []string, j *acted) (_ positioned, err error) {
				if j.Channel, err = channelOf(args[0]); err != nil {
					return nil, err
				}
				return v.do(ctx, c, j.Channel)
			},
		}))
	}
	for _, v := range []struct {
		name, short, said string
		do                func(context.Context, *client.Client, string, string) (positioned, error)
	}{
		{"add", "Make a user a member", "%[2]s is a member of %[1]s", func(ctx context.Context, c *client.Client, ch, u string) (positioned, error) {
			return c.AddMember(ctx, ch, u, a.once())
		}},
		{"remove", "End the membership of a user", "%[2]s is no member of %[1]s any more", func(ctx context.Context, c *client.Client, ch, u string) (positioned, error) {
			return c.RemoveMember(ctx, ch, u, a.once())
		}},
		{"promote", "Make a member an admin of the channel", "%[2]s is an admin of %[1]s", func(ctx context.Context, c *client.Client, ch, u string) (positioned, error) {
			return c.PromoteMember(ctx, ch, u, a.once())
		}},
		{"demote", "Make an admin of the channel a member like others", "%[2]s is a member of %[1]s like others", func(ctx context.Context, c *client.Client, ch, u string) (positioned, error) {
			return c.DemoteMember(ctx, ch, u, a.once())
		}},
	} {
		cmd.AddCommand(a.deed(deed{
			use: v.name + " NAME USER", short: v.short, args: []string{"NAME", "USER"}, said: v.said, complete: completeEach(a.channels, a.users),
			do: func(ctx context.Context, c *client.Client, args []string, j *acted) (_ positioned, err error) {
				if j.Channel, err = channelOf(args[0]); err != nil {
					return nil, err
				}
				if j.User, err = userOf(args[1]); err != nil {
					return nil, err
				}
				return v.do(ctx, c, j.Channel, j.User)
			},
		}))
	}
	return cmd
}

// channelJSON is a channel as --json prints it.
type channelJSON struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Private     bool   `json:"private"`
	Join        string `json:"join"` // open, or invite
	Archived    bool   `json:"archived"`
	AI          bool   `json:"ai"`
	Members     uint32 `json:"members"`
	Role        string `json:"role"` // admin, member, or none
	Unread      uint32 `json:"unread"`
	Mentions    uint32 `json:"mentions"`
	Read        uint64 `json:"read"`
	Last        uint64 `json:"last"`
	Position    uint64 `json:"position,omitempty"` // of what made or changed it
}

var roles = map[pb.MemberRole]string{pb.MemberRole_MEMBER_ROLE_ADMIN: "admin", pb.MemberRole_MEMBER_ROLE_MEMBER: "member"}

func roleOf(r pb.MemberRole) string {
	if name, ok := roles[r]; ok {
		return name
	}
	return "none"
}

func jsonChannel(c *pb.Channel) channelJSON {
	join := "open"
	if c.GetJoin() == pb.JoinPolicy_JOIN_POLICY_INVITE {
		join = "invite"
	}
	return channelJSON{
		ID: c.GetId(), Name: c.GetName(), Description: c.GetDescription(), Private: c.GetPrivate(), Join: join, Archived: c.GetArchived(),
		AI: c.GetAi(), Members: c.GetMembers(), Role: roleOf(c.GetRole()), Unread: c.GetUnread(), Mentions: c.GetMentions(),
		Read: c.GetRead(), Last: c.GetLast(),
	}
}

func (a *app) channelListCommand() *cobra.Command {
	var joined, all bool
	cmd := &cobra.Command{
		Use: "list [--joined|--all]", Short: "Show the channels that you may see, with what you have not read", Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if joined && all {
				return usageOf(cmd, "--joined and --all exclude each other")
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				pages := c.AllChannels(ctx, joined, a.fresh())
				if all {
					pages = c.EveryChannel(ctx, a.fresh())
				}
				channels, err := collect(pages)
				if err != nil {
					return err
				}
				return list(a, channels, jsonChannel, "CHANNEL MEMBERS UNREAD ROLE  DESCRIPTION", func(j channelJSON) []string {
					unread := ""
					if j.Unread > 0 {
						unread = fmt.Sprint(j.Unread)
					}
					if j.Mentions > 0 {
						unread += fmt.Sprintf(" (@%d)", j.Mentions)
					}
					return []string{"#" + j.Name, fmt.Sprint(j.Members), unread, j.Role,
						flags("private", is(j.Private), "archived", is(j.Archived), "by invitation", is(j.Join == "invite" && !j.Private)), j.Description}
				}, "no channels")
			})
		},
	}
	cmd.Flags().BoolVar(&joined, "joined", false, "only those that you are a member of")
	cmd.Flags().BoolVar(&all, "all", false, "for cluster admins: private ones of others, too; it is audited")
	return cmd
}

// policies are the words of --join.
var policies = map[string]pb.JoinPolicy{"open": pb.JoinPolicy_JOIN_POLICY_OPEN, "invite": pb.JoinPolicy_JOIN_POLICY_INVITE}

func policyOf(cmd *cobra.Command, word string) (pb.JoinPolicy, error) {
	policy, ok := policies[word]
	if !ok {
		return 0, usageOf(cmd, "--join %s: it is open or invite", word)
	}
	return policy, nil
}

func (a *app) channelCreateCommand() *cobra.Command {
	r := &pb.CreateChannelRequest{}
	var join string
	cmd := &cobra.Command{
		Use: "create NAME", Short: "Make a channel; you are its admin", Args: args("NAME"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if r.Name, err = channelOf(args[0]); err != nil {
				return err
			}
			if r.Join, err = policyOf(cmd, join); err != nil {
				return err
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				made, err := c.CreateChannel(ctx, r, a.once())
				if err != nil {
					return err
				}
				j := jsonChannel(made.GetChannel())
				j.Position = made.GetPosition()
				return a.print(j, "channel #%s is there, and you are its admin", plain.Line(j.Name))
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.Description, "description", "", "what it is for")
	f.BoolVar(&r.Private, "private", false, "only its members see it")
	f.StringVar(&join, "join", "open", "how others become members: open, or invite")
	return cmd
}

func (a *app) channelSetCommand() *cobra.Command {
	var join, ai, description string
	cmd := &cobra.Command{
		Use: "set NAME [--join P] [--ai on|off] [--description T]", Short: "Change a channel", Args: args("NAME"),
		ValidArgsFunction: completeEach(a.channels),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			r := &pb.UpdateChannelRequest{}
			if r.Channel, err = channelOf(args[0]); err != nil {
				return err
			}
			f := cmd.Flags()
			if f.Changed("join") {
				policy, err := policyOf(cmd, join)
				if err != nil {
					return err
				}
				r.Join = policy.Enum()
			}
			if f.Changed("ai") {
				if ai != "on" && ai != "off" {
					return usageOf(cmd, "--ai %s: it is on or off", ai)
				}
				r.Ai = proto.Bool(ai == "on")
			}
			if f.Changed("description") {
				r.Description = proto.String(description)
			}
			if r.Join == nil && r.Ai == nil && r.Description == nil {
				return usageOf(cmd, "say what is to change: --join, --ai or --description")
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				changed, err := c.UpdateChannel(ctx, r, a.once())
				if err != nil {
					return err
				}
				j := jsonChannel(changed.GetChannel())
				j.Position = changed.GetPosition()
				return a.print(j, "channel #%s is changed", plain.Line(j.Name))
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&join, "join", "", "how others become members: open, or invite")
	f.StringVar(&ai, "ai", "", "whether models may read it: on, or off")
	f.StringVar(&description, "description", "", "what it is for")
	return cmd
}

// memberJSON is a member of a channel as --json prints it.
type memberJSON struct {
	Username    string `json:"username"`
	DisplayName string `json:"display_name"`
	Admin       bool   `json:"admin"`
	Online      bool   `json:"online"`
	LastSeen    string `json:"last_seen,omitempty"`
}

func (a *app) channelMembersCommand() *cobra.Command {
	return &cobra.Command{
		Use: "members NAME", Short: "Show the members, who of them is an admin, and who is online", Args: args("NAME"),
		ValidArgsFunction: completeEach(a.channels),
		RunE: func(cmd *cobra.Command, args []string) error {
			channel, err := channelOf(args[0])
			if err != nil {
				return err
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				all, err := collect(c.AllMembers(ctx, channel, a.fresh()))
				if err != nil {
					return err
				}
				online, admins := 0, 0
				err = list(a, all, func(m *pb.ChannelMember) memberJSON {
					j := memberJSON{m.GetUsername(), m.GetDisplayName(), m.GetRole() == pb.MemberRole_MEMBER_ROLE_ADMIN, m.GetOnline(), jsonTime(m.GetLastSeen())}
					online, admins = online+count(j.Online), admins+count(j.Admin)
					return j
				}, "USER NAME ROLE ONLINE", func(j memberJSON) []string {
					return []string{j.Username, j.DisplayName, flags("admin", is(j.Admin)), seen(j.Online, j.LastSeen)}
				}, "no members")
				if err == nil && !a.json {
					a.note("%s, %d of them online, %s", plain.Counted(len(all), "member"), online, plain.Counted(admins, "admin"))
				}
				return err
			})
		},
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// seen says whether somebody is there, or when he was.
func seen(online bool, last string) string {
	switch {
	case online:
		return "online"
	case last == "":
		return "never"
	}
	return "last seen " + shownTime(last)
}
