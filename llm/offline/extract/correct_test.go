package extract

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A correction that is none is worse than a mistake that stays: what is not sure is left alone.
func TestOnlySureSlipsAreCorrected(t *testing.T) {
	for from, to := range map[string]string{
		"I recieved teh letter.":                    "I received the letter.",
		"i think i'm late":                          "I think I'm late",
		"We was there , and they was not .":         "We were there, and they were not.",
		"He don't know. it should of worked.":       "He doesn't know. It should have worked.",
		"Their is a problem.":                       "There is a problem.",
		"This is a apple and an book.":              "This is an apple and a book.",
		"The the end.":                              "The end.",
		"this is the end.":                          "This is the end.",
		"Dont seperate them!":                       "Don't separate them!",
		"Well, your welcome.":                       "Well, you're welcome.",
		"- this are the reasons.\n- teh other one":  "- These are the reasons.\n- the other one",
		"A European, a user, a one-off, an hour.":   "A European, a user, a one-off, an hour.",
		"I know that that is right. He had had it.": "I know that that is right. He had had it.",
		"See https://example.org/teh/adress.":       "See https://example.org/teh/adress.",
		"Run `teh command` now.":                    "Run `teh command` now.",
		"```\nteh code\n```\nteh text":              "```\nteh code\n```\nthe text",
		"    teh code":                              "    teh code",
		"iPhone users like it.":                     "iPhone users like it.",
		"See e.g. the log. it is long.":             "See e.g. the log. It is long.",
		"an X-ray, an SQL query, an FAQ":            "an X-ray, an SQL query, an FAQ",
		"teh.example.org":                           "teh.example.org",
		"":                                          "",
		"Wait ... what?":                            "Wait ... what?",
		"Das ist ein Satz.\r\nIch weiß.\r\n":        "Das ist ein Satz.\r\nIch weiß.\r\n",
	} {
		require.Equal(t, to, Correct(from))
		require.Equal(t, to, Correct(to), "there is nothing left to correct")
	}
	require.NotContains(t, typos, "")
	for from, to := range typos {
		require.Empty(t, typos[to], from)
		require.Equal(t, strings.ToLower(from), from)
	}
}

// Lines stay lines, whatever stands in them, and a second look finds nothing more to do with white space.
func TestACorrectionKeepsTheLinesOfAText(t *testing.T) {
	word := rapid.SampledFrom([]string{"teh", "the", "The", "a", "an", "apple", "is", "they", "was", ".", ",", " ", "\n", "\r\n", "`", "```", "|", "\t", "é", "😀", "\x00", "don't", "i", "http://x.y/z", "  "})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(word, 0, 40).Draw(t, "words"), rapid.SampledFrom([]string{"", " "}).Draw(t, "between"))
		require.Equal(t, strings.Count(text, "\n"), strings.Count(Correct(text), "\n"))
	})
}
