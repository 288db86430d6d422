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
	for _, outside := range []string{"http:", "https:", "//cdn", "src=", "<link", "@import", "url(", "import(", "fetch(", "XMLHttpRequest", "WebSocket"} {
		require.NotContains(t, string(page), outside)
	}
	require.Contains(t, string(page), `content="default-src 'none'; `)
	require.Less(t, len(pageText)+len(pageStyle)+len(pageScript), 100_000)
	p := dataOf(t, page)
	require.Equal(t, "go run ./cmd/sim run --seed 5", p.Repeat)
	require.Equal(t, uint64(5), p.Seed)
	require.Len(t, p.Events, pageEvents)
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
