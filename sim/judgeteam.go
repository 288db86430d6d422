package sim

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
	"parley/statemachine/account"
	"parley/statemachine/chat"
	"parley/statemachine/document"
	files "parley/statemachine/file"
	"parley/statemachine/lock"
	"parley/statemachine/state"
)

// The judges of the team. What the first node answers to a command, and what it writes down to be told, must be what the
// model makes of it; all other nodes are compared with the first. A question must be answered as the model answers it
// from the state of the position that the answer carries.

// teamAdvances has an entry's time pass in the model. It comes before whatever else the entry brings.
func (w *World) teamAdvances(at node.Applied) {
	if w.team == nil {
		return
	}
	w.team.passed = w.team.model.advance(at)
	w.coverPassed(w.team.passed)
	w.team.model.trim(at, w.judges.applied.everything)
}

// teamApplies has a command happen in the model, when the first node applies it, and compares what that node answers.
func (w *World) teamApplies(op *operation, at node.Applied, reply []byte) {
	t := op.team
	refusal := refusalIn(reply)
	_, attaches := t.command.(*files.Attach)
	lacks := attaches && refusal != nil && refusal.Reason == notUploaded
	d, want, wantRefusal := w.team.model.execute(at, &t.head, t.command, lacks)
	w.coverTeam(op, d, wantRefusal)
	if difference := differs(reply, want, wantRefusal); difference != "" {
		w.violate(teamBreach(t, refusal, wantRefusal), "Operation %d, %s, at position %d: %s%s.", op.number, describeTeam(t), at.Position, difference, contrast(t, reply, want))
		return
	}
	w.judgeSentence(refusal, refOf(t))
	if c, ok := t.command.(*files.Attach); ok && d.user != nil {
		w.judgeAttached(op, c, d, at, wantRefusal)
	}
}

// refusalIn returns the refusal of a reply, if it is one.
func refusalIn(reply []byte) *state.Refusal {
	refusal, _ := state.DecodeReply(reply, nothing{}).(*state.Refusal)
	return refusal
}

// nothing is an answer that nobody reads.
type nothing struct{}

// Code passes nothing.
func (nothing) Code(*state.Coder) {}

// differs says in which way a reply is not what it is to be; empty: it is.
func differs(reply []byte, want state.Coded, wantRefusal *state.Refusal) string {
	refusal := refusalIn(reply)
	switch {
	case wantRefusal == nil && refusal != nil:
		return fmt.Sprintf("it is refused (%s, %s) and is to be done", refusal.Code, refusal.Reason)
	case wantRefusal != nil && refusal == nil:
		return fmt.Sprintf("it is done and is to be refused (%s, %s)", wantRefusal.Code, wantRefusal.Reason)
	case wantRefusal != nil && (refusal.Code != wantRefusal.Code || refusal.Reason != wantRefusal.Reason):
		return fmt.Sprintf("it is refused (%s, %s) and is to be refused for another reason (%s, %s)", refusal.Code, refusal.Reason, wantRefusal.Code, wantRefusal.Reason)
	case wantRefusal == nil && !bytes.Equal(reply, state.AppendReply(nil, want, nil)):
		return "the answer is not the one that is to be"
	}
	return ""
}

// teamBreach names what is broken when an operation is answered, or refused, that was to be another way: logins, if what
// speaks is none that lives; secrecy, if a place or what is in it is told to somebody who may not know it.
func teamBreach(t *teamOp, got, want *state.Refusal) string {
	switch {
	case want == nil && got == nil && isOfLocks(t):
		return LockExclusion
	case want == nil:
		return Team
	case got == nil && want.Reason == "STALE_FENCE":
		return Fences
	case got == nil && (want.Reason == "LOCK_HELD" || want.Reason == "LOCK_NOT_HELD" || want.Reason == "NOT_LOCK_HOLDER"):
		return LockExclusion
	case want.Code == state.Unauthenticated && got == nil:
		return Logins
	case want.Code == state.NotFound && (got == nil || got.Code != state.NotFound):
		return Secrecy
	case want.Reason == "NOT_A_MEMBER" && got == nil && t.query != nil:
		return Secrecy
	case want.Reason == "CHANNEL_NAME_RESERVED" && got != nil && got.Reason == "CHANNEL_NAME_TAKEN":
		return Secrecy
	}
	return Team
}

// isOfLocks reports whether an operation is about a lock.
func isOfLocks(t *teamOp) bool {
	switch t.command.(type) {
	case *lock.Acquire, *lock.Renew, *lock.Release, *lock.Break, *lock.Cancel:
		return true
	}
	switch t.query.(type) {
	case *lock.Get, *lock.List:
		return true
	}
	return false
}

// teamWords are the sentences in which people are told that something does not exist, less what they wrote themselves.
type teamWords struct{ sentences map[string]string }

