package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/parley/shell/shelltest"
)

// seat is a person in front of a terminal on which the program runs.
type seat struct {
	t    *testing.T
	ctx  context.Context
	term *shelltest.Terminal
}

// sits starts the program on a terminal. Everything that is waited for has two minutes, on the slowest of machines.
func (p *person) sits(args ...string) *seat {
	p.t.Helper()
	return p.sitsIn(nil, args...)
}

// sitsIn is sits, with more in the environment.
func (p *person) sitsIn(env []string, args ...string) *seat {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	p.t.Cleanup(cancel)
	cmd := p.command(ctx, args...)
	cmd.Env = append(append(cmd.Env, "TERM=xterm-256color"), env...)
	term, err := shelltest.Start(cmd, 110, 26)
	require.NoError(p.t, err)
	p.t.Cleanup(term.Close)
	return &seat{p.t, ctx, term}
}

func (s *seat) types(keys string) {
	s.t.Helper()
	require.NoError(s.t, s.term.Type(keys))
}

// sees waits until all of the texts are on the screen at once.
func (s *seat) sees(texts ...string) {
	s.t.Helper()
	_, err := s.term.Wait(s.ctx, strings.Join(texts, " and "), func(screen shelltest.Screen) bool {
		for _, text := range texts {
			if !screen.Has(text) {
				return false
			}
		}
		return true
	})
	require.NoError(s.t, err)
}

func (s *seat) leaves(code int) {
	s.t.Helper()
	got, err := s.term.Exit(s.ctx)
	require.NoError(s.t, err)
	require.Equal(s.t, code, got, s.term.Screen())
	require.NoError(s.t, s.term.Restored())
}

// The shell over real processes, while the leader dies. At stake: what was written meanwhile, by oneself and by others.
func TestR98_TheShellGoesOnWhenTheLeaderDies(t *testing.T) {
	t.Parallel()
	c := ownCluster(t)
	bob := c.loggedIn(t, "bob")
	s := c.loggedIn(t, "alice").sits("shell", "#general")
	s.sees("#general>", "alice on 127.0.0.1:")
	bob.must("send", "general", "good morning, @alice")
	s.sees("bob: good morning, @alice")
	s.types("half a sent")
	s.sees("#general> half a sent")

	var status struct{ Leader int }
	require.NoError(t, json.Unmarshal([]byte(bob.must("cluster", "status", "--json")), &status))
	c.kill(t, status.Leader)
	s.types("ence")
	bob.must("send", "general", "on the other side", "--timeout", "30s")
	s.sees("bob: on the other side", "#general> half a sentence")
	s.types("\r")
	s.sees("alice: half a sentence ✓")
	require.Contains(t, bob.must("history", "general"), "alice: half a sentence")

	bob.must("dm", "send", "alice", "psst")
	s.sees("@bob")
	s.types("/dm bob\r")
	s.sees("bob: psst", "@bob>")
	s.types("heard\r")
	s.sees("alice: heard ✓")
	require.Contains(t, bob.must("dm", "list"), "alice: heard")
	s.types("\x04") // Ctrl-D on an empty line
	s.leaves(0)
	texts := strings.Count(bob.must("history", "general"), "half a sentence")
	require.Equal(t, 1, texts, "it was stored once")
}

// Logging in and out on the screen is logging in and out for the commands.
func TestR96_TheShellsLoginIsThatOfTheCommands(t *testing.T) {
	c := sharedCluster(t)
	p := c.person(t)
	s := p.sits("shell")
	s.sees("/login")
	s.types("/login charlie\r")
	s.sees("assword")
	s.types("charlie123\r")
	s.sees("#general", "charlie on 127.0.0.1:")
	require.NotContains(t, s.term.Written(), "charlie123")
	require.Contains(t, p.must("whoami"), "charlie")
	s.types("/logout\r")
	s.sees("/login")
	require.Eventually(t, func() bool {
		_, code := p.in("", "whoami")
		return code == 4
	}, 20*time.Second, 50*time.Millisecond)
	s.types("exit\r")
	s.leaves(0)
}

// R97: without a terminal the shell does lines, and its exit code is that of the line that failed.
func TestR97_TheShellDoesLinesWithoutATerminal(t *testing.T) {
	c := sharedCluster(t)
	alice := c.loggedIn(t, "alice")
	stdout, stderr, code := alice.apart("/switch general\nby the pipe\n/history\n/exit\n", "shell")
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "alice: by the pipe")
	_, stderr, code = alice.apart("/switch nowhere\nlost\n", "shell")
	require.Equal(t, 3, code)
	require.Contains(t, stderr, "nowhere")
	require.NotContains(t, alice.must("search", "lost", "--json"), "lost")
	_, stderr, code = c.person(t).apart("/channels\n", "shell")
	require.Equal(t, 4, code, stderr)
}

