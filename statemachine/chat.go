package statemachine

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine/state"
)

// MessageID returns the id of the message at a position: "msg_" and the position
// in base 36. One entry holds at most one message, so the position is enough.
func MessageID(p raft.Position) string { return "msg_" + strconv.FormatUint(uint64(p), 36) }

// A channel's row is its number, which begins the keys of its messages:
//
//	u64 number
func (m *Machine) createChannel(name string, number uint64) {
	m.Write(state.TableChannels, name, appendU64(nil, number))
}

func (m *Machine) channelNumber(name string) (uint64, bool) {
	row, ok := m.Get(state.TableChannels, name)
	if !ok {
		return 0, false
	}
	r := reader{src: row}
	return r.u64(), true
}

func (m *Machine) refuseChannel(name string) []byte {
	if refusal := checkName(&m.Limits, name); refusal != nil {
		return refuse(refusal.Code, "%s", refusal.Reason)
	}
	return refuse(CodeUnknownChannel, "There is no channel #%s.", name)
}

// messageKey orders a channel's messages by position.
//
//	u64 channel number | u64 position, both big-endian
func messageKey(channel uint64, p raft.Position) string {
	return state.Key(channel, uint64(p))
}

func (m *Machine) applySend(at node.Applied, s Send) []byte {
	channel, ok := m.channelNumber(s.Channel)
	if !ok {
		return m.refuseChannel(s.Channel)
	}
	if refusal := checkText(&m.Limits, s.Text); refusal != nil {
		return refuse(refusal.Code, "%s", refusal.Reason)
	}
	key := messageKey(channel, at.Position)
	m.Write(state.TableMessages, key, appendMessage(nil, Message{
		Position: at.Position,
		Time:     at.Time,
		Wall:     s.Wall,
		Sender:   at.Principal,
		Text:     s.Text,
	}))
	m.recordEvent(at.Position, EventMessage, s.Channel, key)
	return appendSendReply(nil, SendReply{Position: at.Position, Channel: s.Channel})
}

// checkName returns the refusal of what no channel can be called, or nil.
func checkName(l *Limits, name string) *Refusal {
	if len(name) > l.NameBytesMax || !utf8.ValidString(name) {
		return &Refusal{CodeUnknownChannel, "There is no channel of that name."}
	}
	return nil
}

// checkText returns the refusal of a text that is no message, or nil. Blanks
// are those of ASCII: what else counts as one changes with Unicode's version,
// and with it two releases would disagree.
func checkText(l *Limits, text string) *Refusal {
	switch {
	case len(text) > l.TextBytesMax:
		return &Refusal{CodeTextTooLong, fmt.Sprintf("The text is %d bytes long; a message may have %d.", len(text), l.TextBytesMax)}
	case !utf8.ValidString(text):
		return &Refusal{CodeNotUTF8, "The text is not UTF-8."}
	case strings.Trim(text, " \t\r\n\v\f") == "":
		return &Refusal{CodeEmptyText, "The text is empty."}
	}
	return nil
}

func (m *Machine) queryHistory(h History) []byte {
	channel, ok := m.channelNumber(h.Channel)
	if !ok {
		return m.refuseChannel(h.Channel)
	}
	if h.Limit <= 0 {
		h.Limit = state.PageDefault
	}
	h.Limit = min(h.Limit, m.Limits.HistoryMax)
	if h.Before == 0 {
		h.Before = ^raft.Position(0)
	}
	return appendHistoryReply(nil, m.page(channel, h))
}

// page collects the messages of a normalised History: forwards from After, or
// backwards from Before and then turned around.
func (m *Machine) page(channel uint64, h History) historyRows {
	var reply historyRows
	bytes := 0
	visit := func(key string, row []byte) bool {
		if at := raft.Position(state.KeyPart(key, 1)); state.KeyPart(key, 0) != channel || at <= h.After || at >= h.Before {
			return false
		}
		bytes += textBytes(row)
		if n := len(reply.Messages); n > 0 && (n == h.Limit || bytes > m.Limits.HistoryBytesMax) {
			reply.More = true
			return false
		}
		reply.Messages = append(reply.Messages, row)
		return true
	}
	switch {
	case h.After >= h.Before-1: // nothing lies between; also keeps After+1 from wrapping
	case h.Forward || h.After > 0:
		m.Ascend(state.TableMessages, messageKey(channel, h.After+1), visit)
	default:
		m.Descend(state.TableMessages, messageKey(channel, h.Before-1), visit)
		for i, j := 0, len(reply.Messages)-1; i < j; i, j = i+1, j-1 {
			reply.Messages[i], reply.Messages[j] = reply.Messages[j], reply.Messages[i]
		}
	}
	return reply
}
