package statemachine

import (
	"encoding/binary"

	"parley/raft"
	"parley/raft/node"
)

// EventKind says what happened. Kinds are in replicated rows; they never change.
type EventKind uint8

// The kinds of events.
const (
	EventMessage EventKind = 1 // a message came into a channel
	EventLock    EventKind = 2 // somebody took a lock
	EventUnlock  EventKind = 3 // its holder gave it up
	EventExpire  EventKind = 4 // its deadline passed
	EventBreak   EventKind = 5 // somebody took it from its holder

	eventSeveral = 255 // no kind: a frame with more than one event
)

// Event is something that happened at one position.
//
//	u8 version | u8 kind=1 | string channel | message
//	u8 version | u8 kind=2..5 | string name | lock event
type Event struct {
	Kind    EventKind
	Channel string
	Message Message   // EventMessage
	Lock    LockEvent // the others
}

// LockEvent is what became of a lock.
//
//	u64 fence | u64 log time | u64 wall | string holder | string by
type LockEvent struct {
	Name   string
	Fence  raft.Position // under which it is held, or was
	Time   raft.LogTime  // of the entry
	Wall   raft.Wall     // the edge's clock; zero if it expired
	Holder string        // who holds it, or held it
	By     string        // who did it; empty if it expired
}

func appendLockEvent(dst []byte, e *LockEvent) []byte {
	dst = appendU64(dst, uint64(e.Fence))
	dst = appendU64(dst, uint64(e.Time))
	dst = appendU64(dst, uint64(e.Wall))
	dst = appendString(dst, e.Holder)
	return appendString(dst, e.By)
}

// DecodeEvent reads the body of a frame with one event. That of a frame with more is ErrVersion.
func DecodeEvent(src []byte) (Event, error) {
	r := reader{src: src}
	kind, err := r.header()
	if err != nil {
		return Event{}, err
	}
	e := Event{Kind: EventKind(kind)}
	switch e.Kind {
	case EventMessage:
		e.Channel, e.Message = r.string(), readMessage(&r)
	case EventLock, EventUnlock, EventExpire, EventBreak:
		e.Lock = LockEvent{
			Name:   r.string(),
			Fence:  raft.Position(r.u64()),
			Time:   raft.LogTime(r.u64()),
			Wall:   raft.Wall(r.u64()),
			Holder: r.string(),
			By:     r.string(),
		}
	default:
		return Event{}, ErrVersion
	}
	return e, r.done()
}

// DecodeEvents reads the body of any frame: everything that happened at its position, in order. Locks that expire do so
// beside whatever else the entry does, so that one frame may hold several events.
//
//	one:  the event
//	more: u8 version | u8 255 | u64 count | count × string event
func DecodeEvents(src []byte) ([]Event, error) {
	r := reader{src: src}
	kind, err := r.header()
	if err != nil {
		return nil, err
	}
	if kind != eventSeveral {
		e, err := DecodeEvent(src)
		return []Event{e}, err
	}
	var events []Event
	for n := r.u64(); n > 0 && !r.bad; n-- {
		e, err := DecodeEvent([]byte(r.string()))
		if err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, r.done()
}

// markTrimmed is the position of the newest event that the backlog dropped. A
// subscriber from before it has missed something.
const markTrimmed = "events trimmed"

// recordEvent puts a reference to what happened into the backlog, behind what happened at the same position, and
// drops the oldest positions when there are too many. The backlog is replicated state, so that
// every node answers a subscriber alike; what the reference points to is read
// when it is delivered. What became of a lock stands in the reference itself: the
// lock may be gone by then.
//
//	for each event: u8 kind | string channel | string key of the object
//	                u8 kind | string lock | string lock event
func (m *Machine) recordEvent(p raft.Position, kind EventKind, place, object string) {
	before, _ := m.tables.get(tableEvents, eventKey(p))
	row := append(append(make([]byte, 0, len(before)+9+len(place)+len(object)), before...), byte(kind))
	row = appendString(row, place)
	row = appendString(row, object)
	m.tables.write(tableEvents, eventKey(p), row)
	for m.tables.rows[tableEvents].Len() > m.limits.EventsMax {
		key, _, _ := m.tables.rows[tableEvents].Min()
		m.tables.write(tableEvents, key, nil)
		m.tables.write(tableMarks, markTrimmed, []byte(key))
	}
}

// recordLock records what became of a lock.
func (m *Machine) recordLock(at node.Applied, kind EventKind, l *lockRow, by string, wall raft.Wall) {
	e := LockEvent{Fence: l.fence, Time: at.Time, Wall: wall, Holder: l.holder, By: by}
	m.recordEvent(at.Position, kind, l.name, string(appendLockEvent(nil, &e)))
}

// eventKey is the position alone: all events of one entry are one frame.
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
		frames = append(frames, node.EventFrame{Position: positionOf(key), Body: m.renderEvents(row)})
		return true
	})
	return frames, false
}

// positionOf is the way back from eventKey.
func positionOf(key string) raft.Position {
	var b [8]byte
	copy(b[:], key)
	return raft.Position(binary.BigEndian.Uint64(b[:]))
}

// renderEvents makes the body of a frame from a backlog row.
func (m *Machine) renderEvents(row []byte) []byte {
	var events [][]byte
	for r := (reader{src: row}); len(r.src) > 0 && !r.bad; {
		events = append(events, m.renderEvent(&r))
	}
	if len(events) == 1 {
		return events[0]
	}
	body := appendU64([]byte{codecVersion, eventSeveral}, uint64(len(events)))
	for _, e := range events {
		body = appendBytes(body, e)
	}
	return body
}

// renderEvent makes an event from the object that its reference points to, or from what it says itself.
func (m *Machine) renderEvent(r *reader) []byte {
	kind, place, object := r.u8(), r.string(), r.string()
	body := appendString([]byte{codecVersion, kind}, place)
	if EventKind(kind) != EventMessage {
		return append(body, object...)
	}
	message, _ := m.tables.get(tableMessages, object)
	return append(body, message...)
}
