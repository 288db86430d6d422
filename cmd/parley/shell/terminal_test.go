package shell

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/parley/shell/shelltest"
)

// The test binary is also the program under test: started with this variable it is a shell over a town of its own, in
// which the test makes things happen through file 3, a line each.
const programVariable = "PARLEY_SHELL_TEST_USER"

func TestMain(m *testing.M) {
	if user, ok := os.LookupEnv(programVariable); ok {
		os.Exit(program(user))
	}
	os.Exit(m.Run())
}

// program is what the command does around Run: signals end the context, the error becomes an exit code.
func program(user string) int {
	town := newTown()
	v := town.visit()
	if user != "" {
		v.user = town.resident(user)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() {
		for s := bufio.NewScanner(os.NewFile(3, "script")); s.Scan(); {
			happen(town, v, s.Text())
		}
	}()
	err := Run(ctx, v, Options{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Color: os.Getenv("NO_COLOR") == "", Zone: time.UTC})
	if err != nil {
		fmt.Fprintln(os.Stderr, "parley:", err)
	}
	return ExitCode(err)
}

// happen makes something happen:
//
//	says USER PLACE TEXT    cut WHY    mend NODE    refuse    unsure
func happen(t *town, v *visitor, what string) {
	word, rest := cutWord(what)
	switch word {
	case "says":
		user, rest := cutWord(rest)
		place, text := cutWord(rest)
		t.says(user, place, strings.ReplaceAll(text, `\e`, "\x1b"))
	case "cut":
		v.cut(rest)
	case "mend":
		v.mend(rest)
	case "refuse":
		t.mu.Lock()
		v.refuse = &Error{Kind: Unavailable, Text: rest}
		t.mu.Unlock()
	case "unsure":
		t.mu.Lock()
		v.unsure = true
		t.mu.Unlock()
	default:
		panic("nothing of this name happens: " + what)
	}
}

// A seat is a person in front of the program.
type seat struct {
	t      *testing.T
	ctx    context.Context
	term   *shelltest.Terminal
	script *os.File
}

// sit starts the program on a terminal. Everything that is waited for has a minute, on the slowest of machines.
func sit(t *testing.T, user string, width, height int, env ...string) *seat {
	return sitAt(t, exec.Command(os.Args[0]), user, width, height, env...)
}

// sitAt starts the program by some command.
func sitAt(t *testing.T, cmd *exec.Cmd, user string, width, height int, env ...string) *seat {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	read, write, err := os.Pipe()
	require.NoError(t, err)
	cmd.Env = append(append(os.Environ(), programVariable+"="+user), env...)
	cmd.ExtraFiles = []*os.File{read}
	term, err := shelltest.Start(cmd, width, height)
	require.NoError(t, err)
	require.NoError(t, read.Close())
	t.Cleanup(func() {
		term.Close()
		write.Close()
	})
	return &seat{t, ctx, term, write}
}

func (s *seat) happens(what string) {
	s.t.Helper()
	_, err := fmt.Fprintln(s.script, what)
	require.NoError(s.t, err)
}

func (s *seat) types(keys string) {
	s.t.Helper()
	require.NoError(s.t, s.term.Type(keys))
}

// sees waits until all of the texts are on the screen at once.
func (s *seat) sees(texts ...string) shelltest.Screen {
	s.t.Helper()
	screen, err := s.term.Wait(s.ctx, strings.Join(texts, " and "), func(screen shelltest.Screen) bool {
		for _, text := range texts {
			if !screen.Has(text) {
				return false
			}
		}
		return true
	})
	require.NoError(s.t, err)
	return screen
}

// writes waits until the input holds a text and the cursor stands behind it.
func (s *seat) writes(text string) {
	s.t.Helper()
	_, err := s.term.Wait(s.ctx, fmt.Sprintf("the input %q with the cursor behind it", text), func(screen shelltest.Screen) bool {
		return strings.HasSuffix(screen.Row(), "> "+text) && screen.X == len([]rune(screen.Row())) || text == "" && strings.HasSuffix(screen.Row(), ">")
	})
	require.NoError(s.t, err)
}

// leaves waits for the end, and checks what is left behind.
func (s *seat) leaves(code int) {
	s.t.Helper()
	got, err := s.term.Exit(s.ctx)
	require.NoError(s.t, err)
	require.Equal(s.t, code, got, s.term.Screen())
	require.NoError(s.t, s.term.Restored())
	require.Empty(s.t, s.term.Unknown())
}

// joins opens a channel.
func (s *seat) joins(channel string) {
	s.t.Helper()
	s.types("join " + channel + "\r")
	_, err := s.term.Wait(s.ctx, channel, func(screen shelltest.Screen) bool { return screen.Row() == "#"+channel+">" })
	require.NoError(s.t, err)
}

// At stake: a line that is torn apart by what others write is the reason why people leave a chat in a terminal.
func TestR96_OthersWriteWhileITypeAndMyLineStays(t *testing.T) {
	s := sit(t, "alice", 100, 24)
	s.sees("Welcome, Alice.", "#general", "alice on node-1")
	s.joins("general")
	s.types("what I wan")
	s.writes("what I wan")
	for i := range 40 {
		s.happens(fmt.Sprintf("says bob #general line %d of a long talk", i))
		if i == 20 {
			s.types("t to say")
		}
	}
	s.sees("bob: line 39 of a long talk", "#general> what I want to say")
	s.writes("what I want to say")
	s.happens("says charlie #tech come here, @alice")
	s.sees("#tech      1 @1")
	s.types("\r")
	s.sees("alice: what I want to say ✓")
	s.writes("")
	s.types("exit\r")
	s.leaves(0)
}

// At stake: what was written while the leader was dead.
func TestR98_TheLeaderDiesAndNothingWrittenIsLost(t *testing.T) {
	s := sit(t, "alice", 90, 20)
	s.sees("alice on node-1")
	s.joins("general")
	s.types("half a sent")
	s.writes("half a sent")
	s.happens("cut node-1 is gone")
	s.sees("no connection, reconnecting (1): node-1 is gone", "#general> half a sent")
	s.types("ence\r")
	s.sees("alice: half a sentence … sending")
	s.types("and another")
	s.happens("says bob #general I am on the other side")
	s.writes("and another")
	s.happens("mend node-2")
	s.sees("alice on node-2", "bob: I am on the other side", "alice: half a sentence ✓", "#general> and another")
	s.types("\r")
	s.sees("alice: and another ✓")

	s.happens("refuse no quorum")
	s.types("a third one")
	s.writes("a third one")
	s.types("\r")
	s.sees("alice: a third one ✗ failed: no quorum", "1 not sent: Ctrl-R sends")
	s.types("\x12") // Ctrl-R
	s.sees("alice: a third one ✓")
	s.types("\x04") // Ctrl-D on an empty line
	s.leaves(0)
}

// At stake: a message that was stored although nobody heard so, and that is stored again.
func TestR98_WhatIsNotKnownToBeSentIsSentOnce(t *testing.T) {
	s := sit(t, "alice", 90, 20)
	s.sees("alice on node-1")
	s.joins("general")
	s.happens("unsure x")
	s.happens("says bob #general ready")
	s.sees("bob: ready")
	s.types("only once\r")
	_, err := s.term.Wait(s.ctx, "the message once, and nothing that is not sent", func(screen shelltest.Screen) bool {
		return strings.Count(screen.String(), "alice: only once ✓") == 1 && strings.Count(screen.String(), "only once") == 1 && !screen.Has("not sent")
	})
	require.NoError(t, err)
	s.types("\x03") // Ctrl-C
	s.leaves(0)
}

// At stake: a terminal that shows nothing of what is typed, until somebody types reset into the dark.
func TestR96_EveryWayOutLeavesTheTerminalAsItWas(t *testing.T) {
	for _, c := range []struct {
		name, keys string
		code       int
	}{
		{"exit", "exit\r", 0},
		{"/exit", "/exit\r", 0},
		{"Ctrl-D", "\x04", 0},
		{"Ctrl-C", "\x03", 0},
		{"Ctrl-C behind a text", "some text\x03", 0},
		{"exit in a channel", "/join general\rexit\r", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := sit(t, "alice", 80, 24)
			s.sees("alice on node-1")
			require.True(t, s.term.Screen().Full)
			s.types(c.keys)
			s.leaves(c.code)
		})
	}
}

