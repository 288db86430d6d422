package state

import (
	"encoding/binary"
	"hash/crc32"

	"parley/raft"
	"parley/raft/node"
)

// EventKind says what happened. Kinds are in replicated rows; they never change.
type EventKind uint8

// The kinds of events.
const (
	EventAnonymous EventKind = 1 // an anonymous message; see the package statemachine
	EventLock      EventKind = 2 // somebody took a lock
	EventUnlock    EventKind = 3 // its holder gave it up
	EventExpire    EventKind = 4 // its deadline passed
	EventBreak     EventKind = 5 // somebody took it from its holder

	EventMessage        EventKind = 10 // Message came into a place
	EventEdited         EventKind = 11 // Message has another text
	EventDeleted        EventKind = 12 // Message is gone, by User
	EventReacted        EventKind = 13 // User added Text to Message
	EventUnreacted      EventKind = 14 // User took Text back from Message
	EventRead           EventKind = 15 // User has read Place up to Message.Position
	EventMention        EventKind = 16 // User was mentioned in Message
	EventChannelMade    EventKind = 20 // by User
	EventChannelChanged EventKind = 21 // description, policy: by User
	EventArchived       EventKind = 22 // by User
	EventUnarchived     EventKind = 23 // by User
	EventJoined         EventKind = 24 // User became a member of Place, by Other
	EventLeft           EventKind = 25 // User is no member of Place any more, by Other
	EventPromoted       EventKind = 26 // User became an admin of Place, by Other
	EventDemoted        EventKind = 27 // User is no admin of Place any more, by Other
	EventOnline         EventKind = 30 // User
	EventOffline        EventKind = 31 // User
	EventUserMade       EventKind = 32 // User signed up
	EventUserChanged    EventKind = 33 // User has another display name, or is disabled
	EventLoginEnded     EventKind = 34 // Login of User
	EventFileAdded      EventKind = 40 // File in Place, by User
	EventFileRemoved    EventKind = 41 // File in Place, by User

	EventDocMade       EventKind = 50 // Doc, by User
	EventDocUpdated    EventKind = 51 // Doc has Version, by User
	EventDocRestored   EventKind = 52 // Doc has Version, which is an older one's content again, by User
	EventDocDeleted    EventKind = 53 // Doc, by User
	EventDocUndeleted  EventKind = 54 // Doc, by User
	EventDocShared     EventKind = 55 // Doc with Other or with more than one, whose role is Text, by User
	EventDocUnshared   EventKind = 56 // Doc is not Other's any more, or not that of more than one, by User
	EventDocChanged    EventKind = 57 // Doc has another title or is written otherwise, by User
	EventLocked        EventKind = 60 // User holds the lock Text under Fence; his wait had Ticket
	EventUnlocked      EventKind = 61 // User gave up the lock Text, or his login ended
	EventLockExpired   EventKind = 62 // the time of the lock Text of User passed
	EventLockBroken    EventKind = 63 // User took the lock Text from Other
	EventLockWaitEnded EventKind = 64 // User waits no more for the lock Text

	// Notices, which are in no log; see Notice.
	EventTyping  EventKind = 70 // User writes in Place
	EventEditing EventKind = 71 // User writes on Doc
)

// aboutDocs says whether events of a kind are about documents and locks, which have fields of their own.
func (k EventKind) aboutDocs() bool { return k >= EventDocMade }

// Audience says whom an event concerns. Whether a reader is one of them is asked when it is delivered.
//
//	u8 kind | number
type Audience struct {
	Kind uint8 // of the constants below
	ID   uint64
}

const (
	audienceAll   = 1 // every user; the number says for whom it matters most
	audienceUser  = 2 // one user
	audiencePlace = 3 // the members of a place
	audienceSeers = 4 // whoever may see a channel
	audienceDoc   = 5 // whoever may read a document
)

// ForAll concerns everybody who is logged in.
func ForAll() Audience { return Audience{Kind: audienceAll} }

// ForLock concerns everybody, and says of which lock it is: who stands in line for one need not hear of all. Two names that
// share a number are heard of together, which hurts nobody.
func ForLock(name string) Audience {
	if id, ok := ParseDocID(name); ok {
		return ForReaders(id)
	}
	return Audience{audienceAll, 1 + uint64(crc32.ChecksumIEEE([]byte(name)))}
}

// ForUser concerns one user.
func ForUser(id UserID) Audience { return Audience{audienceUser, uint64(id)} }

// ForPlace concerns the members of a place.
func ForPlace(id PlaceID) Audience { return Audience{audiencePlace, uint64(id)} }

// ForSeers concerns whoever may see a channel: its members, and everybody if it is public.
func ForSeers(id PlaceID) Audience { return Audience{audienceSeers, uint64(id)} }

// ForReaders concerns whoever may read a document.
func ForReaders(id DocID) Audience { return Audience{audienceDoc, uint64(id)} }

// Code passes the fields.
func (a *Audience) Code(c *Coder) {
	Byte(c, &a.Kind)
	Number(c, &a.ID)
}

