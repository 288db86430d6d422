package extract

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"parley/llm/prompt"
)

// answersMax bounds the sentences of an answer.
const answersMax = 3

// The two answers that say that there is none.
const (
	noContext = "No model is set up, and this question has no messages to look into. Ask it about a place, or have an admin set up a model."
	noAnswer  = "No model is set up, and the messages say nothing about this."
)

// ask answers with the sentences that share the question's words, rare words above all (BM25).
func ask(t prompt.Task) string {
	if len(t.Messages) == 0 {
		return noContext
	}
	list := gather(len(t.Messages), func(i int) (string, string) { return t.Messages[i].Speaker, t.Messages[i].Text })
	found := bestFor(meaning(t.Text), list)
	if len(found) == 0 {
		return noAnswer
	}
	var b strings.Builder
	b.WriteString("From the messages:")
	for _, s := range found {
		fmt.Fprintf(&b, "\n%s", prompt.Shorten(said(s), documentPointRunesMax))
	}
	return b.String()
}

// The constants of BM25 as they are commonly set.
const (
	saturation = 1.2
	lengthBias = 0.75
)

// bestFor returns the best sentences in the order in which they were said. A question among them is no answer.
func bestFor(query []string, list []sentence) []sentence {
	if len(list) == 0 {
		return nil
	}
	total := 0
	for _, s := range list {
		total += len(s.words)
	}
	mean := float64(total) / float64(len(list))
	score := make([]float64, len(list))
	for i, q := range query {
		if slices.Contains(query[:i], q) {
			continue
		}
		having := 0
		for _, s := range list {
			if slices.Contains(s.words, q) {
				having++
			}
		}
		rarity := math.Log(1 + (float64(len(list)-having)+0.5)/(float64(having)+0.5))
		for _, s := range list {
			n := 0.0
			for _, w := range s.words {
				if w == q {
					n++
				}
			}
			score[s.at] += rarity * n * (saturation + 1) / (n + saturation*(1-lengthBias+lengthBias*float64(len(s.words))/mean))
		}
	}
	best := slices.Max(score)
	var found []sentence
	for _, s := range list {
		if best > 0 && score[s.at] >= best/2 && !strings.HasSuffix(s.text, "?") {
			found = append(found, s)
		}
	}
	slices.SortStableFunc(found, func(a, b sentence) int {
		return cmp.Compare(score[b.at], score[a.at])
	})
	found = found[:min(len(found), answersMax)]
	slices.SortFunc(found, func(a, b sentence) int { return a.at - b.at })
	return found
}
