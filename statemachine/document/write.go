package document

import (
	"crypto/sha256"

	"parley/raft"
	"parley/statemachine/lock"
	"parley/statemachine/state"
)

// The kinds of the commands and queries of this package. They are in logs; they never change.
const (
	kindCreate     = 140
	kindUpdate     = 141
	kindRestore    = 142
	kindDelete     = 143
	kindUndelete   = 144
	kindShare      = 145
	kindUnshare    = 146
	kindConfigure  = 147
	kindInspect    = 148
	kindInspectAll = 149

	kindShow       = 140
	kindHistory    = 141
	kindList       = 142
	kindAccessList = 143
)

// Create makes a document, with its first revision. The caller owns it, and nobody else may read it.
type Create struct {
	Title   string
	Content string
	Note    string
	Mode    state.LockMode // zero: its lock is required
}

// Kind is the command's number.
func (*Create) Kind() uint8 { return kindCreate }

// Code passes the fields.
func (k *Create) Code(c *state.Coder) {
	c.String(&k.Title)
	c.String(&k.Content)
	c.String(&k.Note)
	state.Byte(c, &k.Mode)
}

// Check refuses what is no document.
func (k *Create) Check(l *state.Limits) *state.Refusal {
	if refusal := checkTitle(l, k.Title); refusal != nil {
		return refusal
	}
	if k.Mode > state.LockAdvisory {
		return refuseMode
	}
	if refusal := checkNote(l, k.Note); refusal != nil {
		return refusal
	}
	return refuseContent(l, []byte(k.Content))
}

var refuseMode = state.Invalidf("lock", "LOCK_MODE_INVALID", "A document's lock is required or advisory.")

func checkTitle(l *state.Limits, title string) *state.Refusal {
	if title == "" {
		return state.Invalidf("title", "FIELD_INVALID", "A document has a title.")
	}
	return state.CheckLine("title", "A title", title, l.TitleBytesMax)
}

func checkNote(l *state.Limits, note string) *state.Refusal {
	return state.CheckLine("note", "A note", note, l.NoteBytesMax)
}

// Apply makes the document.
func (k *Create) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	if t.Len(state.TableDocuments) >= t.Limits.DocumentsMax {
		return nil, state.Refusef(state.Exhausted, "DOCUMENTS_FULL", "There are %d documents, and more there can't be.", t.Limits.DocumentsMax)
	}
	d := state.Document{ID: state.DocID(t.At.Position), Title: k.Title, Author: t.User.ID, Mode: max(k.Mode, state.LockRequired), Wall: t.Wall}
	r := state.DocRevision{Note: k.Note, Sum: sha256.Sum256([]byte(k.Content))}
	if refusal := keep(t, &d, &r, []byte(k.Content), nil, 0); refusal != nil {
		return nil, refusal
	}
	t.PutGrant(&d, state.Grantee{Kind: state.GranteeUser, ID: uint64(t.User.ID)}, state.Owner)
	t.AddRevision(&d, &r)
	record(t, state.EventDocMade, &d)
	return item(&t.View, &state.DocAccess{Document: d, Role: state.Owner}, t.At.Time), nil
}

// Update gives a document another content. Without a fence the lock of the caller's own login is taken, if it has it.
type Update struct {
	ID        string
	Fence     raft.Position // zero, or that under which the caller holds the document's lock
	IfVersion uint64        // zero, or the version that the document must have
	Note      string

	Base  uint64   // the revision of which Delta tells the difference; zero: Delta is the content
	Delta []byte   // see MakeDelta
	Sum   [32]byte // SHA-256 of the content
}

// NewUpdate returns an update without what is asked of the document: a content, as what differs from a revision if
// one is known.
func NewUpdate(id string, content []byte, base uint64, was []byte) *Update {
	u := &Update{ID: id, Delta: content, Sum: sha256.Sum256(content)}
	if base == 0 {
		return u
	}
	if delta := MakeDelta(was, content); len(delta) < len(content) {
		u.Base, u.Delta = base, delta
	}
	return u
}

// Kind is the command's number.
func (*Update) Kind() uint8 { return kindUpdate }

// Code passes the fields.
func (u *Update) Code(c *state.Coder) {
	c.String(&u.ID)
	state.Number(c, &u.Fence)
	state.Number(c, &u.IfVersion)
	c.String(&u.Note)
	state.Number(c, &u.Base)
	c.Bytes(&u.Delta)
	c.Array(u.Sum[:])
}

// Check refuses what is no content. What a delta makes is known to Apply alone.
func (u *Update) Check(l *state.Limits) *state.Refusal {
	if refusal := checkNote(l, u.Note); refusal != nil {
		return refusal
	}
	if u.Base == 0 {
		return refuseContent(l, u.Delta)
	}
	if len(u.Delta) > l.DocumentBytesMax {
		return RefuseTooLarge(l, len(u.Delta))
	}
	return nil
}

