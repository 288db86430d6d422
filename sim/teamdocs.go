package sim

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"

	"parley/raft"
	"parley/statemachine/document"
	"parley/statemachine/state"
)

// teamDoc is a document in the model: all its texts, whole.
type teamDoc struct {
	id     state.DocID
	is     changing[state.Document]
	grants []*teamGrant
	texts  []*teamText // by version, from 1
}

// teamText is a revision. How it is kept shows in the bytes that count, and in nothing else.
type teamText struct {
	document.Revision // but the author's name
	content           string
	depth, work       uint64 // the differences that lie between it and a whole one, and the bytes that they make
}

// teamGrant is a line of an access list.
type teamGrant struct {
	to state.Grantee
	is changing[state.Role]
}

// docDeed is something that is done to a document.
type docDeed uint8

const (
	deedReadDoc docDeed = iota
	deedWriteDoc
	deedOwnDoc
	deedBreakDoc
	deedInspectDoc
)

// docAccess is a document that somebody may use.
type docAccess struct {
	doc     *teamDoc
	is      state.Document
	role    state.Role
	audited bool
}

// role returns what somebody may do with a document at a position: by his name, as everybody, or as a member of a channel.
func (t *teamDoc) role(m *teamModel, user state.UserID, at raft.Position) (r state.Role) {
	u := m.userOf[user]
	for _, g := range t.grants {
		switch has := g.is.when(at); {
		case g.to.Kind == state.GranteeUser && g.to.ID != uint64(user):
		case g.to.Kind == state.GranteeChannel && !m.placeOf[state.PlaceID(g.to.ID)].part(u, at).joined:
		default:
			r = max(r, has)
		}
	}
	return r
}

// readsDoc reports whether somebody could read a document at every position of a stretch: whether it was deleted or not, he is
// told of it.
func (m *teamModel) readsDoc(u *teamUser, t *teamDoc, from, to raft.Position) bool {
	reads := func(at raft.Position) bool { return at < from || at > to || t.role(m, u.id, at) >= state.Viewer }
	if !reads(from) {
		return false
	}
	for _, g := range t.grants {
		if slices.ContainsFunc(g.is.at, func(at raft.Position) bool { return !reads(at) }) {
			return false
		}
		if g.to.Kind != state.GranteeChannel {
			continue
		}
		if part := m.placeOf[state.PlaceID(g.to.ID)].member(u); part != nil && slices.ContainsFunc(part.is.at, func(at raft.Position) bool { return !reads(at) }) {
			return false
		}
	}
	return true
}

// mayDoc returns a document to do something with, or why not. Viewers read, editors write, owners do the rest; admins of the
// cluster may break its lock, delete it and see what it is called, which is written down.
func (v *teamView) mayDoc(what docDeed, ref string) (docAccess, *state.Refusal) {
	id, ok := state.ParseDocID(ref)
	doc := v.docOf[id]
	if !ok || doc == nil || raft.Position(id) > v.at {
		return docAccess{}, missing("doc_")
	}
	a := docAccess{doc: doc, is: doc.is.when(v.at), role: doc.role(v.teamModel, v.user.id, v.at)}
	least := [...]state.Role{deedReadDoc: state.Viewer, deedWriteDoc: state.Editor, deedOwnDoc: state.Owner, deedBreakDoc: state.Owner, deedInspectDoc: state.Viewer}[what]
	governs := v.me.Admin && v.command && what != deedReadDoc && what != deedWriteDoc
	deleted := a.is.DeletedBy != 0 && (what == deedWriteDoc || what == deedReadDoc && a.role != state.Owner)
	switch {
	case a.role < least && governs:
		a.audited = true
	case a.role == 0:
		return docAccess{}, missing("doc_")
	case deleted:
		return docAccess{}, refused(state.NotFound, "DOCUMENT_DELETED")
	case a.role < least && what == deedWriteDoc:
		return docAccess{}, refused(state.NotPermitted, "NOT_DOCUMENT_EDITOR")
	case a.role < least:
		return docAccess{}, refused(state.NotPermitted, "NOT_DOCUMENT_OWNER")
	}
	return a, nil
}

