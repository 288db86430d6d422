package sim

import "parley/raft"

// situation is a rare state of affairs, of the kind that bugs live in. Runs count which ones they reach: a fault that
// never bites, or never at the moment that matters, finds nothing, and shows here as a situation that no seed gets
// into.
type situation uint8

// The situations, by what brings them about. Those of crashes are looked at just before the crash.
const (
	crashLeaderUncommitted situation = iota
	crashLeaderAhead
	crashLeaderWaiters
	crashLeaderReads
	crashLeaderJoint
	crashLeaderFresh
	crashLeaderRemoved
	crashLeaderHanding
	crashCandidate
	crashPreCandidate
	crashLearner
	crashWriting
	crashQueued
	crashMaking
	crashFetching
	crashLoading
	crashHoles
	crashFloor
	crashIdentity
	crashPaused
	crashYoung
	crashUnapplied
	crashStoringFile
	crashOldRelease
	crashMajority
	crashAll

	startVoted
	startHoles
	startFloor
	startSnapshot
	startJoint
	startBehind
	startAhead
	startLed
	startUnformed

	cutLeaderUncommitted
	cutLeaderJoint
	cutLeaderReads
	cutLeaderLease
	cutLeaderMinority
	cutLeaderDeaf
	cutLeaderMute
	cutCandidate
	cutFetching
	cutNobody
	cutTwice

	strikePausedLeader
	strikePausedLease
	strikeFrozenLeader
	strikeDriftingLeader
	strikeStalledLeader
	strikeFullLeader
	strikeFullFetching
	strikeWipedLeader
	strikeDamagedLeader

	leadTwo
	leadThree
	leadBesideLonger
	leadBesideOlder
	leadJoint
	leadUncommitted
	leadLeaving
	leadAgain
	leadBehindTerm
	leadQuickly
	leadTransferred
	termWithoutLeader
	splitVote
	termsApart
	deposedFresh

	arriveOldAppend
	arriveOldAppendReply
	arriveOldHeartbeat
	arriveContained
	arriveConflict
	arriveCompacted
	arriveGap
	arriveAtCandidate
	arriveLateVote
	arriveVoteAtLeader
	arriveVoteTransfer
	arriveVoteLonger
	arriveVoteShorter
	arriveVoteTwice
	arrivePreVoteLoyal

	arriveTakeoverLate
	arriveForGone
	arriveFromGone
	arriveFromRemoved
	arriveUnformed
	arriveOfferJoint
	arriveOfferKnown
	arriveOfferOther
	arriveOfferCandidate
	arriveLateChunk
	arriveQuestionFollower
	arriveQuestionFresh
	arriveLateIndex
	arriveRepairAskLost

	cutTerms
	cutMany
	cutOwn
	cutConfig
	commitEarlier
	commitMany
	commitAheadOfOwnDisk
	commitJoint
	commitTwoLeaders
	commitOwnRemoval
	repairAsked
	repairFilled
	repairCut
	repairLost
	repairWhole
	snapshotUnreadable
	snapshotOverUncommitted
	snapshotBeforeSuffix
	snapshotJoint
	snapshotTwice
	transferToDown
	transferToBehind
	leaseDuringCampaign

	answerBusy
	answerSessionUnknown
	answerLeaderLost
	answerNotFormed
	answerTooLate
	answerAfterLeaders
	answerAfterLong
	answerStale
	effectAfterUnknown
	effectNever

	teamRemovedMeanwhile
	teamRevokedMeanwhile
	teamGuessed
	teamNameHidden
	teamDeletedUnseen
	teamLateReader
	teamStaleLogin
	teamStreamRestored
	teamPasswordRace
	teamLastAdmin
	teamTwoBootstraps
	teamTooEarly
	teamArchived
	teamNotUploaded
	teamSearchStops
	teamNodeGone
	teamCompacted
	teamCodeAgain
	teamFileBeside

	agedRest
	agedUnread
	agedRoot
	agedShown
	agedNewest
	agedNaming
	agedEvents
	agedSpared

	deskParked
	deskEndedLogin
	deskPassedOver
	deskLateWrite
	deskHolderShut
	deskShutReader
	deskLapsedUnseen
	deskGraceInLine
	deskBrokenInLine
	deskRaced

	situations
)

