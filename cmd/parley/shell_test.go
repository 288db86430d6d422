package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/parley/shell/shelltest"
)

// shows waits until a row of the screen is like this, and returns what the parentheses hold.
func (s *seat) shows(like string) []string {
	s.t.Helper()
	var found []string
	_, err := s.term.Wait(s.ctx, like, func(screen shelltest.Screen) bool {
		found = regexp.MustCompile(like).FindStringSubmatch(screen.String())
		return found != nil
	})
	require.NoError(s.t, err)
	return found
}

// writes waits until the line that is written on holds this, with the cursor behind it.
func (s *seat) writes(line string) {
	s.t.Helper()
	_, err := s.term.Wait(s.ctx, fmt.Sprintf("the line %q with the cursor behind it", line), func(screen shelltest.Screen) bool {
		return screen.Row() == line && screen.X >= len(line)
	})
	require.NoError(s.t, err)
}

// The story of a team whose nodes die under its hands. At stake: what somebody was writing, what he had sent while nobody
// was there to take it, and that it is stored once.
func TestR98_NodesDieAndNothingWrittenIsLostOrDoubled(t *testing.T) {
	t.Parallel()
	c := ownCluster(t)
	bob := c.loggedIn(t, "bob")
	c.loggedIn(t, "alice").must("cluster", "transfer", "1")
	s := c.loggedIn(t, "alice").sits("shell", "#general")
	s.sees("#general>", "alice on "+c.addrs[0])
	s.types("half a sent")
	s.writes("#general> half a sent")

	// The leader dies, which is the node behind the screen.
	c.kill(t, 1)
	s.shows(`alice on (` + regexp.QuoteMeta(c.addrs[1]) + `|` + regexp.QuoteMeta(c.addrs[2]) + `)`)
	s.writes("#general> half a sent")
	bob.must("send", "general", "on the other side", "--timeout", "30s")
	s.sees("bob: on the other side")
	s.types("ence\r")
	s.sees("alice: half a sentence ✓")

	// Then the others.
	c.kill(t, 2)
	c.kill(t, 3)
	s.shows(`no connection, reconnecting \(\d+\): 127\.0\.0\.1:\d+: `)
	s.types("is anybody there?\r")
	s.sees("alice: is anybody there? … sending")
	s.types("I go on wri")
	s.writes("#general> I go on wri")
	for id := 1; id <= 3; id++ {
		c.restart(t, id)
	}
	s.sees("alice on 127.0.0.1:", "alice: is anybody there? ✓", "#general> I go on wri")
	bob.must("send", "general", "we are back", "--timeout", "30s")
	s.sees("bob: we are back")
	s.types("ting\r")
	s.sees("alice: I go on writing ✓")
	s.types("\x04") // Ctrl-D on an empty line
	s.leaves(0)
	history := bob.must("history", "general")
	for _, text := range []string{"half a sentence", "on the other side", "is anybody there?", "we are back", "I go on writing"} {
		require.Equal(t, 1, strings.Count(history, text), history)
	}
}

// At stake: a line that is torn apart by what others write. They write by a pipe, as a script would.
func TestR96_OthersWriteWhileITypeOverACluster(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	alice, bob := c.loggedIn(t, "alice"), c.loggedIn(t, "bob")
	bob.must("channel", "create", "torn")
	alice.must("channel", "join", "torn")
	s := alice.sits("shell", "torn")
	s.sees("#torn>", "alice on 127.0.0.1:")
	s.types("what I wan")
	s.writes("#torn> what I wan")
	script := "/switch torn\n"
	for i := range 40 {
		script += fmt.Sprintf("line %d of a long talk\n", i)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, stderr, code := bob.apart(script, "shell")
		require.Zero(t, code, stderr)
	}()
	s.sees("bob: line 9 of a long talk")
	s.types("t to say")
	s.sees("bob: line 39 of a long talk", "bob: line 38 of a long talk")
	<-done
	s.writes("#torn> what I want to say")
	s.types("\r")
	s.sees("alice: what I want to say ✓")
	s.writes("#torn>")
	s.types("\x03")
	s.leaves(0)
}

// What is new is counted, there and here, until it is seen.
func TestR25_TheShellCountsWhatIsNewOverACluster(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	charlie, bob := c.loggedIn(t, "charlie"), c.loggedIn(t, "bob")
	bob.must("channel", "create", "counted")
	bob.must("channel", "add", "counted", "charlie")
	bob.must("send", "counted", "before")
	s := charlie.sits("shell")
	s.shows(`#counted +1 `)
	bob.must("send", "counted", "and now, @charlie")
	s.shows(`#counted +2 @1 `)
	s.types("join counted\r")
	s.sees("── new ", "bob: before", "bob: and now, @charlie", "#counted>")
	s.shows(`▸ #counted +│`)
	counted := regexp.MustCompile(`"name":"counted".*?"unread":(\d+)`)
	require.Eventually(t, func() bool {
		return counted.FindStringSubmatch(charlie.must("channel", "list", "--json"))[1] == "0"
	}, 30*time.Second, 100*time.Millisecond)
	s.types("/back\r")
	s.writes(">")
	bob.must("send", "counted", "once more")
	s.shows(`#counted +1 `)
	bob.must("channel", "remove", "counted", "charlie")
	s.sees("You were removed from #counted")
	s.types("exit\r")
	s.leaves(0)
}

