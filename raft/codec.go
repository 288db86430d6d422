package raft

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Numbers are little-endian and of fixed width. A message on the wire:
//
//	 0  version 1        1   kind     2  flags: 1 granted, 2 transfer, 4 lost     3  zero
//	 4  cluster          8 bytes
//	12  from id, inc     16
//	28  to id, inc       16
//	44  term             8
//	52  seq              8
//	60  by kind:
//	    Vote, PreVote    last index 8, last term 8
//	    Append           prev index 8, prev term 8, commit 8, count 4, entries
//	    AppendReply      matched 8, hint index 8, hint term 8
//	    Heartbeat        round 8, commit 8
//	    HeartbeatReply   round 8, accepted 8
//	    Removed          index 8
//	    ReadIndexReply   index 8
//	    RepairAsk        prev index 8, last index 8, term of the first 8
//	    RepairReply      prev index 8, term of the first 8, holding 1, count 4, entries
//	    those from 100 on   length 4, payload
//	 …  CRC-32C of all before, 4
//
// An entry on wire and disk:
//
//	 0  index 8     8  term 8     16  time 8     24  kind 1
//	25  entry checksum 4          29  length 4   33  payload
const (
	wireVersion      = 1
	messageHeaderLen = 60
	entryHeaderLen   = 33
	flagGranted      = 1
	flagTransfer     = 2
	flagLost         = 4
	// EntryOverhead is how many bytes an encoded entry has beside its payload.
	EntryOverhead = entryHeaderLen
)

// ErrCodec is wrapped by every decoding error.
var ErrCodec = errors.New("raft: malformed bytes")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var le = binary.LittleEndian

// EntrySum is the entry checksum: CRC-32C (Castagnoli) of cluster id, index, term,
// log time, kind, payload length and payload. The leader computes it once; it
// travels with the entry, is stored with it, and tells in repair whether two
// nodes hold the same entry.
func EntrySum(cluster ClusterID, e *Entry) uint32 {
	var h [8 + 8 + 8 + 8 + 1 + 4]byte
	le.PutUint64(h[0:], uint64(cluster))
	le.PutUint64(h[8:], uint64(e.Index))
	le.PutUint64(h[16:], uint64(e.Term))
	le.PutUint64(h[24:], uint64(e.Time))
	h[32] = byte(e.Kind)
	le.PutUint32(h[33:], uint32(len(e.Payload)))
	// By tables, because crc32.Update would move h to the heap.
	crc := ^uint32(0)
	for at := 0; at < 32; at += 8 {
		crc = eightBytes(crc, le.Uint64(h[at:]))
	}
	for _, b := range h[32:] {
		crc = castagnoli[byte(crc)^b] ^ crc>>8
	}
	return crc32.Update(^crc, castagnoli, e.Payload)
}

// byPlace has for each byte of eight what it adds to the checksum from its place: the last one's table is castagnoli.
var byPlace = func() (t [8]crc32.Table) {
	t[7] = *castagnoli
	for place := 6; place >= 0; place-- {
		for i, sum := range t[place+1] {
			t[place][i] = castagnoli[byte(sum)] ^ sum>>8
		}
	}
	return t
}()

// eightBytes takes eight bytes, little-endian, into a checksum at once ("slicing by eight"): none of the eight look-ups waits
// for another.
func eightBytes(crc uint32, v uint64) uint32 {
	v ^= uint64(crc)
	return byPlace[0][byte(v)] ^ byPlace[1][byte(v>>8)] ^ byPlace[2][byte(v>>16)] ^ byPlace[3][byte(v>>24)] ^
		byPlace[4][byte(v>>32)] ^ byPlace[5][byte(v>>40)] ^ byPlace[6][byte(v>>48)] ^ byPlace[7][byte(v>>56)]
}

// AppendEntry appends the encoded entry to dst.
func AppendEntry(dst []byte, e *Entry) []byte { return appendEntry(dst, e, nil) }

