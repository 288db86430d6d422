package node

import (
	"encoding/binary"
	"slices"
	"time"

	"parley/raft"
	"parley/raft/blob"
)

// Notes about blobs, beside those of raft. A is the first eight bytes of the sum, big-endian.
const (
	// NotePinned: the entry at Index pinned a blob.
	NotePinned raft.NoteKind = 120 + iota
	// NoteBlob: what a blob.Note says; B is its kind, and 256 times its fault.
	NoteBlob
	// NoteCaughtUp: what was committed when this process started is applied.
	NoteCaughtUp
	// NotePlaces: a change of voters waits because B blobs, one of them A, are not where it needs them.
	NotePlaces
)

// blobs is the node's blob.Replicator and its wires: what happened in a Step is collected and
// handed to it at the end, when the entries of the Step are applied.
//
//	messages, done operations, confirmations ──┐
//	configurations, applied entries, wants ────┴──► Replicator ──► Output.Send, Output.Blobs, uploads
//
// Before anything is collected the node makes a linearizable read of its own: once that is answered, all
// that was committed when this process started is applied [T§6.4].
type blobs struct {
	replicator *blob.Replicator // nil until the node is a member
	in         []blob.Input     // of this Step
	out        blob.Output
	wakeAt     raft.Mono
	config     raft.Index // of the configuration that it was told
	reading    bool       // the read for it is under way
	readAt     raft.Mono  // the next one

	refused   raft.Configuration // that mayAdopt did not allow last
	refusedAt raft.Mono
	verdict   blob.Verdict // over it, if it was in this Step
}

const (
	// ownRead is the ticket of the node's own read.
	ownRead Ticket = 1<<64 - 1
	// ownPin is the ticket of pins that are proposed: their callers wait in uploads.
	ownPin Ticket = 1<<64 - 2
	// ownTell is the ticket of what the state machine is told: nobody waits for it.
	ownTell Ticket = 1<<64 - 3
	// catchUpEvery is how often a read that was refused is repeated.
	catchUpEvery = 500 * time.Millisecond
	// judgeEvery is how long the verdict over a change that is not allowed stands: it looks at every blob.
	judgeEvery = 100 * time.Millisecond
)

// drawRun is the purpose of the number of a process's run.
const drawRun = 0x626c6f6273 // "blobs"

// openBlobs starts the replicator over what the directory holds.
func (n *Node) openBlobs(found blob.Found) {
	run := raft.Mix(n.settings.Seed, drawRun, uint64(n.self.ID), uint64(n.self.Inc), uint64(n.now))
	b := &n.blobs
	b.replicator = blob.New(blob.Config{Self: n.self, Run: run, Options: n.settings.Blobs, Found: found}, n.now)
	b.wakeAt = n.now
	b.readAt = n.now
	n.uploads.run = run
	config := n.raft.Config()
	n.blobs.config = n.raft.ConfigIndex()
	n.blobInput(blob.Input{Kind: blob.InputMembers, Config: &config, Index: b.config})
	n.resetBlobs()
}

// resetBlobs tells the replicator a whole state.
func (n *Node) resetBlobs() {
	if n.blobs.replicator != nil {
		n.blobInput(blob.Input{Kind: blob.InputReset, Position: positionOf(n.applied), Time: n.logTime, Wants: n.pins.table.Wants()})
	}
}

// blobInput collects what happened in this Step. First comes what time it is by the log, whose last entry
// may be old.
func (n *Node) blobInput(in blob.Input) {
	b := &n.blobs
	if len(b.in) == 0 {
		b.in = append(b.in, blob.Input{Kind: blob.InputClock, Time: n.logTime.Add(n.now.Sub(n.appliedAt))})
	}
	b.in = append(b.in, in)
}

// blobMessage takes a message of another replicator.
func (n *Node) blobMessage(m *raft.Message) {
	body, err := blob.DecodeMessage(m.Payload)
	if err != nil {
		n.drop(m, droppedGarbage)
		return
	}
	body.From, body.To = m.From, m.To
	n.blobInput(blob.Input{Kind: blob.InputMessage, Message: body})
}

// blobDone takes what came of an operation on the store.
func (n *Node) blobDone(d *blob.Done) {
	n.blobInput(blob.Input{Kind: blob.InputDone, Done: d})
	n.uploads.done(n, d)
}

// tickBlobs asks how far this node must come to know all that was committed when it started.
func (n *Node) tickBlobs() {
	b := &n.blobs
	if b.replicator == nil || b.reading || !b.replicator.Waits() {
		return
	}
	if n.now < b.readAt {
		n.wake(b.readAt)
		return
	}
	b.reading, b.readAt = true, n.now.Add(catchUpEvery)
	n.in = append(n.in, raft.Input{Kind: raft.InputRead, Ticket: uint64(ownRead), Own: true})
}

// caughtUpAt takes the answer to the node's own read: everything up to the index is applied.
func (n *Node) caughtUpAt(i raft.Index) {
	n.blobs.reading = false
	n.blobInput(blob.Input{Kind: blob.InputCaughtUp})
	n.note(raft.Note{Kind: NoteCaughtUp, Index: i})
}

