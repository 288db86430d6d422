package server

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft/node"
	"parley/rpc/auth"
	"parley/rpc/client"
	"parley/statemachine"
	"parley/statemachine/state"
)

var updateLimits = flag.Bool("update-limits", false, "write the table of docs/api.md anew")

// number writes a number as people read it: 1,000.
func number[N int | int64 | uint64](n N) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// bytesOf writes a number of bytes, as 16 KiB where it is even.
func bytesOf[N int | int64 | uint64](n N) string {
	switch u := uint64(n); {
	case u >= 1<<30 && u%(1<<30) == 0:
		return fmt.Sprintf("%d GiB", u>>30)
	case u >= 1<<20 && u%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", u>>20)
	case u >= 2<<10 && u%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", u>>10)
	}
	return number(n) + " bytes"
}

func days(d time.Duration) string { return fmt.Sprintf("%d days", d/(24*time.Hour)) }

// boundsOfFields are what the definitions say of fields and methods, made of the bounds that hold.
func boundsOfFields() map[string][]string {
	l, r := statemachine.DefaultLimits(), node.DefaultRules()
	f := fmt.Sprintf
	page := f("At most %s; 0 is %d.", number(l.DocumentsPageMax), 100)
	return map[string][]string{
		"common.proto": {
			f("at most %d bytes of UTF-8", requestIDBytesMax), f("%d hours", r.RequestAgeMax/time.Hour), f("At most %s are remembered", number(r.RequestsPerPrincipalMax)),
			f("of %d characters or more", anonymousIDBytesMin), f("remembered for %d minutes", r.AnonymousAgeMax/time.Minute),
		},
		"account.proto": {
			f("A user has %d logins at most", l.LoginsPerUserMax), f("%d to %d letters, digits and underscores", l.UserNameMin, l.UserNameMax),
			f("At most %d bytes. No other user's", l.EmailBytesMax), f("At most %d bytes, without control characters. Empty is the username", l.DisplayBytesMax),
			f("%d characters or more (a cluster may ask for more), at most %d bytes", auth.PasswordRunesDefault, auth.PasswordBytesMax),
			f("for the list of logins: at most %d bytes", l.DisplayBytesMax), f("At most %d: nobody has more", l.LoginsPerUserMax),
			f("%d to %d letters, digits and dashes", codeLettersMin, codeBytesMax), f("0 is 1, and at most %s", number(l.InviteUsesMax)),
			f("0 is %s, and at most %s", days(l.InviteAge), days(l.InviteAgeMax)),
			f("0 is %d, and more than %s is %s", l.UsersPage, number(l.UsersPageMax), number(l.UsersPageMax)),
			f("once, within %d hours", l.SecretAge/time.Hour), f("good once, for %d hours", l.SecretAge/time.Hour),
		},
		"channel.proto": {
			"0 and more than 1,000 is 1,000", "0 is 100, and more than 1,000 is 1,000",
			f("%d to %d characters", l.ChannelNameMin, l.ChannelNameMax), f("At most %d bytes.", l.DescriptionBytesMax),
		},
		"chat.proto": {
			f("EDITS_FULL: it was edited %d times", l.EditsMax), f("the message has %d different ones", l.ReactionsMax), f("at most %d of them", l.MentionsPerMessageMax),
			f("Not blank, at most %s", bytesOf(l.TextBytesMax)), f("1 to %d, in a request of at most 1 MiB", batchMax), f("window of %d", node.DefaultWindow),
			f("more than %s is %s", number(l.HistoryMax), number(l.HistoryMax)), f("bounded to %s of text", bytesOf(l.HistoryBytesMax)),
			f("1 to %d bytes, without blanks", l.EmojiBytesMax), "At most 1,024 bytes.", f("BUSY: the login has %d streams", streamsPerLoginMax),
			"no word, or more than 16", f("0 and more than %d is %d", state.PageDefault, state.PageDefault), "0 is 20, and more than 100 is 100", "0 is 20", f("no messages or more than %d", batchMax),
		},
		"file.proto": {
			f("At most %s, unless the cluster is set up for more; all files of a user at most %s", bytesOf(l.FileBytesMax), bytesOf(l.QuotaBytes)),
			f("Content, at most %s; 64 KiB travel well", bytesOf(chunkBytesMax)), f("What follows, at most %s", bytesOf(chunkBytesMax)),
			f("1 to %d bytes. Of a path the last element", fileNameBytesMax), f("At most %d bytes.", l.DescriptionBytesMax),
			"0 is 100, and more than 1,000 is 1,000", "in no place 24 hours after its upload", "forgotten after 12 hours",
		},
		"document.proto": {
			f("One line, at most %d bytes", l.TitleBytesMax), f("Any UTF-8, at most %s", bytesOf(l.DocumentBytesMax)), f("One line, at most %d bytes", l.NoteBytesMax), page,
		},
		"lock.proto": {
			f("A free name has 1 to %d letters", l.LockNameBytesMax), f("at most %d locks", l.LocksPerPrincipalMax), f("%s to %s; 0 is %s", number(l.LockTTLMin.Milliseconds()), number(l.LockTTLMax.Milliseconds()), number(ttlDefault.Milliseconds())),
			f("at most %s", number(l.LockWaitMax.Milliseconds())), f("at most %s", number(lockWaitMax.Milliseconds())), page,
		},
		"event.proto":    {f("At most %d.", watchPlacesMax), f("BUSY: the login has %d streams", streamsPerLoginMax)},
		"presence.proto": {f("0 is %d, and more than %s is %s", l.UsersPage, number(l.UsersPageMax), number(l.UsersPageMax))},
		"session.proto":  {},
	}
}

