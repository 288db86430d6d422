package statemachine

import (
	"parley/raft"
	"parley/raft/node"
)

// EventKind says what happened. Kinds are in replicated rows; they never change.
type EventKind uint8

// The kinds of events.
const (
	EventMessage EventKind = 1 // a message came into a channel
)

// Event is what a subscriber reads at one position.
//
//	u8 version | u8 kind | string channel | message
type Event struct {
	Kind    EventKind
	Channel string
	Message Message // EventMessage
}

// DecodeEvent reads the body of an event frame.
func DecodeEvent(src []byte) (Event, error) {
	r := reader{src: src}
	kind, err := r.header()
	if err != nil {
		return Event{}, err
	}
	if EventKind(kind) != EventMessage {
		return Event{}, ErrVersion
	}
	e := Event{Kind: EventMessage, Channel: r.string(), Message: readMessage(&r)}
	return e, r.done()
}

// markTrimmed is the position of the newest event that the backlog dropped. A
// subscriber from before it has missed something.
const markTrimmed = "events trimmed"

// recordEvent puts a reference to what happened into the backlog, and drops the
// oldest when there are too many. The backlog is replicated state, so that
// every node answers a subscriber alike; what the reference points to is read
// when it is delivered.
//
//	u8 kind | string channel | string key of the object
func (m *Machine) recordEvent(p raft.Position, kind EventKind, channel, object string) {
	row := []byte{byte(kind)}
	row = appendString(row, channel)
	row = appendString(row, object)
	m.tables.write(tableEvents, eventKey(p), row)
	for m.tables.rows[tableEvents].Len() > m.limits.EventsMax {
		key, _, _ := m.tables.rows[tableEvents].Min()
		m.tables.write(tableEvents, key, nil)
		m.tables.write(tableMarks, markTrimmed, []byte(key))
	}
}

// eventKey is the position alone: one entry is one event.
func eventKey(p raft.Position) string { return string(keyU64(nil, uint64(p))) }

func (m *Machine) eventsAfter(from raft.Position, limit int) (frames []node.EventFrame, compacted bool) {
	if trimmed, ok := m.tables.get(tableMarks, markTrimmed); ok && eventKey(from) < string(trimmed) {
		return nil, true
	}
	if from == ^raft.Position(0) {
		return nil, false
	}
	m.tables.rows[tableEvents].Ascend(eventKey(from+1), func(key string, row []byte) bool {
		if len(frames) >= limit {
			return false
		}
		frames = append(frames, m.renderEvent(row))
		return true
	})
	return frames, false
}

// renderEvent makes the frame of a backlog row from the object it points to.
func (m *Machine) renderEvent(row []byte) node.EventFrame {
	r := reader{src: row}
	kind, channel, object := r.u8(), r.string(), r.string()
	message, _ := m.tables.get(tableMessages, object)
	body := []byte{codecVersion, kind}
	body = appendString(body, channel)
	body = append(body, message...)
	read := reader{src: message}
	return node.EventFrame{Position: readMessage(&read).Position, Body: body}
}
