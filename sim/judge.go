package sim

import (
	"fmt"
	"time"

	"parley/sim/linear"
)

// Violation says which invariant broke, in the paper's words, and where.
type Violation struct {
	Invariant string
	Reason    string
	Report    string        // who waits for what, for liveness
	Event     uint64        // the event after which it was seen
	At        time.Duration // in simulated time
}

// The invariants, as verdicts name them.
const (
	ElectionSafety     = "election-safety"
	LeaderAppendOnly   = "leader-append-only"
	LogMatching        = "log-matching"
	LeaderCompleteness = "leader-completeness"
	StateMachineSafety = "state-machine-safety"
	CommitRule         = "commit-rule"
	ElectionRule       = "election-rule"
	Leases             = "leases"
	Rounds             = "rounds"
	Membership         = "membership"
	Promises           = "promises"
	Durability         = "durability"
	Recovery           = "recovery"
	Absence            = "absence"
	ExactlyOnce        = "exactly-once"
	StateHash          = "state-hash"
	Monotonic          = "monotonic"
	Streams            = "streams"
	SessionOrder       = "session-order"
	Linearizability    = "linearizability"
	Liveness           = "liveness"
	Breaches           = "protocol-breach"
	Codecs             = "codec"
	Stopped            = "stopped"
	Runaway            = "runaway"
	Panicked           = "panic"
	StateRot           = "state-rot"
	BlobDurability     = "blob-durability"
	BlobContent        = "blob-content"
	Collection         = "collection"
	Survivor           = "survivor"
	LockExclusion      = "lock-exclusion"
	Fences             = "fences"
	Line               = "line"
	Revisions          = "revisions"
	Corruption         = "corruption"
	Addresses          = "addresses"
	Upkeep             = "upkeep"
	Team               = "team"
	Secrecy            = "secrecy"
	Logins             = "logins"
	Presence           = "presence"
	Backups            = "backups"
	Bounds             = "bounds"
)

// invariants says each in a sentence, those of Figure 3 as the paper has them.
var invariants = []struct{ name, sentence string }{
	{ElectionSafety, "At most one leader can be elected in a given term."},
	{LeaderAppendOnly, "A leader never overwrites or deletes entries in its log; it only appends new entries."},
	{LogMatching, "If two logs contain an entry with the same index and term, then the logs are identical in all entries up through the given index."},
	{LeaderCompleteness, "If a log entry is committed in a given term, then that entry will be present in the logs of the leaders for all higher-numbered terms."},
	{StateMachineSafety, "If a server has applied a log entry at a given index to its state machine, no other server will ever apply a different log entry for the same index."},
	{CommitRule, "A leader raises commitIndex only to an entry of its own term that a majority stores."},
	{ElectionRule, "Only a voter campaigns, and it leads only when a majority, in both halves if the configuration is joint, has its vote for it on disk."},
	{Leases, "Who has given his word for a lease votes for nobody before its time is over, and while a leader holds a lease nobody else is elected."},
	{Rounds, "Who answers a leader's round has heard that round, in that term."},
	{Membership, "A leader changes the membership only when an entry of its own term is committed, and the change before."},
	{Promises, "A vote, a vote request or an acknowledgement leaves only when the disk holds what it promises."},
	{Durability, "An acknowledged write is never lost."},
	{Recovery, "After any crash a node starts, and finds what its disk had synced."},
	{Absence, "Damage never becomes absence: what a node acknowledged and lost it neither denies nor acknowledges nor serves."},
	{ExactlyOnce, "A command takes effect once, however often it is sent."},
	{StateHash, "Nodes that applied the same entries hold the same state."},
	{Monotonic, "currentTerm, commitIndex and lastApplied never fall."},
	{Streams, "A subscriber sees every event once and in order."},
	{SessionOrder, "A client's next operation takes effect after the one it has an answer to."},
	{Linearizability, "Every operation takes effect at one instant between its call and its answer."},
	{Liveness, "Once a majority is healthy, all that is pending finishes."},
	{Breaches, "Nodes that keep to the protocol never see it broken."},
	{Codecs, "What one node encodes another decodes."},
	{Stopped, "A node stops only when its disk failed, or its state is not that of the others."},
	{StateRot, "A node whose state is not that of the others finds out, tells them and stops."},
	{BlobDurability, "A confirmed file is on a majority until its pin has expired and no place has it."},
	{BlobContent, "A file that is read is the one that was uploaded."},
	{Collection, "What nothing wants any more goes from the disks when the log has passed its grace."},
	{Survivor, "Of any one node a new cluster can be made that has all that its disk had synced."},
	{LockExclusion, "A lock has one holder, who keeps it for its time; only the live fence renews and releases it."},
	{Fences, "The fences of a lock rise with every grant, so that what was written under an older one is refused."},
	{Line, "Who waits for a lock is served in the order in which he came."},
	{Revisions, "A revision of a document never changes, and each has the next number."},
	{Corruption, "A message in which bits turned on its way is refused."},
	{Addresses, "A message that is for another node is refused."},
	{Upkeep, "A snapshot is made when it is due, and once begun does not wait for ever; it reaches to where the log begins."},
	{Team, "What a command under a login does, what it is answered and what is told of it are what a plain model makes of the agreed log."},
	{Secrecy, "Nobody is shown, on any node, what he may not see at the position that the answer or frame carries."},
	{Logins, "When a login has ended nothing is done, answered or shown under it."},
	{Presence, "When all is quiet, whoever has a stream is online, and nobody else."},
	{Backups, "A backup has all that was acknowledged before it was asked for, and the cluster made of it begins above all that the old one came to."},
	{Bounds, "A node sends, applies, pushes and holds uncommitted no more at a time than its bounds say."},
	{Runaway, "A run ends: no node works without end."},
	{Panicked, "The impossible does not happen."},
}

// Sentence returns what an invariant says; empty for an unknown name.
func Sentence(invariant string) string {
	for _, i := range invariants {
		if i.name == invariant {
			return i.sentence
		}
	}
	return ""
}

// Invariants returns the names of all invariants: of all verdicts but ok.
func Invariants() (names []string) {
	for _, i := range invariants {
		names = append(names, i.name)
	}
	return names
}

// judges watch a run. Each gets what happened, as it happens, and costs next to
// nothing for an event that does not concern it.
type judges struct {
	election election
	logs     logs
	applied  applied
	clients  linear.Witness
	locks    locks
}

// violate ends the run with a verdict; the first one counts. Blind runs leave out
// what only somebody who looks into disks, or into all memories at once, could know.
func (w *World) violate(invariant, format string, args ...any) {
	if w.blind && (invariant == CommitRule || invariant == ElectionRule || invariant == Leases || invariant == Promises || invariant == Recovery || invariant == Absence ||
		invariant == StateHash || invariant == Survivor || invariant == Backups) {
		return
	}
	if w.violation == nil {
		w.violation = &Violation{
			Invariant: invariant,
			Reason:    fmt.Sprintf(format, args...),
			Event:     w.trace.events,
			At:        time.Duration(w.now),
		}
	}
}