// malformedDoc says why something is no document.
func (m *teamModel) malformedDoc(c state.Command) string {
	content := ""
	switch c := c.(type) {
	case *document.Create:
		switch {
		case c.Title == "":
			return "FIELD_INVALID"
		case c.Mode > state.LockAdvisory:
			return "LOCK_MODE_INVALID"
		}
		content = c.Content
	case *document.Update:
		if c.Base == 0 {
			content = string(c.Delta)
		} else if len(c.Delta) > m.limits.DocumentBytesMax {
			return "DOCUMENT_TOO_LARGE"
		}
	case *document.Share:
		if c.Role < state.Viewer || c.Role > state.Owner || c.Role == state.Owner && c.With.User == "" {
			return "ROLE_INVALID"
		}
	case *document.Configure:
		if c.Mode != nil && (*c.Mode == 0 || *c.Mode > state.LockAdvisory) {
			return "LOCK_MODE_INVALID"
		}
		return reasonIf(c.Title != nil && *c.Title == "", "FIELD_INVALID")
	}
	if len(content) > m.limits.DocumentBytesMax {
		return "DOCUMENT_TOO_LARGE"
	}
	return reasonIf(!utf8.ValidString(content), "CONTENT_NOT_UTF8")
}

func (d *teamDeed) ofDocs(c state.Command) (reply state.Coded, refusal *state.Refusal, mine bool) {
	switch c := c.(type) {
	case *document.Create:
		reply, refusal = d.createDoc(c)
	case *document.Update:
		reply, refusal = d.updateDoc(c)
	case *document.Restore:
		reply, refusal = d.restoreDoc(c)
	case *document.Delete:
		reply, refusal = d.setDeleted(c.ID, true)
	case *document.Undelete:
		reply, refusal = d.setDeleted(c.ID, false)
	case *document.Share:
		reply, refusal = d.share(c.ID, c.With, c.Role)
	case *document.Unshare:
		reply, refusal = d.share(c.ID, c.With, 0)
	case *document.Configure:
		reply, refusal = d.configure(c)
	case *document.Inspect:
		reply, refusal = d.inspectDoc(c.ID)
	case *document.InspectAll:
		if !d.me.Admin {
			return nil, refused(state.NotPermitted, "NOT_CLUSTER_ADMIN"), true
		}
		d.audit("document.inspect", "all", "")
		reply = d.docPage(c.Before, c.Limit, func(*docAccess) bool { return true })
	default:
		return nil, nil, false
	}
	return reply, refusal, true
}

// aboutDoc is an event for the readers of a document.
func (d *teamDeed) aboutDoc(kind state.EventKind, is *state.Document) {
	d.event(state.Event{Kind: kind, Audience: state.ForReaders(is.ID), User: d.user.id, Doc: is.ID, Version: is.Version})
}

func (d *teamDeed) auditDoc(a *docAccess, action, detail string) {
	if a.audited {
		detail = strings.TrimLeft(detail+" (as an admin of the cluster)", " ")
	}
	d.audit(action, docID(a.is.ID), detail)
}

func docID(id state.DocID) string { return "doc_" + base36(uint64(id)) }

// item returns a document as the viewer has it.
func (v *teamView) item(a *docAccess) *document.Item {
	return &document.Item{Document: a.is, MadeBy: v.nameOf(a.is.Author), WrittenBy: v.nameOf(a.is.LastBy), Role: a.role, Lock: v.lockedOr(docID(a.is.ID))}
}

// keep says what a text takes: all of it, or what differs from a base if that is less and not too far from a whole one.
func (d *teamDeed) keep(is *state.Document, t *teamText, delta int, base *teamText) (kept uint64, refusal *state.Refusal) {
	size := uint64(len(t.content))
	t.depth, t.work, kept = 0, size, size
	if base != nil && delta < len(t.content) && base.depth < d.limits.DeltasMax && base.work+size <= d.limits.DeltaWorkBytesMax {
		t.depth, t.work, kept = base.depth+1, base.work+size, uint64(delta)
	}
	switch {
	case is.Version >= d.limits.RevisionsMax:
		return 0, refused(state.Exhausted, "REVISIONS_FULL")
	case d.userOf[is.Author].written.when(d.at)+kept > d.limits.DocumentQuotaBytes:
		return 0, refused(state.Exhausted, "QUOTA_EXCEEDED")
	}
	return kept, nil
}

