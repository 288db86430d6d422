package auth

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Key signs tokens. It is random per cluster, replicated, and never in the tree, in an argument or
// in a log. Its id stands in the tokens that it signed.
type Key struct {
	ID     string // 1 to 32 of a-z, 0-9, _ and -
	Secret Secret
}

// NewKey draws a key.
func NewKey(id string) Key { return Key{ID: id, Secret: NewSecret()} }

func (k Key) check() error {
	if k.ID == "" || len(k.ID) > keyIDBytesMax || strings.Trim(k.ID, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		return fmt.Errorf("signing key %.40q: an id is 1 to %d of a-z, 0-9, _ and -", k.ID, keyIDBytesMax)
	}
	if k.Secret == (Secret{}) {
		return fmt.Errorf("signing key %s has no secret", k.ID)
	}
	return nil
}

// Keys is all that is known about tokens in the replicated state. Sign signs new ones; tokens of the Older ones are
// taken until they are no longer listed.
type Keys struct {
	Cluster uint64
	Sign    Key
	Older   []Key
}

// Keyring mints and verifies tokens. Its user tells it the keys whenever they change; in between it needs
// nobody. It may be used by many goroutines.
type Keyring struct {
	lifetime time.Duration
	now      func() time.Time
	mu       sync.Mutex // one Set at a time
	set      atomic.Pointer[keySet]
}

// keySet is what holds between two changes of the keys.
//
// The verified tokens belong to the set and not to the ring: a verification that began before a key was retired
// and ends after it puts its token where nobody looks any more.
type keySet struct {
	cluster  uint64
	sign     Key
	secrets  map[string]Secret // by the key's id
	parser   *jwt.Parser
	verified *verified
}

// NewKeyring returns a ring without keys, which takes and makes no token. lifetime 0 is LifetimeDefault; now is
// the wall clock.
func NewKeyring(lifetime time.Duration, now func() time.Time) (*Keyring, error) {
	if lifetime == 0 {
		lifetime = LifetimeDefault
	}
	if lifetime < LifetimeMin || lifetime > LifetimeMax {
		return nil, fmt.Errorf("token lifetime %v: must be from %v to %v", lifetime, LifetimeMin, LifetimeMax)
	}
	return &Keyring{lifetime: lifetime, now: now}, nil
}

// Set makes the ring hold these keys and no others. Tokens that were verified are forgotten if a key among the former
// ones is gone or is another; setting the same keys again costs little.
func (r *Keyring) Set(keys Keys) error {
	if keys.Cluster == 0 {
		return errors.New("signing keys of no cluster")
	}
	if len(keys.Older)+1 > keysMax {
		return fmt.Errorf("%d signing keys: at most %d may be in use; retire the oldest", len(keys.Older)+1, keysMax)
	}
	secrets := make(map[string]Secret)
	for _, k := range append([]Key{keys.Sign}, keys.Older...) {
		if err := k.check(); err != nil {
			return err
		}
		if _, double := secrets[k.ID]; double {
			return fmt.Errorf("signing key %s is listed twice", k.ID)
		}
		secrets[k.ID] = k.Secret
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	next := &keySet{
		cluster: keys.Cluster, sign: keys.Sign, secrets: secrets,
		parser: newParser(keys.Cluster, r.now), verified: newVerified(),
	}
	if old := r.set.Load(); old != nil && next.takesAllOf(old) {
		next.verified = old.verified
	}
	r.set.Store(next)
	return nil
}

// takesAllOf reports whether every token that old takes is also taken by s.
func (s *keySet) takesAllOf(old *keySet) bool {
	for id, secret := range old.secrets {
		if s.secrets[id] != secret {
			return false
		}
	}
	return s.cluster == old.cluster
}

// verified are tokens whose signature was checked. That a token stands here says nothing about
// its expiry.
type verified struct {
	mu     sync.Mutex
	tokens *recent[string, Claims]
}

func newVerified() *verified {
	return &verified{tokens: newRecent[string, Claims](verifiedMax)}
}

func (v *verified) get(token string) (Claims, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if c := v.tokens.get(token); c != nil {
		return *c, true
	}
	return Claims{}, false
}

func (v *verified) put(token string, c Claims) {
	v.mu.Lock()
	defer v.mu.Unlock()
	*v.tokens.make(strings.Clone(token)) = c // a clone: the token may be a part of a request's buffer
}
