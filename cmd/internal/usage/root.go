package usage

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"parley/cmd/observe/build"
)

// Root completes a program's root command, which has its commands already: what is wrong with a call is an Error, nobody but
// the program prints, --version says which build it is, and the output is an Output, of which Executed knows.
func Root(root *cobra.Command) {
	root.SetOut(NewOutput(root.OutOrStdout()))
	root.SilenceErrors, root.SilenceUsage = true, true
	root.DisableSuggestions = true // they are lines of their own
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return see(cmd, FlagMistake(err)) })
	Version(root)
	Help(root, func(topic string) error { return see(root, Errorf("there is no command %q", topic)) })
}

// Version has a root command say with --version which build the program is, in the words of its command version, if it has one.
func Version(root *cobra.Command) {
	root.Version = build.Read().String()
	root.SetVersionTemplate("{{.Version}}\n")
}

// Help has the command help refuse what is no command. Cobra prints the root's help then, and is content.
func Help(root *cobra.Command, unknown func(topic string) error) {
	root.InitDefaultHelpCmd()
	at := slices.IndexFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == "help" })
	help := root.Commands()[at]
	help.Run, help.RunE = nil, func(_ *cobra.Command, args []string) error {
		cmd, rest, err := root.Find(args)
		if err != nil || len(rest) > 0 {
			return unknown(strings.Join(args, " "))
		}
		cmd.InitDefaultHelpFlag()
		cmd.InitDefaultVersionFlag()
		return cmd.Help()
	}
}

// Executed is what an error of Execute is: what cobra says about words that are no command, or too many or too few, is an Error. If
// there is none, it is that of the root's Output.
func Executed(root *cobra.Command, err error) error {
	if out, ok := root.OutOrStdout().(*Output); ok && err == nil {
		return out.Err()
	}
	for _, says := range []string{"unknown command ", "accepts ", "requires ", "required flag"} { // cobra has no types for them
		if err != nil && strings.HasPrefix(err.Error(), says) {
			return see(root, err)
		}
	}
	return err
}

func see(cmd *cobra.Command, err error) error {
	return Errorf("%w: see %s --help", err, cmd.CommandPath())
}