// adds makes a text the newest of a document.
func (d *teamDeed) adds(doc *teamDoc, is *state.Document, t *teamText, kept uint64) {
	const row = 256
	kept += row + uint64(len(t.Note))
	t.Version, t.Position, t.Time, t.Wall, t.Author = is.Version+1, d.at, d.applied.Time, max(d.wall, is.LastWall), d.user.id
	t.Size, t.Sum = uint64(len(t.content)), sha256.Sum256([]byte(t.content))
	is.Version, is.Size, is.Last, is.LastBy, is.LastWall = t.Version, t.Size, d.at, t.Author, t.Wall
	is.Kept += kept
	doc.texts = append(doc.texts, t)
	doc.is.put(d.at, *is)
	author := d.userOf[is.Author]
	author.written.put(d.at, author.written.when(d.at)+kept)
}

func (d *teamDeed) createDoc(c *document.Create) (state.Coded, *state.Refusal) {
	is := state.Document{ID: state.DocID(d.at), Title: c.Title, Author: d.user.id, Mode: max(c.Mode, state.LockRequired), Wall: d.wall}
	t := &teamText{Revision: document.Revision{Note: c.Note}, content: c.Content}
	kept, refusal := d.keep(&is, t, 0, nil)
	if refusal != nil {
		return nil, refusal
	}
	doc := &teamDoc{id: is.ID}
	d.docs, d.docOf[is.ID] = append(d.docs, doc), doc
	d.setRole(doc, &is, state.Grantee{Kind: state.GranteeUser, ID: uint64(d.user.id)}, state.Owner)
	d.adds(doc, &is, t, kept)
	d.aboutDoc(state.EventDocMade, &is)
	return d.item(&docAccess{doc: doc, is: is, role: state.Owner}), nil
}

// setRole writes a line of an access list.
func (d *teamDeed) setRole(doc *teamDoc, is *state.Document, to state.Grantee, r state.Role) {
	g := doc.grant(to)
	if g == nil {
		g = &teamGrant{to: to}
		doc.grants = append(doc.grants, g)
	}
	g.is.put(d.at, r)
	is.Owners, is.Grants = 0, 0
	for _, g := range doc.grants {
		if r := g.is.when(d.at); r != 0 {
			is.Grants++
			if r == state.Owner {
				is.Owners++
			}
		}
	}
	doc.is.put(d.at, *is)
}

func (t *teamDoc) grant(to state.Grantee) *teamGrant {
	for _, g := range t.grants {
		if g.to == to {
			return g
		}
	}
	return nil
}

// mayWrite returns a document that may be written, and the fence under which.
func (d *teamDeed) mayWrite(ref string, fence raft.Position, version uint64) (a docAccess, live raft.Position, refusal *state.Refusal) {
	if a, refusal = d.mayDoc(deedWriteDoc, ref); refusal != nil {
		return a, 0, refusal
	}
	h := teamHold{}
	if l := d.lockNamed(ref); l != nil {
		h = l.is.when(d.at)
	}
	switch held := h.held(d.applied.Time); {
	case fence != 0 && (!held || h.fence != fence || h.login != d.login.ID):
		return a, 0, fenceStale
	case held && h.login != d.login.ID:
		return a, 0, refused(state.Conflict, "LOCK_HELD")
	case !held && a.is.Mode == state.LockRequired:
		return a, 0, refused(state.Conflict, "LOCK_REQUIRED")
	case version != 0 && version != a.is.Version:
		return a, 0, refused(state.Conflict, "VERSION_CONFLICT")
	case held:
		live = h.fence
	}
	return a, live, nil
}

// text returns a revision of a document, if there was one at a position.
func (t *teamDoc) text(version uint64, at raft.Position) *teamText {
	if version == 0 || version > uint64(len(t.texts)) || t.texts[version-1].Position > at {
		return nil
	}
	return t.texts[version-1]
}

var sumWrong = refused(state.Invalid, "CONTENT_SUM")

