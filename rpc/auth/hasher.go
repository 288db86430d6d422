package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// Hasher hashes passwords with bcrypt, one at a time: a hash takes a whole core for a quarter of a second, and the
// node needs the others. Who comes meanwhile waits in the order of arrival, and is refused when too many do. It may
// be used by many goroutines.
type Hasher struct {
	cost   int
	nobody []byte        // a hash of this cost that no password fits
	places chan struct{} // holds a token for each who hashes or waits
	turn   chan struct{} // holds a token while somebody hashes

	generate func(password []byte, cost int) ([]byte, error)
	compare  func(hash, password []byte) error
}

// NewHasher returns a hasher. cost 0 is CostDefault. A cost below CostLoopbackMin is for tests and demonstrations: it
// is taken only if no listener is reachable from other machines, which loopback says.
func NewHasher(cost int, loopback bool) (*Hasher, error) {
	if cost == 0 {
		cost = CostDefault
	}
	switch {
	case cost < bcrypt.MinCost || cost > CostMax:
		return nil, fmt.Errorf("bcrypt cost %d: must be from %d to %d", cost, bcrypt.MinCost, CostMax)
	case cost < CostLoopbackMin && !loopback:
		return nil, fmt.Errorf("bcrypt cost %d: below %d only if all listeners are on loopback", cost, CostLoopbackMin)
	}
	return &Hasher{
		cost:     cost,
		nobody:   hashOfNobody(cost),
		places:   make(chan struct{}, 1+hashWaitersMax),
		turn:     make(chan struct{}, 1),
		generate: bcrypt.GenerateFromPassword,
		compare:  bcrypt.CompareHashAndPassword,
	}, nil
}

// Cost returns the cost of new hashes.
func (h *Hasher) Cost() int { return h.cost }

// Hash hashes a new password, which a Policy has taken. It waits for its turn, or until the context ends.
func (h *Hasher) Hash(ctx context.Context, password string) (hash []byte, err error) {
	err = h.inTurn(ctx, func() error {
		hash, err = h.generate([]byte(password), h.cost)
		return err
	})
	if errors.Is(err, bcrypt.ErrPasswordTooLong) {
		return nil, refuse(Invalid, ReasonPasswordTooLong, "password", tooLongText, PasswordBytesMax, len(password))
	}
	if err != nil {
		return nil, err
	}
	return hash, nil
}

// Compare reports whether a password fits the hash of an account; hash is nil if there is no such account. That and a
// password that no account can have cost the same work as a wrong one, so the time does not tell them apart. An
// error says that nothing was compared.
func (h *Hasher) Compare(ctx context.Context, hash []byte, password string) (fits bool, err error) {
	if hash == nil || len(password) > PasswordBytesMax {
		// bcrypt would compare the first 72 bytes only: what is longer never was a password here.
		hash, password = h.nobody, password[:min(len(password), PasswordBytesMax)]
	}
	err = h.inTurn(ctx, func() error {
		err := h.compare(hash, []byte(password))
		fits = err == nil
		if errors.Is(err, bcrypt.ErrMismatchedHashAndPassword) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("comparing with a stored hash: %w", err)
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	return fits, nil
}

// Outdated reports whether a hash was made at another cost. Its owner's next log-in is the moment to
// hash anew: only then is the password at hand, and until then the time of a comparison differs from that of an
// unknown account.
func (h *Hasher) Outdated(hash []byte) bool {
	cost, err := bcrypt.Cost(hash)
	return err != nil || cost != h.cost
}

// inTurn does the work when nobody else does any.
func (h *Hasher) inTurn(ctx context.Context, work func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
	default:
		return wait(ReasonHasherBusy, h.patience(), "Too many people log in at this moment. Try again in %s.", inSeconds(h.patience()))
	}
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return err // both were ready: nobody waits for this hash any more
	}
	return work()
}

// patience is about the time in which half of a full queue is done.
func (h *Hasher) patience() time.Duration {
	one := hashMillisAt10 * time.Millisecond << h.cost >> 10
	return max(one*hashWaitersMax/2, delayMin)
}

// hashOfNobody returns a hash of no password: the salt and the rest are drawn, so that what fits it would have
// to be found among 2^184. Nothing has to be hashed to make it, and a start stays fast.
func hashOfNobody(cost int) []byte {
	const letters = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, 22+31) // 16 bytes of salt and 23 of hash, in bcrypt's base64
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = letters[b[i]%64]
	}
	return fmt.Appendf(nil, "$2a$%02d$%s", cost, b)
}
