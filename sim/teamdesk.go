package sim

import (
	"strings"
	"time"

	"parley/raft"
	"parley/statemachine/document"
	"parley/statemachine/lock"
	"parley/statemachine/state"
)

// What teammates want of locks and documents. There are few of both, and everybody wants them: locks for a short time, in
// lines that are soon full, and documents of which two write the same revision. Whoever got a lock goes on with its fence long
// after he lost it, as a process does that stood still.

// desk draws what somebody does with a lock or a document; false if neither has its turn.
func (s *wisher) desk(op *operation, x uint64) bool {
	p := s.c.mate.plan
	switch {
	case int64(below(raft.Mix(x, 1), 1000)) < p.Locks:
		op.team.command = s.lock(raft.Mix(x, 2))
	case int64(below(raft.Mix(x, 3), 1000)) < p.Docs:
		op.team.command = s.document(raft.Mix(x, 4))
	default:
		return false
	}
	return true
}

// lockName draws a lock: one of a few names, or that of a document.
func (s *wisher) lockName(x uint64) string {
	if s.guesses(raft.Mix(x, 1), 6) {
		return [...]string{"", "two words", "msg_1_1", "user_1", "doc_zz", "LOGIN/doc_1"}[below(raft.Mix(x, 2), 6)]
	}
	if len(s.docs) > 0 && below(raft.Mix(x, 3), 2) == 0 {
		return s.docRef(raft.Mix(x, 4))
	}
	return "desk/" + formatUint(below(raft.Mix(x, 5), uint64(max(s.w.plan.Team.Names, 1))))
}

// ttl draws for how long somebody takes a lock: mostly all for as long, so that many end at once.
func (s *wisher) ttl(x uint64) time.Duration {
	longest := time.Duration(orElse(int64(s.w.plan.Team.TTL), int64(2*time.Second)))
	switch {
	case s.guesses(raft.Mix(x, 1), 12):
		return [...]time.Duration{-1, 1, 2 * time.Hour}[below(raft.Mix(x, 2), 3)]
	case below(raft.Mix(x, 3), 5) < 2:
		return time.Duration(between(raft.Mix(x, 4), int64(lockTTLMin), int64(longest)))
	}
	return longest
}

// acquire draws how somebody takes a lock: at once or not at all, or in line.
func (s *wisher) acquire(x uint64, name string) *lock.Acquire {
	c := &lock.Acquire{Name: name, TTL: s.ttl(raft.Mix(x, 1))}
	if below(raft.Mix(x, 2), 3) > 0 {
		c.Wait = time.Duration(between(raft.Mix(x, 3), int64(lockTTLMin), orElse(int64(s.w.plan.Team.Wait), int64(3*time.Second))))
	}
	if s.guesses(raft.Mix(x, 4), 20) {
		c.Wait = -c.Wait - 1
	}
	return c
}

// grip draws a lock that was granted to the process's login, mostly late ones, whether it has them still or not; now and then
// one of somebody else.
func (s *wisher) grip(x uint64) teamGrip {
	const late = 40
	others := s.guesses(raft.Mix(x, 1), 1)
	for i := len(s.grips) - 1; i >= max(0, len(s.grips)-late); i-- {
		if g := s.grips[i]; (g.login == s.op.team.head.Login) != others && below(raft.Mix(x, 2, uint64(i)), 3) > 0 {
			return g
		}
	}
	return teamGrip{}
}