func (d *teamDeed) updateDoc(c *document.Update) (state.Coded, *state.Refusal) {
	a, fence, refusal := d.mayWrite(c.ID, c.Fence, c.IfVersion)
	if refusal != nil {
		return nil, refusal
	}
	t, base := &teamText{Revision: document.Revision{Note: c.Note, Fence: fence}, content: string(c.Delta)}, a.doc.text(c.Base, d.at)
	if c.Base != 0 {
		made, ok := "", false
		if base != nil {
			made, ok = patched(base.content, c.Delta, d.limits.DocumentBytesMax)
		}
		switch {
		case !ok:
			return nil, sumWrong
		case !utf8.ValidString(made):
			return nil, refused(state.Invalid, "CONTENT_NOT_UTF8")
		}
		t.content = made
	}
	if sha256.Sum256([]byte(t.content)) != c.Sum {
		return nil, sumWrong
	}
	kept, refusal := d.keep(&a.is, t, len(c.Delta), base)
	if refusal != nil {
		return nil, refusal
	}
	d.adds(a.doc, &a.is, t, kept)
	d.aboutDoc(state.EventDocUpdated, &a.is)
	return d.item(&a), nil
}

// patched makes a text of another one: of steps that bring bytes or copy some.
func patched(base string, delta []byte, most int) (made string, ok bool) {
	number := func() uint64 {
		x, n := binary.Uvarint(delta)
		ok = ok && n > 0
		delta = delta[max(n, 0):]
		return x
	}
	for ok = true; len(delta) > 0; {
		from, step := uint64(0), number()
		length, copies := step/2, step%2 == 1
		if copies {
			from = number()
		}
		room := uint64(most - len(made))
		switch {
		case !ok || length == 0 || length > room:
			return "", false
		case copies && (from > uint64(len(base)) || length > uint64(len(base))-from), !copies && length > uint64(len(delta)):
			return "", false
		case copies:
			made += base[from : from+length]
		default:
			made, delta = made+string(delta[:length]), delta[length:]
		}
	}
	return made, ok
}

func (d *teamDeed) restoreDoc(c *document.Restore) (state.Coded, *state.Refusal) {
	a, fence, refusal := d.mayWrite(c.ID, c.Fence, c.IfVersion)
	if refusal != nil {
		return nil, refusal
	}
	was := a.doc.text(c.Version, d.at)
	if was == nil {
		return nil, refused(state.NotFound, "REVISION_NOT_FOUND")
	}
	t := &teamText{Revision: document.Revision{Note: c.Note, Fence: fence, Restored: c.Version}, content: was.content}
	copying := len(binary.AppendUvarint(nil, 2*uint64(len(was.content))+1)) + 1 // "all of it, from the beginning"
	kept, refusal := d.keep(&a.is, t, min(copying, copying*len(was.content)), was)
	if refusal != nil {
		return nil, refusal
	}
	d.adds(a.doc, &a.is, t, kept)
	d.aboutDoc(state.EventDocRestored, &a.is)
	return d.item(&a), nil
}

func (d *teamDeed) setDeleted(ref string, deleted bool) (state.Coded, *state.Refusal) {
	a, refusal := d.mayDoc(deedOwnDoc, ref)
	if refusal != nil {
		return nil, refusal
	}
	done := &document.Done{Position: d.at}
	switch {
	case (a.is.DeletedBy != 0) == deleted:
		return done, nil
	case !deleted:
		a.is.DeletedBy, a.is.DeletedAt = 0, 0
		a.doc.is.put(d.at, a.is)
		d.aboutDoc(state.EventDocUndeleted, &a.is)
		d.auditDoc(&a, "document.undelete", "")
		return done, nil
	}
	a.is.DeletedBy, a.is.DeletedAt = d.user.id, d.wall
	a.doc.is.put(d.at, a.is)
	d.aboutDoc(state.EventDocDeleted, &a.is)
	d.auditDoc(&a, "document.delete", "")
	if l := d.lockNamed(ref); l != nil {
		if h := l.is.when(d.at); h.held(d.applied.Time) {
			d.givesUp(l, state.EventLockBroken)
		}
	}
	return done, nil
}

