package node

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"parley/raft"
	"parley/raft/blob"
	"parley/raft/blocks"
)

// The body of a snapshot: the node's own replicated state in sections, then the state machine's.
// Integers are little-endian.
//
//	u8 version
//	sections by rising number: u8 number | u64 length | bytes
//	    1  clock      applied index 8, log time 8, level 4, state hash 16
//	    2  sessions   see snapstate_sessions.go; left out if there are none
//	    3  requests   see snapstate_requests.go; left out if there are none
//	    4  blobs      see snapstate_blobs.go; left out if none is named or pinned
//	u8 255 | what the state machine wrote, to the end
//
// Equal states have equal bytes on every node. A section whose table is empty is left out, so that a
// release which has one table more writes the same bytes as the one before it until an
// entry of the new level fills it.
const (
	stateVersion    = 1
	sectionClock    = 1
	sectionSessions = 2
	sectionRequests = 3
	sectionBlobs    = 4
	sectionMachine  = 255

	clockSectionBytes = 8 + 8 + 4 + 16
)

// ErrState is returned for bytes that are no state; ErrStateVersion for what a newer
// release wrote.
var (
	ErrState        = errors.New("the state in the snapshot is malformed")
	ErrStateVersion = errors.New("the state in the snapshot was written by a newer Parley: upgrade this program")
)

// State is everything that a snapshot holds, as it was after one entry: the state machine, the
// sessions with the replies they keep, the one-shot requests, what blobs are wanted, the level and the log time. It never changes, and another
// goroutine may read it.
type State struct {
	applied  raft.Index
	logTime  raft.LogTime
	level    uint32
	hash     Hash
	sessions sessions // of Freeze: without an index
	requests requests // likewise
	pins     pins
	sm       StateMachine
}

// Freeze returns the node's replicated state as it is. It copies next to nothing, and the node goes on
// at once.
func (n *Node) Freeze() *State {
	_, hash := n.StateHash()
	return &State{
		applied:  n.applied,
		logTime:  n.logTime,
		level:    n.level,
		hash:     hash,
		sessions: n.sessions.freeze(),
		requests: n.requests.freeze(),
		pins:     n.pins.clone(),
		sm:       n.sm.Clone(),
	}
}

// Applied is the index of the last entry whose effect is in the state.
func (s *State) Applied() raft.Index { return s.applied }

// LogTime is that entry's.
func (s *State) LogTime() raft.LogTime { return s.logTime }

// Level is the level in force. A program that does not know it must not apply what follows.
func (s *State) Level() uint32 { return s.level }

// Hash is what Node.StateHash says of the state.
func (s *State) Hash() Hash { return s.hash }

// Blobs returns the blobs that are named or pinned in the state, by sum.
func (s *State) Blobs() []blob.Want { return s.pins.table.Wants() }

// Write writes the state in its canonical form.
func (s *State) Write(w io.Writer) error {
	out := sink{w: w}
	out.u8(stateVersion)
	s.writeClock(&out)
	if s.sessions.used > 0 {
		size := sink{}
		s.sessions.write(&size)
		out.section(sectionSessions, size.bytes)
		s.sessions.write(&out)
	}
	if s.requests.used > 0 {
		size := sink{}
		s.requests.write(&size)
		out.section(sectionRequests, size.bytes)
		s.requests.write(&out)
	}
	if s.pins.rows.used > 0 {
		size := sink{}
		s.pins.write(&size)
		out.section(sectionBlobs, size.bytes)
		s.pins.write(&out)
	}
	out.u8(sectionMachine)
	out.flush()
	if out.err != nil {
		return out.err
	}
	return s.sm.WriteSnapshot(w)
}

func (s *State) writeClock(out *sink) {
	out.section(sectionClock, clockSectionBytes)
	out.u64(uint64(s.applied))
	out.u64(uint64(s.logTime))
	out.u32(s.level)
	out.u64(s.hash[0])
	out.u64(s.hash[1])
}

// ReadState reads a state, with a machine of this cluster's kind to be filled, up to the end of
// r. Its hash is computed anew from all that was read and must be the one that is told. Any
// bytes are safe; no more memory is taken than there are bytes. The rules must be
// those of the node that wrote it.
func ReadState(r io.Reader, sm StateMachine, rules Rules) (*State, error) {
	rules = rules.withDefaults()
	s := &State{sessions: newSessions(rules), requests: newRequests(rules), pins: newPins(rules), sm: sm}
	in := newSource(r)
	if v := in.u8(); in.Err() == nil && v != stateVersion {
		return nil, fmt.Errorf("%w (version %d)", ErrStateVersion, v)
	}
	if err := s.readSections(&in); err != nil {
		return nil, err
	}
	if err := sm.Restore(&in); err != nil {
		return nil, err
	}
	if err := in.End(); err != nil {
		return nil, err
	}
	if s.recompute() != s.hash {
		return nil, fmt.Errorf("%w: it does not have its state hash", ErrState)
	}
	return s, nil
}