func appendEntry(dst []byte, e *Entry, around *around) []byte {
	dst = le.AppendUint64(dst, uint64(e.Index))
	dst = le.AppendUint64(dst, uint64(e.Term))
	dst = le.AppendUint64(dst, uint64(e.Time))
	dst = append(dst, byte(e.Kind))
	dst = le.AppendUint32(dst, e.Sum)
	dst = le.AppendUint32(dst, uint32(len(e.Payload)))
	return around.append(dst, e.Payload)
}

// DecodeEntry decodes one entry and returns the bytes behind it. The payload
// aliases src. It checks form, not the entry checksum.
func DecodeEntry(src []byte) (e Entry, rest []byte, err error) {
	if len(src) < entryHeaderLen {
		return Entry{}, nil, fmt.Errorf("%w: entry of %d bytes", ErrCodec, len(src))
	}
	n := uint64(le.Uint32(src[29:]))
	if uint64(len(src)-entryHeaderLen) < n {
		return Entry{}, nil, fmt.Errorf("%w: entry payload of %d bytes in %d", ErrCodec, n, len(src)-entryHeaderLen)
	}
	e = Entry{
		Index: Index(le.Uint64(src[0:])),
		Term:  Term(le.Uint64(src[8:])),
		Time:  LogTime(le.Uint64(src[16:])),
		Kind:  EntryKind(src[24]),
		Sum:   le.Uint32(src[25:]),
	}
	end := entryHeaderLen + int(n)
	if n > 0 {
		e.Payload = src[entryHeaderLen:end:end]
	}
	return e, src[end:], nil
}

// messageRoom is in how many bytes any message with these entries and this payload can be encoded: at most 28 more than it takes.
func messageRoom(m *Message) int {
	const fieldsMax, sum = 8 + 8 + 8 + 4, 4 // of an Append
	n := messageHeaderLen + fieldsMax + len(m.Payload) + sum
	for i := range m.Entries {
		n += entryHeaderLen + len(m.Entries[i].Payload)
	}
	return n
}

// AppendMessage appends the encoded message to dst.
func AppendMessage(dst []byte, m *Message) []byte { return appendMessage(dst, m, nil) }

func appendMessage(dst []byte, m *Message, around *around) []byte {
	start := len(dst)
	flags := byte(0)
	if m.Granted {
		flags |= flagGranted
	}
	if m.Transfer {
		flags |= flagTransfer
	}
	if m.Lost {
		flags |= flagLost
	}
	dst = append(dst, wireVersion, byte(m.Kind), flags, 0)
	dst = le.AppendUint64(dst, uint64(m.Cluster))
	dst = appendIdent(dst, m.From)
	dst = appendIdent(dst, m.To)
	dst = le.AppendUint64(dst, uint64(m.Term))
	dst = le.AppendUint64(dst, m.Seq)
	dst = appendFields(dst, m, around)
	return le.AppendUint32(dst, around.checksum(dst, start))
}

