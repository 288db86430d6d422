package state

import (
	"crypto/sha256"

	"parley/raft"
)

// AuditRecord is something that somebody is to be able to look up later: who did what to whom. Each carries the hash
// of the one before, so that none can be taken out unseen.
type AuditRecord struct {
	Position raft.Position // the key, with Number
	Number   uint64        // among those of one position
	Before   [32]byte      // SHA-256 of the record before, as it is encoded
	Time     raft.LogTime
	Wall     raft.Wall
	Actor    UserID
	Login    LoginID
	Action   string // such as "channel.add"
	Object   string // an id or a name
	Detail   string // never a password, a token or the text of a message
}

// Code passes the fields.
func (a *AuditRecord) Code(c *Coder) {
	c.Array(a.Before[:])
	Number(c, &a.Time)
	Number(c, &a.Wall)
	Number(c, &a.Actor)
	Number(c, &a.Login)
	c.String(&a.Action)
	c.String(&a.Object)
	c.String(&a.Detail)
}

// Hash is what the next record carries as the one before: SHA-256 of the key and the encoded fields.
func (a *AuditRecord) Hash() [32]byte {
	return sha256.Sum256(Append([]byte(Key(uint64(a.Position), a.Number)), a))
}

// AuditFrom visits the records from a position and number on, oldest first, until visit returns false.
func (s *State) AuditFrom(position raft.Position, number uint64, visit func(a *AuditRecord) bool) {
	s.Ascend(TableAudit, Key(uint64(position), number), func(key string, row []byte) bool {
		a := decodeAudit(key, row)
		return visit(&a)
	})
}

func (s *State) lastAudit() (AuditRecord, bool) {
	key, row, ok := s.Last(TableAudit)
	return decodeAudit(key, row), ok
}

func decodeAudit(key string, row []byte) AuditRecord {
	a := AuditRecord{Position: raft.Position(KeyPart(key, 0)), Number: KeyPart(key, 1)}
	c := Coder{bytes: row}
	a.Code(&c)
	return a
}

// Audit writes a record down.
func (t *Txn) Audit(action, object, detail string) {
	r := AuditRecord{Position: t.At.Position, Time: t.At.Time, Wall: t.Wall, Actor: t.User.ID, Login: t.Login.ID,
		Action: action, Object: object, Detail: detail}
	if last, ok := t.lastAudit(); ok {
		r.Before = last.Hash()
		if last.Position == r.Position {
			r.Number = last.Number + 1
		}
	}
	t.Put(TableAudit, Key(uint64(r.Position), r.Number), &r)
	for t.Len(TableAudit) > t.Limits.AuditMax {
		oldest, _, _ := t.First(TableAudit)
		t.Remove(TableAudit, oldest)
	}
}
