package sim

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"

	"parley/raft"
	"parley/raft/node"
)

// checkpointEvents is how many events one checkpoint of the trace covers. Two
// runs that differ are compared by checkpoints first, and only that stretch is
// run again as text.
const checkpointEvents = 1024

// trace is the record of a run: a compact binary record of every event, hashed
// as it grows, and, only if somebody asked for it, a line of text.
//
//	checkpoint n = SHA-256(checkpoint n-1 | records of 1,024 events)
//
// A record is little-endian and needs no terminator, because its kind says what
// follows: u64 time | u64 kind, who | details… | notes… . What happens when and to whom is in it, what clients are
// answered, and the checksum of each message that arrives, so that equal hashes mean equal runs.
type trace struct {
	events      uint64
	buf         []byte
	checkpoints [][sha256.Size]byte

	text     io.Writer // nil: nobody reads the lines
	lines    bool      // lines are made
	from, to uint64    // events for which lines are made
	line     []byte
	notes    []byte
	head     int    // length of what stands before the line's words
	who      string // whom the event happens to
	err      error  // of text
}

// begin opens the record of an event.
func (t *trace) begin(e *event) {
	t.events++
	buf := binary.LittleEndian.AppendUint64(t.buf, uint64(e.at))
	t.buf = binary.LittleEndian.AppendUint64(buf, uint64(e.kind)<<32|uint64(uint32(e.who)))
	if t.on() {
		t.who = e.actor()
		t.line = fmt.Appendf(t.line[:0], "%8d %14s  %-4s ", t.events, formatClock(e.at), t.who)
		t.head = len(t.line)
		t.notes = t.notes[:0]
	}
}

// on reports whether a line is being made; details cost nothing otherwise.
func (t *trace) on() bool { return t.lines && t.events >= t.from && t.events <= t.to }

// put adds a number to the record.
func (t *trace) put(x uint64) { t.buf = binary.LittleEndian.AppendUint64(t.buf, x) }

// say adds to the line; callers ask on first.
func (t *trace) say(format string, args ...any) { t.line = fmt.Appendf(t.line, format, args...) }

// add says what an event brought about, behind its own words.
func (t *trace) add(format string, args ...any) {
	t.notes = append(t.notes, "; "...)
	t.notes = fmt.Appendf(t.notes, format, args...)
}

// note records a note of a node.
func (t *trace) note(n *raft.Note) {
	buf := binary.LittleEndian.AppendUint64(t.buf, uint64(n.Kind)|uint64(n.Peer)<<8|n.A<<16)
	buf = binary.LittleEndian.AppendUint64(buf, uint64(n.Term))
	t.buf = binary.LittleEndian.AppendUint64(buf, uint64(n.Index))
	if t.on() {
		if s := describeNote(n); s != "" {
			t.add("%s", s)
		}
	}
}

// end closes the record.
func (t *trace) end() {
	if t.on() {
		t.endLine()
	}
	if t.events%checkpointEvents == 0 {
		t.checkpoint()
	}
}

// endLine writes the line to whoever reads the text.
func (t *trace) endLine() {
	t.line = append(t.line, t.notes...)
	t.line = append(t.line, '\n')
	if t.text != nil {
		if _, err := t.text.Write(t.line); err != nil && t.err == nil {
			t.err = err
		}
	}
}

// words returns what the line of the event that just ended says about it.
func (t *trace) words() []byte { return t.line[t.head : len(t.line)-1] }

func (t *trace) checkpoint() {
	h := sha256.New()
	if n := len(t.checkpoints); n > 0 {
		h.Write(t.checkpoints[n-1][:])
	}
	h.Write(t.buf)
	t.buf = t.buf[:0]
	t.checkpoints = append(t.checkpoints, [sha256.Size]byte(h.Sum(nil)))
}

// finish closes the last checkpoint and returns the hash of the whole run.
func (t *trace) finish() [sha256.Size]byte {
	t.checkpoint()
	return t.checkpoints[len(t.checkpoints)-1]
}

// actor names whom an event happens to: "n2" a node, "c1" a client, "s1" a subscriber.
func (e *event) actor() string {
	switch e.kind {
	case eventFault, eventFaultEnds, eventHeal, eventOperator, eventFlap:
		return "-"
	case eventOperation, eventAnswer, eventLost, eventCaller, eventQuit:
		return fmt.Sprintf("c%d", e.who)
	case eventUploader, eventFileAnswer:
		return fmt.Sprintf("u%d", e.who)
	case eventFrame, eventSubscribe:
		return fmt.Sprintf("s%d", e.who)
	}
	return fmt.Sprintf("n%d", e.who)
}

