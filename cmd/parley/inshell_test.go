package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// R96, R97: what the plain commands do the shell does behind a slash, in the same words, with the same exit codes.
func TestR97_TheShellDoesThePlainCommandsOfDocumentsAndLocks(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	alice := c.loggedIn(t, "alice")
	require.NoError(t, os.WriteFile(filepath.Join(alice.work, "our plan.txt"), []byte("first\nsecond\n"), 0o600))
	stdout, stderr, code := alice.apart(`/doc create --title "In the shell" --file "our plan.txt" --lock advisory
/doc list
/lock acquire in-the-shell --ttl 1m
/lock list
/parley cluster status
/exit
`, "shell")
	require.Zero(t, code, stderr)
	id := regexp.MustCompile(`In the shell is (doc_\w+)`).FindStringSubmatch(stdout)
	require.NotNil(t, id, stdout)
	require.Regexp(t, id[1]+` +In the shell +alice +1 +owner`, stdout)
	fence := regexp.MustCompile(`in-the-shell is yours for 1m0s under fence (\d+)`).FindStringSubmatch(stdout)
	require.NotNil(t, fence, stdout)
	require.Regexp(t, `in-the-shell +alice +`+fence[1], stdout)
	require.Regexp(t, `(?m)^ *1 .*127\.0\.0\.1:\d+`, stdout)

	script := strings.NewReplacer("ID", id[1], "FENCE", fence[1]).Replace(`/lock renew in-the-shell --fence FENCE
/lock release in-the-shell --fence FENCE
/doc update ID --if-version 1 --note "said in the shell" --file "our plan.txt"
/doc set ID --title "Another title"
/doc share ID bob --role editor
/doc share ID --channel '#general' --role viewer
/doc access ID
/doc unshare ID bob
/doc history ID
/doc restore ID 1
/doc diff ID 1 3
/doc show ID --rev 1
/doc delete ID
/doc undelete ID
`)
	stdout, stderr, code = alice.apart(script, "shell")
	require.Zero(t, code, stderr)
	require.Regexp(t, `@bob +editor[\s\S]*#general +viewer`, stdout)
	require.Contains(t, stdout, "said in the shell")
	require.Contains(t, stdout, "is at version 3")
	require.Contains(t, stdout, "first\nsecond\n")
	require.Contains(t, stdout, id[1]+" is back")

	for line, want := range map[string]int{"/doc show doc_nowhere": 3, "/doc update " + id[1] + ` --if-version 1 --file "our plan.txt"`: 6, "/lock release in-the-shell": 2,
		"/doc nonsense": 2, "/parley login bob": 2, "/parley tail general": 2, `/doc create --title "open`: 2} {
		_, stderr, code := alice.apart(line+"\n/send general never\n", "shell")
		require.Equal(t, want, code, "%s: %s", line, stderr)
	}
	require.NotContains(t, alice.must("history", "general", "--json"), `"never"`)
	_, _, code = c.person(t).apart("/doc list\n", "shell")
	require.Equal(t, 4, code)
}

// R67, R96: an editor in the shell has the terminal to itself and then gives it back; meanwhile the others see who edits, as they
// see who writes.
func TestR67_TheShellShowsWhoWritesAndWhoEdits(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	alice, bob := c.loggedIn(t, "alice"), c.loggedIn(t, "bob")
	id := alice.newDocument("required", "one\n")
	editor := filepath.Join(alice.work, "editor")
	require.NoError(t, os.WriteFile(editor, []byte("#!/bin/sh\necho the editor has the terminal\nread key\necho \"$key\" >> \"$1\"\n"), 0o700))
	his := bob.sits("shell", "#general")
	his.sees("#general>", "bob on 127.0.0.1:")
	hers := alice.sitsIn([]string{"EDITOR=" + editor}, "shell", "#general")
	hers.sees("#general>", "alice on 127.0.0.1:")

	hers.types("half a w")
	his.sees("alice is writing…")
	hers.types("\x15/doc ed\t")
	hers.writes("#general> /doc edit")
	hers.types(id) // Tab has put a blank behind the word
	hers.writes("#general> /doc edit " + id)
	hers.types("\r")
	hers.sees("the editor has the terminal")
	his.sees("alice is editing Plan")
	hers.types("two\r")
	hers.sees("#general>", "Done: doc edit "+id)
	his.sees("alice has updated Plan (" + id + ")")
	require.Equal(t, "one\ntwo\n", alice.must("doc", "show", id))
	require.NotContains(t, bob.must("history", "general", "-n", "50"), "half a w")

	hers.types("/lock acquire of-hers\r")
	hers.sees("of-hers is yours")
	his.types("\x03")
	his.leaves(0)
	hers.types("\x03")
	hers.leaves(0)
}