// judgeSentence checks that what is not there and what may not be seen are refused in the same words: one sentence for each
// reason, in which nothing stands but what the caller wrote.
func (w *World) judgeSentence(refusal *state.Refusal, ref string) {
	name := strings.TrimPrefix(ref, "#")
	if refusal == nil || refusal.Code != state.NotFound || name == "" || refusal.Reason == "REVISION_NOT_FOUND" {
		return
	}
	words := &w.team.words
	if words.sentences == nil {
		words.sentences = map[string]string{}
	}
	sentence := strings.ReplaceAll(refusal.Text, name, "…")
	if known, ok := words.sentences[refusal.Reason]; ok && known != sentence {
		w.violate(Secrecy, "For %s there are two sentences, so that one can tell what is hidden: %q and %q.", refusal.Reason, known, sentence)
	}
	words.sentences[refusal.Reason] = sentence
}

// refOf returns the place, message or file that an operation is about, as its caller wrote it.
func refOf(t *teamOp) string {
	switch c := t.command.(type) {
	case *chat.Join:
		return c.Place
	case *chat.Leave:
		return c.Place
	case *chat.Archive:
		return c.Place
	case *chat.Unsend:
		return c.ID
	case *chat.Edit:
		return c.ID
	case *chat.React:
		return c.ID
	case *files.Remove:
		return c.ID
	case *document.Update:
		return c.ID
	case *document.Restore:
		return c.ID
	case *document.Delete:
		return c.ID
	case *lock.Acquire:
		return c.Name
	case *lock.Cancel:
		return c.Name
	}
	switch q := t.query.(type) {
	case *chat.History:
		return q.Place
	case *chat.ChannelOf:
		return q.Place
	case *chat.Members:
		return q.Place
	case *chat.PlaceOf:
		return q.Place
	case *chat.GetMessage:
		return q.ID
	case *chat.Thread:
		return q.ID
	case *files.FileOf:
		return q.ID
	case *document.Show:
		return q.ID
	case *document.History:
		return q.ID
	case *document.AccessList:
		return q.ID
	case *lock.Get:
		return q.Name
	}
	return ""
}

// judgeTeamEvents compares what a position has to tell with what the model says happened there, part by part.
func (w *World) judgeTeamEvents(f *framed) {
	if w.team == nil {
		return
	}
	w.judgeTold(f)
	var events []state.Event
	if h := w.team.model.happened; len(h) > 0 && h[len(h)-1].at == f.at {
		events = h[len(h)-1].events
	}
	v := &teamView{teamModel: w.team.model, at: f.at}
	for _, part := range f.parts {
		if part.audience == "" {
			continue
		}
		if len(events) == 0 {
			w.violate(Team, "There is an event at position %d of which the model knows nothing: %s.", f.at, describeEvent(part.body))
			return
		}
		e := &events[0]
		events = events[1:]
		switch {
		case part.audience != e.Audience.Word():
			w.violate(Secrecy, "The event of kind %d at position %d is for others than it is to be for.", e.Kind, f.at)
		case !bytes.Equal(part.body, w.shownAt(e, v)):
			w.violate(Team, "The event at position %d is %s, and is to be %s.", f.at, describeEvent(part.body), describeEvent(w.shownAt(e, v)))
		}
	}
	if len(events) > 0 {
		w.violate(Team, "What happened at position %d, of kind %d, is no event there.", f.at, events[0].Kind)
	}
}

// shownAt encodes what a subscriber is to see of an event.
func (w *World) shownAt(e *state.Event, v *teamView) []byte {
	return state.Append([]byte{2}, w.team.model.display(e, v))
}

// describeEvent says what is in an event, for reports.
func describeEvent(body []byte) string {
	var shown state.Shown
	if len(body) == 0 || state.Decode(body[1:], &shown) != nil {
		return "one that does not decode"
	}
	if shown.Kind >= state.EventDocMade {
		return fmt.Sprintf("kind %d, user %d, other %d, login %d, text %q, document %d %q, version %d, fence %d, ticket %d",
			shown.Kind, shown.User, shown.Other, shown.Login, shown.Text, shown.Doc, shown.Title, shown.Version, shown.Fence, shown.Ticket)
	}
	return fmt.Sprintf("kind %d in %d, user %d, post %+v", shown.Kind, shown.Place, shown.User, shown.Post)
}

// judgeTeamQuestion checks the answer to a question: it is what was to be seen at its position.
func (w *World) judgeTeamQuestion(op *operation, r *caller.Result) {
	t := op.team
	want, wantRefusal := w.team.model.answer(r.Position, &t.head, t.query)
	refusal := refusalIn(r.Reply)
	reply := r.Reply
	if _, ok := t.query.(*account.Audit); ok && refusal == nil {
		reply = w.judgeChain(op, reply)
	}
	if difference := differs(reply, want, wantRefusal); difference != "" {
		w.violate(w.questionBreach(t, refusal, wantRefusal, r), "Operation %d, %s, at position %d: %s%s.", op.number, describeTeam(t), r.Position, difference, contrast(t, reply, want))
		return
	}
	w.judgeSentence(refusal, refOf(t))
	w.coverQuestion(op, wantRefusal, r)
}

