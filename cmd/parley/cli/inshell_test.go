package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/cmd/parley/shell"
)

// inPlain has, for each command of the shell, the one of the command line that does the same for a script; those that move
// about in the shell itself have none.
var inPlain = map[string]string{
	"signup": "signup", "accept": "signup --invite", "login": "login", "logout": "logout", "whoami": "whoami", "passwd": "passwd", "redeem": "passwd --reset",
	"profile": "profile set --display-name", "email": "profile set --email", "sessions": "sessions", "revoke": "sessions revoke",
	"channels": "channel list", "create_channel": "channel create --private", "join": "channel join", "leave": "channel leave", "dm": "dm send",
	"conversations": "dm list", "members": "channel members", "users": "who --all", "add_user": "channel add", "remove_user": "channel remove",
	"promote": "channel promote", "demote": "channel demote", "policy": "channel set --join", "archive": "channel archive", "unarchive": "channel unarchive",
	"send": "send", "reply": "send --reply-to", "thread": "thread", "edit": "edit", "unsend": "unsend", "edits": "edits", "react": "react", "unreact": "react --remove",
	"history": "history", "search": "search", "mentions": "mentions", "read": "read", "upload": "file put --description", "download": "file get", "files": "file list",
	"doc": "doc", "lock": "lock", "status": "cluster status", "claim": "admin claim", "invite": "invite create", "disable": "user disable", "enable": "user enable",
	"grant_admin": "user grant-admin", "revoke_admin": "user revoke-admin", "reset_password": "user reset-password",
	"smart_reply": "ai reply", "suggest": "ai suggest", "summarize": "ai summarize", "ask": "ai ask", "ai": "ai",

	"switch": "", "back": "", "retry": "", "discard": "", "reconnect": "", "parley": "", "clear": "", "help": "", "exit": "",
}

// What is at stake: something that a person does in the shell and a script can't do.
func TestR97_EveryCommandOfTheShellIsOneOfTheCommandLine(t *testing.T) {
	root := (&app{}).root()
	words := shell.Words()
	for _, word := range words {
		line, ok := inPlain[word]
		require.True(t, ok, "the shell has /%s, which no script can do", word)
		if line == "" {
			continue
		}
		call, flag, flagged := strings.Cut(line, " --")
		cmd, rest, err := root.Find(strings.Fields(call))
		require.NoError(t, err, line)
		require.Empty(t, rest, line)
		if flagged {
			require.NotNil(t, cmd.Flags().Lookup(flag), line)
		}
	}
	for word := range inPlain {
		require.True(t, slices.Contains(words, word), "the shell has no /%s any more", word)
	}
}

// Somebody in the shell is told what he can write there, and nothing of flags that the shell decides.
func TestR96_HelpWithinTheShellIsInItsWords(t *testing.T) {
	s := &inShell{app: &app{Streams: Streams{Getenv: env(t.TempDir())}}, context: "default"}
	for _, word := range []string{"doc", "lock", "ai", "channel"} {
		told, notes, err := s.Run(t.Context(), []string{word})
		require.NoError(t, err)
		require.Empty(t, notes)
		require.NotContains(t, told, "--tls-ca")
		require.Less(t, strings.Count(told, "\n"), 25, told)
		require.NotRegexp(t, `(?m)^ *parley `, told)
	}
	told, _, err := s.Run(t.Context(), []string{"doc", "create", "--help"})
	require.NoError(t, err)
	require.Contains(t, told, "/doc create --title T --file PATH|-")
	require.Contains(t, told, "--title")
	require.NotContains(t, told, "--tls-ca")
}
