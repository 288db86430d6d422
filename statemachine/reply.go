package statemachine

import (
	"fmt"
	"slices"

	"parley/raft"
)

// Code says what became of a command or query. Codes are in replicated replies;
// they never change.
type Code uint8

// The codes.
const (
	CodeOK             Code = 0
	CodeMalformed      Code = 1 // the bytes are no command or query
	CodeVersion        Code = 2 // the bytes are of a version that this state does not read
	CodeUnknownChannel Code = 3 // no channel has this name
	CodeEmptyText      Code = 4 // nothing but blanks
	CodeTextTooLong    Code = 5 // more than Limits.TextBytesMax
	CodeNotUTF8        Code = 6 // the text is not UTF-8

	CodeLockName     Code = 7  // nothing that a lock can be called; see Limits.CheckLockName
	CodeLockTTL      Code = 8  // below Limits.LockTTLMin or above LockTTLMax
	CodeLocksFull    Code = 9  // the caller holds as many locks as he may, or there are as many as there may be
	CodeNoHolder     Code = 10 // a command about a lock from nobody
	CodeStaleFence   Code = 11 // the lock is free, or held under another fence or by somebody else
	CodeNotPermitted Code = 12 // it is not for the caller to do this
)

// String names the code as traces print it.
func (c Code) String() string {
	switch c {
	case CodeOK:
		return "ok"
	case CodeMalformed:
		return "malformed"
	case CodeVersion:
		return "unknown version"
	case CodeUnknownChannel:
		return "unknown channel"
	case CodeEmptyText:
		return "empty text"
	case CodeTextTooLong:
		return "text too long"
	case CodeNotUTF8:
		return "text not UTF-8"
	case CodeLockName:
		return "bad lock name"
	case CodeLockTTL:
		return "bad time to live"
	case CodeLocksFull:
		return "too many locks"
	case CodeNoHolder:
		return "no holder"
	case CodeStaleFence:
		return "stale fence"
	case CodeNotPermitted:
		return "not permitted"
	}
	return fmt.Sprintf("code%d", uint8(c))
}

// Refusal is a reply that says why a command changed nothing, or why a query
// has no answer. Reason is one sentence for a person. It is an error so that
// callers of the Decode functions can return it as it is.
//
//	u8 version | u8 code≠0 | string reason
type Refusal struct {
	Code   Code
	Reason string
}

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }

func refuse(code Code, format string, args ...any) []byte {
	reason := fmt.Sprintf(format, args...)
	return appendString(append(make([]byte, 0, 2+4+len(reason)), codecVersion, byte(code)), reason)
}

// readReply reads what all replies begin with; a refusal comes back as error.
func readReply(r *reader) error {
	code, err := r.header()
	if err != nil {
		return err
	}
	if Code(code) == CodeOK {
		return nil
	}
	refusal := &Refusal{Code: Code(code), Reason: r.string()}
	if err := r.done(); err != nil {
		return err
	}
	return refusal
}

// SendReply answers Send.
//
//	u8 version | u8 code=0 | u64 position | string channel
type SendReply struct {
	ID       string // of the message, see MessageID
	Position raft.Position
	Channel  string
}

func appendSendReply(dst []byte, s SendReply) []byte {
	dst = append(slices.Grow(dst, 2+8+4+len(s.Channel)), codecVersion, byte(CodeOK))
	dst = appendU64(dst, uint64(s.Position))
	return appendString(dst, s.Channel)
}

// DecodeSendReply reads the reply to a Send. The error is a *Refusal if the
// state machine refused it, ErrMalformed or ErrVersion if the bytes are no reply.
func DecodeSendReply(src []byte) (SendReply, error) {
	r := reader{src: src}
	if err := readReply(&r); err != nil {
		return SendReply{}, err
	}
	s := SendReply{Position: raft.Position(r.u64()), Channel: r.string()}
	s.ID = MessageID(s.Position)
	return s, r.done()
}

// Message is one message of a channel.
//
//	u64 position | u64 log time | u64 wall | string sender | string text
type Message struct {
	ID       string // see MessageID
	Position raft.Position
	Time     raft.LogTime // of the entry
	Wall     raft.Wall    // the sender's edge's clock: what a person is shown
	Sender   string
	Text     string
}

func appendMessage(dst []byte, m Message) []byte {
	dst = appendU64(slices.Grow(dst, 3*8+4+len(m.Sender)+4+len(m.Text)), uint64(m.Position))
	dst = appendU64(dst, uint64(m.Time))
	dst = appendU64(dst, uint64(m.Wall))
	dst = appendString(dst, m.Sender)
	return appendString(dst, m.Text)
}

// textBytes is how long the text of an encoded message is.
func textBytes(message []byte) int {
	r := reader{src: message}
	r.take(3 * 8)
	r.take(int(r.u32())) // the sender
	return int(r.u32())
}

func readMessage(r *reader) Message {
	m := Message{
		Position: raft.Position(r.u64()),
		Time:     raft.LogTime(r.u64()),
		Wall:     raft.Wall(r.u64()),
		Sender:   r.string(),
		Text:     r.string(),
	}
	m.ID = MessageID(m.Position)
	return m
}

// HistoryReply answers History: messages oldest first.
//
//	u8 version | u8 code=0 | u8 more | u64 count | count messages
type HistoryReply struct {
	Messages []Message
	More     bool // messages within the asked range were left out by a limit
}

// historyRows is a HistoryReply whose messages stand as they stand in their rows.
type historyRows struct {
	Messages [][]byte
	More     bool
}

func appendHistoryReply(dst []byte, h historyRows) []byte {
	size := 3 + 8
	for _, m := range h.Messages {
		size += len(m)
	}
	dst = append(slices.Grow(dst, size), codecVersion, byte(CodeOK))
	dst = appendBool(dst, h.More)
	dst = appendU64(dst, uint64(len(h.Messages)))
	for _, m := range h.Messages {
		dst = append(dst, m...)
	}
	return dst
}

// DecodeHistoryReply reads the reply to a History, with errors as in
// DecodeSendReply.
func DecodeHistoryReply(src []byte) (HistoryReply, error) {
	r := reader{src: src}
	if err := readReply(&r); err != nil {
		return HistoryReply{}, err
	}
	h := HistoryReply{More: r.bool()}
	for n := r.u64(); n > 0 && !r.bad; n-- {
		h.Messages = append(h.Messages, readMessage(&r))
	}
	return h, r.done()
}
