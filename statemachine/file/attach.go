package file

import (
	"strings"

	"parley/statemachine/state"
)

// The kinds of the commands and queries of this package. They are in logs; they never change.
const (
	kindAttach = 100
	kindRemove = 101

	kindFiles     = 100
	kindFileOf    = 101
	kindMayAttach = 102
)

// Attach puts content that the caller has uploaded into a place, as a file. To @user it begins the conversation if
// there is none.
type Attach struct {
	Place       string
	Name        string   // as CleanName leaves it
	Size        uint64   // of the content
	Sum         [32]byte // SHA-256 of the content
	Type        string   // the media type that the content looks like
	Description string
}

// Kind is the command's number.
func (*Attach) Kind() uint8 { return kindAttach }

// Code passes the fields.
func (a *Attach) Code(c *state.Coder) {
	c.String(&a.Place)
	c.String(&a.Name)
	state.Number(c, &a.Size)
	c.Array(a.Sum[:])
	c.String(&a.Type)
	c.String(&a.Description)
}

// typeBytesMax bounds a media type: RFC 6838 §4.2 allows 127 characters on both sides of the slash.
const typeBytesMax = 255

// Check refuses what is no file.
func (a *Attach) Check(l *state.Limits) *state.Refusal {
	if a.Name == "" || CleanName(a.Name, l.FileNameBytesMax) != a.Name {
		return state.Invalidf("name", "FILE_NAME_INVALID", "The file's name is none that every disk takes.")
	}
	if refusal := checkSize(l, a.Size); refusal != nil {
		return refusal
	}
	if refusal := state.CheckLine("type", "A media type", a.Type, typeBytesMax); refusal != nil {
		return refusal
	}
	return state.CheckLine("description", "A description", a.Description, l.DescriptionBytesMax)
}

func checkSize(l *state.Limits, size uint64) *state.Refusal {
	if size > uint64(l.FileBytesMax) {
		return state.Invalidf("size", "FILE_TOO_LARGE", "The file has %d bytes; one may have %d.", size, l.FileBytesMax)
	}
	return nil
}

// Attached answers Attach and FileOf: a file as somebody sees it who may read its place.
type Attached struct {
	state.File
	PlaceID   string
	Called    string // its place: #general, @bob
	OwnerName string
}

// Code passes the fields.
func (a *Attached) Code(c *state.Coder) {
	state.Number(c, &a.ID)
	a.File.Code(c)
	c.String(&a.PlaceID)
	c.String(&a.Called)
	c.String(&a.OwnerName)
}

func attached(v *state.View, p *state.Place, f *state.File) *Attached {
	return &Attached{*f, p.IDString(), v.Called(p), v.NameOf(f.Owner)}
}

// Apply puts the file into the place. That its content is not there, is somebody else's, or has another size has one
// answer: who knows a sum learns nothing of who uploaded it.
func (a *Attach) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	target, refusal := mayAttach(&t.View, a.Place, a.Size)
	if refusal != nil {
		return nil, refusal
	}
	if t.Blobs == nil {
		return nil, refuseUpload
	}
	if size, ok := t.Blobs.Size(a.Sum); !ok || uint64(size) != a.Size {
		return nil, refuseUpload
	}
	if t.Blobs.Name(a.Sum, t.At.Principal) != 0 {
		return nil, refuseUpload
	}
	t.Open(&target)
	p := &target.Place
	f := state.File{ID: state.FileID(t.At.Position), Place: p.ID, Name: a.Name, Size: a.Size, Sum: a.Sum, Type: a.Type,
		Description: a.Description, Owner: t.User.ID, Time: t.At.Time, Wall: t.Wall}
	t.AddFile(p, &f)
	record(t, state.EventFileAdded, &f)
	return attached(&t.View, p, &f), nil
}

var refuseUpload = state.Refusef(state.Precondition, "NOT_UPLOADED", "You have not uploaded this content, or too long ago. Upload it again.")

// mayAttach returns where a file of a size may be put by the caller, in a place and within his quota.
func mayAttach(v *state.View, ref string, size uint64) (state.Target, *state.Refusal) {
	target, refusal := v.TargetToPost(ref)
	if refusal != nil {
		return target, refusal
	}
	quota, used := uint64(v.Limits.QuotaBytes), v.Usage(v.User.ID).Bytes
	switch {
	case used > quota || size > quota-used:
		return target, state.Refusef(state.Exhausted, "QUOTA_EXCEEDED", "Your files take %d bytes, and %d more are too many: you have %d. Delete some.", used, size, quota)
	case target.Place.Files >= uint64(v.Limits.FilesPerPlaceMax):
		return target, state.Refusef(state.Exhausted, "FILES_FULL", "The place has as many files as one may have (%d).", v.Limits.FilesPerPlaceMax)
	}
	return target, nil
}

func record(t *state.Txn, kind state.EventKind, f *state.File) {
	t.Record(t.At.Position, &state.Event{Kind: kind, Audience: state.ForPlace(f.Place), Place: f.Place, File: f.ID, User: t.User.ID})
}

// Remove deletes a file: the caller's own, or one of a channel that he is an admin of. It may be done in an archived
// channel, too. Messages that it came with stay.
type Remove struct{ ID string }

// Kind is the command's number.
func (*Remove) Kind() uint8 { return kindRemove }

// Code passes the fields.
func (r *Remove) Code(c *state.Coder) { c.String(&r.ID) }

// Check refuses nothing.
func (r *Remove) Check(*state.Limits) *state.Refusal { return nil }

// Removed answers Remove.
type Removed struct{}

// Code passes nothing.
func (*Removed) Code(*state.Coder) {}

// Apply deletes the file, gives its owner the room back, and takes the name from its content.
func (r *Remove) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	a, f, refusal := find(&t.View, r.ID)
	if refusal != nil {
		return nil, refusal
	}
	if f.Owner != t.User.ID {
		if _, refusal := t.MayIn(state.ToModerate, a.Place.ID, r.ID); refusal != nil {
			return nil, state.Refusef(state.NotPermitted, "NOT_UPLOADER", "Somebody else uploaded the file.")
		}
	}
	t.RemoveFile(&a.Place, &f)
	if t.Blobs != nil {
		t.Blobs.Unname(f.Sum)
	}
	record(t, state.EventFileRemoved, &f)
	if f.Owner != t.User.ID {
		t.AuditAs(&a, "file.delete", f.ID.String()+" of "+t.NameOf(f.Owner))
	}
	return &Removed{}, nil
}

// find returns a file of a place that the caller may read. What is not there and what he may not know of have the
// same refusal, also in a public channel that he is no member of: nothing but the file says where it is.
func find(v *state.View, ref string) (state.Access, state.File, *state.Refusal) {
	missing := state.RefusePlace("file_" + strings.TrimPrefix(ref, "file_"))
	id, ok := state.ParseFileID(ref)
	if !ok {
		return state.Access{}, state.File{}, missing
	}
	f, ok := v.File(id)
	if !ok {
		return state.Access{}, state.File{}, missing
	}
	a, refusal := v.MayIn(state.ToRead, f.Place, ref)
	if refusal != nil {
		return state.Access{}, state.File{}, missing
	}
	return a, f, nil
}

// Expire deletes a file that is too old to be kept. Nobody did it, and no event tells of it.
func Expire(t *state.Txn, f *state.File) {
	p, ok := t.Place(f.Place)
	if !ok {
		return
	}
	t.RemoveFile(&p, f)
	if t.Blobs != nil {
		t.Blobs.Unname(f.Sum)
	}
}
