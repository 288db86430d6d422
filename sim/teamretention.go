package sim

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"parley/raft"
	"parley/raft/node"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// teamKept is for how long things are kept, in the model, and how far what is too old has gone. A round goes from place to
// place, some of it with each entry: that much is agreed, as every answer shows what is gone and what is not yet.
type teamKept struct {
	is      changing[state.Retention]
	round   teamRound
	stamps  []teamStamp             // positions whose log time is known, oldest first
	trimmed changing[raft.Position] // the newest event that was too old
}

// teamRound is where the round stands that looks for messages and files which are too old.
type teamRound struct {
	runs bool
	due  raft.LogTime
	next state.PlaceID // zero: it has not begun
}

// teamStamp says which position a log time had.
type teamStamp struct {
	time raft.LogTime
	at   raft.Position
}

// keeps is whether a message or a file of a log time is kept, for so long or for ever (0).
func keeps(now, made raft.LogTime, keep time.Duration) bool {
	return keep == 0 || time.Duration(now-made) <= keep
}

// malformedRetention says why somebody can't want things to be kept for so long.
func (m *teamModel) malformedRetention(c state.Command) string {
	r, ok := c.(*account.SetRetention)
	short := func(d, least time.Duration) bool { return d != 0 && d < least }
	return reasonIf(ok && (short(r.To.Messages, m.limits.RetentionMin) || short(r.To.Files, m.limits.RetentionMin) ||
		short(r.To.Events, m.limits.EventsRetentionMin)), "RETENTION_INVALID")
}

func (d *teamDeed) setRetention(c *account.SetRetention) (state.Coded, *state.Refusal) {
	if !d.me.Admin {
		return nil, refused(state.NotPermitted, "NOT_CLUSTER_ADMIN")
	}
	is, told := d.kept.is.when(d.at), []string{}
	set := func(asked bool, what string, is *time.Duration, want time.Duration) {
		if !asked || *is == want {
			return
		}
		*is = want
		if want == 0 {
			told = append(told, what+" for ever")
		} else {
			told = append(told, fmt.Sprint(what, " for ", want))
		}
	}
	set(c.SetMessages, "messages", &is.Messages, c.To.Messages)
	set(c.SetFiles, "files", &is.Files, c.To.Files)
	set(c.SetEvents, "events", &is.Events, c.To.Events)
	if len(told) > 0 {
		d.kept.set(d.at, d.applied.Time, is)
		d.audit("retention.set", "", strings.Join(told, ", "))
	}
	return &account.Kept{Retention: is, Position: d.at}, nil
}

// set takes down for how long things are kept from a position on. A round begins anew; when all is kept, one that has begun
// is still to end, for what is left of messages that are gone.
func (k *teamKept) set(at raft.Position, now raft.LogTime, is state.Retention) {
	k.is.put(at, is)
	switch {
	case is.Messages != 0 || is.Files != 0:
		k.round = teamRound{runs: true, due: now}
	case k.round.next == 0:
		k.round = teamRound{}
	}
	if is.Events == 0 {
		k.stamps = nil
	}
}

// aged is what was too old to be kept and went with an entry.
type aged struct {
	posts, files int
	rest         bool // more belonged to a message than could go
	unread       bool // somebody had not read one
	named        bool // a message that is there came with one of the files
	round        bool // with it a round is over
}

// sweep has go with an entry what is too old: so many rows, of so many places.
func (d *teamDeed) sweep() (went aged) {
	r := &d.kept.round
	if !r.runs || r.due > d.applied.Time {
		return went
	}
	keep := d.kept.is.when(d.at)
	room, looked, next := d.limits.SweepRowsMax, 0, state.PlaceID(0)
	for _, p := range d.places {
		if p.id < r.next {
			continue
		}
		if looked++; looked > d.limits.SweepPlacesMax {
			next = p.id
			break
		}
		d.forget(p, keep, &room, &went)
		if room == 0 {
			next = p.id
			break
		}
	}
	*r = teamRound{runs: next != 0 || keep.Messages != 0 || keep.Files != 0, due: d.applied.Time, next: next}
	if went.round = next == 0; went.round {
		r.due = r.due.Add(d.limits.SweepEvery)
	}
	return went
}

