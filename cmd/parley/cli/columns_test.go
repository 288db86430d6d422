package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is at stake: a table of titles in Japanese, of which nobody can tell whose each is. On a terminal 日 takes two cells, é one however it
// is written, and an emoji of a person with her trade two.
func TestColumnsStandBelowOneAnotherWhateverIsWrittenInThem(t *testing.T) {
	var out strings.Builder
	require.NoError(t, writeTable(&out, [][]string{
		{"ID", "TITLE", "AUTHOR"},
		{"1", "Plan", "ann"},
		{"2", "日本語", "bob"},
		{"3", "cafe\u0301", "cid"},
		{"4", "👩\u200d🚒 🍅", "dan"},
		{"5", "a\tb\x1b", ""},
		{"6"},
	}))
	require.Equal(t, []string{
		"ID  TITLE   AUTHOR",
		"1   Plan    ann",
		"2   日本語  bob",
		"3   cafe\u0301    cid",
		"4   👩\u200d🚒 🍅   dan",
		"5   a b",
		"6",
		"",
	}, strings.Split(out.String(), "\n"))
}
