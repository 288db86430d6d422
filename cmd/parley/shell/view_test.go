package shell

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/cmd/parley/plain"
)

// One talk on screens of different sizes.
func TestR96_ScreensFrom40To300Columns(t *testing.T) {
	for _, size := range [][2]int{{40, 10}, {72, 14}, {120, 14}, {300, 14}, {24, 6}} {
		town := newTown()
		town.says("bob", "#general", "the quick brown fox jumps over the lazy dog, and then it does so once more for everybody who has not seen it")
		town.says("charlie", "#general", "漢字 are wide, and so are 👍 and ｆｕｌｌ ｗｉｄｔｈ letters, of which there may be many in a line")
		town.says("bob", "#general", "func main() {\n\tprintln(\"hello\")\n}")
		town.says("bob", "#tech", "@alice")
		d := newDesk(t, town.visitAs("alice"), size[0], size[1])
		d.types("join general<enter>an answer with 漢字 that is as long as the screen of a telephone, or longer than that")
		d.shows(fmt.Sprintf("size-%dx%d", size[0], size[1]))
	}
}

func TestTheListScrollsWithThePlaceThatIsOpen(t *testing.T) {
	town := newTown()
	for i := range 30 {
		town.places = append(town.places, &square{Place: Place{ID: PlaceID(fmt.Sprint("more", i)), Name: fmt.Sprintf("place-%02d-with-a-long-name", i)}, members: []string{"alice"}})
	}
	d := newDesk(t, town.visitAs("alice"), 90, 14)
	for _, p := range []string{"general", "place-15-with-a-long-name", "place-29-with-a-long-name", "tech"} {
		d.types("/switch " + p + "<enter>")
		require.Contains(t, d.look(), "▸ #"+p[:min(len(p), 12)], p)
		d.fits()
	}
	d.shows("long-list")
}

func TestADayHasALineOfItsOwn(t *testing.T) {
	town := newTown()
	town.says("bob", "#general", "late")
	town.position += 12 * 60
	town.says("bob", "#general", "early")
	d := newDesk(t, town.visitAs("alice"), 80, 12)
	d.types("join general<enter>")
	require.Contains(t, d.look(), "── Sunday 22 November 2026")
	require.Contains(t, d.look(), "── Monday 23 November 2026")
	d.zone = time.FixedZone("there", -3*3600)
	require.NotContains(t, d.look(), "Monday", "days are those of the reader")
}

// The terminal says what it takes for one character; the screen is measured that way from then on.
func TestATerminalThatKnowsEmojiIsMeasuredThatWay(t *testing.T) {
	d := newDesk(t, newTown().visitAs("alice"), 80, 12)
	d.types("👨\u200d👩\u200d👧")
	require.Equal(t, 2+6, d.view().x)
	d.put(tea.ModeReportMsg{Mode: ansi.ModeUnicodeCore, Value: ansi.ModeNotRecognized})
	require.Equal(t, 2+6, d.view().x)
	d.put(tea.ModeReportMsg{Mode: ansi.ModeUnicodeCore, Value: ansi.ModeReset})
	require.Equal(t, 2+2, d.view().x)
}

// nasty is what somebody would write who means harm.
const nasty = "\x1b[2J\x1b]0;x\a\u009b31m\u202egnp\u2066\u200f\x00\b\x7f\r\nalice: I agree\u2028"

// nastyTown is a town in which every text is of this kind.
func nastyTown() *town {
	town := newTown()
	town.users[1].DisplayName = nasty
	town.users = append(town.users, &resident{Account: Account{Username: "eve" + nasty, DisplayName: nasty, Email: nasty}})
	eve := town.users[3].Username
	general := town.named("general")
	general.Description, general.members = nasty, append(general.members, eve)
	general.files = []File{{ID: "file_1" + nasty, Name: nasty, Description: nasty, Uploader: eve}}
	town.places = append(town.places, &square{Place: Place{ID: "x", Name: nasty, Description: nasty}, members: []string{"alice", eve}})
	town.says(eve, "@alice", nasty)
	town.says(eve, "#general", nasty)
	town.says("bob", "#general", nasty)
	msg := general.messages[0]
	msg.chosen, msg.ReplyTo, msg.File = []choosing{{nasty, []string{eve}}}, general.messages[1].ID, &general.files[0]
	general.messages[1].ReplyTo = msg.ID
	return town
}

// harmless checks that nothing on a screen is a command to the terminal.
func harmless(t require.TestingT, m *Model) {
	for _, l := range m.view().lines {
		for _, r := range paint(l, false) {
			require.False(t, plain.Hidden(r), "%q in %q", r, paint(l, false))
		}
	}
}

