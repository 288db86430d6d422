package cli

import (
	"fmt"
	"strings"

	"parley/cmd/parley/plain"
	pb "parley/rpc/proto/parley/v1"
)

// eventJSON is an event as --json prints it. Type says which fields it has.
type eventJSON struct {
	Position uint64 `json:"position"` // of the event
	Type     string `json:"type"`

	ID        string   `json:"id,omitempty"` // of the message, the channel, the login or the file
	Place     string   `json:"place,omitempty"`
	Channel   string   `json:"channel,omitempty"` // a channel without its sign
	Message   uint64   `json:"message_position,omitempty"`
	Sender    string   `json:"sender,omitempty"`
	User      string   `json:"user,omitempty"` // whom it happened to, or who did it
	By        string   `json:"by,omitempty"`
	Text      string   `json:"text,omitempty"`
	Time      string   `json:"time,omitempty"`
	ReplyTo   string   `json:"reply_to,omitempty"`
	Mentions  []string `json:"mentions,omitempty"`
	Emoji     string   `json:"emoji,omitempty"`
	Removed   *bool    `json:"removed,omitempty"`
	ByAdmin   *bool    `json:"by_admin,omitempty"`
	Role      string   `json:"role,omitempty"`
	Online    *bool    `json:"online,omitempty"`
	Read      uint64   `json:"read,omitempty"`
	Unread    *uint32  `json:"unread,omitempty"`
	Mentioned *uint32  `json:"unread_mentions,omitempty"`
	Private   *bool    `json:"private,omitempty"`
	Name      string   `json:"name,omitempty"` // a display name, or a file's
	Size      *uint64  `json:"size,omitempty"`
	SHA256    string   `json:"sha256,omitempty"`
	Admin     *bool    `json:"admin,omitempty"`
	Disabled  *bool    `json:"disabled,omitempty"`
	LastSeen  string   `json:"last_seen,omitempty"`
	Described string   `json:"description,omitempty"`
	Version   uint64   `json:"version,omitempty"` // of a document
	Fence     uint64   `json:"fence,omitempty"`   // of a lock
	Ticket    uint64   `json:"ticket,omitempty"`  // of a wait for it
}

// eventOfMessage is an event that has a message.
func eventOfMessage(kind string, position uint64, m *pb.Message) eventJSON {
	j := eventJSON{
		Position: position, Type: kind, ID: m.GetId(), Place: m.GetPlace(), Channel: bare(m.GetPlace()), Sender: m.GetSender(),
		Text: m.GetText(), Time: jsonTime(m.GetTime()), ReplyTo: m.GetReplyTo(), Mentions: m.GetMentions(),
	}
	if m.GetPosition() != position {
		j.Message = m.GetPosition()
	}
	return j
}

// jsonEvent is an event for a program; shown is it for a person. ok is false for one that this release does not know.
func jsonEvent(position uint64, e *pb.Event) (j eventJSON, shown string, ok bool) {
	switch k := e.GetKind().(type) {
	case *pb.Event_Message:
		return eventOfMessage("message", position, k.Message), "", true
	case *pb.Event_Edited:
		j = eventOfMessage("edited", position, k.Edited.GetMessage())
		return j, fmt.Sprintf("%s edited %s in %s: %s", plain.Line(j.Sender), plain.Line(j.ID), plain.Line(j.Place), clean(j.Text)), true
	case *pb.Event_Deleted:
		d := k.Deleted
		j = eventJSON{Type: "deleted", ID: d.GetMessageId(), Place: d.GetPlace(), Message: d.GetMessagePosition(), User: d.GetUsername(), ByAdmin: &d.ByAdmin}
		shown = lines("%s deleted %s in %s", j.User, j.ID, j.Place)
	case *pb.Event_Reaction:
		r := k.Reaction
		j = eventJSON{Type: "reaction", ID: r.GetMessageId(), Place: r.GetPlace(), Message: r.GetMessagePosition(), User: r.GetUsername(), Emoji: r.GetEmoji(), Removed: &r.Removed}
		if shown = lines("%s added %s to %s in %s", j.User, j.Emoji, j.ID, j.Place); r.GetRemoved() {
			shown = lines("%s took back %s from %s in %s", j.User, j.Emoji, j.ID, j.Place)
		}
	case *pb.Event_Read:
		r := k.Read
		j = eventJSON{Type: "read", Place: r.GetPlace(), Read: r.GetRead(), Unread: &r.Unread, Mentioned: &r.Mentions}
		shown = lines("you have read %s up to ", j.Place) + fmt.Sprint(j.Read)
	case *pb.Event_Mention:
		m := k.Mention
		j = eventJSON{Type: "mention", ID: m.GetMessageId(), Place: m.GetPlace(), Message: m.GetMessagePosition(), Sender: m.GetSender()}
		shown = lines("%s mentioned you in %s", j.Sender, j.Place)
	default:
		j, shown = placeEvent(e)
	}
	j.Position = position
	if j.Channel == "" && j.Place != "" {
		j.Channel = bare(j.Place)
	}
	return j, shown, j.Type != ""
}

