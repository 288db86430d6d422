package extract

import (
	"cmp"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"parley/llm/prompt"
)

//go:embed everyday.txt
var everydayText string

// An ngrams counts which word follows the last two, the last one, and how often each comes at all.
type ngrams struct {
	after2 map[[2]string]map[string]int
	after1 map[string]map[string]int
	starts map[string]map[string]int // words by their first two characters
}

// The channel's own words count more than those of everyday chat, which are there for a channel that has said little.
const (
	ownWeight      = 8
	everydayWeight = 1
)

// end is the word that stands for the end of a sentence.
const end = "\n"

// learn counts the words of a text.
func (g *ngrams) learn(text string, weight int) {
	add := func(m map[string]int, w string) { m[w] += weight }
	for _, s := range sentences(text) {
		all := append(chatWords(s), end)
		for i, w := range all {
			key := ""
			if i > 0 {
				key = strings.ToLower(all[i-1])
			}
			if g.after1[key] == nil {
				g.after1[key] = map[string]int{}
			}
			add(g.after1[key], w)
			if i > 1 {
				pair := [2]string{strings.ToLower(all[i-2]), key}
				if g.after2[pair] == nil {
					g.after2[pair] = map[string]int{}
				}
				add(g.after2[pair], w)
			}
			if b := beginning(w); w != end && b != "" {
				if g.starts[b] == nil {
					g.starts[b] = map[string]int{}
				}
				add(g.starts[b], w)
			}
		}
	}
}

// chatWords cuts a sentence at blanks; commas and full stops at the end of a word go.
func chatWords(s string) []string {
	var list []string
	for f := range strings.FieldsSeq(s) {
		if f = strings.TrimRight(f, ".,;:!?…"); f != "" && utf8.RuneCountInString(f) <= 30 {
			list = append(list, f)
		}
	}
	return list
}

func beginning(w string) string {
	r := []rune(strings.ToLower(w))
	if len(r) < 2 {
		return ""
	}
	return string(r[:2])
}

// next returns what may follow, the likeliest first.
func (g *ngrams) next(before2, before1 string) []string {
	two := g.after2[[2]string{strings.ToLower(before2), strings.ToLower(before1)}]
	score := map[string]int{}
	for w, n := range g.after1[strings.ToLower(before1)] {
		score[w] = n
	}
	for w, n := range two {
		score[w] += 20 * n // longer agreement says more
	}
	return byCount(score)
}

func byCount(score map[string]int) []string {
	return slices.SortedFunc(maps.Keys(score), func(a, b string) int {
		return cmp.Or(cmp.Compare(score[b], score[a]), strings.Compare(a, b))
	})
}

// wordsMax bounds what a completion adds.
const wordsMax = 6

// complete goes on from what was begun in as many ways as are asked for, and names what the messages are about.
func complete(t prompt.Task) string {
	g := &ngrams{after2: map[[2]string]map[string]int{}, after1: map[string]map[string]int{}, starts: map[string]map[string]int{}}
	g.learn(everydayText, everydayWeight)
	for _, m := range t.Messages {
		g.learn(m.Text, ownWeight)
	}
	var b strings.Builder
	for _, text := range g.ways(t.Text, t.Count) {
		fmt.Fprintf(&b, "> %s\n", text)
	}
	for _, topic := range topics(t.Messages, t.Topics) {
		fmt.Fprintf(&b, "# %s\n", topic)
	}
	return b.String()
}

