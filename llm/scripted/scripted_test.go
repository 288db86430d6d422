package scripted

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/llm"
	"parley/llm/prompt"
	"parley/llm/providertest"
)

func TestTheScriptedBackendKeepsTheContract(t *testing.T) {
	failing := map[llm.Failure]func(*testing.T) llm.Provider{}
	for _, f := range []llm.Failure{llm.RateLimited, llm.Unavailable, llm.Refused, llm.Malformed} {
		failing[f] = func(*testing.T) llm.Provider {
			return New(Step{Pieces: []string{"half a "}, Err: llm.Errorf(f, "as the script says")})
		}
	}
	providertest.Run(t, providertest.Backend{
		New: func(*testing.T) llm.Provider { return New() },
		Endless: func(t *testing.T) (llm.Provider, llm.Request) {
			return New(Step{Pieces: []string{"and then"}, Hang: true}), providertest.Request(t, providertest.Tasks()[0])
		},
		Failing: failing,
	})
}

// Tests of others stand on the order of steps.
func TestAScriptIsReadStepByStepAndItsLastStepIsRepeated(t *testing.T) {
	p := New(
		Step{Kind: prompt.Ask, Pieces: []string{"one"}},
		Step{Kind: prompt.Reply, Pieces: []string{"reply"}},
		Step{Kind: prompt.Ask, Pieces: []string{"two ", "pieces"}},
	)
	ask := func(k prompt.Kind) string {
		task := prompt.New(k)
		task.Text = "?"
		text, _, err := providertest.Collect(t.Context(), p, providertest.Request(t, task))
		require.NoError(t, err)
		return text
	}
	require.Equal(t, "one", ask(prompt.Ask))
	require.Equal(t, "two pieces", ask(prompt.Ask))
	require.Equal(t, "reply", ask(prompt.Reply))
	require.Equal(t, "two pieces", ask(prompt.Ask))
	require.Equal(t, "?", ask(prompt.Grammar), "a kind without a step")
	require.Len(t, p.Asked(), 5)
	require.Equal(t, prompt.Reply, p.Asked()[2].Task.Kind)
}

// What the scripted backend makes up has the form that the readers of package prompt want.
func TestAnswersThatAreMadeUpAreRead(t *testing.T) {
	for _, task := range providertest.Tasks() {
		answer := Answer(task)
		switch task.Kind {
		case prompt.Reply:
			list, err := prompt.Replies(task, answer)
			require.NoError(t, err)
			require.Len(t, list, 3)
		case prompt.Summarize:
			line, points, err := prompt.Summary(task, answer)
			require.NoError(t, err)
			require.Equal(t, "There are 5 messages.", line)
			require.Len(t, points, 3)
		case prompt.Complete:
			texts, topics, err := prompt.Completions(task, answer)
			require.NoError(t, err)
			require.Len(t, texts, 5)
			require.True(t, strings.HasPrefix(texts[0], task.Text+" and"))
			require.Len(t, topics, 3)
		case prompt.DocumentSummary:
			points, err := prompt.Points(task, answer)
			require.NoError(t, err)
			require.Len(t, points, 3)
		default:
			text, err := prompt.Text(task, answer)
			require.NoError(t, err)
			require.Equal(t, strings.TrimRight(answer, "\n"), strings.TrimRight(text, "\n"))
		}
	}
}
