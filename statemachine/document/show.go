package document

import (
	"sort"

	"parley/raft"
	"parley/statemachine/state"
)

// Show asks for a document's content: the newest, or that of a revision, or as it was at a position or a time. At most
// one of the three is not zero.
type Show struct {
	ID      string
	Version uint64
	At      raft.Position // the newest revision that was written there or before
	Time    raft.Wall     // the newest that was written then or before, by the clocks of the servers that took them
}

// Kind is the query's number.
func (*Show) Kind() uint8 { return kindShow }

// Code passes the fields.
func (q *Show) Code(c *state.Coder) {
	c.String(&q.ID)
	state.Number(c, &q.Version)
	state.Number(c, &q.At)
	state.Number(c, &q.Time)
}

// Revision is what there is to know about a revision but its content.
type Revision struct {
	Version  uint64
	Position raft.Position
	Time     raft.LogTime
	Wall     raft.Wall
	Author   state.UserID
	Called   string // the author's name
	Fence    raft.Position
	Restored uint64
	Note     string
	Size     uint64
	Sum      [32]byte
}

// Code passes the fields.
func (r *Revision) Code(c *state.Coder) {
	state.Number(c, &r.Version)
	state.Number(c, &r.Position)
	state.Number(c, &r.Time)
	state.Number(c, &r.Wall)
	state.Number(c, &r.Author)
	c.String(&r.Called)
	state.Number(c, &r.Fence)
	state.Number(c, &r.Restored)
	c.String(&r.Note)
	state.Number(c, &r.Size)
	c.Array(r.Sum[:])
}

func revision(v *state.View, r *state.DocRevision) Revision {
	return Revision{r.Version, r.Position, r.Time, r.Wall, r.Author, v.NameOf(r.Author), r.Fence, r.Restored, r.Note, r.Size, r.Sum}
}

// Content answers Show.
type Content struct {
	Item     Item
	Revision Revision
	Content  []byte
}

// Code passes the fields.
func (k *Content) Code(c *state.Coder) {
	k.Item.Code(c)
	k.Revision.Code(c)
	c.Bytes(&k.Content)
}

// Answer reads.
func (q *Show) Answer(v *state.View) (state.Coded, *state.Refusal) {
	a, refusal := v.MayDoc(state.ToReadDoc, q.ID)
	if refusal != nil {
		return nil, refusal
	}
	version := a.Version
	switch {
	case q.Version != 0 && q.At != 0 || q.Version != 0 && q.Time != 0 || q.At != 0 && q.Time != 0:
		return nil, state.Invalidf("version", "FIELD_INVALID", "A revision is named by its number, a position or a time, and not by two of them.")
	case q.Version != 0:
		version = q.Version
	case q.At != 0:
		version = newest(v, &a.Document, func(r *state.DocRevision) bool { return r.Position <= q.At })
	case q.Time != 0:
		version = newest(v, &a.Document, func(r *state.DocRevision) bool { return r.Wall <= q.Time })
	}
	if version == 0 {
		return nil, state.Refusef(state.NotFound, "REVISION_NOT_FOUND", "The document %s was not there yet.", a.ID)
	}
	r, there := v.DocRevision(a.ID, version)
	content, ok := contentOf(v.State, a.ID, version)
	if !there || !ok {
		return nil, refuseRevision(&a.Document, version)
	}
	return &Content{*item(v, &a, v.LockNow()), revision(v, &r), content}, nil
}

// newest returns the newest version of which something holds that holds of all before it, too; zero if of none.
func newest(v *state.View, d *state.Document, holds func(r *state.DocRevision) bool) uint64 {
	n := sort.Search(int(d.Version), func(i int) bool {
		r, _ := v.DocRevision(d.ID, uint64(i)+1)
		return !holds(&r)
	})
	return uint64(n)
}

// History asks for the revisions of a document, newest first.
type History struct {
	ID     string
	Before uint64 // a cursor: versions below; zero: from the newest
	Limit  uint64 // zero: 100
}

// Kind is the query's number.
func (*History) Kind() uint8 { return kindHistory }

// Code passes the fields.
func (q *History) Code(c *state.Coder) {
	c.String(&q.ID)
	state.Number(c, &q.Before)
	state.Number(c, &q.Limit)
}

// Revisions answers History.
type Revisions struct {
	Item      Item
	Revisions []Revision
	Next      uint64 // the cursor of the next page; zero: this is the last
}

// Code passes the fields.
func (p *Revisions) Code(c *state.Coder) {
	p.Item.Code(c)
	state.List(c, &p.Revisions, func(c *state.Coder, r *Revision) { r.Code(c) })
	state.Number(c, &p.Next)
}

// Answer reads.
func (q *History) Answer(v *state.View) (state.Coded, *state.Refusal) {
	a, refusal := v.MayDoc(state.ToReadDoc, q.ID)
	if refusal != nil {
		return nil, refusal
	}
	from := a.Version
	if q.Before != 0 {
		from = min(from, q.Before-1)
	}
	page := &Revisions{Item: *item(v, &a, v.LockNow()), Revisions: []Revision{}}
	for most := limitOf(v, q.Limit); from > 0 && len(page.Revisions) < most; from-- {
		if r, ok := v.DocRevision(a.ID, from); ok {
			page.Revisions = append(page.Revisions, revision(v, &r))
		}
	}
	if from > 0 {
		page.Next = from + 1
	}
	return page, nil
}

// pageDefault is how many items a query gets that names no number.
const pageDefault = 100

func limitOf(v *state.View, asked uint64) int {
	if asked == 0 {
		return pageDefault
	}
	return int(min(asked, uint64(v.Limits.DocumentsPageMax)))
}
