package shell

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/charmbracelet/x/ansi"
)

// A Model is all that the shell knows. Keys, lines, events and answers change it; it calls nobody.
type Model struct {
	me     *Account // nil: nobody is logged in
	places []Place
	rooms  map[PlaceID]*room // "" is the lobby's
	open   PlaceID           // "" is the lobby
	came   []PlaceID         // where from: /back goes there
	users  []User
	typing []typist
	outbox []letter
	link   link

	input  editor
	past   past
	prompt *prompt
	choice choice    // completion under way
	offer  offer     // what a model has suggested
	hush   bool      // a typing notice was sent a moment ago
	stale  bool      // the list of places is to be read anew
	lists  lists     // lists of places that are being read
	read   readMarks // how far is read, and who was told
	// leaving: a log-out is under way. Whoever follows the events may be told that the login has ended before its answer comes.
	leaving bool

	width, height int
	scroll        int  // lines below the screen's last one
	away          bool // the terminal has lost the focus
	ruler         ruler
	busy          int // calls under way that somebody waits for
	login         int // counts log-ins and log-outs: an answer to an earlier one is nobody's

	asked    bool          // who is logged in
	newKey   func() string // keys of drafts
	zone     *time.Location
	plain    Plain   // nil: there are none
	pipe     bool    // lines in, lines out: what would only be painted is not read
	news     []entry // of a pipe: what is to be printed
	failed   error   // of a pipe: why the last line failed
	quitting bool
	first    string // the place to begin in, until it is open
	progress string // of a file that moves
}

// An entry is a note or a message.
type entry struct {
	note    *note
	message *Message
}

// link is how the connection is.
type link struct {
	up    bool
	node  string // connected to
	why   string // not connected because
	tries int
	known bool // there was any word about it
}

// config is what a model has to be given.
type config struct {
	newKey func() string
	zone   *time.Location
	pipe   bool
	plain  Plain
}

func newModel(c config) *Model {
	return &Model{
		rooms: map[PlaceID]*room{}, newKey: c.newKey, zone: c.zone, pipe: c.pipe, plain: c.plain,
		width: 80, height: 24, ruler: ruler{ansi.WcWidth},
	}
}

// An effect is a call that the model wants made. What it returns is fed back to the model.
type effect struct {
	after time.Duration // make it only after this time
	limit time.Duration // give it this time
	run   func(ctx context.Context, b Backend, tell func(answer)) answer
	// program takes the terminal in the place of a call.
	program *takeover
}

// An answer is what a model makes of what a call returned.
type answer func(m *Model) []effect

// call makes an effect of a call that somebody waits for. An error is noted where the call was made. What comes after
// the login has changed is dropped: it is about somebody else.
func call[T any](m *Model, limit time.Duration, f func(ctx context.Context, b Backend) (T, error), then func(m *Model, v T) []effect) []effect {
	where, login := m.open, m.login
	m.busy++
	return []effect{{limit: limit, run: func(ctx context.Context, b Backend, _ func(answer)) answer {
		v, err := f(ctx, b)
		return func(m *Model) []effect {
			if m.login != login {
				return nil
			}
			m.busy--
			if err != nil {
				return m.trouble(where, err)
			}
			return then(m, v)
		}
	}}}
}

// do is a call that returns nothing.
func do(m *Model, f func(ctx context.Context, b Backend) error, then func(m *Model) []effect) []effect {
	return call(m, callTime,
		func(ctx context.Context, b Backend) (struct{}, error) { return struct{}{}, f(ctx, b) },
		func(m *Model, _ struct{}) []effect { return then(m) })
}

// quietly is a call that nobody waits for and whose failure is nobody's concern: the next one will do.
func quietly[T any](m *Model, f func(ctx context.Context, b Backend) (T, error), then func(m *Model, v T, err error) []effect) []effect {
	login := m.login
	return []effect{{limit: callTime, run: func(ctx context.Context, b Backend, _ func(answer)) answer {
		v, err := f(ctx, b)
		return func(m *Model) []effect {
			if m.login != login {
				return nil
			}
			return then(m, v, err)
		}
	}}}
}