// The first evening of somebody new, from the sign-up on, by the commands of the shell alone.
func TestR96_SomebodyNewFindsHisWayByTheCommands(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	bob, p := c.loggedIn(t, "bob"), c.person(t)
	s := p.sits("shell")
	s.sees("Nobody is logged in here", "nobody on "+c.addrs[0])
	s.types("signup gina gina@example.org Gina G\r")
	s.sees("Password:")
	s.types("soup of the day\r")
	s.sees("Password again:")
	s.types("soup of the day\r")
	s.sees("Welcome, Gina G.", "gina on 127.0.0.1:", "#general")
	require.NotContains(t, s.term.Written(), "soup of the day")
	require.Contains(t, p.must("whoami"), "gina")

	s.types("create_channel kitchen what to eat\r")
	s.sees("#kitchen is made; you are its admin.", "#kitchen>", "what to eat")
	s.types("/add_user bob\r")
	s.sees("bob is in #kitchen now.")
	bob.must("send", "kitchen", "soup, @gina")
	s.sees("bob: soup, @gina")
	id := bob.must("history", "kitchen", "--json")
	id = regexp.MustCompile(`msg_\w+`).FindString(id)
	s.types("/react " + id + " 🍲\r")
	s.sees("🍲 1")
	bob.must("edit", id, "soup and bread, @gina")
	s.sees("bob: soup and bread, @gina (edited)", "🍲 1")
	s.types("/reply " + id + " with salt\r")
	s.sees("↳ bob: soup and bread, @gina", "gina: with salt ✓")
	s.types("/members\r")
	s.sees("#kitchen: 2 members, 1 online", "admin")

	require.NoError(t, os.WriteFile(filepath.Join(p.work, "menu.txt"), []byte(strings.Repeat("soup\n", 100_000)), 0o600))
	s.types("/upload menu.txt for tonight\r")
	put := s.shows(`menu\.txt is in #kitchen as (file_\w+) \(488\.2 KiB\)`)
	bob.must("file", "get", put[1])
	got, err := os.ReadFile(filepath.Join(bob.work, "menu.txt"))
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("soup\n", 100_000), string(got))
	require.NoError(t, os.WriteFile(filepath.Join(bob.work, "wine.txt"), []byte("red\n"), 0o600))
	bob.must("file", "put", "kitchen", "wine.txt")
	there := s.shows(`bob has put wine\.txt here \(4 B\): /download (file_\w+)`)
	s.types("/download " + there[1] + "\r")
	s.sees(there[1] + " is in wine.txt")
	got, err = os.ReadFile(filepath.Join(p.work, "wine.txt"))
	require.NoError(t, err)
	require.Equal(t, "red\n", string(got))
	s.types("/download " + there[1] + "\r")
	s.sees("wine.txt exists")
	s.types("/files\r")
	s.shows(put[1] + ` +488\.2 KiB +gina .* menu\.txt \(for tonight\)`)

	s.types("/dm bob psst\r")
	s.sees("@bob>", "gina: psst ✓")
	require.Contains(t, bob.must("dm", "history", "gina"), "psst")
	s.types("/back\r")
	s.sees("#kitchen>")
	s.types("/who\r")
	s.shows(`\d+ users, \d+ online`)
	s.shows(`gina +Gina G +online`)
	s.types("/smart_reply\r")
	s.sees("suggestions (by offline)", "/smart_reply 1 sends the first")
	s.types("/status\r")
	s.sees("leader ", c.addrs[2])
	s.types("/join random\r")
	s.sees("You are in #random.", "#random>")
	s.types("/reconnect\r")
	s.sees("Connected.")
	s.types("/logout\r")
	s.sees("Logged out.")
	s.writes(">")
	_, code := p.in("", "whoami")
	require.Equal(t, 4, code)
	s.types("exit\r")
	s.leaves(0)
	require.Empty(t, s.term.Unknown())
}

// A login that is ended on another machine ends here, and what it could see is gone.
func TestR9_TheShellOfARevokedLoginShowsNothing(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	p, q := c.loggedIn(t, "charlie"), c.loggedIn(t, "charlie")
	s := p.sits("shell", "#general")
	s.sees("#general>", "charlie on 127.0.0.1:")
	login := regexp.MustCompile(`login_\w+`).FindString(p.must("whoami", "--json"))
	q.must("sessions", "revoke", login)
	s.sees("This login was ended elsewhere", "nobody on 127.0.0.1:")
	require.False(t, s.term.Screen().Has("CHANNELS"))
	s.types("exit\r")
	s.leaves(0)
	_, code := p.in("", "whoami")
	require.Equal(t, 4, code)
	q.must("whoami")
}

// https://no-color.org, over the whole command.
func TestR99_TheShellHasNoColourWhereNoneIsWanted(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	s := c.loggedIn(t, "charlie").sitsIn([]string{"NO_COLOR=1"}, "shell", "general")
	s.sees("#general>", "charlie on 127.0.0.1:")
	s.types("\x03")
	s.leaves(0)
	require.NotRegexp(t, "\x1b\\[[0-9;:]*[1-9][0-9;:]*m", s.term.Written())
}
