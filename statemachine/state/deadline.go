package state

import (
	"parley/raft"
)

// Invitations, one-time secrets and old keys end with time. Each has a row in TableDeadlines besides its own, so that
// the next to end is the first of the table:
//
//	deadline | what | key of the row that ends
//
// The functions that put such a row keep both in step. Whoever uses one looks at its time as well: when many end at
// once, some wait for the entries behind.

// ending says what ends. The numbers are in rows; they never change.
type ending uint64

const (
	endingInvite ending = 1
	endingReset  ending = 2
	endingOffer  ending = 3
	endingKey    ending = 4
)

// endsAt moves a deadline; zero is none.
func (s *State) endsAt(what ending, key string, was, is raft.LogTime) {
	if was == is {
		return
	}
	if was != 0 {
		s.Remove(TableDeadlines, Key(uint64(was), uint64(what))+key)
	}
	if is != 0 {
		s.Mark(TableDeadlines, Key(uint64(is), uint64(what))+key)
	}
}

// Expire ends what has reached its deadline, logins among it: at most Limits.ExpiriesMax of them and as many of all
// the rest, so that no entry takes long.
func (s *State) Expire(at raft.Position, now raft.LogTime) {
	s.ExpireLogins(at, now)
	for range s.Limits.ExpiriesMax {
		key, _, ok := s.First(TableDeadlines)
		if !ok || raft.LogTime(KeyPart(key, 0)) > now {
			return
		}
		s.end(ending(KeyPart(key, 1)), key[min(16, len(key)):])
		s.Remove(TableDeadlines, key) // it is gone already, unless a snapshot brought a row that nobody wrote
	}
}

// end takes away what ends.
func (s *State) end(what ending, key string) {
	switch what {
	case endingInvite:
		s.RemoveInvite(key)
	case endingReset:
		id := UserID(KeyPart(key, 0))
		if k, ok := s.Credential(id); ok {
			k.ResetHash, k.ResetUntil = [32]byte{}, 0
			s.PutCredential(id, &k)
		}
	case endingOffer:
		o := s.Settings()
		o.OfferHash, o.OfferUntil = [32]byte{}, 0
		s.PutSettings(&o)
	case endingKey:
		s.RemoveSigningKey(KeyPart(key, 0))
	}
}

// NextDeadline is the log time from which on Advance has something to do.
func (s *State) NextDeadline() (at raft.LogTime, ok bool) {
	for _, table := range [...]Table{TableLoginDeadlines, TableDeadlines, TableHoldDeadlines, TableWaitDeadlines} {
		if key, _, there := s.First(table); there {
			if first := raft.LogTime(KeyPart(key, 0)); !ok || first < at {
				at, ok = first, true
			}
		}
	}
	if first, there := s.nextRetention(); there && (!ok || first < at) {
		at, ok = first, true
	}
	return at, ok
}
