package blob

import (
	"errors"
	"fmt"
	"slices"

	"parley/raft"
)

// Numbers are little-endian and of fixed width. The body of a message:
//
//	 0  version 1     1  kind     2  flags: 1 busy     3  zero
//	 4  nonce 8
//	12  position 8
//	20  log time 8
//	28  by kind:
//	    Offer     sum 32, size 8
//	    Ack       sum 32, promise 8
//	    Ask       sums            each list of sums: count 4, sums 32 each, rising
//	    Answer    sums, sums
//	    Pull      sum 32, offset 8, bytes 4
//	    Chunk     sum 32, offset 8, length 4, content
//	    Nack      sum 32, offset 8
//	    Hold      sums
//	    List      sum 32
//	    Page      first sum 32, last sum 32, sums
//	 …  CRC-32C of all before, 4
const (
	wireVersion  = 1
	messageStart = 28
	flagBusy     = 1
	// messageOverhead is how many bytes a message has at most beside content and lists of sums.
	messageOverhead = messageStart + 2*len(Sum{}) + 8 + 4 + crcBytes
)

// ErrCodec is wrapped by every decoding error.
var ErrCodec = errors.New("blob: malformed bytes")

// AppendMessage appends the encoded body to dst.
func AppendMessage(dst []byte, m *Message) []byte {
	dst = slices.Grow(dst, messageOverhead+len(m.Data)+len(Sum{})*(len(m.Sums)+len(m.Parts)))
	start := len(dst)
	flags := byte(0)
	if m.Busy {
		flags = flagBusy
	}
	dst = append(dst, wireVersion, byte(m.Kind), flags, 0)
	dst = le.AppendUint64(dst, m.Nonce)
	dst = le.AppendUint64(dst, uint64(m.Position))
	dst = le.AppendUint64(dst, uint64(m.Time))
	switch m.Kind {
	case MsgOffer:
		dst = append(dst, m.Sum[:]...)
		dst = le.AppendUint64(dst, uint64(m.Size))
	case MsgAck:
		dst = append(dst, m.Sum[:]...)
		dst = le.AppendUint64(dst, uint64(m.Promise))
	case MsgAsk, MsgHold:
		dst = appendSums(dst, m.Sums)
	case MsgAnswer:
		dst = appendSums(dst, m.Sums)
		dst = appendSums(dst, m.Parts)
	case MsgPull:
		dst = append(dst, m.Sum[:]...)
		dst = le.AppendUint64(dst, uint64(m.Offset))
		dst = le.AppendUint32(dst, uint32(m.Bytes))
	case MsgChunk:
		dst = append(dst, m.Sum[:]...)
		dst = le.AppendUint64(dst, uint64(m.Offset))
		dst = le.AppendUint32(dst, uint32(len(m.Data)))
		dst = append(dst, m.Data...)
	case MsgNack:
		dst = append(dst, m.Sum[:]...)
		dst = le.AppendUint64(dst, uint64(m.Offset))
	case MsgList:
		dst = append(dst, m.FromSum[:]...)
	case MsgPage:
		dst = append(dst, m.FromSum[:]...)
		dst = append(dst, m.ToSum[:]...)
		dst = appendSums(dst, m.Sums)
	default:
		broken("encoding a message of kind %d", m.Kind)
	}
	return le.AppendUint32(dst, checksum(dst[start:]))
}

// DecodeMessage decodes a body. Data aliases src. Whatever it accepts encodes to the same
// bytes.
func DecodeMessage(src []byte) (*Message, error) {
	if len(src) < messageStart+crcBytes {
		return nil, fmt.Errorf("%w: %d bytes", ErrCodec, len(src))
	}
	end := len(src) - crcBytes
	if le.Uint32(src[end:]) != checksum(src[:end]) {
		return nil, fmt.Errorf("%w: checksum", ErrCodec)
	}
	if src[0] != wireVersion {
		return nil, fmt.Errorf("%w: version %d", ErrCodec, src[0])
	}
	m := &Message{
		Kind:     MessageKind(src[1]),
		Busy:     src[2] == flagBusy,
		Nonce:    le.Uint64(src[4:]),
		Position: raft.Position(le.Uint64(src[12:])),
		Time:     raft.LogTime(le.Uint64(src[20:])),
	}
	if src[2] > flagBusy || m.Busy && m.Kind != MsgNack || src[3] != 0 {
		return nil, fmt.Errorf("%w: flags", ErrCodec)
	}
	r := reader{src: src[messageStart:end]}
	switch m.Kind {
	case MsgOffer:
		m.Sum, m.Size = r.sum(), r.size()
	case MsgAck:
		m.Sum, m.Promise = r.sum(), raft.LogTime(r.u64())
	case MsgAsk, MsgHold:
		m.Sums = r.sums()
	case MsgAnswer:
		m.Sums, m.Parts = r.sums(), r.sums()
	case MsgPull:
		m.Sum, m.Offset, m.Bytes = r.sum(), r.size(), r.count(chunkBytesLimit)
	case MsgChunk:
		m.Sum, m.Offset = r.sum(), r.size()
		m.Data = r.take(r.count(chunkBytesLimit))
	case MsgNack:
		m.Sum, m.Offset = r.sum(), r.size()
	case MsgList:
		m.FromSum = r.sum()
	case MsgPage:
		m.FromSum, m.ToSum, m.Sums = r.sum(), r.sum(), r.sums()
	default:
		r.bad = true
	}
	if r.bad || len(r.src) != 0 {
		return nil, fmt.Errorf("%w: %v", ErrCodec, m.Kind)
	}
	return m, nil
}

func appendSums(dst []byte, sums []Sum) []byte {
	dst = le.AppendUint32(dst, uint32(len(sums)))
	for i := range sums {
		dst = append(dst, sums[i][:]...)
	}
	return dst
}

// reader takes bytes apart. After the first thing that is missing or too large every read
// returns zero.
type reader struct {
	src []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || n > len(r.src) {
		r.bad = true
		return nil
	}
	p := r.src[:n:n]
	r.src = r.src[n:]
	return p
}

func (r *reader) u64() uint64 {
	p := r.take(8)
	if r.bad {
		return 0
	}
	return le.Uint64(p)
}

func (r *reader) size() int64 {
	v := r.u64()
	if v > blobBytesLimit {
		r.bad = true
		return 0
	}
	return int64(v)
}

func (r *reader) count(most uint32) int {
	p := r.take(4)
	if r.bad || le.Uint32(p) > most {
		r.bad = true
		return 0
	}
	return int(le.Uint32(p))
}

func (r *reader) sum() (s Sum) {
	copy(s[:], r.take(len(s)))
	return s
}

func (r *reader) sums() []Sum {
	n := r.count(sumsMax)
	if r.bad || n*len(Sum{}) > len(r.src) || n == 0 {
		r.bad = r.bad || n != 0
		return nil
	}
	sums := make([]Sum, n)
	for i := range sums {
		if sums[i] = r.sum(); i > 0 && sums[i-1].Compare(sums[i]) >= 0 {
			r.bad = true
		}
	}
	return sums
}