// followConfig tells the replicator the configuration in force when that has changed.
func (n *Node) followConfig() {
	b := &n.blobs
	if b.replicator == nil {
		return
	}
	if v := &b.verdict; v.Missing > 0 {
		n.note(raft.Note{Kind: NotePlaces, A: tagOf(v.First), B: uint64(v.Missing)})
		*v = blob.Verdict{}
	}
	changed := slices.ContainsFunc(n.out.Notes, func(note raft.Note) bool { return note.Kind == raft.NoteConfig })
	if changed {
		config := n.raft.Config()
		b.config = n.raft.ConfigIndex()
		n.blobInput(blob.Input{Kind: blob.InputMembers, Config: &config, Index: b.config})
	}
}

// followTable tells the replicator what the entry that was just applied made of the table.
func (n *Node) followTable() {
	for _, c := range n.pins.table.Changes() {
		in := blob.Input{Kind: blob.InputUnwant, Position: positionOf(n.applied), Time: n.logTime, Want: c.Want}
		if c.Wanted {
			in.Kind = blob.InputWant
		}
		n.blobInput(in)
	}
}

// stepBlobs hands the replicator what happened and acts on what it says.
func (n *Node) stepBlobs(appliedBefore raft.Index) {
	b := &n.blobs
	if b.replicator == nil {
		return
	}
	if n.applied != appliedBefore {
		n.blobInput(blob.Input{Kind: blob.InputApplied, Position: positionOf(n.applied), Time: n.logTime})
	}
	if len(b.in) == 0 && n.now < b.wakeAt {
		n.wake(b.wakeAt)
		return
	}
	out := &b.out
	out.Reset()
	b.replicator.Step(n.now, b.in, out)
	clear(b.in)
	b.in = b.in[:0]
	b.wakeAt = out.WakeAt
	n.wake(b.wakeAt)
	for i := range out.Send {
		m := &out.Send[i]
		n.sendTo(m.To, raft.MsgBlob, blob.AppendMessage(nil, m))
	}
	n.out.Blobs = append(n.out.Blobs, out.Disk...)
	for i := range out.Notes {
		note := &out.Notes[i]
		n.note(raft.Note{Kind: NoteBlob, Peer: note.Peer, A: tagOf(note.Sum), B: uint64(note.Kind) | uint64(note.Fault)<<8})
	}
	for i := range out.Confirmed {
		n.uploads.confirmed(n, &out.Confirmed[i])
	}
	for i := range out.Failed {
		n.uploads.failed(n, &out.Failed[i])
	}
	if out.Outdated {
		n.uploads.outdated = true
		n.wake(n.now)
	}
}

// mayAdopt is what the protocol asks in the Step that is to append a configuration which moves a majority:
// whoever becomes a voter must have every blob that is named or pinned, and a majority of
// what results, in each half, must have each of them. Pins that are in the log and not applied yet
// count with the rest. A verdict against it stands for a moment; then others may have said
// what they have.
func (n *Node) mayAdopt(next *raft.Configuration) bool {
	b := &n.blobs
	if b.replicator == nil {
		return true
	}
	if n.now < b.refusedAt.Add(judgeEvery) && slices.Equal(b.refused.Members, next.Members) {
		n.wake(b.refusedAt.Add(judgeEvery))
		return false
	}
	also := n.pinsUnderWay()
	verdict := b.replicator.MayAdopt(next, also...)
	now := n.raft.Config()
	for i := range next.Members {
		m := &next.Members[i]
		if was, _ := now.Find(m.ID); verdict.OK && m.Voter && !was.Voter {
			verdict = b.replicator.MayPromote(m.ID, also...)
		}
	}
	if !verdict.OK {
		b.refused, b.refusedAt = next.Clone(), n.now
		b.verdict = verdict // noted when the protocol's Step is over: the notes are its own until then
		n.wake(n.now.Add(judgeEvery))
	}
	return verdict.OK
}

// pinsUnderWay lists the blobs that entries in the log will pin when they are applied.
func (n *Node) pinsUnderWay() (sums []blob.Sum) {
	for i := n.applied + 1; i <= n.raft.LastIndex(); i++ {
		e, ok := n.raft.EntryAt(i)
		if !ok || e.Kind != raft.EntryCommand {
			continue
		}
		if c, err := decodeEnvelope(e.Payload); err == nil && c.kind == envelopePin {
			sums = append(sums, c.pin.Sum)
		}
	}
	return sums
}

// nextCollection is the log time at which something can be collected: without other entries, a clock entry
// then sets it going.
func (b *blobs) nextCollection() (raft.LogTime, bool) {
	if b.replicator == nil {
		return 0, false
	}
	return b.replicator.DueLogTime()
}

func (b *blobs) clone() blobs {
	c := *b
	if b.replicator != nil {
		c.replicator = b.replicator.Clone()
	}
	c.in, c.out = slices.Clone(b.in), blob.Output{}
	c.refused = b.refused.Clone()
	return c
}

// tagOf is the part of a sum that notes carry.
func tagOf(sum blob.Sum) uint64 { return binary.BigEndian.Uint64(sum[:]) }