// lock draws what somebody does with a lock.
func (s *wisher) lock(x uint64) state.Command {
	if s.inclined(raft.Mix(x, 6), s.w.plan.Team.Behind) {
		return s.behind(raft.Mix(x, 7))
	}
	if c := s.shutHolder(); c != nil {
		return c
	}
	pick, g := below(x, 100), s.grip(raft.Mix(x, 1))
	if g.lock == nil || pick < 36 {
		return s.acquire(raft.Mix(x, 2), s.lockName(raft.Mix(x, 3)))
	}
	name := g.lock.name
	switch {
	case pick < 52:
		c := &lock.Renew{Name: name, Fence: g.fence}
		if below(raft.Mix(x, 4), 2) == 0 {
			c.TTL = s.ttl(raft.Mix(x, 5))
		}
		return c
	case pick < 74:
		return &lock.Release{Name: name, Fence: g.fence}
	case pick < 79:
		return &lock.Acquire{Name: name, TTL: s.ttl(raft.Mix(x, 4)), Fence: g.fence}
	case pick < 89:
		c := &lock.Break{Name: s.lockName(raft.Mix(x, 4))}
		if below(raft.Mix(x, 5), 2) == 0 {
			c.Name, c.Fence = name, g.fence
		}
		return c
	}
	return s.cancel(raft.Mix(x, 4))
}

// cancel draws a wait to end, mostly one of the process's own.
func (s *wisher) cancel(x uint64) state.Command {
	const late = 30
	for i := len(s.waits) - 1; i >= max(0, len(s.waits)-late); i-- {
		if w := s.waits[i]; (w.login == s.op.team.head.Login) != s.guesses(raft.Mix(x, 1), 2) && below(raft.Mix(x, 2, uint64(i)), 3) > 0 {
			return &lock.Cancel{Name: w.lock.name, Ticket: w.ticket}
		}
	}
	return &lock.Cancel{Name: s.lockName(raft.Mix(x, 3)), Ticket: s.somewhere(raft.Mix(x, 4))}
}

// docRef draws a document, mostly a late one that the user may write.
func (s *wisher) docRef(x uint64) string {
	const late = 6
	n := uint64(len(s.docs))
	if n == 0 || s.guesses(raft.Mix(x, 1), 10) {
		return "doc_zz"
	}
	var doc *teamDoc
	for i := range uint64(6) {
		doc = s.docs[n-1-below(raft.Mix(x, 2, i), min(n, late))]
		if (doc.role(s.teamModel, s.user.id, s.at) >= state.Editor) != s.guesses(raft.Mix(x, 3), 1) {
			break
		}
	}
	return docID(doc.id)
}

// document draws what somebody does with a document.
func (s *wisher) document(x uint64) state.Command {
	pick, ref := below(x, 100), s.docRef(raft.Mix(x, 1))
	switch {
	case pick < 9 || len(s.docs) == 0:
		c := &document.Create{Title: "About " + formatUint(uint64(s.op.number)), Content: s.lines(raft.Mix(x, 2), ""), Mode: state.LockMode(below(raft.Mix(x, 3), 3))}
		if s.guesses(raft.Mix(x, 4), 4) {
			c.Title, c.Content = [...]string{"", "x"}[below(raft.Mix(x, 5), 2)], "\xff"
		}
		return c
	case pick < 52:
		return s.rewrite(raft.Mix(x, 2), ref)
	case pick < 60:
		c := &document.Restore{ID: ref, Version: 1 + below(raft.Mix(x, 2), 8), Note: "again"}
		c.Fence, c.IfVersion = s.condition(raft.Mix(x, 3), ref)
		return c
	case pick < 64:
		return &document.Delete{ID: ref}
	case pick < 70:
		return &document.Undelete{ID: ref}
	case pick < 84:
		return &document.Share{ID: ref, With: s.whom(raft.Mix(x, 2), ref), Role: state.Role(1 + below(raft.Mix(x, 3), 3))}
	case pick < 92:
		return &document.Unshare{ID: ref, With: s.shutOut(raft.Mix(x, 2), ref)}
	case pick < 96:
		c, mode, ai, title := &document.Configure{ID: ref}, state.LockMode(1+below(raft.Mix(x, 2), 2)), below(raft.Mix(x, 3), 2) == 0, "Title "+formatUint(below(raft.Mix(x, 4), 3))
		if below(raft.Mix(x, 5), 2) == 0 {
			c.Mode = &mode
		}
		if below(raft.Mix(x, 6), 2) == 0 {
			c.Title, c.AI = &title, &ai
		}
		return c
	case pick < 99:
		return &document.Inspect{ID: ref}
	}
	return &document.InspectAll{Limit: below(raft.Mix(x, 2), 4), Before: state.DocID(s.somewhere(raft.Mix(x, 3)))}
}

