package raft

import (
	"fmt"
	"hash/crc32"
	"slices"
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
	return appendFramed(slices.Grow(dst, frameHeadLen+messageRoom(m)), m, nil)
}

// Gap is a place in encoded bytes where a payload belongs that was left out: before the byte At.
type Gap struct {
	At      int
	Payload []byte
}

// AppendFramedAround is AppendFramed for who writes many pieces at once and would rather not copy the long ones:
// payloads of at least so many bytes are left out of dst, and stand in the gaps that are appended to gaps. Those
// before belong to what dst holds already.
func AppendFramedAround(dst []byte, gaps []Gap, m *Message, least int) ([]byte, []Gap) {
	a := around{least: least, gaps: gaps, own: len(gaps)}
	dst = appendFramed(dst, m, &a)
	return dst, a.gaps
}

func appendFramed(dst []byte, m *Message, around *around) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0)
	dst = appendMessage(dst, m, around)
	head := dst[at : at+frameHeadLen]
	le.PutUint32(head, uint32(len(dst)-at-frameHeadLen+around.bytes()))
	le.PutUint32(head[4:], sumOfLength(le.Uint32(head)))
	return dst
}

// sumOfLength is the CRC-32C of a length's four bytes, by tables: a call for so few takes longer than the look-ups.
func sumOfLength(n uint32) uint32 {
	return ^(byPlace[4][byte(^n)] ^ byPlace[5][byte(^n>>8)] ^ byPlace[6][byte(^n>>16)] ^ byPlace[7][byte(^n>>24)])
}

// around collects what is left out of one message; nil leaves out nothing.
type around struct {
	least int
	gaps  []Gap
	own   int // gaps from here on are of this message
}

// append appends a payload, or leaves it out.
func (a *around) append(dst, payload []byte) []byte {
	if a == nil || len(payload) < a.least {
		return append(dst, payload...)
	}
	a.gaps = append(a.gaps, Gap{len(dst), payload})
	return dst
}

// bytes is how much was left out.
func (a *around) bytes() (n int) {
	if a == nil {
		return 0
	}
	for _, g := range a.gaps[a.own:] {
		n += len(g.Payload)
	}
	return n
}

// checksum is that of the message from start on, with what was left out.
func (a *around) checksum(dst []byte, start int) uint32 {
	if a == nil {
		return crc32.Checksum(dst[start:], castagnoli)
	}
	sum := uint32(0)
	for _, g := range a.gaps[a.own:] {
		sum = crc32.Update(crc32.Update(sum, castagnoli, dst[start:g.At]), castagnoli, g.Payload)
		start = g.At
	}
	return crc32.Update(sum, castagnoli, dst[start:])
}

// FramedSize returns how many bytes the frame takes that src begins with, as its head says; ok is false if src is too
// short to tell.
func FramedSize(src []byte) (size uint64, ok bool, err error) {
	if len(src) < frameHeadLen {
		return 0, false, nil
	}
	if sumOfLength(le.Uint32(src)) != le.Uint32(src[4:]) {
		return 0, false, fmt.Errorf("%w: checksum mismatch of a frame's length", ErrCodec)
	}
	return frameHeadLen + uint64(le.Uint32(src)), true, nil
}

// CutFramed takes the first message off bytes that begin with a frame: the message is for
// DecodeMessage, rest is what stands behind it. It checks the head alone.
func CutFramed(src []byte) (message, rest []byte, err error) {
	size, ok, err := FramedSize(src)
	switch {
	case err != nil:
		return nil, nil, err
	case !ok:
		return nil, nil, fmt.Errorf("%w: %d bytes of a frame's head", ErrCodec, len(src))
	case size > uint64(len(src)):
		return nil, nil, fmt.Errorf("%w: a message of %d bytes in %d", ErrCodec, size-frameHeadLen, len(src)-frameHeadLen)
	}
	return src[frameHeadLen:size:size], src[size:], nil
}
