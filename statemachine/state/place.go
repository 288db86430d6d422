package state

import (
	"strings"

	"parley/raft"
)

// PlaceKind says what a place is.
type PlaceKind uint8

// The kinds of places.
const (
	Channel      PlaceKind = 1
	Conversation PlaceKind = 2 // of two users
)

// JoinPolicy says who may become a member of a public channel by himself.
type JoinPolicy uint8

// The policies.
const (
	JoinOpen   JoinPolicy = 1 // anybody
	JoinInvite JoinPolicy = 2 // nobody: an admin of the channel adds members
)

// Place is where messages are. Whoever is a member of it reads them; nobody else does.
type Place struct {
	ID   PlaceID // the key
	Kind PlaceKind

	Name        string // of a channel; unique when folded
	Description string
	Private     bool
	Archived    bool
	Join        JoinPolicy
	NoAI        bool      // nothing of it is shown to a model
	Pair        [2]UserID // of a conversation, the lower first

	Members  uint64
	Admins   uint64
	Files    uint64
	Messages uint64        // ever put into it; the newest has this number
	Last     raft.Position // of the newest message
	Wall     raft.Wall     // when it was made
}

// Code passes the fields.
func (p *Place) Code(c *Coder) {
	Byte(c, &p.Kind)
	c.String(&p.Name)
	c.String(&p.Description)
	c.Bool(&p.Private)
	c.Bool(&p.Archived)
	Byte(c, &p.Join)
	c.Bool(&p.NoAI)
	Number(c, &p.Pair[0])
	Number(c, &p.Pair[1])
	Number(c, &p.Members)
	Number(c, &p.Admins)
	Number(c, &p.Files)
	Number(c, &p.Messages)
	Number(c, &p.Last)
	Number(c, &p.Wall)
}

// Born says whether it is one of the channels that every cluster is born with.
func (p *Place) Born() bool { return p.ID <= Tech }

// IDString returns the place's id as people and programs see it.
func (p *Place) IDString() string {
	if p.Kind == Conversation {
		return "conv_" + base36(uint64(p.ID))
	}
	return "chan_" + base36(uint64(p.ID))
}

// Other returns the party of a conversation that user is not.
func (p *Place) Other(user UserID) UserID {
	if p.Pair[0] == user {
		return p.Pair[1]
	}
	return p.Pair[0]
}

// Place returns a place.
func (s *State) Place(id PlaceID) (Place, bool) {
	p := Place{ID: id}
	c, ok := s.row(TablePlaces, Key(uint64(id)))
	if ok {
		p.Code(&c)
	}
	return p, ok
}

// PutPlace writes a place.
func (s *State) PutPlace(p *Place) {
	c := s.writer()
	p.Code(c)
	s.keep(TablePlaces, Key(uint64(p.ID)), c)
}

// ChannelNamed returns the place of a channel's name, whether the caller may see it or not.
func (s *State) ChannelNamed(name string) (PlaceID, bool) {
	key, ok := s.Get(TablePlaceNames, FoldName(name))
	return PlaceID(KeyPart(string(key), 0)), ok
}

// ConversationOf returns the conversation of two users, if they ever had one.
func (s *State) ConversationOf(a, b UserID) (PlaceID, bool) {
	key, ok := s.Get(TablePairs, pairKey(a, b))
	return PlaceID(KeyPart(string(key), 0)), ok
}

func pairKey(a, b UserID) string { return Key(uint64(min(a, b)), uint64(max(a, b))) }

// MakeChannel writes a new channel, whose name is free.
func (s *State) MakeChannel(p *Place) {
	p.Kind = Channel
	s.PutPlace(p)
	s.Write(TablePlaceNames, strings.Clone(FoldName(p.Name)), []byte(Key(uint64(p.ID))))
}

// MakeConversation writes the new conversation of two users, with both as its members.
func (s *State) MakeConversation(id PlaceID, a, b UserID, wall raft.Wall) Place {
	p := Place{ID: id, Kind: Conversation, Private: true, Pair: [2]UserID{min(a, b), max(a, b)}, Wall: wall}
	s.Write(TablePairs, pairKey(a, b), []byte(Key(uint64(id))))
	s.PutMember(&p, a, &Member{Since: raft.Position(id)})
	s.PutMember(&p, b, &Member{Since: raft.Position(id)})
	s.PutPlace(&p)
	return p
}

