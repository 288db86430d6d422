package account

import (
	"parley/raft"
	"parley/statemachine/state"
)

// Audit asks for the audit log, oldest first. It is for admins of the cluster.
type Audit struct {
	Position raft.Position // the page begins with the record of this position and number, or with what comes behind it
	Number   uint64
	Limit    uint64 // zero, or more than Limits.AuditPageMax: that many
}

// Kind is the query's number.
func (*Audit) Kind() uint8 { return kindAudit }

// Code passes the fields.
func (q *Audit) Code(c *state.Coder) {
	state.Number(c, &q.Position)
	state.Number(c, &q.Number)
	state.Number(c, &q.Limit)
}

// AuditPage answers Audit. A record's chain is checked with its Hash, which the next one has as Before; it begins at
// the oldest record that is kept.
type AuditPage struct {
	Records []AuditEntry
	More    bool // there are records behind the last
}

// AuditEntry is a record, with the names that its users go by.
type AuditEntry struct {
	state.AuditRecord
	ActorName string // empty: nobody under a login
}

// Code passes the fields.
func (p *AuditPage) Code(c *state.Coder) {
	state.List(c, &p.Records, func(c *state.Coder, e *AuditEntry) {
		state.Number(c, &e.Position)
		state.Number(c, &e.Number)
		e.AuditRecord.Code(c)
		c.String(&e.ActorName)
	})
	c.Bool(&p.More)
}

// Answer reads.
func (q *Audit) Answer(v *state.View) (state.Coded, *state.Refusal) {
	if refusal := needAdmin(v); refusal != nil {
		return nil, refusal
	}
	limit := v.Limits.AuditPageMax
	if q.Limit != 0 {
		limit = int(min(q.Limit, uint64(limit)))
	}
	page := &AuditPage{}
	v.AuditFrom(q.Position, q.Number, func(a *state.AuditRecord) bool {
		if len(page.Records) == limit {
			page.More = true
			return false
		}
		e := AuditEntry{AuditRecord: *a}
		if a.Actor != 0 {
			e.ActorName = v.NameOf(a.Actor)
		}
		page.Records = append(page.Records, e)
		return true
	})
	return page, nil
}