// forget has the oldest messages of a place go, and then its oldest files. A message goes at once; what it leaves behind takes
// room as well, if need be of later entries.
func (d *teamDeed) forget(p *teamPlace, keep state.Retention, room *int, went *aged) {
	pay := func(rows int) {
		paid := min(*room, p.rest+rows)
		*room, p.rest = *room-paid, p.rest+rows-paid
		went.rest = went.rest || p.rest > 0
	}
	now := d.applied.Time
	for pay(0); *room > 0 && p.gone < len(p.posts); went.posts++ {
		post := p.posts[p.gone]
		if keeps(now, post.is.when(d.at).Time, keep.Messages) {
			break
		}
		rest := post.rows(d.at)
		went.unread = went.unread || slices.ContainsFunc(p.members, func(m *teamMember) bool { is := m.is.when(d.at); return is.joined && is.read < post.id.Position })
		d.unmention(post, "")
		post.gone = d.at
		p.gone++
		*room--
		pay(rest)
	}
	for _, f := range p.files {
		if *room > 0 && f.is.when(d.at) && !keeps(now, f.Time, keep.Files) {
			d.takeFile(f)
			*room--
			went.files++
			went.named = went.named || slices.ContainsFunc(p.posts[p.gone:], func(post *teamPost) bool { return post.is.when(d.at).File == f.ID })
		}
	}
}

// keptAt reports whether a message is there for whoever has applied a position.
func (post *teamPost) keptAt(at raft.Position) bool {
	return post.id.Position <= at && !post.goneBy(at)
}

// goneBy reports whether it was too old for whoever has applied a position.
func (post *teamPost) goneBy(at raft.Position) bool { return post.gone != 0 && post.gone <= at }

// rows is how many rows a message takes beside its own: one for each text that it had, one for all reactions, and one for each
// user who reacted. The last are there when the message was deleted, too.
func (post *teamPost) rows(at raft.Position) (n int) {
	marks := post.marks.when(at)
	n = len(post.texts.when(at)) + min(1, len(marks))
	if post.is.when(at).DeletedBy != 0 && len(post.marks.is) > 1 {
		marks = post.marks.is[len(post.marks.is)-2]
	}
	users := map[state.UserID]bool{}
	for _, r := range marks {
		for _, u := range r.users {
			users[u] = true
		}
	}
	return n + len(users)
}

// firstOf returns the first message of the thread that a message belongs to: itself, if what it replied to is gone.
func (v *teamView) firstOf(post *teamPost) *teamPost {
	if root := v.postOf[state.MessageID{Place: post.id.Place, Position: post.is.when(v.at).Root}]; root != nil && root.keptAt(v.at) {
		return root
	}
	return post
}

// unread counts the messages of a place that are there and came after the one that somebody read last.
func (p *teamPlace) unread(part teamPart, at raft.Position) (n uint64) {
	for i, post := range p.posts {
		if post.keptAt(at) && uint64(i) >= part.number {
			n++
		}
	}
	return n
}

// trim drops events that are too old, when an entry's time has passed and before anything is done with it: so many of them. all
// are the positions before it that have events.
func (m *teamModel) trim(at node.Applied, all []framed) {
	keep, k := m.kept.is.when(at.Position).Events, &m.kept
	if keep == 0 {
		return
	}
	n := len(all)
	if h := m.happened; len(h) > 0 && h[len(h)-1].at == at.Position {
		n++ // something ended with the entry, and that was told
	}
	position := func(i int) raft.Position {
		if i == len(all) {
			return at.Position
		}
		return all[i].at
	}
	first := max(firstBehind(all, k.trimmed.when(at.Position)), n-m.limits.EventsMax)
	if first >= n {
		k.stamps = nil
		return
	}
	if last := len(k.stamps) - 1; last < 0 || position(n-1) >= k.stamps[last].at && k.stamps[last].time.Add(m.limits.EventTimesEvery) <= at.Time {
		k.stamps = append(k.stamps, teamStamp{at.Time, at.Position})
	}
	for room := m.limits.SweepRowsMax; room > 0 && len(k.stamps) > 0 && k.stamps[0].time.Add(keep) <= at.Time; {
		if first < n && position(first) < k.stamps[0].at {
			k.trimmed.put(at.Position, position(first))
			first++
			room--
		} else {
			k.stamps = k.stamps[1:]
		}
	}
}