// shutOut draws who is to see a document no more; in some worlds often who has its lock.
func (s *wisher) shutOut(x uint64, ref string) document.Whom {
	if l := s.lockNamed(ref); l != nil && int64(below(raft.Mix(x, 4), 1000)) < s.w.plan.Team.Shut {
		if h := l.is.when(s.at); h.user != 0 {
			return document.Whom{User: s.nameOf(h.user)}
		}
	}
	return s.whom(x, ref)
}

// whom draws with whom a document is shared; now and then somebody who stands in line for its lock.
func (s *wisher) whom(x uint64, ref string) document.Whom {
	if l := s.lockNamed(ref); l != nil && len(l.line) > 0 && below(raft.Mix(x, 2), 2) == 0 {
		return document.Whom{User: s.nameOf(l.line[below(raft.Mix(x, 3), uint64(len(l.line)))].user)}
	}
	switch pick := below(x, 10); {
	case pick < 5:
		return document.Whom{User: s.userName(raft.Mix(x, 1))}
	case pick < 9:
		return document.Whom{Channel: s.channelRef(raft.Mix(x, 1))}
	}
	return document.Whom{All: true}
}

// condition draws under which fence somebody writes, and which version he expects. Zero: he does not say.
func (s *wisher) condition(x uint64, ref string) (fence raft.Position, version uint64) {
	doc := s.docOf[docOf(ref)]
	if doc == nil {
		return 0, 0
	}
	if below(raft.Mix(x, 1), 2) == 0 {
		for i := len(s.grips) - 1; i >= 0 && fence == 0; i-- {
			if g := s.grips[i]; g.lock.doc == doc.id && below(raft.Mix(x, 5, uint64(i)), 3) > 0 && (g.login == s.op.team.head.Login || s.guesses(raft.Mix(x, 2, uint64(i)), 1)) {
				fence = g.fence
			}
		}
	}
	if below(raft.Mix(x, 3), 2) == 0 {
		switch version = doc.is.when(s.at).Version; {
		case s.guesses(raft.Mix(x, 4), 2):
			version++
		case version > 1 && below(raft.Mix(x, 6), 8) == 0:
			version-- // he read it long ago
		}
	}
	return fence, version
}

func docOf(ref string) state.DocID {
	id, _ := state.ParseDocID(ref)
	return id
}

// rewrite draws another content for a document; where that takes its lock, mostly the lock first.
func (s *wisher) rewrite(x uint64, ref string) state.Command {
	doc := s.docOf[docOf(ref)]
	if doc == nil {
		return document.NewUpdate(ref, []byte("x"), 0, nil)
	}
	is, h := doc.is.when(s.at), teamHold{}
	if l := s.lockNamed(ref); l != nil {
		h = l.is.when(s.at)
	}
	if is.Mode == state.LockRequired && h.login != s.op.team.head.Login && below(raft.Mix(x, 1), 4) > 0 {
		return s.acquire(raft.Mix(x, 2), ref)
	}
	base := is.Version
	if below(raft.Mix(x, 3), 5) == 0 {
		base = below(raft.Mix(x, 4), base+1)
	}
	was := ""
	if base > 0 {
		was = doc.texts[base-1].content
	}
	c := document.NewUpdate(ref, []byte(s.lines(raft.Mix(x, 5), doc.texts[is.Version-1].content)), base, []byte(was))
	c.Fence, c.IfVersion = s.condition(raft.Mix(x, 6), ref)
	if below(raft.Mix(x, 7), 3) == 0 {
		c.Note = "note " + formatUint(uint64(s.op.number))
	}
	if s.guesses(raft.Mix(x, 8), 1) {
		spoil(c, raft.Mix(x, 9))
	}
	return c
}

