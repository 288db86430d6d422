package shelltest

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/charmbracelet/x/term"
	"github.com/creack/pty"
)

// A Terminal is a process on a pseudo-terminal, and what it has painted.
type Terminal struct {
	cmd    *exec.Cmd
	file   *os.File // the terminal's end
	before *term.State

	mu      sync.Mutex
	screen  *emulator
	raw     []byte        // all that was written
	changed chan struct{} // closed and made anew with each change
	ended   chan struct{} // closed when the process has let go of the terminal
}

// A Screen is what a person sees.
type Screen struct {
	Rows []string
	X, Y int  // the cursor
	Full bool // the screen of a program, and not the one with the lines before it
}

// Row is the row that the cursor is in.
func (s Screen) Row() string { return s.Rows[s.Y] }

// Has says whether some row contains a text.
func (s Screen) Has(text string) bool {
	return slices.ContainsFunc(s.Rows, func(row string) bool { return strings.Contains(row, text) })
}

func (s Screen) String() string {
	return fmt.Sprintf("%s\n(cursor %d,%d)", strings.Join(s.Rows, "\n"), s.X, s.Y)
}

// Start starts a process on a terminal of a size.
func Start(cmd *exec.Cmd, width, height int) (*Terminal, error) {
	file, tty, err := pty.Open()
	if err != nil {
		return nil, err
	}
	defer tty.Close() // the process has it
	if err := pty.Setsize(file, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}); err != nil {
		return nil, err
	}
	before, err := term.GetState(file.Fd())
	if err != nil {
		return nil, err
	}
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "TERM=xterm-256color")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true} // as a shell's job has it
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	t := &Terminal{cmd: cmd, file: file, before: before, screen: newEmulator(width, height), changed: make(chan struct{}), ended: make(chan struct{})}
	go t.follow()
	return t, nil
}

// follow paints what the process writes, and answers what it asks.
func (t *Terminal) follow() {
	defer close(t.ended)
	b := make([]byte, 4096)
	for {
		n, err := t.file.Read(b)
		t.mu.Lock()
		t.raw = append(t.raw, b[:n]...)
		_, _ = t.screen.Write(b[:n]) // never fails
		answers := t.screen.answers
		t.screen.answers = nil
		close(t.changed)
		t.changed = make(chan struct{})
		t.mu.Unlock()
		if _, err := t.file.Write(answers); err != nil && len(answers) > 0 {
			return
		}
		if err != nil {
			return // EIO, when nobody has the other end any more
		}
	}
}

// Screen is what is seen now.
func (t *Terminal) Screen() Screen {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.look()
}

func (t *Terminal) look() Screen {
	return Screen{Rows: t.screen.rows(), X: t.screen.x, Y: t.screen.y, Full: t.screen.modes[modeAltScreen]}
}

// Wait waits until the screen is as ok says. The error shows the screen that was there instead.
func (t *Terminal) Wait(ctx context.Context, what string, ok func(s Screen) bool) (Screen, error) {
	for {
		t.mu.Lock()
		s, changed := t.look(), t.changed
		t.mu.Unlock()
		if ok(s) {
			return s, nil
		}
		select {
		case <-changed:
		case <-t.ended:
			if s = t.Screen(); ok(s) {
				return s, nil
			}
			return s, fmt.Errorf("the program has ended, and the screen does not show %s:\n%s", what, s)
		case <-ctx.Done():
			return s, fmt.Errorf("the screen does not show %s:\n%s", what, s)
		}
	}
}

// Type types, as bytes: keys that are no characters are escape sequences.
func (t *Terminal) Type(keys string) error {
	_, err := io.WriteString(t.file, keys)
	return err
}

// Resize changes the size of the terminal.
func (t *Terminal) Resize(width, height int) error {
	t.mu.Lock()
	t.screen.resize(width, height)
	t.mu.Unlock()
	return pty.Setsize(t.file, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)})
}

// Exit waits until the process has ended, and returns its exit code.
func (t *Terminal) Exit(ctx context.Context) (code int, err error) {
	done := make(chan error, 1)
	go func() {
		<-t.ended
		done <- t.cmd.Wait()
	}()
	select {
	case <-done:
		return t.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return -1, fmt.Errorf("the program has not ended:\n%s", t.Screen())
	}
}

// Restored says what a process has left behind: nothing, if the terminal is as it was before.
func (t *Terminal) Restored() error {
	after, err := term.GetState(t.file.Fd())
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	switch m := t.screen.modes; {
	case !reflect.DeepEqual(t.before, after):
		return fmt.Errorf("the line discipline is %+v and was %+v", after, t.before)
	case m[modeAltScreen]:
		return fmt.Errorf("the program's own screen is still shown")
	case !m[modeCursor]:
		return fmt.Errorf("the cursor is hidden")
	case m[modePaste] || m[modeFocus]:
		return fmt.Errorf("pastes or the focus are still reported")
	case t.screen.keyboard != 0:
		return fmt.Errorf("the keyboard is in another mode")
	}
	return nil
}

// Written is all that the process has written.
func (t *Terminal) Written() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.raw)
}

// Unknown are control sequences that the emulator does not know, and so can't say what a person would see.
func (t *Terminal) Unknown() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.screen.unknown
}

// Close kills the process if it lives, and lets go of the terminal.
func (t *Terminal) Close() {
	_ = t.cmd.Process.Kill() // it may have ended
	_ = t.file.Close()
}

// Signal sends a signal to the process.
func (t *Terminal) Signal(s os.Signal) error { return t.cmd.Process.Signal(s) }
