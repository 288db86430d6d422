package statemachine

import (
	"encoding/binary"
	"io"
	"slices"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine/state"
)

// Machine is the replicated state of one node. It implements node.StateMachine, is told of the time, does not
// show everything to everybody, and names the contents of files.
type Machine struct {
	*state.State
	txn state.Txn // of the command that is applied; not state
}

var (
	_ node.TimedNamer = (*Machine)(nil)
	_ node.Discreet   = (*Machine)(nil)
	_ node.Namer      = (*Machine)(nil)
	_ node.Refounder  = (*Machine)(nil)
)

// Limits bounds what one command may bring and what the state keeps.
type Limits = state.Limits

// DefaultLimits are the limits of a cluster that says nothing else.
func DefaultLimits() Limits { return state.DefaultLimits() }

// New returns the state that every cluster begins with, under DefaultLimits.
func New() *Machine { return NewLimited(DefaultLimits()) }

// NewLimited returns the state that a cluster with these limits begins with: three channels and nobody in them.
func NewLimited(limits Limits) *Machine {
	m := &Machine{State: &state.State{Limits: limits}}
	m.createChannel(GeneralChannel, 1)
	for i, name := range [...]string{state.General - 1: "general", state.Random - 1: "random", state.Tech - 1: "tech"} {
		m.MakeChannel(&state.Place{ID: state.PlaceID(i + 1), Name: name, Join: state.JoinOpen})
	}
	return m
}

// Apply executes one committed command and returns its reply. Bytes that are no command are refused like any other
// command that can't be done. Nothing is uploaded to a machine that stands alone.
func (m *Machine) Apply(at node.Applied, command []byte) []byte {
	return m.ApplyNaming(at, nil, command)
}

// ApplyNaming is Apply with a place to name the contents of files.
func (m *Machine) ApplyNaming(at node.Applied, blobs node.Names, command []byte) []byte {
	if len(command) > 0 && command[0] == bodyVersion {
		return m.Reply(m.applyTeam(at, blobs, command))
	}
	return m.applyAnonymous(at, command)
}

// Query answers from the state as it is and changes nothing.
func (m *Machine) Query(query []byte) []byte {
	if len(query) > 0 && query[0] == bodyVersion {
		reply, refusal := m.answerTeam(query)
		return state.AppendReply(make([]byte, 0, replyBytes), reply, refusal)
	}
	return m.queryAnonymous(query)
}

// replyBytes is room for most answers, which are soon read and forgotten.
const replyBytes = 512

// bodyVersion is the first byte of the commands and queries of the team tool. A change of any layout takes a new
// kind; the old one stays readable.
const bodyVersion = 2

// bodyBytes is room for most of them.
const bodyBytes = 128

// AppendCommand appends a command's bytes: what Apply reads.
//
//	u8 version=2 | u8 kind | head | the command's fields
func AppendCommand(dst []byte, h state.Head, c state.Command) []byte {
	return state.Append(state.Append(append(slices.Grow(dst, bodyBytes), bodyVersion, c.Kind()), &h), c)
}

// AppendQuery appends a query's bytes: what Query reads.
//
//	u8 version=2 | u8 kind | head | the query's fields
func AppendQuery(dst []byte, h state.Head, q state.Query) []byte {
	return state.Append(state.Append(append(slices.Grow(dst, bodyBytes), bodyVersion, q.Kind()), &h), q)
}

func (m *Machine) applyTeam(at node.Applied, blobs node.Names, body []byte) (state.Coded, *state.Refusal) {
	if at.Level < node.LevelTeam {
		return nil, state.Refusef(state.NotYet, "NOT_YET", "Some node still runs a release that does not know the command.")
	}
	if len(body) < 2 || int(body[1]) >= len(commands) || commands[body[1]].make == nil {
		return nil, refuseKind("command")
	}
	spec := &commands[body[1]]
	command := spec.make()
	var head state.Head
	if m.DecodeCommand(body[2:], &head, command) != nil {
		return nil, refuseBytes
	}
	if refusal := command.Check(&m.Limits); refusal != nil {
		return nil, refusal
	}
	t := &m.txn
	*t = state.Txn{View: state.View{State: m.State}, At: at, Wall: head.Wall, Blobs: blobs}
	if !spec.anonymous {
		var refusal *state.Refusal
		if t.User, t.Login, refusal = m.Authenticate(&head); refusal != nil {
			return nil, refusal
		}
		if !t.User.ID.Named(at.Principal) {
			return nil, state.Refusef(state.Precondition, "SESSION_FOREIGN", "The client session, or the request id, is another user's.")
		}
	}
	return command.Apply(t)
}

