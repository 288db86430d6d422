package offline

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"parley/llm/offline/harper"
)

const (
	// chunkBytes is about how much Harper gets at a time: between chunks another text gets its turn, and a caller who
	// has gone is noticed; and what was corrected is looked at again without its neighbours.
	chunkBytes = 512
	// lineBytesMax is where a line is cut, at the end of a sentence or else of a word.
	lineBytesMax = 2 << 10
)

// passes is how often a chunk is looked at: a corrected word may show another mistake beside it.
const passes = 3

// correct returns the text with what Harper is sure of corrected, chunk by chunk.
func correct(ctx context.Context, c *harper.Checker, text string, write func(string) error) error {
	for _, chunk := range chunks(text) {
		if strings.TrimSpace(chunk) != "" && !strings.HasPrefix(strings.TrimSpace(chunk), "```") {
			for range passes {
				lints, err := c.Lint(ctx, chunk, harper.Markdown)
				if err != nil {
					return err
				}
				before := chunk
				if chunk = apply(chunk, lints); chunk == before {
					break
				}
			}
		}
		if err := write(chunk); err != nil {
			return err
		}
	}
	return nil
}

// chunks cuts a document at blank lines; a block of code is a chunk of its own. Joined they are the document.
func chunks(text string) []string {
	var list []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			list = append(list, b.String())
			b.Reset()
		}
	}
	code := false
	for line := range strings.Lines(text) {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if fence && !code {
			flush()
		}
		for !code && !fence && len(line) > lineBytesMax {
			n := cutLine(line)
			flush()
			b.WriteString(line[:n])
			flush()
			line = line[n:]
		}
		b.WriteString(line)
		switch {
		case fence && code:
			code = false
			flush()
		case fence:
			code = true
		case !code && b.Len() > chunkBytes && strings.TrimSpace(line) == "":
			flush()
		}
	}
	flush()
	return list
}

// cutLine returns where a line is cut: behind the last sentence that fits, or the last word, or at the bound.
func cutLine(line string) int {
	head := line[:lineBytesMax]
	for _, end := range []string{". ", "? ", "! ", " "} {
		if n := strings.LastIndex(head, end); n > 0 {
			return n + len(end)
		}
	}
	n := lineBytesMax
	for n > 1 && !utf8.RuneStart(line[n]) {
		n--
	}
	return n
}

// apply makes the corrections that are sure enough.
func apply(text string, lints []harper.Lint) string {
	slices.SortStableFunc(lints, func(a, b harper.Lint) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.Priority, b.Priority))
	})
	runes := []rune(text)
	var b strings.Builder
	done := 0
	for _, l := range lints {
		s, ok := best(l, runes)
		if !ok || l.Start < done {
			continue
		}
		b.WriteString(string(runes[done:l.Start]))
		switch s.Do {
		case harper.Replace:
			b.WriteString(article(s.Text, l.Problem, runes[l.End:]))
		case harper.InsertAfter:
			b.WriteString(string(runes[l.Start:l.End]) + s.Text)
		}
		done = l.End
	}
	b.WriteString(string(runes[done:]))
	return b.String()
}

// taste are the kinds of lints that are no mistakes: somebody else would write it otherwise.
var taste = []string{"Style", "Enhancement", "Readability", "Regionalism", "Formatting"}

// unsure begin the messages of lints that guess too freely.
var unsure = []string{"Could this be the negative word", "There are too many personal pronouns", "The construction `one of the", "“Whom” is used"}

// best returns the suggestion to follow, if there is one that is sure enough.
func best(l harper.Lint, text []rune) (harper.Suggestion, bool) {
	if len(l.Suggestions) == 0 {
		return harper.Suggestion{}, false
	}
	if l.Start < 0 || l.End > len(text) || l.Start > l.End || inCode(text, l.Start, l.End) {
		return harper.Suggestion{}, false
	}
	first := l.Suggestions[0]
	word, meant := strings.ToLower(l.Problem), strings.ToLower(first.Text)
	switch {
	case l.Kind == "Spelling":
		return bestSpelling(l, text)
	case l.Kind == "Formatting" && first.Do == harper.Remove && strings.TrimSpace(l.Problem) == "":
		return first, true // a blank before a full stop
	case first.Do == harper.Replace && contracted(word, meant):
		return first, true // cant
	case first.Do == harper.Replace && british(word, meant):
		return harper.Suggestion{}, false
	case slices.Contains(taste, l.Kind), slices.ContainsFunc(unsure, func(s string) bool { return strings.HasPrefix(l.Message, s) }):
		return harper.Suggestion{}, false
	case l.Kind == "Capitalization" && first.Text == meant && beginsSentence(text, l.Start):
		return harper.Suggestion{}, false // a dictionary does not know that a sentence begins
	case l.Kind == "Typo" && strings.Contains(strings.TrimSpace(meant), " "):
		return harper.Suggestion{}, false // "adress" is rarely "a dress"
	}
	return first, true
}

// article writes "An" and not "AN" before a word that is not all capitals.
func article(s, problem string, after []rune) string {
	if s != "AN" || problem != "A" {
		return s
	}
	if word := strings.Fields(string(after[:min(len(after), 40)])); len(word) > 0 && word[0] == strings.ToUpper(word[0]) {
		return s
	}
	return "An"
}

