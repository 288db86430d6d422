package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// line is an event as watch and tail print it.
type line struct {
	Position uint64
	Type     string
	Channel  string
	Sender   string
	Text     string
	User     string
	Online   *bool
}

// stream is a command that prints lines until it is ended.
type stream struct {
	t     *testing.T
	cmd   *exec.Cmd
	lines chan line
	end   chan error
}

func (p *person) stream(args ...string) *stream {
	p.t.Helper()
	cmd := p.command(context.Background(), append(args, "--json")...)
	out, err := cmd.StdoutPipe()
	require.NoError(p.t, err)
	require.NoError(p.t, cmd.Start())
	s := &stream{p.t, cmd, make(chan line, 4096), make(chan error, 1)}
	p.t.Cleanup(func() { _ = cmd.Process.Kill() })
	go func() {
		for scan := bufio.NewScanner(out); scan.Scan(); {
			var l line
			if json.Unmarshal(scan.Bytes(), &l) == nil {
				s.lines <- l
			}
		}
		close(s.lines)
		s.end <- cmd.Wait()
	}()
	return s
}

// until reads lines up to the first one that is meant.
func (s *stream) until(meant func(line) bool) (all []line) {
	s.t.Helper()
	timer := time.NewTimer(30 * time.Second)
	defer timer.Stop()
	for {
		select {
		case l, ok := <-s.lines:
			require.True(s.t, ok, "the stream ended after %v", all)
			all = append(all, l)
			if meant(l) {
				return all
			}
		case <-timer.C:
			s.t.Fatalf("nothing more came after %v", all)
		}
	}
}

// A story of a team whose leader dies three times. At stake is a message that somebody does not see, or sees twice.
func TestR70_AStreamIsFollowedAcrossThreeFailoversWithEveryPositionOnce(t *testing.T) {
	t.Parallel()
	c := ownCluster(t)
	alice, bob := c.loggedIn(t, "alice"), c.loggedIn(t, "bob")
	watch, tail := bob.stream("watch", "--from", "0", "--topic", "messages"), bob.stream("tail", "general", "--from", "0")
	var want []string
	for round := range 4 {
		for i := range 3 {
			text := fmt.Sprintf("round %d, message %d", round, i)
			alice.must("send", "general", text)
			want = append(want, text)
		}
		if round == 3 {
			break
		}
		var s struct{ Leader int }
		require.NoError(t, json.Unmarshal([]byte(alice.must("cluster", "status", "--json")), &s))
		require.NotZero(t, s.Leader)
		c.kill(t, s.Leader)
		alice.must("send", "general", fmt.Sprintf("without node %d", s.Leader), "--timeout", "20s") // R82: whoever leads now is found
		want = append(want, fmt.Sprintf("without node %d", s.Leader))
		c.restart(t, s.Leader)
	}
	for name, s := range map[string]*stream{"watch": watch, "tail": tail} {
		var texts []string
		last := uint64(0)
		for _, l := range s.until(func(l line) bool { return l.Type == "message" && l.Text == want[len(want)-1] }) {
			if l.Type == "message" {
				require.Greater(t, l.Position, last, name)
				texts, last = append(texts, l.Text), l.Position
			}
		}
		require.Equal(t, want, texts, name)
	}
}

// What was acknowledged before everything was stopped is there when everything runs again; who was away sees it then.
func TestR39_WhoWasOfflineSeesItAfterARestartOfAllNodes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := startCluster(t, dir)
	alice := c.loggedIn(t, "alice")
	alice.must("dm", "send", "bob", "are you there?")
	alice.must("send", "general", "everybody?")
	c.stop()
	port := 0
	_, err := fmt.Sscanf(c.addrs[0], "127.0.0.1:%d", &port)
	require.NoError(t, err)
	again, err := dev(binary(t, "node"), c.dir, port)
	require.NoError(t, err)
	t.Cleanup(again.stop)
	require.Equal(t, c.addrs, again.addrs)

	require.Contains(t, alice.must("whoami"), "alice", "a token outlives the nodes")
	bob := again.loggedIn(t, "bob")
	require.Contains(t, bob.must("dm", "list"), "alice: are you there?")
	require.Contains(t, bob.must("history", "general"), "everybody?")
}

