package raft

// Membership changes by joint consensus [§6, T§4.3]. A configuration takes effect when its
// entry is appended; when the entry is cut, the one before it is in force again.
//
//	           add N                    N has caught up, or "promote N"
//	  C ───────────────> C + learner N ──────────────────────────┐
//	  │                                                          v
//	  │ remove N (a voter)            C_old,new: two majorities decide
//	  └─────────────────────────────────────────────────────────>│ committed
//	                                                             v
//	                        C_new: who only counted in the old one is gone
//
//  1. a change begins only when an entry of the leader's own term is committed,
//     and the newest configuration too, and that one is not joint
//  2. adding or removing a learner moves no majority: one entry does it
//  3. every other change goes through a joint configuration, also that of a single voter
//  4. the leader of the moment appends what follows: C_new when C_old,new is committed,
//     and the promotion of a learner that has caught up
//  5. whoever keeps something beside the log may hold back a configuration that moves a majority,
//     in the very Step that is to append it: see Judge
//  6. a leader that is not in C_new leads, without counting itself, until C_new is
//     committed; then it hands over and stops [§6]
//
// Whoever asked is answered when the configuration that has what he wanted is
// committed. A change that is in force already is answered at once, so that a repetition
// is harmless.

// ChangeKind names a change of the membership.
type ChangeKind uint8

// The changes.
const (
	ChangeAdd     ChangeKind = iota + 1 // Member becomes a learner, and a voter when it has caught up
	ChangeRemove                        // ID leaves
	ChangeReplace                       // as Add; ID leaves in the same change that makes Member a voter, at once if it is one
	ChangePromote                       // ID, a learner, becomes a voter now
)

// Change is what an operator wants of the membership.
type Change struct {
	Kind   ChangeKind
	ID     NodeID // ChangeRemove, ChangePromote; ChangeReplace: who is replaced
	Member Member // ChangeAdd, ChangeReplace: ident and addresses
}

// pendingChange is the change whose caller waits for its commitment.
type pendingChange struct {
	ticket uint64 // zero: nobody waits
	change Change
}

// Judge sets the function that allows or holds back each configuration that moves a majority, a joint one or the one behind it,
// when the leader is about to append it. What an operator asked for is then refused (RefusedPlaces); what follows from
// an earlier entry waits, and is asked for again in every Step. The function is called within Step, may look at the log,
// and must depend on nothing but states. Without one all are allowed. Clone does not copy it.
func (r *Raft) Judge(allows func(next *Configuration) bool) { r.judge = allows }

func (r *Raft) allowed(next *Configuration) bool { return r.judge == nil || r.judge(next) }

// startChange begins a change, finds it done already, or refuses it.
func (r *Raft) startChange(ch *Change, ticket uint64) {
	newest := &r.configs[len(r.configs)-1]
	next, why := Configuration{}, Reason(0)
	switch {
	case r.role != Leader:
		why = RefusedNotLeader
	case r.transfer.under():
		why = RefusedTransfer
	case r.commit < r.termStart:
		why = RefusedEarly // this is what Ongaro's correction of 2015 asks for
	case newest.index > r.commit || newest.config.Joint():
		why = RefusedPending
	case r.wanted(ch, &newest.config):
		r.out.Changed = append(r.out.Changed, Changed{ticket, newest.index})
		return
	default:
		next, why = r.changed(&newest.config, ch)
		if why == 0 && next.Joint() && !r.allowed(&next) {
			why = RefusedPlaces
		}
	}
	if why != 0 {
		r.refuse(ticket, why)
		return
	}
	r.change = pendingChange{ticket, *ch}
	r.append(EntryConfig, AppendConfiguration(nil, &next), 0)
}

// wanted reports whether a configuration has what the change is to bring about.
func (r *Raft) wanted(ch *Change, c *Configuration) bool {
	switch ch.Kind {
	case ChangeAdd:
		return c.lists(&ch.Member)
	case ChangeReplace:
		m, _ := c.Find(ch.Member.ID)
		return c.lists(&ch.Member) && (m.Replaces == ch.ID || r.hasLeft(c, ch.ID))
	case ChangeRemove:
		return r.hasLeft(c, ch.ID)
	case ChangePromote:
		m, ok := c.Find(ch.ID)
		return ok && m.Voter
	}
	return false
}

// lists reports whether the new member of a change is one already: this directory, at this address.
func (c *Configuration) lists(m *Member) bool {
	is, ok := c.Find(m.ID)
	return ok && is.Ident == m.Ident && is.PeerAddr == m.PeerAddr
}

// hasLeft reports whether the id was a member once and is none now.
func (r *Raft) hasLeft(c *Configuration, id NodeID) bool {
	_, still := c.Find(id)
	return !still && r.everMember(id)
}

// changed returns the configuration that begins the change, or why there is none.
func (r *Raft) changed(c *Configuration, ch *Change) (Configuration, Reason) {
	old, ok := c.Find(ch.ID)
	if ch.Kind != ChangeAdd && !ok {
		return Configuration{}, RefusedNoMember
	}
	switch ch.Kind {
	case ChangeAdd, ChangeReplace:
		is, taken := c.Find(ch.Member.ID)
		switch {
		case !taken:
		case ch.Kind == ChangeReplace && c.lists(&ch.Member):
			return c.replacing(&old, &is), 0
		default:
			return Configuration{}, RefusedIsMember
		}
		if r.wasMember(ch.Member.Ident) {
			return Configuration{}, RefusedWasRemoved
		}
		if len(c.Members) >= membersMax {
			return Configuration{}, RefusedFull
		}
		m := Member{Ident: ch.Member.Ident, Promote: true, Replaces: ch.ID,
			PeerAddr: ch.Member.PeerAddr, ClientAddr: ch.Member.ClientAddr}
		if ch.Kind == ChangeAdd {
			m.Replaces = 0
		}
		return c.with(m), 0
	case ChangeRemove:
		if old.Voter && c.voters() == 1 {
			return Configuration{}, RefusedLastVoter
		}
		return c.leaving(&old), 0
	case ChangePromote:
		return c.joint(ch.ID, old.Replaces), 0
	}
	impossible("change of kind %d", ch.Kind)
	return Configuration{}, 0
}