// What is on its way when somebody leaves is named to him: on the screen that he comes back to.
func TestR98_LeavingNamesWhatIsNotSent(t *testing.T) {
	s := sit(t, "alice", 90, 20)
	s.sees("alice on node-1")
	s.joins("general")
	s.happens("cut node-1 is gone")
	s.sees("no connection")
	s.types("am I heard?\rexit\r")
	s.leaves(0)
	require.True(t, s.term.Screen().Has("parley: not known whether it was sent to #general: am I heard?"), s.term.Screen())
}

// At stake: a password on the screen, or in what a terminal keeps of it.
func TestR96_APasswordIsNeverShown(t *testing.T) {
	s := sit(t, "", 80, 24)
	s.sees("Nobody is logged in here")
	s.types("login bob\r")
	s.sees("Password of bob:")
	s.types("bob123")
	s.sees("••••••")
	s.types("\r")
	s.sees("Welcome, Bob.", "bob on node-1")
	s.types("\x1b[A\x1b[A\x19") // up, up, Ctrl-Y
	s.writes("login bob")
	s.types("\x03")
	s.leaves(0)
	require.NotContains(t, s.term.Written(), "bob123")
}

// At stake: whoever can write a message could otherwise write on the screens of all who read it.
func TestR99_AMessageCannotPaintTheScreen(t *testing.T) {
	s := sit(t, "alice", 90, 20)
	s.sees("alice on node-1")
	s.joins("general")
	s.happens(`says bob #general \e[2J\e[H\e]0;owned\aI own your screen`)
	s.sees("bob: [2J[H]0;owned", "#general · about general", "#general>")
	s.types("\x03")
	s.leaves(0)
	require.NotContains(t, s.term.Written(), "\x1b]0;owned")
}

