package shell

import (
	"context"
	"strings"
)

func signUp(m *Model, args []string) ([]effect, error) {
	return accept(m, append([]string{""}, args...))
}

func accept(m *Model, args []string) ([]effect, error) {
	s := SignUp{Invite: args[0], Username: args[1], Email: args[2], DisplayName: firstOf(args[3], args[1])}
	if err := m.strangers(); err != nil {
		return nil, err
	}
	return m.newPassword("Password", func(m *Model, password string) []effect {
		s.Password = password
		return call(m, callTime,
			func(ctx context.Context, b Backend) (Account, error) { return b.SignUp(ctx, s) },
			(*Model).loggedIn)
	}), nil
}

// strangers refuses to change users while somebody is logged in: what he wrote may still be on its way.
func (m *Model) strangers() error {
	if m.me != nil {
		return &Error{Kind: Conflict, Text: m.me.Username + " is logged in", Hint: "/logout first"}
	}
	return nil
}

// newPassword asks twice where nobody sees what he types. A script knows what it writes.
func (m *Model) newPassword(label string, then func(m *Model, password string) []effect) []effect {
	return m.ask(label, true, func(m *Model, first string) []effect {
		if m.pipe {
			return then(m, first)
		}
		return m.ask(label+" again", true, func(m *Model, second string) []effect {
			if first != second {
				return m.trouble(m.open, wrong("The two passwords differ; nothing was done"))
			}
			return then(m, first)
		})
	})
}

func logIn(m *Model, args []string) ([]effect, error) {
	if err := m.strangers(); err != nil {
		return nil, err
	}
	return m.ask("Password of "+args[0], true, func(m *Model, password string) []effect {
		return call(m, callTime,
			func(ctx context.Context, b Backend) (Account, error) { return b.LogIn(ctx, args[0], password) },
			(*Model).loggedIn)
	}), nil
}

func logOut(m *Model, _ []string) ([]effect, error) {
	if len(m.outbox) > 0 {
		return nil, &Error{Kind: Conflict, Text: "Some messages are not sent", Hint: "/retry sends them, /discard gives them up"}
	}
	m.leaving = true
	return quietly(m, func(ctx context.Context, b Backend) (struct{}, error) { return struct{}{}, b.LogOut(ctx) },
		func(m *Model, _ struct{}, err error) []effect {
			if err == nil {
				return m.loggedOut("Logged out.")
			}
			more := m.trouble(m.open, err)
			m.leaving = false
			return more
		}), nil
}

func whoAmI(m *Model, _ []string) ([]effect, error) {
	text := m.me.Username + " (" + m.me.DisplayName + ", " + m.me.Email + ")"
	if m.me.ClusterAdmin {
		text += ", cluster admin"
	}
	m.say(name(normal, text))
	return nil, nil
}

func passwd(m *Model, _ []string) ([]effect, error) {
	return m.ask("Old password", true, func(m *Model, old string) []effect {
		return m.newPassword("New password", func(m *Model, new string) []effect {
			return do(m, func(ctx context.Context, b Backend) error { return b.SetPassword(ctx, old, new) }, func(m *Model) []effect {
				m.tell("The password is changed; your other logins have ended.")
				return nil
			})
		})
	}), nil
}

func redeem(m *Model, args []string) ([]effect, error) {
	if err := m.strangers(); err != nil {
		return nil, err
	}
	return m.ask("Secret", true, func(m *Model, secret string) []effect {
		return m.newPassword("New password", func(m *Model, password string) []effect {
			return m.order("The password is set; /login "+args[0], func(ctx context.Context, b Backend) error {
				return b.Redeem(ctx, args[0], secret, password)
			})
		})
	}), nil
}

func profile(m *Model, args []string) ([]effect, error) { return m.setProfile(args[0], ""), nil }
func email(m *Model, args []string) ([]effect, error)   { return m.setProfile("", args[0]), nil }

func (m *Model) setProfile(displayName, email string) []effect {
	return do(m, func(ctx context.Context, b Backend) error { return b.SetProfile(ctx, displayName, email) }, func(m *Model) []effect {
		m.me.DisplayName, m.me.Email = firstOf(displayName, m.me.DisplayName), firstOf(email, m.me.Email)
		m.tell("Changed.")
		return nil
	})
}

func sessions(m *Model, _ []string) ([]effect, error) {
	return call(m, callTime, func(ctx context.Context, b Backend) ([]Login, error) { return b.Logins(ctx) }, func(m *Model, logins []Login) []effect {
		rows := [][]piece{{name(heading, "LOGIN"), name(heading, "SINCE"), name(heading, "FROM"), name(heading, "WITH")}}
		for _, l := range logins {
			with := name(normal, l.Client)
			if l.Current {
				with = name(good, strings.TrimSpace(l.Client+" (this one)"))
			}
			rows = append(rows, []piece{name(normal, l.ID), name(normal, m.when(l.Created)), name(normal, l.Address), with})
		}
		m.table(rows)
		return nil
	}), nil
}

func revoke(m *Model, args []string) ([]effect, error) {
	return m.order("The login "+args[0]+" has ended.", func(ctx context.Context, b Backend) error { return b.Revoke(ctx, args[0]) }), nil
}

// order is a call of which nothing is left to say but that it is done. It may have changed what the lists show.
func (m *Model) order(done string, f func(ctx context.Context, b Backend) error) []effect {
	return do(m, f, func(m *Model) []effect {
		m.tell("%s", done)
		return m.refreshSoon()
	})
}

// username is a user as a command names him, with or without @.
func username(arg string) string { return strings.TrimPrefix(arg, "@") }
