package convert

import (
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/state"
)

// PlaceShown returns where an event happened, as its reader calls it; empty if it happened nowhere, or where he may not
// look any more.
func PlaceShown(e *state.Shown, reader state.UserID) string {
	switch {
	case e.PlaceName != "":
		return "#" + e.PlaceName
	case e.Pair[0] == reader && reader != 0:
		return "@" + e.PairNames[1]
	case e.Pair[1] == reader && reader != 0:
		return "@" + e.PairNames[0]
	}
	return ""
}

// MessageShown returns the message that an event is about, as its reader sees it.
func MessageShown(e *state.Shown, reader state.UserID) *pb.Message {
	deleter := ""
	if e.Kind == state.EventDeleted {
		deleter = e.UserName
	}
	m := message(&e.Post, PlaceShown(e, reader), e.Sender, deleter)
	m.Mentions = e.Mentions
	return m
}

// Event returns an event as the wire has it for its reader, and what topic it belongs to; nil if the wire has nothing for
// it, or nothing is left of what it was about.
func Event(e *state.Shown, reader state.UserID) (*pb.Event, pb.Topic) {
	switch {
	case e.Kind >= state.EventMessage && e.Kind <= state.EventMention:
		return messageEvent(e, reader), pb.Topic_TOPIC_MESSAGES
	case e.Kind >= state.EventChannelMade && e.Kind <= state.EventDemoted:
		return channelEvent(e), pb.Topic_TOPIC_CHANNELS
	case e.Kind == state.EventFileAdded || e.Kind == state.EventFileRemoved:
		return fileEvent(e, reader), pb.Topic_TOPIC_FILES
	case e.Kind >= state.EventDocMade && e.Kind <= state.EventDocChanged:
		return documentEvent(e), pb.Topic_TOPIC_DOCUMENTS
	case e.Kind >= state.EventLocked && e.Kind <= state.EventLockWaitEnded:
		return lockEvent(e), pb.Topic_TOPIC_LOCKS
	case e.Kind == state.EventOnline || e.Kind == state.EventOffline:
		return &pb.Event{Kind: &pb.Event_Presence{Presence: &pb.PresenceChanged{
			Username: e.UserName, Online: e.Kind == state.EventOnline, LastSeen: timeOf(e.Seen)}}}, pb.Topic_TOPIC_PRESENCE
	}
	return accountEvent(e), pb.Topic_TOPIC_ACCOUNTS
}

// Notice returns what a user does right now as the wire has it for a reader, and what topic it belongs to; nil if it is the
// reader himself, or nothing that he can place.
func Notice(e *state.Shown, reader state.UserID) (*pb.Notice, pb.Topic) {
	n := &pb.Notice{Username: e.UserName}
	switch place := PlaceShown(e, reader); {
	case e.User == reader:
	case e.Kind == state.EventTyping && place != "":
		n.What = &pb.Notice_Place{Place: place}
		return n, pb.Topic_TOPIC_MESSAGES
	case e.Kind == state.EventEditing && e.Doc != 0:
		n.What, n.Title = &pb.Notice_DocumentId{DocumentId: e.Doc.String()}, e.Title
		return n, pb.Topic_TOPIC_DOCUMENTS
	}
	return nil, 0
}

func messageEvent(e *state.Shown, reader state.UserID) *pb.Event {
	place, id, at := PlaceShown(e, reader), e.Post.ID.String(), uint64(e.Post.ID.Position)
	if place == "" {
		return nil
	}
	switch e.Kind {
	case state.EventMessage:
		return &pb.Event{Kind: &pb.Event_Message{Message: MessageShown(e, reader)}}
	case state.EventEdited:
		return &pb.Event{Kind: &pb.Event_Edited{Edited: &pb.MessageEdited{Message: MessageShown(e, reader)}}}
	case state.EventDeleted:
		return &pb.Event{Kind: &pb.Event_Deleted{Deleted: &pb.MessageDeleted{
			Place: place, MessageId: id, MessagePosition: at, Username: e.UserName, ByAdmin: e.User != e.Post.Sender}}}
	case state.EventReacted, state.EventUnreacted:
		if e.Text == "" {
			return nil // the message is gone, and its reactions with it
		}
		return &pb.Event{Kind: &pb.Event_Reaction{Reaction: &pb.ReactionChanged{
			Place: place, MessageId: id, MessagePosition: at, Username: e.UserName, Emoji: e.Text, Removed: e.Kind == state.EventUnreacted}}}
	case state.EventRead:
		if e.Read == nil {
			return nil
		}
		return &pb.Event{Kind: &pb.Event_Read{Read: &pb.ReadMark{Place: place, Read: uint64(e.Read.Read), Unread: count(e.Read.Unread), Mentions: count(e.Read.Mentions)}}}
	case state.EventMention:
		return &pb.Event{Kind: &pb.Event_Mention{Mention: &pb.Mention{Place: place, MessageId: id, MessagePosition: at, Sender: e.Sender}}}
	}
	return nil
}

