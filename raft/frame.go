package raft

import (
	"fmt"
	"hash/crc32"
)

// A message in its frame, as connections between nodes carry it:
//
//	0  length n    4 bytes, little-endian
//	4  CRC-32C of the length, 4
//	8  message     n bytes (AppendMessage), of which the last 4 are its own checksum
//
// What is guaranteed, and not only likely: a frame in which one to three bits turned, or one
// burst of up to 32 bits, is refused. CRC-32C sees both in up to 2^31 bits (its Hamming distance
// there is 4), but only where it knows how far it reaches. With a length that nothing vouches for it
// could be compared in another place; so the length has a checksum of its own. A burst is
// counted as the checksum counts: the lowest bit of a byte comes first.
const frameHeadLen = 8

// FrameOverhead is how many bytes a message in its frame has beside the message.
const FrameOverhead = frameHeadLen

// AppendFramed appends the encoded message in its frame to dst.
func AppendFramed(dst []byte, m *Message) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = AppendMessage(dst, m)
	head := dst[at : at+frameHeadLen]
	le.PutUint32(head, uint32(len(dst)-at-frameHeadLen))
	le.PutUint32(head[4:], crc32.Checksum(head[:4], castagnoli))
	return dst
}

// CutFramed takes the first message off bytes that begin with a frame: the message is for
// DecodeMessage, rest is what stands behind it. It checks the head alone.
func CutFramed(src []byte) (message, rest []byte, err error) {
	if len(src) < frameHeadLen {
		return nil, nil, fmt.Errorf("%w: %d bytes of a frame's head", ErrCodec, len(src))
	}
	if crc32.Checksum(src[:4], castagnoli) != le.Uint32(src[4:]) {
		return nil, nil, fmt.Errorf("%w: checksum mismatch of a frame's length", ErrCodec)
	}
	n, src := uint64(le.Uint32(src)), src[frameHeadLen:]
	if n > uint64(len(src)) {
		return nil, nil, fmt.Errorf("%w: a message of %d bytes in %d", ErrCodec, n, len(src))
	}
	return src[:n:n], src[n:], nil
}
