package state

// Notice says what a user does right now: that he writes in a place, or on a document. It is no command: it is in no
// log and changes nothing. Each node judges it by its own state, as it judges what a stream shows.
type Notice struct {
	Kind EventKind // EventTyping or EventEditing
	Of   string    // the place, as he calls it, or the document
}

// Code passes the fields.
func (n *Notice) Code(c *Coder) {
	Byte(c, &n.Kind)
	c.String(&n.Of)
}

// Notice returns what a notice of the caller's is to those who may hear of it. One who may not write there has nothing
// to say. In a conversation that is not begun there is nobody yet who could hear it: the event has no audience.
func (v *View) Notice(n *Notice) (Event, *Refusal) {
	e := Event{Kind: n.Kind, User: v.User.ID}
	switch n.Kind {
	case EventTyping:
		target, refusal := v.TargetToPost(n.Of)
		if refusal == nil && target.Begin == 0 {
			e.Place, e.Audience = target.Place.ID, ForPlace(target.Place.ID)
		}
		return e, refusal
	case EventEditing:
		a, refusal := v.MayDoc(ToWriteDoc, n.Of)
		if refusal == nil {
			e.Doc, e.Audience = a.ID, ForReaders(a.ID)
		}
		return e, refusal
	}
	return e, Refusef(Malformed, "VERSION", "This cluster knows no such notice.")
}
