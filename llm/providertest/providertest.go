// Package providertest is what every backend of package llm must pass.
package providertest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"parley/llm"
	"parley/llm/prompt"
)

// A Backend is what Run needs of a backend.
type Backend struct {
	// New returns a provider that answers every kind of task. Run closes it.
	New func(t *testing.T) llm.Provider

	// Endless returns a provider that does not come to an end by itself before about a minute, and a request to it;
	// nil if the backend is always done at once.
	Endless func(t *testing.T) (llm.Provider, llm.Request)

	// Failing returns, by the failure that they must end with, providers whose every text fails. What is on the other side should
	// repeat the request in its error, as some servers do.
	Failing map[llm.Failure]func(t *testing.T) llm.Provider
}

// secret is in every request. No error may hold it.
const secret = "Xylophonquartett"

// Tasks returns a task of every kind, as people have them.
func Tasks() []prompt.Task {
	messages := []prompt.Message{
		{Speaker: "alice", Text: "The build is red again since the upgrade of the linker. " + secret},
		{Speaker: "bob", Text: "I saw it. The linker of the new image does not find libssl."},
		{Speaker: "alice", Text: "Then we should pin the old image until the release on Friday."},
		{Speaker: "charlie", Text: "Agreed. I will pin the image today and tell the others."},
		{Speaker: "bob", Text: "Can somebody review the change before lunch?"},
	}
	document := "The release train is late. This are the reasons. " + secret + " was not tested.\n\nWe have to decide today."
	var tasks []prompt.Task
	for _, k := range prompt.Kinds() {
		t := prompt.New(k)
		switch k {
		case prompt.Reply, prompt.Summarize:
			t.Messages = messages
		case prompt.Complete:
			t.Messages, t.Text = messages, "Then we should"
		case prompt.Ask:
			t.Messages, t.Text = messages, "Who pins the image?"
		default:
			t.Text = document
		}
		tasks = append(tasks, t)
	}
	return tasks
}

// Request renders a task, with the limits that a server fills in.
func Request(t *testing.T, task prompt.Task) llm.Request {
	t.Helper()
	p, err := prompt.Default().Render(task)
	require.NoError(t, err)
	return llm.Request{Task: task, Prompt: p, Limits: llm.Limits{Tokens: llm.OutputTokensDefault, Bytes: llm.OutputBytesDefault}}
}

// Collect generates a text and returns it whole.
func Collect(ctx context.Context, p llm.Provider, r llm.Request) (string, llm.Result, error) {
	var b strings.Builder
	res, err := p.Generate(ctx, r, func(piece string) error {
		b.WriteString(piece)
		return nil
	})
	return b.String(), res, err
}

