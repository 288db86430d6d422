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

	MsgFormAsk    MessageKind = 100 // who are you? (raft/node, formation)
	MsgFormAnswer MessageKind = 101
	MsgFormRecord MessageKind = 102 // accept this membership
	MsgFormAccept MessageKind = 103
	MsgFormRefuse MessageKind = 104 // this directory already belongs elsewhere

	MsgJoinAsk    MessageKind = 105 // who are you, and would you join? (raft/node, joining)
	MsgJoinAnswer MessageKind = 106
	MsgJoinRecord MessageKind = 107 // this is the cluster, and where its leader listens
	MsgJoinAccept MessageKind = 108

	MsgReport MessageKind = 109 // what I take part in, and what my state was (raft/node)
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
	}
	return fmt.Sprintf("Message%d", uint8(k))
}

// Message is what nodes say to one another. Which fields a kind uses:
//
//	PreVote, Vote      Term Seq LastIndex LastTerm; Vote also Transfer
//	…Reply             Term Seq Granted
//	Append             Term Seq PrevIndex PrevTerm Entries Commit
//	AppendReply        Term Seq Granted; Matched if granted, else HintIndex HintTerm
//	Heartbeat          Term Seq Round Commit
//	HeartbeatReply     Term Seq Round Accepted
//	TimeoutNow         Term
//	Removed            Term Seq Commit
//	Form…, Join…       Payload
//	Report             Payload
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

	LastIndex Index // the candidate's last entry [§5.4.1]
	LastTerm  Term
	// Transfer: the leader asked the candidate to campaign, so that voters need
	// not be loyal to it [T§3.10].
	Transfer bool

	PrevIndex Index // the entry before Entries [§5.3]
	PrevTerm  Term
	Commit    Index // the leader's commitIndex, at most what the receiver is known to hold (Heartbeat); the entry that removed the receiver (Removed)
	Entries   []Entry

	Granted   bool
	Matched   Index // PrevIndex + len(Entries) of the request that is answered
	HintIndex Index // largest index up to PrevIndex whose term is at most PrevTerm
	HintTerm  Term  // and its term

	Round    uint64 // heartbeat round within the term [T§6.4]
	Accepted Index  // what the follower took from this term's leader, stored or not

	Payload []byte
}
