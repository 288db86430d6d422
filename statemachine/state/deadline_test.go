package state

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"parley/raft"
)

func newState() *State { return &State{Limits: DefaultLimits()} }

func TestWhatEndsWithTimeEndsAtItsDeadlineAndLeavesNothing(t *testing.T) {
	s := newState()
	empty := s.Hash()
	s.PutInvite("code", &Invite{By: 1, Uses: 1, Until: 40})
	s.PutSigningKey(&SigningKey{ID: 7, Secret: []byte("k"), Until: 30})
	s.PutSigningKey(&SigningKey{ID: 8, Secret: []byte("k")})
	s.PutCredential(5, &Credential{Hash: []byte("h"), Version: 1, ResetHash: [32]byte{1}, ResetUntil: 20})
	s.PutSettings(&Settings{SignUp: SignUpOpen, OfferHash: [32]byte{1}, OfferUntil: 10})
	s.PutLogin(&Login{ID: 9, User: 5, Deadline: 50})
	for _, step := range []struct {
		at    raft.LogTime
		check func() bool // that it is still there
	}{
		{10, func() bool { return s.Settings().OfferUntil != 0 }},
		{20, func() bool { k, _ := s.Credential(5); return k.ResetUntil != 0 || k.ResetHash != [32]byte{} }},
		{30, func() bool { return s.Has(TableKeys, Key(7)) }},
		{40, func() bool { _, ok := s.Invite("code"); return ok }},
		{50, func() bool { _, ok := s.Login(9); return ok }},
	} {
		due, ok := s.NextDeadline()
		require.True(t, ok)
		require.Equal(t, step.at, due)
		s.Expire(1, step.at-1)
		require.True(t, step.check(), "before %d", step.at)
		s.Expire(1, step.at)
		require.False(t, step.check(), "at %d", step.at)
	}
	_, ok := s.NextDeadline()
	require.False(t, ok)
	require.True(t, s.Has(TableKeys, Key(8)), "the key that signs has no end")
	require.Equal(t, SignUpOpen, s.Settings().SignUp, "the other settings stay")
	k, _ := s.Credential(5)
	require.Equal(t, Credential{Hash: []byte("h"), Version: 1}, k)

	s.RemoveSigningKey(8)
	s.Remove(TableCredentials, Key(5))
	s.Remove(TableMarks, markSettings)
	s.Remove(TableEvents, Key(1))
	require.Equal(t, empty, s.Hash())
}

func TestNoEntryEndsMoreThanItMay(t *testing.T) {
	s := newState()
	s.Limits.ExpiriesMax = 3
	for i := range 8 {
		s.PutInvite(fmt.Sprint(i), &Invite{Until: raft.LogTime(1 + i)})
		s.PutLogin(&Login{ID: LoginID(i + 1), User: 1, Deadline: raft.LogTime(1 + i)})
	}
	for _, left := range []int{5, 2, 0} {
		s.Expire(1, 100)
		require.Equal(t, left, s.Len(TableInvites))
		require.Equal(t, left, s.Len(TableLogins))
	}
	require.Zero(t, s.Len(TableDeadlines))
	require.Zero(t, s.Len(TableUserLogins))
}

// A snapshot may hold rows that no machine writes; they must not keep time from passing.
func TestADeadlineOfNothingIsDropped(t *testing.T) {
	s := newState()
	for what := range uint64(7) {
		s.Mark(TableDeadlines, Key(1, what)+"x")
		s.Mark(TableDeadlines, Key(1, what))
	}
	s.Mark(TableDeadlines, "\x01")
	s.Mark(TableLoginDeadlines, Key(1, 1))
	s.Expire(1, 1<<62)
	s.Expire(2, 1<<62)
	require.Zero(t, s.Len(TableDeadlines))
	require.Zero(t, s.Len(TableLoginDeadlines))
	require.Equal(t, s.Recompute(), s.Hash())
}

// Deadlines move back and forth; there is always one row for each that stands, and no other.
func TestThereIsOneDeadlineForEachThingThatEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newState()
		deadline := rapid.Custom(func(t *rapid.T) raft.LogTime { return raft.LogTime(rapid.IntRange(0, 20).Draw(t, "deadline")) })
		now := raft.LogTime(0)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			id, end := uint64(rapid.IntRange(1, 3).Draw(t, "id")), deadline.Draw(t, "end")
			switch rapid.IntRange(0, 7).Draw(t, "what") {
			case 0:
				s.PutInvite(fmt.Sprint(id), &Invite{Until: max(end, 1)})
			case 1:
				s.RemoveInvite(fmt.Sprint(id))
			case 2:
				s.PutSigningKey(&SigningKey{ID: id, Until: end})
			case 3:
				s.RemoveSigningKey(id)
			case 4:
				s.PutCredential(UserID(id), &Credential{ResetUntil: end})
			case 5:
				s.PutSettings(&Settings{OfferUntil: end})
			case 6:
				s.PutLogin(&Login{ID: LoginID(id), User: 1, Deadline: max(end, 1)})
			case 7:
				now += raft.LogTime(rapid.IntRange(0, 5).Draw(t, "pass"))
				s.Expire(1, now)
				due, ok := s.NextDeadline()
				require.True(t, !ok || due > now)
			}
			want := s.Len(TableInvites)
			s.SigningKeys(func(k *SigningKey) bool {
				if k.Until != 0 {
					want++
				}
				return true
			})
			for user := UserID(1); user <= 3; user++ {
				if k, _ := s.Credential(user); k.ResetUntil != 0 {
					want++
				}
			}
			if s.Settings().OfferUntil != 0 {
				want++
			}
			require.Equal(t, want, s.Len(TableDeadlines))
			require.Equal(t, s.Len(TableLogins), s.Len(TableLoginDeadlines))
			require.Equal(t, s.Recompute(), s.Hash())
		}
	})
}