// bestSpelling returns the word that was meant, if one slip of the fingers explains it. What looks like a name, an
// abbreviation or code is left alone: Harper does not know it, but its writer may.
func bestSpelling(l harper.Lint, text []rune) (harper.Suggestion, bool) {
	word := l.Problem
	if strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' && r != '’' }) {
		return harper.Suggestion{}, false
	}
	runes := []rune(word)
	if len(runes) == 0 || slices.ContainsFunc(runes[1:], unicode.IsUpper) {
		return harper.Suggestion{}, false
	}
	for _, s := range l.Suggestions {
		if s.Do == harper.Replace && contracted(strings.ToLower(word), strings.ToLower(s.Text)) {
			return s, true
		}
	}
	if len(runes) < 4 || unicode.IsUpper(runes[0]) && !beginsSentence(text, l.Start) {
		return harper.Suggestion{}, false
	}
	choice, choiceSlip := harper.Suggestion{}, noSlip
	for _, s := range l.Suggestions {
		if s.Do != harper.Replace {
			continue
		}
		if slip := slipBetween(strings.ToLower(word), strings.ToLower(s.Text)); slip < choiceSlip {
			choice, choiceSlip = s, slip
		}
	}
	if choiceSlip == noSlip || british(strings.ToLower(word), strings.ToLower(choice.Text)) {
		return harper.Suggestion{}, false
	}
	return choice, true
}

// beginsSentence reports whether only blanks and marks of lists stand between at and the end of a sentence before.
func beginsSentence(text []rune, at int) bool {
	for i := at - 1; i >= 0; i-- {
		switch r := text[i]; {
		case r == '\n' || strings.ContainsRune(".!?:", r):
			return true
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == ',':
			return false
		}
	}
	return true
}

// inCode reports whether a place is part of a path, an address, a name in code or the like: what stands between the
// blanks around it has a character that words do not have, or a full stop inside.
func inCode(text []rune, start, end int) bool {
	for start > 0 && !unicode.IsSpace(text[start-1]) {
		start--
	}
	for end < len(text) && !unicode.IsSpace(text[end]) {
		end++
	}
	for token := range strings.FieldsSeq(string(text[start:end])) {
		if strings.ContainsAny(token, "/\\_@#=<>`{}$~&%+|") || dotted(token) {
			return true
		}
	}
	return false
}

// dotted reports a full stop or colon before a lower-case letter or a digit: config.toml, 10.0.0.1, std::cmp.
func dotted(token string) bool {
	runes := []rune(token)
	for i := range len(runes) - 1 {
		if (runes[i] == '.' || runes[i] == ':') && (unicode.IsLower(runes[i+1]) || unicode.IsDigit(runes[i+1]) || runes[i+1] == runes[i]) {
			return true
		}
	}
	return false
}

// contractions are what an apostrophe may be missing in. A plural is none, and gets no apostrophe.
var contractions = []string{"let's", "that's", "what's", "who's", "there's", "here's", "where's", "how's", "he's", "she's", "it's", "i'm", "o'clock"}

// contracted reports whether a word lacks nothing but the apostrophe of a contraction.
func contracted(word, meant string) bool {
	meant = strings.ReplaceAll(meant, "’", "'")
	if strings.ReplaceAll(meant, "'", "") != word || word == meant {
		return false
	}
	for _, ending := range [...]string{"n't", "'re", "'ve", "'ll", "'d"} {
		if strings.HasSuffix(meant, ending) {
			return true
		}
	}
	return slices.Contains(contractions, meant)
}

// Slips of the fingers, the likeliest first.
const (
	swapped = iota // teh
	missing        // wrld
	doubled        // tomorow, neccessary: a letter once instead of twice, or the other way round
	added          // thhis, woorld
	other          // warld
	noSlip
)

// slipBetween returns the one slip that makes word of meant.
func slipBetween(word, meant string) int {
	a, b := []rune(word), []rune(meant)
	if word == meant {
		return noSlip
	}
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	j := 0
	for j < len(a)-i && j < len(b)-i && a[len(a)-1-j] == b[len(b)-1-j] {
		j++
	}
	restA, restB := a[i:len(a)-j], b[i:len(b)-j]
	switch {
	case strings.ContainsAny(meant, "'’ -") && !strings.ContainsAny(word, "'’ -"):
		return noSlip // two words, or an owner
	case len(restA) == 2 && len(restB) == 2 && restA[0] == restB[1] && restA[1] == restB[0]:
		return swapped
	case len(restA) == 0 && len(restB) == 1:
		if i > 0 && b[i-1] == restB[0] || i+1 < len(b) && b[i+1] == restB[0] {
			return doubled
		}
		return missing
	case len(restA) == 1 && len(restB) == 0:
		if i > 0 && a[i-1] == restA[0] || i+1 < len(a) && a[i+1] == restA[0] {
			return doubled
		}
		return added
	case len(restA) == 1 && len(restB) == 1:
		return other
	case utf8.RuneCountInString(word) >= 7 && len(restA) <= 2 && len(restB) <= 2:
		return other // two letters next to one another, in a long word
	}
	return noSlip
}

// british reports whether a word is the British spelling of the other one, which is no mistake.
func british(word, american string) bool {
	for _, p := range [...][2]string{{"our", "or"}, {"is", "iz"}, {"ys", "yz"}, {"re", "er"}, {"ll", "l"}, {"ogue", "og"}, {"ence", "ense"}, {"ae", "e"}, {"mme", "m"}, {"ey", "ay"}} {
		for i := 0; ; {
			at := strings.Index(word[i:], p[0])
			if at < 0 {
				break
			}
			i += at
			if word[:i]+p[1]+word[i+len(p[0]):] == american {
				return true
			}
			i++
		}
	}
	return false
}