// spoil makes an update wrong: in its sum, its base, or in what it says of the difference.
func spoil(c *document.Update, x uint64) {
	switch below(x, 4) {
	case 0:
		c.Sum[below(raft.Mix(x, 1), 32)] ^= 1
	case 1:
		c.Base += 1 + below(raft.Mix(x, 1), 3)
	case 2:
		c.Delta = c.Delta[:len(c.Delta)/2]
	default:
		if len(c.Delta) > 0 {
			c.Delta[below(raft.Mix(x, 1), uint64(len(c.Delta)))] ^= byte(1 << below(raft.Mix(x, 2), 8))
		}
	}
}

// lines draws a text that has much of another one: a line more, a line less, or some lines anew.
func (s *wisher) lines(x uint64, was string) string {
	const longest = 1200
	lines := strings.SplitAfter(was, "\n")
	if len(was) > longest || was == "" || below(raft.Mix(x, 1), 12) == 0 {
		lines = nil
		for i := range below(raft.Mix(x, 2), 6) {
			lines = append(lines, s.line(raft.Mix(x, 3, i)))
		}
	}
	at := int(below(raft.Mix(x, 4), uint64(len(lines)+1)))
	switch below(raft.Mix(x, 5), 4) {
	case 0:
		lines = lines[:at]
	case 1:
		lines = append(lines[:at:at], append([]string{s.line(raft.Mix(x, 6))}, lines[at:]...)...)
	default:
		lines = append(lines, s.line(raft.Mix(x, 6)))
	}
	return strings.Join(lines, "")
}

func (s *wisher) line(x uint64) string {
	var b strings.Builder
	for i := range 3 + below(x, 8) {
		b.WriteString(vocabulary[below(raft.Mix(x, 1, i), uint64(len(vocabulary)))])
		b.WriteByte(' ')
	}
	if below(raft.Mix(x, 2), 4) == 0 {
		b.WriteString("– ½ € 𝄞 |")
	}
	b.WriteByte('\n')
	return b.String()
}

// questionAtDesk draws what somebody asks about locks and documents.
func (s *wisher) questionAtDesk(x, limit uint64) state.Query {
	ref := s.docRef(raft.Mix(x, 1))
	switch pick := below(x, 100); {
	case pick < 22:
		q := &lock.Get{Name: s.lockName(raft.Mix(x, 2))}
		if n := uint64(len(s.waits)); n > 0 && below(raft.Mix(x, 3), 3) > 0 {
			w := s.waits[n-1-below(raft.Mix(x, 4), min(n, 12))]
			q.Name, q.Ticket = w.lock.name, w.ticket
		}
		return q
	case pick < 36:
		return &lock.List{Limit: limit, After: [...]string{"", "desk/0", "doc_"}[below(raft.Mix(x, 2), 3)]}
	case pick < 64:
		q := &document.Show{ID: ref}
		if way := below(raft.Mix(x, 2), 6); way == 0 {
			q.Version = below(raft.Mix(x, 3), 9)
		} else if way == 1 {
			q.At = s.somewhere(raft.Mix(x, 3))
		} else if doc := s.docOf[docOf(ref)]; way == 2 && doc != nil {
			q.Time = doc.texts[below(raft.Mix(x, 3), uint64(len(doc.texts)))].Wall - raft.Wall(below(raft.Mix(x, 4), 2))
		}
		if s.guesses(raft.Mix(x, 5), 6) {
			q.Version, q.At = 1, 1
		}
		return q
	case pick < 78:
		q := &document.History{ID: ref, Limit: limit}
		if below(raft.Mix(x, 2), 3) == 0 {
			q.Before = below(raft.Mix(x, 3), 9)
		}
		return q
	case pick < 92:
		q := &document.List{Limit: limit, Deleted: below(raft.Mix(x, 2), 3) == 0}
		if n := uint64(len(s.docs)); n > 0 && below(raft.Mix(x, 3), 3) == 0 {
			q.Before = s.docs[below(raft.Mix(x, 4), n)].id + state.DocID(below(raft.Mix(x, 5), 2))
		}
		return q
	}
	return &document.AccessList{ID: ref}
}
