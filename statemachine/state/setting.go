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
	SignUp         SignUpMode
	Demo           bool         // there are the users of dev mode
	BootstrapHash  [32]byte     // SHA-256 of the token that makes the first admin of the cluster; zero: none waits
	BootstrapUntil raft.LogTime // after it the token is void
	Admins         uint64       // of the cluster
	CurrentKey     uint64       // the SigningKey that signs
}

// Code passes the fields.
func (o *Settings) Code(c *Coder) {
	Byte(c, &o.SignUp)
	c.Bool(&o.Demo)
	c.Array(o.BootstrapHash[:])
	Number(c, &o.BootstrapUntil)
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
func (s *State) PutSettings(o *Settings) { s.Put(TableMarks, markSettings, o) }

// SigningKey signs the tokens of this cluster. It is replicated so that a token issued anywhere works everywhere.
type SigningKey struct {
	ID     uint64 // the key: the position at which it came
	Secret []byte
	Made   raft.LogTime
}

// Code passes the fields.
func (k *SigningKey) Code(c *Coder) {
	c.Bytes(&k.Secret)
	Number(c, &k.Made)
}

// SigningKeys visits the keys, oldest first.
func (s *State) SigningKeys(visit func(k *SigningKey) bool) {
	s.Ascend(TableKeys, "", func(key string, row []byte) bool {
		k := SigningKey{ID: KeyPart(key, 0)}
		c := Coder{bytes: row}
		k.Code(&c)
		return visit(&k)
	})
}

// PutSigningKey writes a key.
func (s *State) PutSigningKey(k *SigningKey) { s.Put(TableKeys, Key(k.ID), k) }

// Invite lets somebody sign up.
type Invite struct {
	By    UserID
	Until raft.LogTime
}

// Code passes the fields.
func (i *Invite) Code(c *Coder) {
	Number(c, &i.By)
	Number(c, &i.Until)
}
