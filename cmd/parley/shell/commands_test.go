package shell

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// earlier are the words of the chat tool that people knew before this one.
var earlier = strings.Fields(`signup login logout channels create_channel switch join send history members users add_user
	remove_user dm back conversations upload download files smart_reply suggest summarize ask status reconnect clear help exit`)

// At stake: people who come from the earlier tool type what they have always typed.
func TestR96_TheWordsOfTheEarlierToolAreCommands(t *testing.T) {
	for _, word := range earlier {
		c, ok := find(word)
		require.True(t, ok, word)
		for _, line := range []string{word, "/" + word, "/" + strings.ToUpper(word)} {
			d := newDesk(t, newTown().visitAs("alice"), 100, 20)
			d.types(line + "<enter>")
			require.NotContains(t, d.look(), "There is no command", line)
			require.NotContains(t, d.look(), "> "+line+"▏", line)
			if strings.Contains(c.params, " ") || c.params != "" && !strings.HasPrefix(c.params, "[") {
				require.Regexp(t, "is missing|No place is open", d.look(), "%s in the lobby is a command that wants arguments", line)
			}
		}
	}
}

// At stake: a word that is a message in a place, and a command by mistake.
func TestInAPlaceOnlyASlashMakesACommand(t *testing.T) {
	town := newTown()
	d := newDesk(t, town.visitAs("alice"), 100, 20)
	d.types("join general<enter>")
	for _, word := range earlier {
		if word != "exit" {
			d.types(word + "<enter>")
		}
	}
	d.types("exit now<enter> exit<enter>//etc is a directory<enter>/nonsense<enter>")
	require.False(t, d.quitting)
	n := len(earlier) - 1
	require.Equal(t, append(append([]string{}, earlier[:n]...), "exit now", " exit", "/etc is a directory"), texts(d))
	require.Contains(t, d.look(), "There is no command /nonsense")
	d.types("exit<enter>")
	require.True(t, d.quitting)
}

func TestR96_TheThreeWaysOut(t *testing.T) {
	for _, keys := range []string{"exit<enter>", "/quit<enter>", "<ctrl+d>", "<ctrl+c>", "join general<enter>exit<enter>", "text<ctrl+c>"} {
		d := newDesk(t, newTown().visitAs("alice"), 100, 20)
		d.types(keys)
		require.True(t, d.quitting, keys)
	}
	d := newDesk(t, newTown().visitAs("alice"), 100, 20)
	d.types("text<home><ctrl+d>")
	require.False(t, d.quitting, "on a line that is not empty Ctrl-D deletes")
	require.Equal(t, "ext", d.input.text())
}

// /help is made of the table: what is in one is in the other.
func TestHelpShowsEveryCommandAndEveryKey(t *testing.T) {
	d := newDesk(t, newTown().visitAs("alice"), 140, 100)
	d.types("help<enter>")
	screen := d.look()
	for _, ch := range chapters() {
		require.Contains(t, screen, ch.title)
		for _, c := range ch.commands {
			require.Contains(t, screen, c.usage())
			require.Contains(t, screen, c.help)
		}
	}
	for _, k := range keyHelp {
		require.Contains(t, screen, k[0])
		require.Contains(t, screen, k[1])
	}
	d.shows("help")
	d.types("clear<enter>help dm<enter>")
	require.Contains(t, d.look(), "/dm USER [TEXT...]  open a conversation, and send a text")
}

func TestNoTwoCommandsHaveOneWord(t *testing.T) {
	seen := map[string]bool{}
	for _, ch := range chapters() {
		for _, c := range ch.commands {
			for _, w := range c.words {
				require.False(t, seen[w], w)
				seen[w] = true
			}
		}
	}
}

