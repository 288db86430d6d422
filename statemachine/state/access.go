package state

import (
	"strings"
	"unicode/utf8"
)

// Action is something that somebody wants to do to something.
type Action uint8

// The actions on places. What each takes stands in the table below.
const (
	ToSee      Action = iota + 1 // name, description, counts
	ToRead                       // messages, files, members
	ToPost                       // messages, files, reactions
	ToModerate                   // delete what others wrote
	ToManage                     // add, remove, promote, archive, describe
)

// right is what a caller is to a place.
type right uint8

const (
	outsider  right = iota // a user, and no member
	member                 // also both parties of a conversation
	admin                  // of the channel
	governor               // of the cluster, and no member
	rightsAll              // how many there are
)

// verdict is what comes of an action.
type verdict uint8

// Who is more than one thing has the highest that any of them gives.
const (
	hidden  verdict = iota // it is said not to exist
	refused                // it is said not to be permitted
	audited                // allowed to a command, which is written down: an admin of the cluster does it
	allowed
)

// cells are what each caller gets with one action.
type cells [rightsAll]verdict

// The permission table: for each kind of place, what each caller gets with each action. It is the whole of what may be
// done to places; commands and queries both ask it, the one in Apply and the other in the view that answers.
//
// A private channel is hidden from the admins of the cluster, too, but for what is written down: a refusal would say
// that there is one, and nothing is written down by a refusal.
var (
	publicCells = [...]cells{
		//        outsider  member   admin    governor
		ToSee:      {allowed, allowed, allowed, allowed},
		ToRead:     {refused, allowed, allowed, refused},
		ToPost:     {refused, allowed, allowed, refused},
		ToModerate: {refused, refused, allowed, refused},
		ToManage:   {refused, refused, allowed, audited},
	}
	privateCells = [...]cells{
		//        outsider  member   admin    governor
		ToSee:      {hidden, allowed, allowed, audited},
		ToRead:     {hidden, allowed, allowed, hidden},
		ToPost:     {hidden, allowed, allowed, hidden},
		ToModerate: {hidden, refused, allowed, hidden},
		ToManage:   {hidden, refused, allowed, audited},
	}
	conversationCells = [...]cells{
		//        outsider  member   admin    governor
		ToSee:      {hidden, allowed, hidden, hidden},
		ToRead:     {hidden, allowed, hidden, hidden},
		ToPost:     {hidden, allowed, hidden, hidden},
		ToModerate: {hidden, refused, hidden, hidden},
		ToManage:   {hidden, refused, hidden, hidden},
	}
)

// Access is a place, as somebody may use it.
type Access struct {
	Place   Place
	Member  Member
	Joined  bool // Member means something
	Audited bool // the caller does it as an admin of the cluster, and it is to be written down
	who     right
}

// May says whether the caller of a query may do something to a place, and returns the place. A refusal tells nothing of
// a place that the caller may not see: its words are those for a place that there is not. What would have to be
// written down is not for queries, which write nothing.
func (v *View) May(action Action, ref string) (Access, *Refusal) {
	id, ok := v.Resolve(ref)
	if !ok {
		return Access{}, RefusePlace(ref)
	}
	return v.MayIn(action, id, ref)
}

// MayIn is May for a place that is known by its number; ref is how the caller called it, or what it is part of.
func (v *View) MayIn(action Action, id PlaceID, ref string) (Access, *Refusal) {
	a, verdict := v.access(action, id)
	if verdict == audited {
		verdict = hidden
	}
	return a.judged(verdict, action, ref)
}

// May is View.May for a command, which may be one of those that are written down: see AuditAs.
func (t *Txn) May(action Action, ref string) (Access, *Refusal) {
	id, ok := t.Resolve(ref)
	if !ok {
		return Access{}, RefusePlace(ref)
	}
	return t.MayIn(action, id, ref)
}

// MayIn is View.MayIn for a command.
func (t *Txn) MayIn(action Action, id PlaceID, ref string) (Access, *Refusal) {
	a, verdict := t.access(action, id)
	return a.judged(verdict, action, ref)
}