func (d *teamDeed) share(ref string, with document.Whom, r state.Role) (state.Coded, *state.Refusal) {
	a, refusal := d.mayDoc(deedOwnDoc, ref)
	if refusal != nil {
		return nil, refusal
	}
	to, word, refusal := d.grantee(a.doc, with)
	if refusal != nil {
		return nil, refusal
	}
	was := state.Role(0)
	if g := a.doc.grant(to); g != nil {
		was = g.is.when(d.at)
	}
	switch {
	case r == 0 && was == 0:
		return nil, refused(state.NotFound, "GRANT_NOT_FOUND")
	case was == r:
		return &document.Done{Position: d.at}, nil
	case was == state.Owner && a.is.Owners == 1:
		return nil, refused(state.Precondition, "LAST_OWNER")
	case was == 0 && a.is.Grants >= d.limits.GrantsMax:
		return nil, refused(state.Exhausted, "GRANTS_FULL")
	}
	d.setRole(a.doc, &a.is, to, r)
	e := state.Event{Kind: state.EventDocShared, Audience: state.ForReaders(a.is.ID), User: d.user.id, Doc: a.is.ID, Version: a.is.Version, Text: roleWord(r)}
	if to.Kind == state.GranteeUser {
		e.Other = state.UserID(to.ID)
	}
	if r == 0 {
		e.Kind, e.Text = state.EventDocUnshared, ""
	}
	d.event(e)
	if e.Other != 0 && a.doc.role(d.teamModel, e.Other, d.at) == 0 {
		e.Audience = state.ForUser(e.Other)
		d.event(e)
	}
	d.auditDoc(&a, "document.share", word+" "+roleWord(r))
	return &document.Done{Position: d.at}, nil
}

func roleWord(r state.Role) string { return [...]string{"none", "viewer", "editor", "owner"}[r] }

// grantee returns with whom something is to be shared, and what ids call him.
func (d *teamDeed) grantee(doc *teamDoc, with document.Whom) (to state.Grantee, word string, refusal *state.Refusal) {
	switch {
	case with.All:
		return state.Grantee{Kind: state.GranteeAll}, "all", nil
	case with.User != "":
		u := d.named(strings.TrimPrefix(with.User, "@"))
		if u == nil {
			return to, "", missing("@")
		}
		return state.Grantee{Kind: state.GranteeUser, ID: uint64(u.id)}, "user_" + base36(uint64(u.id)), nil
	}
	if p := d.find(with.Channel); p != nil {
		to = state.Grantee{Kind: state.GranteeChannel, ID: uint64(p.id)}
		if g := doc.grant(to); g != nil && g.is.when(d.at) != 0 {
			return to, "chan_" + base36(to.ID), nil
		}
	}
	a, refusal := d.asking().may(deedSee, with.Channel)
	switch {
	case refusal != nil:
		return to, "", refusal
	case a.is.Kind != state.Channel:
		return to, "", refused(state.Invalid, "FIELD_INVALID")
	}
	return state.Grantee{Kind: state.GranteeChannel, ID: uint64(a.is.ID)}, placeID(&a.is), nil
}

func (d *teamDeed) configure(c *document.Configure) (state.Coded, *state.Refusal) {
	a, refusal := d.mayDoc(deedOwnDoc, c.ID)
	if refusal != nil {
		return nil, refusal
	}
	var what []string
	if c.Title != nil && *c.Title != a.is.Title {
		a.is.Title, what = *c.Title, append(what, "title")
	}
	if c.Mode != nil && *c.Mode != a.is.Mode {
		a.is.Mode, what = *c.Mode, append(what, "lock")
	}
	if c.AI != nil && *c.AI == a.is.NoAI {
		a.is.NoAI, what = !*c.AI, append(what, "ai")
	}
	if len(what) > 0 {
		a.doc.is.put(d.at, a.is)
		d.aboutDoc(state.EventDocChanged, &a.is)
		d.auditDoc(&a, "document.set", strings.Join(what, ", "))
	}
	return d.item(&a), nil
}

func (d *teamDeed) inspectDoc(ref string) (state.Coded, *state.Refusal) {
	a, refusal := d.mayDoc(deedInspectDoc, ref)
	if refusal != nil {
		return nil, refusal
	}
	if a.audited {
		d.auditDoc(&a, "document.inspect", "")
	}
	return d.item(&a), nil
}

// aboutDocs answers questions about documents.
func (v *teamView) aboutDocs(q state.Query) (state.Coded, *state.Refusal) {
	switch q := q.(type) {
	case *document.Show:
		return v.showDoc(q)
	case *document.History:
		return v.revisions(q)
	case *document.List:
		return v.docPage(q.Before, q.Limit, func(a *docAccess) bool {
			return a.role >= state.Viewer && (a.is.DeletedBy != 0) == q.Deleted && (!q.Deleted || a.role == state.Owner)
		}), nil
	case *document.AccessList:
		return v.accessList(q)
	}
	return v.aboutLocks(q)
}