// bound is what a comment says of a bound.
var bound = regexp.MustCompile(`(?i)(at most|more than|up to|window of|edited|has) \d[\d,]*( [KMG]iB| bytes| times| streams| logins| different)?|\d[\d,]* to \d[\d,]*|\d+ (characters|hours|minutes)\b`)

// What is at stake: somebody who writes a client by what the definitions say, and is refused. Every bound in them is one
// that holds, and is made of it here.
func TestEveryBoundInTheDefinitionsIsTheOneThatHolds(t *testing.T) {
	for file, sentences := range boundsOfFields() {
		b, err := os.ReadFile(filepath.Join("../proto/parley/v1", file))
		require.NoError(t, err)
		text := strings.Join(strings.Fields(strings.ReplaceAll(string(b), "//", " ")), " ")
		left := text
		for _, s := range sentences {
			if !strings.Contains(text, s) {
				t.Errorf("%s does not say %q", file, s)
			}
			left = strings.ReplaceAll(left, s, "…")
		}
		for _, at := range bound.FindAllStringIndex(left, -1) {
			t.Errorf("%s says something that is compared with nothing: …%s…", file, left[max(0, at[0]-30):min(len(left), at[1]+30)])
		}
	}
	require.Equal(t, requestIDBytesMax, client.RequestIDBytesMax)
}

