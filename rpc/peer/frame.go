package peer

import (
	"fmt"

	"parley/raft"
)

// A frame is a batch of messages, one after the other, each as raft.AppendFramed writes it:
//
//	0  length n, and its checksum   8 bytes
//	8  message                      n bytes, which end with its own checksum
//	…  the next one
//
// TCP's sum is sixteen bits wide and gRPC adds none: the checksums are all that stands between a
// bit that turned on the way and the log. A frame with one bad message is refused whole, and the
// connection that brought it is closed.

// frameSize is at least what the message takes in a frame.
func frameSize(m *raft.Message) int {
	const messageHeadMax = 128 // all fields of any kind, and the checksum
	n := raft.FrameOverhead + messageHeadMax + len(m.Payload)
	for i := range m.Entries {
		n += raft.EntryOverhead + len(m.Entries[i].Payload)
	}
	return n
}

// appendFrame adds messages to dst until it holds frameBytes, and returns how many.
func appendFrame(dst []byte, msgs []raft.Message) ([]byte, int) {
	for i := range msgs {
		if i > 0 && len(dst)+frameSize(&msgs[i]) > frameBytes {
			return dst, i
		}
		dst = raft.AppendFramed(dst, &msgs[i])
	}
	return dst, len(msgs)
}

// decodeFrame decodes all messages of a frame. Their payloads alias it.
func decodeFrame(frame []byte) ([]raft.Message, error) {
	n, err := countMessages(frame)
	if err != nil {
		return nil, err
	}
	msgs := make([]raft.Message, n)
	for i := range msgs {
		message, rest, err := raft.CutFramed(frame)
		if err != nil {
			return nil, err
		}
		if err = msgs[i].Decode(message); err != nil {
			return nil, err
		}
		frame = rest
	}
	return msgs, nil
}

// countMessages checks the lengths of a frame.
func countMessages(frame []byte) (n int, err error) {
	for ; len(frame) > 0; n++ {
		if _, frame, err = raft.CutFramed(frame); err != nil {
			return 0, fmt.Errorf("message %d: %w", n+1, err)
		}
	}
	return n, nil
}