// R84, R82: the minority refuses what needs a quorum and says so; --stale answers from what it has. Any one address of a
// majority is enough.
func TestR84_AMinorityAnswersStaleReadsOnly(t *testing.T) {
	t.Parallel()
	c := ownCluster(t)
	alice := c.loggedIn(t, "alice")
	alice.must("send", "general", "before")
	for _, addr := range c.addrs {
		require.Contains(t, alice.must("history", "general", "--addrs", addr), "before")
		alice.must("send", "general", "by "+addr, "--addrs", addr)
	}
	require.Eventually(t, func() bool {
		return strings.Contains(alice.must("history", "general", "--stale", "--addrs", c.addrs[2]), "by "+c.addrs[2])
	}, 10*time.Second, 50*time.Millisecond)
	c.kill(t, 1)
	c.kill(t, 2)
	for _, args := range [][]string{
		{"send", "general", "lost"}, {"history", "general"}, {"whoami"}, {"channel", "join", "tech"}, {"tail", "general"}, {"login", "bob", "--password-stdin"},
	} {
		out, code := alice.in("bob123\n", append(args, "--timeout", "1s")...)
		require.Contains(t, []int{7, 8}, code, "%v: %s", args, out)
	}
	stdout, stderr, code := alice.apart("", "history", "general", "--stale")
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "before")
	require.Regexp(t, `as of position \d+, which may be old`, stderr)
	require.Contains(t, alice.must("cluster", "status"), "unreachable")
}

// R8, R9: who is logged out hears nothing more, and is told why.
func TestR8_ALogOutEndsTheStreamsOfThatLoginEverywhere(t *testing.T) {
	c := sharedCluster(t)
	alice, other := c.loggedIn(t, "alice"), c.loggedIn(t, "alice")
	// Each stream at another node.
	var ended, lives []*stream
	for _, addr := range c.addrs {
		ended = append(ended, alice.stream("tail", "general", "--addrs", addr, "--from", "0"), alice.stream("watch", "--addrs", addr, "--from", "0"))
		lives = append(lives, other.stream("tail", "general", "--addrs", addr, "--from", "0"))
	}
	alice.must("send", "general", "before the end")
	for _, s := range append(ended, lives...) {
		s.until(func(l line) bool { return l.Text == "before the end" })
	}
	alice.must("logout")
	for _, s := range ended {
		for range s.lines { // what was on its way
		}
		<-s.end
		require.Equal(t, 4, s.cmd.ProcessState.ExitCode())
	}
	other.must("send", "general", "after the end")
	for _, s := range lives {
		s.until(func(l line) bool { return l.Text == "after the end" })
	}
}

// R22, R17: who is removed from a channel hears nothing more of it.
func TestR22_ARemovedMemberHearsNothingMore(t *testing.T) {
	c := sharedCluster(t)
	alice, bob := c.loggedIn(t, "alice"), c.loggedIn(t, "bob")
	alice.must("channel", "create", "cellar", "--private")
	alice.must("channel", "add", "cellar", "bob")
	tail, watch := bob.stream("tail", "cellar", "--from", "0"), bob.stream("watch", "--from", "0")
	alice.must("send", "cellar", "come down")
	here := func(l line) bool { return l.Text == "come down" }
	tail.until(here)
	watch.until(here)
	alice.must("channel", "remove", "cellar", "bob")
	alice.must("send", "cellar", "now we are alone")
	alice.must("send", "general", "the cellar is locked")
	<-tail.end
	require.Equal(t, 3, tail.cmd.ProcessState.ExitCode(), "a private channel is not there any more")
	for l := range tail.lines {
		require.NotContains(t, l.Text, "alone")
	}
	for _, l := range watch.until(func(l line) bool { return l.Text == "the cellar is locked" }) {
		require.NotContains(t, l.Text, "alone")
	}
}

