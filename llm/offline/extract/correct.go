package extract

import (
	_ "embed"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:embed typos.txt
var typosText string

// typos are words that are no words, and what was meant by them.
var typos = pairs(typosText)

// A slip is a mistake that can be seen without a dictionary.
type slip struct {
	wrong *regexp.Regexp
	right string
}

// slips are tried in this order.
var slips = []slip{
	{re(`\b(could|should|would|must|might) of\b`), "$1 have"},
	{re(`\b(he|she|it) (?:don't|dont)\b`), "$1 doesn't"},
	{re(`\b(he|she|it) have\b`), "$1 has"},
	{re(`\b(we|they|you) was\b`), "$1 were"},
	{re(`\btheir (is|are|was|were)\b`), "there $1"},
	{re(`\byour welcome\b`), "you're welcome"},
	{re(`\bthis are\b`), "these are"},
	{re(`\bthese is\b`), "this is"},
	{re(`\ba lots of\b`), "a lot of"},
	{re(`\bmore better\b`), "better"},
	{re(`\b(a) ([aei][a-z]{2,})\b`), "${1}n $2"},
	{re(`\b(an) ([bcdfgjklmnpqrstvwxz][a-z]{2,})\b`), "a $2"},
	{regexp.MustCompile(`[ \t]+([,;!?]|\.(?:\s|$))`), "$1"},
}

// notAn are words with a vowel in front that are spoken without.
var notAn = []string{"eu", "ewe", "uni", "one", "once"}

// word is a word with its apostrophes.
var word = regexp.MustCompile(`[\pL]+(?:['’][\pL]+)*`)

// Correct returns a text without the slips that are sure. Code, links and paths are left as they are.
func Correct(text string) string {
	lines := strings.SplitAfter(text, "\n")
	code := false
	for i, l := range lines {
		if strings.HasPrefix(strings.TrimSpace(l), "```") {
			code = !code
			continue
		}
		if !code && !strings.HasPrefix(l, "    ") && !strings.HasPrefix(l, "\t") && !strings.ContainsAny(l, "`|") {
			body := strings.TrimRight(l, "\r\n")
			lines[i] = correctLine(body) + l[len(body):]
		}
	}
	return strings.Join(lines, "")
}

func correctLine(l string) string {
	l = eachWord(l, func(w string) string {
		switch to, ok := typos[strings.ToLower(strings.ReplaceAll(w, "’", "'"))]; {
		case ok:
			return likeCase(to, w)
		case w == "i" || strings.HasPrefix(w, "i'"):
			return "I" + w[1:]
		}
		return w
	})
	l = undouble(l)
	for _, s := range slips {
		l = s.wrong.ReplaceAllStringFunc(l, func(m string) string {
			if fixed := s.wrong.ReplaceAllString(m, s.right); !exempt(fixed) {
				return likeCase(fixed, m)
			}
			return m
		})
	}
	return capitals(l)
}

// exempt reports an article before a word that is spoken otherwise than it is written, or by its letters.
func exempt(fixed string) bool {
	article, rest, _ := strings.Cut(fixed, " ")
	switch strings.ToLower(article) {
	case "a":
		return rest != strings.ToLower(rest)
	case "an":
		return rest != strings.ToLower(rest) || slices.ContainsFunc(notAn, func(p string) bool { return strings.HasPrefix(rest, p) })
	}
	return false
}

// eachWord changes the words of a line that are not part of a link, a path, an address or code.
func eachWord(l string, change func(string) string) string {
	var b strings.Builder
	done := 0
	for _, at := range word.FindAllStringIndex(l, -1) {
		b.WriteString(l[done:at[0]])
		w := l[at[0]:at[1]]
		if alone(l, at[0], at[1]) {
			w = change(w)
		}
		b.WriteString(w)
		done = at[1]
	}
	return b.String() + l[done:]
}

// alone reports whether a word stands between blanks and what ends or opens a part of a sentence.
func alone(l string, begin, end int) bool {
	before, _ := utf8.DecodeLastRuneInString(l[:begin])
	after, n := utf8.DecodeRuneInString(l[end:])
	if begin > 0 && !unicode.IsSpace(before) && !strings.ContainsRune(`("“‘*_>-–—`, before) {
		return false
	}
	if end == len(l) || unicode.IsSpace(after) || strings.ContainsRune(`,;!?)"”’*–—`, after) {
		return true
	}
	next, _ := utf8.DecodeRuneInString(l[end+n:])
	return (after == '.' || after == ':') && (end+n == len(l) || unicode.IsSpace(next) || strings.ContainsRune(`)"”`, next))
}

// twice are words that may rightly stand twice.
var twice = map[string]bool{"that": true, "had": true, "very": true, "no": true, "bye": true, "ha": true, "so": true, "is": true}

// undouble takes the second of two equal words away.
func undouble(l string) string {
	var b strings.Builder
	done, last, lastEnd := 0, "", -1
	for _, at := range word.FindAllStringIndex(l, -1) {
		w := l[at[0]:at[1]]
		same := lastEnd >= 0 && strings.EqualFold(w, last) && strings.TrimSpace(l[lastEnd:at[0]]) == "" && lastEnd < at[0]
		if same && strings.ToLower(w) == w && !twice[w] && alone(l, at[0], at[1]) {
			b.WriteString(l[done:lastEnd])
			done = at[1]
			lastEnd = at[1]
			continue
		}
		last, lastEnd = w, at[1]
		b.WriteString(l[done:at[1]])
		done = at[1]
	}
	return b.String() + l[done:]
}

// capitals begins the sentences of a line with one, if the line is made of sentences: it ends as one does.
func capitals(l string) string {
	if !strings.ContainsAny(lastOf(l), ".!?") {
		return l
	}
	out := []rune(l)
	for i := 0; i < len(out); {
		for i < len(out) && !unicode.IsLetter(out[i]) && !unicode.IsDigit(out[i]) {
			i++
		}
		if i < len(out) && unicode.IsLower(out[i]) {
			if w := firstWord(out[i:]); plainWord(w) && w == strings.ToLower(w) { // and not iPhone, x.go, 3rd
				out[i] = unicode.ToUpper(out[i])
			}
		}
		for i < len(out) && !endsSentence(out, i) {
			i++
		}
		i++
	}
	return string(out)
}

func lastOf(l string) string {
	l = strings.TrimRight(l, " \t\")”’*_")
	_, n := utf8.DecodeLastRuneInString(l)
	return l[len(l)-n:]
}

// firstWord is what stands before the next blank.
func firstWord(r []rune) string {
	for i, c := range r {
		if unicode.IsSpace(c) {
			r = r[:i]
			break
		}
	}
	return strings.TrimRight(string(r), `.,;:!?)"”’`)
}

// endsSentence reports whether a sentence ends at a place.
func endsSentence(r []rune, i int) bool {
	if !strings.ContainsRune(".!?", r[i]) || i+1 >= len(r) || !unicode.IsSpace(r[i+1]) {
		return false
	}
	return r[i] != '.' || i > 0 && r[i-1] != '.' && !abbreviations[lastWord(string(r[:i]))]
}
