package convert

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/chat"
	"parley/statemachine/state"
)

// Message returns a message as its readers see it.
func Message(m *chat.Message) *pb.Message { return new(room).of(m) }

// room is the memory that every message needs: those of a page are one piece.
type room struct {
	message pb.Message
	time    timestamppb.Timestamp
}

func (r *room) of(m *chat.Message) *pb.Message {
	out := r.fill(&m.Post, m.Place, m.SenderName, m.DeleterName)
	out.Mentions, out.Reactions = m.Mentions, Reactions(m.Reactions)
	return out
}

// message returns what a message is by itself.
func message(p *state.Post, place, sender, deleter string) *pb.Message {
	return new(room).fill(p, place, sender, deleter)
}

func (r *room) fill(p *state.Post, place, sender, deleter string) *pb.Message {
	m := &r.message
	m.Id, m.Position = p.ID.String(), uint64(p.ID.Position)
	m.Sender, m.Text, m.Place = sender, p.Text, place
	m.Replies, m.Edits = count(p.Replies), count(p.Edits)
	if p.Wall != 0 {
		at := time.Unix(0, int64(p.Wall))
		r.time.Seconds, r.time.Nanos = at.Unix(), int32(at.Nanosecond())
		m.Time = &r.time
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
	messages, rooms := make([]*pb.Message, len(all)), make([]room, len(all))
	for i := range all {
		messages[i] = rooms[i].of(&all[i])
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

// Outcomes are those of the messages of a batch, which were sent: in one piece of memory.
type Outcomes []struct {
	outcome  pb.SendOutcome
	is       pb.SendOutcome_Sent
	response pb.SendResponse
}

// Sent returns the outcome of the i-th message.
func (o Outcomes) Sent(i int, s *chat.Sent) *pb.SendOutcome {
	one := &o[i]
	one.response.Id, one.response.Place, one.response.Position = s.ID.String(), s.Place, uint64(s.Position)
	one.is.Sent, one.outcome.Outcome = &one.response, &one.is
	return &one.outcome
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
