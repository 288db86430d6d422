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

// Audit writes a record down.
func (t *Txn) Audit(action, object, detail string) {
	r := AuditRecord{Position: t.At.Position, Time: t.At.Time, Wall: t.Wall, Actor: t.User.ID, Login: t.Login.ID,
		Action: action, Object: object, Detail: detail}
	if key, row, ok := t.Last(TableAudit); ok {
		r.Before = sha256.Sum256(append([]byte(key), row...))
		if raft.Position(KeyPart(key, 0)) == r.Position {
			r.Number = KeyPart(key, 1) + 1
		}
	}
	t.Put(TableAudit, Key(uint64(r.Position), r.Number), &r)
	for t.Len(TableAudit) > t.Limits.AuditMax {
		oldest, _, _ := t.First(TableAudit)
		t.Remove(TableAudit, oldest)
	}
}
