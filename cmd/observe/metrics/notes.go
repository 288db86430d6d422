package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"parley/raft"
	"parley/raft/blob"
	"parley/raft/node"
)

// notes are the counters that the notes of Steps drive.
type notes struct {
	elections, leaderships, leaders, quorumsLost   prometheus.Counter
	appended, applied, truncated, rejected, breach prometheus.Counter
	transfers, configs, dropped, sessions          prometheus.Counter
	holes, filled, rounds, leased                  prometheus.Counter
	snapshots, snapshotsFailed, installs, fetches  prometheus.Counter
	snapshotBytes                                  prometheus.Gauge
	blobs                                          [blob.NoteWrong + 1]prometheus.Counter

	fetching raft.Index // the snapshot that comes, or came last
}

// blobEvents names the notes of blobs in a label.
var blobEvents = [...]string{
	blob.NoteHeld: "held", blob.NoteLost: "lost", blob.NoteCollected: "collected",
	blob.NoteConfirmed: "confirmed", blob.NoteRetry: "retry", blob.NoteWrong: "wrong",
}

func (n *notes) init(m *Metrics) {
	n.elections = m.counter("parley_raft_elections_total", "Elections in which this node was a candidate.")
	n.leaderships = m.counter("parley_raft_leaderships_total", "Elections that this node won.")
	n.leaders = m.counter("parley_raft_leader_changes_total", "Leaders that this node came to know.")
	n.quorumsLost = m.counter("parley_raft_quorum_lost_total", "Times that this node stepped down as leader because no quorum answered.")
	n.transfers = m.counter("parley_raft_transfers_total", "Times that this node offered its leadership to another.")
	n.configs = m.counter("parley_raft_config_changes_total", "Configurations of the membership that took effect here.")
	n.appended = m.counter("parley_raft_appended_entries_total", "Entries that were appended to this node's log.")
	n.applied = m.counter("parley_raft_applied_entries_total", "Entries that were applied to this node's state.")
	n.truncated = m.counter("parley_raft_truncations_total", "Times that the end of this node's log was cut because a leader had other entries.")
	n.rejected = m.counter("parley_raft_rejects_total", "Appends of this node, as leader, that did not fit a follower's log.")
	n.rounds = m.counter("parley_raft_read_rounds_total", "Rounds of heartbeats that a quorum answered to this node as leader.")
	n.leased = m.counter("parley_raft_lease_reads_total", "Times that reads were answered under a lease.")
	n.dropped = m.counter("parley_raft_dropped_messages_total", "Messages of peers that were not for this node, or made no sense.")
	n.breach = m.counter("parley_raft_breaches_total", "Messages of peers that contradicted what is proven. Must stay 0.")
	n.holes = m.counter("parley_log_holes_total", "Ranges of entries that the disk lost and no leader gave back.")
	n.filled = m.counter("parley_log_repaired_entries_total", "Entries that the disk lost and a peer gave back.")
	n.sessions = m.counter("parley_sessions_opened_total", "Client sessions that were opened.")
	n.snapshots = m.counter("parley_snapshots_total", "Snapshots that are durable on this node, its own and those that came from a peer.")
	n.snapshotBytes = m.gauge("parley_snapshot_bytes", "Size of the newest snapshot.")
	n.snapshotsFailed = m.counter("parley_snapshot_failures_total", "Tasks on snapshots that failed, and are done again.")
	n.installs = m.counter("parley_snapshot_installs_total", "Snapshots of a peer that took the place of this node's state.")
	n.fetches = m.counter("parley_snapshot_fetches_total", "Snapshots whose download from a peer began.")
	blobs := m.counters("parley_blob_events_total", "What happened to contents of files on this node: held from now on, lost, collected because nothing names it, "+
		"confirmed by a majority, a fetch that is to be tried again (retry), or other content than was asked for (wrong).", "event")
	for i, event := range blobEvents {
		if event != "" {
			n.blobs[i] = blobs.WithLabelValues(event)
		}
	}
}

// Notes counts what a Step did. It is called on the loop (host.Config.OnNotes), and allocates nothing.
func (m *Metrics) Notes(all []raft.Note) {
	n := &m.notes
	for i := range all {
		switch note := &all[i]; note.Kind {
		case raft.NoteAppend:
			n.appended.Inc()
		case raft.NoteApply:
			n.applied.Inc()
		case raft.NoteRole:
			switch raft.Role(note.A) {
			case raft.Candidate:
				n.elections.Inc()
			case raft.Leader:
				n.leaderships.Inc()
			}
		case raft.NoteLeader:
			n.leaders.Inc()
		case raft.NoteQuorumLost:
			n.quorumsLost.Inc()
		case raft.NoteTransfer:
			n.transfers.Inc()
		case raft.NoteConfig:
			n.configs.Inc()
		case raft.NoteTruncate:
			n.truncated.Inc()
		case raft.NoteReject:
			n.rejected.Inc()
		case raft.NoteRound:
			n.rounds.Inc()
		case raft.NoteLease:
			n.leased.Inc()
		case raft.NoteBreach:
			n.breach.Inc()
		case raft.NoteHole:
			n.holes.Inc()
		case raft.NoteFill:
			n.filled.Inc()
		case raft.NoteInstall:
			n.installs.Inc()
		case node.NoteDropped:
			n.dropped.Inc()
		case node.NoteSession:
			n.sessions.Inc()
		case node.NoteSnapshot:
			n.snapshots.Inc()
			n.snapshotBytes.Set(float64(note.A))
		case node.NoteSnapshotFailed:
			n.snapshotsFailed.Inc()
		case node.NoteFetch:
			if note.Index != n.fetching { // the others tell how far it has come
				n.fetching = note.Index
				n.fetches.Inc()
			}
		case node.NoteBlob:
			if k := note.B & 0xff; k < uint64(len(n.blobs)) && n.blobs[k] != nil {
				n.blobs[k].Inc()
			}
		}
	}
}
