package extract

import (
	"cmp"
	"math"
	"slices"
	"strings"
)

// gather makes sentences of texts and leaves out those that say nothing.
func gather(n int, text func(i int) (speaker, text string)) []sentence {
	var list []sentence
	for i := range n {
		speaker, t := text(i)
		for _, s := range sentences(t) {
			if w := meaning(s); len(w) >= 2 {
				list = append(list, sentence{speaker: speaker, text: s, words: w})
			}
		}
	}
	if len(list) > sentencesMax { // an even sample: the end of a text matters as much as its beginning
		sample := make([]sentence, sentencesMax)
		for i := range sample {
			sample[i] = list[i*len(list)/sentencesMax]
		}
		list = sample
	}
	for i := range list {
		list[i].at = i
	}
	return list
}

const (
	damping    = 0.85 // as in the paper
	iterations = 40   // 0.85^40 is below a part in 600: the order stands long before
)

// rank returns the sentences by weight, the heaviest first: a walk over sentences that prefers to step to similar
// ones comes by there most often.
func rank(list []sentence) []sentence {
	n := len(list)
	if n == 0 {
		return nil
	}
	links, sums := make([][]float64, n), make([]float64, n)
	for i := range links {
		links[i] = make([]float64, n)
	}
	for i := range n {
		for j := range i {
			w := similarity(list[i].words, list[j].words)
			links[i][j], links[j][i] = w, w
			sums[i] += w
			sums[j] += w
		}
	}
	weight := slices.Repeat([]float64{1}, n)
	for range iterations {
		next := make([]float64, n)
		for i := range n {
			sum := 0.0
			for j := range n {
				if sums[j] > 0 {
					sum += links[i][j] / sums[j] * weight[j]
				}
			}
			next[i] = 1 - damping + damping*sum
		}
		weight = next
	}
	for i := range weight {
		weight[i] *= bias(list[i])
	}
	order := slices.Clone(list)
	slices.SortStableFunc(order, func(a, b sentence) int {
		return cmp.Compare(weight[b.at], weight[a.at])
	})
	return order
}

// similarity is the paper's: shared words over the logarithms of both lengths.
func similarity(a, b []string) float64 {
	shared := 0
	for i, w := range a {
		if !slices.Contains(a[:i], w) && slices.Contains(b, w) {
			shared++
		}
	}
	if shared == 0 {
		return 0
	}
	return float64(shared) / (math.Log(float64(len(a)+1)) + math.Log(float64(len(b)+1)))
}

// decided are words of sentences that people look for in a summary.
var decided = []string{"agreed", "decided", "we will", "i will", "let's", "deadline", "by friday", "by monday", "must", "blocked", "because", "the plan", "should", "ship", "release"}

// bias prefers what was decided to what was asked, and sentences of a readable length.
func bias(s sentence) float64 {
	f, lower := 1.0, strings.ToLower(s.text)
	for _, d := range decided {
		if strings.Contains(lower, d) {
			f = 1.25
			break
		}
	}
	if strings.HasSuffix(s.text, "?") {
		f *= 0.7
	}
	if n := len(s.words); n < 4 || n > 30 {
		f *= 0.8
	}
	return f
}

// alike reports whether two sentences say much the same.
func alike(a, b sentence) bool {
	shared := 0
	for _, w := range a.words {
		if slices.Contains(b.words, w) {
			shared++
		}
	}
	return shared*10 >= 6*min(len(a.words), len(b.words))
}

// choose takes the heaviest n sentences no two of which are alike.
func choose(ranked []sentence, n int) []sentence {
	var chosen []sentence
	for _, s := range ranked {
		if len(chosen) == n {
			break
		}
		if !slices.ContainsFunc(chosen, func(c sentence) bool { return alike(c, s) }) {
			chosen = append(chosen, s)
		}
	}
	return chosen
}
