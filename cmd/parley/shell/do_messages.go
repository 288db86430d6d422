package shell

import (
	"context"
	"strconv"
	"strings"
)

// send sends to the place that is open; in the lobby its first word is the place.
func send(m *Model, args []string) ([]effect, error) {
	if m.open != "" {
		return m.send(m.open, args[0], ""), nil
	}
	to, text := cutWord(args[0])
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, &Error{Kind: Usage, Text: "TEXT is missing", Hint: "in the lobby: send PLACE TEXT"}
	}
	if user, ok := strings.CutPrefix(to, "@"); ok {
		return m.converse(user, text)
	}
	p, err := m.channel(to)
	if err != nil {
		return nil, err
	}
	return m.send(p.ID, text, ""), nil
}

// messageID is a message as a command names it: its id, or what stands behind the msg_ of it.
func messageID(arg string) string {
	if strings.HasPrefix(arg, "msg_") {
		return arg
	}
	return "msg_" + arg
}

func reply(m *Model, args []string) ([]effect, error) {
	return m.send(m.open, args[1], messageID(args[0])), nil
}

func edit(m *Model, args []string) ([]effect, error) {
	return m.change("Changed.", func(ctx context.Context, b Backend) error { return b.Edit(ctx, messageID(args[0]), args[1]) }), nil
}

func unsend(m *Model, args []string) ([]effect, error) {
	return m.change("Deleted.", func(ctx context.Context, b Backend) error { return b.Delete(ctx, messageID(args[0])) }), nil
}

func reactTo(m *Model, args []string) ([]effect, error) {
	return m.change("Done.", func(ctx context.Context, b Backend) error { return b.React(ctx, messageID(args[0]), args[1], true) }), nil
}

func unreact(m *Model, args []string) ([]effect, error) {
	return m.change("Done.", func(ctx context.Context, b Backend) error { return b.React(ctx, messageID(args[0]), args[1], false) }), nil
}

// change is an order whose effect the screen shows by itself when its event comes.
func (m *Model) change(done string, f func(ctx context.Context, b Backend) error) []effect {
	return do(m, f, func(m *Model) []effect {
		if m.pipe {
			m.tell("%s", done)
		}
		return nil
	})
}

func thread(m *Model, args []string) ([]effect, error) {
	return m.list("thread", func(ctx context.Context, b Backend) ([]Message, error) { return b.Thread(ctx, messageID(args[0])) }), nil
}

func search(m *Model, args []string) ([]effect, error) {
	return m.list("found", func(ctx context.Context, b Backend) ([]Message, error) { return b.Search(ctx, args[0]) }), nil
}

func mentions(m *Model, _ []string) ([]effect, error) {
	return m.list("mentions", func(ctx context.Context, b Backend) ([]Message, error) { return b.Mentions(ctx) }), nil
}

// list shows messages that may be of any place.
func (m *Model) list(what string, f func(ctx context.Context, b Backend) ([]Message, error)) []effect {
	return call(m, callTime, f, func(m *Model, found []Message) []effect {
		if len(found) == 0 {
			m.tell("No messages.")
			return nil
		}
		rows := [][]piece{{name(heading, what)}}
		for _, msg := range found {
			rows = append(rows, []piece{name(dim, "  "+msg.ID), name(dim, m.labelOf(msg.Place)+" "+m.when(msg.Time)),
				name(nickStyle(msg.Sender), msg.Sender), name(normal, shown(msg))})
		}
		m.table(rows)
		return nil
	})
}

// shown is what a message says, on one line.
func shown(msg Message) string {
	switch {
	case msg.Deleted == ByAdmin:
		return "(deleted by an admin)"
	case msg.Deleted == BySender:
		return "(deleted)"
	}
	return excerpt(msg.Text)
}

func edits(m *Model, args []string) ([]effect, error) {
	return call(m, callTime, func(ctx context.Context, b Backend) ([]Revision, error) { return b.Edits(ctx, messageID(args[0])) }, func(m *Model, all []Revision) []effect {
		rows := [][]piece{{name(heading, "edits of "+messageID(args[0]))}}
		for _, r := range all {
			rows = append(rows, []piece{name(dim, "  "+m.when(r.Time)), name(normal, r.Text)})
		}
		m.table(rows)
		return nil
	}), nil
}

// history shows more of the past. On a screen that is a page further up; a pipe gets the last n lines.
func history(m *Model, args []string) ([]effect, error) {
	n := 20
	if args[0] != "" {
		var err error
		if n, err = strconv.Atoi(args[0]); err != nil || n < 1 || n > 1000 {
			return nil, wrong("%q is no number from 1 to 1000", args[0])
		}
	}
	if !m.pipe {
		return m.scrollBy(m.paneHeight() - 1), nil
	}
	id := m.open
	return call(m, callTime, func(ctx context.Context, b Backend) (History, error) { return b.History(ctx, id, Page{Limit: n}) }, func(m *Model, h History) []effect {
		for _, msg := range h.Messages {
			m.news = append(m.news, entry{message: &msg})
		}
		return nil
	}), nil
}

func read(m *Model, _ []string) ([]effect, error) {
	id := m.open
	p := m.place(id)
	last := max(m.room(id).last(), p.Read)
	if p.Last != nil {
		last = max(last, p.Last.Position)
	}
	last = max(last, p.AsOf)
	return m.order(label(*p)+" is read.", func(ctx context.Context, b Backend) error { return b.MarkRead(ctx, id, last) }), nil
}

func retry(m *Model, _ []string) ([]effect, error)   { return m.retry(), nil }
func discard(m *Model, _ []string) ([]effect, error) { return m.discard(), nil }
