package convert

import (
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/chat"
	"parley/statemachine/state"
)

// Message returns a message as its readers see it.
func Message(m *chat.Message) *pb.Message {
	out := message(&m.Post, m.Place, m.SenderName, m.DeleterName)
	out.Mentions, out.Reactions = m.Mentions, Reactions(m.Reactions)
	return out
}

// message returns what a message is by itself.
func message(p *state.Post, place, sender, deleter string) *pb.Message {
	m := &pb.Message{
		Id:       p.ID.String(),
		Position: uint64(p.ID.Position),
		Sender:   sender,
		Text:     p.Text,
		Time:     timeOf(p.Wall),
		Place:    place,
		Replies:  count(p.Replies),
		Edits:    count(p.Edits),
	}
	if p.Root != 0 {
		m.ReplyTo = state.MessageID{Place: p.ID.Place, Position: p.Root}.String()
	}
	if p.Edits > 0 {
		m.Edited = timeOf(p.EditedAt)
	}
	if p.Gone() {
		m.Deleted = &pb.Deletion{Username: deleter, ByAdmin: p.DeletedBy != p.Sender, Time: timeOf(p.DeletedAt)}
	}
	return m
}

// Messages returns messages as their readers see them.
func Messages(all []chat.Message) []*pb.Message {
	messages := make([]*pb.Message, len(all))
	for i := range all {
		messages[i] = Message(&all[i])
	}
	return messages
}

// Reactions returns the reactions to a message.
func Reactions(all []chat.Reaction) []*pb.Reaction {
	reactions := make([]*pb.Reaction, len(all))
	for i, r := range all {
		reactions[i] = &pb.Reaction{Emoji: r.Emoji, Count: count(r.Count), Mine: r.Mine}
	}
	return reactions
}

// Sent returns where a message stands.
func Sent(s *chat.Sent) *pb.SendResponse {
	return &pb.SendResponse{Id: s.ID.String(), Place: s.Place, Position: uint64(s.Position)}
}

// Revisions returns the texts of a message.
func Revisions(r *chat.Revisions) []*pb.Revision {
	all := make([]*pb.Revision, len(r.All))
	for i, one := range r.All {
		all[i] = &pb.Revision{Position: uint64(one.Position), Text: one.Text, Time: timeOf(one.Wall)}
	}
	return all
}

// Conversations returns a page of direct conversations.
func Conversations(p *chat.ConversationsPage) []*pb.Conversation {
	all := make([]*pb.Conversation, len(p.Conversations))
	for i := range p.Conversations {
		c := &p.Conversations[i]
		all[i] = &pb.Conversation{Id: c.ID, Place: "@" + c.Name, Partner: c.Name, DisplayName: c.Display, Online: c.Online,
			Unread: count(c.Unread), Mentions: count(c.Mentions), Read: uint64(c.Read)}
		if c.Last != nil {
			all[i].Last = Message(c.Last)
		}
	}
	return all
}
