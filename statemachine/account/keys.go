package account

import (
	"time"

	"parley/statemachine/state"
)

// Bootstrap makes the first decisions of a cluster. It is for servers: every leader that finds none proposes them, and
// the first that is applied counts.
type Bootstrap struct {
	Key    []byte           // signs tokens; drawn at random
	SignUp state.SignUpMode // who may sign up
	Offer  [32]byte         // SHA-256 of the token that makes the first admin of the cluster; zero: none is offered
}

// Kind is the command's number.
func (*Bootstrap) Kind() uint8 { return kindBootstrap }

// Code passes the fields.
func (b *Bootstrap) Code(c *state.Coder) {
	c.Bytes(&b.Key)
	state.Byte(c, &b.SignUp)
	c.Array(b.Offer[:])
}

// Check refuses what is no key and what is no mode.
func (b *Bootstrap) Check(*state.Limits) *state.Refusal {
	if refusal := checkKey(b.Key); refusal != nil {
		return refusal
	}
	return checkMode(b.SignUp)
}

// keyBytes is the size of a key: that of the hash it is used with (RFC 7518 §3.2).
const keyBytes = 32

func checkKey(key []byte) *state.Refusal {
	if len(key) != keyBytes {
		return state.Invalidf("key", "FIELD_INVALID", "A signing key has %d bytes.", keyBytes)
	}
	return nil
}

// Apply makes the decisions, if nobody did before.
func (b *Bootstrap) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	o := t.Settings()
	if o.SignUp != 0 {
		return nil, state.Refusef(state.Exists, "BOOTSTRAPPED", "The cluster has its settings already.")
	}
	o.SignUp, o.CurrentKey = b.SignUp, uint64(t.At.Position)
	if b.Offer != ([32]byte{}) && o.Admins == 0 {
		offer(t, &o, b.Offer)
	}
	t.PutSigningKey(&state.SigningKey{ID: o.CurrentKey, Secret: b.Key, Made: t.At.Time})
	t.PutSettings(&o)
	t.Audit("bootstrap", "", modeNames[b.SignUp])
	return done(t), nil
}

var refuseNotBootstrapped = state.Refusef(state.Precondition, "NOT_BOOTSTRAPPED", "The cluster has no settings yet.")

// RotateKey makes another key sign tokens. It is for admins of the cluster.
type RotateKey struct {
	Key  []byte        // drawn at random
	Keep time.Duration // for how long tokens of the older keys are taken; zero: no longer, for a key that leaked
}

// Kind is the command's number.
func (*RotateKey) Kind() uint8 { return kindRotateKey }

// Code passes the fields.
func (r *RotateKey) Code(c *state.Coder) {
	c.Bytes(&r.Key)
	state.Number(c, &r.Keep)
}

// Check refuses what is no key, and to keep the older ones for too long.
func (r *RotateKey) Check(l *state.Limits) *state.Refusal {
	if r.Keep < 0 || r.Keep > l.KeyAgeMax {
		return state.Invalidf("keep", "FIELD_INVALID", "An older key is kept for at most %d days.", l.KeyAgeMax/(24*time.Hour))
	}
	return checkKey(r.Key)
}

// Apply makes the key the one that signs. Older ones end when they are to, and the oldest at once when there are too
// many: who finds a key in the wrong hands must not have to wait.
func (r *RotateKey) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	if refusal := needAdmin(&t.View); refusal != nil {
		return nil, refusal
	}
	var older []state.SigningKey
	t.SigningKeys(func(k *state.SigningKey) bool {
		older = append(older, *k)
		return true
	})
	end := later(t.At.Time, r.Keep)
	for i := range older {
		k := &older[i]
		if r.Keep == 0 || len(older)-i >= t.Limits.KeysMax {
			t.RemoveSigningKey(k.ID)
		} else if k.Until == 0 || k.Until > end {
			k.Until = end
			t.PutSigningKey(k)
		}
	}
	o := t.Settings()
	o.CurrentKey = uint64(t.At.Position)
	t.PutSigningKey(&state.SigningKey{ID: o.CurrentKey, Secret: r.Key, Made: t.At.Time})
	t.PutSettings(&o)
	t.Audit("key.rotate", "", "")
	return done(t), nil
}

// SigningKeys asks for the keys of which tokens are taken. It is for servers.
type SigningKeys struct{}

// Kind is the query's number.
func (*SigningKeys) Kind() uint8 { return kindSigningKeys }

// Code passes no fields.
func (*SigningKeys) Code(*state.Coder) {}

// KeyList answers SigningKeys, oldest first.
type KeyList struct {
	Current uint64 // the one that signs; zero: there is none yet
	Keys    []Key
}

// Key is a key of KeyList.
type Key struct {
	ID     uint64
	Secret []byte
}

// Code passes the fields.
func (l *KeyList) Code(c *state.Coder) {
	state.Number(c, &l.Current)
	state.List(c, &l.Keys, func(c *state.Coder, k *Key) {
		state.Number(c, &k.ID)
		c.Bytes(&k.Secret)
	})
}

// Answer reads.
func (*SigningKeys) Answer(v *state.View) (state.Coded, *state.Refusal) {
	list := &KeyList{Current: v.Settings().CurrentKey}
	v.SigningKeys(func(k *state.SigningKey) bool {
		list.Keys = append(list.Keys, Key{k.ID, k.Secret})
		return true
	})
	return list, nil
}

// EdgeState asks what a leader's server has to see to. It is for servers.
type EdgeState struct{}

// Kind is the query's number.
func (*EdgeState) Kind() uint8 { return kindEdgeState }

// Code passes no fields.
func (*EdgeState) Code(*state.Coder) {}

// Edge answers EdgeState.
type Edge struct {
	SignUp state.SignUpMode // zero: a Bootstrap is due
	Offer  [32]byte         // SHA-256 of the token that waits; zero: none
	Admins uint64           // of the cluster; zero, and no token waits: an OfferAdmin is due
	Demo   bool             // there are users of dev mode
}

// Code passes the fields.
func (e *Edge) Code(c *state.Coder) {
	state.Byte(c, &e.SignUp)
	c.Array(e.Offer[:])
	state.Number(c, &e.Admins)
	c.Bool(&e.Demo)
}

// Answer reads.
func (*EdgeState) Answer(v *state.View) (state.Coded, *state.Refusal) {
	o := v.Settings()
	return &Edge{o.SignUp, o.OfferHash, o.Admins, o.Demo}, nil
}
