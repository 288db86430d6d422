package usage

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"parley/cmd/observe/build"
)

// program is a command with one below it, which may fail.
func program(fails error) *cobra.Command {
	root := &cobra.Command{Use: "program"}
	below := &cobra.Command{Use: "below FILE", Short: "Does something", Args: cobra.ExactArgs(1), RunE: func(*cobra.Command, []string) error { return fails }}
	below.Flags().Int("times", 1, "how often")
	root.AddCommand(below)
	Root(root)
	return root
}

// Scripts and systemd go by the exit code: a call that can never succeed is another thing than one that did not.
func TestAWrongCallIsExitCodeTwoWhateverIsWrongAboutIt(t *testing.T) {
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"nonsense"}, `unknown command "nonsense" for "program": see program --help`},
		{[]string{"help", "nonsense"}, `there is no command "nonsense": see program --help`},
		{[]string{"help", "below", "nonsense"}, `there is no command "below nonsense": see program --help`},
		{[]string{"below", "--bogus"}, "unknown flag: --bogus: see program below --help"},
		{[]string{"below", "file", "--times", "often"}, `--times "often": it is a whole number: see program below --help`},
		{[]string{"below"}, "accepts 1 arg(s), received 0: see program --help"},
	} {
		root := program(nil)
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetErr(&out)
		root.SetArgs(c.args)
		err := Executed(root, root.Execute())
		require.ErrorContains(t, err, c.says)
		require.Equal(t, 2, Code(err))
		require.Empty(t, out.String(), "the program prints it, once")
	}
	root := program(errors.New("the disk is full"))
	root.SetArgs([]string{"below", "file"})
	require.Equal(t, 1, Code(Executed(root, root.Execute())))
	require.Zero(t, Code(nil))
}

func TestOfErrorsThatWereJoinedEachIsOneOfTheCall(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	err := Wrong(errors.Join(first, second))
	require.Equal(t, "first\nsecond", err.Error())
	require.ErrorIs(t, err, first)
	require.ErrorIs(t, err, second)
	require.Equal(t, 2, Code(fmt.Errorf("node.yaml:3: %w", err)))
	for _, one := range err.(interface{ Unwrap() []error }).Unwrap() {
		require.Equal(t, 2, Code(one))
	}
	require.NoError(t, Wrong(nil))
}

func TestEveryProgramSaysWhichBuildItIsAndHelpsWithWhatThereIs(t *testing.T) {
	for args, want := range map[string]string{"--version": build.Read().String() + "\n", "help below": "Does something", "help": "Available Commands"} {
		root := program(nil)
		var out bytes.Buffer
		root.SetOut(&out)
		root.SetArgs(strings.Fields(args))
		require.NoError(t, root.Execute())
		require.Contains(t, out.String(), want)
	}
}
