package state

import (
	"parley/raft"
)

// Post is a message in a place.
type Post struct {
	ID     MessageID // the key
	Number uint64    // 1, 2, 3, … within its place
	Sender UserID
	Time   raft.LogTime  // of the entry
	Wall   raft.Wall     // the edge's clock: what a person is shown
	Root   raft.Position // of the message that this replies to, the first of its thread; zero: none
	File   FileID        // that came with it; zero: none
	Text   string        // empty when deleted

	Replies   uint64
	Edits     uint64
	EditedAt  raft.Wall
	DeletedBy UserID // zero: it is there
}

// Code passes the fields.
func (p *Post) Code(c *Coder) {
	Number(c, &p.Number)
	Number(c, &p.Sender)
	Number(c, &p.Time)
	Number(c, &p.Wall)
	Number(c, &p.Root)
	Number(c, &p.File)
	c.String(&p.Text)
	Number(c, &p.Replies)
	Number(c, &p.Edits)
	Number(c, &p.EditedAt)
	Number(c, &p.DeletedBy)
}

func postKey(id MessageID) string { return Key(uint64(id.Place), uint64(id.Position)) }

// Post returns a message, deleted or not.
func (s *State) Post(id MessageID) (Post, bool) {
	p := Post{ID: id}
	return p, s.Read(TablePosts, postKey(id), &p)
}

// PutPost writes a message.
func (s *State) PutPost(p *Post) { s.Put(TablePosts, postKey(p.ID), p) }

// PostsFrom visits the messages of a place from a position on, by rising position, until visit returns false.
func (s *State) PostsFrom(place PlaceID, from raft.Position, visit func(p *Post) bool) {
	s.Ascend(TablePosts, Key(uint64(place), uint64(from)), decodePosts(place, visit))
}

// PostsBackFrom visits the messages of a place from a position on, by falling position, until visit returns false.
func (s *State) PostsBackFrom(place PlaceID, from raft.Position, visit func(p *Post) bool) {
	s.Descend(TablePosts, Key(uint64(place), uint64(from)), decodePosts(place, visit))
}

func decodePosts(place PlaceID, visit func(p *Post) bool) func(string, []byte) bool {
	return func(key string, row []byte) bool {
		if PlaceID(KeyPart(key, 0)) != place {
			return false
		}
		p := Post{ID: MessageID{place, raft.Position(KeyPart(key, 1))}}
		c := Coder{bytes: row}
		p.Code(&c)
		return visit(&p)
	}
}
