package state

import (
	"strings"

	"parley/raft"
)

// User is an account.
type User struct {
	ID       UserID // the key
	Name     string // as it was chosen; unique when folded
	Email    string // unique when folded; shown to its user and to cluster admins only
	Display  string
	Admin    bool // of the cluster
	Disabled bool
	Demo     bool // one of the users of dev mode, exempt from the rules for passwords
	Wall     raft.Wall
}

// Code passes the fields.
func (u *User) Code(c *Coder) {
	c.String(&u.Name)
	c.String(&u.Email)
	c.String(&u.Display)
	c.Bool(&u.Admin)
	c.Bool(&u.Disabled)
	c.Bool(&u.Demo)
	Number(c, &u.Wall)
}

// User returns an account.
func (s *State) User(id UserID) (User, bool) {
	u := User{ID: id}
	c, ok := s.row(TableUsers, Key(uint64(id)))
	if ok {
		u.Code(&c)
	}
	return u, ok
}

// UserNamed returns the account of a name, however it is written.
func (s *State) UserNamed(name string) (User, bool) {
	key, ok := s.Get(TableUserNames, FoldName(name))
	if !ok {
		return User{}, false
	}
	return s.User(UserID(KeyPart(string(key), 0)))
}

// NameOf returns a user's name, for people.
func (s *State) NameOf(id UserID) string {
	u, ok := s.User(id)
	if !ok {
		return "nobody"
	}
	return u.Name
}

// PutUser writes an account that exists, or is new and has its names free. It counts the admins of the cluster.
func (s *State) PutUser(u *User) {
	was, had := s.User(u.ID)
	if u.Admin != was.Admin {
		o := s.Settings()
		if u.Admin {
			o.Admins++
		} else {
			o.Admins--
		}
		s.PutSettings(&o)
	}
	if had && FoldName(was.Name) != FoldName(u.Name) {
		s.Remove(TableUserNames, FoldName(was.Name))
	}
	if had && FoldName(was.Email) != FoldName(u.Email) {
		s.Remove(TableEmails, FoldName(was.Email))
	}
	key := Key(uint64(u.ID))
	s.Put(TableUsers, key, u)
	// What is decoded shares memory with what stood beside it: a key that is kept for years has its own.
	s.Write(TableUserNames, strings.Clone(FoldName(u.Name)), []byte(key))
	s.Write(TableEmails, strings.Clone(FoldName(u.Email)), []byte(key))
}

// Credential is what proves who somebody is. It stands apart from the account so that nothing that shows accounts
// can show it.
type Credential struct {
	Hash    []byte // bcrypt's, made at the edge
	Version uint64 // rises with every change of the password

	ResetHash  [32]byte     // SHA-256 of a one-time secret; zero if there is none
	ResetUntil raft.LogTime // after it the secret is void; zero if there is none
}

// Code passes the fields.
func (k *Credential) Code(c *Coder) {
	c.Bytes(&k.Hash)
	Number(c, &k.Version)
	c.Array(k.ResetHash[:])
	Number(c, &k.ResetUntil)
}

// Credential returns a user's.
func (s *State) Credential(id UserID) (Credential, bool) {
	var k Credential
	return k, s.Read(TableCredentials, Key(uint64(id)), &k)
}

// PutCredential writes a user's.
func (s *State) PutCredential(id UserID, k *Credential) {
	was, _ := s.Credential(id)
	s.endsAt(endingReset, Key(uint64(id)), was.ResetUntil, k.ResetUntil)
	s.Put(TableCredentials, Key(uint64(id)), k)
}

// UsersByName visits the accounts whose folded names come after a name, in the order of those names, until visit
// returns false.
func (s *State) UsersByName(after string, visit func(u *User) bool) {
	after = FoldName(after)
	s.Ascend(TableUserNames, after, func(name string, row []byte) bool {
		if name == after {
			return true
		}
		u, ok := s.User(UserID(KeyPart(string(row), 0)))
		return !ok || visit(&u)
	})
}
