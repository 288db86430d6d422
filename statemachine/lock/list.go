package lock

import (
	"parley/raft"
	"parley/statemachine/state"
)

// Get asks who holds a lock, and what became of a wait.
type Get struct {
	Name   string
	Ticket raft.Position // zero, or that of a wait under the caller's login
}

// Kind is the query's number.
func (*Get) Kind() uint8 { return kindGet }

// Code passes the fields.
func (q *Get) Code(c *state.Coder) {
	c.String(&q.Name)
	state.Number(c, &q.Ticket)
}

// Answer reads. Granted says that the wait of the ticket, or without one the login, has the lock; a ticket that is not
// answered has ended.
func (q *Get) Answer(v *state.View) (state.Coded, *state.Refusal) {
	if refusal := v.Limits.CheckLockName(q.Name); refusal != nil {
		return nil, refusal
	}
	if state.NamesDoc(q.Name) {
		if _, refusal := v.MayDoc(state.ToReadDoc, q.Name); refusal != nil {
			return nil, refusal
		}
	}
	now := v.LockNow()
	reply := &Answer{Lock: Lock{Name: q.Name}}
	if h, held := v.Held(q.Name, now); held {
		reply.Lock = Show(v, &h, now)
		reply.Granted = reply.Lock.Mine && (q.Ticket == 0 || h.Ticket == q.Ticket)
	}
	if _, ahead, waits := v.WaitOf(q.Name, q.Ticket, v.Login.ID); waits {
		reply.Ticket, reply.Ahead = q.Ticket, ahead
	}
	return reply, nil
}

// List asks for the locks that are held, in the order of their names: of free names, and of documents that the caller
// may read.
type List struct {
	After string // a cursor: all behind this name
	Limit uint64 // zero: 100
}

// Kind is the query's number.
func (*List) Kind() uint8 { return kindList }

// Code passes the fields.
func (q *List) Code(c *state.Coder) {
	c.String(&q.After)
	state.Number(c, &q.Limit)
}

// Page answers List.
type Page struct {
	Locks []Lock
	Next  string // the cursor of the next page; empty: this is the last
}

// Code passes the fields.
func (p *Page) Code(c *state.Coder) {
	state.List(c, &p.Locks, func(c *state.Coder, l *Lock) { l.Code(c) })
	c.String(&p.Next)
}

// pageDefault is how many locks a query gets that names no number.
const pageDefault = 100

// Answer reads.
func (q *List) Answer(v *state.View) (state.Coded, *state.Refusal) {
	most := int(min(q.Limit, uint64(v.Limits.LocksPageMax)))
	if most == 0 {
		most = pageDefault
	}
	page, now := &Page{Locks: []Lock{}}, v.LockNow()
	v.HoldsFrom(q.After, now, func(h *state.Hold) bool {
		if id, ok := state.ParseDocID(h.Name); ok {
			if d, there := v.Document(id); !there || v.RoleIn(id, v.User.ID) < state.Viewer || d.Deleted() {
				return true
			}
		}
		if len(page.Locks) == most {
			page.Next = page.Locks[most-1].Name
			return false
		}
		page.Locks = append(page.Locks, Show(v, h, now))
		return true
	})
	return page, nil
}
