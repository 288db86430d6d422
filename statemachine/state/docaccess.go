package state

import (
	"strings"
)

// Role is what somebody may do with a document. A higher one may what a lower one may.
type Role uint8

// The roles. Only users are owners.
const (
	Viewer Role = 1 // reads it and its history
	Editor Role = 2 // writes it, and takes its lock
	Owner  Role = 3 // deletes it, decides who else may what, breaks its lock
)

// String names the role.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return roleNames[0]
}

var roleNames = [...]string{"none", "viewer", "editor", "owner"}

// GranteeKind says to whom a line of an access list gives a role.
type GranteeKind uint8

// The kinds.
const (
	GranteeUser    GranteeKind = 1
	GranteeChannel GranteeKind = 2 // whoever is a member of it
	GranteeAll     GranteeKind = 3 // every user
)

// Grantee is to whom a line of an access list gives a role.
type Grantee struct {
	Kind GranteeKind
	ID   uint64 // of the user or the channel
}

func grantKey(id DocID, g Grantee) string { return Key(uint64(id), uint64(g.Kind), g.ID) }

// Code passes the role. A snapshot may hold any byte; what is no role gives none.
func (r *Role) Code(c *Coder) {
	Byte(c, r)
	if *r > Owner {
		*r = 0
	}
}

// Grant returns what one line of a document's access list gives.
func (s *State) Grant(id DocID, g Grantee) (r Role) {
	s.Read(TableGrants, grantKey(id, g), &r)
	return r
}

// PutGrant writes a line of an access list; no role takes it away. It counts in d, which the caller writes.
func (s *State) PutGrant(d *Document, g Grantee, r Role) {
	was := s.Grant(d.ID, g)
	if was == Owner {
		d.Owners--
	}
	if r == Owner {
		d.Owners++
	}
	switch {
	case was == 0 && r != 0:
		d.Grants++
	case was != 0 && r == 0:
		d.Grants--
	}
	if r < was {
		s.Revocations++
	}
	switch {
	case r != 0:
		s.Put(TableGrants, grantKey(d.ID, g), &r)
	case was != 0:
		s.Remove(TableGrants, grantKey(d.ID, g))
	}
}

// Grants visits a document's access list, until visit returns false.
func (s *State) Grants(id DocID, visit func(g Grantee, r Role) bool) {
	s.Within(TableGrants, Key(uint64(id)), func(key string, row []byte) bool {
		var r Role
		c := Coder{bytes: row}
		r.Code(&c)
		return visit(Grantee{GranteeKind(KeyPart(key, 1)), KeyPart(key, 2)}, r)
	})
}

// RoleIn returns the highest role that the access list of a document gives a user: by his name, by a channel that he
// is a member of, or as to everybody.
func (s *State) RoleIn(id DocID, user UserID) Role {
	r := max(s.Grant(id, Grantee{GranteeUser, uint64(user)}), s.Grant(id, Grantee{GranteeAll, 0}))
	prefix := Key(uint64(id), uint64(GranteeChannel))
	s.Within(TableGrants, prefix, func(key string, row []byte) bool {
		var by Role
		c := Coder{bytes: row}
		if by.Code(&c); by > r && s.Has(TableMembers, Key(KeyPart(key, 2), uint64(user))) {
			r = by
		}
		return true
	})
	return r
}

// DocAction is something that somebody wants to do to a document.
type DocAction uint8

// The actions on documents.
const (
	ToReadDoc    DocAction = iota + 1 // content, history, access list, lock
	ToWriteDoc                        // update, restore, lock
	ToOwnDoc                          // delete, share, set
	ToBreakDoc                        // break the lock of somebody else
	ToInspectDoc                      // title, sizes, who made it
)

// The permission table of documents, as those of places; see access.go.
var docCells = [...][5]verdict{
	//            nobody  viewer   editor   owner    admin of the cluster
	ToReadDoc:    {hidden, allowed, allowed, allowed, hidden},
	ToWriteDoc:   {hidden, refused, allowed, allowed, hidden},
	ToOwnDoc:     {hidden, refused, refused, allowed, audited},
	ToBreakDoc:   {hidden, refused, refused, allowed, audited},
	ToInspectDoc: {hidden, allowed, allowed, allowed, audited},
}

// governorCell is the column of the admins of the cluster.
const governorCell = 4

// DocAccess is a document, as somebody may use it.
type DocAccess struct {
	Document
	Role    Role
	Audited bool // the caller does it as an admin of the cluster, and it is to be written down
}

// MayDoc says whether the caller of a query may do something with a document, and returns it. What he may not know of
// is refused in the words for what there is not. An admin of the cluster gets what his role gives: a query writes nothing down.
func (v *View) MayDoc(action DocAction, ref string) (DocAccess, *Refusal) {
	a, verdict := v.docAccess(action, ref)
	if verdict == audited {
		verdict = docCells[action][a.Role]
	}
	return a.judged(verdict, action, ref)
}

// MayDoc is View.MayDoc for a command, which may be one of those that are written down.
func (t *Txn) MayDoc(action DocAction, ref string) (DocAccess, *Refusal) {
	a, verdict := t.docAccess(action, ref)
	return a.judged(verdict, action, ref)
}

func (v *View) docAccess(action DocAction, ref string) (DocAccess, verdict) {
	id, ok := ParseDocID(ref)
	if !ok {
		return DocAccess{}, hidden
	}
	d, ok := v.Document(id)
	if !ok {
		return DocAccess{}, hidden
	}
	a := DocAccess{Document: d, Role: v.RoleIn(id, v.User.ID)}
	verdict := docCells[action][a.Role]
	if v.User.Admin {
		verdict = max(verdict, docCells[action][governorCell])
	}
	return a, verdict
}

// judged turns a verdict into an access or a refusal. A deleted document is there for its owners, who may bring it
// back, and for whoever looks after the cluster.
func (a *DocAccess) judged(v verdict, action DocAction, ref string) (DocAccess, *Refusal) {
	switch {
	case v == hidden:
		return DocAccess{}, RefuseDoc(ref)
	case a.Deleted() && (action == ToWriteDoc || action == ToReadDoc && a.Role != Owner):
		return DocAccess{}, Refusef(NotFound, "DOCUMENT_DELETED", "The document %s was deleted. Its owner can bring it back.", a.ID)
	case v == refused && a.Role == Viewer && action == ToWriteDoc:
		return DocAccess{}, Refusef(NotPermitted, "NOT_DOCUMENT_EDITOR", "You may read the document %s, and not write it.", a.ID)
	case v == refused:
		return DocAccess{}, Refusef(NotPermitted, "NOT_DOCUMENT_OWNER", "Only an owner of the document %s may do that.", a.ID)
	}
	a.Audited = v == audited
	return *a, nil
}

// RefuseDoc is a document that there is not, and one that the caller may not know of, in the same words.
func RefuseDoc(ref string) *Refusal {
	return RefusePlace(docPrefix + strings.TrimPrefix(ref, docPrefix))
}

// AuditDoc writes down what the caller did to a document, and whether he did it as an admin of the cluster.
func (t *Txn) AuditDoc(a *DocAccess, action, detail string) {
	if a.Audited {
		detail = strings.TrimSpace(detail + " (as an admin of the cluster)")
	}
	t.Audit(action, a.ID.String(), detail)
}
