package state

import (
	"parley/raft"
)

// LockMode says whether a document is written under its lock only.
type LockMode uint8

// The modes. In both nobody but its holder writes while the lock is held.
const (
	LockRequired LockMode = 1 // nobody writes without it
	LockAdvisory LockMode = 2 // who wants may write while nobody holds it
)

// Document is a text with a history. Who may read and write it stands in its access list; see docaccess.go.
type Document struct {
	ID        DocID // the key; the position at which it came
	Title     string
	Author    UserID   // who made it, and whose quota it counts against
	Mode      LockMode // of writing
	NoAI      bool     // nothing of it is shown to a model
	Version   uint64   // of the newest revision; they are 1, 2, 3, …
	Size      uint64   // of its content
	Kept      uint64   // what all revisions take
	Owners    uint64   // on the access list
	Grants    uint64   // on the access list
	Wall      raft.Wall
	Last      raft.Position // of the newest revision
	LastBy    UserID
	LastWall  raft.Wall // never below that of the revision before
	DeletedBy UserID    // zero: it is there
	DeletedAt raft.Wall
}

// Code passes the fields.
func (d *Document) Code(c *Coder) {
	c.String(&d.Title)
	Number(c, &d.Author)
	Byte(c, &d.Mode)
	c.Bool(&d.NoAI)
	Number(c, &d.Version)
	Number(c, &d.Size)
	Number(c, &d.Kept)
	Number(c, &d.Owners)
	Number(c, &d.Grants)
	Number(c, &d.Wall)
	Number(c, &d.Last)
	Number(c, &d.LastBy)
	Number(c, &d.LastWall)
	Number(c, &d.DeletedBy)
	Number(c, &d.DeletedAt)
}

// Deleted says whether it was deleted. Its history stays, and its owner can bring it back.
func (d *Document) Deleted() bool { return d.DeletedBy != 0 }

// DocRevision is one text of a document, as it was written: whole, or as what differs from an earlier one. It never changes.
type DocRevision struct {
	Doc      DocID  // the key, with Version
	Version  uint64 // 1, 2, 3, …
	Position raft.Position
	Time     raft.LogTime
	Wall     raft.Wall // the edge's clock, but never below that of the revision before
	Author   UserID
	Fence    raft.Position // of the lock under which it was written; zero: none
	Restored uint64        // the revision of which this is the content again; zero: it is new
	Note     string
	Size     uint64   // of the content
	Sum      [32]byte // SHA-256 of the content

	Base  uint64 // the revision of which Delta tells the difference; zero: Delta is the content
	Depth uint64 // how many deltas lie between this content and a whole one
	Work  uint64 // how many bytes they make, this content included
	Delta []byte
}

// Code passes the fields.
func (r *DocRevision) Code(c *Coder) {
	Number(c, &r.Position)
	Number(c, &r.Time)
	Number(c, &r.Wall)
	Number(c, &r.Author)
	Number(c, &r.Fence)
	Number(c, &r.Restored)
	c.String(&r.Note)
	Number(c, &r.Size)
	c.Array(r.Sum[:])
	Number(c, &r.Base)
	Number(c, &r.Depth)
	Number(c, &r.Work)
	c.Bytes(&r.Delta)
}

// Document returns a document, deleted or not.
func (s *State) Document(id DocID) (Document, bool) {
	d := Document{ID: id}
	return d, s.Read(TableDocuments, Key(uint64(id)), &d)
}

// PutDocument writes a document.
func (s *State) PutDocument(d *Document) { s.Put(TableDocuments, Key(uint64(d.ID)), d) }

// DocumentsBack visits the documents from an id on, newest first, until visit returns false.
func (s *State) DocumentsBack(from DocID, visit func(d *Document) bool) {
	s.Descend(TableDocuments, Key(uint64(from)), func(key string, row []byte) bool {
		d := Document{ID: DocID(KeyPart(key, 0))}
		c := Coder{bytes: row}
		d.Code(&c)
		return visit(&d)
	})
}

// DocRevision returns a revision of a document.
func (s *State) DocRevision(id DocID, version uint64) (DocRevision, bool) {
	r := DocRevision{Doc: id, Version: version}
	return r, s.Read(TableRevisions, Key(uint64(id), version), &r)
}

// docRowBytes is what a revision takes besides its delta and note, about.
const docRowBytes = 256

// AddRevision writes the newest revision of a document, and counts it for the document and its author. It writes d.
func (s *State) AddRevision(d *Document, r *DocRevision) {
	r.Doc, r.Version = d.ID, d.Version+1
	r.Wall = max(r.Wall, d.LastWall)
	s.Put(TableRevisions, Key(uint64(d.ID), r.Version), r)
	kept := uint64(docRowBytes + len(r.Note) + len(r.Delta))
	d.Version, d.Size, d.Last, d.LastBy, d.LastWall = r.Version, r.Size, r.Position, r.Author, r.Wall
	d.Kept += kept
	s.PutDocument(d)
	u := s.DocUsage(d.Author)
	u.Bytes += kept
	if d.Version == 1 {
		u.Files++
	}
	s.Put(TableDocUsage, Key(uint64(d.Author)), &u)
}

// DocUsage returns what the documents take that a user made.
func (s *State) DocUsage(user UserID) (u Usage) {
	s.Read(TableDocUsage, Key(uint64(user)), &u)
	return u
}