// R68: who streams is online, for clients of any node.
func TestR68_WhoStreamsIsOnline(t *testing.T) {
	c := sharedCluster(t)
	alice, charlie := c.loggedIn(t, "alice"), c.loggedIn(t, "charlie")
	watch := alice.stream("watch", "--topic", "presence", "--addrs", c.addrs[0])
	require.Eventually(t, func() bool { return strings.Contains(charlie.must("who"), "alice") }, 20*time.Second, 50*time.Millisecond)
	s := charlie.stream("tail", "general", "--addrs", c.addrs[2])
	is := func(online bool) func(line) bool {
		return func(l line) bool { return l.Type == "presence" && l.User == "charlie" && *l.Online == online }
	}
	watch.until(is(true))
	require.Contains(t, alice.must("who"), "charlie")
	require.NoError(t, s.cmd.Process.Signal(os.Interrupt))
	<-s.end
	require.Equal(t, 130, s.cmd.ProcessState.ExitCode())
	watch.until(is(false))
	require.NotContains(t, alice.must("who"), "charlie")
	require.Contains(t, alice.must("who", "--all"), "last seen")
}

// R45: whoever puts a file chooses its name, and whoever gets it where it goes.
func TestR45_NothingIsWrittenOutsideTheTargetDirectoryOrOverWhatIsThere(t *testing.T) {
	c := sharedCluster(t)
	alice, bob := c.loggedIn(t, "alice"), c.loggedIn(t, "bob")
	content := filepath.Join(alice.work, "content")
	require.NoError(t, os.WriteFile(content, []byte("evil"), 0o600))
	outside := filepath.Join(filepath.Dir(bob.work), "outside")
	for _, name := range []string{
		"../outside", "/etc/outside", `..\outside`, "a/../../outside", ".bashrc", "-rf", "..", "con", "x\x1b[31m\u202egnp.exe", "tab\tline\nfeed",
	} {
		var f struct{ ID string }
		require.NoError(t, json.Unmarshal([]byte(alice.must("file", "put", "general", content, "--json", "--name="+name)), &f), name)
		out := bob.must("file", "get", f.ID, "--force")
		require.NotContains(t, out, "\x1b", name)
		require.NotContains(t, out, "\u202e", name)
	}
	require.NoFileExists(t, outside)
	entries, err := os.ReadDir(bob.work)
	require.NoError(t, err)
	for _, e := range entries {
		require.True(t, e.Type().IsRegular(), e.Name())
		require.False(t, strings.HasPrefix(e.Name(), "."), e.Name())
		require.NotContains(t, e.Name(), "\n")
	}

	// A link that somebody left there is not followed, neither by the file nor by its beginning.
	var f struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(alice.must("file", "put", "general", content, "--json", "--name", "link.txt")), &f))
	precious := filepath.Join(t.TempDir(), "precious")
	require.NoError(t, os.WriteFile(precious, []byte("precious"), 0o600))
	for _, name := range []string{"link.txt", "." + f.ID + ".part"} {
		require.NoError(t, os.Symlink(precious, filepath.Join(bob.work, name)))
		_, code := bob.in("", "file", "get", f.ID)
		require.NotZero(t, code, name)
		require.NoError(t, os.Remove(filepath.Join(bob.work, name)))
	}
	require.NoError(t, os.Symlink(precious, filepath.Join(bob.work, "link.txt")))
	bob.must("file", "get", f.ID, "--force")
	b, err := os.ReadFile(precious)
	require.NoError(t, err)
	require.Equal(t, "precious", string(b), "the link was replaced, and not what it leads to")
	b, err = os.ReadFile(filepath.Join(bob.work, "link.txt"))
	require.NoError(t, err)
	require.Equal(t, "evil", string(b))
}

