package sim

import "parley/statemachine/state"

// display returns what a subscriber is to see of an event at a position: what it is about, as that is then. An event
// for one user alone shows him nothing of a place that he is no member of any more, but that he left it.
func (m *teamModel) display(e *state.Event, v *teamView) *state.Shown {
	shown := &state.Shown{Kind: e.Kind, User: e.User, Other: e.Other, Login: e.Login, Text: e.Text}
	if u := m.userOf[e.User]; u != nil {
		is, there := u.is.when(v.at), u.presence.when(v.at)
		shown.UserName, shown.Display = u.name, is.Display
		switch {
		case e.Kind == state.EventOffline && there.Nodes == 0:
			shown.Seen = there.Seen
		case e.Kind == state.EventUserMade || e.Kind == state.EventUserChanged:
			shown.Made, shown.Admin, shown.Disabled = is.Wall, is.Admin, is.Disabled
		}
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
		reader := &teamView{teamModel: m, at: v.at, user: m.userOf[e.User]}
		part := place.part(reader.user, v.at)
		shown.Read = &state.ReadMark{Read: part.read, Unread: place.unread(part, v.at), Mentions: reader.unreadMentions(place, part.read)}
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
	if post := m.postOf[id]; post.keptAt(v.at) {
		shown.Post = post.is.when(v.at)
	} else { // as if it had been deleted
		shown.Post = state.Post{ID: id, DeletedBy: e.User}
	}
	shown.Sender = v.nameOf(shown.Post.Sender)
	if e.Kind == state.EventMessage || e.Kind == state.EventEdited {
		for _, u := range v.mentioned(m.placeOf[e.Place], shown.Post.Text) {
			shown.Mentions = append(shown.Mentions, u.name)
		}
	}
	if e.Kind != state.EventReacted && e.Kind != state.EventUnreacted {
		return
	}
	if shown.Post.DeletedBy != 0 {
		shown.Text = ""
	}
	shown.Post.Text = ""
}
