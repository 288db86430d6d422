package offline

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/llm/offline/harper"
	"parley/llm/offline/harper/harpertest"
)

// rows reads a file of testdata without its comments.
func rows(t testing.TB, name string) (list []string) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			list = append(list, line)
		}
	}
	return list
}

func corrected(t testing.TB, c *harper.Checker, text string) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, correct(context.Background(), c, text, func(s string) error {
		b.WriteString(s)
		return nil
	}))
	return b.String()
}

func checker(t testing.TB) *harper.Checker {
	c := harper.New(harpertest.Dir(t))
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// Both tables in one test: an instance of the checker takes seconds to make.
func TestWrongSentencesAreCorrectedAndRightOnesAreLeftAlone(t *testing.T) {
	c := checker(t)
	wrong, right := rows(t, "wrong.txt"), rows(t, "right.txt")
	require.GreaterOrEqual(t, len(wrong), 60)
	require.GreaterOrEqual(t, len(right), 60)
	for _, row := range wrong {
		from, to, ok := strings.Cut(row, " => ")
		require.True(t, ok, row)
		if got := corrected(t, c, from); got != to {
			t.Errorf("%q became %q instead of %q", from, got, to)
		}
	}
	for _, s := range right {
		if got := corrected(t, c, s); got != s {
			t.Errorf("%q became %q, and nothing was wrong with it", s, got)
		}
	}

	// A correction is no mistake either.
	for _, row := range wrong {
		_, to, _ := strings.Cut(row, " => ")
		if got := corrected(t, c, to); got != to {
			t.Errorf("%q became %q at the second time", to, got)
		}
	}

	document := "# The release\n\nIt is on teh way.\n\n```\nteh code is is left alone\n```\n\n- an user asked\n- see `teh.txt`\n"
	require.Equal(t, "# The release\n\nIt is on the way.\n\n```\nteh code is is left alone\n```\n\n- a user asked\n- see `teh.txt`\n", corrected(t, c, document))
}

// What is cut for the checker is whole again afterwards.
func TestChunksOfADocumentAreTheDocument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lines := rapid.SliceOfN(rapid.SampledFrom([]string{"", "```", "```go", "a word", "  ", strings.Repeat("long ", 1300), strings.Repeat("ü", 3000), "ünï\r"}), 0, 40).Draw(t, "lines")
		text := strings.Join(lines, "\n")
		list := chunks(text)
		require.Equal(t, text, strings.Join(list, ""))
		for _, c := range list {
			require.NotEmpty(t, c)
		}
	})
}

// The order of slips decides which word was meant.
func TestASlipOfTheFingersIsToldFromAnotherWord(t *testing.T) {
	for _, c := range []struct {
		word, meant string
		want        int
	}{
		{"teh", "the", swapped}, {"wrld", "world", missing}, {"tomorow", "tomorrow", doubled}, {"occassion", "occasion", doubled},
		{"thwis", "this", added}, {"warld", "world", other}, {"cat", "catalogue", noSlip}, {"same", "same", noSlip},
		{"advices", "advice's", noSlip}, {"informations", "in formations", noSlip},
	} {
		require.Equal(t, c.want, slipBetween(c.word, c.meant), "%s for %s", c.word, c.meant)
	}
	require.True(t, british("organised", "organized"))
	require.True(t, british("colour", "color"))
	require.False(t, british("recieved", "received"))
	require.True(t, contracted("dont", "don't"))
	require.False(t, contracted("servers", "server's"))
}

// thousandWords is a document with some mistakes in it.
func thousandWords(b *testing.B) string {
	essay, err := os.ReadFile("extract/testdata/lighthouse.txt")
	require.NoError(b, err)
	var out strings.Builder
	text := strings.Repeat(string(essay)+"\n\n", 3)
	for i, word := range strings.SplitAfter(text, " ") {
		if i == 1000 {
			break
		}
		if i%100 == 50 {
			word = "teh "
		}
		out.WriteString(word)
	}
	return out.String()
}

func BenchmarkGrammarOfAThousandWordsWarm(b *testing.B) {
	c, text := checker(b), thousandWords(b)
	corrected(b, c, text)
	for b.Loop() {
		corrected(b, c, text)
	}
}

// From a process that has just started, with machine code on disk.
func BenchmarkGrammarOfAThousandWordsCold(b *testing.B) {
	text := thousandWords(b)
	corrected(b, checker(b), text)
	for b.Loop() {
		c := harper.New(harpertest.Dir(b))
		corrected(b, c, text)
		require.NoError(b, c.Close())
	}
}

// On a machine that has never compiled the checker.
func BenchmarkGrammarOfAThousandWordsFirst(b *testing.B) {
	text := thousandWords(b)
	for b.Loop() {
		c := harper.New(b.TempDir() + "/cache")
		corrected(b, c, text)
		require.NoError(b, c.Close())
	}
}
