package shell

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// script runs lines through the pipe.
func script(v *visitor, lines string) (out, remarks string, err error) {
	var o, e bytes.Buffer
	err = Run(context.Background(), v, Options{In: strings.NewReader(lines), Out: &o, Err: &e, Zone: time.UTC})
	return o.String(), e.String(), err
}

func TestAPipeDoesItsLinesAndPrintsWhatTheyAskFor(t *testing.T) {
	town := newTown()
	town.says("bob", "#general", "good\nmorning")
	out, remarks, err := script(town.visit(), `login alice
alice123
join general
/history
hello, all
/send and again
/reply 101 to you as well
//etc
/back
whoami
exit
never reached
`)
	require.NoError(t, err)
	require.Equal(t, `msg_101 2026-11-22 12:01 bob: good
    morning
sent msg_103 to #general at position 103
sent msg_104 to #general at position 104
sent msg_105 to #general at position 105
sent msg_106 to #general at position 106
alice (Alice, alice@example.org)
`, out)
	require.Equal(t, `Nobody is logged in here. /login USER, or /signup USER EMAIL NAME; /help shows all commands.
now in the lobby
`, remarks)
}

// At stake: behind a line that failed, a script goes on and writes to the wrong place.
func TestR97_TheFirstLineThatFailsIsTheLastOne(t *testing.T) {
	for _, c := range []struct {
		lines string
		code  int
	}{
		{"passwd", 2}, // and none behind it
		{"whoami", 0},
		{"exit", 0},
		{"", 0},
		{"nonsense", 2},
		{"dm", 2},
		{"switch nowhere", 3},
		{"dm nobody hello", 3},
		{"logout\nwhoami", 4},
		{"logout\nlogin bob\nwrong", 4},
		{"switch tech\n/edit 101 x", 5},
		{"create_channel general", 6},
		{"switch general\nREFUSED", 7},
		{"switch general\nUNSURE", 8},
		{"ask a model", 1},
		{"send #general " + strings.Repeat("x", inputBytesMax), 2},
	} {
		town := newTown()
		town.says("bob", "#tech", "mine")
		v := town.visitAs("alice")
		if strings.Contains(c.lines, "REFUSED") {
			v.refuse = &Error{Kind: Unavailable, Text: "no quorum"}
		}
		if strings.Contains(c.lines, "UNSURE") {
			v.refuse = &Error{Kind: Unknown, Text: "no answer"}
		}
		out, _, err := script(v, c.lines+"\nsend #random behind it\n")
		if c.code != 0 {
			require.Error(t, err, c.lines)
			require.Empty(t, town.named("random").messages, c.lines)
		}
		require.Equal(t, c.code, ExitCode(err), "%s: %v\n%s", c.lines, err, out)
	}
}

// At stake: a script that can't tell a message that was not sent from one that was.
func TestR98_APipeNamesWhatIsNotSent(t *testing.T) {
	v := newTown().visitAs("alice")
	v.refuse = &Error{Kind: Unavailable, Text: "no quorum"}
	_, remarks, err := script(v, "switch general\nhello\n")
	require.Equal(t, 7, ExitCode(err))
	require.Contains(t, remarks, "parley: not sent to #general: hello")
}

// What others write to the place that is open comes out as it comes.
func TestR30_APipeShowsMessagesAsTheyCome(t *testing.T) {
	town := newTown()
	v := town.visitAs("alice")
	read, write := io.Pipe()
	outRead, out := io.Pipe()
	done := make(chan error, 1)
	go func() {
		defer out.Close()
		done <- Run(context.Background(), v, Options{In: read, Out: out, Err: io.Discard, Zone: time.UTC})
	}()
	_, err := io.WriteString(write, "switch general\nI am here\n")
	require.NoError(t, err)
	lines := lineReader(outRead)
	require.Equal(t, "sent msg_101 to #general at position 101", <-lines)
	town.says("bob", "#general", "so am I")
	require.Equal(t, "msg_102 2026-11-22 12:02 bob: so am I", <-lines)
	town.says("bob", "#tech", "elsewhere")
	town.says("bob", "#general", "\x1b[2Jbye")
	require.Equal(t, "msg_104 2026-11-22 12:04 bob: [2Jbye", <-lines)
	require.NoError(t, write.Close())
	require.NoError(t, <-done)
}

func lineReader(r io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for l := range readLines(context.Background(), r) {
			if l.err != nil {
				return
			}
			lines <- l.text
		}
	}()
	return lines
}

func TestAPipeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	read, _ := io.Pipe() // nobody ever writes
	why := errors.New("a signal")
	cancel(why)
	err := Run(ctx, newTown().visitAs("alice"), Options{In: read, Out: io.Discard, Err: io.Discard})
	require.ErrorIs(t, err, why)
}

func TestAPipeThatNobodyReadsIsAnError(t *testing.T) {
	read, write := io.Pipe()
	require.NoError(t, read.Close())
	err := Run(context.Background(), newTown().visitAs("alice"), Options{In: strings.NewReader("whoami\n"), Out: write, Err: io.Discard})
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

// A shell can begin in a place.
func TestAShellBeginsWhereItIsTold(t *testing.T) {
	var out bytes.Buffer
	err := Run(context.Background(), newTown().visitAs("alice"), Options{In: strings.NewReader("hello\n"), Out: &out, Err: io.Discard, Open: "@bob"})
	require.NoError(t, err)
	require.Contains(t, out.String(), "to @bob at position")
}
