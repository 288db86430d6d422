package extract

import (
	_ "embed"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A sentence is a piece of a text that stands for itself.
type sentence struct {
	speaker string // of a message; empty in a document
	text    string
	words   []string // those that carry meaning, as stem leaves them
	at      int      // its number in the whole
}

// Bounds of what is read closely: comparing sentences pair by pair is quadratic.
const (
	// sentencesMax is what TextRank compares; a longer text is sampled evenly.
	sentencesMax = 400
	// sentenceRunesMax is where a text without full stops is cut.
	sentenceRunesMax = 600
)

// abbreviations end in a full stop that ends no sentence.
var abbreviations = map[string]bool{
	"e.g": true, "i.e": true, "etc": true, "mr": true, "mrs": true, "ms": true, "dr": true, "vs": true, "no": true, "st": true, "approx": true, "cf": true, "fig": true, "prof": true,
}

// sentences cuts a text at full stops, line breaks and list items.
func sentences(text string) []string {
	var list []string
	for paragraph := range strings.Lines(text) {
		paragraph = strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(paragraph), "#*->• "))
		start := 0
		add := func(end int) {
			if s := strings.TrimSpace(paragraph[start:end]); s != "" {
				list = append(list, s)
			}
			start = end
		}
		for i, r := range paragraph {
			end := i + utf8.RuneLen(r)
			switch {
			case r == '.' || r == '!' || r == '?' || r == '…':
				next, _ := utf8.DecodeRuneInString(paragraph[end:])
				if end == len(paragraph) || unicode.IsSpace(next) && !(r == '.' && abbreviations[lastWord(paragraph[start:i])]) {
					add(end)
				}
			case r == '。' || r == '！' || r == '？':
				add(end)
			case end-start > sentenceRunesMax && unicode.IsSpace(r):
				add(end)
			}
		}
		add(len(paragraph))
	}
	return list
}

func lastWord(s string) string {
	return strings.ToLower(s[strings.LastIndexFunc(s, unicode.IsSpace)+1:])
}

// words cuts a text into words: letters and digits, with what may stand inside a word.
func words(text string) []string {
	var list []string
	for f := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.M, r) && !strings.ContainsRune("'’-_./", r)
	}) {
		if f = strings.Trim(f, "'’-_./"); f != "" {
			list = append(list, f)
		}
	}
	return list
}

//go:embed stopwords.txt
var stopwordsText string

// stopwords carry no meaning of their own.
var stopwords = func() map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(stopwordsText) {
		set[w] = true
	}
	return set
}()

func isStopword(w string) bool {
	w = strings.ToLower(strings.ReplaceAll(w, "’", "'"))
	return stopwords[w] || utf8.RuneCountInString(w) < 2 && !unicode.IsDigit([]rune(w + "x")[0])
}

// meaning returns the words of a text that carry meaning, each as its stem.
func meaning(text string) []string {
	var list []string
	for _, w := range words(text) {
		if !isStopword(w) {
			list = append(list, stem(w))
		}
	}
	return list
}

// stem takes the commonest English endings off, so that "builds" and "building" are one word. It need not be a word: it
// is only compared.
func stem(w string) string {
	w = strings.ToLower(strings.ReplaceAll(w, "’", "'"))
	w = strings.TrimSuffix(w, "'s")
	for _, ending := range [...]string{"ings", "ing", "edly", "ed", "ies", "es", "s", "ly"} {
		if base, ok := strings.CutSuffix(w, ending); ok && len(base) >= 3 && !(ending == "s" && strings.HasSuffix(base, "s")) {
			if ending == "ies" {
				return base + "y"
			}
			if n := len(base); n > 3 && base[n-1] == base[n-2] && strings.IndexByte("bdgmnprt", base[n-1]) >= 0 {
				base = base[:n-1] // running, planned
			}
			return strings.TrimSuffix(base, "e")
		}
	}
	return strings.TrimSuffix(w, "e")
}
