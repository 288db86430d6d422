package extract

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"parley/llm/prompt"
)

// summarize answers with the heaviest sentence, and with the next ones as key points in the order in which they were said.
func summarize(t prompt.Task) string {
	ranked := rank(gather(len(t.Messages), func(i int) (string, string) {
		// Never nameless: a line that begins with a name cannot look like a list.
		return cmp.Or(strings.TrimSpace(t.Messages[i].Speaker), "somebody"), t.Messages[i].Text
	}))
	chosen := choose(ranked, t.Count+1)
	if len(chosen) == 0 {
		return counted(t.Messages)
	}
	line := said(chosen[0])
	// A second sentence where there is room for a whole one.
	if len(chosen) > t.Count {
		last := chosen[len(chosen)-1]
		if both := line + " " + said(last); utf8.RuneCountInString(both) <= t.Runes {
			if last.at < chosen[0].at {
				both = said(last) + " " + line
			}
			line = both
		}
	}
	var b strings.Builder
	fmt.Fprintln(&b, prompt.Shorten(line, t.Runes))
	points := chosen[1:min(len(chosen), 1+t.Count)]
	slices.SortFunc(points, func(a, b sentence) int { return a.at - b.at })
	for _, p := range points {
		fmt.Fprintf(&b, "- %s\n", prompt.Shorten(said(p), pointRunesMax))
	}
	return b.String()
}

// pointRunesMax is a line of a terminal and a half.
const pointRunesMax = 120

func said(s sentence) string {
	text := strings.Join(strings.Fields(s.text), " ")
	if s.speaker == "" {
		return text
	}
	return s.speaker + ": " + text
}

// counted is the summary of messages that say too little to choose from.
func counted(messages []prompt.Message) string {
	var speakers []string
	for _, m := range messages {
		if name := cmp.Or(strings.TrimSpace(m.Speaker), "somebody"); !slices.Contains(speakers, name) {
			speakers = append(speakers, name)
		}
	}
	switch {
	case len(messages) == 0:
		return "There are no messages.\n"
	case len(messages) == 1 && len(words(messages[0].Text)) == 0:
		return fmt.Sprintf("One short message from %s.\n", speakers[0])
	case len(messages) == 1:
		return prompt.Shorten(speakers[0]+": "+strings.Join(strings.Fields(messages[0].Text), " "), 200) + "\n"
	}
	return fmt.Sprintf("%d short messages from %s.\n", len(messages), join(speakers))
}

// join names at most three.
func join(names []string) string {
	if n := len(names); n > 3 {
		return fmt.Sprintf("%s and %d others", strings.Join(names[:2], ", "), n-2)
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

// summarizeDocument answers with the heaviest sentences, the heaviest first.
func summarizeDocument(t prompt.Task) string {
	ranked := rank(gather(1, func(int) (string, string) { return "", t.Text }))
	chosen := choose(ranked, t.Count)
	for _, s := range ranked { // of a text that says one thing in many ways, rather some of them than too few
		if len(chosen) < t.Count && !slices.ContainsFunc(chosen, func(c sentence) bool { return c.at == s.at || c.text == s.text }) {
			chosen = append(chosen, s)
		}
	}
	if len(chosen) == 0 {
		return "- " + prompt.Shorten(strings.Join(strings.Fields(t.Text), " "), documentPointRunesMax) + "\n"
	}
	var b strings.Builder
	for _, s := range chosen {
		fmt.Fprintf(&b, "- %s\n", prompt.Shorten(said(s), documentPointRunesMax))
	}
	return b.String()
}

// documentPointRunesMax is about the 25 words that the instruction gives to a model.
const documentPointRunesMax = 200
