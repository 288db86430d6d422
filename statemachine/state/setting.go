package state

import (
	"parley/raft"
)

// SignUpMode says who may make an account.
type SignUpMode uint8

// The modes.
const (
	SignUpOpen   SignUpMode = 1 // anybody
	SignUpInvite SignUpMode = 2 // who has an invitation
	SignUpClosed SignUpMode = 3 // nobody
)

// The marks of the team tool.
const (
	markSettings = "settings"
)

// Settings are what an admin of the cluster decided for all.
type Settings struct {
	SignUp     SignUpMode   // zero: nothing was decided yet, and nobody may
	Demo       bool         // there are the users of dev mode
	OfferHash  [32]byte     // SHA-256 of the token that makes the first admin of the cluster; zero: none waits
	OfferUntil raft.LogTime // after it the token is void
	Admins     uint64       // of the cluster; PutUser counts them
	CurrentKey uint64       // the SigningKey that signs
}

// Code passes the fields.
func (o *Settings) Code(c *Coder) {
	Byte(c, &o.SignUp)
	c.Bool(&o.Demo)
	c.Array(o.OfferHash[:])
	Number(c, &o.OfferUntil)
	Number(c, &o.Admins)
	Number(c, &o.CurrentKey)
}

// Settings returns what was decided; zero before the first key was made.
func (s *State) Settings() Settings {
	var o Settings
	s.Read(TableMarks, markSettings, &o)
	return o
}

// PutSettings writes what was decided.
func (s *State) PutSettings(o *Settings) {
	s.endsAt(endingOffer, "", s.Settings().OfferUntil, o.OfferUntil)
	s.Put(TableMarks, markSettings, o)
}

// SigningKey signs the tokens of this cluster. It is replicated so that a token issued anywhere works everywhere.
type SigningKey struct {
	ID     uint64 // the key: the position at which it came
	Secret []byte
	Made   raft.LogTime
	Until  raft.LogTime // when it ceases to verify; zero: it is the one that signs
}

// Code passes the fields.
func (k *SigningKey) Code(c *Coder) {
	c.Bytes(&k.Secret)
	Number(c, &k.Made)
	Number(c, &k.Until)
}

// SigningKeys visits the keys, oldest first, until visit returns false. It must not change them.
func (s *State) SigningKeys(visit func(k *SigningKey) bool) {
	s.Ascend(TableKeys, "", func(key string, row []byte) bool {
		k := SigningKey{ID: KeyPart(key, 0)}
		c := Coder{bytes: row}
		k.Code(&c)
		return visit(&k)
	})
}

// PutSigningKey writes a key, new or with another end.
func (s *State) PutSigningKey(k *SigningKey) {
	var was SigningKey
	s.Read(TableKeys, Key(k.ID), &was)
	s.endsAt(endingKey, Key(k.ID), was.Until, k.Until)
	s.Put(TableKeys, Key(k.ID), k)
}

// RemoveSigningKey ends a key: no token that it signed is taken any more.
func (s *State) RemoveSigningKey(id uint64) {
	var was SigningKey
	s.Read(TableKeys, Key(id), &was)
	s.endsAt(endingKey, Key(id), was.Until, 0)
	s.Remove(TableKeys, Key(id))
}

// Invite lets somebody sign up.
type Invite struct {
	By    UserID
	Uses  uint64 // that are left
	Until raft.LogTime
}

// Code passes the fields.
func (i *Invite) Code(c *Coder) {
	Number(c, &i.By)
	Number(c, &i.Uses)
	Number(c, &i.Until)
}

// Invite returns the invitation of a code's hash.
func (s *State) Invite(hash string) (Invite, bool) {
	var i Invite
	return i, s.Read(TableInvites, hash, &i)
}

// PutInvite writes an invitation, new or with fewer uses.
func (s *State) PutInvite(hash string, i *Invite) {
	was, _ := s.Invite(hash)
	s.endsAt(endingInvite, hash, was.Until, i.Until)
	s.Put(TableInvites, hash, i)
}

// RemoveInvite ends an invitation.
func (s *State) RemoveInvite(hash string) {
	was, _ := s.Invite(hash)
	s.endsAt(endingInvite, hash, was.Until, 0)
	s.Remove(TableInvites, hash)
}
