package shell

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"parley/cmd/parley/plain"
)

func channels(m *Model, _ []string) ([]effect, error) {
	return m.readLists(func(m *Model) []effect {
		rows := [][]piece{{name(heading, "  CHANNEL"), name(heading, "MEMBERS"), name(heading, "UNREAD"), name(heading, "DESCRIPTION")}}
		for _, p := range m.places {
			if p.Direct {
				continue
			}
			mark, what := "  ", p.Description
			switch {
			case p.ID == m.open:
				mark = "▸ "
			case !p.Joined:
				mark, what = "+ ", what+" (not joined)"
			}
			if p.Private {
				what += " (private)"
			}
			if p.Archived {
				what += " (archived)"
			}
			rows = append(rows, []piece{name(strong, mark+label(p)), name(normal, fmt.Sprint(p.Members)), unreadPiece(p), name(normal, strings.TrimSpace(what))})
		}
		m.table(rows)
		return nil
	}), nil
}

// unreadPiece is how much is new in a place.
func unreadPiece(p Place) piece {
	switch {
	case p.Mentions > 0:
		return name(mention, fmt.Sprintf("%d @%d", p.Unread, p.Mentions))
	case p.Unread > 0:
		return name(strong, fmt.Sprint(p.Unread))
	}
	return piece{}
}

func createChannel(m *Model, args []string) ([]effect, error) {
	c := NewChannel{Name: strings.TrimPrefix(args[0], "#")}
	rest := args[1]
	for strings.HasPrefix(rest, "--") {
		var flag string
		flag, rest = cutWord(rest)
		rest = strings.TrimSpace(rest)
		switch flag {
		case "--private":
			c.Private = true
		case "--invite":
			c.InviteOnly = true
		default:
			return nil, wrong("There is no flag %s; there are --private and --invite", flag)
		}
	}
	c.Description = rest
	return call(m, callTime, func(ctx context.Context, b Backend) (Place, error) { return b.CreateChannel(ctx, c) }, func(m *Model, p Place) []effect {
		m.put(p)
		effects := m.enter(p.ID)
		m.tell("%s is made; you are its admin.", label(p))
		return append(effects, m.refreshSoon()...)
	}), nil
}

func joinChannel(m *Model, args []string) ([]effect, error) {
	p, err := m.channel(args[0])
	if err != nil {
		return nil, err
	}
	if p.Joined {
		return m.enter(p.ID), nil
	}
	id := p.ID
	return do(m, func(ctx context.Context, b Backend) error { return b.Join(ctx, id) }, func(m *Model) []effect {
		if p := m.place(id); p != nil {
			p.Joined = true
		}
		effects := m.enter(id)
		m.tell("You are in %s.", m.labelOf(id))
		return append(effects, m.refresh()...)
	}), nil
}

func leaveChannel(m *Model, args []string) ([]effect, error) {
	p, err := m.channelOr(args[0])
	if err != nil {
		return nil, err
	}
	id, was := p.ID, label(*p)
	return do(m, func(ctx context.Context, b Backend) error { return b.Leave(ctx, id) }, func(m *Model) []effect {
		m.drop(id)
		m.tell("You have left %s.", was)
		return m.refresh()
	}), nil
}

// channelOr is the channel that an argument names, or the one that is open.
func (m *Model) channelOr(arg string) (*Place, error) {
	if arg != "" {
		return m.channel(arg)
	}
	if p := m.place(m.open); p != nil && !p.Direct {
		return p, nil
	}
	return nil, &Error{Kind: Usage, Text: "No channel is open", Hint: "name one"}
}

func switchTo(m *Model, args []string) ([]effect, error) {
	if user, ok := strings.CutPrefix(args[0], "@"); ok {
		return m.converse(user, "")
	}
	p, err := m.channel(args[0])
	switch {
	case err != nil:
		return nil, err
	case !p.Joined:
		return nil, &Error{Kind: NotPermitted, Text: "You are not in " + label(*p), Hint: "/join " + p.Name}
	}
	effects := m.enter(p.ID)
	if m.pipe {
		m.tell("now in %s", label(*p))
	}
	return effects, nil
}

func dm(m *Model, args []string) ([]effect, error) { return m.converse(username(args[0]), args[1]) }

// converse opens the conversation with a user, and sends a text if there is one.
func (m *Model) converse(user, text string) ([]effect, error) {
	then := func(m *Model, id PlaceID) []effect {
		effects := m.enter(id)
		if m.pipe {
			m.tell("now in @%s", user)
		}
		return append(effects, m.send(id, text, "")...)
	}
	if i := slices.IndexFunc(m.places, func(p Place) bool { return p.Direct && strings.EqualFold(p.Name, user) }); i >= 0 {
		return then(m, m.places[i].ID), nil
	}
	return call(m, callTime, func(ctx context.Context, b Backend) (Place, error) { return b.Converse(ctx, user) }, func(m *Model, p Place) []effect {
		m.put(p)
		return then(m, p.ID)
	}), nil
}

func back(m *Model, _ []string) ([]effect, error) {
	effects := m.back()
	if m.pipe {
		m.tell("now in %s", m.labelOf(m.open))
	}
	return effects, nil
}