func TestArgumentsAreCheckedAgainstTheTable(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"dm", "USER is missing (/dm USER [TEXT...])"},
		{"switch a b", `"b" is too much`},
		{"signup dave", "EMAIL is missing"},
		{"history 5", "No place is open"},
		{"switch nowhere", "There is no channel #nowhere"},
		{"policy both", `"both" is neither open nor invite`},
		{"summarize", "No place is open"},
		{"add_user #tech", "USER is missing"},
		{"add_user bob", "No channel is open"},
		{"send #general", "TEXT is missing"},
		{"help nonsense", "There is no command nonsense"},
		{"create_channel x --loud", "There is no flag --loud"},
		{"login bob", "alice is logged in (/logout first)"},
		{"smart_reply 1", "No place is open"},
	} {
		d := newDesk(t, newTown().visitAs("alice"), 100, 20)
		d.types(c.line + "<enter>")
		require.Contains(t, d.look(), c.want, c.line)
		e, ok := d.failed.(*Error)
		require.True(t, ok, c.line)
		require.NotEqual(t, Failed, e.Kind, c.line)
	}
}

// Every command does something, for somebody who is logged in and in a channel; what is asked of the cluster comes back.
func TestEveryCommandIsAnswered(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("plan.txt", []byte("the plan"), 0o600))
	for _, c := range []struct{ keys, want string }{
		{"/whoami<enter>", "alice (Alice, alice@example.org)"},
		{"/passwd<enter>alice123<enter>longer1234<enter>longer1234<enter>", "The password is changed"},
		{"/passwd<enter>alice123<enter>longer1234<enter>longer9999<enter>", "The two passwords differ; nothing was done"},
		{"/passwd<enter>wrong<enter>longer1234<enter>longer1234<enter>", "The old password is wrong"},
		{"/passwd<enter>alice123<esc>", "Nothing was done"},
		{"/profile Alice in Chains<enter>/whoami<enter>", "alice (Alice in Chains, "},
		{"/email a@b.example<enter>/whoami<enter>", "a@b.example"},
		{"/sessions<enter>", "login_1"},
		{"/revoke login_9<enter>", "There is no login login_9"},
		{"/channels<enter>", "▸ #general"},
		{"/create_channel cats --private --invite about cats<enter>", "#cats is made; you are its admin"},
		{"/leave<enter>", "You have left #general"},
		{"/leave random<enter>", "You have left #random"},
		{"/leave random<enter>/join random<enter>", "You are in #random"},
		{"/switch @bob<enter>", "@bob> "},
		{"/dm BOB hello there<enter>", "alice: hello there ✓"},
		{"/dm alice<enter>", "There is no other user alice"},
		{"/users<enter>", "3 users, 1 online"},
		{"/members tech<enter>", "#tech: 3 members, 1 online"},
		{"/remove_user bob<enter>", "bob is no longer in #general"},
		{"/remove_user bob<enter>/add_user #general @bob<enter>", "bob is in #general now"},
		{"/add_user bob<enter>", "bob is a member already"},
		{"/promote bob<enter>/members<enter>", "offline  admin"},
		{"/demote alice<enter>", "alice is no longer an admin of #general"},
		{"/policy invite<enter>", "joined by policy invite"},
		{"/archive<enter>", "#general · about general · 3 members · archived"},
		{"/archive<enter>/unarchive<enter>", "#general takes messages again"},
		{"/send #tech is down<enter>", "alice: #tech is down ✓"},
		{"/reply 101 me too<enter>", "↳ bob: good morning, @alice"},
		{"/thread 101<enter>", "msg_101"},
		{"/edit 101 no<enter>", "This message is not yours"},
		{"/search MORNING<enter>", "good morning, @alice"},
		{"/search evening<enter>", "No messages."},
		{"/mentions<enter>", "good morning, @alice"},
		{"/read<enter>", "#general is read"},
		{"/retry<enter>", "Nothing has failed"},
		{"/discard<enter>", "Nothing has failed"},
		{"/upload plan.txt what we do<enter>/files<enter>", "plan.txt (what we do)"},
		{"/upload nothing.txt<enter>", "no such file"},
		{"/upload plan.txt<enter>/download file_102 copy of it.txt<enter>", "file_102 is in copy of it.txt"},
		{"/upload plan.txt<enter>/download file_102<enter>", "file exists"},
		{"/download file_9<enter>", "There is no file file_9"},
		{"/files<enter>", "No files in #general"},
		{"/smart_reply<enter>", "suggestions (by offline)"},
		{"/smart_reply<enter>/smart_reply 2<enter>", "alice: Later today ✓"},
		{"/smart_reply<enter>/smart_reply 4<enter>", "There is no suggestion 4"},
		{"/suggest hello<enter>", "hello everybody"},
		{"/summarize<enter>", "nothing was decided"},
		{"/summarize 3<enter>", "is no number from 5 to 100"},
		{"/ask what is a digest?<enter>", "answer (by offline)"},
		{"/ask a model<enter>", "This cluster has no model"},
		{"/status<enter>", "leader 1, term 4"},
		{"/reconnect<enter>", "Connected."},
		{"/claim<enter>token<enter>", "The token is wrong"},
		{"/invite<enter>", "Invitation code-1"},
		{"/disable bob<enter>", "bob is locked"},
		{"/enable bob<enter>", "bob is unlocked"},
		{"/grant_admin bob<enter>", "bob is a cluster admin"},
		{"/revoke_admin bob<enter>", "bob is no longer a cluster admin"},
		{"/reset_password bob<enter>", "The secret for bob: secret-1"},
		{"/logout<enter>", "Logged out."},
		{"/logout<enter>signup dave dave@example.org Dave D.<enter>longer1234<enter>longer1234<enter>whoami<enter>", "dave (Dave D., dave@example.org)"},
		{"/logout<enter>signup dave dave@example.org<enter>short<enter>short<enter>", "A password has 8 characters or more"},
		{"/logout<enter>accept code-1 eve eve@example.org<enter>longer1234<enter>longer1234<enter>whoami<enter>", "eve (eve, eve@example.org)"},
		{"/logout<enter>login bob<enter>wrong<enter>", "User name or password is wrong"},
		{"/logout<enter>redeem bob<enter>secret<enter>longer1234<enter>longer1234<enter>", "The secret is wrong"},
		{"/logout<enter>channels<enter>", "Nobody is logged in here"},
	} {
		_ = os.Remove("copy of it.txt")
		town := newTown()
		town.says("bob", "#general", "good morning, @alice")
		d := newDesk(t, town.visitAs("alice"), 110, 24)
		d.types("join general<enter>" + c.keys)
		d.ring()
		require.Contains(t, d.look(), c.want, c.keys)
		require.Zero(t, d.busy, c.keys)
		require.NotContains(t, d.look(), "working", c.keys)
		d.fits()
	}
	b, err := os.ReadFile(filepath.Join(".", "plan.txt"))
	require.NoError(t, err)
	require.Equal(t, "the plan", string(b))
}

func TestHistoryGoesUpAPage(t *testing.T) {
	town := newTown()
	for range 40 {
		town.says("bob", "#general", "line")
	}
	d := newDesk(t, town.visitAs("alice"), 80, 16)
	d.types("join general<enter>/history<enter>")
	require.Positive(t, d.scroll)
}

// The stream of events may hear that a login has ended before whoever ended it does.
func TestWhoLogsOutIsNotToldThatHisLoginHasEnded(t *testing.T) {
	town := newTown()
	d := newDesk(t, town.visitAs("alice"), 110, 24)
	d.ring()
	d.hold = true
	d.types("logout<enter>")
	d.do(d.trouble("", &Error{Kind: NotLoggedIn, Text: "the login has ended"}))
	require.Contains(t, d.look(), "Logged out.")
	require.NotContains(t, d.look(), "log in again")
	require.Nil(t, d.me)

	d = newDesk(t, town.visitAs("alice"), 110, 24)
	d.ring()
	d.do(d.trouble("", &Error{Kind: NotLoggedIn, Text: "the login has ended"}))
	require.Contains(t, d.look(), "log in again")
}