// appendFields appends what messages of this kind have behind the header.
func appendFields(dst []byte, m *Message, around *around) []byte {
	switch m.Kind {
	case MsgPreVote, MsgVote:
		dst = le.AppendUint64(dst, uint64(m.LastIndex))
		dst = le.AppendUint64(dst, uint64(m.LastTerm))
	case MsgAppend:
		dst = le.AppendUint64(dst, uint64(m.PrevIndex))
		dst = le.AppendUint64(dst, uint64(m.PrevTerm))
		dst = le.AppendUint64(dst, uint64(m.Commit))
		dst = appendEntries(dst, m.Entries, around)
	case MsgAppendReply:
		dst = le.AppendUint64(dst, uint64(m.Matched))
		dst = le.AppendUint64(dst, uint64(m.HintIndex))
		dst = le.AppendUint64(dst, uint64(m.HintTerm))
	case MsgHeartbeat:
		dst = le.AppendUint64(dst, m.Round)
		dst = le.AppendUint64(dst, uint64(m.Commit))
	case MsgHeartbeatReply:
		dst = le.AppendUint64(dst, m.Round)
		dst = le.AppendUint64(dst, uint64(m.Accepted))
	case MsgRemoved, MsgReadIndexReply:
		dst = le.AppendUint64(dst, uint64(m.Commit))
	case MsgRepairAsk:
		dst = le.AppendUint64(dst, uint64(m.PrevIndex))
		dst = le.AppendUint64(dst, uint64(m.LastIndex))
		dst = le.AppendUint64(dst, uint64(m.LastTerm))
	case MsgRepairReply:
		dst = le.AppendUint64(dst, uint64(m.PrevIndex))
		dst = le.AppendUint64(dst, uint64(m.LastTerm))
		dst = append(dst, byte(m.Holding))
		dst = appendEntries(dst, m.Entries, around)
	case MsgFormAsk, MsgFormAnswer, MsgFormRecord, MsgFormAccept, MsgFormRefuse,
		MsgJoinAsk, MsgJoinAnswer, MsgJoinRecord, MsgJoinAccept, MsgReport,
		MsgSnapshotOffer, MsgSnapshotAsk, MsgSnapshotChunk, MsgBlob, MsgPin, MsgNotice, MsgAside:
		dst = le.AppendUint32(dst, uint32(len(m.Payload)))
		dst = around.append(dst, m.Payload)
	}
	return dst
}

// DecodeMessage decodes exactly one message; see Decode.
func DecodeMessage(src []byte) (m Message, err error) {
	if err := m.Decode(src); err != nil {
		return Message{}, err
	}
	return m, nil
}

// Decode makes m the one message in src. Payloads alias src. Any bytes are
// safe: what it accepts has a right checksum, a known kind, no bytes left over,
// and entries in unbroken order, each of some kind, whose terms never fall. Errors wrap ErrCodec, and m is of no use then.
func (m *Message) Decode(src []byte) error {
	if len(src) < messageHeaderLen+4 {
		return fmt.Errorf("%w: message of %d bytes", ErrCodec, len(src))
	}
	if src[0] != wireVersion {
		return fmt.Errorf("%w: message version %d, this build speaks %d", ErrCodec, src[0], wireVersion)
	}
	body, sum := src[:len(src)-4], le.Uint32(src[len(src)-4:])
	if crc32.Checksum(body, castagnoli) != sum {
		return fmt.Errorf("%w: message checksum mismatch", ErrCodec)
	}
	if body[2] > flagGranted|flagTransfer|flagLost || body[3] != 0 {
		return fmt.Errorf("%w: message flags %d %d", ErrCodec, body[2], body[3])
	}
	*m = Message{}
	m.Kind = MessageKind(body[1])
	m.Granted, m.Transfer, m.Lost = body[2]&flagGranted != 0, body[2]&flagTransfer != 0, body[2]&flagLost != 0
	m.Cluster = ClusterID(le.Uint64(body[4:]))
	m.From, m.To = decodeIdent(body[12:]), decodeIdent(body[28:])
	m.Term, m.Seq = Term(le.Uint64(body[44:])), le.Uint64(body[52:])
	r := reader{src: body[messageHeaderLen:]}
	if !r.fields(m) {
		return fmt.Errorf("%w: message kind %d", ErrCodec, uint8(m.Kind))
	}
	if r.bad || len(r.src) != 0 {
		return fmt.Errorf("%w: %s with %d bytes left over, short: %t", ErrCodec, m.Kind, len(r.src), r.bad)
	}
	return nil
}