// formatClock prints simulated time in seconds with all nine decimals.
func formatClock(ns int64) string { return fmt.Sprintf("%d.%09ds", ns/1e9, ns%1e9) }

// describeNote says a note in a few words; empty for those that only repeat what the
// line says already.
func describeNote(n *raft.Note) string {
	switch n.Kind {
	case raft.NoteRole:
		return fmt.Sprintf("now %s, term %d", raft.Role(n.A), n.Term)
	case raft.NoteTerm:
		return fmt.Sprintf("term %d", n.Term)
	case raft.NoteVote:
		return fmt.Sprintf("votes for %d in term %d", n.Peer, n.Term)
	case raft.NoteLeader:
		return fmt.Sprintf("follows %d in term %d", n.Peer, n.Term)
	case raft.NoteAppend:
		return fmt.Sprintf("appends %d", n.Index)
	case raft.NoteTruncate:
		return fmt.Sprintf("truncates from %d", n.Index)
	case raft.NoteStored:
		return fmt.Sprintf("stored %d", n.Index)
	case raft.NoteCommit:
		return fmt.Sprintf("commit %d", n.Index)
	case raft.NoteMatch:
		return fmt.Sprintf("match of %d is %d", n.Peer, n.Index)
	case raft.NoteReject:
		return fmt.Sprintf("%d rejects at %d", n.Peer, n.Index)
	case raft.NoteRound:
		return fmt.Sprintf("round %d answered", n.A)
	case raft.NoteQuorumLost:
		return "no quorum answers"
	case raft.NoteConfig:
		return fmt.Sprintf("configuration of %d in force", n.Index)
	case raft.NoteApply:
		return fmt.Sprintf("applies %d", n.Index)
	case raft.NoteLease:
		return fmt.Sprintf("a lease holds, round %d was the last", n.A)
	case raft.NoteFormed:
		return "accepts the formation"
	case node.NoteSnapshotBegun:
		return fmt.Sprintf("begins a snapshot up to %d", n.Index)
	case node.NoteSnapshot:
		return fmt.Sprintf("has a snapshot up to %d", n.Index)
	case node.NoteAgreed:
		return fmt.Sprintf("a majority has its state of %d", n.Index)
	}
	return fmt.Sprintf("note %d", n.Kind)
}

// describeMessage says a message in one short phrase, with only the fields that its
// kind uses.
func describeMessage(dst []byte, m *raft.Message) []byte {
	dst = fmt.Appendf(dst, "%s %d>%d", m.Kind, m.From.ID, m.To.ID)
	switch m.Kind {
	case raft.MsgPreVote, raft.MsgVote:
		return fmt.Appendf(dst, " term=%d last=%d/%d", m.Term, m.LastIndex, m.LastTerm)
	case raft.MsgPreVoteReply, raft.MsgVoteReply:
		return fmt.Appendf(dst, " term=%d granted=%s", m.Term, yesNo(m.Granted))
	case raft.MsgAppend:
		return fmt.Appendf(dst, " term=%d prev=%d/%d +%d commit=%d seq=%d", m.Term, m.PrevIndex, m.PrevTerm, len(m.Entries), m.Commit, m.Seq)
	case raft.MsgAppendReply:
		if m.Granted {
			return fmt.Appendf(dst, " term=%d matched=%d seq=%d", m.Term, m.Matched, m.Seq)
		}
		return fmt.Appendf(dst, " term=%d rejected hint=%d/%d seq=%d", m.Term, m.HintIndex, m.HintTerm, m.Seq)
	case raft.MsgHeartbeat:
		return fmt.Appendf(dst, " term=%d round=%d commit=%d", m.Term, m.Round, m.Commit)
	case raft.MsgHeartbeatReply:
		return fmt.Appendf(dst, " term=%d round=%d accepted=%d", m.Term, m.Round, m.Accepted)
	case raft.MsgReadIndex:
		return fmt.Appendf(dst, " term=%d question=%d", m.Term, m.Seq)
	case raft.MsgReadIndexReply:
		return fmt.Appendf(dst, " term=%d question=%d granted=%s index=%d", m.Term, m.Seq, yesNo(m.Granted), m.Commit)
	}
	return dst
}
