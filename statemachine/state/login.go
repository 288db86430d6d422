package state

import (
	"parley/raft"
)

// Login is one time that somebody logged in and has not logged out: who a caller is, until it is revoked. It is no
// client session, which is one process's exactly-once window.
type Login struct {
	ID       LoginID // the key
	User     UserID
	Secret   [32]byte // SHA-256 of the secret that only the client and its token have
	Client   string   // what the client said that it is, for the list of logins
	Address  string   // where it came from, for the list of logins
	Wall     raft.Wall
	Deadline raft.LogTime // it ends then unless its token is renewed
}

// Code passes the fields.
func (l *Login) Code(c *Coder) {
	Number(c, &l.User)
	c.Array(l.Secret[:])
	c.String(&l.Client)
	c.String(&l.Address)
	Number(c, &l.Wall)
	Number(c, &l.Deadline)
}

// Proof returns what a caller under this login shows.
func (l *Login) Proof() Proof { return Proof(l.Secret[:len(Proof{})]) }

// Login returns a login that has not ended.
func (s *State) Login(id LoginID) (Login, bool) {
	l := Login{ID: id}
	c, ok := s.row(TableLogins, Key(uint64(id)))
	if ok {
		l.Code(&c)
	}
	return l, ok
}

// PutLogin writes a login, new or with another deadline.
func (s *State) PutLogin(l *Login) {
	if was, ok := s.Login(l.ID); ok {
		s.Remove(TableLoginDeadlines, Key(uint64(was.Deadline), uint64(was.ID)))
	}
	s.Put(TableLogins, Key(uint64(l.ID)), l)
	s.Mark(TableUserLogins, Key(uint64(l.User), uint64(l.ID)))
	s.Mark(TableLoginDeadlines, Key(uint64(l.Deadline), uint64(l.ID)))
}

// EndLogin ends a login: from here on nothing is done or shown under it, and its locks are free.
func (s *State) EndLogin(at raft.Position, l *Login) {
	s.Remove(TableLogins, Key(uint64(l.ID)))
	s.Remove(TableUserLogins, Key(uint64(l.User), uint64(l.ID)))
	s.Remove(TableLoginDeadlines, Key(uint64(l.Deadline), uint64(l.ID)))
	s.Revocations++
	s.Record(at, &Event{Kind: EventLoginEnded, User: l.User, Login: l.ID, Audience: ForUser(l.User)})
	s.releaseLocks(at, l.ID)
}

// LoginsOf visits a user's logins, oldest first, until visit returns false.
func (s *State) LoginsOf(user UserID, visit func(l *Login) bool) {
	var ids []LoginID
	s.Within(TableUserLogins, Key(uint64(user)), func(key string, _ []byte) bool {
		ids = append(ids, LoginID(KeyPart(key, 1)))
		return true
	})
	for _, id := range ids {
		if l, ok := s.Login(id); ok && !visit(&l) {
			return
		}
	}
}

// EndLoginsOf ends all logins of a user but one; zero spares none.
func (s *State) EndLoginsOf(at raft.Position, user UserID, spared LoginID) (ended int) {
	s.LoginsOf(user, func(l *Login) bool {
		if l.ID != spared {
			s.EndLogin(at, l)
			ended++
		}
		return true
	})
	return ended
}

// ExpireLogins ends the logins whose deadline has passed, at most Limits.ExpiriesMax of them. A login lives until its
// turn comes: commands and queries, which have no time, judge it by the same row.
func (s *State) ExpireLogins(at raft.Position, now raft.LogTime) {
	for range s.Limits.ExpiriesMax {
		key, _, ok := s.First(TableLoginDeadlines)
		if !ok || raft.LogTime(KeyPart(key, 0)) > now {
			return
		}
		l, ok := s.Login(LoginID(KeyPart(key, 1)))
		if !ok { // never: both rows are written together
			s.Remove(TableLoginDeadlines, key)
			continue
		}
		s.EndLogin(at, &l)
	}
}
