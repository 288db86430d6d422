package state

import (
	"strings"
)

// Target is where something is to be put: a place, or a direct conversation that is not begun yet.
type Target struct {
	Access
	Begin UserID // the other party of a conversation that there is not yet; zero: there is the place
}

// Target returns what a reference means to somebody who wants to put something there, or to read what is there. It
// begins nothing.
func (v *View) Target(action Action, ref string) (Target, *Refusal) {
	name, direct := strings.CutPrefix(ref, "@")
	if !direct {
		a, refusal := v.May(action, ref)
		return Target{Access: a}, refusal
	}
	other, ok := v.UserNamed(name)
	if !ok {
		return Target{}, RefusePlace(ref)
	}
	if other.ID == v.User.ID {
		return Target{}, Invalidf("place", "CONVERSATION_WITH_SELF", "A direct conversation is with somebody else.")
	}
	id, begun := v.ConversationOf(v.User.ID, other.ID)
	if !begun {
		return Target{Begin: other.ID}, nil
	}
	a, refusal := v.MayIn(action, id, ref)
	return Target{Access: a}, refusal
}

// TargetToPost is Target for something new, which an archived channel does not take.
func (v *View) TargetToPost(ref string) (Target, *Refusal) {
	target, refusal := v.Target(ToPost, ref)
	switch {
	case refusal != nil:
		return Target{}, refusal
	case target.Begin == 0:
		return target, target.Place.RefuseArchived()
	case v.PlacesFull(v.User.ID):
		return Target{}, Refusef(Exhausted, "PLACES_FULL", "You belong to as many channels and conversations as one may (%d).", v.Limits.PlacesPerUserMax)
	case v.PlacesFull(target.Begin):
		return Target{}, Refusef(Exhausted, "PLACES_FULL", "%s belongs to as many channels and conversations as one may.", v.NameOf(target.Begin))
	}
	return target, nil
}

// Open begins the conversation that a target stands for, if there is none.
func (t *Txn) Open(target *Target) {
	if target.Begin == 0 {
		return
	}
	place := t.MakeConversation(PlaceID(t.At.Position), t.User.ID, target.Begin, t.Wall)
	me, _ := t.Member(place.ID, t.User.ID)
	*target = Target{Access: Access{Place: place, Member: me, Joined: true, who: member}}
}

// RefuseArchived refuses what changes an archived channel.
func (p *Place) RefuseArchived() *Refusal {
	if !p.Archived {
		return nil
	}
	return Refusef(Precondition, "CHANNEL_ARCHIVED", "#%s is archived: nothing new comes into it.", p.Name)
}

// MessageFor returns a message, as somebody may use the place that it is in. What is not there and what he may not
// know of have the same refusal.
func (v *View) MessageFor(action Action, ref string) (Access, Post, *Refusal) {
	id, ok := ParseMessageID(ref)
	if !ok {
		return Access{}, Post{}, refuseMessage(ref)
	}
	a, refusal := v.MayIn(action, id.Place, "msg_"+strings.TrimPrefix(ref, "msg_"))
	if refusal != nil {
		return Access{}, Post{}, refusal
	}
	post, ok := v.Post(id)
	if !ok {
		return Access{}, Post{}, refuseMessage(ref)
	}
	return a, post, nil
}

func refuseMessage(ref string) *Refusal { return RefusePlace("msg_" + strings.TrimPrefix(ref, "msg_")) }

// AuditAs writes down what the caller did to others in a channel, and whether he did it as an admin of the cluster.
func (t *Txn) AuditAs(a *Access, action, detail string) {
	if a.Audited {
		detail = strings.TrimSpace(detail + " (as an admin of the cluster)")
	}
	t.Audit(action, a.Place.IDString(), detail)
}
