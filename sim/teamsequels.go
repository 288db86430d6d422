package sim

import (
	"slices"

	"parley/raft"
	"parley/statemachine/account"
	"parley/statemachine/chat"
	files "parley/statemachine/file"
	"parley/statemachine/lock"
	"parley/statemachine/state"
)

// Some things go wrong only when one wish follows another: a code is used after it was used, a lock passes between two logins that
// end with one entry, somebody asks for a file of a channel that he left. Nobody draws such a sequel by chance. In worlds where the
// team's plan says so, people look at how far a story has come, and want what comes next in it.

// codes draws the next thing in the story of a code for another password: it is made, used, and used again.
func (s *wisher) codes(x uint64) {
	var waits, spent []*teamUser
	for _, u := range s.users {
		switch p := u.password.when(s.at); {
		case !s.exists(u):
		case p.resetUntil != 0:
			waits = append(waits, u)
		case p.spent != ([32]byte{}):
			spent = append(spent, u)
		}
	}
	again := below(raft.Mix(x, 1), 3) > 0
	switch {
	case len(waits) > 0 && (!again || len(spent) == 0):
		s.reset(waits[below(raft.Mix(x, 2), uint64(len(waits)))], false)
	case len(spent) > 0 && again:
		s.reset(spent[below(raft.Mix(x, 2), uint64(len(spent)))], true)
	default:
		s.op.team.command = &account.CreateReset{User: s.userName(raft.Mix(x, 3)), Hash: secretOf(1000 + raft.Mix(x, 4)%1000)}
	}
}

// reset has somebody get another password by the code that waits for him, or by the one that was void last.
func (s *wisher) reset(u *teamUser, again bool) {
	p := u.password.when(s.at)
	c := &account.ResetPassword{User: u.name, Secret: p.reset, Hash: []byte("reset")}
	if again {
		c.Secret = p.spent
	}
	s.op.team.command = c
	s.w.asOnce(s.op, "", "reset-"+formatUint(uint64(s.op.number)), "reset", u.name)
}

// behind draws the next thing in the story of somebody who stands in line behind himself: one of his logins holds a lock, another one
// is the next, somebody else comes after that, and all of his logins end with one entry.
func (s *wisher) behind(x uint64) state.Command {
	for _, l := range s.locks {
		h := l.is.when(s.at)
		holder := s.userOf[h.user]
		if h.login == 0 || holder == nil {
			continue
		}
		other := h.login != s.op.team.head.Login
		switch {
		case len(l.line) == 0 && holder == s.user && other, len(l.line) == 1 && l.line[0].user == h.user && l.line[0].login != h.login && holder != s.user:
			return s.inLine(raft.Mix(x, 1), l.name)
		case len(l.line) < 2 || l.line[0].user != h.user || l.line[0].login == h.login:
		case s.me.Admin && holder != s.user && !s.lastAdmin(holder):
			return &account.DisableUser{User: holder.name}
		case holder == s.user && other:
			p := s.user.password.when(s.at)
			return &account.ChangePassword{Version: p.version, Hash: []byte{byte(p.version), 'p'}}
		}
	}
	for _, u := range s.users {
		if s.me.Admin && u.is.when(s.at).Disabled {
			return &account.EnableUser{User: u.name}
		}
	}
	return s.inLine(raft.Mix(x, 2), s.lockName(raft.Mix(x, 3)))
}

// shutHolder is the next thing in the story of a document that its lock's holder was shut out of: he renews the lock. Nil: there is no such
// document.
func (s *wisher) shutHolder() state.Command {
	if s.w.plan.Team.Shut == 0 {
		return nil
	}
	for _, l := range s.locks {
		h := l.is.when(s.at)
		if doc := s.docOf[l.doc]; doc != nil && h.login != 0 && h.login == s.op.team.head.Login && doc.role(s.teamModel, s.user.id, s.at) < state.Editor {
			return &lock.Renew{Name: l.name, Fence: h.fence}
		}
	}
	return nil
}

// lastAdmin reports whether somebody can't be disabled, as nobody else governs the cluster.
func (s *wisher) lastAdmin(u *teamUser) bool {
	return u.is.when(s.at).Admin && s.settings.when(s.at).Admins <= 1
}

// inLine has somebody take a lock for as long as may be, and wait for it as long.
func (s *wisher) inLine(x uint64, name string) *lock.Acquire {
	c := s.acquire(x, name)
	c.TTL, c.Wait = s.w.plan.Team.TTL, s.w.plan.Team.Wait
	return c
}

// bringFile draws the next thing in the story of a file: somebody attaches it in a public channel, and leaves the channel, or
// is to remove a file of one that he left.
func (s *wisher) bringFile(x uint64) state.Command {
	born := [...]string{"#general", "#random", "#tech"}[below(raft.Mix(x, 1), 3)]
	switch pick := below(x, 10); {
	case pick < 6 && len(s.w.files) > 0:
		f := s.content(raft.Mix(x, 2))
		return &files.Attach{Place: born, Name: "file " + formatUint(uint64(s.op.number)) + ".txt", Size: uint64(len(f.content)), Sum: f.sum, Type: "text/plain"}
	case pick < 7:
		return &chat.Leave{Place: born}
	case pick < 8:
		return &chat.Join{Place: born}
	}
	return &files.Remove{ID: s.fileSeen(raft.Mix(x, 3))}
}

// fileSeen draws a file of a channel that the user sees and does not read; any, if there is none.
func (s *wisher) fileSeen(x uint64) string {
	seen := slices.DeleteFunc(slices.Clone(s.files), func(f *teamFile) bool { return !f.is.when(s.at) || !s.seesOnly(f.place) })
	if n := uint64(len(seen)); n > 0 && below(raft.Mix(x, 1), 4) > 0 {
		return "file_" + base36(uint64(seen[below(raft.Mix(x, 2), n)].ID))
	}
	return s.fileRef(raft.Mix(x, 3))
}

// besideFile reports whether there is a file of a channel that the viewer sees and does not read.
func (v *teamView) besideFile(ref string) bool {
	id, ok := state.ParseFileID(ref)
	f := v.fileOf[id]
	return ok && f != nil && f.is.when(v.at) && v.seesOnly(f.place)
}

// seesOnly reports whether the viewer sees a place and does not read it.
func (v *teamView) seesOnly(p *teamPlace) bool {
	may := v.standing(p).may
	return may[deedSee] && !may[deedRead]
}