func channelEvent(e *state.Shown) *pb.Event {
	if e.PlaceName == "" {
		return nil
	}
	channel, by := "#"+e.PlaceName, e.OtherName
	switch e.Kind {
	case state.EventChannelMade:
		return &pb.Event{Kind: &pb.Event_ChannelCreated{ChannelCreated: &pb.ChannelCreated{Channel: channelShown(e.Channel), By: e.UserName}}}
	case state.EventChannelChanged:
		return &pb.Event{Kind: &pb.Event_ChannelChanged{ChannelChanged: &pb.ChannelChanged{Channel: channelShown(e.Channel), By: e.UserName}}}
	case state.EventArchived:
		return &pb.Event{Kind: &pb.Event_ChannelArchived{ChannelArchived: &pb.ChannelArchived{Channel: channel, By: e.UserName}}}
	case state.EventUnarchived:
		return &pb.Event{Kind: &pb.Event_ChannelUnarchived{ChannelUnarchived: &pb.ChannelUnarchived{Channel: channel, By: e.UserName}}}
	case state.EventJoined:
		return &pb.Event{Kind: &pb.Event_MemberJoined{MemberJoined: &pb.MemberJoined{
			Channel: channel, Username: e.UserName, DisplayName: e.Display, By: by}}}
	case state.EventLeft:
		return &pb.Event{Kind: &pb.Event_MemberLeft{MemberLeft: &pb.MemberLeft{Channel: channel, Username: e.UserName, By: by}}}
	case state.EventPromoted, state.EventDemoted:
		return &pb.Event{Kind: &pb.Event_MemberRoleChanged{MemberRoleChanged: &pb.MemberRoleChanged{
			Channel: channel, Username: e.UserName, Role: role(true, e.Kind == state.EventPromoted), By: by}}}
	}
	return nil
}

func fileEvent(e *state.Shown, reader state.UserID) *pb.Event {
	place := PlaceShown(e, reader)
	switch {
	case place == "" || e.File.ID == 0:
		return nil
	case e.Kind == state.EventFileRemoved:
		return &pb.Event{Kind: &pb.Event_FileDeleted{FileDeleted: &pb.FileDeleted{Place: place, FileId: e.File.ID.String(), Username: e.UserName}}}
	case e.File.Place == 0:
		return nil // it was deleted meanwhile
	}
	return &pb.Event{Kind: &pb.Event_FileAdded{FileAdded: &pb.FileAdded{File: fileOf(&e.File, place, e.UserName)}}}
}

func accountEvent(e *state.Shown) *pb.Event {
	user := &pb.User{Id: e.User.String(), Username: e.UserName, DisplayName: e.Display, Admin: e.Admin, Disabled: e.Disabled, Created: timeOf(e.Made)}
	switch e.Kind {
	case state.EventUserMade:
		return &pb.Event{Kind: &pb.Event_UserCreated{UserCreated: &pb.UserCreated{User: user}}}
	case state.EventUserChanged:
		return &pb.Event{Kind: &pb.Event_UserChanged{UserChanged: &pb.UserChanged{User: user}}}
	case state.EventLoginEnded:
		return &pb.Event{Kind: &pb.Event_LoginEnded{LoginEnded: &pb.LoginEnded{LoginId: e.Login.String()}}}
	}
	return nil
}
