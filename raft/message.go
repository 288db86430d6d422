package raft

import "fmt"

// MessageKind names a message. The numbers are on the wire; they never change.
type MessageKind uint8

// The messages, in the order a cluster's life sends them. Those from 100 on are read
// by raft/node; the protocol never sees them.
const (
	MsgPreVote        MessageKind = 1 // would you vote for me? [T§9.6]
	MsgPreVoteReply   MessageKind = 2
	MsgVote           MessageKind = 3 // RequestVote [§5.2]
	MsgVoteReply      MessageKind = 4
	MsgAppend         MessageKind = 5 // AppendEntries with or without entries [§5.3]
	MsgAppendReply    MessageKind = 6
	MsgHeartbeat      MessageKind = 7 // a read round and a sign of life [T§6.4]
	MsgHeartbeatReply MessageKind = 8
	MsgTimeoutNow     MessageKind = 9  // campaign at once: I am leaving [T§3.10]
	MsgRemoved        MessageKind = 10 // a committed entry removed you
	MsgRepairAsk      MessageKind = 11 // my disk lost these entries: do you hold them?
	MsgRepairReply    MessageKind = 12
	MsgReadIndex      MessageKind = 13 // how far must my state have come to answer reads? [T§6.4]
	MsgReadIndexReply MessageKind = 14

	MsgFormAsk    MessageKind = 100 // who are you? (raft/node, formation)
	MsgFormAnswer MessageKind = 101
	MsgFormRecord MessageKind = 102 // accept this membership
	MsgFormAccept MessageKind = 103
	MsgFormRefuse MessageKind = 104 // this directory already belongs elsewhere

	MsgJoinAsk    MessageKind = 105 // who are you, and would you join? (raft/node, joining)
	MsgJoinAnswer MessageKind = 106
	MsgJoinRecord MessageKind = 107 // this is the cluster, and where its leader listens
	MsgJoinAccept MessageKind = 108

	MsgReport        MessageKind = 109 // what I take part in, and what my state was (raft/node)
	MsgSnapshotOffer MessageKind = 120 // I have this snapshot for you (raft/node, snapshots)
	MsgSnapshotAsk   MessageKind = 121 // send me this piece of it
	MsgSnapshotChunk MessageKind = 122

	MsgBlob MessageKind = 125 // see raft/blob
	MsgPin  MessageKind = 126 // append this pin, or this word to the state machine (raft/node, uploads and tell)

	MsgNotice MessageKind = 127 // tell your streams this (raft/node)
	MsgAside  MessageKind = 128 // beside all this: between the processes, never for the node (rpc/peer)
)

// String names the message as traces print it.
func (k MessageKind) String() string {
	switch k {
	case MsgPreVote:
		return "PreVote"
	case MsgPreVoteReply:
		return "PreVoteReply"
	case MsgVote:
		return "Vote"
	case MsgVoteReply:
		return "VoteReply"
	case MsgAppend:
		return "Append"
	case MsgAppendReply:
		return "AppendReply"
	case MsgHeartbeat:
		return "Heartbeat"
	case MsgHeartbeatReply:
		return "HeartbeatReply"
	case MsgTimeoutNow:
		return "TimeoutNow"
	case MsgRemoved:
		return "Removed"
	case MsgRepairAsk:
		return "RepairAsk"
	case MsgRepairReply:
		return "RepairReply"
	case MsgReadIndex:
		return "ReadIndex"
	case MsgReadIndexReply:
		return "ReadIndexReply"
	case MsgFormAsk:
		return "FormAsk"
	case MsgFormAnswer:
		return "FormAnswer"
	case MsgFormRecord:
		return "FormRecord"
	case MsgFormAccept:
		return "FormAccept"
	case MsgFormRefuse:
		return "FormRefuse"
	case MsgJoinAsk:
		return "JoinAsk"
	case MsgJoinAnswer:
		return "JoinAnswer"
	case MsgJoinRecord:
		return "JoinRecord"
	case MsgJoinAccept:
		return "JoinAccept"
	case MsgReport:
		return "Report"
	case MsgSnapshotOffer:
		return "SnapshotOffer"
	case MsgSnapshotAsk:
		return "SnapshotAsk"
	case MsgSnapshotChunk:
		return "SnapshotChunk"
	case MsgBlob:
		return "Blob"
	case MsgPin:
		return "Pin"
	case MsgNotice:
		return "Notice"
	case MsgAside:
		return "Aside"
	}
	return fmt.Sprintf("Message%d", uint8(k))
}

// Bulk reports whether a message is one of many that carry a lot of bytes in no hurry. A transport
// sends such messages over a connection of their own, so that nothing else waits behind them.
func (k MessageKind) Bulk() bool { return k == MsgSnapshotChunk || k == MsgBlob || k == MsgAside }

// Message is what nodes say to one another. Which fields a kind uses:
//
//	PreVote, Vote      Term Seq LastIndex LastTerm; Vote also Transfer
//	PreVoteReply       Term Seq Granted
//	VoteReply          Term Seq Granted
//	Append             Term Seq PrevIndex PrevTerm Entries Commit
//	AppendReply        Term Seq Granted; Matched if granted, else HintIndex HintTerm Lost
//	Heartbeat          Term Seq Round Commit
//	HeartbeatReply     Term Seq Round Accepted; Granted if the sender keeps leases
//	TimeoutNow         Term
//	Removed            Term Seq Commit
//	RepairAsk          Term Seq PrevIndex LastIndex LastTerm
//	RepairReply        Term Seq PrevIndex LastTerm Holding; Entries if it holds the first
//	ReadIndex          Term Seq: the number of the question
//	ReadIndexReply     Term Seq Granted Commit
//	those from 100 on  Payload
//
// A reply echoes the Seq of its request. Term is the sender's currentTerm, but
// in PreVote the term that the sender would campaign in, and in a granted
// PreVoteReply that same term again.
type Message struct {
	Kind    MessageKind
	Cluster ClusterID
	From    Ident
	To      Ident
	Term    Term
	Seq     uint64 // rises per sender and receiver within a term

	LastIndex Index // the candidate's last entry [§5.4.1]; the last lost entry (RepairAsk)
	LastTerm  Term  // and its term; the term of the first lost entry (RepairAsk, RepairReply)
	// Transfer: the leader asked the candidate to campaign, so that voters need
	// not be loyal to it [T§3.10].
	Transfer bool

	PrevIndex Index // the entry before Entries [§5.3]
	PrevTerm  Term
	Commit    Index // the leader's commitIndex, at most what the receiver is known to hold (Heartbeat); the entry that removed the receiver (Removed); the index to be applied (ReadIndexReply)
	Entries   []Entry

	// Lost: the sender's disk lost entries that it had acknowledged; what it holds for certain ends
	// at HintIndex.
	Lost    bool
	Holding Holding // what the sender of a RepairReply knows of the entry asked for

	Granted   bool
	Matched   Index // PrevIndex + len(Entries) of the request that is answered
	HintIndex Index // largest index up to PrevIndex whose term is at most PrevTerm
	HintTerm  Term  // and its term

	Round    uint64 // heartbeat round within the term [T§6.4]
	Accepted Index  // what the follower took from this term's leader, stored or not

	Payload []byte
}
