package state

import (
	"strconv"
	"strings"

	"parley/raft"
)

// Things are named by the position of the entry that made them: one space, nothing to draw, nothing to collide. As
// text an id is a prefix that says what it is, and the position in base 36.
type (
	// UserID names an account: user_1z.
	UserID uint64
	// LoginID names a login: login_2b.
	LoginID uint64
	// PlaceID names a place that holds messages: a channel, chan_3, or a direct conversation, conv_4k. The channels
	// that every cluster is born with are 1, 2 and 3.
	PlaceID uint64
	// FileID names a file: file_5c.
	FileID uint64
	// DocID names a document: doc_6d. It is the name of the document's lock, too.
	DocID uint64
)

const docPrefix = "doc_"

// MessageID names a message by its place and position: msg_<position>_<place>.
type MessageID struct {
	Place    PlaceID
	Position raft.Position
}

// The channels that always exist.
const (
	General PlaceID = 1
	Random  PlaceID = 2
	Tech    PlaceID = 3
)

func base36(v uint64) string { return strconv.FormatUint(v, 36) }

// String returns the id as people and programs see it.
func (id UserID) String() string { return "user_" + base36(uint64(id)) }

// Named says whether a text is the id.
func (id UserID) Named(text string) bool {
	var own [len("user_") + digitsMax]byte
	return string(strconv.AppendUint(append(own[:0], "user_"...), uint64(id), 36)) == text
}

// digitsMax is how many digits the largest number has in base 36.
const digitsMax = 13

// String returns the id as people and programs see it.
func (id LoginID) String() string { return "login_" + base36(uint64(id)) }

// String returns the id as people and programs see it.
func (id FileID) String() string { return "file_" + base36(uint64(id)) }

// String returns the id as people and programs see it.
func (id DocID) String() string { return docPrefix + base36(uint64(id)) }

// String returns the id as people and programs see it.
func (id MessageID) String() string {
	text := strconv.AppendUint(append(make([]byte, 0, 32), "msg_"...), uint64(id.Position), 36)
	return string(strconv.AppendUint(append(text, '_'), uint64(id.Place), 36))
}

// Code passes the fields.
func (id *MessageID) Code(c *Coder) {
	Number(c, &id.Place)
	Number(c, &id.Position)
}

// parseBase36 accepts what base36 makes and nothing else: one thing has one name.
func parseBase36(s string) (uint64, bool) {
	v, err := strconv.ParseUint(s, 36, 64)
	var digits [digitsMax]byte
	return v, err == nil && string(strconv.AppendUint(digits[:0], v, 36)) == s
}

func parseID(s, prefix string) (uint64, bool) {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok {
		return 0, false
	}
	return parseBase36(rest)
}

// ParseUserID reads a user's id.
func ParseUserID(s string) (UserID, bool) {
	v, ok := parseID(s, "user_")
	return UserID(v), ok
}

// ParseLoginID reads a login's id.
func ParseLoginID(s string) (LoginID, bool) {
	v, ok := parseID(s, "login_")
	return LoginID(v), ok
}

// ParseFileID reads a file's id.
func ParseFileID(s string) (FileID, bool) {
	v, ok := parseID(s, "file_")
	return FileID(v), ok
}

// NamesDoc says whether a text can only be meant as the id of a document.
func NamesDoc(s string) bool { return strings.HasPrefix(s, docPrefix) }

// ParseDocID reads a document's id.
func ParseDocID(s string) (DocID, bool) {
	v, ok := parseID(s, docPrefix)
	return DocID(v), ok
}

// ParseMessageID reads a message's id.
func ParseMessageID(s string) (MessageID, bool) {
	rest, ok := strings.CutPrefix(s, "msg_")
	position, place, two := strings.Cut(rest, "_")
	p, ok1 := parseBase36(position)
	pl, ok2 := parseBase36(place)
	return MessageID{PlaceID(pl), raft.Position(p)}, ok && two && ok1 && ok2
}
