package auth

import (
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Attempts decides who may try a password now, before anything is hashed.
//
// Two things are to be true at once: whoever guesses gets few guesses, and the owner of an account gets in while
// somebody guesses. One counter for each account can't do both, as whoever guesses without pause would take every
// turn that the delay leaves. So there are four rules:
//
//	every address      may be wrong 40 times at once, then every 12 s, about whatever accounts
//	home               an address that has logged in to this account: ten times, then a growing delay of its own
//	newcomer           an address that was wrong about this account fewer than ten times: all newcomers share 20
//	                   at once, then every 20 s
//	stranger           an address that was wrong more often: all strangers share one growing delay
//
// Who guesses from one address is a stranger soon, and the owner is at home or a newcomer and does not meet him. Who
// has many addresses can make newcomers wait, and the owner at a new address with them, but not at home. No delay
// exceeds a minute, nothing is locked, and an account that does not exist is treated as one that does.
//
// An attempt counts as a failure from its beginning, so that many at once are no way around; one that succeeds
// or never came to a comparison is taken back. Who is refused while others are still at it is asked to come again in a
// second, as theirs may be taken back. Memory is bounded: what was quiet for longest is forgotten.
type Attempts struct {
	now       func() time.Time
	mu        sync.Mutex
	addresses *recent[string, address]
	accounts  *recent[string, account]
	pairs     *recent[pair, acquaintance]
}

// address is what is remembered of one address, whatever accounts it tries.
type address struct {
	failed bucket
	trying int
}

// account is what is remembered of everybody who tries one account.
type account struct {
	trying    int
	newcomers bucket
	strangers backoff
}

type pair struct{ account, address string }

// acquaintance is what is remembered of one address that tries one account.
type acquaintance struct {
	home   bool
	failed backoff
}

var (
	addressRate  = rate{addressBurst, addressEvery}
	newcomerRate = rate{newcomersBurst, newcomersEvery}
)

// NewAttempts returns Attempts that remember nothing. now should be a clock that does not jump, as time.Now is.
func NewAttempts(now func() time.Time) *Attempts {
	return &Attempts{
		now:       now,
		addresses: newRecent[string, address](addressesMax),
		accounts:  newRecent[string, account](accountsMax),
		pairs:     newRecent[pair, acquaintance](pairsMax),
	}
}

// lane is the rule under which an attempt was let through, besides that of its address.
type lane uint8

const (
	laneHome lane = iota
	laneNewcomer
	laneStranger
)

func (a *acquaintance) lane(now time.Time) lane {
	a.failed.settle(now)
	switch {
	case a.home:
		return laneHome
	case a.failed.failures < freeFailures:
		return laneNewcomer
	}
	return laneStranger
}

// Attempt is one that was let through. Whoever began it ends it with Succeeded, Failed or Abandoned; the first of them
// counts, so that a deferred Abandoned is there for what nobody foresaw.
type Attempt struct {
	of    *Attempts
	pair  pair
	lane  lane
	ended bool
	// What stood there before, to take it back.
	wasPair, wasStrangers backoff
	isPair, isStrangers   backoff
}

// Begin lets an attempt through or refuses it with the time to wait. username is as the caller wrote it; addr as the
// connection tells it, with or without a port.
func (a *Attempts) Begin(username, addr string) (*Attempt, error) {
	who := pair{account: bounded(strings.ToLower(username)), address: AddressKey(addr)}
	now := a.now()
	a.mu.Lock()
	defer a.mu.Unlock()

	from := a.addresses.make(who.address)
	if d := from.failed.wait(addressRate, 1, now); d > 0 {
		return nil, tooMany("from this address", d, from.trying)
	}
	var met acquaintance
	if m := a.pairs.get(who); m != nil {
		met = *m
	}
	t := &Attempt{of: a, pair: who, lane: met.lane(now)}
	all := a.accounts.make(who.account)
	var d time.Duration
	switch t.lane {
	case laneHome:
		d = met.failed.wait(now)
	case laneNewcomer:
		d = all.newcomers.wait(newcomerRate, 1, now)
	case laneStranger:
		d = all.strangers.wait(now)
	}
	if d > 0 {
		return nil, tooMany("to this account", d, all.trying)
	}
	t.charge(from, all, now)
	return t, nil
}

func tooMany(which string, d time.Duration, trying int) *Refusal {
	if trying > 0 {
		d = min(d, delayMin)
	}
	return wait(ReasonLoginLimited, d, "Too many log-ins %s have failed. Try again in %s.", which, inSeconds(d))
}

// charge counts the attempt as a failure.
func (t *Attempt) charge(from *address, all *account, now time.Time) {
	from.failed.take(addressRate, 1, now)
	from.trying++
	all.trying++
	met := t.of.pairs.make(t.pair)
	t.wasPair, t.wasStrangers = met.failed, all.strangers
	met.failed.fail(freeFailures, now)
	switch t.lane {
	case laneNewcomer:
		all.newcomers.take(newcomerRate, 1, now)
	case laneStranger:
		all.strangers.fail(0, now)
	}
	t.isPair, t.isStrangers = met.failed, all.strangers
}

// Succeeded says that the password was right. From now on the address is at home with this account.
//
// What strangers have spent stays spent: that the owner has logged in gives nobody new guesses.
func (t *Attempt) Succeeded() {
	t.end(func(from *address, all *account) {
		t.refund(from, all)
		*t.of.pairs.make(t.pair) = acquaintance{home: true}
	})
}

// Failed says that the password was wrong.
func (t *Attempt) Failed() { t.end(func(*address, *account) {}) }

// Abandoned says that nothing was compared: the queue was full, or the caller went away.
func (t *Attempt) Abandoned() {
	t.end(func(from *address, all *account) {
		t.refund(from, all)
		takeBack(&t.of.pairs.make(t.pair).failed, t.wasPair, t.isPair)
		if t.lane == laneStranger {
			takeBack(&all.strangers, t.wasStrangers, t.isStrangers)
		}
	})
}

// end counts the attempt out and settles what it was. Rows that were forgotten meanwhile begin anew.
func (t *Attempt) end(settle func(*address, *account)) {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	if t.ended {
		return
	}
	t.ended = true
	from, all := t.of.addresses.make(t.pair.address), t.of.accounts.make(t.pair.account)
	from.trying, all.trying = max(0, from.trying-1), max(0, all.trying-1)
	settle(from, all)
}

// refund puts back the tokens that the attempt took.
func (t *Attempt) refund(from *address, all *account) {
	from.failed.put(addressRate, 1)
	if t.lane == laneNewcomer {
		all.newcomers.put(newcomerRate, 1)
	}
}

// takeBack undoes one failure. If others have failed since, their delay stays.
func takeBack(b *backoff, was, is backoff) {
	if *b == is {
		*b = was
	} else if b.failures > 0 {
		b.failures--
	}
}

// AddressKey returns what stands for an address in limits: without its port, and of IPv6 the first 64 bits, as whoever has
// one address there has 2^64. Text that is no address (a socket's name) stands for itself.
func AddressKey(addr string) string {
	ip, err := netip.ParseAddr(addr)
	if err != nil {
		withPort, err := netip.ParseAddrPort(addr)
		if err != nil {
			return bounded(addr)
		}
		ip = withPort.Addr()
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		network, _ := ip.Prefix(64) // no error: 64 bits are within 128, and there is no zone
		return network.String()
	}
	return ip.String()
}

// bounded cuts a key to what the tables keep. The copy does not hold on to the request that it came with.
func bounded(key string) string { return strings.Clone(key[:min(len(key), keyBytesMax)]) }

// inSeconds rounds up for a person: "1 s" and not "312.48ms".
func inSeconds(d time.Duration) string {
	return ((d + time.Second - 1).Truncate(time.Second)).String()
}
