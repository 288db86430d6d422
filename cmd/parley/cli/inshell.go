package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"parley/cmd/parley/shell"
)

// inShell does the plain commands for a shell: at the same nodes, in the same context, and so under the same login.
type inShell struct {
	*app
	context string
}

var _ shell.Plain = (*inShell)(nil)

// notInShell are the commands that make no sense within a shell, and why.
var notInShell = map[string]string{
	"signup": "/signup makes an account", "login": "/login logs in", "logout": "/logout logs out", "passwd": "/passwd changes it",
	"shell": "this is one", "tail": "messages come by themselves", "watch": "what happens is shown by itself",
	"context": "a shell stays in its context", "completion": "Tab completes",
}

// flags are the global ones that a command within the shell is called with.
func (s *inShell) flags() []string {
	flags := []string{"--context", s.context, "--no-input", "--timeout", s.timeout.String()}
	if len(s.addrs) > 0 {
		flags = append(flags, "--addrs", strings.Join(s.addrs, ","))
	}
	return flags
}

// Run does a command; see shell.Plain.
func (s *inShell) Run(ctx context.Context, args []string) (out, notes string, err error) {
	if len(args) > 0 && notInShell[args[0]] != "" {
		return "", "", &shell.Error{Kind: shell.Usage, Text: "Not within the shell", Hint: notInShell[args[0]]}
	}
	var stdout, stderr bytes.Buffer
	if err := s.execute(ctx, append(s.flags(), args...), &stdout, &stderr); err != nil {
		f := describe(err)
		return "", "", &shell.Error{Kind: kindOfExit(f.exit), Text: f.Message, Hint: hintInShell(f.Hint)}
	}
	return stdout.String(), stderr.String(), nil
}

func (s *inShell) execute(ctx context.Context, args []string, out, err io.Writer) error {
	inner := &app{Streams: Streams{In: strings.NewReader(""), Out: out, Err: err, Getenv: s.Getenv, Spare: s.Spare}}
	root := inner.root()
	root.SetHelpFunc(func(cmd *cobra.Command, _ []string) { _, _ = io.WriteString(out, helpInShell(cmd)) })
	root.SetArgs(args)
	root.SetIn(inner.In)
	root.SetOut(out)
	root.SetErr(err)
	return root.ExecuteContext(ctx)
}

// kindOfExit is the kind of error that an exit code stands for.
func kindOfExit(code int) shell.ErrorKind {
	kinds := map[int]shell.ErrorKind{exitUsage: shell.Usage, exitNotFound: shell.NotFound, exitNotLoggedIn: shell.NotLoggedIn, exitNotPermitted: shell.NotPermitted,
		exitConflict: shell.Conflict, exitUnavailable: shell.Unavailable, exitUnknown: shell.Unknown}
	return kinds[code] // any other is shell.Failed
}

// hintInShell writes commands as the shell takes them.
func hintInShell(hint string) string {
	return strings.NewReplacer("parley doc ", "/doc ", "parley lock ", "/lock ", "parley ai ", "/ai ", "parley --help", "/help", "parley login NAME", "/login NAME",
		"parley ", "/parley ").Replace(hint)
}

// helpInShell is the help of a command as the shell takes it: the commands below it, or its own flags. Where the cluster is and
// who calls is the shell's to know, so that the flags of all commands are left out.
func helpInShell(cmd *cobra.Command) string {
	var b strings.Builder
	fmt.Fprintln(&b, cmp.Or(cmd.Long, cmd.Short))
	use := func(cmd *cobra.Command) string { return strings.TrimSuffix(cmd.UseLine(), " [flags]") }
	if !cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n  %s\n\n%s", use(cmd), cmd.LocalNonPersistentFlags().FlagUsages())
	} else {
		fmt.Fprintln(&b)
		var rows [][]string
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				rows = append(rows, []string{"  " + use(c), c.Short})
			}
		}
		_ = writeTable(&b, rows) // into a Builder
	}
	return hintInShell(b.String())
}

// Complete returns what the last word of a command can be; see shell.Plain.
func (s *inShell) Complete(ctx context.Context, args []string, typed string) (found []string) {
	var out bytes.Buffer
	line := append(append([]string{"__complete"}, s.flags()...), append(slices.Clone(args), typed)...)
	if s.execute(ctx, line, &out, io.Discard) != nil {
		return nil // what is not known is not proposed
	}
	for _, l := range strings.Split(strings.TrimSpace(out.String()), "\n") {
		if l != "" && !strings.HasPrefix(l, ":") { // the last line is for other shells
			found = append(found, l)
		}
	}
	return found
}

// Program is a command in a process of its own; see shell.Plain.
func (s *inShell) Program(args []string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return exec.Command(self, append(slices.DeleteFunc(s.flags(), func(f string) bool { return f == "--no-input" }), args...)...)
}
