package backend

import (
	"parley/cmd/parley/shell"
	pb "parley/rpc/proto/parley/v1"
)

// events are those of a frame that the shell shows. Whether a message mentions the user is said by an event beside it.
func (b *Backend) events(f *pb.Frame) (all []shell.Event) {
	mentions := make(map[string]bool)
	for _, e := range f.GetEvents() {
		if m := e.GetMention(); m != nil {
			mentions[m.GetMessageId()] = true
		}
	}
	for _, e := range f.GetEvents() {
		if out, ok := b.event(f.GetPosition(), e); ok {
			out.Message.Mentioned = out.Message.Mentioned || mentions[out.Message.ID]
			all = append(all, out)
		}
	}
	return all
}

// event is an event as the shell has it; ok is false for those that the shell does not show.
func (b *Backend) event(position uint64, e *pb.Event) (out shell.Event, ok bool) {
	out = shell.Event{Position: shell.Position(position)}
	switch k := e.GetKind().(type) {
	case *pb.Event_Message:
		out.Kind, out.Message = shell.Posted, b.message(k.Message, position)
		out.Place, out.User = out.Message.Place, out.Message.Sender
	case *pb.Event_Edited:
		out.Kind, out.Message = shell.Edited, b.message(k.Edited.GetMessage(), position)
		out.Place, out.User = out.Message.Place, out.Message.Sender
	case *pb.Event_Deleted:
		d := k.Deleted
		out.Kind, out.Place, out.User = shell.Deleted, shell.PlaceID(d.GetPlace()), d.GetUsername()
		out.Message = shell.Message{ID: d.GetMessageId(), Place: out.Place, Position: shell.Position(d.GetMessagePosition()), Deleted: deletion(d.GetByAdmin()), AsOf: out.Position}
	case *pb.Event_Reaction:
		r := k.Reaction
		out.Kind, out.Place, out.User = shell.Reacted, shell.PlaceID(r.GetPlace()), r.GetUsername()
		out.Message = shell.Message{ID: r.GetMessageId(), Place: out.Place, Position: shell.Position(r.GetMessagePosition()), AsOf: out.Position}
	case *pb.Event_FileAdded:
		out.Kind, out.File = shell.Filed, fileOf(k.FileAdded.GetFile())
		out.Place, out.User = shell.PlaceID(k.FileAdded.GetFile().GetPlace()), out.File.Uploader
	case *pb.Event_Read:
		out.Kind, out.Place, out.Through = shell.WasRead, shell.PlaceID(k.Read.GetPlace()), shell.Position(k.Read.GetRead())
	case *pb.Event_ChannelCreated:
		out.Kind, out.Place, out.User = shell.ChannelCreated, channelID(k.ChannelCreated.GetChannel().GetName()), k.ChannelCreated.GetBy()
	case *pb.Event_ChannelChanged:
		out.Kind, out.Place, out.User = shell.ChannelChanged, channelID(k.ChannelChanged.GetChannel().GetName()), k.ChannelChanged.GetBy()
	case *pb.Event_ChannelArchived:
		out.Kind, out.Place, out.User = shell.ChannelChanged, channelID(k.ChannelArchived.GetChannel()), k.ChannelArchived.GetBy()
	case *pb.Event_ChannelUnarchived:
		out.Kind, out.Place, out.User = shell.ChannelChanged, channelID(k.ChannelUnarchived.GetChannel()), k.ChannelUnarchived.GetBy()
	case *pb.Event_MemberRoleChanged:
		out.Kind, out.Place, out.User = shell.ChannelChanged, channelID(k.MemberRoleChanged.GetChannel()), k.MemberRoleChanged.GetUsername()
	case *pb.Event_MemberJoined:
		out.Kind, out.Place, out.User = shell.Joined, channelID(k.MemberJoined.GetChannel()), k.MemberJoined.GetUsername()
		if by := k.MemberJoined.GetBy(); by != out.User {
			out.By = by
		}
	case *pb.Event_MemberLeft:
		out.Kind, out.Place, out.User = shell.Left, channelID(k.MemberLeft.GetChannel()), k.MemberLeft.GetUsername()
		if by := k.MemberLeft.GetBy(); by != out.User {
			out.Kind, out.By = shell.Removed, by
		}
	case *pb.Event_Presence:
		out.Kind, out.User, out.Time = shell.Offline, k.Presence.GetUsername(), timeOf(k.Presence.GetLastSeen())
		if k.Presence.GetOnline() {
			out.Kind = shell.Online
		}
	case *pb.Event_UserCreated:
		out.Kind, out.User = shell.Offline, k.UserCreated.GetUser().GetUsername() // who is new can be written to
	case *pb.Event_UserChanged:
		u := k.UserChanged.GetUser()
		out.Kind, out.User, out.Text, out.Admin = shell.UserChanged, u.GetUsername(), u.GetDisplayName(), u.GetAdmin()
	case *pb.Event_Document:
		d := k.Document
		out.Kind, out.User, out.Doc, out.Text, out.Change = shell.DocChanged, d.GetUsername(), d.GetDocumentId(), d.GetTitle(), docChanges[d.GetChange()]
		return out, out.Change != ""
	case *pb.Event_Lock:
		l := k.Lock
		out.Kind, out.User, out.By, out.Text, out.Change = shell.LockChanged, l.GetUsername(), l.GetHolder(), l.GetName(), lockChanges[l.GetChange()]
		return out, out.Change != ""
	default:
		// Mentions are in the messages, the end of the login is the end of the stream, and names are read when they are shown.
		return shell.Event{}, false
	}
	return out, true
}

// What happens to documents and locks, in words. A change of a later release has none.
var (
	docChanges = map[pb.DocumentChanged_Change]string{
		pb.DocumentChanged_CHANGE_CREATED: "made", pb.DocumentChanged_CHANGE_UPDATED: "updated", pb.DocumentChanged_CHANGE_RESTORED: "restored",
		pb.DocumentChanged_CHANGE_DELETED: "deleted", pb.DocumentChanged_CHANGE_UNDELETED: "brought back", pb.DocumentChanged_CHANGE_SHARED: "shared",
		pb.DocumentChanged_CHANGE_UNSHARED: "unshared", pb.DocumentChanged_CHANGE_SET: "changed",
	}
	lockChanges = map[pb.LockChanged_Change]string{
		pb.LockChanged_CHANGE_LOCKED: "taken", pb.LockChanged_CHANGE_UNLOCKED: "released", pb.LockChanged_CHANGE_EXPIRED: "expired",
		pb.LockChanged_CHANGE_BROKEN: "broken", pb.LockChanged_CHANGE_WAIT_ENDED: "given up",
	}
)

// noticeOf is what somebody does right now, as the shell has it.
func noticeOf(n *pb.Notice) shell.Event {
	if id := n.GetDocumentId(); id != "" {
		return shell.Event{Kind: shell.Editing, User: n.GetUsername(), Doc: id, Text: n.GetTitle()}
	}
	return shell.Event{Kind: shell.Typing, User: n.GetUsername(), Place: shell.PlaceID(n.GetPlace())}
}