func (v *teamView) revision(t *teamText) document.Revision {
	r := t.Revision
	r.Called = v.nameOf(r.Author)
	return r
}

func (v *teamView) showDoc(q *document.Show) (state.Coded, *state.Refusal) {
	a, refusal := v.mayDoc(deedReadDoc, q.ID)
	if refusal != nil {
		return nil, refusal
	}
	version := a.is.Version
	newest := func(so func(t *teamText) bool) {
		for version = a.is.Version; version > 0 && !so(a.doc.texts[version-1]); {
			version--
		}
	}
	switch {
	case q.Version != 0 && q.At != 0 || q.Version != 0 && q.Time != 0 || q.At != 0 && q.Time != 0:
		return nil, refused(state.Invalid, "FIELD_INVALID")
	case q.Version != 0:
		version = q.Version
	case q.At != 0:
		newest(func(t *teamText) bool { return t.Position <= q.At })
	case q.Time != 0:
		newest(func(t *teamText) bool { return t.Wall <= q.Time })
	}
	t := a.doc.text(version, v.at)
	if t == nil {
		return nil, refused(state.NotFound, "REVISION_NOT_FOUND")
	}
	return &document.Content{Item: *v.item(&a), Revision: v.revision(t), Content: []byte(t.content)}, nil
}

func (v *teamView) revisions(q *document.History) (state.Coded, *state.Refusal) {
	a, refusal := v.mayDoc(deedReadDoc, q.ID)
	if refusal != nil {
		return nil, refusal
	}
	page, most := &document.Revisions{Item: *v.item(&a)}, limited(q.Limit, 100, uint64(v.limits.DocumentsPageMax))
	for version := a.is.Version; version > 0; version-- {
		if q.Before != 0 && version >= q.Before {
			continue
		}
		if len(page.Revisions) == most {
			page.Next = version + 1
			break
		}
		page.Revisions = append(page.Revisions, v.revision(a.doc.texts[version-1]))
	}
	return page, nil
}

// docPage collects documents, newest first. It says where to go on if there is any below the last that it looked at.
func (v *teamView) docPage(before state.DocID, limit uint64, sees func(a *docAccess) bool) *document.Page {
	page, most, last := &document.Page{}, limited(limit, 100, uint64(v.limits.DocumentsPageMax)), before
	for i := len(v.docs) - 1; i >= 0; i-- {
		doc := v.docs[i]
		if raft.Position(doc.id) > v.at || before != 0 && doc.id >= before {
			continue
		}
		if len(page.Documents) == most {
			page.Next = last
			break
		}
		last = doc.id
		if a := (docAccess{doc: doc, is: doc.is.when(v.at), role: doc.role(v.teamModel, v.user.id, v.at)}); sees(&a) {
			page.Documents = append(page.Documents, *v.item(&a))
		}
	}
	return page
}

func (v *teamView) accessList(q *document.AccessList) (state.Coded, *state.Refusal) {
	a, refusal := v.mayDoc(deedOwnDoc, q.ID)
	if refusal != nil {
		return nil, refusal
	}
	grants := slices.DeleteFunc(slices.Clone(a.doc.grants), func(g *teamGrant) bool { return g.is.when(v.at) == 0 })
	slices.SortFunc(grants, func(a, b *teamGrant) int {
		return cmp.Or(cmp.Compare(a.to.Kind, b.to.Kind), cmp.Compare(a.to.ID, b.to.ID))
	})
	list := &document.Grants{}
	for _, g := range grants {
		line := document.Grant{Kind: g.to.Kind, ID: "all", Role: g.is.when(v.at)}
		switch g.to.Kind {
		case state.GranteeUser:
			u := v.userOf[state.UserID(g.to.ID)]
			line.ID, line.Called = "user_"+base36(g.to.ID), u.name
		case state.GranteeChannel:
			p := v.placeOf[state.PlaceID(g.to.ID)]
			line.ID = "chan_" + base36(g.to.ID)
			if v.standing(p).may[deedSee] {
				line.Called = "#" + p.is.when(v.at).Name
			}
		}
		list.Grants = append(list.Grants, line)
	}
	return list, nil
}
