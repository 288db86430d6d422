package usage

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"syscall"
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

// fullDisk takes some bytes and no more.
type fullDisk struct{ room int }

func (d *fullDisk) Write(p []byte) (int, error) {
	n := min(len(p), d.room)
	if d.room -= n; n < len(p) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

// Cobra's help does not look whether it was printed, and `program --help > page && publish page` publishes half of it.
func TestAnOutputThatCanNotBeWrittenIsAnErrorWhoeverPrints(t *testing.T) {
	for _, args := range []string{"--help", "help", "help below", "below --help", "--version", "completion bash", "below file", ""} {
		for _, room := range []int{0, 3} {
			root, errs := &cobra.Command{Use: "program"}, bytes.Buffer{}
			root.AddCommand(&cobra.Command{Use: "below", RunE: func(cmd *cobra.Command, _ []string) error {
				fmt.Fprintln(cmd.OutOrStdout(), "it does not look either")
				return nil
			}})
			root.SetOut(&fullDisk{room})
			root.SetErr(&errs)
			Root(root)
			root.SetArgs(strings.Fields(args))
			err := Executed(root, root.Execute())
			require.ErrorIs(t, err, syscall.ENOSPC, args)
			require.Equal(t, 1, Code(err))
			require.Empty(t, errs.String(), "the program prints it, once")
		}
	}
}

// A page with a hole in its middle reads like a page.
func TestNothingIsWrittenAfterTheFirstError(t *testing.T) {
	disk := &fullDisk{4}
	out := NewOutput(disk)
	require.Same(t, out, NewOutput(out))
	_, err := out.Write([]byte("first"))
	require.ErrorIs(t, err, syscall.ENOSPC)
	disk.room = 100 // somebody has made room
	_, err = out.Write([]byte("third"))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorIs(t, out.Err(), syscall.ENOSPC)
	require.Equal(t, 100, disk.room)
}