// situationNames says what each is.
var situationNames = [situations]string{
	crashLeaderUncommitted: "leader crashes with uncommitted entries",
	crashLeaderAhead:       "leader crashes with a commit that nobody else knows of",
	crashLeaderWaiters:     "leader crashes while callers wait for their commands",
	crashLeaderReads:       "leader crashes while reads wait",
	crashLeaderJoint:       "leader crashes in the midst of a joint change",
	crashLeaderFresh:       "leader crashes before it committed anything in its term",
	crashLeaderRemoved:     "leader crashes while its own removal is under way",
	crashLeaderHanding:     "leader crashes after it told another to take over",
	crashCandidate:         "candidate crashes",
	crashPreCandidate:      "pre-candidate crashes",
	crashLearner:           "learner crashes",
	crashWriting:           "node crashes with a write under way",
	crashQueued:            "node crashes with a write queued behind one under way",
	crashMaking:            "node crashes while it makes a snapshot",
	crashFetching:          "node crashes in the midst of a download",
	crashLoading:           "node crashes while it decodes a downloaded snapshot",
	crashHoles:             "node crashes with holes in its log",
	crashFloor:             "node crashes whose log was cut by damage and is not made up for",
	crashIdentity:          "node crashes while it saves who it is",
	crashPaused:            "node crashes while it stands still",
	crashYoung:             "node crashes within an election timeout of its start",
	crashUnapplied:         "node crashes with committed entries that it has not applied",
	crashStoringFile:       "node crashes while it stores a file",
	crashOldRelease:        "node of the release before crashes",
	crashMajority:          "a majority is down at once",
	crashAll:               "all nodes are down at once",

	startVoted:    "node restarts with a vote in the highest term there is",
	startHoles:    "node starts with holes in its log",
	startFloor:    "node starts whose log was cut by damage",
	startSnapshot: "node starts from a snapshot",
	startJoint:    "node starts in the midst of a joint change",
	startBehind:   "node starts that lacks what others have compacted",
	startAhead:    "node starts with entries that no other node has",
	startLed:      "node starts that led the highest term there is",
	startUnformed: "node restarts before the cluster is formed",

	cutLeaderUncommitted: "leader is cut off with uncommitted entries",
	cutLeaderJoint:       "leader is cut off in the midst of a joint change",
	cutLeaderReads:       "leader is cut off while reads wait",
	cutLeaderLease:       "leader is cut off while it may hold a lease",
	cutLeaderMinority:    "leader is on the smaller side of a partition",
	cutLeaderDeaf:        "leader hears nobody and is heard",
	cutLeaderMute:        "leader hears others and is not heard",
	cutCandidate:         "candidate is cut off",
	cutFetching:          "node is cut off in the midst of a download",
	cutNobody:            "no node reaches a majority",
	cutTwice:             "two partitions overlap",

	strikePausedLeader:   "leader stands still while callers wait",
	strikePausedLease:    "leader stands still while it may hold a lease",
	strikeFrozenLeader:   "clock of a leader stands still",
	strikeDriftingLeader: "clock of a leader begins to drift",
	strikeStalledLeader:  "disk of a leader stalls while entries wait for it",
	strikeFullLeader:     "disk of a leader is full",
	strikeFullFetching:   "disk is full in the midst of a download",
	strikeWipedLeader:    "directory of a leader is emptied",
	strikeDamagedLeader:  "disk of a leader loses what it had stored",

	leadTwo:           "two nodes lead at once",
	leadThree:         "three nodes lead at once",
	leadBesideLonger:  "leader is elected while another node has a longer log",
	leadBesideOlder:   "leader is elected while another node's log is longer and older",
	leadJoint:         "leader is elected in the midst of a joint change",
	leadUncommitted:   "leader is elected with uncommitted entries of earlier terms",
	leadLeaving:       "leader is elected while its removal is under way",
	leadAgain:         "node is elected again after a crash",
	leadBehindTerm:    "leader is elected while another node is in a higher term",
	leadQuickly:       "third leader within a second",
	leadTransferred:   "leader is elected that was told to take over",
	termWithoutLeader: "term passes without a leader",
	splitVote:         "two candidates in one term",
	termsApart:        "nodes are in three terms at once",
	deposedFresh:      "leader is deposed before it committed anything in its term",

	arriveOldAppend:        "Append of an earlier term arrives",
	arriveOldAppendReply:   "leader gets an answer of an earlier term",
	arriveOldHeartbeat:     "heartbeat of a deposed leader arrives",
	arriveContained:        "Append arrives whose entries are all there, with more behind",
	arriveConflict:         "Append arrives that contradicts uncommitted entries",
	arriveCompacted:        "Append arrives that begins below the log's base",
	arriveGap:              "Append arrives that begins behind the log's end",
	arriveAtCandidate:      "candidate hears from the leader of its term",
	arriveLateVote:         "vote arrives at a candidate that leads already",
	arriveVoteAtLeader:     "leader is asked for its vote",
	arriveVoteTransfer:     "candidate asks that was told to take over",
	arriveVoteLonger:       "candidate asks whose log is longer and older",
	arriveVoteShorter:      "candidate asks whose log is shorter and newer",
	arriveVoteTwice:        "second candidate asks a node that has voted",
	arrivePreVoteLoyal:     "node that hears its leader is asked whether it would vote",
	arriveTakeoverLate:     "word to take over arrives in a later term",
	arriveForGone:          "message arrives for a directory that is gone",
	arriveFromGone:         "message arrives from a directory that is gone",
	arriveFromRemoved:      "node that was removed asks for a vote, or whether it would get one",
	arriveUnformed:         "protocol message arrives at a node without a cluster",
	arriveOfferJoint:       "snapshot is offered in the midst of a joint change",
	arriveOfferKnown:       "snapshot is offered to a node that has applied it",
	arriveOfferOther:       "snapshot is offered in the midst of another download",
	arriveOfferCandidate:   "snapshot is offered to a candidate",
	arriveLateChunk:        "piece of a snapshot arrives that nobody waits for",
	arriveQuestionFollower: "follower's question reaches a node that does not lead",
	arriveQuestionFresh:    "follower's question reaches a leader that has committed nothing in its term",
	arriveLateIndex:        "answer to a follower's question arrives in a later term",
	arriveRepairAskLost:    "node is asked for an entry that its disk lost as well",

	cutTerms:                "node removes entries of two terms",
	cutMany:                 "node removes ten entries or more",
	cutOwn:                  "deposed leader removes entries that it appended as leader",
	cutConfig:               "node removes an entry that changed the membership",
	commitEarlier:           "entry of an earlier term is committed by one of the leader's term",
	commitMany:              "leader commits twenty entries at once",
	commitAheadOfOwnDisk:    "leader commits what its own disk has not synced",
	commitJoint:             "leader commits in the midst of a joint change",
	commitTwoLeaders:        "leader commits while another node leads",
	commitOwnRemoval:        "leader commits its own removal",
	repairAsked:             "peers are asked for lost entries",
	repairFilled:            "lost entry comes back from a peer",
	repairCut:               "lost entry is proved never to have been committed",
	repairLost:              "every member says that it lacks a lost entry",
	repairWhole:             "everything that was lost is repaired",
	snapshotUnreadable:      "snapshot can't be read or made",
	snapshotOverUncommitted: "snapshot is installed over entries that contradict it",
	snapshotBeforeSuffix:    "snapshot is installed below entries that stay",
	snapshotJoint:           "snapshot is made or installed with a joint configuration",
	snapshotTwice:           "node installs a second snapshot within two seconds",
	transferToDown:          "leadership is offered to a node that is down",
	transferToBehind:        "leadership is offered to a node that lacks entries",
	leaseDuringCampaign:     "reads are answered under a lease while another node campaigns",

	answerBusy:           "caller is told that the leader is busy",
	answerSessionUnknown: "caller's session is unknown",
	answerLeaderLost:     "caller is told that leadership was lost",
	answerNotFormed:      "caller is told that the cluster is not formed",
	answerTooLate:        "answer arrives that nobody waits for",
	answerAfterLeaders:   "operation outlives two leaders",
	answerAfterLong:      "operation takes more than five seconds",
	answerStale:          "stale read shows a state more than a second old",
	effectAfterUnknown:   "operation takes effect after its caller gave up",
	effectNever:          "operation with unknown outcome never takes effect",

	teamRemovedMeanwhile: "member is removed from a place while a frame of it is on its way to him",
	teamRevokedMeanwhile: "login ends with a command under it in flight",
	teamGuessed:          "name of a private channel is guessed",
	teamNameHidden:       "new channel is to have the name of one that its maker can't see",
	teamDeletedUnseen:    "message is deleted before a stream has shown it",
	teamLateReader:       "stream shows a new member what was said before he came",
	teamStaleLogin:       "node that lags answers under a login that has ended",
	teamStreamRestored:   "stream ends because a snapshot from a peer has no such login",
	teamPasswordRace:     "password is changed between its comparison and the login",
	teamLastAdmin:        "last admin is to go",
	teamTwoBootstraps:    "two servers propose the first settings",
	teamTooEarly:         "command of a team comes before all nodes know it",
	teamArchived:         "channel is archived with a command for it in flight",
	teamNotUploaded:      "content is attached that its user did not upload, or too long ago",
	teamSearchStops:      "search stops before it has seen everything",
	teamNodeGone:         "streams of a node that is gone are taken for ended",
	teamCompacted:        "teammate's stream is told that what comes next is kept no more",
	teamCodeAgain:        "code for another password is tried again after it was used",
	teamFileBeside:       "file is asked for by who sees its channel and does not read it",

	agedRest:   "message goes that belongs to too much for one entry",
	agedUnread: "message goes that somebody has not read",
	agedRoot:   "reply comes to a thread whose beginning is kept no more",
	agedShown:  "stream tells of a message that is kept no more",
	agedNewest: "conversation is asked for whose newest message is kept no more",
	agedNaming: "file goes that a message came with",
	agedEvents: "teammate's stream is told that what comes next was too old to be kept",
	agedSpared: "everything is to be kept in the midst of a round for what is too old",

	deskParked:       "lock ends with the very entry that granted it",
	deskEndedLogin:   "login ends and its lock goes to who stands in line",
	deskPassedOver:   "somebody in line may not have the lock any more when it is his turn",
	deskLateWrite:    "document is to be written under a fence that another grant has overtaken",
	deskHolderShut:   "holder of a document's lock may not write the document any more",
	deskShutReader:   "document is hidden from who was to be told of it",
	deskLapsedUnseen: "lock past its deadline is asked for before its turn to go",
	deskGraceInLine:  "change of the leader gives a lock its time anew while others wait for it",
	deskBrokenInLine: "lock is broken and goes to who stands in line",
	deskRaced:        "two write the same version of a document",
}

// reach takes down that a situation came about.
func (w *World) reach(x situation) { w.cover.Rare[x]++ }

// reachIf takes it down if it did.
func (w *World) reachIf(x situation, did bool) {
	if did {
		w.cover.Rare[x]++
	}
}

// lately is what is remembered for situations that come about over time.
type lately struct {
	started   [nodesMax + 1]int64     // when the process began
	handed    [nodesMax + 1]raft.Term // in which the node was told last to take over
	installed [nodesMax + 1]int64
	leading   []int64 // when the last leaders were elected
	campaigns []uint8 // candidates, by term
	leaders   uint64  // elected so far
	parked    uint64  // locks of a team that ended with the entry that granted them
}
