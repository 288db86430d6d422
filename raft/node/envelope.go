package node

import (
	"encoding/binary"
	"errors"

	"parley/raft"
	"parley/raft/blob"
)

// The payload of an EntryCommand is an envelope around what the state machine
// reads. All integers are little-endian. Golden bytes in envelope_test.go keep it still.
//
//	open a session                        a session's command
//	0      version (1)                    0      version (1)
//	1      kind (1)                       1      kind (2)
//	2..9   nonce                          2..9   session
//	10..   principal                      10..17 seq
//	                                      18..25 ackedBelow
//	                                      26..   body
//
//	close a session
//	0      version (1)
//	1      kind (3)
//	2..9   session
//	10..17 nonce that opened it
//
//	a one-shot command, from level 2 on
//	0      version (1)
//	1      kind (4)
//	2..17  digest of the caller's own fields
//	18..19 length of the request id, at least 1
//	20..21 length of the principal
//	22..   request id, principal, body
//
//	pin a blob, from level 2 on
//	0      version (1)
//	1      kind (5)
//	2..9   id, drawn by the node that wants it pinned
//	10..41 SHA-256
//	42..49 size
//	50..57 index of the configuration a majority of which has it
//	58..65 log time until which it keeps it
//	66..   principal
//
//	a plain command, and what the state machine is told, from level 4 on
//	0      version (1)
//	1      kind (6)
//	2..    body
//
//	a mark: the hashes of all nodes' states are compared here
//	0      version (1)
//	1      kind (7)
//
// The payload of an EntryLevel is
//
//	0      version (1)
//	1..4   level
const (
	envelopeVersion = 1

	envelopeOpen    = 1
	envelopeCommand = 2
	envelopeClose   = 3
	envelopeRequest = 4
	envelopePin     = 5
	envelopeTell    = 6
	envelopeMark    = 7

	envelopeOpenHead    = 10
	envelopeCommandHead = 26
	envelopeCloseLen    = 18
	envelopeRequestHead = 22
	envelopePinHead     = 66
	envelopeTellHead    = 2
	envelopeMarkLen     = 2

	levelLen = 5
)

// errEnvelope is an envelope of another version, of an unknown kind, or too
// short. The entry then changes nothing but log time, on every node alike.
var errEnvelope = errors.New("not a command envelope")

// envelope is a decoded payload. Principal, request id and body alias it.
type envelope struct {
	kind      uint8
	nonce     uint64
	principal []byte

	requestID []byte
	digest    Digest

	session    SessionID
	seq        uint64
	ackedBelow uint64
	body       []byte

	pin blob.Confirmation // its ticket is the id
}

// encodeOpen makes the payload that opens a session, in one allocation.
func encodeOpen(nonce uint64, principal string) []byte {
	p := make([]byte, 0, envelopeOpenHead+len(principal))
	p = append(p, envelopeVersion, envelopeOpen)
	p = binary.LittleEndian.AppendUint64(p, nonce)
	return append(p, principal...)
}

// encodeCommand makes a command's payload, in one allocation. Those bytes are what
// log, wire and Apply share from here on.
func encodeCommand(c *Command) []byte {
	p := make([]byte, 0, envelopeCommandHead+len(c.Body))
	p = append(p, envelopeVersion, envelopeCommand)
	p = binary.LittleEndian.AppendUint64(p, uint64(c.Session))
	p = binary.LittleEndian.AppendUint64(p, c.Seq)
	p = binary.LittleEndian.AppendUint64(p, c.AckedBelow)
	return append(p, c.Body...)
}

// encodeClose makes the payload that closes a session.
func encodeClose(session SessionID, nonce uint64) []byte {
	p := make([]byte, 0, envelopeCloseLen)
	p = append(p, envelopeVersion, envelopeClose)
	p = binary.LittleEndian.AppendUint64(p, uint64(session))
	return binary.LittleEndian.AppendUint64(p, nonce)
}

// encodeRequest makes the payload of a one-shot command, in one allocation. Id and principal are
// shorter than 64 KiB: whoever proposes has seen to it.
func encodeRequest(c *Command) []byte {
	p := make([]byte, 0, envelopeRequestHead+len(c.RequestID)+len(c.Principal)+len(c.Body))
	p = append(p, envelopeVersion, envelopeRequest)
	p = append(p, c.Digest[:]...)
	p = binary.LittleEndian.AppendUint16(p, uint16(len(c.RequestID)))
	p = binary.LittleEndian.AppendUint16(p, uint16(len(c.Principal)))
	p = append(p, c.RequestID...)
	p = append(p, c.Principal...)
	return append(p, c.Body...)
}

