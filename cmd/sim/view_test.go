package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/sim"
	"parley/sim/linear"
	"parley/sim/linear/oracle"
)

var runElement = regexp.MustCompile(`(?s)<script type="application/json" id="run">(.*?)</script>`)

// dataOf reads a page's data as its script does.
func dataOf(t *testing.T, page []byte) *pageData {
	t.Helper()
	found := runElement.FindSubmatch(page)
	require.NotNil(t, found)
	var p pageData
	decoder := json.NewDecoder(bytes.NewReader(found[1]))
	decoder.DisallowUnknownFields()
	require.NoError(t, decoder.Decode(&p))
	return &p
}

// tell runs the command and returns what it said, with the page that it wrote.
func tell(t *testing.T, args ...string) (said string, page []byte, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "run.html")
	var out bytes.Buffer
	c := command()
	c.SetOut(&out)
	c.SetErr(&out)
	c.SetArgs(append(args, "-o", file))
	if err = c.Execute(); err == nil {
		page, err = os.ReadFile(file)
	}
	return out.String(), page, err
}

// A page is mailed, opened years later and read without a network: it must be one small file that asks nobody for
// anything, and must say how to see the run again.
func TestAPageNeedsNothingElse(t *testing.T) {
	said, page, err := tell(t, "view", "--seed", "5")
	require.NoError(t, err)
	require.Contains(t, said, "seed=5 ")
	require.Less(t, len(page), pageBytesMax)
	clients := pictureOf(t, page)
	requireAlone(t, strings.ReplaceAll(clients.Page, svgName, ""))
	requireAlone(t, strings.ReplaceAll(string(page), svgName, ""))
	require.Contains(t, string(page), `content="default-src 'none'; `)
	require.Less(t, len(pageText)+len(pageStyle)+len(pageScript), 100_000)
	p := dataOf(t, page)
	require.Equal(t, "go run ./cmd/sim run --seed 5", p.Repeat)
	require.Equal(t, uint64(5), p.Seed)
	require.Len(t, p.Events, pageEvents)
}

// svgName is what drawings are called, and nobody looks there.
const svgName = "http://www.w3.org/2000/svg"

func requireAlone(t *testing.T, page string) {
	t.Helper()
	for _, outside := range []string{"http:", "https:", "//cdn", "src=", "<link", "@import", "url(", "import(", "fetch(", "XMLHttpRequest", "WebSocket"} {
		require.NotContains(t, page, outside)
	}
}

var pictureElement = regexp.MustCompile(`(?s)<script type="application/json" id="picture">(.*?)</script>`)

// pictureOf reads the other tab's data.
func pictureOf(t *testing.T, page []byte) (p picture) {
	t.Helper()
	found := pictureElement.FindSubmatch(page)
	require.NotNil(t, found)
	require.NoError(t, json.Unmarshal(found[1], &p))
	return p
}

// Who looks at a run wants to see what its clients saw: the operations of that stretch, with an order that explains them.
func TestBehindTheTabIsWhatClientsSawInThatStretch(t *testing.T) {
	_, page, err := tell(t, "view", "--seed", "7", "--simulated", "20s", "--from", "4000", "--to", "6000")
	require.NoError(t, err)
	clients := pictureOf(t, page)
	require.Regexp(t, `^\d+ operations of clients, positions \d+ to \d+(?: \(\d+ reads more are left out\))?\. The line joins the instants`, clients.Note)
	require.Contains(t, clients.Page, "append")
	require.Contains(t, clients.Page, "read #general: ")
	p := dataOf(t, page)
	first, last := p.Events[0].At, p.Events[len(p.Events)-1].At
	r := sim.Run(sim.Generate(7, 20*time.Second), sim.Options{History: true})
	w := oracle.During(r.History, first, last, pictureOperations, false)
	for _, o := range w.History.Operations {
		require.LessOrEqual(t, o.Call, last)
		require.Contains(t, clients.Page, r.History.Answer(&o))
	}
}

// The note must say which it is: an answer that no order explains, or a position that is wrong. A search that finds
// nothing in its time is neither.
func TestTheNoteUnderAPictureSaysWhatIsWrong(t *testing.T) {
	h := &linear.History{Objects: []string{"<b>"}, Operations: []linear.Operation{
		{Kind: linear.Append, Outcome: linear.Done, Call: 1, Return: 2, Position: 5, ID: 1},
		{Kind: linear.Read, Outcome: linear.Done, Call: 3, Return: 4, Position: 4, Limit: 9},
	}}
	r, rec := &sim.Result{History: h}, &sim.Recording{Events: []sim.Happening{{}}}
	clients, err := drawPicture(r, rec)
	require.NoError(t, err)
	require.Contains(t, clients.Note, "took effect at position 4; when it was called, Operation 1")
	require.Contains(t, clients.Note, "No order explains their answers")
	require.NotContains(t, clients.Page, "<b>", "an object's name is no markup")

	h.Operations[1].Entries = []linear.Entry{{Position: 5, ID: 1}}
	clients, err = drawPicture(r, rec)
	require.NoError(t, err)
	require.Contains(t, clients.Note, "Another order explains")

	w := oracle.Whole(h)
	require.Contains(t, pictureNote(w, nil, oracle.Undecided), "no proof that there is none")
	require.Contains(t, pictureNote(w, nil, oracle.Unlinearizable), "one of the two is wrong")
}

