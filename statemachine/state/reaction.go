package state

import (
	"slices"

	"parley/raft"
)

// Reaction is an emoji at a message.
type Reaction struct {
	Emoji string
	Count uint64        // users; zero: the place in the list is free
	First raft.Position // where it came
}

// reactions are those of a message. An emoji keeps its place in the list as long as somebody has it, and which of them
// are a user's is a bit for each place, so that to read a message's costs one row, however many people react.
type reactions []Reaction

// reactionsMax is how many bits there are.
const reactionsMax = 64

// Code passes the list.
func (r *reactions) Code(c *Coder) {
	List(c, (*[]Reaction)(r), func(c *Coder, v *Reaction) {
		c.String(&v.Emoji)
		Number(c, &v.Count)
		Number(c, &v.First)
	})
}

// reacted are a user's reactions to a message: bit i is his for place i.
type reacted uint64

// Code passes the bits.
func (r *reacted) Code(c *Coder) { Number(c, r) }

func reactedKey(id MessageID, user UserID) string {
	return Key(uint64(id.Place), uint64(id.Position), uint64(user))
}

// Reactions visits the reactions to a message in the order in which they came; mine says whether user is among them.
func (s *State) Reactions(id MessageID, user UserID, visit func(r *Reaction, mine bool)) {
	if !s.Has(TableReactions, postKey(id)) {
		return // as with nearly every message
	}
	var list reactions
	s.Read(TableReactions, postKey(id), &list)
	var his reacted
	s.Read(TableReactions, reactedKey(id, user), &his)
	order := make([]int, 0, len(list))
	for i := range list {
		if list[i].Count > 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		if list[a].First != list[b].First {
			return int(min(1, max(-1, int64(list[a].First)-int64(list[b].First))))
		}
		return a - b
	})
	for _, i := range order {
		visit(&list[i], his>>i&1 == 1)
	}
}

// AddReaction adds an emoji of a user to a message. changed is false if he has it there already; full says that the
// message has as many different ones as it may have.
func (s *State) AddReaction(id MessageID, user UserID, emoji string, at raft.Position) (changed, full bool) {
	var list reactions
	var his reacted
	s.Read(TableReactions, postKey(id), &list)
	s.Read(TableReactions, reactedKey(id, user), &his)
	i := list.find(emoji)
	switch {
	case i >= 0 && his>>i&1 == 1:
		return false, false
	case i < 0:
		if i = slices.IndexFunc(list, func(r Reaction) bool { return r.Count == 0 }); i < 0 {
			if len(list) >= min(s.Limits.ReactionsMax, reactionsMax) {
				return false, true
			}
			i, list = len(list), append(list, Reaction{})
		}
		list[i] = Reaction{Emoji: emoji, First: at}
	}
	list[i].Count++
	his |= 1 << i
	s.Put(TableReactions, postKey(id), &list)
	s.Put(TableReactions, reactedKey(id, user), &his)
	return true, false
}

// TakeReaction takes an emoji of a user back; false if he has none.
func (s *State) TakeReaction(id MessageID, user UserID, emoji string) bool {
	var list reactions
	var his reacted
	s.Read(TableReactions, postKey(id), &list)
	s.Read(TableReactions, reactedKey(id, user), &his)
	i := list.find(emoji)
	if i < 0 || his>>i&1 == 0 {
		return false
	}
	if list[i].Count--; list[i].Count == 0 {
		list[i] = Reaction{}
	}
	for len(list) > 0 && list[len(list)-1].Count == 0 {
		list = list[:len(list)-1]
	}
	if his &^= 1 << i; his == 0 {
		s.Remove(TableReactions, reactedKey(id, user))
	} else {
		s.Put(TableReactions, reactedKey(id, user), &his)
	}
	if len(list) == 0 {
		s.Remove(TableReactions, postKey(id))
	} else {
		s.Put(TableReactions, postKey(id), &list)
	}
	return true
}

// DropReactions forgets the reactions to a message that is gone. The bits of its users stay, which say nothing
// any more: there may be one row for each member of a large channel.
func (s *State) DropReactions(id MessageID) {
	if s.Has(TableReactions, postKey(id)) {
		s.Remove(TableReactions, postKey(id))
	}
}

// find returns the place of an emoji, or -1.
func (r reactions) find(emoji string) int {
	return slices.IndexFunc(r, func(v Reaction) bool { return v.Count > 0 && v.Emoji == emoji })
}
