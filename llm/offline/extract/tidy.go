package extract

import (
	_ "embed"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:embed plain.txt
var plainText string

// plain are long-winded phrases and what they mean.
var plain = pairs(plainText)

// pairs reads a list of what is replaced by what, a pair a line: from > to.
func pairs(text string) map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(text) {
		if from, to, ok := strings.Cut(strings.TrimSpace(line), " > "); ok {
			m[from] = to
		}
	}
	return m
}

// longWinded matches any of them. The longer ones stand before the shorter in the file.
var longWinded = func() *regexp.Regexp {
	var all []string
	for line := range strings.Lines(plainText) {
		if from, _, ok := strings.Cut(strings.TrimSpace(line), " > "); ok {
			all = append(all, strings.ReplaceAll(regexp.QuoteMeta(from), " ", `[ \t]+`))
		}
	}
	return regexp.MustCompile(`(?i)\b(?:` + strings.Join(all, "|") + `)\b`)
}()

// runsOfBlanks are blanks inside a line; those at its beginning may be an indent and those at its end a line break.
var runsOfBlanks = regexp.MustCompile(`(\S) {2,}(\S)`)

// Tidy puts plain words in the place of long-winded ones. Blocks of code and tables stay as they are.
func Tidy(text string) string {
	lines := strings.SplitAfter(text, "\n")
	code := false
	for i, l := range lines {
		if strings.HasPrefix(strings.TrimSpace(l), "```") {
			code = !code
			continue
		}
		if code || strings.HasPrefix(l, "    ") || strings.HasPrefix(l, "\t") || strings.Contains(l, "|") || strings.Contains(l, "`") {
			continue
		}
		l = longWinded.ReplaceAllStringFunc(l, func(s string) string {
			return likeCase(plain[strings.ToLower(strings.Join(strings.Fields(s), " "))], s)
		})
		lines[i] = runsOfBlanks.ReplaceAllString(l, "$1 $2")
	}
	return strings.Join(lines, "")
}

// likeCase begins a phrase with a capital where the old one did.
func likeCase(s, old string) string {
	r, _ := utf8.DecodeRuneInString(old)
	first, n := utf8.DecodeRuneInString(s)
	if unicode.IsUpper(r) {
		return string(unicode.ToUpper(first)) + s[n:]
	}
	return s
}
