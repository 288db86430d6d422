package shell

import "time"

const (
	// pageMessages are read when a place is opened, and again each time the reader scrolls past the oldest: two or three
	// screens, in one answer of a few kilobytes.
	pageMessages = 60
	// roomMessagesMax are kept of a place while it is followed; older ones are read again when somebody scrolls to them.
	// A thousand messages of 200 bytes are less than a megabyte a place.
	roomMessagesMax = 1000
	// notesMax are the notes kept in a place: help, lists, answers.
	notesMax = 50
	// pastMax are the lines that the arrow keys bring back.
	pastMax = 500
	// inputBytesMax bounds what is being written: a server takes messages of 16 KiB, and says so of longer ones. A paste
	// is cut here and not refused.
	inputBytesMax = 64 << 10
	// printedBytesMax bounds what is shown of what a plain command prints: some hundred screens.
	printedBytesMax = 64 << 10
	// outboxMax are the messages that wait to be sent. One is under way at a time.
	outboxMax = 200
	// eventsMax are handled between two pictures of the screen.
	eventsMax = 256

	// callTime bounds a call, aiTime one that a model answers, fileTime one that moves a file.
	callTime = 10 * time.Second
	aiTime   = 90 * time.Second
	fileTime = 30 * time.Minute
	// sendTime is how long a message is "sending" before it is "not known": longer than any election takes.
	sendTime = 30 * time.Second
	// typingShown is how long somebody is shown to write after his last notice; typingEvery how often notices are sent.
	typingShown = 6 * time.Second
	typingEvery = 3 * time.Second
	// refreshAfter gathers several reasons to read the list of places anew into one.
	refreshAfter = 200 * time.Millisecond
)
