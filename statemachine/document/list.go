package document

import (
	"parley/raft"
	"parley/statemachine/lock"
	"parley/statemachine/state"
)

// Item is a document as somebody sees it who may, without its content.
type Item struct {
	Document  state.Document
	MadeBy    string     // the author's name
	WrittenBy string     // the name of who wrote the newest revision
	Role      state.Role // of who asks; zero for an admin of the cluster who has none
	Lock      lock.Lock
}

// Code passes the fields.
func (i *Item) Code(c *state.Coder) {
	state.Number(c, &i.Document.ID)
	i.Document.Code(c)
	c.String(&i.MadeBy)
	c.String(&i.WrittenBy)
	i.Role.Code(c)
	i.Lock.Code(c)
}

func item(v *state.View, a *state.DocAccess, now raft.LogTime) *Item {
	i := &Item{Document: a.Document, MadeBy: v.NameOf(a.Author), WrittenBy: v.NameOf(a.LastBy), Role: a.Role, Lock: lock.Lock{Name: a.ID.String()}}
	if h, held := v.Held(i.Lock.Name, now); held {
		i.Lock = lock.Show(v, &h, now)
	}
	return i
}

// List asks for the documents that the caller may read, newest first.
type List struct {
	Before  state.DocID // a cursor; zero: from the newest
	Limit   uint64      // zero: 100
	Deleted bool        // those that were deleted, of which the caller is an owner, and no others
}

// Kind is the query's number.
func (*List) Kind() uint8 { return kindList }

// Code passes the fields.
func (q *List) Code(c *state.Coder) {
	state.Number(c, &q.Before)
	state.Number(c, &q.Limit)
	c.Bool(&q.Deleted)
}

// Page answers List. One that has fewer documents than were asked for may still not be the last.
type Page struct {
	Documents []Item
	Next      state.DocID // the cursor of the next page; zero: this is the last
}

// Code passes the fields.
func (p *Page) Code(c *state.Coder) {
	state.List(c, &p.Documents, func(c *state.Coder, i *Item) { i.Code(c) })
	state.Number(c, &p.Next)
}

// Answer reads.
func (q *List) Answer(v *state.View) (state.Coded, *state.Refusal) {
	return page(v, q.Before, q.Limit, v.LockNow(), func(a *state.DocAccess) bool {
		return a.Role >= state.Viewer && a.Deleted() == q.Deleted && (!q.Deleted || a.Role == state.Owner)
	}), nil
}

// page collects the documents that somebody may see, below an id. It looks at no more than
// Limits.DocumentsLookMax, and says then where to go on.
func page(v *state.View, before state.DocID, limit uint64, now raft.LogTime, sees func(a *state.DocAccess) bool) *Page {
	p, looked, last := &Page{Documents: []Item{}}, 0, before
	v.DocumentsBack(before-1, func(d *state.Document) bool { // zero wraps to the last there can be
		if looked++; looked > v.Limits.DocumentsLookMax || len(p.Documents) == limitOf(v, limit) {
			p.Next = last
			return false
		}
		last = d.ID
		if a := (state.DocAccess{Document: *d, Role: v.RoleIn(d.ID, v.User.ID)}); sees(&a) {
			p.Documents = append(p.Documents, *item(v, &a, now))
		}
		return true
	})
	return p
}

// Inspect asks for what there is to know about a document but what is in it. It is a command, and no query, because an
// admin of the cluster sees documents that are not shared with him, and that is written down.
type Inspect struct{ ID string }

// Kind is the command's number.
func (*Inspect) Kind() uint8 { return kindInspect }

// Code passes the fields.
func (q *Inspect) Code(c *state.Coder) { c.String(&q.ID) }

// Check refuses nothing: what is no id is the id of no document.
func (q *Inspect) Check(*state.Limits) *state.Refusal { return nil }

// Apply writes it down, if it has to be, and reads.
func (q *Inspect) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, refusal := t.MayDoc(state.ToInspectDoc, q.ID)
	if refusal != nil {
		return nil, refusal
	}
	if a.Audited {
		t.AuditDoc(&a, "document.inspect", "")
	}
	return item(&t.View, &a, t.At.Time), nil
}

// InspectAll asks for all documents, newest first. It is for admins of the cluster, and written down.
type InspectAll struct {
	Before state.DocID // as in List
	Limit  uint64
}

// Kind is the command's number.
func (*InspectAll) Kind() uint8 { return kindInspectAll }

// Code passes the fields.
func (q *InspectAll) Code(c *state.Coder) {
	state.Number(c, &q.Before)
	state.Number(c, &q.Limit)
}

// Check refuses nothing.
func (q *InspectAll) Check(*state.Limits) *state.Refusal { return nil }

// Apply writes it down, and reads.
func (q *InspectAll) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	if !t.User.Admin {
		return nil, state.Refusef(state.NotPermitted, "NOT_CLUSTER_ADMIN", "Only an admin of the cluster may do that.")
	}
	t.Audit("document.inspect", "all", "")
	return page(&t.View, q.Before, q.Limit, t.At.Time, func(*state.DocAccess) bool { return true }), nil
}