// placeEvent is an event of channels, people and files.
func placeEvent(e *pb.Event) (j eventJSON, shown string) {
	ofChannel := func(kind string, c *pb.Channel, by string) eventJSON {
		return eventJSON{Type: kind, ID: c.GetId(), Channel: c.GetName(), Place: "#" + c.GetName(), Private: &c.Private, Described: c.GetDescription(), By: by}
	}
	ofUser := func(kind string, u *pb.User) eventJSON {
		return eventJSON{Type: kind, ID: u.GetId(), User: u.GetUsername(), Name: u.GetDisplayName(), Admin: &u.Admin, Disabled: &u.Disabled}
	}
	switch k := e.GetKind().(type) {
	case *pb.Event_ChannelCreated:
		j = ofChannel("channel_created", k.ChannelCreated.GetChannel(), k.ChannelCreated.GetBy())
		return j, lines("%s made the channel #%s", j.By, j.Channel)
	case *pb.Event_ChannelChanged:
		j = ofChannel("channel_changed", k.ChannelChanged.GetChannel(), k.ChannelChanged.GetBy())
		return j, lines("%s changed the channel #%s", j.By, j.Channel)
	case *pb.Event_ChannelArchived:
		j = eventJSON{Type: "channel_archived", Channel: bare(k.ChannelArchived.GetChannel()), By: k.ChannelArchived.GetBy()}
		return j, lines("%s archived #%s", j.By, j.Channel)
	case *pb.Event_ChannelUnarchived:
		j = eventJSON{Type: "channel_unarchived", Channel: bare(k.ChannelUnarchived.GetChannel()), By: k.ChannelUnarchived.GetBy()}
		return j, lines("%s opened #%s again", j.By, j.Channel)
	case *pb.Event_MemberJoined:
		m := k.MemberJoined
		j = eventJSON{Type: "joined", Channel: bare(m.GetChannel()), User: m.GetUsername(), Name: m.GetDisplayName(), By: m.GetBy()}
		return j, lines("%s is in #%s now", j.User, j.Channel)
	case *pb.Event_MemberLeft:
		m := k.MemberLeft
		j = eventJSON{Type: "left", Channel: bare(m.GetChannel()), User: m.GetUsername(), By: m.GetBy()}
		if j.User != j.By {
			return j, lines("%s removed %s from #%s", j.By, j.User, j.Channel)
		}
		return j, lines("%s left #%s", j.User, j.Channel)
	case *pb.Event_MemberRoleChanged:
		m := k.MemberRoleChanged
		j = eventJSON{Type: "role", Channel: bare(m.GetChannel()), User: m.GetUsername(), Role: roleOf(m.GetRole()), By: m.GetBy()}
		return j, lines("%s is %s in #%s", j.User, j.Role, j.Channel)
	case *pb.Event_Presence:
		p := k.Presence
		j = eventJSON{Type: "presence", User: p.GetUsername(), Online: &p.Online, LastSeen: jsonTime(p.GetLastSeen())}
		if p.GetOnline() {
			return j, lines("%s is online", j.User)
		}
		return j, lines("%s is offline", j.User)
	case *pb.Event_UserCreated:
		j = ofUser("user_created", k.UserCreated.GetUser())
		return j, lines("%s has an account", j.User)
	case *pb.Event_UserChanged:
		j = ofUser("user_changed", k.UserChanged.GetUser())
		return j, lines("the account of %s changed", j.User)
	case *pb.Event_LoginEnded:
		j = eventJSON{Type: "login_ended", ID: k.LoginEnded.GetLoginId()}
		return j, lines("your login %s has ended", j.ID)
	case *pb.Event_FileAdded:
		f := k.FileAdded.GetFile()
		j = eventJSON{Type: "file", ID: f.GetId(), Place: f.GetPlace(), User: f.GetUploader(), Name: f.GetName(), Size: &f.Size, SHA256: f.GetSha256(), Time: jsonTime(f.GetTime())}
		return j, lines("%s put %s (%s) into %s", j.User, j.Name, j.ID, j.Place)
	case *pb.Event_FileDeleted:
		f := k.FileDeleted
		j = eventJSON{Type: "file_deleted", ID: f.GetFileId(), Place: f.GetPlace(), User: f.GetUsername()}
		return j, lines("%s deleted the file %s in %s", j.User, j.ID, j.Place)
	}
	return docEvent(e)
}

