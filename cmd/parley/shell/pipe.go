package shell

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"parley/cmd/parley/plain"
)

// runPipe does lines, one after the other: a line is done when all that it asked for has been answered. What a line asked
// for goes to Out, and so do the messages of others that come to the place that is open; remarks go to Err.
//
// The first line that fails is the last one: behind a /switch that failed, a message would go to another place.
func runPipe(ctx context.Context, m *Model, b Backend, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &pipe{Model: m, ctx: ctx, backend: b, out: o.Out, err: o.Err, answers: make(chan result), watched: isTerminal(o.In)}
	p.make(m.start())
	return p.loop(readLines(ctx, o.In), b.Events(ctx))
}

type pipe struct {
	*Model
	ctx      context.Context
	backend  Backend
	out, err io.Writer
	answers  chan result
	running  int  // calls under way
	watched  bool // somebody types, and sees what he types
}

// A result is an answer, and whether the call has ended with it.
type result struct {
	answer
	last bool
}

// loop takes the next line when nothing is under way.
func (p *pipe) loop(lines <-chan typed, events <-chan Event) error {
	for {
		if err := p.print(); err != nil {
			return err
		}
		next := lines
		switch {
		case p.running > 0:
			next = nil
		case p.failed != nil || p.quitting:
			return p.failed
		case p.prompt != nil && p.prompt.mask && p.watched:
			return &Error{Kind: Usage, Text: "No password is asked for where it would be seen", Hint: "let the output be a terminal as well"}
		}
		select {
		case <-p.ctx.Done():
			return context.Cause(p.ctx)
		case a := <-p.answers:
			if a.last {
				p.running--
			}
			if a.answer != nil {
				p.make(a.answer(p.Model))
			}
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			p.make(p.happened([]Event{e}))
		case l := <-next:
			if l.err == io.EOF && p.prompt != nil {
				return &Error{Kind: Usage, Text: "The lines end where one more is asked for: " + strings.TrimSuffix(strings.TrimSpace(p.prompt.label), ":"),
					Hint: "nothing of it was done; the answer is the next line"}
			}
			if l.err == io.EOF {
				return nil
			}
			if l.err != nil {
				return l.err
			}
			p.make(p.enterLine(l.text))
		}
	}
}

// make makes calls. What would wait for a while is done at once: nobody looks on.
func (p *pipe) make(effects []effect) {
	for _, e := range effects {
		p.running++
		go func() {
			p.reply(result{runEffect(p.ctx, e, p.backend, func(a answer) { p.reply(result{a, false}) }), true})
		}()
	}
}

func (p *pipe) reply(r result) {
	select {
	case p.answers <- r:
	case <-p.ctx.Done():
	}
}

// typed is a line of a script, or why there is none.
type typed struct {
	text string
	err  error
}

// readLines reads lines until there are none. The reader may hang in a read for as long as the process lives: nothing ends
// a read of a pipe from outside.
func readLines(ctx context.Context, in io.Reader) <-chan typed {
	lines := make(chan typed)
	go func() {
		s := bufio.NewScanner(in)
		s.Buffer(nil, inputBytesMax)
		for s.Scan() {
			select {
			case lines <- typed{text: s.Text()}:
			case <-ctx.Done():
				return
			}
		}
		end := typed{err: io.EOF}
		if err := s.Err(); errors.Is(err, bufio.ErrTooLong) {
			end.err = wrong("A line is longer than %s", size(inputBytesMax))
		} else if err != nil {
			end.err = fmt.Errorf("read a line: %w", err)
		}
		select {
		case lines <- end:
		case <-ctx.Done():
		}
	}()
	return lines
}

// print writes what is new. Errors are the caller's to print.
func (p *pipe) print() error {
	news := p.news
	p.news = nil
	for _, e := range news {
		var err error
		switch {
		case e.message != nil:
			err = writeLine(p.out, p.plainMessage(*e.message))
		case e.note.err != nil:
		case e.note.remark:
			err = writeLine(p.err, e.note.pieces)
		default:
			err = writeLine(p.out, e.note.pieces)
		}
		if err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	return nil
}

// plainMessage is a message on a line of its own, or on several, of which all but the first are indented:
//
//	msg_7k 2026-11-22 15:04 bob: good morning
func (m *Model) plainMessage(msg Message) []piece {
	text := plain.Indented(msg.Text, "    ")
	if msg.Deleted != NotDeleted {
		text = shown(msg)
	} else if msg.Edited {
		text += " (edited)"
	}
	return []piece{name(normal, msg.ID+" "+m.when(msg.Time)+" "+msg.Sender+": "), say(normal, text)}
}

func writeLine(w io.Writer, pieces []piece) error {
	var b strings.Builder
	for _, p := range pieces {
		b.WriteString(p.text)
	}
	_, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " "))
	return err
}

// ExitCode is what a process says of an error of Run, by the contract of all of Parley's commands.
func ExitCode(err error) int {
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return [...]int{Failed: 1, Usage: 2, NotFound: 3, NotLoggedIn: 4, NotPermitted: 5, Conflict: 6, Unavailable: 7, Unknown: 8, NotAvailable: 1}[e.Kind]
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return 7
	case errors.Is(err, context.Canceled):
		return 130
	}
	return 1
}