// Member is somebody's part in a place.
type Member struct {
	Admin  bool          // of the channel
	Since  raft.Position // when it began
	Read   raft.Position // what he has read, up to here
	Number uint64        // of the last message that he has read; see Place.Messages
}

// Code passes the fields.
func (m *Member) Code(c *Coder) {
	c.Bool(&m.Admin)
	Number(c, &m.Since)
	Number(c, &m.Read)
	Number(c, &m.Number)
}

// Unread returns how many of the messages that a place still keeps came after the last one that a member read.
func (s *State) Unread(m *Member, p *Place) uint64 {
	behind, kept := p.Messages-min(m.Number, p.Messages), uint64(0)
	if behind == 0 {
		return 0
	}
	s.PostsFrom(p.ID, 0, func(oldest *Post) bool {
		kept = p.Messages + 1 - min(oldest.Number, p.Messages)
		return false
	})
	return min(behind, kept)
}

// Member returns a user's part in a place; false if he is no member.
func (s *State) Member(place PlaceID, user UserID) (Member, bool) {
	var m Member
	c, ok := s.row(TableMembers, Key(uint64(place), uint64(user)))
	if ok {
		m.Code(&c)
	}
	return m, ok
}

// PutMember writes a user's part in a place. It counts in p, which the caller writes.
func (s *State) PutMember(p *Place, user UserID, m *Member) {
	key := Key(uint64(p.ID), uint64(user))
	var was Member
	row, had := s.row(TableMembers, key)
	if had {
		was.Code(&row)
	} else {
		p.Members++
	}
	if was.Admin {
		p.Admins--
	}
	if m.Admin {
		p.Admins++
	}
	c := s.writer()
	m.Code(c)
	s.keep(TableMembers, key, c)
	if !had {
		s.Mark(TableUserPlaces, Key(uint64(user), uint64(p.ID)))
	}
}

// RemoveMember ends a user's part in a place. It counts in p, which the caller writes.
func (s *State) RemoveMember(p *Place, user UserID) {
	was, had := s.Member(p.ID, user)
	if !had {
		return
	}
	p.Members--
	if was.Admin {
		p.Admins--
	}
	s.Remove(TableMembers, Key(uint64(p.ID), uint64(user)))
	s.Remove(TableUserPlaces, Key(uint64(user), uint64(p.ID)))
}

// MembersOf visits the members of a place from a user on, in the order of their ids, until visit returns false.
func (s *State) MembersOf(place PlaceID, from UserID, visit func(user UserID, m *Member) bool) {
	prefix := Key(uint64(place))
	s.Ascend(TableMembers, Key(uint64(place), uint64(from)), func(key string, row []byte) bool {
		if key[:8] != prefix {
			return false
		}
		var m Member
		c := Coder{bytes: row}
		m.Code(&c)
		return visit(UserID(KeyPart(key, 1)), &m)
	})
}

// PlacesOf visits the places that a user is a member of, in the order of their ids, until visit returns false.
func (s *State) PlacesOf(user UserID, visit func(id PlaceID) bool) {
	s.Within(TableUserPlaces, Key(uint64(user)), func(key string, _ []byte) bool {
		return visit(PlaceID(KeyPart(key, 1)))
	})
}

// Bar keeps a user who was removed from joining by himself; Unbar lets him again.
func (s *State) Bar(place PlaceID, user UserID) {
	s.Mark(TableBarred, Key(uint64(place), uint64(user)))
}

// Unbar takes Bar back.
func (s *State) Unbar(place PlaceID, user UserID) {
	if s.Barred(place, user) {
		s.Remove(TableBarred, Key(uint64(place), uint64(user)))
	}
}

// Barred says whether a user was removed from a place and not added again.
func (s *State) Barred(place PlaceID, user UserID) bool {
	return s.Has(TableBarred, Key(uint64(place), uint64(user)))
}

// PlacesFull says whether a user is a member of as many places as he may be.
func (s *State) PlacesFull(user UserID) bool {
	n := 0
	s.PlacesOf(user, func(PlaceID) bool {
		n++
		return n < s.Limits.PlacesPerUserMax
	})
	return n >= s.Limits.PlacesPerUserMax
}

// Called returns a place as the caller calls it: #general, @bob.
func (v *View) Called(p *Place) string {
	if p.Kind == Conversation {
		return "@" + v.NameOf(p.Other(v.User.ID))
	}
	return "#" + p.Name
}