// The table of docs/api.md, made of the bounds that hold.
func TestTheTableOfLimitsIsThatOfTheCode(t *testing.T) {
	l, n := statemachine.DefaultLimits(), node.DefaultLimits()
	rows := [][2]string{
		{"a message's text", fmt.Sprintf("%s of UTF-8, not blank; %d edits, %d different reactions of %d bytes, %d mentions", bytesOf(l.TextBytesMax), l.EditsMax, l.ReactionsMax, l.EmojiBytesMax, l.MentionsPerMessageMax)},
		{"a batch of `SendBatch`", fmt.Sprintf("%d messages", batchMax)},
		{"a username", fmt.Sprintf("%d to %d letters, digits and underscores", l.UserNameMin, l.UserNameMax)},
		{"a display name, what a client calls itself", bytesOf(l.DisplayBytesMax)},
		{"an email address", bytesOf(l.EmailBytesMax)},
		{"a password", fmt.Sprintf("%d characters to %d bytes", auth.PasswordRunesDefault, auth.PasswordBytesMax)},
		{"a channel's name", fmt.Sprintf("%d to %d characters", l.ChannelNameMin, l.ChannelNameMax)},
		{"a description, of a channel or a file", bytesOf(l.DescriptionBytesMax)},
		{"a file", fmt.Sprintf("%s, all of one user %s; its name %s, of which %d are kept", bytesOf(l.FileBytesMax), bytesOf(l.QuotaBytes), bytesOf(fileNameBytesMax), l.FileNameBytesMax)},
		{"a document", fmt.Sprintf("%s, all of one user %s; its title %s, a revision's note %s; %s revisions; %d lines on its access list", bytesOf(l.DocumentBytesMax), bytesOf(l.DocumentQuotaBytes),
			bytesOf(l.TitleBytesMax), bytesOf(l.NoteBytesMax), number(l.RevisionsMax), l.GrantsMax)},
		{"a lock", fmt.Sprintf("a name of %s; %v to %v without a renewal, a place in line for %v", bytesOf(l.LockNameBytesMax), l.LockTTLMin, clock(l.LockTTLMax), clock(l.LockWaitMax))},
		{"locks and places in line of one login", number(l.LocksPerPrincipalMax)},
		{"the line for one lock", number(l.LockWaitersMax)},
		{"logins of one user", number(l.LoginsPerUserMax)},
		{"streams of one login, at one node", number(streamsPerLoginMax)},
		{"a page", fmt.Sprintf("%s entries; of `Mentions` 100, of `Search` 20; %s of text", number(l.HistoryMax), bytesOf(l.HistoryBytesMax))},
		{"what one search looks at", number(l.SearchRowsMax) + " messages; then its cursor goes on"},
		{"a request", "1 MiB, and 32 KiB besides; the Go client sends no message beyond " + bytesOf(client.TextBytesMax)},
		{"a request id", bytesOf(requestIDBytesMax)},
		{"the backlog of events", number(l.EventsMax)},
		{"under way to one stream", fmt.Sprintf("%s events and %s; the rest waits in the state", number(n.SubscriberFramesMax), bytesOf(n.SubscriberBytesMax))},
		{"calls at a time on one connection", number(streamsMax)},
		{"connections of one node", number(connectionsMax) + ", fewer if the process may not have so many files open; the next waits"},
		{"connections from one address, but loopback", "a quarter of that: " + number(connectionsMax/connectionShare)},
		{"calls of one user under way, at one node", number(callsPerUserMax)},
		{"open commands of one session", number(node.DefaultWindow)},
		{"pings of a client", fmt.Sprintf("one in %d s", clientPingMin/time.Second)},
	}
	r := Rates{}.withDefaults(false)
	for _, one := range []struct {
		what  string
		burst int
		every time.Duration
	}{{"calls of one user", r.Calls, r.CallsEvery}, {"messages of one user", r.Messages, r.MessagesEvery}, {"channels that one user makes", r.Makes, r.MakesEvery},
		{"notices of one user", r.Notices, r.NoticesEvery}, {"calls without a login from one address", r.Strangers, r.StrangersEvery}} {
		rows = append(rows, [2]string{one.what + ", at one node", number(one.burst) + " at once, then " + often(one.every)})
	}
	require.Equal(t, messageBytesMax, 1<<20+32<<10)
	want := "| what | bound |\n|---|---|\n"
	for _, row := range rows {
		want += "| " + row[0] + " | " + row[1] + " |\n"
	}
	b, err := os.ReadFile("../../docs/api.md")
	require.NoError(t, err)
	before, rest, _ := strings.Cut(string(b), "\n## Limits\n\n")
	section, after, _ := strings.Cut(rest, "\n\n")
	if *updateLimits {
		require.NoError(t, os.WriteFile("../../docs/api.md", []byte(before+"\n## Limits\n\n"+want+"\n"+after), 0o644))
		return
	}
	require.Equal(t, want, section+"\n", "-update-limits writes it anew")
}

// clock writes a time without what is nought.
func clock(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return d.String()
}

// often writes how often something may be.
func often(every time.Duration) string {
	if every >= time.Second {
		return fmt.Sprintf("one in %d s", every/time.Second)
	}
	return number(int(time.Second/every)) + " a second"
}
