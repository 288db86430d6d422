package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"parley/cmd/parley/plain"
	"parley/rpc/client"
)

// secretLineMax bounds what is read where a password should be: beyond it, it is none.
const secretLineMax = 4 << 10

// passwords says where passwords come from. They never come from an argument, where every user of the machine could read
// them.
type passwords struct {
	stdin bool
	file  string
	lines *bufio.Reader // of what they are read from, once it is open
}

func (p *passwords) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&p.stdin, "password-stdin", false, "read the password from stdin: one line for each that is asked for")
	cmd.Flags().StringVar(&p.file, "password-file", "", "read the password from a file, in the same way")
}

// password reads one password; index counts them from 0.
func (a *app) password(cmd *cobra.Command, p *passwords, prompt string, index int) (string, error) {
	if p.stdin && p.file != "" {
		return "", usageOf(cmd, "--password-stdin and --password-file exclude each other")
	}
	if p.lines == nil && (p.stdin || p.file != "") {
		in := a.In
		if p.file != "" {
			b, err := os.ReadFile(p.file)
			if err != nil {
				return "", err
			}
			in = bytes.NewReader(b)
		}
		p.lines = bufio.NewReader(io.LimitReader(input{cmd.Context(), in}, secretLineMax))
	}
	if p.lines == nil {
		return a.typed(cmd, prompt)
	}
	line, err := p.lines.ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if line = strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r"); line == "" {
		return "", usageOf(cmd, "line %d of what was to be the password is empty or missing", index+1)
	}
	return line, nil
}

// typed asks a person, who sees nothing of what he types.
func (a *app) typed(cmd *cobra.Command, prompt string) (string, error) {
	in, ok := a.In.(*os.File)
	if !ok || a.noInput || !term.IsTerminal(int(in.Fd())) {
		return "", usageOf(cmd, "there is nobody to ask for the password: use --password-stdin or --password-file")
	}
	// The terminal is silent before the question stands on it: nobody types faster than that.
	before, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return "", fmt.Errorf("ask for the password: %w", err)
	}
	defer term.Restore(int(in.Fd()), before)
	// A signal ends the command while it waits here: the terminal must show again what is typed.
	defer context.AfterFunc(cmd.Context(), func() {
		_ = term.Restore(int(in.Fd()), before)
		os.Exit(exitInterrupted)
	})()
	password, err := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{in, a.Err}, "").ReadPassword(prompt)
	switch {
	case errors.Is(err, io.EOF): // Ctrl-C, or Ctrl-D
		return "", ErrInterrupted
	case err != nil:
		return "", fmt.Errorf("ask for the password: %w", err)
	case password == "":
		return "", usageOf(cmd, "no password was given")
	}
	return password, nil
}

// newPassword reads a password that is to be set; a person types it twice.
func (a *app) newPassword(cmd *cobra.Command, p *passwords, index int) (string, error) {
	first, err := a.password(cmd, p, "New password: ", index)
	if err != nil || p.lines != nil {
		return first, err
	}
	again, err := a.typed(cmd, "The same again: ")
	if err == nil && again != first {
		err = usageOf(cmd, "these were two different passwords; nothing was changed")
	}
	return first, err
}

func (a *app) passwdCommand() *cobra.Command {
	var p passwords
	var reset string
	cmd := &cobra.Command{
		Use: "passwd [--reset USER]", Short: "Change your password, or set one with the code of a reset", Args: args(),
		Long: `Changes your password, and ends all your logins but this one. With --password-stdin the first line is the old
password and the second the new one.

Who has forgotten his password gets a code from a cluster admin (parley user reset-password USER) and sets
another one with parley passwd --reset USER, which asks for the code and the new password.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if reset != "" {
				return a.reset(cmd, &p, strings.TrimPrefix(reset, "@"))
			}
			old, err := a.password(cmd, &p, "Present password: ", 0)
			if err != nil {
				return err
			}
			password, err := a.newPassword(cmd, &p, 1)
			if err != nil {
				return err
			}
			return a.with(cmd, func(ctx context.Context, c *client.Client) error {
				changed, err := c.ChangePassword(ctx, old, password, a.once())
				if err != nil {
					return err
				}
				return a.print(struct {
					Ended    uint32 `json:"ended"`
					Position uint64 `json:"position"`
				}{changed.GetEnded(), changed.GetPosition()}, "the new password counts; other logins that ended: %d", changed.GetEnded())
			})
		},
	}
	cmd.Flags().StringVar(&reset, "reset", "", "set the password of this user with the code of a reset")
	p.flags(cmd)
	return cmd
}

// reset sets a password with a code.
func (a *app) reset(cmd *cobra.Command, p *passwords, user string) error {
	code, err := a.password(cmd, p, "Code: ", 0)
	if err != nil {
		return err
	}
	password, err := a.newPassword(cmd, p, 1)
	if err != nil {
		return err
	}
	return a.with(cmd, func(ctx context.Context, c *client.Client) error {
		r, err := c.ResetPassword(ctx, user, code, password, a.once())
		if err != nil {
			return err
		}
		return a.print(acted{User: user, Position: r.GetPosition()}, "the new password counts; log in with: parley login %s", plain.Line(user))
	})
}