// R46: what had come when the command was ended is not fetched again; what is there and is not the beginning of the file is.
func TestR46_AGetGoesOnWhereAnotherOneWasBrokenOff(t *testing.T) {
	c := sharedCluster(t)
	alice := c.loggedIn(t, "alice")
	content := make([]byte, 1<<20)
	for i := range content {
		content[i] = byte(i * i >> 7)
	}
	path := filepath.Join(alice.work, "big.bin")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	var f struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(alice.must("file", "put", "general", path, "--json")), &f))
	for name, part := range map[string][]byte{
		"a beginning": content[:300_000], "all of it": content, "something else": []byte("something else"),
		"more than there is": append(append([]byte{}, content...), 1, 2, 3), "an empty file": {},
	} {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "."+f.ID+".part"), part, 0o600))
		alice.must("file", "get", f.ID, "-o", dir)
		got, err := os.ReadFile(filepath.Join(dir, "big.bin"))
		require.NoError(t, err, name)
		require.Equal(t, content, got, name)
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Len(t, entries, 1, name)
	}
}

// R46: two calls that fetch one file to one directory at once: what one of them has compared the other one would write to. So the
// second one is told, and writes nothing.
func TestR46_TwoGetsOfOneFileWriteNotOverEachOther(t *testing.T) {
	c := sharedCluster(t)
	alice := c.loggedIn(t, "alice")
	require.NoError(t, os.WriteFile(filepath.Join(alice.work, "twice"), []byte("the content"), 0o600))
	var f struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(alice.must("file", "put", "general", "twice", "--json")), &f))
	dir := t.TempDir()
	other, err := os.Create(filepath.Join(dir, "."+f.ID+".part")) // as the first call has it
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, syscall.Flock(int(other.Fd()), syscall.LOCK_EX))

	out, code := alice.in("", "file", "get", f.ID, "-o", dir, "--force", "--json")
	require.Equal(t, 6, code, out)
	require.Contains(t, out, `"FILE_BUSY"`)
	require.NoFileExists(t, filepath.Join(dir, "twice"))
	info, err := other.Stat()
	require.NoError(t, err)
	require.Zero(t, info.Size())

	require.NoError(t, other.Close())
	alice.must("file", "get", f.ID, "-o", dir)
}

// R99: a message, a name or a title of others can't move the cursor or turn the text around; JSON has them as they are.
func TestR99_WhatOthersWriteCannotMoveTheCursor(t *testing.T) {
	c := sharedCluster(t)
	alice, bob := c.loggedIn(t, "alice"), c.loggedIn(t, "bob")
	evil := "\x1b[2Jcleared\x1b]0;title\x07 \u202eabc\u2066 \u009b31m over\rwritten\nsecond line"
	alice.must("channel", "create", "evil_c")
	bob.must("channel", "join", "evil_c")
	sent := alice.must("send", "evil_c", evil, "--json")
	var m struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(sent), &m))
	alice.must("edit", m.ID, evil+" again")
	content := filepath.Join(alice.work, "f")
	require.NoError(t, os.WriteFile(content, []byte("x"), 0o600))
	alice.must("file", "put", "evil_c", content, "--name", evil)
	for _, args := range [][]string{
		{"history", "evil_c"}, {"channel", "list"}, {"edits", m.ID}, {"thread", m.ID}, {"search", "cleared"}, {"file", "list", "evil_c"},
	} {
		out := bob.must(args...)
		for _, r := range out {
			require.True(t, r == '\n' || r >= ' ' && r != 0x7f && (r < 0x80 || r >= 0xa0), "%v: %q", args, out)
			require.NotContains(t, "\u202e\u2066\u2028\u2029", string(r), "%v: %q", args, out)
		}
	}
	var history []struct{ Text string }
	require.NoError(t, json.Unmarshal([]byte(bob.must("history", "evil_c", "--json")), &history))
	require.Equal(t, evil+" again", history[0].Text)
	out, code := bob.in("", "history", "\x1b[31mred")
	require.Equal(t, 3, code)
	require.NotContains(t, out, "\x1b")
}