// A terminal that counts each part of an emoji must not be painted as if it took them for one: the rest of the line, and
// the line that is written on, would stand wrong.
func TestR96_EmojiOfManyPartsLeaveTheLineWhereItIs(t *testing.T) {
	s := sit(t, "alice", 90, 20)
	s.sees("alice on node-1")
	s.joins("general")
	s.happens("says bob #general 👨\u200d👩\u200d👧 漢字 👍🏽 ❤\ufe0f all of us")
	s.sees("bob: 👨👩👧 漢字 👍 ❤ all of us")
	s.types("👨\u200d👩\u200d👧!")
	screen := s.sees("#general> 👨👩👧!")
	require.Equal(t, len("#general> ")+7, screen.X, screen)
	s.types("\x7f\x7f")
	s.writes("")
	s.types("\x03")
	s.leaves(0)
}

// Ctrl-Z gives the terminal back to the shell that the program was started from, and fg takes it again, with the line as
// it was.
func TestR96_ASuspendedShellGoesOnWhereItWas(t *testing.T) {
	s := sitAt(t, exec.Command("sh", "-c", `set -m; "$0"; echo given back; read line; fg; echo "the end: $?"`, os.Args[0]), "alice", 90, 20)
	s.sees("alice on node-1")
	s.types("join general\rhalf a line")
	s.writes("half a line")
	s.types("\x1a")
	screen := s.sees("given back")
	require.False(t, screen.Full)
	require.NoError(t, s.term.Restored())
	s.happens("says bob #general in the meantime")
	s.types("\n")
	s.sees("bob: in the meantime", "#general> half a line")
	require.True(t, s.term.Screen().Full)
	s.types(" more")
	s.writes("half a line more")
	s.types("\x03")
	s.sees("the end: 0")
	s.leaves(0)
}

// A window changes its size while somebody types.
func TestR96_AnotherSizeOfTheWindowKeepsTheLine(t *testing.T) {
	s := sit(t, "alice", 100, 24)
	s.sees("alice on node-1")
	s.joins("general")
	s.types("漢字 and a line that is longer than forty columns are")
	s.sees("longer than forty columns are")
	require.NoError(t, s.term.Resize(40, 10))
	s.sees("#general> 漢字 and a line that is longe", "  r than forty columns are")
	require.NoError(t, s.term.Resize(300, 50))
	s.sees("#general> 漢字 and a line that is longer than forty columns are")
	s.types("\x03")
	s.leaves(0)
}

// https://no-color.org
func TestR99_NoColorMeansNone(t *testing.T) {
	s := sit(t, "alice", 80, 24, "NO_COLOR=1")
	s.sees("Welcome, Alice.")
	s.types("help\r")
	s.sees("/signup USER EMAIL", "lines below: Esc")
	s.types(strings.Repeat("\x1b[6~", 9)) // page down
	s.sees("In the lobby commands need no slash")
	s.types("\x03")
	s.leaves(0)
	require.NotRegexp(t, "\x1b\\[[0-9;:]*[1-9][0-9;:]*m", s.term.Written())
}

// A signal is no key, but it leaves the terminal as it was all the same.
func TestR96_ASignalRestoresTheTerminal(t *testing.T) {
	s := sit(t, "alice", 80, 24)
	s.sees("alice on node-1")
	require.NoError(t, s.term.Signal(syscall.SIGTERM))
	s.leaves(130)
}