// Word returns the audience as node.EventPart has it.
func (a Audience) Word() string { return string(Append(nil, &a)) }

// Event is a reference to something that happened. What it refers to is read when it is delivered, so that a reader
// sees what he may see then: a text that was deleted is in no event.
type Event struct {
	Kind     EventKind
	Audience Audience
	Place    PlaceID
	Message  raft.Position
	User     UserID
	Other    UserID
	Login    LoginID
	File     FileID
	Text     string

	Doc     DocID
	Version uint64        // of the document
	Fence   raft.Position // of a lock
	Ticket  raft.Position // of a wait
}

// Code passes the fields.
func (e *Event) Code(c *Coder) {
	Byte(c, &e.Kind)
	e.Audience.Code(c)
	Number(c, &e.Place)
	Number(c, &e.Message)
	Number(c, &e.User)
	Number(c, &e.Other)
	Number(c, &e.Login)
	Number(c, &e.File)
	c.String(&e.Text)
	if e.Kind.aboutDocs() {
		Number(c, &e.Doc)
		Number(c, &e.Version)
		Number(c, &e.Fence)
		Number(c, &e.Ticket)
	}
}

// MarkTrimmed is the position of the newest event that the backlog dropped. A subscriber from before it has missed
// something.
const MarkTrimmed = "events trimmed"

// Record puts an event into the backlog, behind what happened at the same position.
func (s *State) Record(p raft.Position, e *Event) {
	c := s.writer()
	e.Code(c)
	s.RecordRow(p, c.bytes)
}

// RecordRow puts an encoded event into the backlog, and drops the oldest positions when there are too many. The
// backlog is replicated state, so that every node answers a subscriber alike.
//
//	for each event: u32 length | event
func (s *State) RecordRow(p raft.Position, event []byte) {
	key := Key(uint64(p))
	last, before, _ := s.Last(TableEvents)
	if last != key {
		before = nil // it is the first of its position, which is above all that have events
	}
	row := append(make([]byte, 0, len(before)+4+len(event)), before...)
	row = append(binary.LittleEndian.AppendUint32(row, uint32(len(event))), event...)
	if len(before) > 0 {
		s.Write(TableEvents, key, row)
	} else {
		s.appendRow(TableEvents, key, row)
	}
	for s.Len(TableEvents) > s.Limits.EventsMax {
		s.Write(TableMarks, MarkTrimmed, []byte(s.removeFirst(TableEvents)))
	}
}

// EventsAfter returns what happened at positions above from, oldest first, at most max frames. compacted says that
// some are no longer kept. render makes what subscribers see of an event; one without audience is for everybody.
//
//	each frame: for each event: u32 length | what subscribers see
func (s *State) EventsAfter(from raft.Position, max int, render func(dst, event []byte) ([]byte, Audience)) (frames []node.EventFrame, compacted bool) {
	if trimmed, ok := s.Get(TableMarks, MarkTrimmed); ok && Key(uint64(from)) < string(trimmed) {
		return nil, true
	}
	if from == ^raft.Position(0) {
		return nil, false
	}
	s.Ascend(TableEvents, Key(uint64(from+1)), func(key string, row []byte) bool {
		if len(frames) < max {
			frames = append(frames, frameOf(raft.Position(KeyPart(key, 0)), row, render))
		}
		return len(frames) < max
	})
	return frames, false
}

// frameBytes is room for most frames, which are soon read and forgotten.
const frameBytes = 256

func frameOf(at raft.Position, row []byte, render func(dst, event []byte) ([]byte, Audience)) node.EventFrame {
	f := node.EventFrame{Position: at, Body: make([]byte, 0, frameBytes)}
	discreet := false
	for len(row) >= 4 {
		n := min(int(binary.LittleEndian.Uint32(row)), len(row)-4)
		begin := len(f.Body)
		body, audience := render(append(f.Body, 0, 0, 0, 0), row[4:4+n])
		binary.LittleEndian.PutUint32(body[begin:], uint32(len(body)-begin-4))
		f.Body = body
		part := node.EventPart{End: len(body)}
		if audience != (Audience{}) {
			part.Audience, discreet = audience.Word(), true
		}
		f.Parts = append(f.Parts, part)
		row = row[4+n:]
	}
	if !discreet {
		f.Parts = nil
	}
	return f
}

// MayRead says whether an event of this audience may be shown to a user, as things are now.
func (s *State) MayRead(user UserID, a Audience) bool {
	switch a.Kind {
	case 0, audienceAll:
		return true
	case audienceUser:
		return a.ID == uint64(user)
	case audiencePlace:
		return s.Has(TableMembers, Key(a.ID, uint64(user)))
	case audienceSeers:
		p, ok := s.Place(PlaceID(a.ID))
		return ok && (p.Kind == Channel && !p.Private || s.Has(TableMembers, Key(a.ID, uint64(user))))
	case audienceDoc:
		return s.RoleIn(DocID(a.ID), user) >= Viewer
	}
	return false
}
