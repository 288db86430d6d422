package sim

import (
	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
	"parley/statemachine/account"
	"parley/statemachine/chat"
	files "parley/statemachine/file"
	"parley/statemachine/presence"
	"parley/statemachine/state"
)

// coverTeam looks at a command of the team that was executed.
func (w *World) coverTeam(op *operation, d *teamDeed, refusal *state.Refusal) {
	w.coverDesk(op, d, refusal)
	if refusal == nil {
		w.cover.TeamDone++
		_, gone := op.team.command.(*presence.NodeGone)
		w.reachIf(teamNodeGone, gone && len(d.events) > 0)
		w.coverAged(op.team.command, d)
		return
	}
	w.cover.TeamRefused++
	l := w.team.model.loginOf[op.team.head.Login]
	switch refusal.Reason {
	case "LOGIN_ENDED":
		w.reachIf(teamRevokedMeanwhile, l != nil && !l.is.when(d.at).lives && w.livedAt(l, op.calledAt))
	case "CHANNEL_NAME_RESERVED":
		c := op.team.command.(*chat.CreateChannel)
		w.reachIf(teamNameHidden, d.channelNamed(c.Name) != nil)
	case "PASSWORD_CHANGED":
		_, logsIn := op.team.command.(*account.LogIn)
		w.reachIf(teamPasswordRace, logsIn)
	case "LAST_CHANNEL_ADMIN", "LAST_CLUSTER_ADMIN":
		w.reach(teamLastAdmin)
	case "BOOTSTRAPPED":
		w.reachIf(teamTwoBootstraps, d.settings.when(d.at).CurrentKey > 0)
	case "NOT_YET":
		w.reach(teamTooEarly)
	case "CHANNEL_ARCHIVED":
		w.reach(teamArchived)
	case notUploaded:
		w.reach(teamNotUploaded)
	case "RESET_REFUSED":
		c := op.team.command.(*account.ResetPassword)
		u := d.named(c.User)
		w.reachIf(teamCodeAgain, u != nil && u.password.when(d.at).spent == c.Secret)
	case "FILE_NOT_FOUND":
		c, removes := op.team.command.(*files.Remove)
		w.reachIf(teamFileBeside, removes && d.besideFile(c.ID))
	}
}

// coverAged looks at a command that was done, whether what is too old to be kept had a part in it.
func (w *World) coverAged(c state.Command, d *teamDeed) {
	switch c := c.(type) {
	case *chat.Send:
		id, replies := state.ParseMessageID(c.ReplyTo)
		first := d.postOf[state.MessageID{Place: id.Place, Position: d.at}]
		if replies && first != nil {
			to := d.postOf[id].is.when(d.at)
			w.reachIf(agedRoot, to.Root != 0 && to.Root != first.is.when(d.at).Root)
		}
	case *account.SetRetention:
		k := &d.kept
		w.reachIf(agedSpared, k.round.runs && k.is.when(d.at).Messages == 0 && k.is.when(d.at).Files == 0)
	}
}

// livedAt reports whether a login was in force, as far as anybody had applied, when something was called.
func (w *World) livedAt(l *teamLogin, called int64) bool {
	for i, life := range l.is.is {
		if p := l.is.at[i]; !life.lives && uint64(p) <= uint64(len(w.judges.logs.committed)) {
			return w.judges.logs.committed[p-1].at > called
		}
	}
	return true
}

// coverQuestion looks at a question of the team that was answered.
func (w *World) coverQuestion(op *operation, refusal *state.Refusal, r *caller.Result) {
	w.cover.TeamAnswers++
	l := w.team.model.loginOf[op.team.head.Login]
	if refusal == nil {
		w.reachIf(teamStaleLogin, l != nil && op.team.head.Login != 0 && !l.is.when(^raft.Position(0)).lives && op.consistency == node.Stale)
		var found chat.Found
		_, searches := op.team.query.(*chat.Search)
		w.coverConversations(op.team.query, r)
		w.reachIf(teamSearchStops, searches && state.DecodeReply(r.Reply, &found) == nil && found.Next != 0)
		return
	}
	if refusal.Code != state.NotFound {
		return
	}
	w.cover.TeamHidden++
	v := &teamView{teamModel: w.team.model, at: r.Position}
	if q, ok := op.team.query.(*files.FileOf); ok && v.speaks(&op.team.head) == nil {
		w.reachIf(teamFileBeside, v.besideFile(q.ID))
	}
	if ref := refOf(op.team); ref != "" && v.speaks(&op.team.head) == nil {
		p := v.find(ref)
		w.reachIf(teamGuessed, p != nil && p.is.when(r.Position).Kind == state.Channel)
	}
}

// coverConversations looks at a list of conversations.
func (w *World) coverConversations(q state.Query, r *caller.Result) {
	var page chat.ConversationsPage
	if _, lists := q.(*chat.Conversations); !lists || state.DecodeReply(r.Reply, &page) != nil {
		return
	}
	for i := range page.Conversations {
		c := &page.Conversations[i]
		w.reachIf(agedNewest, c.Last == nil && c.Read != 0)
	}
}

// coverArrived looks at a frame that reaches a teammate's process.
func (w *World) coverArrived(s *subscriber, f *node.Frame, at raft.Position) {
	u := w.team.model.userOf[s.login.User]
	for _, e := range w.team.model.eventsOf(f.Position) {
		p := w.team.model.placeOf[e.Place]
		if p == nil || e.Audience != state.ForPlace(p.id) {
			continue
		}
		w.reachIf(teamRemovedMeanwhile, p.part(u, at).joined && !p.part(u, ^raft.Position(0)).joined)
		post := w.team.model.postOf[state.MessageID{Place: e.Place, Position: e.Message}]
		w.reachIf(teamDeletedUnseen, e.Kind == state.EventMessage && post != nil && p.part(u, at).joined && post.is.when(at).DeletedBy != 0)
		w.reachIf(agedShown, e.Kind == state.EventMessage && post != nil && p.part(u, at).joined && !post.keptAt(at))
		w.reachIf(teamLateReader, at > f.Position+20 && p.part(u, at).joined && p.part(u, at).since > f.Position)
	}
}
