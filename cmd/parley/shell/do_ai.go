package shell

import (
	"context"
	"fmt"
	"strconv"

	"parley/cmd/parley/plain"
)

// An offer is what a model has proposed to answer in a place.
type offer struct {
	place PlaceID
	texts []string
}

func smartReply(m *Model, args []string) ([]effect, error) {
	id := m.open
	if args[0] != "" {
		n, err := strconv.Atoi(args[0])
		if err != nil || m.offer.place != id || n < 1 || n > len(m.offer.texts) {
			return nil, &Error{Kind: Usage, Text: "There is no suggestion " + args[0], Hint: "/smart_reply shows some"}
		}
		return m.send(id, m.offer.texts[n-1], ""), nil
	}
	var source string
	return call(m, aiTime, func(ctx context.Context, b Backend) (texts []string, err error) {
		texts, source, err = b.SmartReply(ctx, id)
		return texts, err
	}, func(m *Model, texts []string) []effect {
		m.offer = offer{id, texts}
		rows := [][]piece{from("suggestions", source)}
		for i, t := range texts {
			rows = append(rows, []piece{name(strong, fmt.Sprintf("  %d", i+1)), name(normal, t)})
		}
		m.table(append(rows, []piece{name(dim, "/smart_reply 1 sends the first")}))
		return nil
	}), nil
}

// from is the head of what a model says: nobody shall take it for a person's word.
func from(what, source string) []piece { return []piece{name(heading, what+" (by "+source+")")} }

func summarize(m *Model, args []string) ([]effect, error) {
	n := 20
	if args[0] != "" {
		var err error
		if n, err = strconv.Atoi(args[0]); err != nil || n < 5 || n > 100 {
			return nil, wrong("%q is no number from 5 to 100", args[0])
		}
	}
	id := m.open
	return call(m, aiTime, func(ctx context.Context, b Backend) (Summary, error) { return b.Summarize(ctx, id, n) }, func(m *Model, s Summary) []effect {
		rows := [][]piece{from("summary", s.Source), {name(normal, "  "+s.Text)}}
		for _, k := range s.KeyPoints {
			rows = append(rows, []piece{name(normal, "  · "+k)})
		}
		m.table(rows)
		return nil
	}), nil
}

func suggest(m *Model, args []string) ([]effect, error) {
	id := m.open
	return call(m, aiTime, func(ctx context.Context, b Backend) (Suggestions, error) { return b.Suggest(ctx, id, args[0]) }, func(m *Model, s Suggestions) []effect {
		rows := [][]piece{from("suggestions", s.Source)}
		for _, t := range s.Completions {
			rows = append(rows, []piece{name(dim, "  completion"), name(normal, t)})
		}
		for _, t := range s.Topics {
			rows = append(rows, []piece{name(dim, "  topic"), name(normal, t)})
		}
		m.table(rows)
		return nil
	}), nil
}

// askModel shows an answer as it comes. Its note is one from the first part to the last.
func askModel(m *Model, args []string) ([]effect, error) {
	where, login := m.open, m.login
	m.busy++
	var text string
	return []effect{{limit: aiTime, run: func(ctx context.Context, b Backend, tell func(answer)) answer {
		source, err := b.Ask(ctx, where, args[0], func(part string, anew bool) {
			tell(func(m *Model) []effect {
				if m.login == login {
					if anew {
						text = ""
					}
					text += part
					m.progress = "answer: " + excerpt(lastOfText(text))
				}
				return nil
			})
		})
		return func(m *Model) []effect {
			if m.login != login {
				return nil
			}
			m.busy--
			m.progress = ""
			if err != nil {
				return m.trouble(where, err)
			}
			m.note(where, note{pieces: append(from("answer", source), piece{normal, "\n  "}, piece{normal, plain.Indented(text, "  ")})})
			return nil
		}
	}}}, nil
}

// lastOfText is the end of a text that grows.
func lastOfText(text string) string {
	if r := []rune(text); len(r) > 50 {
		return string(r[len(r)-50:])
	}
	return text
}