// ways returns texts that begin with begun. A last word that is not ended by a blank may be finished first.
func (g *ngrams) ways(begun string, n int) []string {
	begun = strings.Join(strings.Fields(begun), " ") + trailing(begun) // with a blank where it has one: then its last word is whole
	whole := chatWords(begun)
	var list []string
	add := func(text string) {
		if text = strings.TrimSpace(text); len(list) < n && text != strings.TrimSpace(begun) && !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	one, two := "", ""
	if len(whole) > 0 && (strings.HasSuffix(begun, " ") || endsInWord(begun)) {
		one = whole[len(whole)-1]
		if len(whole) > 1 {
			two = whole[len(whole)-2]
		}
	}
	follow := func(candidates []string) {
		for _, w := range candidates {
			if w != end && len(list) < n {
				add(g.goOn(strings.TrimSpace(begun)+" "+uncapital(w, begun), wordsMax-1))
			}
		}
	}
	following := g.next(two, one)
	if len(following) > 0 {
		follow(following[:min(len(following), (n+1)/2)])
	}
	if len(whole) > 0 && endsInWord(begun) { // the last word may not be whole
		part := whole[len(whole)-1]
		for _, w := range g.finish(part) {
			if len(list) == n {
				break
			}
			add(g.goOn(strings.TrimSuffix(begun, part)+part+w[len(part):], wordsMax-1))
		}
	}
	follow(following)
	follow(g.next("", ""))
	return list
}

func trailing(s string) string {
	if s != "" && unicode.IsSpace(rune(s[len(s)-1])) {
		return " "
	}
	return ""
}

func endsInWord(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return unicode.IsLetter(r) || unicode.IsDigit(r)
}

// uncapital makes the first word of a sentence fit into the middle of one.
func uncapital(w, begun string) string {
	r, n := utf8.DecodeRuneInString(w)
	second, _ := utf8.DecodeRuneInString(w[n:])
	if strings.TrimSpace(begun) == "" || w == "I" || strings.HasPrefix(w, "I'") || unicode.IsUpper(second) {
		return w
	}
	if !isStopword(w) {
		return w // it may be a name
	}
	return string(unicode.ToLower(r)) + w[n:]
}

// finish returns words that begin like part and are longer, the commonest first.
func (g *ngrams) finish(part string) []string {
	var list []string
	for _, w := range byCount(g.starts[beginning(part)]) {
		if len(w) > len(part) && strings.EqualFold(w[:len(part)], part) {
			list = append(list, w)
		}
	}
	return list
}

// goOn follows the likeliest words to the end of a sentence.
func (g *ngrams) goOn(text string, steps int) string {
	for range steps {
		w := chatWords(text)
		one, two := "", ""
		if len(w) > 0 {
			one = w[len(w)-1]
		}
		if len(w) > 1 {
			two = w[len(w)-2]
		}
		candidates := g.next(two, one)
		if len(candidates) == 0 || candidates[0] == end || slices.Contains(w, candidates[0]) && !isStopword(candidates[0]) {
			break
		}
		text += " " + candidates[0]
	}
	return text
}

// topics returns the phrases of one or two meaningful words that come most often, the longer before the shorter.
func topics(messages []prompt.Message, n int) []string {
	count, shown := map[string]int{}, map[string]string{}
	add := func(stems, text string, weight int) {
		count[stems] += weight
		if old, ok := shown[stems]; !ok || len(text) < len(old) {
			shown[stems] = text
		}
	}
	for _, m := range messages {
		for _, s := range sentences(m.Text) {
			before := ""
			for _, w := range words(s) {
				if isStopword(w) || strings.Contains(w, "/") || unicode.IsDigit([]rune(w)[0]) {
					before = ""
					continue
				}
				add(stem(w), w, 2)
				if before != "" {
					add(stem(before)+" "+stem(w), before+" "+w, 5) // a phrase says more than its words
				}
				before = w
			}
		}
	}
	var list []string
	for _, stems := range byCount(count) {
		inside := slices.ContainsFunc(list, func(have string) bool { // "image" beside "old image"
			return strings.Contains(have, stems) || strings.Contains(stems, have)
		})
		if !inside && len(list) < n {
			list = append(list, stems)
		}
	}
	for i, stems := range list {
		list[i] = strings.ToLower(shown[stems])
	}
	return list
}