// docEvent is an event of documents and locks.
func docEvent(e *pb.Event) (j eventJSON, shown string) {
	switch k := e.GetKind().(type) {
	case *pb.Event_Document:
		d := k.Document
		j = eventJSON{ID: d.GetDocumentId(), Name: d.GetTitle(), User: d.GetUsername(), Version: d.GetVersion(), By: d.GetWith(), Role: d.GetRole()}
		j.Type = docWords[d.GetChange()]
		return j, lines("%s: %s %s (%s)", j.User, strings.ReplaceAll(j.Type, "_", " "), j.ID, j.Name)
	case *pb.Event_Lock:
		l := k.Lock
		j = eventJSON{Type: lockWords[l.GetChange()], Name: l.GetName(), User: l.GetUsername(), By: l.GetHolder(), Fence: l.GetFence(), Ticket: l.GetTicket()}
		return j, lines("%s: %s %s", j.User, strings.ReplaceAll(j.Type, "_", " "), j.Name)
	}
	return eventJSON{}, ""
}

// What happens to documents and locks, in the words of a program. A change of a later release has none.
var (
	docWords = map[pb.DocumentChanged_Change]string{
		pb.DocumentChanged_CHANGE_CREATED: "document_created", pb.DocumentChanged_CHANGE_UPDATED: "document_updated", pb.DocumentChanged_CHANGE_RESTORED: "document_restored",
		pb.DocumentChanged_CHANGE_DELETED: "document_deleted", pb.DocumentChanged_CHANGE_UNDELETED: "document_undeleted", pb.DocumentChanged_CHANGE_SHARED: "document_shared",
		pb.DocumentChanged_CHANGE_UNSHARED: "document_unshared", pb.DocumentChanged_CHANGE_SET: "document_changed",
	}
	lockWords = map[pb.LockChanged_Change]string{
		pb.LockChanged_CHANGE_LOCKED: "lock", pb.LockChanged_CHANGE_UNLOCKED: "unlock", pb.LockChanged_CHANGE_EXPIRED: "lock_expired",
		pb.LockChanged_CHANGE_BROKEN: "lock_broken", pb.LockChanged_CHANGE_WAIT_ENDED: "lock_wait_ended",
	}
)

// lines is a sentence with text of others in it.
func lines(format string, words ...string) string {
	safe := make([]any, len(words))
	for i, w := range words {
		safe[i] = plain.Line(w)
	}
	return fmt.Sprintf(format, safe...)
}

// printEvent writes an event; one of a later release is passed over.
func (a *app) printEvent(position uint64, e *pb.Event) error {
	j, shown, ok := jsonEvent(position, e)
	switch {
	case !ok:
		return nil
	case a.json:
		return a.printJSON(j)
	case j.Type == "message":
		return a.printMessage(e.GetMessage(), true)
	}
	_, err := fmt.Fprintf(a.Out, "%s%s\n", a.style("2")(fmt.Sprintf("%-6d ", position)), shown)
	return err
}
