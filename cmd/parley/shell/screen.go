package shell

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// screen is a model on a terminal. Bubble Tea calls it from one goroutine; calls run in others, and their answers come
// back as messages.
type screen struct {
	*Model
	ctx     context.Context
	backend Backend
	color   bool
	spare   func() (end func())
	program *tea.Program
}

func runScreen(ctx context.Context, m *Model, b Backend, o Options) error {
	if os.Getenv("TERM") == "dumb" {
		return &Error{Kind: Usage, Text: "This terminal can't show a screen", Hint: "set TERM, or pipe lines in"}
	}
	s := &screen{Model: m, ctx: ctx, backend: b, color: o.Color, spare: o.Spare}
	// Signals are the caller's: they end the context. Ctrl-C is a key.
	s.program = tea.NewProgram(s, tea.WithContext(ctx), tea.WithInput(o.In), tea.WithOutput(o.Out), tea.WithoutSignalHandler())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go s.listen(b.Events(ctx))
	_, err := s.program.Run()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, tea.ErrInterrupted) {
		return nil
	}
	return err
}

// listen feeds events, many at once if many have come.
func (s *screen) listen(events <-chan Event) {
	for e := range events {
		batch := []Event{e}
		for more := true; more && len(batch) < eventsMax; {
			select {
			case e, ok := <-events:
				if more = ok; ok {
					batch = append(batch, e)
				}
			default:
				more = false
			}
		}
		s.program.Send(batch)
	}
}

// Init implements tea.Model.
func (s *screen) Init() tea.Cmd { return s.commands(s.start()) }

// Update implements tea.Model.
func (s *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	if k, ok := msg.(tea.KeyPressMsg); ok {
		switch k.String() {
		case "ctrl+z":
			return s, tea.Suspend
		case "ctrl+l":
			return s, tea.ClearScreen
		}
	}
	effects := s.feed(msg)
	if s.quitting {
		return s, tea.Quit
	}
	return s, s.commands(effects)
}

// commands makes calls of effects.
func (s *screen) commands(effects []effect) tea.Cmd {
	var cmds []tea.Cmd
	for _, e := range effects {
		if p := e.program; p != nil {
			p.cmd.Stderr = io.MultiWriter(os.Stderr, p.said)
			cmds = append(cmds, tea.Exec(inFront{p.cmd, s.spare}, func(err error) tea.Msg { return p.ended(err) }))
			continue
		}
		cmds = append(cmds, func() tea.Msg {
			if e.after > 0 {
				select {
				case <-s.ctx.Done():
					return nil
				case <-time.After(e.after):
				}
			}
			if a := runEffect(s.ctx, e, s.backend, func(a answer) { s.program.Send(a) }); a != nil {
				return a
			}
			return nil
		})
	}
	return tea.Batch(cmds...)
}

// inFront is a process that has the terminal, and Ctrl-C with it, until it ends.
type inFront struct {
	*exec.Cmd
	spare func() (end func())
}

// Run implements tea.ExecCommand.
func (f inFront) Run() error {
	if err := f.Start(); err != nil {
		return err
	}
	defer f.spare()()
	return f.Wait()
}

// SetStdin implements tea.ExecCommand.
func (f inFront) SetStdin(r io.Reader) { f.Stdin = r }

// SetStdout implements tea.ExecCommand.
func (f inFront) SetStdout(w io.Writer) { f.Stdout = w }

// SetStderr implements tea.ExecCommand: what the process says is kept as well as shown, and so goes elsewhere already.
func (f inFront) SetStderr(io.Writer) {}

// View implements tea.Model.
func (s *screen) View() tea.View {
	p := s.view()
	rows := make([]string, len(p.lines))
	for i, l := range p.lines {
		rows[i] = paint(l, s.color)
	}
	v := tea.NewView(strings.Join(rows, "\n"))
	v.AltScreen, v.ReportFocus = true, true
	v.Cursor = tea.NewCursor(p.x, p.y)
	return v
}
