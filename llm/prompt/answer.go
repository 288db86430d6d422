package prompt

import (
	"errors"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ErrForm is the error of an answer that has not the form which its task asks for. Asking once more may help.
var ErrForm = errors.New("the answer has not the form that was asked for")

// Replies reads the suggestions of an answer to Reply: as many as the task wants, different, each at most
// so many words.
func Replies(t Task, answer string) ([]string, error) {
	var list []string
	for line := range lines(answer) {
		if s := firstWords(unquote(bare(line)), t.Words); s != "" && len(list) < t.Count && !contains(list, s) {
			list = append(list, s)
		}
	}
	if len(list) < t.Count || len(list) == 0 {
		return nil, ErrForm
	}
	return list, nil
}

// Summary reads the line and the key points of an answer to Summarize.
func Summary(t Task, answer string) (line string, points []string, err error) {
	heading := ""
	for l := range lines(answer) {
		switch s := unquote(bare(l)); {
		case s == "":
		case isPoint(l):
			if len(points) < t.Count && !contains(points, s) {
				points = append(points, s)
			}
		case strings.HasSuffix(s, ":") && len(strings.Fields(s)) <= 4: // "Key points:"
			heading = s
		case len(points) == 0:
			line = strings.TrimSpace(line + " " + s)
		}
	}
	if line == "" && len(points) == 0 {
		line = heading // nothing stands under it, so it is none
	}
	if line == "" {
		return "", nil, ErrForm
	}
	return Shorten(line, t.Runes), points, nil
}

// Completions reads the texts and topics of an answer to Complete. A text that does not begin with what was
// written so far is taken for what follows it.
func Completions(t Task, answer string) (texts, topics []string, err error) {
	for l := range lines(answer) {
		if rest, ok := strings.CutPrefix(l, "#"); ok {
			if s := unquote(bare(rest)); s != "" && len(topics) < t.Topics && !contains(topics, s) {
				topics = append(topics, s)
			}
			continue
		}
		s, marked := strings.CutPrefix(l, ">")
		if s = unquote(strings.TrimSpace(s)); !marked {
			s = unquote(bare(l))
		}
		s = continueText(t.Text, s)
		if s != "" && len(texts) < t.Count && !contains(texts, s) {
			texts = append(texts, s)
		}
	}
	if len(texts) == 0 {
		return nil, nil, ErrForm
	}
	return texts, topics, nil
}

// continueText returns begun with what s adds to it, or nothing if it adds nothing.
func continueText(begun, s string) string {
	s = strings.TrimSpace(strings.TrimPrefix(strings.TrimPrefix(s, "..."), "…"))
	trimmed := strings.TrimSpace(begun)
	if len(s) >= len(trimmed) && strings.EqualFold(s[:len(trimmed)], trimmed) {
		s = s[len(trimmed):]
	} else if s != "" {
		s = " " + s
	}
	if strings.TrimSpace(s) == "" {
		return ""
	}
	return trimmed + s
}

// Points reads the lines of an answer to DocumentSummary.
func Points(t Task, answer string) ([]string, error) {
	var list []string
	for l := range lines(answer) {
		if s := bare(l); isPoint(l) && s != "" && len(list) < t.Count && !contains(list, s) {
			list = append(list, s)
		}
	}
	if len(list) == 0 {
		return nil, ErrForm
	}
	return list, nil
}

// Text reads an answer that is a text: to Ask, Grammar and Enhance. Fences of code around the whole of it and
// the prompt's own fences are taken away.
func Text(t Task, answer string) (string, error) {
	var kept []string
	for _, l := range strings.Split(answer, "\n") {
		if !strings.HasPrefix(strings.TrimSpace(l), fenceWord) {
			kept = append(kept, l)
		}
	}
	s := Mend(strings.Trim(strings.Join(kept, "\n"), "\n"))
	if !strings.HasPrefix(strings.TrimSpace(t.Text), "```") {
		s = unfence(s)
	}
	if strings.TrimSpace(s) == "" {
		return "", ErrForm
	}
	if t.Kind != Ask && strings.HasSuffix(t.Text, "\n") {
		s += "\n" // a document ends as it did
	}
	return s, nil
}

// unfence takes away ``` before and behind a whole text.
func unfence(s string) string {
	first, rest, ok := strings.Cut(s, "\n")
	if !ok || !strings.HasPrefix(first, "```") || strings.Contains(strings.TrimLeft(first, "`"), "`") {
		return s
	}
	body, ok := strings.CutSuffix(strings.TrimRight(rest, "\n "), "\n```")
	if !ok || strings.Contains(body, "\n```") {
		return s
	}
	return body
}

// lines goes through the lines of an answer that are not empty, trimmed and mended.
func lines(answer string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for l := range strings.Lines(Mend(answer)) {
			l = strings.TrimSpace(l)
			if l == "" || strings.HasPrefix(l, fenceWord) || strings.HasPrefix(l, "```") {
				continue
			}
			if !yield(l) {
				return
			}
		}
	}
}

var bullet = regexp.MustCompile(`^(?:[-*•–>#]+\s+|\(?\d{1,2}[.):]\s+)+`)

// bare takes the bullet or number off a line.
func bare(l string) string {
	return strings.TrimSpace(bullet.ReplaceAllString(strings.TrimSpace(l), ""))
}

func isPoint(l string) bool { return bullet.MatchString(l) }

// unquote takes away quotation marks around the whole of a line.
func unquote(s string) string {
	for _, q := range [...][2]string{{`"`, `"`}, {"“", "”"}, {"**", "**"}, {"'", "'"}} {
		if len(s) > len(q[0])+len(q[1]) && strings.HasPrefix(s, q[0]) && strings.HasSuffix(s, q[1]) {
			if inner := s[len(q[0]) : len(s)-len(q[1])]; !strings.Contains(inner, q[0]) && !strings.Contains(inner, q[1]) {
				return strings.TrimSpace(inner)
			}
		}
	}
	return s
}

func contains(list []string, s string) bool {
	for _, have := range list {
		if strings.EqualFold(have, s) {
			return true
		}
	}
	return false
}

// firstWords cuts a text after so many words; 0 is all.
func firstWords(s string, n int) string {
	words := strings.Fields(s)
	if n <= 0 || len(words) <= n {
		return strings.Join(words, " ")
	}
	return strings.TrimRight(strings.Join(words[:n], " "), ",;:-–")
}

// Shorten cuts a text to at most n characters, at the end of a sentence or word where there is one in the last half,
// and shows that it did; 0 is all.
func Shorten(s string, n int) string {
	if n <= 0 || utf8.RuneCountInString(s) <= n {
		return s
	}
	cut := []rune(s)[:n]
	for i := n - 1; i > n/2; i-- {
		if (cut[i] == '.' || cut[i] == '!' || cut[i] == '?') && unicode.IsSpace([]rune(s)[i+1]) {
			return string(cut[:i+1])
		}
	}
	cut = cut[:n-1]
	for i := n - 2; i > n/2; i-- {
		if unicode.IsSpace(cut[i]) {
			cut = cut[:i]
			break
		}
	}
	return strings.TrimRight(string(cut), " ,;:") + "…"
}
