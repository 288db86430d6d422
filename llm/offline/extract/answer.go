package extract

import "parley/llm/prompt"

// Answer answers a task in the form that its kind has. The same task gets the same text. It is empty where there is nothing to
// say.
func Answer(t prompt.Task) string {
	switch t.Kind {
	case prompt.Reply:
		return reply(t)
	case prompt.Summarize:
		return summarize(t)
	case prompt.Complete:
		return complete(t)
	case prompt.Ask:
		return ask(t)
	case prompt.DocumentSummary:
		return summarizeDocument(t)
	case prompt.Grammar:
		return Correct(t.Text)
	case prompt.Enhance:
		return Correct(Tidy(t.Text))
	}
	return ""
}
