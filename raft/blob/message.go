package blob

import (
	"fmt"

	"parley/raft"
)

// MessageKind names a message. The numbers are on the wire; they never change.
type MessageKind uint8

// The messages. A node that holds a blob durably *has* it.
const (
	MsgOffer  MessageKind = 1  // I have Sum and want a majority to: fetch it, and acknowledge
	MsgAck    MessageKind = 2  // I have Sum and keep it until the log passes Promise
	MsgAsk    MessageKind = 3  // I do not have Sums; who does?
	MsgAnswer MessageKind = 4  // I have Sums, and chunks of Parts
	MsgPull   MessageKind = 5  // send me Bytes of Sum at Offset
	MsgChunk  MessageKind = 6  // here they are
	MsgNack   MessageKind = 7  // you don't get them from me, or not now (Busy)
	MsgHold   MessageKind = 8  // I have Sums, all named or pinned at Position
	MsgList   MessageKind = 9  // what have you from From on?
	MsgPage   MessageKind = 10 // of what is named or pinned at Position, I have in From … To exactly Sums
)

var messageNames = [...]string{
	MsgOffer: "BlobOffer", MsgAck: "BlobAck", MsgAsk: "BlobAsk", MsgAnswer: "BlobAnswer", MsgPull: "BlobPull",
	MsgChunk: "BlobChunk", MsgNack: "BlobNack", MsgHold: "BlobHold", MsgList: "BlobList", MsgPage: "BlobPage",
}

// String names the message as traces print it.
func (k MessageKind) String() string {
	if int(k) < len(messageNames) && messageNames[k] != "" {
		return messageNames[k]
	}
	return fmt.Sprintf("Blob%d", uint8(k))
}

// Message is what the replicators of two nodes say to one another. Which fields a kind uses
// beside the first group:
//
//	Offer   Sum Size          Ack    Sum Promise
//	Ask     Sums              Answer Sums Parts
//	Pull    Sum Offset Bytes  Chunk  Sum Offset Data      Nack  Sum Offset Busy
//	Hold    Sums              List   FromSum              Page  FromSum ToSum Sums
//
// An answer echoes the Nonce of what it answers: Ack of Offer, Page of List, Chunk and Nack
// of Pull.
type Message struct {
	From, To raft.Ident // carried by the envelope, see docs/blobs.md

	Kind     MessageKind
	Nonce    uint64
	Position raft.Position // what the sender has applied
	Time     raft.LogTime  // the highest log time that it knows of or reckons with

	Sum     Sum
	Size    int64
	Promise raft.LogTime
	Sums    []Sum
	Parts   []Sum
	FromSum Sum
	ToSum   Sum
	Offset  int64
	Bytes   int
	Busy    bool
	Data    []byte
}