// Apply adds a revision.
func (u *Update) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, fence, refusal := mayWrite(t, u.ID, u.Fence, u.IfVersion)
	if refusal != nil {
		return nil, refusal
	}
	content := u.Delta
	if u.Base != 0 {
		base, ok := contentOf(t.State, a.ID, u.Base)
		if ok {
			content, ok = applyDelta(nil, base, u.Delta, t.Limits.DocumentBytesMax)
		}
		if !ok {
			return nil, refuseDelta
		}
		if refusal := refuseContent(&t.Limits, content); refusal != nil {
			return nil, refusal
		}
	}
	if sha256.Sum256(content) != u.Sum {
		return nil, refuseDelta
	}
	r := state.DocRevision{Fence: fence, Note: u.Note, Sum: u.Sum}
	if refusal := keep(t, &a.Document, &r, content, u.Delta, u.Base); refusal != nil {
		return nil, refusal
	}
	t.AddRevision(&a.Document, &r)
	record(t, state.EventDocUpdated, &a.Document)
	return item(&t.View, &a, t.At.Time), nil
}

var refuseDelta = state.Invalidf("content", "CONTENT_SUM", "The content is not the one that its SHA-256 tells.")

// Restore makes the content of an older revision the newest one: a new revision, and nothing is lost.
type Restore struct {
	ID        string
	Version   uint64
	Fence     raft.Position // as in Update
	IfVersion uint64
	Note      string
}

// Kind is the command's number.
func (*Restore) Kind() uint8 { return kindRestore }

// Code passes the fields.
func (k *Restore) Code(c *state.Coder) {
	c.String(&k.ID)
	state.Number(c, &k.Version)
	state.Number(c, &k.Fence)
	state.Number(c, &k.IfVersion)
	c.String(&k.Note)
}

// Check refuses what is no note.
func (k *Restore) Check(l *state.Limits) *state.Refusal { return checkNote(l, k.Note) }

// Apply adds a revision.
func (k *Restore) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, fence, refusal := mayWrite(t, k.ID, k.Fence, k.IfVersion)
	if refusal != nil {
		return nil, refusal
	}
	content, ok := contentOf(t.State, a.ID, k.Version)
	if !ok {
		return nil, refuseRevision(&a.Document, k.Version)
	}
	r := state.DocRevision{Fence: fence, Restored: k.Version, Note: k.Note, Sum: sha256.Sum256(content)}
	if refusal := keep(t, &a.Document, &r, content, copyAll(uint64(len(content))), k.Version); refusal != nil {
		return nil, refusal
	}
	t.AddRevision(&a.Document, &r)
	record(t, state.EventDocRestored, &a.Document)
	return item(&t.View, &a, t.At.Time), nil
}

// mayWrite returns a document that the caller may write now, and the fence under which he does: zero if nobody holds
// its lock and none is needed.
func mayWrite(t *state.Txn, ref string, fence raft.Position, ifVersion uint64) (a state.DocAccess, live raft.Position, refusal *state.Refusal) {
	if a, refusal = t.MayDoc(state.ToWriteDoc, ref); refusal != nil {
		return a, 0, refusal
	}
	if live, refusal = underLock(t, &a.Document, fence); refusal != nil {
		return a, 0, refusal
	}
	if ifVersion != 0 && ifVersion != a.Version {
		return a, 0, state.Refusef(state.Conflict, "VERSION_CONFLICT", "The document %s is at version %d, and not %d.", a.ID, a.Version, ifVersion)
	}
	return a, live, nil
}

// underLock refuses a writer who is not the one whom the document's lock lets.
func underLock(t *state.Txn, d *state.Document, fence raft.Position) (raft.Position, *state.Refusal) {
	h, held := t.Held(d.ID.String(), t.At.Time)
	switch {
	case fence != 0 && !held:
		return 0, state.Refusef(state.Conflict, "STALE_FENCE", "Nobody holds the lock of %s any more, and fence %d is stale.", d.ID, fence)
	case fence != 0 && (h.Fence != fence || h.Login != t.Login.ID):
		return 0, lock.RefuseFence(&t.View, &h, fence)
	case held && h.Login == t.Login.ID:
		return h.Fence, nil
	case held:
		return 0, state.Refusef(state.Conflict, "LOCK_HELD", "The lock of %s is held by %s.", d.ID, t.NameOf(h.User))
	case d.Mode == state.LockRequired:
		return 0, state.Refusef(state.Conflict, "LOCK_REQUIRED", "The document %s is written under its lock only. Take it first.", d.ID)
	}
	return 0, nil
}

func refuseRevision(d *state.Document, version uint64) *state.Refusal {
	return state.Refusef(state.NotFound, "REVISION_NOT_FOUND", "The document %s has no revision %d; the newest is %d.", d.ID, version, d.Version)
}

// record puts an event about a document into the backlog, for its readers.
func record(t *state.Txn, kind state.EventKind, d *state.Document) {
	t.Record(t.At.Position, &state.Event{Kind: kind, Audience: state.ForReaders(d.ID), User: t.User.ID, Doc: d.ID, Version: d.Version})
}
