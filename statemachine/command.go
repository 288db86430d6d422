package statemachine

import (
	"math"
	"slices"

	"parley/raft"
)

// The kinds of commands and queries. They are in logs; they never change.
const (
	commandSend  = 1
	queryHistory = 1
)

// GeneralChannel is the channel that every cluster is born with.
const GeneralChannel = "general"

// Send puts a message into a channel. Who sends it is not said here: it is the
// principal of the session that the command comes in.
//
//	u8 version | u8 kind=1 | u64 wall | string channel | string text
type Send struct {
	Channel string    // without '#'
	Text    string    // UTF-8, not blank, at most Limits.TextBytesMax
	Wall    raft.Wall // the edge's clock, for display only
}

// AppendSend appends the command's bytes to dst.
func AppendSend(dst []byte, s Send) []byte {
	dst = append(slices.Grow(dst, 2+8+4+len(s.Channel)+4+len(s.Text)), codecVersion, commandSend)
	dst = appendU64(dst, uint64(s.Wall))
	dst = appendString(dst, s.Channel)
	return appendString(dst, s.Text)
}

func readSend(r *reader) (Send, error) {
	s := Send{Wall: raft.Wall(r.u64()), Channel: r.string(), Text: r.string()}
	return s, r.done()
}

// History asks for a channel's messages with After < position < Before, oldest
// first. With Forward they are the first Limit of those, without it the last
// Limit: the newest page, or the page before one that is known.
//
//	u8 version | u8 kind=1 | u8 forward | u64 after | u64 before | u64 limit | string channel
type History struct {
	Channel string
	Before  raft.Position // zero: up to the newest
	After   raft.Position // zero: from the oldest
	Forward bool          // the page begins at After; set whenever After is
	Limit   int           // zero: 20; more than Limits.HistoryMax is cut to it
}

// AppendHistory appends the query's bytes to dst.
func AppendHistory(dst []byte, h History) []byte {
	dst = append(slices.Grow(dst, 3+3*8+4+len(h.Channel)), codecVersion, queryHistory)
	dst = appendBool(dst, h.Forward || h.After != 0)
	dst = appendU64(dst, uint64(h.After))
	dst = appendU64(dst, uint64(h.Before))
	dst = appendU64(dst, uint64(max(h.Limit, 0)))
	return appendString(dst, h.Channel)
}

func readHistory(r *reader) (History, error) {
	h := History{Forward: r.bool(), After: raft.Position(r.u64()), Before: raft.Position(r.u64())}
	h.Limit = int(min(r.u64(), math.MaxInt32)) // the same on 32-bit machines
	h.Channel = r.string()
	return h, r.done()
}