func (m *Machine) answerTeam(body []byte) (state.Coded, *state.Refusal) {
	if len(body) < 2 || int(body[1]) >= len(queries) || queries[body[1]].make == nil {
		return nil, refuseKind("query")
	}
	spec := &queries[body[1]]
	query := spec.make()
	var head state.Head
	if state.Decode(body[2:], &both{&head, query}) != nil {
		return nil, refuseBytes
	}
	v := &state.View{State: m.State}
	if !spec.anonymous {
		var refusal *state.Refusal
		if v.User, v.Login, refusal = m.Authenticate(&head); refusal != nil {
			return nil, refusal
		}
	}
	return query.Answer(v)
}

var refuseBytes = state.Refusef(state.Malformed, "MALFORMED", "The request's bytes make no sense.")

func refuseKind(what string) *state.Refusal {
	return state.Refusef(state.Malformed, "VERSION", "This cluster knows no such %s.", what)
}

// both is one value behind another.
type both struct {
	first  state.Coded
	second state.Coded
}

// Code passes both.
func (b *both) Code(c *state.Coder) {
	b.first.Code(c)
	b.second.Code(c)
}

// Advance lets pass what ends with an entry: logins, secrets and locks, and what is too old to be kept. Nothing is
// uploaded to a machine that stands alone.
func (m *Machine) Advance(at node.Applied) { m.AdvanceNaming(at, nil) }

// AdvanceNaming is Advance with a place to name the contents of files.
func (m *Machine) AdvanceNaming(at node.Applied, blobs node.Names) {
	if at.Level >= node.LevelTeam {
		m.State.Advance(at)
		m.sweep(at, blobs)
	}
	m.advanceLocks(at)
}

// NextDeadline is the log time from which on the next Advance has something to do.
func (m *Machine) NextDeadline() (raft.LogTime, bool) {
	lock, locked := m.nextLockDeadline()
	at, ok := m.State.NextDeadline()
	if locked && (!ok || lock < at) {
		return lock, true
	}
	return at, ok
}

// Reader makes the word for whom a stream is for; see node.Event.Reader.
//
//	u64 user | head
func Reader(user state.UserID, h state.Head) string {
	return state.Key(uint64(user)) + string(state.Append(nil, &h))
}

// Admits says whether the login behind a stream lives. A stream of nobody's sees what is for nobody in particular.
func (m *Machine) Admits(reader string) bool {
	if reader == "" {
		return true
	}
	var h state.Head
	if len(reader) < 8 || state.Decode([]byte(reader[8:]), &h) != nil {
		return false
	}
	user, _, refusal := m.Authenticate(&h)
	return refusal == nil && user.ID == state.UserID(state.KeyPart(reader, 0))
}

// MayRead says whether a reader who is admitted may see what concerns the audience.
func (m *Machine) MayRead(reader, audience string) bool {
	var a state.Audience
	if audience == "" {
		return true
	}
	return reader != "" && state.Decode([]byte(audience), &a) == nil && m.State.MayRead(state.UserID(state.KeyPart(reader, 0)), a)
}

// Dismissed changes whenever a login ends.
func (m *Machine) Dismissed() uint64 { return m.Revocations }

// EventsAfter returns the frames of positions above from: the body of each is a list of events.
//
//	each: u32 length | event
func (m *Machine) EventsAfter(from raft.Position, max int) ([]node.EventFrame, bool) {
	return m.State.EventsAfter(from, max, m.render)
}

// DecodeBodies cuts a frame's body into its events.
func DecodeBodies(body []byte) (events [][]byte, err error) {
	for len(body) > 0 {
		if len(body) < 4 || uint64(binary.LittleEndian.Uint32(body)) > uint64(len(body)-4) {
			return nil, state.ErrMalformed
		}
		n := 4 + int(binary.LittleEndian.Uint32(body))
		events = append(events, body[4:n])
		body = body[n:]
	}
	return events, nil
}

// StateHash returns the hash of all replicated state.
func (m *Machine) StateHash() node.Hash { return m.Hash() }

// RecomputeHash computes the state hash from the rows alone. It must always equal StateHash.
func (m *Machine) RecomputeHash() node.Hash { return m.Recompute() }

// Clone returns an independent copy in a few words; both share their rows until one of them changes.
func (m *Machine) Clone() node.StateMachine { return &Machine{State: m.State.Clone()} }

// Refound makes the state that of a new cluster: see state.State.
func (m *Machine) Refound(at node.Applied, secret [32]byte) {
	if at.Level >= node.LevelTeam {
		m.State.Refound(at, secret)
	}
}

// Restore replaces the state by that of a snapshot. Everybody's stream is looked at anew: what login ended in between
// the snapshot does not say. The count goes on from the state's hash, not from where another one may stand that was restored
// before, or never.
func (m *Machine) Restore(r io.Reader) error {
	err := m.Tables.Restore(r)
	m.Revocations = m.Hash()[0]
	return err
}
