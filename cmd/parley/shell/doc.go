// Package shell is the screen of `parley shell`: channels at the left, messages as they come, a line to write on that
// nobody else writes on.
//
//	Backend ──events──▶ ┌────────┐ ──lines──▶ a screen (screen.go)
//	   ▲                │ Model  │
//	   └────effects──── └────────┘ ──lines──▶ a pipe (pipe.go)
//	                        ▲ keys, or lines of a script
//
// A Model is a function of what it is fed: keys, events, answers. It never calls anybody; it returns effects, which are
// calls that somebody should make and feed the answer of. So the screen and the pipe are two faces of one program, and
// the tests feed a model by hand.
//
// To read, in this order:
//
//	backend.go   what the shell asks of a cluster, and what it hears from it
//	model.go     the state, and the effects
//	places.go    channels and conversations: the list, what is unread, which one is open
//	room.go      the messages of one place
//	outbox.go    what was written and is on its way
//	events.go    what others do
//	input.go     the line that is written on, and what was written on it before
//	commands.go  the table of commands, from which /help and completion are made
//	do_plain.go  the commands of the command line; the other do_ files, those of the shell
//	complete.go  completion
//	keys.go      which key does what
//	text.go      pieces of text: cleaned, measured, wrapped, painted
//	view.go      the screen as lines; pane.go, messages and notes in it
//
// Text of others becomes part of a line in one way only, through text.go, which cleans it.
package shell
