package peer

import (
	"encoding/binary"
	"errors"
	"fmt"

	"parley/raft"
)

// A frame is a batch of messages, one after the other:
//
//	0  length n   4 bytes, little-endian
//	4  message    n bytes (raft.AppendMessage)
//	…  the next one
const frameLengthLen = 4

var errFrame = errors.New("malformed frame")

// frameSize is at least what the message takes in a frame.
func frameSize(m *raft.Message) int {
	const messageHeadMax = 128 // all fields of any kind, and the checksum
	n := frameLengthLen + messageHeadMax + len(m.Payload)
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
		at := len(dst)
		dst = append(dst, 0, 0, 0, 0)
		dst = raft.AppendMessage(dst, &msgs[i])
		binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-frameLengthLen))
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
		size := binary.LittleEndian.Uint32(frame)
		frame = frame[frameLengthLen:]
		if msgs[i], err = raft.DecodeMessage(frame[:size:size]); err != nil {
			return nil, err
		}
		frame = frame[size:]
	}
	return msgs, nil
}

// countMessages checks the lengths of a frame.
func countMessages(frame []byte) (int, error) {
	n := 0
	for ; len(frame) > 0; n++ {
		if len(frame) < frameLengthLen {
			return 0, fmt.Errorf("%w: %d bytes behind message %d", errFrame, len(frame), n)
		}
		size := uint64(binary.LittleEndian.Uint32(frame))
		if size > uint64(len(frame)-frameLengthLen) {
			return 0, fmt.Errorf("%w: message %d of %d bytes in %d", errFrame, n+1, size, len(frame)-frameLengthLen)
		}
		frame = frame[frameLengthLen+size:]
	}
	return n, nil
}
