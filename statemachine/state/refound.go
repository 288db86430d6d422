package state

import (
	"parley/raft"
	"parley/raft/node"
)

// Refound makes the state that of a new cluster, which begins behind at: of a backup, or of the survivor of a cluster
// that is given up. What opened the old one opens this one no more. Another key signs tokens, every login has ended, and
// with them all that is held under them; the token of the first admin, whose file lies in a directory that is gone, is void.
// Accounts and what they wrote are as they were.
//
// No events tell of it: nobody has a stream yet. No events of the old cluster are kept: a stream from one of its positions is told
// that it missed something, also if that position is behind the backup, and if whoever wants it does not say of which cluster it is.
func (s *State) Refound(at node.Applied, secret [32]byte) {
	o := s.Settings()
	if o.SignUp == 0 {
		return // it never came to have a key
	}
	for _, id := range s.keyIDs() {
		s.RemoveSigningKey(id)
	}
	o.CurrentKey = uint64(at.Position)
	o.OfferHash, o.OfferUntil = [32]byte{}, 0
	s.PutSigningKey(&SigningKey{ID: o.CurrentKey, Secret: secret[:], Made: at.Time})
	s.PutSettings(&o)
	for _, table := range [...]Table{TableLogins, TableUserLogins, TableLoginDeadlines,
		TableHolds, TableHoldDeadlines, TableLoginHolds, TableWaits, TableWaitDeadlines, TableLoginWaits} {
		s.clear(table)
	}
	s.clear(TableEvents)
	s.clear(TableEventTimes)
	s.Write(TableMarks, MarkTrimmed, []byte(Key(uint64(at.Position))))
	s.forgetLockTime()
	s.disconnectAll()
	s.Revocations++
	t := Txn{View: View{State: s}, At: at}
	t.Audit("cluster.begin", "", "with the state of an older one: all logins ended, and another key signs")
}

func (s *State) keyIDs() (ids []uint64) {
	s.SigningKeys(func(k *SigningKey) bool {
		ids = append(ids, k.ID)
		return true
	})
	return ids
}

// clear removes all rows of a table.
func (s *State) clear(table Table) {
	for {
		key, _, ok := s.First(table)
		if !ok {
			return
		}
		s.Remove(table, key)
	}
}

// disconnectAll writes down that nobody has a stream anywhere. When somebody was last seen stays.
func (s *State) disconnectAll() {
	for {
		key, _, ok := s.First(TableEdges)
		if !ok {
			return
		}
		user := UserID(KeyPart(key, 1))
		s.SetConnected(user, raft.NodeID(KeyPart(key, 0)), false, s.Presence(user).Seen)
	}
}