// readSections reads the node's own part.
func (s *State) readSections(in *source) error {
	last := uint8(0)
	for in.Err() == nil {
		number := in.u8()
		switch {
		case in.Err() != nil:
			return in.Err()
		case number <= last:
			in.Fail("section %d after section %d", number, last)
			return in.Err()
		case number > sectionClock && last == 0:
			in.Fail("no clock")
			return in.Err()
		case number == sectionMachine:
			return nil
		}
		last = number
		in.begin(in.u64())
		switch number {
		case sectionClock:
			s.readClock(in)
		case sectionSessions:
			s.sessions.read(in, s)
		case sectionRequests:
			s.requests.read(in, s)
		case sectionBlobs:
			s.pins.read(in, s)
		default:
			return fmt.Errorf("%w (section %d)", ErrStateVersion, number)
		}
		in.finish(number)
	}
	return in.Err()
}

func (s *State) readClock(in *source) {
	s.applied = raft.Index(in.u64())
	s.logTime = raft.LogTime(in.u64())
	s.level = in.u32()
	s.hash = Hash{in.u64(), in.u64()}
	if s.level == 0 {
		in.Fail("level 0")
	}
}

// recompute computes the hash from the state, as a node in this state does.
func (s *State) recompute() Hash {
	n := Node{applied: s.applied, logTime: s.logTime, level: s.level, sessions: s.sessions, requests: s.requests, pins: s.pins, sm: s.sm}
	_, h := n.StateHash()
	return h
}

// sink gathers what is written into blocks. Without a writer it only counts.
type sink struct {
	w     io.Writer
	buf   []byte
	bytes uint64
	err   error
}

func (s *sink) put(p []byte) {
	s.bytes += uint64(len(p))
	if s.w == nil {
		return
	}
	if s.buf = append(s.buf, p...); len(s.buf) >= blocks.Bytes {
		s.flush()
	}
}

func (s *sink) flush() {
	if s.err == nil {
		_, s.err = s.w.Write(s.buf)
	}
	s.buf = s.buf[:0]
}

func (s *sink) u8(v uint8) { s.put([]byte{v}) }

func (s *sink) u32(v uint32) {
	var p [4]byte
	binary.LittleEndian.PutUint32(p[:], v)
	s.put(p[:])
}

func (s *sink) u64(v uint64) {
	var p [8]byte
	binary.LittleEndian.PutUint64(p[:], v)
	s.put(p[:])
}

// text writes bytes behind their length.
func (s *sink) text(p []byte) {
	s.u32(uint32(len(p)))
	s.put(p)
}

func (s *sink) section(number uint8, length uint64) {
	s.u8(number)
	s.u64(length)
}

// source takes a stream apart, whose sections say how long they are.
type source struct {
	blocks.Reader
	section bool   // within one
	limit   uint64 // bytes left in it
}

func newSource(r io.Reader) source { return source{Reader: blocks.NewReader(r, ErrState)} }

// begin opens a section of a length.
func (s *source) begin(length uint64) { s.section, s.limit = true, length }

// finish checks that all of the section was read.
func (s *source) finish(number uint8) {
	if s.limit > 0 {
		s.Fail("%d bytes left over in section %d", s.limit, number)
	}
	s.section = false
}

// take reads n bytes, all within the section. They are good until the next take.
func (s *source) take(n uint64) []byte {
	if s.section && n > s.limit {
		s.Fail("a section ends too early")
	}
	if s.Err() != nil {
		return nil
	}
	s.limit -= min(n, s.limit)
	return s.Take(n)
}

func (s *source) u8() uint8 {
	if p := s.take(1); s.Err() == nil {
		return p[0]
	}
	return 0
}

func (s *source) u32() uint32 {
	if p := s.take(4); s.Err() == nil {
		return binary.LittleEndian.Uint32(p)
	}
	return 0
}

func (s *source) u64() uint64 {
	if p := s.take(8); s.Err() == nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

// text reads bytes behind their length, of which there may be so many.
func (s *source) text(most uint64) []byte {
	n := uint64(s.u32())
	if n > most {
		s.Fail("%d bytes where %d are the most", n, most)
	}
	return s.take(n)
}
