package file

import "parley/statemachine/state"

// Files asks for the files of a place, newest first.
type Files struct {
	Place  string
	Before state.FileID // a cursor; zero: from the newest
	Limit  uint64       // zero: 100; more than 1,000 is 1,000
}

// Kind is the query's number.
func (*Files) Kind() uint8 { return kindFiles }

// Code passes the fields.
func (q *Files) Code(c *state.Coder) {
	c.String(&q.Place)
	state.Number(c, &q.Before)
	state.Number(c, &q.Limit)
}

// FilesPage answers Files.
type FilesPage struct {
	Files []Attached
	Next  state.FileID // the cursor of the next page; zero: this is the last
}

// Code passes the fields.
func (p *FilesPage) Code(c *state.Coder) {
	state.List(c, &p.Files, func(c *state.Coder, a *Attached) { a.Code(c) })
	state.Number(c, &p.Next)
}

// pageDefault is how many files a query gets that names no number. pageMax bounds them: with a description and a name
// each, a page stays below 1.2 MiB.
const (
	pageDefault = 100
	pageMax     = 1000
)

// Answer reads. A conversation that was not begun has no files.
func (q *Files) Answer(v *state.View) (state.Coded, *state.Refusal) {
	target, refusal := v.Target(state.ToRead, q.Place)
	if refusal != nil {
		return nil, refusal
	}
	page := &FilesPage{Files: []Attached{}}
	if target.Begin != 0 {
		return page, nil
	}
	most := int(min(q.Limit, pageMax))
	if most == 0 {
		most = pageDefault
	}
	v.FilesBack(target.Place.ID, q.Before-1, func(f *state.File) bool { // zero wraps to the last there can be
		if len(page.Files) == most {
			page.Next = page.Files[most-1].ID
			return false
		}
		page.Files = append(page.Files, *attached(v, &target.Place, f))
		return true
	})
	return page, nil
}

// FileOf asks for one file, of a place that the caller may read.
type FileOf struct{ ID string }

// Kind is the query's number.
func (*FileOf) Kind() uint8 { return kindFileOf }

// Code passes the fields.
func (q *FileOf) Code(c *state.Coder) { c.String(&q.ID) }

// Answer reads.
func (q *FileOf) Answer(v *state.View) (state.Coded, *state.Refusal) {
	a, f, refusal := find(v, q.ID)
	if refusal != nil {
		return nil, refusal
	}
	return attached(v, &a.Place, &f), nil
}

// MayAttach asks whether the caller may put a file of a size into a place, before a byte of it travels.
type MayAttach struct {
	Place string
	Size  uint64
}

// Kind is the query's number.
func (*MayAttach) Kind() uint8 { return kindMayAttach }

// Code passes the fields.
func (q *MayAttach) Code(c *state.Coder) {
	c.String(&q.Place)
	state.Number(c, &q.Size)
}

// Quota answers MayAttach with yes, and what the caller's files take.
type Quota struct {
	Used uint64
	Most uint64
}

// Code passes the fields.
func (q *Quota) Code(c *state.Coder) {
	state.Number(c, &q.Used)
	state.Number(c, &q.Most)
}

// Answer reads.
func (q *MayAttach) Answer(v *state.View) (state.Coded, *state.Refusal) {
	if refusal := checkSize(&v.Limits, q.Size); refusal != nil {
		return nil, refusal
	}
	if _, refusal := mayAttach(v, q.Place, q.Size); refusal != nil {
		return nil, refusal
	}
	return &Quota{v.Usage(v.User.ID).Bytes, uint64(v.Limits.QuotaBytes)}, nil
}