// Porcupine's word about a run is a line of its own, and its refusal fails the command.
func TestARunIsCheckedByPorcupineWhenSomebodyAsks(t *testing.T) {
	var out bytes.Buffer
	c := command()
	c.SetOut(&out)
	c.SetArgs([]string{"run", "--seed", "3", "--simulated", "5s", "--porcupine"})
	require.NoError(t, c.Execute())
	require.Regexp(t, `(?m)^porcupine: \d+ operations in \d+ windows, all linearizable$`, out.String())

	line, accepted := crossCheck(&linear.History{Objects: []string{"#general"}, Operations: []linear.Operation{
		{Kind: linear.Read, Outcome: linear.Done, Position: 3, Limit: 9, More: true}}})
	require.False(t, accepted)
	require.Equal(t, "porcupine: window 1 of 1, positions 3 to 3: not linearizable", line)
}

// What a page shows is believed: every event of the stretch must be in it, with the words of the trace.
func TestAPagesEventsAreThoseOfTheTrace(t *testing.T) {
	_, page, err := tell(t, "view", "--seed", "3", "--simulated", "5s", "--from", "700", "--to", "1900")
	require.NoError(t, err)
	p := dataOf(t, page)
	var text bytes.Buffer
	r := sim.Run(sim.Generate(3, 5*time.Second), sim.Options{Trace: &text, From: 700, To: 1900})
	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	require.Len(t, p.Events, len(lines))
	for i, e := range p.Events {
		clock := fmt.Sprintf("%d.%09ds", e.At/1e9, e.At%1e9)
		require.Equal(t, lines[i], fmt.Sprintf("%8d %14s  %-4s %s", e.Number, clock, e.Who, e.Text))
		require.Equal(t, uint64(700+i), e.Number)
	}
	require.Equal(t, r.Events, p.Total)
	require.Equal(t, fmt.Sprintf("%x", r.Hash), p.Hash)
	require.NotEmpty(t, p.Start, "the nodes were there before the first event")
	for _, m := range p.Messages {
		require.Less(t, int(m[0]), len(p.Kinds))
		for _, event := range m[4:6] {
			require.LessOrEqual(t, event, uint64(1900))
		}
		require.True(t, m[4] >= 700 || m[5] >= 700, "a message of another stretch")
	}
}

// The page of a run that failed must end with the event after which the judge spoke, and say on top
// what broke, in the paper's words.
func TestAPageShowsTheLastEventsBeforeAViolation(t *testing.T) {
	plan := filepath.Join(t.TempDir(), "broken.plan")
	text := sim.Generate(4, 15*time.Second).Format() + "expect lost\n" // and nothing will be
	require.NoError(t, os.WriteFile(plan, []byte(text), 0o600))
	said, page, err := tell(t, "view", "--plan", plan)
	require.NoError(t, err)
	require.Contains(t, said, "verdict=liveness")
	p := dataOf(t, page)
	require.Equal(t, sim.Liveness, p.Verdict)
	require.Equal(t, sim.Sentence(sim.Liveness), p.Sentence)
	require.Contains(t, p.Reason, "expects a loss")
	require.Equal(t, "go run ./cmd/sim run --plan "+plan, p.Repeat)
	require.Len(t, p.Events, pageEvents)
	require.Equal(t, p.At, p.Events[pageEvents-1].Number)
	require.Equal(t, p.Total, p.At)
}

// Whatever a line of the trace holds, it stays data: no end of the script element, no markup.
func TestNoWordOfARunIsMarkup(t *testing.T) {
	v := view{seed: 1, simulated: time.Minute}
	rec := sim.Recording{Nodes: 1, Events: []sim.Happening{{Number: 1, Who: "n1", Text: `</script><script>alert("&")</script><!-- é` + "\u2028"}}}
	page, err := v.draw(&sim.Result{Violation: &sim.Violation{Invariant: "<b>"}}, &rec)
	require.NoError(t, err)
	require.NotContains(t, string(page), "alert(\"&")
	require.NotContains(t, string(page), "<b>")
	require.Equal(t, rec.Events[0].Text, dataOf(t, page).Events[0].Text)
}

func TestARangeThatMakesTooLargeAPageIsRefusedAndAnEmptyOneToo(t *testing.T) {
	_, _, err := tell(t, "view", "--seed", "7", "--from", "1", "--to", "25000")
	require.ErrorContains(t, err, "show fewer with --from and --to")
	_, _, err = tell(t, "view", "--seed", "7", "--simulated", "2s", "--from", "900000")
	require.ErrorContains(t, err, "nothing to show")
}