func TestR99_NoTextOfOthersReachesTheScreenAsItIs(t *testing.T) {
	for _, keys := range []string{
		"", "/members<enter>", "/users<enter>", "/channels<enter>", "/conversations<enter>", "/files<enter>", "/thread 105<enter>",
		"/search agree<enter>", "/dm eve" + strings.ReplaceAll(nasty, "\n", "") + "<enter>", "/dm <tab>", "/switch <tab><tab><tab>", "/reply <tab><tab>",
		"/nonsense" + nasty + "<enter>", "/ask " + nasty + "<enter>", "/suggest " + nasty + "<enter>", "/edits 102<enter>", "<alt+down><alt+down><alt+down>",
	} {
		d := newDesk(t, nastyTown().visitAs("alice"), 100, 30)
		d.types("join general<enter>")
		d.put(tea.PasteMsg{Content: nasty})
		d.types("<ctrl+a><ctrl+k><down><ctrl+u><backspace>" + keys)
		d.put([]Event{{Kind: Lost, Text: nasty}, {Kind: Joined, Place: "chan_1", User: nasty}, {Kind: Typing, Place: "chan_1", User: nasty}, {Kind: Online, User: nasty}})
		harmless(t, d.Model)
		d.fits()
		d.put([]Event{{Kind: Connected, Text: nasty}})
		harmless(t, d.Model)
		d.do(d.trouble(d.open, &Error{Text: nasty, Hint: nasty}))
		harmless(t, d.Model)
		d.fits()
	}
}

func TestR99_APipePrintsNothingThatMovesTheCursor(t *testing.T) {
	out, remarks, err := script(nastyTown().visitAs("alice"), "channels\nusers\nconversations\njoin general\n/history\n/members\n/files\n/thread 105\n/search agree\n/ask "+strings.ReplaceAll(nasty, "\n", "")+"\n")
	require.NoError(t, err)
	for _, r := range out + remarks {
		require.True(t, r == '\n' || !plain.Hidden(r), "%q", r)
	}
	for l := range strings.Lines(out) {
		require.False(t, strings.HasPrefix(l, "alice: I agree"), "a message fakes a line")
	}
}

// Whatever is typed and whatever happens, the screen holds what a screen can hold.
func TestR96_NoKeyAndNoEventBreaksTheScreen(t *testing.T) {
	keys := []string{"<enter>", "<tab>", "<shift+tab>", "<up>", "<down>", "<left>", "<right>", "<pgup>", "<pgdown>", "<esc>", "<alt+up>", "<alt+down>",
		"<alt+a>", "<ctrl+r>", "<ctrl+x>", "<ctrl+w>", "<ctrl+u>", "<ctrl+y>", "<alt+enter>", "<backspace>", "<delete>", "/", "@", "#", " ", "a", "漢"}
	for _, ch := range chapters() {
		for _, c := range ch.commands {
			if c.words[0] != "exit" && c.words[0] != "upload" && c.words[0] != "download" {
				keys = append(keys, "<esc><ctrl+u>/"+c.words[0]+" ", "<esc><ctrl+u>/"+c.words[0]+" bob<enter>")
			}
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		town := newTown()
		d := newDesk(t, town.visitAs("alice"), 80, 24)
		d.types("join general<enter>")
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			switch rapid.IntRange(0, 9).Draw(rt, "what") {
			case 0:
				d.put(tea.WindowSizeMsg{Width: rapid.IntRange(0, 300).Draw(rt, "width"), Height: rapid.IntRange(0, 60).Draw(rt, "height")})
			case 1:
				d.put(tea.PasteMsg{Content: anyText().Draw(rt, "paste")})
			case 2, 3:
				town.says(rapid.SampledFrom([]string{"alice", "bob", "charlie"}).Draw(rt, "who"),
					rapid.SampledFrom([]string{"#general", "#tech", "@alice"}).Draw(rt, "where"), anyText().Draw(rt, "text"))
				d.hear()
			case 4:
				d.put([]Event{rapid.SampledFrom([]Event{
					{Kind: Lost, Text: "gone"}, {Kind: Reconnecting}, {Kind: Connected, Text: "node-2"}, {Kind: CaughtUp}, {Kind: Resync},
					{Kind: Typing, Place: "chan_1", User: "bob"}, {Kind: Offline, User: "bob"}, {Kind: Removed, Place: "chan_2", User: "alice"},
					{Kind: Joined, Place: "chan_1", User: "dave"}, {Kind: Left, Place: "chan_9", User: "bob"}, {Kind: WasRead, Place: "chan_1", Through: 1 << 40},
					{Kind: Reacted, Place: "chan_1", Message: Message{ID: "msg_101"}, User: "bob", Position: 1 << 30},
				}).Draw(rt, "event")})
			case 5:
				town.mu.Lock()
				d.v.refuse = &Error{Kind: rapid.SampledFrom([]ErrorKind{Unavailable, Unknown, NotPermitted}).Draw(rt, "kind"), Text: "refused"}
				town.mu.Unlock()
			case 6:
				d.ring()
			default:
				d.types(rapid.SampledFrom(keys).Draw(rt, "key"))
			}
			d.fits()
			harmless(rt, d.Model)
			require.GreaterOrEqual(rt, d.busy, 0)
		}
	})
}
