package sim

import (
	"time"

	"parley/raft"
)

// Each link has two lanes, as each peer has two connections in production (raft/host): what the
// cluster lives on, and pieces of snapshots and blobs, which come in masses and in no hurry. A
// lane that keeps the order of its messages keeps it by itself, has its own room, and the bulk lane
// may have delays of its own. So neither waits behind the other, and nobody may count on
// an order between them.

// laneKind names a lane.
type laneKind uint8

const (
	laneProtocol laneKind = iota
	laneBulk
	lanes // how many there are
)

// laneOf returns the lane that a kind of message takes.
func laneOf(k raft.MessageKind) laneKind {
	if k.Bulk() {
		return laneBulk
	}
	return laneProtocol
}

// lane is what is under way on one lane of one link.
type lane struct {
	last  int64 // arrival of the message sent last, for FIFO
	under int64 // packets on it
}

// BulkPlan says what the bulk lanes are like. Zero fields: like the others.
type BulkPlan struct {
	Delay    time.Duration // least one-way delay
	Spread   time.Duration // mean of the exponential part on top
	Capacity int64         // packets that a lane holds; more are dropped
}

// traffic tells messages apart whose fates are drawn apart, so that one more of a kind
// moves the fate of no other.
type traffic uint8

const (
	trafficProtocol traffic = iota
	trafficBlobs
	trafficReports
	trafficChunks
	trafficNotices
	traffics // how many there are
)

// trafficPurposes are the keys of their chances.
var trafficPurposes = [traffics]purpose{purposeLink, purposeBulk, purposeReport, purposeChunk, purposeNotice}

func trafficOf(k raft.MessageKind) traffic {
	switch k {
	case raft.MsgReport:
		return trafficReports
	case raft.MsgBlob, raft.MsgPin:
		return trafficBlobs
	case raft.MsgNotice:
		return trafficNotices
	case raft.MsgSnapshotChunk:
		return trafficChunks
	}
	return trafficProtocol
}

// overflows counts a message that found its lane full.
func (w *World) overflows(on laneKind) {
	w.cover.Overflowed++
	if on == laneBulk {
		w.cover.BulkFull++
	}
	if w.trace.on() {
		w.trace.notes = append(w.trace.notes, " (finds the link full)"...)
	}
}
