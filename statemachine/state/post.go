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
	Edited    raft.Position // where the text was written, if it was edited
	EditedAt  raft.Wall
	DeletedBy UserID // zero: it is there
	DeletedAt raft.Wall
}

// Code passes the fields. Most messages have none of the rare ones, and there are a million.
func (p *Post) Code(c *Coder) {
	Number(c, &p.Number)
	Number(c, &p.Sender)
	Number(c, &p.Time)
	Number(c, &p.Wall)
	c.String(&p.Text)
	rare := p.Root != 0 || p.File != 0 || p.Replies != 0 || p.Edits != 0 || p.DeletedBy != 0
	c.Bool(&rare)
	if !rare {
		return
	}
	Number(c, &p.Root)
	Number(c, &p.File)
	Number(c, &p.Replies)
	Number(c, &p.Edits)
	Number(c, &p.Edited)
	Number(c, &p.EditedAt)
	Number(c, &p.DeletedBy)
	Number(c, &p.DeletedAt)
}

// Gone says whether it was deleted: it has no text any more.
func (p *Post) Gone() bool { return p.DeletedBy != 0 }

// WrittenAt returns where and when the text that it has was written.
func (p *Post) WrittenAt() (raft.Position, raft.Wall) {
	if p.Edits == 0 {
		return p.ID.Position, p.Wall
	}
	return p.Edited, p.EditedAt
}

// Revision is a text that a message had or has.
type Revision struct {
	Position raft.Position // where it was written
	Wall     raft.Wall
	Text     string
}

// Code passes the fields.
func (r *Revision) Code(c *Coder) {
	Number(c, &r.Position)
	Number(c, &r.Wall)
	c.String(&r.Text)
}

// AddEdit keeps the text that a message had before.
func (s *State) AddEdit(id MessageID, r *Revision) {
	s.Put(TableEdits, Key(uint64(id.Place), uint64(id.Position), uint64(r.Position)), r)
}

// EditsOf visits the texts that a message had before, oldest first, until visit returns false.
func (s *State) EditsOf(id MessageID, visit func(r *Revision) bool) {
	s.Within(TableEdits, postKey(id), func(_ string, row []byte) bool {
		var r Revision
		c := Coder{bytes: row}
		r.Code(&c)
		return visit(&r)
	})
}

// DropEdits forgets the texts that a message had.
func (s *State) DropEdits(id MessageID) {
	var at []raft.Position
	s.EditsOf(id, func(r *Revision) bool {
		at = append(at, r.Position)
		return true
	})
	for _, position := range at {
		s.Remove(TableEdits, Key(uint64(id.Place), uint64(id.Position), uint64(position)))
	}
}

// AddReply writes that a message replies to another.
func (s *State) AddReply(place PlaceID, root, reply raft.Position) {
	s.Mark(TableThreads, Key(uint64(place), uint64(root), uint64(reply)))
}

// RepliesFrom visits the replies to a message from a position on, oldest first, until visit returns false.
func (s *State) RepliesFrom(root MessageID, from raft.Position, visit func(reply MessageID) bool) {
	prefix := postKey(root)
	s.Ascend(TableThreads, prefix+Key(uint64(from)), func(key string, _ []byte) bool {
		return len(key) == 24 && key[:16] == prefix && visit(MessageID{root.Place, raft.Position(KeyPart(key, 2))})
	})
}

func postKey(id MessageID) string { return Key(uint64(id.Place), uint64(id.Position)) }

// Post returns a message, deleted or not.
func (s *State) Post(id MessageID) (Post, bool) {
	p := Post{ID: id}
	c, ok := s.row(TablePosts, postKey(id))
	if ok {
		p.Code(&c)
	}
	return p, ok
}

// HasPost says whether a message is there, deleted or not: one may be too old to be kept.
func (s *State) HasPost(id MessageID) bool { return s.Has(TablePosts, postKey(id)) }

// PutPost writes a message.
func (s *State) PutPost(p *Post) {
	c := s.writer()
	p.Code(c)
	s.keep(TablePosts, postKey(p.ID), c)
}

// PostsFrom visits the messages of a place from a position on, by rising position, until visit returns false.
func (s *State) PostsFrom(place PlaceID, from raft.Position, visit func(p *Post) bool) {
	s.Ascend(TablePosts, Key(uint64(place), uint64(from)), decodePosts(place, visit))
}

// PostsBackFrom visits the messages of a place from a position on, by falling position, until visit returns false.
func (s *State) PostsBackFrom(place PlaceID, from raft.Position, visit func(p *Post) bool) {
	s.Descend(TablePosts, Key(uint64(place), uint64(from)), decodePosts(place, visit))
}

// RowsBackFrom is PostsBackFrom for whoever looks at many and wants few: text is good until visit returns.
func (s *State) RowsBackFrom(place PlaceID, from raft.Position, visit func(at raft.Position, text []byte) bool) {
	s.Descend(TablePosts, Key(uint64(place), uint64(from)), func(key string, row []byte) bool {
		if PlaceID(KeyPart(key, 0)) != place {
			return false
		}
		c := Coder{bytes: row}
		c.take(4 * 8)
		return visit(raft.Position(KeyPart(key, 1)), c.lengthPrefixed())
	})
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
