package answer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/llm/prompt"
)

// What is kept is bounded in number, in bytes and in time, and what was used last stays.
func TestTheCacheIsBounded(t *testing.T) {
	now := time.Unix(1000, 0)
	c := newCache(func() time.Time { return now })
	key := func(i int) cacheKey { return keyOf("b", "m", &prompt.Task{Kind: prompt.Ask, Count: i}) }
	for i := range cacheMax + 10 {
		_, ok := c.get(key(0))
		require.Equal(t, i > 0, ok)
		c.put(key(i), Made{Text: fmt.Sprint(i)})
	}
	require.Equal(t, cacheMax, c.recent.Len())
	require.Len(t, c.byKey, cacheMax)
	_, ok := c.get(key(1))
	require.False(t, ok, "it was used longest ago")
	made, ok := c.get(key(0))
	require.True(t, ok)
	require.Equal(t, "0", made.Text)

	big := strings.Repeat("x", cacheBytesMax/4)
	for i := range 10 {
		c.put(key(i), Made{Text: big})
		require.LessOrEqual(t, c.bytes, cacheBytesMax)
	}
	c.put(key(99), Made{Text: big + "x"})
	_, ok = c.get(key(99))
	require.False(t, ok, "one need not cost all others their place")
	now = now.Add(cacheAge + time.Second)
	_, ok = c.get(key(9))
	require.False(t, ok)
	require.NotContains(t, c.byKey, key(9))
}

// Two tasks have one key only if they are one task: whatever texts are cut and joined, what somebody else reads is not
// what one gets.
func TestTheKeyOfATaskIsMadeOfAllThatIsInIt(t *testing.T) {
	word := rapid.SampledFrom([]string{"", "a", "b", "ab", "\x00", "1", "a\x00b"})
	task := rapid.Custom(func(t *rapid.T) prompt.Task {
		k := prompt.New(rapid.SampledFrom(prompt.Kinds()).Draw(t, "kind"))
		for range rapid.IntRange(0, 3).Draw(t, "messages") {
			k.Messages = append(k.Messages, prompt.Message{Speaker: word.Draw(t, "speaker"), Text: word.Draw(t, "text")})
		}
		k.Text = word.Draw(t, "about")
		return k
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := task.Draw(t, "a"), task.Draw(t, "b")
		backends := [2]string{word.Draw(t, "backend"), word.Draw(t, "another")}
		same := fmt.Sprintf("%q%+v", backends[0], a) == fmt.Sprintf("%q%+v", backends[1], b)
		require.Equal(t, same, keyOf(backends[0], "m", &a) == keyOf(backends[1], "m", &b))
	})
}

// A backend with a small window gets the newest messages, and no message is longer than a page.
func TestATaskIsMadeToFitTheBackend(t *testing.T) {
	task := prompt.New(prompt.Summarize)
	for i := range 100 {
		task.Messages = append(task.Messages, prompt.Message{Speaker: "ann", Text: fmt.Sprintf("%d %s", i, strings.Repeat("word ", 200))})
	}
	for _, max := range []int{0, 8 << 10, 32 << 10, 1 << 20} {
		fitted := fit(task, max)
		require.Equal(t, task.Messages[99], fitted.Messages[len(fitted.Messages)-1])
		p, err := prompt.Default().Render(fitted)
		require.NoError(t, err)
		if max > 0 {
			require.LessOrEqual(t, p.Bytes(), max)
		}
	}
	require.Len(t, task.Messages, 100, "it is the caller's")
	require.Len(t, fit(task, 1).Messages, 1)
	task.Messages[99].Text = strings.Repeat("é", 5000)
	require.LessOrEqual(t, len([]rune(fit(task, 0).Messages[99].Text)), messageRunesMax)
}

// The model gets most of the time that there is, and the other answer the rest of it.
func TestTheModelIsGivenUpBeforeTheCallerIs(t *testing.T) {
	for patience, least := range map[time.Duration]time.Duration{300 * time.Millisecond: 50 * time.Millisecond, 3 * time.Second: 900 * time.Millisecond, 90 * time.Second: reserve - time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		deadline, _ := ctx.Deadline()
		until := givenUp(ctx)
		require.GreaterOrEqual(t, deadline.Sub(until), least)
		require.GreaterOrEqual(t, 2*until.Sub(deadline.Add(-patience)), patience, "at least half of it")
		cancel()
	}
	require.WithinDuration(t, time.Now().Add(textMax), givenUp(t.Context()), time.Second)
}

func TestWithoutAnLLMServerEveryTaskHasAnAnswer(t *testing.T) {
	m, err := New(Config{})
	require.NoError(t, err)
	for _, k := range prompt.Kinds() {
		j := &Job{Task: prompt.New(k), Read: func(string) error { return nil }}
		j.Task.Messages, j.Task.Text = []prompt.Message{{Speaker: "ann", Text: "Shall we ship the release?"}}, "Shall we ship teh release on Friday?"
		said := ""
		j.Emit = func(piece string) error { said += piece; return nil }
		made, err := m.Make(t.Context(), j)
		require.NoError(t, err)
		require.NotEmpty(t, made.Text, k)
		require.Equal(t, made.Text, said)
		require.Equal(t, [2]string{Offline, ""}, [2]string{made.Source, made.Note})

		gone := errors.New("nobody takes it")
		j.Emit = func(string) error { return gone }
		_, err = m.Make(t.Context(), j)
		require.Equal(t, gone, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m.own <- struct{}{} // somebody else's turn
	_, err = m.Make(ctx, &Job{Task: prompt.New(prompt.Ask), Read: func(string) error { return nil }})
	require.ErrorIs(t, err, context.Canceled)
}

// In the clear nothing goes to another machine.
func TestAnotherMachineIsAskedOverTLSOnly(t *testing.T) {
	for _, addr := range []string{"192.0.2.1:50055", "example.org:50055", "[2001:db8::1]:50055"} {
		_, err := New(Config{Addr: addr, Secret: "x"})
		require.ErrorContains(t, err, "in the clear", addr)
	}
	for _, addr := range []string{"127.0.0.1:50055", "localhost:1", "[::1]:1"} {
		m, err := New(Config{Addr: addr, Secret: "x"})
		require.NoError(t, err)
		require.NoError(t, m.Close())
	}
	_, err := New(Config{Addr: "nowhere", Secret: "x"})
	require.Error(t, err)
}
