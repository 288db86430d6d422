package shell

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"time"

	"github.com/charmbracelet/x/term"
)

// Options is where a shell reads and writes.
type Options struct {
	In       io.Reader
	Out, Err io.Writer
	// Color lets the screen have colours and weights. The caller knows of NO_COLOR.
	Color bool
	// Open is the place to begin in, such as #general or @bob; empty is the lobby.
	Open string
	// Plain are the commands of the command line; nil: there are none.
	Plain Plain
	// Spare has Ctrl-C mean nothing to this process, until end is called: while another one, which runs already, has the
	// terminal. nil: Ctrl-C is no signal here.
	Spare func() (end func())
	// Zone is where times are shown; nil is the local one.
	Zone *time.Location
}

// Run runs a shell until its user leaves it. On a terminal it is a screen; otherwise it does the lines that it reads, up
// to the first one that fails, and returns why that one did. ExitCode knows what a process says of that.
//
// When it returns, the terminal is as it was. What could not be sent by then is said on Err: nobody shall find out later.
func Run(ctx context.Context, b Backend, o Options) error {
	if o.Zone == nil {
		o.Zone = time.Local
	}
	if o.Spare == nil {
		o.Spare = func() func() { return func() {} }
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errLeft)
	m := newModel(config{newKey: rand.Text, zone: o.Zone, pipe: !isTerminal(o.In) || !isTerminal(o.Out), plain: o.Plain})
	m.first = o.Open
	var err error
	if m.pipe {
		err = runPipe(ctx, m, b, o)
	} else {
		err = runScreen(ctx, m, b, o)
	}
	for _, l := range m.outbox {
		writeLine(o.Err, []piece{name(normal, "parley: "+undelivered[l.state]+" "+m.labelOf(l.Place)+": "), say(normal, l.Text)})
	}
	return err
}

// errLeft ends what is under way when the user has left.
var errLeft = errors.New("the shell was left")

var undelivered = map[letterState]string{
	waiting: "not sent to",
	sending: "not known whether it was sent to",
	failed:  "not sent to",
	unclear: "not known whether it was sent to",
}

func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}

// runEffect makes a call in the time that it has.
func runEffect(ctx context.Context, e effect, b Backend, tell func(answer)) answer {
	if p := e.program; p != nil { // there is no terminal that it could take
		p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
		return p.ended(p.cmd.Run())
	}
	if e.limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.limit)
		defer cancel()
	}
	return e.run(ctx, b, tell)
}