// fields decodes what appendFields made, and reports whether there is such a kind of message.
func (r *reader) fields(m *Message) bool {
	switch m.Kind {
	case MsgPreVote, MsgVote:
		m.LastIndex = Index(r.u64())
		m.LastTerm = Term(r.u64())
	case MsgPreVoteReply, MsgVoteReply, MsgTimeoutNow, MsgReadIndex:
	case MsgAppend:
		m.PrevIndex = Index(r.u64())
		m.PrevTerm = Term(r.u64())
		m.Commit = Index(r.u64())
		m.Entries = r.entries(m)
	case MsgAppendReply:
		m.Matched = Index(r.u64())
		m.HintIndex = Index(r.u64())
		m.HintTerm = Term(r.u64())
	case MsgHeartbeat:
		m.Round = r.u64()
		m.Commit = Index(r.u64())
	case MsgHeartbeatReply:
		m.Round = r.u64()
		m.Accepted = Index(r.u64())
	case MsgRemoved, MsgReadIndexReply:
		m.Commit = Index(r.u64())
	case MsgRepairAsk:
		m.PrevIndex = Index(r.u64())
		m.LastIndex = Index(r.u64())
		m.LastTerm = Term(r.u64())
	case MsgRepairReply:
		m.PrevIndex = Index(r.u64())
		m.LastTerm = Term(r.u64())
		m.Holding = Holding(r.u8())
		r.bad = r.bad || m.Holding > HoldingOther
		m.Entries = r.entries(m)
	case MsgFormAsk, MsgFormAnswer, MsgFormRecord, MsgFormAccept, MsgFormRefuse,
		MsgJoinAsk, MsgJoinAnswer, MsgJoinRecord, MsgJoinAccept, MsgReport,
		MsgSnapshotOffer, MsgSnapshotAsk, MsgSnapshotChunk, MsgBlob, MsgPin, MsgNotice, MsgAside:
		m.Payload = r.bytes(int64(r.u32()))
	default:
		return false
	}
	return true
}

// appendEntries appends a count, and so many entries.
func appendEntries(dst []byte, entries []Entry, around *around) []byte {
	dst = le.AppendUint32(dst, uint32(len(entries)))
	for i := range entries {
		dst = appendEntry(dst, &entries[i], around)
	}
	return dst
}

func appendIdent(dst []byte, i Ident) []byte {
	dst = le.AppendUint64(dst, uint64(i.ID))
	return le.AppendUint64(dst, uint64(i.Inc))
}

func decodeIdent(src []byte) Ident {
	return Ident{NodeID(le.Uint64(src)), Incarnation(le.Uint64(src[8:]))}
}

// reader takes numbers off src and remembers if there were too few bytes.
type reader struct {
	src []byte
	bad bool
}

func (r *reader) bytes(n int64) []byte {
	if r.bad || n > int64(len(r.src)) {
		r.bad = true
		return nil
	}
	b := r.src[:n:n]
	r.src = r.src[n:]
	if n == 0 {
		return nil
	}
	return b
}

func (r *reader) u8() uint8 {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16() uint16 {
	if b := r.bytes(2); b != nil {
		return le.Uint16(b)
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.bytes(4); b != nil {
		return le.Uint32(b)
	}
	return 0
}

func (r *reader) u64() uint64 {
	if b := r.bytes(8); b != nil {
		return le.Uint64(b)
	}
	return 0
}

// entries decodes the entries of a message. They follow PrevIndex without a gap,
// and their terms lie between PrevTerm and the leader's and never fall. One without a kind
// is refused: nobody makes such an entry, and no log on disk could tell it from one that it lost.
func (r *reader) entries(m *Message) []Entry {
	n := r.u32()
	if uint64(n)*entryHeaderLen > uint64(len(r.src)) {
		r.bad = true
		return nil
	}
	if n == 0 {
		return nil
	}
	out := make([]Entry, 0, n)
	index, term := m.PrevIndex, m.PrevTerm
	for range n {
		e, rest, err := DecodeEntry(r.src)
		if err != nil || e.Kind == 0 || e.Index != index+1 || e.Term < term || e.Term > m.Term {
			r.bad = true
			return nil
		}
		index, term = e.Index, e.Term
		out = append(out, e)
		r.src = rest
	}
	return out
}