// R100: shells complete commands, channels and people.
func TestR100_ShellsCompleteCommandsChannelsAndNames(t *testing.T) {
	c := sharedCluster(t)
	alice := c.loggedIn(t, "alice")
	for _, shell := range []string{"bash", "zsh", "fish"} {
		script := alice.must("completion", shell)
		require.Contains(t, script, "parley", shell)
		if _, err := exec.LookPath(shell); err == nil {
			check := exec.Command(shell, "-n")
			check.Stdin = strings.NewReader(script)
			out, err := check.CombinedOutput()
			require.NoError(t, err, "%s: %s", shell, out)
		}
	}
	_, code := alice.in("", "completion", "csh")
	require.Equal(t, 2, code)
	for args, want := range map[string]string{
		"chan": "channel", "channel ": "archive", "send gen": "general", "send #r": "#random", "send @": "@bob", "channel add general ": "charlie",
		"dm send ": "bob", "user disable ": "bob", "completion ": "fish", "whoami --context ": "default",
	} {
		out := alice.must(append([]string{"__complete"}, strings.Split(args, " ")...)...)
		require.Contains(t, "\n"+out, "\n"+want, "%s: %s", args, out)
	}
	nobody := c.person(t)
	require.NotContains(t, nobody.must("__complete", "send", ""), "general", "nobody sees no channels")
}

// R100: whoever finds the credentials is the user, so that a file that others can read is not taken.
func TestR100_CredentialsThatOthersCanReadAreRefused(t *testing.T) {
	c := sharedCluster(t)
	alice := c.loggedIn(t, "alice")
	path := filepath.Join(alice.home, "contexts", "default.json")
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, alice.must("whoami", "--json")+alice.must("context", "list", "--json"), "token")
	require.Contains(t, string(b), `"token"`)
	require.NoError(t, os.Chmod(path, 0o644))
	out, code := alice.in("", "whoami")
	require.Equal(t, 1, code)
	require.Contains(t, out, "chmod 600 "+path)
	require.NoError(t, os.Chmod(path, 0o600))
	alice.must("whoami")
}

// An interrupt ends what waits, with the code of interrupted commands.
func TestAnInterruptEndsWhatWaits(t *testing.T) {
	c := sharedCluster(t)
	alice := c.loggedIn(t, "alice")
	s := alice.stream("tail", "general", "--from", "0")
	alice.must("send", "general", "interrupt me")
	s.until(func(l line) bool { return l.Text == "interrupt me" })
	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	<-s.end
	require.Equal(t, 130, s.cmd.ProcessState.ExitCode())
}

// Somebody who begins at a position that he mistyped sees nothing for ever, and is told why.
func TestAStreamFromAPositionThatIsStillToComeSaysSo(t *testing.T) {
	alice := sharedCluster(t).loggedIn(t, "alice")
	for _, args := range [][]string{{"tail", "general"}, {"watch", "--in", "general"}} {
		ctx, end := context.WithTimeout(t.Context(), 30*time.Second)
		cmd := alice.command(ctx, append(args, "--from", "99999999")...)
		stderr, err := cmd.StderrPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		said, err := bufio.NewReader(stderr).ReadString('\n')
		require.NoError(t, err)
		require.Regexp(t, `^parley: position 99999999 is still to come, the newest is \d+: what happens before it is not shown\n$`, said)
		// Ctrl-C is how it ends, and no reason to speak of changes.
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		rest, err := io.ReadAll(stderr)
		require.NoError(t, err)
		require.Empty(t, string(rest))
		_ = cmd.Wait()
		require.Equal(t, 130, cmd.ProcessState.ExitCode())
		end()
	}
}
