package statemachine

import (
	"errors"
	"slices"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine/state"
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

	eventsOfTeam = 10 // the kinds from here on are those of package state
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
	dst = appendU64(slices.Grow(dst, 3*8+4+len(e.Holder)+4+len(e.By)), uint64(e.Fence))
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

// DecodeEvents reads the events of these kinds from the body of any frame, in order. Locks that expire do so beside
// whatever else the entry does, so that one frame may hold several events. Those of other kinds are left out.
func DecodeEvents(src []byte) ([]Event, error) {
	bodies, err := DecodeBodies(src)
	if err != nil {
		return nil, err
	}
	var events []Event
	for _, body := range bodies {
		e, err := DecodeEvent(body)
		switch {
		case err == nil:
			events = append(events, e)
		case !errors.Is(err, ErrVersion):
			return nil, err
		}
	}
	return events, nil
}

// recordEvent puts a reference to what happened into the backlog. What it points to is read when it is
// delivered. What became of a lock stands in the reference itself: the lock may be gone by then.
//
//	u8 kind | string channel | string key of the object
//	u8 kind | string lock | string lock event
func (m *Machine) recordEvent(p raft.Position, kind EventKind, place, object string) {
	row := append(make([]byte, 0, 1+4+len(place)+4+len(object)), byte(kind))
	m.RecordRow(p, appendString(appendString(row, place), object))
}

// recordLock records what became of a lock.
func (m *Machine) recordLock(at node.Applied, kind EventKind, l *lockRow, by string, wall raft.Wall) {
	e := LockEvent{Fence: l.fence, Time: at.Time, Wall: wall, Holder: l.holder, By: by}
	m.recordEvent(at.Position, kind, l.name, string(appendLockEvent(nil, &e)))
}

// render appends what subscribers see of an event in the backlog. That of no place is for everybody.
//
//	u8 version=1 | u8 kind=1..5 | string place | what happened
//	u8 version=2 | u8 kind | what happened
func (m *Machine) render(dst, row []byte) ([]byte, state.Audience) {
	if len(row) > 0 && EventKind(row[0]) >= eventsOfTeam {
		return m.renderTeam(dst, row)
	}
	r := reader{src: row}
	kind, place, object := r.u8(), r.bytes(), r.bytes()
	happened := object
	if EventKind(kind) == EventMessage {
		happened, _ = m.Get(state.TableMessages, string(object))
	}
	dst = append(slices.Grow(dst, 2+4+len(place)+len(happened)), codecVersion, kind)
	return append(appendBytes(dst, place), happened...), state.Audience{}
}

// renderTeam appends an event under a login, as it stands in the backlog.
func (m *Machine) renderTeam(dst, row []byte) ([]byte, state.Audience) {
	var e state.Event
	_ = state.Decode(row, &e) // this code wrote it
	return state.Append(append(dst, bodyVersion), m.Show(&e)), e.Audience
}

// DecodeShown reads an event under a login; ok is false for those of other forms.
func DecodeShown(body []byte) (e state.Shown, ok bool, err error) {
	if len(body) == 0 || body[0] != bodyVersion {
		return e, false, nil
	}
	return e, true, state.Decode(body[1:], &e)
}