// leaving returns the configuration that begins a removal: a learner is outvoted by nobody, and is gone at once.
func (c *Configuration) leaving(out *Member) Configuration {
	if out.Voter {
		return c.joint(0, out.ID)
	}
	return c.without(out.ID)
}

// replacing returns the configuration that begins the replacement of out by who is a member already: a learner takes
// its place when it has caught up, a voter has nothing to wait for.
func (c *Configuration) replacing(out, by *Member) Configuration {
	if by.Voter {
		return c.leaving(out)
	}
	next := c.Clone()
	for i := range next.Members {
		if m := &next.Members[i]; m.ID == by.ID {
			m.Promote, m.Replaces = true, out.ID
		}
	}
	return next
}

// finishChange answers the caller once what he wanted is committed.
func (r *Raft) finishChange() {
	p := &r.change
	at := r.committedConfig()
	if p.ticket == 0 || at.config.Joint() || !r.wanted(&p.change, &at.config) {
		return
	}
	r.out.Changed = append(r.out.Changed, Changed{p.ticket, at.index})
	*p = pendingChange{}
}

// failChange tells the caller that the term is over: what was appended may yet be
// committed or be cut.
func (r *Raft) failChange() {
	if r.change.ticket != 0 {
		r.refuse(r.change.ticket, RefusedLostTerm)
	}
	r.change = pendingChange{}
}

// advanceConfig does what follows from the newest configuration once it is committed. At most
// one entry is appended: it must be committed before the next.
func (r *Raft) advanceConfig() {
	newest := &r.configs[len(r.configs)-1]
	if r.commit < r.termStart || newest.index > r.commit || r.transfer.under() {
		return
	}
	switch c := &newest.config; {
	case c.Joint():
		r.appendConfig(c.left())
	case !c.IsVoter(r.cfg.Self):
		r.retire()
	default:
		r.promote(c)
	}
}

// appendConfig appends a configuration, if it is allowed now, and reports whether it was.
func (r *Raft) appendConfig(next Configuration) bool {
	allowed := r.allowed(&next)
	if allowed {
		r.append(EntryConfig, AppendConfiguration(nil, &next), 0)
	}
	return allowed
}

// promote makes a voter of a learner that is to be one and could carry its part: it lacks few entries, and was
// heard from lately.
func (r *Raft) promote(c *Configuration) {
	for i := range c.Members {
		m := &c.Members[i]
		if !m.Promote || m.Voter {
			continue
		}
		if p := r.peer(m.Ident); p != nil && !p.probing && p.match+promoteLagMax >= r.log.last &&
			r.now.Sub(p.heard) < r.cfg.ElectionTimeout && r.appendConfig(c.joint(m.ID, m.Replaces)) {
			return
		}
	}
}

// retire ends the leadership of a node that is not in the committed configuration: it
// hands over to the fittest voter, which is as good as any other.
func (r *Raft) retire() {
	target := r.transferTarget(0, 0)
	if target == nil {
		r.becomeFollower(r.hard.Term, Ident{})
		return
	}
	r.beginTransfer(target, 0)
}

// joint returns the configuration of both majorities: the one of now, and the
// one with in and without out. Zero is nobody.
func (c *Configuration) joint(in, out NodeID) Configuration {
	next := c.Clone()
	if m, ok := c.Find(out); ok && !m.Voter {
		next = c.without(out) // a learner: nothing to outvote
	}
	for i := range next.Members {
		m := &next.Members[i]
		m.VoterOld = m.Voter
		switch m.ID {
		case in:
			m.Voter, m.Promote, m.Replaces = true, false, 0
		case out:
			m.Voter = false
		}
	}
	return next
}

// left returns the configuration behind a joint one: the incoming half, and the learners.
func (c *Configuration) left() Configuration {
	var next Configuration
	for _, m := range c.Members {
		if m.VoterOld && !m.Voter {
			continue
		}
		m.VoterOld = false
		next.Members = append(next.Members, m)
	}
	return next
}

// with returns the configuration with one member more. An id that comes back is another
// directory: a learner that was to take the former one's place takes nobody's.
func (c *Configuration) with(m Member) Configuration {
	next := Configuration{Members: make([]Member, 0, len(c.Members)+1)}
	done := false
	for _, o := range c.Members {
		if o.Replaces == m.ID {
			o.Replaces = 0
		}
		if !done && m.ID < o.ID {
			next.Members, done = append(next.Members, m), true
		}
		next.Members = append(next.Members, o)
	}
	if !done {
		next.Members = append(next.Members, m)
	}
	return next
}

// without returns the configuration with one member less.
func (c *Configuration) without(id NodeID) Configuration {
	var next Configuration
	for _, m := range c.Members {
		if m.ID != id {
			next.Members = append(next.Members, m)
		}
	}
	return next
}

func (c *Configuration) voters() int {
	n := 0
	for i := range c.Members {
		if c.Members[i].Voter {
			n++
		}
	}
	return n
}