// questionBreach is teamBreach; an answer that shows a message which its reader may not read is no mere mistake.
func (w *World) questionBreach(t *teamOp, got, want *state.Refusal, r *caller.Result) string {
	if got != nil || want != nil || isOfLocks(t) {
		return teamBreach(t, got, want)
	}
	v := &teamView{teamModel: w.team.model, at: r.Position}
	if v.speaks(&t.head) != nil {
		return Team
	}
	for _, m := range messagesIn(t.query, r.Reply) {
		if post := v.postOf[m.ID]; post == nil || !v.standing(post.place).may[deedRead] || m.Text != "" && (post.is.when(v.at).DeletedBy != 0 || post.goneBy(v.at)) {
			return Secrecy
		}
	}
	return Team
}

// messagesIn returns the messages that an answer shows.
func messagesIn(q state.Query, reply []byte) (all []chat.Message) {
	switch q.(type) {
	case *chat.Search:
		var found chat.Found
		if state.DecodeReply(reply, &found) == nil {
			return found.Messages
		}
	case *chat.Mentions:
		var page chat.MentionsPage
		if state.DecodeReply(reply, &page) == nil {
			return page.Messages
		}
	case *chat.History:
		var page chat.Page
		if state.DecodeReply(reply, &page) == nil {
			return page.Messages
		}
	}
	return nil
}

// contrast shows both answers where that fits a line.
func contrast(t *teamOp, reply []byte, want state.Coded) string {
	var got state.Coded
	switch want.(type) {
	case *chat.Page:
		got = new(chat.Page)
	case *chat.Found:
		got = new(chat.Found)
	case *chat.Channel:
		got = new(chat.Channel)
	case *chat.ChannelsPage:
		got = new(chat.ChannelsPage)
	case *chat.MembersPage:
		got = new(chat.MembersPage)
	case *chat.ConversationsPage:
		got = new(chat.ConversationsPage)
	case *chat.MentionsPage:
		got = new(chat.MentionsPage)
	case *lock.Answer:
		got = new(lock.Answer)
	case *lock.Page:
		got = new(lock.Page)
	case *document.Item:
		got = new(document.Item)
	case *document.Content:
		got = new(document.Content)
	case *document.Revisions:
		got = new(document.Revisions)
	case *document.Page:
		got = new(document.Page)
	case *document.Grants:
		got = new(document.Grants)
	default:
		return ""
	}
	if state.DecodeReply(reply, got) != nil {
		return ""
	}
	return fmt.Sprintf(": %+v instead of %+v", got, want)
}

// judgeChain checks that the records of a page of the audit log are chained, and returns the page without the chain,
// of which the model knows nothing.
func (w *World) judgeChain(op *operation, reply []byte) []byte {
	var page account.AuditPage
	if state.DecodeReply(reply, &page) != nil {
		return reply
	}
	for i := range page.Records {
		if i > 0 && page.Records[i].Before != page.Records[i-1].Hash() {
			w.violate(Team, "Record %d of the audit log, in the answer to operation %d, does not continue the one before.", i, op.number)
		}
	}
	for i := range page.Records {
		page.Records[i].Before = [32]byte{}
	}
	return state.AppendReply(nil, &page, nil)
}

// judgeAttached checks that content was named only by who had brought it, and refused to none who had.
func (w *World) judgeAttached(op *operation, c *files.Attach, d *teamDeed, at node.Applied, refusal *state.Refusal) {
	var f *file
	if i := w.fileAt(c.Sum); i >= 0 {
		f = &w.files[i]
	}
	mine := "user_" + base36(uint64(d.user.id))
	if refusal == nil {
		w.cover.Attached++
		if f == nil || len(f.content) != int(c.Size) || !slices.Contains(f.askedBy, mine) {
			w.violate(Secrecy, "Operation %d attaches a content at position %d that %s never uploaded.", op.number, at.Position, mine)
		}
		return
	}
	if refusal.Reason != notUploaded || f == nil || len(f.content) != int(c.Size) {
		return
	}
	for _, pin := range f.pins {
		if pin.by == mine && pin.at < at.Position && pin.until > at.Time {
			w.violate(Team, "Operation %d is told at position %d that nobody uploaded a content that %s had confirmed at position %d.", op.number, at.Position, mine, pin.at)
		}
	}
}

// pin is a confirmation of an upload.
type pin struct {
	by    string
	at    raft.Position
	until raft.LogTime
}