// decodeRequest reads what encodeRequest wrote.
func decodeRequest(p []byte) (envelope, error) {
	e := envelope{kind: envelopeRequest}
	copy(e.digest[:], p[2:])
	id, principal := int(binary.LittleEndian.Uint16(p[18:])), int(binary.LittleEndian.Uint16(p[20:]))
	p = p[envelopeRequestHead:]
	if id == 0 || len(p) < id+principal {
		return envelope{}, errEnvelope
	}
	e.requestID, e.principal, e.body = p[:id], p[id:id+principal], p[id+principal:]
	return e, nil
}

// encodePin makes the payload that pins a blob for a principal.
func encodePin(id uint64, c *blob.Confirmation, principal string) []byte {
	p := make([]byte, 0, envelopePinHead+len(principal))
	p = append(p, envelopeVersion, envelopePin)
	p = binary.LittleEndian.AppendUint64(p, id)
	p = append(p, c.Sum[:]...)
	p = binary.LittleEndian.AppendUint64(p, uint64(c.Size))
	p = binary.LittleEndian.AppendUint64(p, uint64(c.Config))
	p = binary.LittleEndian.AppendUint64(p, uint64(c.NotAfter))
	return append(p, principal...)
}

// ConfirmationIn returns the confirmation in a command entry that pins a blob, for whoever reads a log.
func ConfirmationIn(e *raft.Entry) (blob.Confirmation, bool) {
	c, err := decodeEnvelope(e.Payload)
	return c.pin, err == nil && e.Kind == raft.EntryCommand && c.kind == envelopePin
}

// decodePin reads what encodePin wrote.
func decodePin(p []byte) envelope {
	le := binary.LittleEndian
	e := envelope{kind: envelopePin, principal: p[envelopePinHead:]}
	copy(e.pin.Sum[:], p[10:])
	e.pin.Ticket, e.pin.Size = le.Uint64(p[2:]), int64(le.Uint64(p[42:]))
	e.pin.Config, e.pin.NotAfter = raft.Index(le.Uint64(p[50:])), raft.LogTime(le.Uint64(p[58:]))
	return e
}

// encodeTell makes the payload of what the state machine is told.
func encodeTell(body []byte) []byte {
	p := make([]byte, 0, envelopeTellHead+len(body))
	return append(append(p, envelopeVersion, envelopeTell), body...)
}

// encodeMark makes the payload of a mark.
func encodeMark() []byte { return []byte{envelopeVersion, envelopeMark} }

func decodeEnvelope(p []byte) (envelope, error) {
	if len(p) < 2 || p[0] != envelopeVersion {
		return envelope{}, errEnvelope
	}
	le := binary.LittleEndian
	switch e := (envelope{kind: p[1]}); {
	case e.kind == envelopeOpen && len(p) >= envelopeOpenHead:
		e.nonce = le.Uint64(p[2:])
		e.principal = p[envelopeOpenHead:]
		return e, nil
	case e.kind == envelopeCommand && len(p) >= envelopeCommandHead:
		e.session = SessionID(le.Uint64(p[2:]))
		e.seq = le.Uint64(p[10:])
		e.ackedBelow = le.Uint64(p[18:])
		e.body = p[envelopeCommandHead:]
		return e, nil
	case e.kind == envelopeClose && len(p) == envelopeCloseLen:
		e.session = SessionID(le.Uint64(p[2:]))
		e.nonce = le.Uint64(p[10:])
		return e, nil
	case e.kind == envelopeRequest && len(p) >= envelopeRequestHead:
		return decodeRequest(p)
	case e.kind == envelopePin && len(p) >= envelopePinHead:
		return decodePin(p), nil
	case e.kind == envelopeTell:
		e.body = p[envelopeTellHead:]
		return e, nil
	case e.kind == envelopeMark && len(p) == envelopeMarkLen:
		return e, nil
	}
	return envelope{}, errEnvelope
}

// AppendLevel appends the payload of an EntryLevel.
func AppendLevel(dst []byte, level uint32) []byte {
	return binary.LittleEndian.AppendUint32(append(dst, envelopeVersion), level)
}

func decodeLevel(p []byte) (uint32, bool) {
	if len(p) != levelLen || p[0] != envelopeVersion {
		return 0, false
	}
	return binary.LittleEndian.Uint32(p[1:]), true
}

// positionOf is the position of an entry as users see it.
func positionOf(i raft.Index) raft.Position { return raft.Position(i) }
