package shell

import (
	"context"
	"fmt"
)

func status(m *Model, _ []string) ([]effect, error) {
	return call(m, callTime, func(ctx context.Context, b Backend) (Status, error) { return b.Status(ctx) }, func(m *Model, s Status) []effect {
		rows := [][]piece{
			{name(heading, fmt.Sprintf("leader %s, term %d", firstOf(s.Leader, "unknown"), s.Term))},
			{name(heading, "NODE"), name(heading, "ADDRESS"), name(heading, "ROLE"), name(heading, "COMMIT"), name(heading, "APPLIED"), name(heading, "VERSION")},
		}
		for _, n := range s.Nodes {
			role := name(good, n.Role)
			if !n.Alive {
				role = name(bad, "no answer")
			}
			rows = append(rows, []piece{name(strong, n.ID), name(normal, n.Address), role, name(normal, fmt.Sprint(n.Commit)), name(normal, fmt.Sprint(n.Applied)), name(dim, n.Version)})
		}
		m.table(rows)
		return nil
	}), nil
}

func reconnect(m *Model, _ []string) ([]effect, error) {
	return do(m, func(ctx context.Context, b Backend) error { return b.Reconnect(ctx) }, func(m *Model) []effect {
		m.tell("Connected.")
		return m.refreshSoon()
	}), nil
}

func claim(m *Model, _ []string) ([]effect, error) {
	return m.ask("Token", true, func(m *Model, token string) []effect {
		return do(m, func(ctx context.Context, b Backend) error { return b.Claim(ctx, token) }, func(m *Model) []effect {
			m.me.ClusterAdmin = true
			m.tell("You are a cluster admin.")
			return nil
		})
	}), nil
}

func invite(m *Model, _ []string) ([]effect, error) {
	return call(m, callTime, func(ctx context.Context, b Backend) (string, error) { return b.Invite(ctx) }, func(m *Model, code string) []effect {
		m.say(name(normal, "Invitation "), name(strong, code), name(dim, " for /accept CODE USER EMAIL NAME"))
		return nil
	}), nil
}

func disable(m *Model, args []string) ([]effect, error) {
	return m.order(username(args[0])+" is locked.", func(ctx context.Context, b Backend) error { return b.Disable(ctx, username(args[0]), true) }), nil
}

func enable(m *Model, args []string) ([]effect, error) {
	return m.order(username(args[0])+" is unlocked.", func(ctx context.Context, b Backend) error { return b.Disable(ctx, username(args[0]), false) }), nil
}

func grantAdmin(m *Model, args []string) ([]effect, error) {
	return m.order(username(args[0])+" is a cluster admin.", func(ctx context.Context, b Backend) error {
		return b.GrantAdmin(ctx, username(args[0]), true)
	}), nil
}

func revokeAdmin(m *Model, args []string) ([]effect, error) {
	return m.order(username(args[0])+" is no longer a cluster admin.", func(ctx context.Context, b Backend) error {
		return b.GrantAdmin(ctx, username(args[0]), false)
	}), nil
}

func resetPassword(m *Model, args []string) ([]effect, error) {
	return call(m, callTime, func(ctx context.Context, b Backend) (string, error) { return b.ResetPassword(ctx, username(args[0])) }, func(m *Model, secret string) []effect {
		m.say(name(normal, "The secret for "+username(args[0])+": "), name(strong, secret))
		return nil
	}), nil
}
