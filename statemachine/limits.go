package statemachine

import "time"

// Limits bounds what one command may bring and what the state keeps. All nodes
// of a cluster must use the same: the limits are part of the function that
// Apply computes.
type Limits struct {
	// TextBytesMax bounds a message's text. 16 KiB is about eight printed
	// pages; longer texts are documents.
	TextBytesMax int
	// NameBytesMax bounds a channel's name as commands carry it, so that a
	// refusal which repeats the name stays short.
	NameBytesMax int
	// EventsMax bounds the backlog of events. At about 100 bytes a row,
	// 65,536 events take 6 MiB and let a client be away for a night in a team
	// that writes two messages a second.
	EventsMax int
	// HistoryMax bounds the messages of one history reply; a page on a screen
	// is 20 to 50, and a script pages on.
	HistoryMax int
	// HistoryBytesMax bounds the text bytes of one history reply. A reply holds at
	// least one message, so it is at most this plus TextBytesMax: with
	// names and framing it stays below gRPC's default of 4 MiB a message.
	HistoryBytesMax int
	// LockNameBytesMax bounds a lock's name: room for a path, and a refusal that repeats it stays short.
	LockNameBytesMax int
	// LocksPerPrincipalMax bounds the locks that one principal holds; counting them costs as many reads.
	LocksPerPrincipalMax int
	// LocksMax bounds all locks. At about 600 bytes with its three rows, 16,384 locks take 10 MiB; a hundred
	// people with all their locks stay below.
	LocksMax int
	// LockTTLMin and LockTTLMax bound the log time for which a lock is held unless it is renewed. Below a second a
	// slow disk would cost the lock; after an hour nobody remembers who took it.
	LockTTLMin, LockTTLMax time.Duration
	// LockExpiriesMax bounds the locks that expire with one entry, so that no entry takes long: with an event each, about
	// a millisecond.
	LockExpiriesMax int
	// LocksPageMax bounds the locks of one reply.
	LocksPageMax int
}

// DefaultLimits are the limits of a cluster that says nothing else.
func DefaultLimits() Limits {
	return Limits{
		TextBytesMax:    16 << 10,
		NameBytesMax:    64,
		EventsMax:       1 << 16,
		HistoryMax:      1000,
		HistoryBytesMax: 1 << 20,

		LockNameBytesMax:     128,
		LocksPerPrincipalMax: 100,
		LocksMax:             1 << 14,
		LockTTLMin:           time.Second,
		LockTTLMax:           time.Hour,
		LockExpiriesMax:      256,
		LocksPageMax:         1000,
	}
}

// pageDefault is how many messages or locks a query gets that names no number.
const pageDefault = 20
