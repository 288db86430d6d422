package host

import "time"

// The bounds of one host. Its memory beside the node's own is at most about
//
//	  callsMax x 400 B                              (6 MiB)
//	+ 2 x inboxBytesMax + inboxBulkBytesMax
//	+ 8448 events x 400 B                           (139 MiB, twice that while a Step works on one batch)
//	+ 2 x peers x QueueLimits.Bytes                 (32 MiB each: what waits and what is being sent;
//	                                                 payloads shared with the log)
//	+ 2 x peers x QueueLimits.BulkBytes             (8 MiB each)
//
// What waits for the disk is bounded by raft.Limits, and what waits for
// subscribers by node.Limits.
const (
	// callsMax bounds the requests under way, in the inbox and in the node: the
	// closed loops of a busy service, times ten.
	callsMax = 1 << callBits
	callBits = 14
	// inboxCallsMax bounds the requests that wait for a Step. At 100,000 requests
	// a second it is 40 ms of work; whoever comes later is better told so at
	// once than answered late.
	inboxCallsMax = 4096
	// inboxMessagesMax bounds the peers' messages that wait for a Step. It exceeds
	// what a few peers may have in flight, so that only a stalled loop ever
	// holds a transport back. Callers have a budget of their own: no flood of theirs
	// delays a heartbeat.
	inboxMessagesMax = 4096
	// inboxBytesMax bounds the bodies of the requests that wait, and again the
	// payloads of the messages: as much as a leader may have uncommitted
	// (raft.Limits.UncommittedBytesMax), since more would be refused one Step later.
	inboxBytesMax = 64 << 20
	// inboxBulkMessagesMax and inboxBulkBytesMax bound the messages of the bulk lanes that wait
	// for a Step. They are a budget of their own, so that bulk that comes faster than it is
	// taken holds up other bulk and nothing else. 8 MiB are several of the largest
	// messages, which is 64 ms of 1 Gbit/s: the loop comes by more often.
	inboxBulkMessagesMax = 256
	inboxBulkBytesMax    = 8 << 20
	// turnBytes is about how much of the peers' messages one Step takes, and of entries one write of the disk: what a
	// disk syncs in two milliseconds. Group commit gains nothing any more from larger batches.
	turnBytes = 1 << 20
	// turnsMax is how many readers of subscriptions work at a time: a few for each processor, so that one whose client
	// takes a moment keeps none idle, and far fewer than would be in anybody's way. A turn takes some ten
	// microseconds; who takes longer than turnMax waits for his client, and not for a processor.
	turnsMax = 32
	turnMax  = 5 * time.Millisecond
	// takeBytes is about how much Subscription.Next hands out at a time. A reader shows
	// that it lives with every call: at 64 KiB one of 7 kB/s is not cut off.
	takeBytes = 64 << 10
	// sealAfter is how long the disk is idle before it is sealed: beyond any gap
	// within a burst, below what a person notices.
	sealAfter = 50 * time.Millisecond
	// prepareEvery is how much is written for each piece of the next segment that a busy
	// disk prepares. wal prepares 1 MiB at a time; two thirds of that leave room for
	// the log's own overhead, so that the next segment is ready first.
	prepareEvery = 640 << 10
	// prepareShare is how often a busy disk prepares at least while a segment fills that is smaller than that: one time brings the
	// next, the others remove old ones, faster than they come.
	prepareShare = 4
	// prepareRest is how long an idle disk rests after each piece of the next segment, or after the removal of an
	// old one: a few dozen milliseconds for one or two of work. The whole segment takes two seconds then, which is
	// sooner than anybody fills the one before it.
	prepareRest = 30 * time.Millisecond
)

// QueueLimits bounds what waits for one peer. A live peer never drops as long as
// Messages and Bytes exceed what the protocol may have in flight to one peer: Appends
// to a follower, and, right after a change of roles, the replies to the former
// leader beside them.
type QueueLimits struct {
	// Messages: four times raft.Limits.InflightMessagesMax by default.
	Messages int
	// Bytes of payloads: twice raft.Limits.InflightBytesMax by default.
	Bytes int
	// Urgent bounds the slot of votes and heartbeats, which are small and of
	// which only the latest count.
	Urgent int
	// BulkMessages and BulkBytes bound the bulk lane. Who sends there was asked to, piece
	// by piece, and is asked again for what was dropped: 4 MiB are four of the largest
	// pieces, which keep 1 Gbit/s busy for 32 ms, longer than it takes to be asked for
	// the next. More would only fill memory.
	BulkMessages int
	BulkBytes    int
}

// WithDefaults replaces zero fields.
func (l QueueLimits) WithDefaults() QueueLimits {
	if l.Messages == 0 {
		l.Messages = 256
	}
	if l.Bytes == 0 {
		l.Bytes = 16 << 20
	}
	if l.Urgent == 0 {
		l.Urgent = 64
	}
	if l.BulkMessages == 0 {
		l.BulkMessages = 64
	}
	if l.BulkBytes == 0 {
		l.BulkBytes = 4 << 20
	}
	return l
}

// of returns the bounds of one lane's queue.
func (l QueueLimits) of(lane Lane) QueueLimits {
	l = l.WithDefaults()
	if lane == LaneBulk {
		l.Messages, l.Bytes = l.BulkMessages, l.BulkBytes
	}
	return l
}
