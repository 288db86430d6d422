package backend

import (
	"context"
	"slices"
	"strings"
	"time"

	"parley/cmd/parley/shell"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// message is a message as the shell has it, with all that happened to it up to a position.
func (b *Backend) message(m *pb.Message, asOf uint64) shell.Message {
	me := b.c.Credentials().User
	out := shell.Message{
		ID: m.GetId(), Place: shell.PlaceID(m.GetPlace()), Position: shell.Position(m.GetPosition()), Sender: m.GetSender(), Text: m.GetText(),
		Time: timeOf(m.GetTime()), ReplyTo: m.GetReplyTo(), Edited: m.GetEdits() > 0, AsOf: shell.Position(asOf),
		Mentioned: slices.ContainsFunc(m.GetMentions(), func(name string) bool { return strings.EqualFold(name, me) }),
	}
	if d := m.GetDeleted(); d != nil {
		out.Deleted = deletion(d.GetByAdmin())
	}
	for _, r := range m.GetReactions() {
		out.Reactions = append(out.Reactions, shell.Reaction{Emoji: r.GetEmoji(), Count: int(r.GetCount()), Mine: r.GetMine()})
	}
	return out
}

func deletion(byAdmin bool) shell.Deletion {
	if byAdmin {
		return shell.ByAdmin
	}
	return shell.BySender
}

func (b *Backend) messages(all []*pb.Message, asOf uint64) (out []shell.Message) {
	for _, m := range all {
		out = append(out, b.message(m, asOf))
	}
	return out
}

// Send stores a message once, however often it is called with the same draft: its key is the request id.
func (b *Backend) Send(ctx context.Context, d shell.Draft) (shell.Sent, error) {
	r, err := b.c.Reply(ctx, string(d.Place), d.ReplyTo, d.Text, client.Once(d.Key))
	if err != nil {
		return shell.Sent{}, meant(err)
	}
	return shell.Sent{ID: r.GetId(), Position: shell.Position(r.GetPosition()), Time: time.Now()}, nil
}

// Edit gives a message another text.
func (b *Backend) Edit(ctx context.Context, id, text string) error {
	_, err := b.c.Edit(ctx, id, text)
	return meant(err)
}

// Delete deletes a message.
func (b *Backend) Delete(ctx context.Context, id string) error {
	_, err := b.c.Unsend(ctx, id)
	return meant(err)
}

// React adds an emoji, or takes it back.
func (b *Backend) React(ctx context.Context, id, emoji string, on bool) error {
	_, err := b.c.React(ctx, id, emoji, !on)
	return meant(err)
}

// Message is a message as it is now.
func (b *Backend) Message(ctx context.Context, id string) (shell.Message, error) {
	r, err := b.c.GetMessage(ctx, id)
	if err != nil {
		return shell.Message{}, meant(err)
	}
	return b.message(r.GetMessage(), r.GetPosition()), nil
}

// History is a page of a place.
func (b *Backend) History(ctx context.Context, place shell.PlaceID, p shell.Page) (shell.History, error) {
	r, err := b.c.History(ctx, &pb.HistoryRequest{Place: string(place), Before: uint64(p.Before), Limit: uint32(max(0, min(p.Limit, listMax)))})
	if err != nil {
		return shell.History{}, meant(err)
	}
	return shell.History{Messages: b.messages(r.GetMessages(), r.GetPosition()), More: r.GetMore(), AsOf: shell.Position(r.GetPosition())}, nil
}

// Thread is a message and all replies to it.
func (b *Backend) Thread(ctx context.Context, id string) (all []shell.Message, err error) {
	for after := uint64(0); ; {
		r, err := b.c.Thread(ctx, &pb.ThreadRequest{MessageId: id, Limit: listMax, After: after})
		if err != nil {
			return nil, meant(err)
		}
		if len(all) == 0 {
			all = append(all, b.message(r.GetRoot(), r.GetPosition()))
		}
		all = append(all, b.messages(r.GetReplies(), r.GetPosition())...)
		if !r.GetMore() || len(r.GetReplies()) == 0 {
			return all, nil
		}
		after = r.GetReplies()[len(r.GetReplies())-1].GetPosition()
	}
}

// Edits are the texts that a message had, oldest first.
func (b *Backend) Edits(ctx context.Context, id string) (all []shell.Revision, err error) {
	r, err := b.c.EditsOf(ctx, id)
	for _, e := range r.GetRevisions() {
		all = append(all, shell.Revision{Text: e.GetText(), Time: timeOf(e.GetTime())})
	}
	return all, meant(err)
}

// Search is the first page of what has all the words, newest first.
func (b *Backend) Search(ctx context.Context, query string) ([]shell.Message, error) {
	for cursor := ""; ; { // a page may be empty and not the last
		r, err := b.c.Search(ctx, &pb.SearchRequest{Query: query, Cursor: cursor})
		if err != nil {
			return nil, meant(err)
		}
		if cursor = r.GetNextCursor(); len(r.GetMessages()) > 0 || cursor == "" {
			return b.messages(r.GetMessages(), r.GetPosition()), nil
		}
	}
}

// Mentions are the newest messages that mention the user.
func (b *Backend) Mentions(ctx context.Context) ([]shell.Message, error) {
	r, err := b.c.Mentions(ctx, &pb.MentionsRequest{})
	return b.messages(r.GetMessages(), r.GetPosition()), meant(err)
}

// MarkRead says that the user has read a place up to a position.
func (b *Backend) MarkRead(ctx context.Context, place shell.PlaceID, through shell.Position) error {
	_, err := b.c.MarkRead(ctx, string(place), uint64(through))
	return meant(err)
}

// Typing tells those in a place that the user writes.
func (b *Backend) Typing(ctx context.Context, place shell.PlaceID) error {
	return meant(b.c.Typing(ctx, string(place)))
}
