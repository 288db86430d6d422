package shell

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"unicode"
)

// Plain are the commands of the command line, which a shell's user writes behind a slash: /doc list is parley doc list. They
// are done under the shell's login, at its cluster.
type Plain interface {
	// Run does one that ends by itself and asks for nothing. Out is what it prints, notes what it says beside it. The error
	// is an *Error.
	Run(ctx context.Context, args []string) (out, notes string, err error)
	// Complete returns what the last word can be, and what is said of each, behind a tab.
	Complete(ctx context.Context, args []string, typed string) []string
	// Program is one that takes the terminal to itself, as an editor does.
	Program(args []string) *exec.Cmd
}

// plainly makes a command of the shell of one of the command line.
func plainly(group ...string) func(m *Model, args []string) ([]effect, error) {
	return func(m *Model, args []string) ([]effect, error) {
		more, err := splitWords(args[0])
		if err != nil {
			return nil, err
		}
		words := append(slices.Clone(group), more...)
		switch {
		case m.plain == nil:
			return nil, &Error{Kind: NotAvailable, Text: "The plain commands can't be done from here"}
		case len(words) > 2 && slices.Contains(takers, words[0]+" "+words[1]) && !slices.Contains(words, "--help"):
			return m.runProgram(words), nil
		}
		plain := m.plain
		type said struct{ out, notes string }
		return call(m, 0,
			func(ctx context.Context, _ Backend) (said, error) {
				out, notes, err := plain.Run(ctx, words)
				return said{out, notes}, err
			},
			func(m *Model, s said) []effect {
				m.printed(s.out)
				if s.notes = strings.TrimSpace(s.notes); s.notes != "" {
					m.tell("%s", strings.ReplaceAll(s.notes, "parley: ", ""))
				}
				return nil
			}), nil
	}
}

// takers are the plain commands that take the terminal.
var takers = []string{"doc edit", "lock run"}

// printed notes what a command has printed, to be read from its beginning.
func (m *Model) printed(out string) {
	out = strings.TrimRight(out, "\n")
	if len(out) > printedBytesMax {
		out = strings.ToValidUTF8(out[:printedBytesMax], "") + "\n… and more than is shown here"
	}
	if out == "" {
		return
	}
	n := note{pieces: []piece{say(normal, out)}}
	m.note(m.open, n)
	m.scroll = max(len(m.noteLines(n))-m.paneHeight(), 0)
}

// runProgram hands the terminal to a command until it ends.
func (m *Model) runProgram(words []string) []effect {
	where, login := m.open, m.login
	var said bytes.Buffer
	p := &takeover{cmd: m.plain.Program(words), said: &said}
	p.ended = func(err error) answer {
		return func(m *Model) []effect {
			if m.login != login {
				return nil
			}
			if e, ok := errors.AsType[*exec.ExitError](err); ok {
				text, _, _ := strings.Cut(strings.TrimPrefix(said.String(), "parley: "), "\n")
				err = &Error{Kind: kindOfExit(e.ExitCode()), Text: firstOf(strings.TrimSpace(text), "It failed: "+e.Error())}
			}
			if err != nil {
				return m.trouble(where, err)
			}
			m.printed(said.String())
			m.tell("Done: %s", strings.Join(words, " "))
			return nil
		}
	}
	return []effect{{program: p}}
}

// A takeover is a process that has the terminal for a while.
type takeover struct {
	cmd   *exec.Cmd
	said  *bytes.Buffer // what it says beside its output
	ended func(error) answer
}

// kindOfExit is what the exit code of a plain command means; see ExitCode.
func kindOfExit(code int) ErrorKind {
	for _, k := range [...]ErrorKind{Usage, NotFound, NotLoggedIn, NotPermitted, Conflict, Unavailable, Unknown} {
		if ExitCode(&Error{Kind: k}) == code {
			return k
		}
	}
	return Failed
}

// splitWords divides a line as other shells do: what stands in quotes is one word.
func splitWords(line string) (words []string, err error) {
	var word strings.Builder
	quote, begun := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, begun = r, true
		case unicode.IsSpace(r):
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if quote != 0 {
		return nil, wrong("A quote is not closed")
	}
	if begun {
		words = append(words, word.String())
	}
	return words, nil
}

// completePlain asks what the word before the cursor can be, if the line is a plain command. What is said of it when the
// line has become another is dropped.
func (m *Model) completePlain() (effects []effect, ok bool) {
	before := m.input.before()
	text := strings.TrimLeft(before, " ")
	if !strings.HasPrefix(text, "/") && m.open != "" {
		return nil, false
	}
	word, rest := cutWord(strings.TrimPrefix(text, "/"))
	c, found := find(word)
	if !found || c.plain == nil || m.plain == nil || rest == "" && !strings.HasSuffix(text, " ") {
		return nil, false
	}
	typed := rest[strings.LastIndexAny(rest, " \n\t")+1:]
	words, err := splitWords(strings.TrimSuffix(rest, typed))
	if err != nil {
		return nil, true
	}
	plain, args := m.plain, append(slices.Clone(c.plain), words...)
	return quietly(m,
		func(ctx context.Context, _ Backend) ([]string, error) { return plain.Complete(ctx, args, typed), nil },
		func(m *Model, found []string, _ error) []effect {
			if m.input.before() != before || m.prompt != nil || m.choice.active() {
				return nil
			}
			var cs []candidate
			for _, f := range found {
				text, hint, _ := strings.Cut(f, "\t")
				if len(text) > len(typed) && strings.EqualFold(text[:len(typed)], typed) && !strings.ContainsAny(text, " \t") {
					cs = append(cs, candidate{text, hint})
				}
			}
			m.propose(typed, cs)
			return nil
		}), true
}