// access looks a place up, what the caller is to it, and what he gets with an action.
func (v *View) access(action Action, id PlaceID) (Access, verdict) {
	place, ok := v.Place(id)
	if !ok {
		return Access{}, hidden
	}
	a := Access{Place: place}
	a.Member, a.Joined = v.Member(id, v.User.ID)
	switch {
	case a.Joined && (a.Member.Admin || v.User.Admin && place.Born()):
		a.who = admin
	case a.Joined:
		a.who = member
	case v.User.Admin:
		a.who = governor
	}
	verdict := judge(&place, action, a.who)
	if v.User.Admin {
		verdict = max(verdict, judge(&place, action, governor))
	}
	return a, verdict
}

// judged turns a verdict into an access or a refusal.
func (a *Access) judged(v verdict, action Action, ref string) (Access, *Refusal) {
	switch v {
	case allowed:
		return *a, nil
	case audited:
		a.Audited = true
		return *a, nil
	case refused:
		return Access{}, refuseAction(&a.Place, a.who)
	}
	return Access{}, RefusePlace(ref)
}

func judge(p *Place, action Action, who right) verdict {
	switch {
	case p.Kind == Conversation:
		return conversationCells[action][who]
	case p.Private:
		return privateCells[action][who]
	}
	return publicCells[action][who]
}

func refuseAction(p *Place, who right) *Refusal {
	switch {
	case p.Kind == Conversation:
		return Refusef(NotPermitted, "NOT_PERMITTED", "That can't be done in a direct conversation.")
	case who == member:
		return Refusef(NotPermitted, "NOT_CHANNEL_ADMIN", "Only an admin of #%s may do that.", p.Name)
	case p.Join == JoinInvite:
		return Refusef(NotPermitted, "NOT_A_MEMBER", "You are not a member of #%s. Ask one of its admins to add you.", p.Name)
	}
	return Refusef(NotPermitted, "NOT_A_MEMBER", "You are not a member of #%s. Join it first.", p.Name)
}

// RefusePlace is what there is not, and what the caller may not know of, in the same words.
func RefusePlace(ref string) *Refusal {
	name := clip(strings.TrimPrefix(ref, "#"))
	switch {
	case strings.HasPrefix(ref, "@"):
		return Refusef(NotFound, "USER_NOT_FOUND", "There is no user %s.", name)
	case strings.HasPrefix(ref, "msg_"):
		return Refusef(NotFound, "MESSAGE_NOT_FOUND", "There is no message %s.", name)
	case strings.HasPrefix(ref, docPrefix):
		return Refusef(NotFound, "DOCUMENT_NOT_FOUND", "There is no document %s.", name)
	case strings.HasPrefix(ref, "file_"):
		return Refusef(NotFound, "FILE_NOT_FOUND", "There is no file %s.", name)
	case strings.HasPrefix(ref, "chan_"), strings.HasPrefix(ref, "conv_"):
		return Refusef(NotFound, "PLACE_NOT_FOUND", "There is no place %s.", name)
	}
	return Refusef(NotFound, "CHANNEL_NOT_FOUND", "There is no channel #%s.", name)
}

// clip keeps a refusal short and fit to be shown that repeats what the caller wrote.
func clip(s string) string {
	const most = 80
	var b strings.Builder
	for _, r := range s {
		if b.Len() > most {
			return b.String() + "…"
		}
		if r < 0x20 || r == 0x7f || invisible(r) {
			r = utf8.RuneError
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Clip is what a refusal repeats of what the caller wrote.
func Clip(s string) string { return clip(s) }

// Resolve returns the place that a reference means to the caller: #name or name, @user, or an id. A conversation that
// was never begun is none yet.
func (v *View) Resolve(ref string) (PlaceID, bool) {
	switch {
	case strings.HasPrefix(ref, "@"):
		other, ok := v.UserNamed(ref[1:])
		if !ok {
			return 0, false
		}
		return v.ConversationOf(v.User.ID, other.ID)
	case strings.HasPrefix(ref, "chan_"), strings.HasPrefix(ref, "conv_"):
		id, ok := parseBase36(ref[len("chan_"):])
		p, there := v.Place(PlaceID(id))
		return PlaceID(id), ok && there && (p.Kind == Conversation) == strings.HasPrefix(ref, "conv_")
	}
	return v.ChannelNamed(strings.TrimPrefix(ref, "#"))
}