// Run holds a backend to what Provider says.
func Run(t *testing.T, b Backend) {
	open := func(t *testing.T) llm.Provider {
		p := b.New(t)
		t.Cleanup(func() { require.NoError(t, p.Close()) })
		return p
	}

	t.Run("every kind of task gets a text in valid pieces", func(t *testing.T) {
		p := open(t)
		require.NotEmpty(t, p.Describe().Backend)
		for _, task := range Tasks() {
			var text strings.Builder
			res, err := p.Generate(t.Context(), Request(t, task), func(piece string) error {
				require.NotEmpty(t, piece, task.Kind)
				require.True(t, utf8.ValidString(piece), "%s: %q", task.Kind, piece)
				text.WriteString(piece)
				return nil
			})
			require.NoError(t, err, task.Kind)
			require.NotEmpty(t, text.String(), task.Kind)
			require.Contains(t, []llm.Finish{llm.Stop, llm.Length}, res.Finish, task.Kind)
			require.Positive(t, res.Usage.InputTokens, task.Kind)
			require.Positive(t, res.Usage.OutputTokens, task.Kind)
		}
	})

	t.Run("a text ends at its limit of bytes, within a character or not", func(t *testing.T) {
		p := open(t)
		for _, task := range Tasks() {
			r := Request(t, task)
			whole, _, err := Collect(t.Context(), p, r)
			require.NoError(t, err)
			for _, limit := range []int{1, 7, len(whole) - 1} {
				if limit < 1 || limit >= len(whole) {
					continue
				}
				r.Limits.Bytes = limit
				text, res, err := Collect(t.Context(), p, r)
				require.NoError(t, err, task.Kind)
				require.LessOrEqual(t, len(text), limit, task.Kind)
				require.True(t, utf8.ValidString(text), task.Kind)
				require.Equal(t, llm.Length, res.Finish, task.Kind)
			}
		}
	})

	t.Run("nothing is emitted for a caller who has gone", func(t *testing.T) {
		p := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, task := range Tasks() {
			_, err := p.Generate(ctx, Request(t, task), func(string) error {
				t.Errorf("%s: a piece after the end", task.Kind)
				return nil
			})
			require.ErrorIs(t, err, context.Canceled, task.Kind)
		}
	})

	t.Run("an error of emit comes back as it is and ends the text", func(t *testing.T) {
		p := open(t)
		gone := errors.New("the reader has gone")
		for _, task := range Tasks() {
			pieces := 0
			_, err := p.Generate(t.Context(), Request(t, task), func(string) error {
				pieces++
				return gone
			})
			require.ErrorIs(t, err, gone, task.Kind)
			require.Equal(t, 1, pieces, task.Kind)
		}
	})

	t.Run("many texts at once do not mix", func(t *testing.T) {
		p := open(t)
		tasks := Tasks()
		alone := make([]string, len(tasks))
		for i, task := range tasks {
			var err error
			alone[i], _, err = Collect(t.Context(), p, Request(t, task))
			require.NoError(t, err)
		}
		var wg sync.WaitGroup
		for i, task := range tasks {
			r := Request(t, task)
			wg.Go(func() {
				text, _, err := Collect(t.Context(), p, r)
				if err != nil || text != alone[i] {
					t.Errorf("%s: %v: %q instead of %q", task.Kind, err, text, alone[i])
				}
			})
		}
		wg.Wait()
	})

	t.Run("after Close there is an error and no text", func(t *testing.T) {
		p := b.New(t)
		require.NoError(t, p.Close())
		_, _, err := Collect(t.Context(), p, Request(t, Tasks()[0]))
		require.Equal(t, llm.Unavailable, llm.FailureOf(err), err)
		require.NoError(t, p.Close(), "once more is no mistake")
	})

	if b.Endless != nil {
		t.Run("a text ends with its context", func(t *testing.T) { endless(t, b) })
	}
	for failure, open := range b.Failing {
		t.Run("a failure is named and repeats nothing: "+failure.String(), func(t *testing.T) {
			p := open(t)
			defer p.Close()
			for _, task := range Tasks() {
				_, _, err := Collect(t.Context(), p, Request(t, task))
				require.Error(t, err, task.Kind)
				require.Equal(t, failure, llm.FailureOf(err), "%s: %v", task.Kind, err)
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
}

// endless cancels a text and lets another run into its deadline. That Generate returns at all is what is shown: the text itself
// would outlast the test.
func endless(t *testing.T, b Backend) {
	p, r := b.Endless(t)
	defer p.Close()
	for _, c := range []struct {
		name string
		ctx  func() (context.Context, context.CancelFunc)
		want error
	}{
		{"cancelled", func() (context.Context, context.CancelFunc) { return context.WithCancel(t.Context()) }, context.Canceled},
		{"too late", func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), 50*time.Millisecond)
		}, context.DeadlineExceeded},
	} {
		ctx, cancel := c.ctx()
		if c.want == context.Canceled {
			time.AfterFunc(50*time.Millisecond, cancel)
		}
		returned := false
		_, err := p.Generate(ctx, r, func(string) error {
			if returned {
				t.Error("a piece after the end")
			}
			return nil
		})
		returned = true
		cancel()
		require.ErrorIs(t, err, c.want, c.name)
	}
}