// A password is asked for where nobody reads it over a shoulder, twice where it is new.
func TestR3_PasswordsAreTypedUnseen(t *testing.T) {
	c := sharedCluster(t)
	p := c.person(t)
	s := p.sits("signup", "tilda_t", "--email", "tilda_t@example.org")
	s.sees("New password:")
	s.types("a typed secret\r")
	s.sees("The same again:")
	s.types("another secret\r")
	s.sees("two different passwords")
	s.leaves(2)
	s = p.sits("signup", "tilda_t", "--email", "tilda_t@example.org")
	s.sees("New password:")
	s.types("a typed secret\r")
	s.sees("The same again:")
	s.types("a typed secret\r")
	s.sees("signed up")
	s.leaves(0)
	s = p.sits("login", "tilda_t")
	s.sees("Password of tilda_t:")
	s.types("a typed secret\r")
	s.sees("logged in as tilda_t")
	require.NotContains(t, s.term.Written(), "secret")
	s.leaves(0)
	s = p.sits("login", "tilda_t")
	s.sees("Password of tilda_t:")
	s.types("half a sec\x03") // Ctrl-C
	s.leaves(130)
	s = p.sits("login", "tilda_t", "--no-input")
	s.sees("nobody to ask")
	s.leaves(2)
}

// R46: somebody at a terminal sees how far a file has come; a script sees nothing.
func TestR46_ProgressIsForTerminals(t *testing.T) {
	c := sharedCluster(t)
	alice := c.loggedIn(t, "alice")
	require.NoError(t, writeFile(alice.work+"/large", strings.Repeat("a line of it\n", 300_000)))
	s := alice.sits("file", "put", "general", "large")
	s.sees("% of ")
	_, err := s.term.Exit(s.ctx)
	require.NoError(t, err)
	path := alice.work + "/small"
	require.NoError(t, writeFile(path, "small"))
	_, stderr, code := alice.apart("", "file", "put", "general", path)
	require.Zero(t, code)
	require.Empty(t, stderr)
}

// readLine is a script's wait for a line. A trap whose signal comes just before bash sleeps in read runs when read returns: so it
// returns now and then.
const readLine = "until read -t 0.2 line; do :; done\n"

// To an editor Ctrl-C is a key like others, and the terminal sends it to all who are in front of it. At stake is what somebody
// has written: the editor must stay, and what it makes of the document must be stored.
func TestCtrlCInAnEditorIsTheEditorsAlone(t *testing.T) {
	c := sharedCluster(t)
	alice := c.loggedIn(t, "alice")
	editor := filepath.Join(alice.work, "editor")
	require.NoError(t, os.WriteFile(editor, []byte("#!/bin/bash\ntrap 'echo caught' INT\necho editing\n"+readLine+"echo \"$line\" >> \"$1\"\n"), 0o700))

	id := alice.newDocument("required", "first\n")
	s := alice.sitsIn([]string{"EDITOR=" + editor}, "doc", "edit", id)
	s.sees("editing")
	s.types("\x03")
	s.sees("caught")
	s.types("second\r")
	s.sees("is at version 2")
	s.leaves(0)
	require.Equal(t, "first\nsecond\n", alice.must("doc", "show", id))

	s = alice.sitsIn([]string{"EDITOR=" + editor}, "shell")
	s.sees("alice on 127.0.0.1:")
	s.types("/doc edit " + id + "\r")
	s.sees("editing")
	s.types("\x03")
	s.sees("caught")
	s.types("third\r")
	s.sees("Done: doc edit")
	require.Equal(t, "first\nsecond\nthird\n", alice.must("doc", "show", id))
	s.types("exit\r")
	s.leaves(0)
}

// An editor that is told to end, with the command that it runs in, leaves a text. Its user learns where it is.
func TestAnEditThatIsToldToEndSaysWhereTheTextIs(t *testing.T) {
	c := sharedCluster(t)
	alice := c.loggedIn(t, "alice")
	editor := filepath.Join(alice.work, "editor")
	require.NoError(t, os.WriteFile(editor, []byte("#!/bin/bash\ntrap 'echo saved >> \"$1\"; exit 1' TERM\necho editing\n"+readLine), 0o700))
	id := alice.newDocument("required", "first\n")
	cmd := alice.command(t.Context(), "doc", "edit", id)
	cmd.Env = append(cmd.Env, "EDITOR="+editor)
	term, err := shelltest.Start(cmd, 110, 26)
	require.NoError(t, err)
	t.Cleanup(term.Close)
	s := &seat{t, t.Context(), term}
	s.sees("editing")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	s.leaves(130)
	at := regexp.MustCompile(`what was written is in (\S+)`).FindStringSubmatch(term.Written())
	require.NotNil(t, at, term.Written())
	t.Cleanup(func() { _ = os.Remove(at[1]) })
	kept, err := os.ReadFile(at[1])
	require.NoError(t, err)
	require.Equal(t, "first\nsaved\n", string(kept))
}