// later is a timer.
func later(after time.Duration, then answer) []effect {
	return []effect{{after: after, run: func(context.Context, Backend, func(answer)) answer { return then }}}
}

// trouble notes an error, for a person.
func (m *Model) trouble(where PlaceID, err error) []effect {
	pieces := []piece{name(bad, describe(err))}
	if e, ok := errors.AsType[*Error](err); ok && e.Hint != "" {
		pieces = append(pieces, name(dim, " ("+e.Hint+")"))
	}
	m.failed = err
	m.note(where, note{pieces: pieces, err: err})
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == NotLoggedIn && m.me != nil {
		if m.leaving {
			return m.loggedOut("Logged out.")
		}
		return m.loggedOut("This login has ended; log in again with /login " + m.me.Username)
	}
	return nil
}

// describe is an error in words.
func describe(err error) string {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "No answer in time"
	case errors.Is(err, context.Canceled):
		return "Interrupted"
	}
	return err.Error()
}

// wrong is a mistake in what was typed.
func wrong(format string, args ...any) error {
	return &Error{Kind: Usage, Text: fmt.Sprintf(format, args...)}
}

// note puts a note where it belongs.
func (m *Model) note(where PlaceID, n note) {
	m.room(where).say(n)
	if m.pipe {
		m.news = append(m.news, entry{note: &n})
	}
	if where == m.open {
		m.scroll = 0 // somebody has asked for it
	}
}

// say notes one line where the user is.
func (m *Model) say(pieces ...piece) { m.note(m.open, note{pieces: pieces}) }

// tell notes a remark of the shell's own.
func (m *Model) tell(format string, args ...any) {
	m.note(m.open, note{pieces: []piece{name(dim, fmt.Sprintf(format, args...))}, remark: true})
}

// room is where the messages and notes of a place are. Each place has one, from the first time that it is needed.
func (m *Model) room(id PlaceID) *room {
	r := m.rooms[id]
	if r == nil {
		r = &room{}
		m.rooms[id] = r
	}
	return r
}

// start finds out who is logged in. If nobody can say, it is asked again when there is a connection.
func (m *Model) start() []effect {
	m.asked = true
	return quietly(m, func(ctx context.Context, b Backend) (Account, error) { return b.Account(ctx) }, func(m *Model, a Account, err error) []effect {
		e, ok := errors.AsType[*Error](err)
		switch {
		case err == nil:
			return m.loggedIn(a)
		case !ok || e.Kind != NotLoggedIn:
			m.asked = false
			return m.trouble("", err)
		}
		if !m.pipe {
			m.say(name(heading, "Welcome to Parley."))
		}
		m.tell("Nobody is logged in here. /login USER, or /signup USER EMAIL NAME; /help shows all commands.")
		return nil
	})
}

// loggedIn begins a login: everything is read.
func (m *Model) loggedIn(a Account) []effect {
	m.login++
	m.busy = 0
	m.me = &a
	m.forget()
	if !m.pipe {
		m.say(name(heading, "Welcome, "+firstOf(a.DisplayName, a.Username)+"."))
		m.tell("/join CHANNEL or /dm USER opens a place, Alt-Down the next one with something new; /help shows all commands.")
	}
	return append(m.keepLetters(a.Username), m.refresh()...)
}

// loggedOut ends a login: what only its user may see is gone.
func (m *Model) loggedOut(why string) []effect {
	m.login++
	m.busy = 0
	m.me, m.leaving = nil, false
	m.forget()
	m.note("", note{pieces: []piece{name(warn, why)}, remark: true})
	return nil
}

// forget drops all that belongs to a user, but for letters and what is being written.
func (m *Model) forget() {
	lobby := m.room("")
	m.places, m.users, m.typing, m.came = nil, nil, nil, nil
	m.rooms = map[PlaceID]*room{"": lobby}
	m.open, m.scroll, m.prompt, m.stale = "", 0, nil, false
	m.read, m.offer, m.progress, m.lists = readMarks{}, offer{}, "", lists{}
	m.choice = choice{}
}

func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// user says who is logged in; nobody is "".
func (m *Model) user() string {
	if m.me == nil {
		return ""
	}
	return m.me.Username
}
