package state

import (
	"parley/raft"
)

// File is a file in a place. Its content is a blob, which the file names.
type File struct {
	ID          FileID // the key; the position at which it came
	Place       PlaceID
	Name        string
	Size        uint64
	Sum         [32]byte // SHA-256 of the content
	Type        string   // the media type that the content looks like
	Description string
	Owner       UserID // who uploaded it, and whose quota it counts against
	Time        raft.LogTime
	Wall        raft.Wall
}

// Code passes the fields.
func (f *File) Code(c *Coder) {
	Number(c, &f.Place)
	c.String(&f.Name)
	Number(c, &f.Size)
	c.Array(f.Sum[:])
	c.String(&f.Type)
	c.String(&f.Description)
	Number(c, &f.Owner)
	Number(c, &f.Time)
	Number(c, &f.Wall)
}

// Usage is what a user's files take.
type Usage struct {
	Bytes uint64
	Files uint64
}

// Code passes the fields.
func (u *Usage) Code(c *Coder) {
	Number(c, &u.Bytes)
	Number(c, &u.Files)
}

// File returns a file.
func (s *State) File(id FileID) (File, bool) {
	f := File{ID: id}
	return f, s.Read(TableFiles, Key(uint64(id)), &f)
}

// Usage returns what a user's files take.
func (s *State) Usage(user UserID) (u Usage) {
	s.Read(TableUsage, Key(uint64(user)), &u)
	return u
}

// AddFile writes a new file, and counts it for its place and its owner. It writes p.
func (s *State) AddFile(p *Place, f *File) {
	s.Put(TableFiles, Key(uint64(f.ID)), f)
	s.Mark(TablePlaceFiles, Key(uint64(f.Place), uint64(f.ID)))
	p.Files++
	s.PutPlace(p)
	u := s.Usage(f.Owner)
	s.putUsage(f.Owner, Usage{u.Bytes + f.Size, u.Files + 1})
}

// RemoveFile takes a file away, and writes p.
func (s *State) RemoveFile(p *Place, f *File) {
	s.Remove(TableFiles, Key(uint64(f.ID)))
	s.Remove(TablePlaceFiles, Key(uint64(f.Place), uint64(f.ID)))
	p.Files--
	s.PutPlace(p)
	u := s.Usage(f.Owner)
	s.putUsage(f.Owner, Usage{u.Bytes - f.Size, u.Files - 1})
}

func (s *State) putUsage(user UserID, u Usage) {
	if u == (Usage{}) {
		s.Remove(TableUsage, Key(uint64(user)))
		return
	}
	s.Put(TableUsage, Key(uint64(user)), &u)
}

// FilesBack visits the files of a place from an id on, newest first, until visit returns false.
func (s *State) FilesBack(place PlaceID, from FileID, visit func(f *File) bool) {
	s.Descend(TablePlaceFiles, Key(uint64(place), uint64(from)), func(key string, _ []byte) bool {
		if PlaceID(KeyPart(key, 0)) != place {
			return false
		}
		f, _ := s.File(FileID(KeyPart(key, 1)))
		return visit(&f)
	})
}
