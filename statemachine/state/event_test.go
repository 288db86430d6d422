package state

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
)

// The kinds of audiences stand in replicated rows and in the words of streams.
func TestAnAudienceHasTheseBytes(t *testing.T) {
	for want, a := range map[string]Audience{
		"010000000000000000": ForAll(), "020500000000000000": ForUser(5), "030600000000000000": ForPlace(6), "040700000000000000": ForSeers(7),
	} {
		require.Equal(t, want, hex.EncodeToString([]byte(a.Word())))
	}
}

func TestAnEventIsShownToItsAudienceAsThingsAreAtDelivery(t *testing.T) {
	s := newState()
	open, closed := Place{ID: 10, Name: "open"}, Place{ID: 11, Name: "closed", Private: true}
	s.MakeChannel(&open)
	s.MakeChannel(&closed)
	talk := s.MakeConversation(12, 1, 2, 0)
	s.PutMember(&open, 1, &Member{})
	s.PutMember(&closed, 1, &Member{})
	for _, c := range []struct {
		a    Audience
		want [3]bool // of users 1, 2 and 3
	}{
		{ForAll(), [3]bool{true, true, true}},
		{ForUser(2), [3]bool{false, true, false}},
		{ForPlace(open.ID), [3]bool{true, false, false}},
		{ForSeers(open.ID), [3]bool{true, true, true}},
		{ForPlace(closed.ID), [3]bool{true, false, false}},
		{ForSeers(closed.ID), [3]bool{true, false, false}},
		{ForPlace(talk.ID), [3]bool{true, true, false}},
		{ForSeers(talk.ID), [3]bool{true, true, false}},
		{ForPlace(999), [3]bool{}},
		{ForSeers(999), [3]bool{}},
		{Audience{Kind: 200}, [3]bool{}},
	} {
		for i, want := range c.want {
			require.Equal(t, want, s.MayRead(UserID(i+1), c.a), "user %d, audience %v", i+1, c.a)
		}
	}
	s.RemoveMember(&closed, 1)
	require.False(t, s.MayRead(1, ForPlace(closed.ID)), "who was removed sees nothing from then on")
	require.False(t, s.MayRead(1, ForSeers(closed.ID)))
}

func TestTheBacklogKeepsTheNewestPositionsAndSaysThatOthersWere(t *testing.T) {
	s := newState()
	s.Limits.EventsMax = 3
	render := func(dst, event []byte) ([]byte, Audience) {
		var e Event
		require.NoError(t, Decode(event, &e))
		return append(dst, byte(e.User)), e.Audience
	}
	for p := raft.Position(1); p <= 5; p++ {
		s.Record(p, &Event{Kind: EventOnline, User: UserID(p), Audience: ForAll()})
		s.Record(p, &Event{Kind: EventOnline, User: UserID(p + 10), Audience: ForUser(1)})
	}
	for from, want := range map[raft.Position]int{2: 3, 3: 2, 4: 1, 5: 0, ^raft.Position(0): 0} {
		frames, compacted := s.EventsAfter(from, 10, render)
		require.False(t, compacted, from)
		require.Len(t, frames, want, from)
	}
	for _, from := range []raft.Position{0, 1} {
		_, compacted := s.EventsAfter(from, 10, render)
		require.True(t, compacted)
	}
	frames, _ := s.EventsAfter(2, 1, render)
	require.Len(t, frames, 1)
	require.Equal(t, []byte{1, 0, 0, 0, 3, 1, 0, 0, 0, 13}, frames[0].Body)
	require.Equal(t, 5, frames[0].Parts[0].End)
	require.Equal(t, ForAll().Word(), frames[0].Parts[0].Audience)
	require.Equal(t, 10, frames[0].Parts[1].End)
	require.Equal(t, ForUser(1).Word(), frames[0].Parts[1].Audience)
}

func TestAFrameThatIsForEverybodyHasNoParts(t *testing.T) {
	s := newState()
	s.RecordRow(1, []byte("x"))
	frames, _ := s.EventsAfter(0, 1, func(dst, event []byte) ([]byte, Audience) { return append(dst, event...), Audience{} })
	require.Nil(t, frames[0].Parts)
}
