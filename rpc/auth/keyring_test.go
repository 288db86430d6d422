package auth

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTokensOfAnOlderKeyAreTakenUntilItIsRetired(t *testing.T) {
	f := newFixture(t)
	first := f.keys.Sign
	second := NewKey("k2")
	_, err := f.ring.Verify(f.token.Text)
	require.NoError(t, err)

	require.NoError(t, f.ring.Set(Keys{Cluster: testCluster, Sign: second, Older: []Key{first}}))
	_, err = f.ring.Verify(f.token.Text)
	require.NoError(t, err)
	newer, err := f.ring.Mint("user_1a", "login_2b", f.secret)
	require.NoError(t, err)
	c, err := f.ring.Verify(newer.Text)
	require.NoError(t, err)
	require.Equal(t, "k2", c.KeyID)

	require.NoError(t, f.ring.Set(Keys{Cluster: testCluster, Sign: second}))
	_, err = f.ring.Verify(f.token.Text)
	requireReason(t, ReasonTokenKeyUnknown, err)
	_, err = f.ring.Verify(newer.Text)
	require.NoError(t, err)
}

// What is at stake: a token that was verified before must not outlive its key in the memory of some node.
func TestVerifiedTokensAreForgottenWithTheirKeyAndOnlyThen(t *testing.T) {
	f := newFixture(t)
	remembered := func() int { return len(f.ring.set.Load().verified.tokens.items) }
	_, err := f.ring.Verify(f.token.Text)
	require.NoError(t, err)
	require.Equal(t, 1, remembered())

	require.NoError(t, f.ring.Set(f.keys))
	require.Equal(t, 1, remembered(), "the same keys")
	require.NoError(t, f.ring.Set(Keys{Cluster: testCluster, Sign: NewKey("k2"), Older: []Key{f.keys.Sign}}))
	require.Equal(t, 1, remembered(), "one key more")
	require.NoError(t, f.ring.Set(f.keys))
	require.Equal(t, 0, remembered(), "one key less")

	_, err = f.ring.Verify(f.token.Text)
	require.NoError(t, err)
	require.NoError(t, f.ring.Set(Keys{Cluster: testCluster, Sign: NewKey("k1")}))
	require.Equal(t, 0, remembered(), "another key under the same id")
	_, err = f.ring.Verify(f.token.Text)
	requireReason(t, ReasonTokenInvalid, err)

	require.NoError(t, f.ring.Set(f.keys))
	_, err = f.ring.Verify(f.token.Text)
	require.NoError(t, err)
	require.NoError(t, f.ring.Set(Keys{Cluster: testCluster + 1, Sign: f.keys.Sign}))
	require.Equal(t, 0, remembered(), "another cluster, as after a restore")
	_, err = f.ring.Verify(f.token.Text)
	requireReason(t, ReasonTokenOtherPlace, err)
}

// A verification may have begun under keys that are gone when it ends.
func TestAVerificationThatEndsAfterItsKeyWasRetiredIsNotRemembered(t *testing.T) {
	f := newFixture(t)
	before := f.ring.set.Load()
	c, err := before.parse(f.token.Text)
	require.NoError(t, err)
	require.NoError(t, f.ring.Set(Keys{Cluster: testCluster, Sign: NewKey("k2")}))
	before.verified.put(f.token.Text, c)
	_, err = f.ring.Verify(f.token.Text)
	requireReason(t, ReasonTokenKeyUnknown, err)
}

func TestNoMoreTokensAreRememberedThanTheBound(t *testing.T) {
	f := newFixture(t)
	set := f.ring.set.Load()
	for n := range verifiedMax + 10 {
		set.verified.put(fmt.Sprint(n), Claims{})
	}
	require.Len(t, set.verified.tokens.items, verifiedMax)
	_, err := f.ring.Verify(f.token.Text)
	require.NoError(t, err)
}

// A node that has just started knows no key. Its clients must not throw their tokens away.
func TestWithoutKeysThereIsNoTokenAndNoVerdict(t *testing.T) {
	f := newFixture(t)
	empty, err := NewKeyring(0, f.now)
	require.NoError(t, err)
	_, err = empty.Verify(f.token.Text)
	require.Equal(t, Unavailable, refused(t, err).Code)
	_, err = empty.Mint("user_1", "login_1", f.secret)
	require.Equal(t, Unavailable, refused(t, err).Code)
}

func TestKeysThatCannotBeMeantAreRefusedAndTheFormerStay(t *testing.T) {
	f := newFixture(t)
	k := f.keys.Sign
	var many []Key
	for n := range keysMax {
		many = append(many, NewKey(fmt.Sprint("old", n)))
	}
	for name, keys := range map[string]Keys{
		"no cluster":         {Sign: k},
		"no key":             {Cluster: 1},
		"no id":              {Cluster: 1, Sign: NewKey("")},
		"a long id":          {Cluster: 1, Sign: NewKey(strings.Repeat("k", keyIDBytesMax+1))},
		"an id with a blank": {Cluster: 1, Sign: NewKey("a b")},
		"capitals":           {Cluster: 1, Sign: NewKey("K1")},
		"no secret":          {Cluster: 1, Sign: Key{ID: "k9"}},
		"twice":              {Cluster: 1, Sign: k, Older: []Key{k}},
		"a bad older one":    {Cluster: 1, Sign: k, Older: []Key{{}}},
		"too many":           {Cluster: 1, Sign: k, Older: many},
	} {
		require.Error(t, f.ring.Set(keys), name)
		_, err := f.ring.Verify(f.token.Text)
		require.NoError(t, err, name)
	}
	require.NoError(t, f.ring.Set(Keys{Cluster: testCluster, Sign: k, Older: many[1:]}))
}

func TestTheLifetimeOfTokensIsBounded(t *testing.T) {
	c := newClock()
	for _, d := range []time.Duration{-time.Hour, time.Millisecond, LifetimeMax + 1} {
		_, err := NewKeyring(d, c.now)
		require.ErrorContains(t, err, "token lifetime")
	}
	ring, err := NewKeyring(LifetimeMin, c.now)
	require.NoError(t, err)
	require.NoError(t, ring.Set(Keys{Cluster: 1, Sign: NewKey("k")}))
	token, err := ring.Mint("u", "l", NewSecret())
	require.NoError(t, err)
	require.Equal(t, c.now().Add(time.Second), token.Expires)
}

// For the race detector: keys change while tokens are minted and verified. Whoever verifies sees one set of
// keys or the other, never half of each.
func TestKeysMayChangeUnderWhoeverVerifies(t *testing.T) {
	f := newFixture(t)
	second := Keys{Cluster: testCluster, Sign: NewKey("k2"), Older: []Key{f.keys.Sign}}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				if _, err := f.ring.Verify(f.token.Text); err != nil {
					t.Error(err)
				}
				token, err := f.ring.Mint("user_1", "login_1", f.secret)
				if err != nil {
					t.Error(err)
				}
				if _, err := f.ring.Verify(token.Text); err != nil && err.(*Refusal).Reason != ReasonTokenKeyUnknown {
					t.Error(err)
				}
			}
		})
	}
	for n := range 200 {
		require.NoError(t, f.ring.Set([]Keys{f.keys, second}[n%2]))
	}
	all.Wait()
}
