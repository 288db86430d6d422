package sim

import "parley/statemachine/state"

// display returns what a subscriber is to see of an event at a position: what it is about, as that is then. An event
// for one user alone shows him nothing of a place that he is no member of any more, but that he left it.
func (m *teamModel) display(e *state.Event, v *teamView) *state.Shown {
	shown := &state.Shown{Kind: e.Kind, User: e.User, Other: e.Other, Login: e.Login, Text: e.Text}
	if u := m.userOf[e.User]; u != nil {
		shown.UserName, shown.Display = u.name, u.is.when(v.at).Display
	}
	if e.Other != 0 {
		shown.OtherName = v.nameOf(e.Other)
	}
	shown.Doc, shown.Version, shown.Fence, shown.Ticket = e.Doc, e.Version, e.Fence, e.Ticket
	if doc := m.docOf[e.Doc]; doc != nil && (e.Audience == state.ForReaders(e.Doc) || doc.role(m, state.UserID(e.Audience.ID), v.at) >= state.Viewer) {
		shown.Title = doc.is.when(v.at).Title
	}
	place := m.placeOf[e.Place]
	if place == nil {
		return shown
	}
	shown.Place = e.Place
	if e.Audience == state.ForUser(state.UserID(e.Audience.ID)) && e.Kind != state.EventLeft && !place.part(m.userOf[state.UserID(e.Audience.ID)], v.at).joined {
		return shown
	}
	is := place.when(v.at)
	shown.PlaceKind, shown.PlaceName = is.Kind, is.Name
	if is.Kind == state.Conversation {
		shown.Pair, shown.PairNames = is.Pair, [2]string{v.nameOf(is.Pair[0]), v.nameOf(is.Pair[1])}
	}
	switch e.Kind {
	case state.EventMessage, state.EventEdited, state.EventDeleted, state.EventMention, state.EventReacted, state.EventUnreacted:
		m.displayPost(e, v, shown)
	case state.EventRead:
		part := place.part(m.userOf[e.User], v.at)
		shown.Read = &state.ReadMark{Read: part.read, Unread: is.Messages - part.number}
	case state.EventChannelMade, state.EventChannelChanged, state.EventArchived, state.EventUnarchived:
		shown.Channel = &is
	case state.EventFileAdded, state.EventFileRemoved:
		shown.File.ID = e.File
		if f := m.fileOf[e.File]; f.is.when(v.at) {
			shown.File = f.File
		}
	}
	return shown
}

func (m *teamModel) displayPost(e *state.Event, v *teamView, shown *state.Shown) {
	id := state.MessageID{Place: e.Place, Position: e.Message}
	shown.Post = m.postOf[id].is.when(v.at)
	shown.Sender = v.nameOf(shown.Post.Sender)
	if e.Kind != state.EventReacted && e.Kind != state.EventUnreacted {
		return
	}
	if shown.Post.DeletedBy != 0 {
		shown.Text = ""
	}
	shown.Post.Text = ""
}