func conversations(m *Model, _ []string) ([]effect, error) {
	return m.readLists(func(m *Model) []effect {
		rows := [][]piece{{name(heading, "WITH"), name(heading, "NAME"), name(heading, "UNREAD"), name(heading, "LAST")}}
		for _, p := range m.places {
			if !p.Direct {
				continue
			}
			last := piece{}
			if p.Last != nil {
				last = name(dim, m.when(p.Last.Time)+" "+p.Last.Sender+": "+excerpt(p.Last.Text))
			}
			rows = append(rows, []piece{name(strong, label(p)), name(normal, p.DisplayName), unreadPiece(p), last})
		}
		if len(rows) == 1 {
			m.tell("You have no conversations; /dm USER begins one.")
			return nil
		}
		m.table(rows)
		return nil
	}), nil
}

func members(m *Model, args []string) ([]effect, error) {
	p := m.place(m.open)
	if args[0] != "" || p == nil {
		var err error
		if p, err = m.channelOr(args[0]); err != nil {
			return nil, err
		}
	}
	id := p.ID
	return call(m, callTime, func(ctx context.Context, b Backend) ([]Member, error) { return b.Members(ctx, id) }, func(m *Model, list []Member) []effect {
		var rows [][]piece
		online := 0
		for _, u := range list {
			row := m.userRow(u.User)
			if u.Online {
				online++
			}
			if u.Admin {
				row = append(row, name(warn, "admin"))
			}
			rows = append(rows, row)
		}
		head := fmt.Sprintf("%s: %d members, %d online", m.labelOf(id), len(list), online)
		m.table(append([][]piece{{name(heading, head)}}, rows...))
		return nil
	}), nil
}

// userRow is a user in a list.
func (m *Model) userRow(u User) []piece {
	state := name(good, "online")
	if !u.Online {
		state = name(dim, "offline")
		if !u.LastSeen.IsZero() {
			state = name(dim, "last seen "+m.when(u.LastSeen))
		}
	}
	return []piece{name(nickStyle(u.Username), "  "+u.Username), name(normal, u.DisplayName), state}
}

func users(m *Model, _ []string) ([]effect, error) {
	return call(m, callTime, func(ctx context.Context, b Backend) ([]User, error) { return b.Users(ctx) }, func(m *Model, list []User) []effect {
		m.users = list
		var rows [][]piece
		online := 0
		for _, u := range list {
			if u.Online {
				online++
			}
			rows = append(rows, m.userRow(u))
		}
		m.table(append([][]piece{{name(heading, fmt.Sprintf("%s, %d online", plain.Counted(len(list), "user"), online))}}, rows...))
		return nil
	}), nil
}

func addUser(m *Model, args []string) ([]effect, error) {
	return m.membersOf(args, "%s is in %s now.", func(ctx context.Context, b Backend, c PlaceID, user string) error { return b.AddMember(ctx, c, user) })
}

func removeUser(m *Model, args []string) ([]effect, error) {
	return m.membersOf(args, "%s is no longer in %s.", func(ctx context.Context, b Backend, c PlaceID, user string) error {
		return b.RemoveMember(ctx, c, user)
	})
}

func promote(m *Model, args []string) ([]effect, error) {
	return m.membersOf(args, "%s is an admin of %s.", func(ctx context.Context, b Backend, c PlaceID, user string) error {
		return b.SetAdmin(ctx, c, user, true)
	})
}

func demote(m *Model, args []string) ([]effect, error) {
	return m.membersOf(args, "%s is no longer an admin of %s.", func(ctx context.Context, b Backend, c PlaceID, user string) error {
		return b.SetAdmin(ctx, c, user, false)
	})
}

// membersOf is an order about a user in a channel. Either may come first, if the channel has its #.
func (m *Model) membersOf(args []string, done string, f func(ctx context.Context, b Backend, channel PlaceID, user string) error) ([]effect, error) {
	user, channel := args[0], args[1]
	if strings.HasPrefix(user, "#") {
		user, channel = channel, user
	}
	if user == "" {
		return nil, wrong("USER is missing")
	}
	p, err := m.channelOr(channel)
	if err != nil {
		return nil, err
	}
	id := p.ID
	user = username(user)
	return m.order(fmt.Sprintf(done, user, label(*p)), func(ctx context.Context, b Backend) error { return f(ctx, b, id, user) }), nil
}

func policy(m *Model, args []string) ([]effect, error) {
	if args[0] != "open" && args[0] != "invite" {
		return nil, wrong("%q is neither open nor invite", args[0])
	}
	p, err := m.channelOr(args[1])
	if err != nil {
		return nil, err
	}
	id := p.ID
	return m.order(label(*p)+" is joined by policy "+args[0]+" now.", func(ctx context.Context, b Backend) error {
		return b.SetInviteOnly(ctx, id, args[0] == "invite")
	}), nil
}

func archive(m *Model, args []string) ([]effect, error) {
	return m.setArchived(args[0], true, " is closed for new messages.")
}

func unarchive(m *Model, args []string) ([]effect, error) {
	return m.setArchived(args[0], false, " takes messages again.")
}

func (m *Model) setArchived(arg string, archived bool, done string) ([]effect, error) {
	p, err := m.channelOr(arg)
	if err != nil {
		return nil, err
	}
	id := p.ID
	return m.order(label(*p)+done, func(ctx context.Context, b Backend) error { return b.Archive(ctx, id, archived) }), nil
}
