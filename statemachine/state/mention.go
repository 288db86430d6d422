package state

import (
	"slices"
	"strings"

	"parley/raft"
)

// NamesIn returns the names that a text mentions, as they are written: what stands behind an @ that no letter, digit
// or underscore precedes. At most so many different ones are looked for.
func NamesIn(l *Limits, text string) (names []string) {
	for i := 0; i < len(text) && len(names) < l.MentionsPerMessageMax; i++ {
		if text[i] != '@' || i > 0 && inName(text[i-1]) {
			continue
		}
		end := i + 1
		for end < len(text) && inName(text[end]) {
			end++
		}
		name := text[i+1 : end]
		if len(name) < l.UserNameMin || len(name) > l.UserNameMax {
			continue
		}
		if !slices.ContainsFunc(names, func(n string) bool { return FoldName(n) == FoldName(name) }) {
			names = append(names, name)
		}
	}
	return names
}

// inName says whether a byte may stand in a username.
func inName(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '_'
}

// Mentioned returns the members of a place whom a text mentions.
func (s *State) Mentioned(place PlaceID, text string) (users []User) {
	if strings.IndexByte(text, '@') < 0 {
		return nil // as most texts
	}
	for _, name := range NamesIn(&s.Limits, text) {
		if u, ok := s.UserNamed(name); ok {
			if _, joined := s.Member(place, u.ID); joined {
				users = append(users, u)
			}
		}
	}
	return users
}

// UnreadMentions returns how many messages of a place behind a position mention a user.
func (s *State) UnreadMentions(user UserID, place PlaceID, read raft.Position) (n uint64) {
	s.MentionsBack(user, ^raft.Position(0), func(id MessageID) bool {
		if id.Position > read && id.Place == place {
			n++
		}
		return id.Position > read
	})
	return n
}

// AddMention writes that a user is mentioned in a message, and forgets his oldest mentions when there are too many. It
// returns false if that was known.
func (s *State) AddMention(user UserID, id MessageID) bool {
	key := Key(uint64(user), uint64(id.Position))
	if s.Has(TableMentions, key) {
		return false
	}
	s.Write(TableMentions, key, []byte(Key(uint64(id.Place))))
	count := s.mentionCount(user) + 1
	for ; count > uint64(s.Limits.MentionsMax); count-- {
		s.Ascend(TableMentions, Key(uint64(user), 1), func(oldest string, _ []byte) bool {
			key = oldest
			return false
		})
		s.Remove(TableMentions, key)
	}
	s.putMentionCount(user, count)
	return true
}

// RemoveMention takes a mention back, if there is one.
func (s *State) RemoveMention(user UserID, id MessageID) {
	key := Key(uint64(user), uint64(id.Position))
	if s.Has(TableMentions, key) {
		s.Remove(TableMentions, key)
		s.putMentionCount(user, s.mentionCount(user)-1)
	}
}

// MentionsBack visits the mentions of a user from a position on, newest first, until visit returns false.
func (s *State) MentionsBack(user UserID, from raft.Position, visit func(id MessageID) bool) {
	if from == 0 {
		return
	}
	s.Descend(TableMentions, Key(uint64(user), uint64(from)), func(key string, row []byte) bool {
		if len(key) < 16 || UserID(KeyPart(key, 0)) != user {
			return false
		}
		return visit(MessageID{PlaceID(KeyPart(string(row), 0)), raft.Position(KeyPart(key, 1))})
	})
}

// mentionCount returns how many mentions are kept for a user.
func (s *State) mentionCount(user UserID) uint64 {
	row, ok := s.Get(TableMentions, Key(uint64(user)))
	if !ok {
		return 0
	}
	return KeyPart(string(row), 0)
}

func (s *State) putMentionCount(user UserID, n uint64) {
	if n == 0 {
		s.Remove(TableMentions, Key(uint64(user)))
		return
	}
	s.Write(TableMentions, Key(uint64(user)), []byte(Key(n)))
}
