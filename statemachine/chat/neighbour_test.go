package chat_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"parley/statemachine/chat"
	"parley/statemachine/state"
	"parley/statemachine/teamtest"
)

// Members of all channels stand in one table, channel after channel. A list that runs on past its channel would show who is
// in the next, which may be private.
func TestAListOfMembersEndsWhereItsChannelEnds(t *testing.T) {
	w, _ := teamtest.New(t, state.DefaultLimits())
	ann, bob := w.User("ann"), w.User("bob")
	for _, name := range []string{"one", "two"} {
		w.Must(ann, &chat.CreateChannel{Name: name, Join: state.JoinOpen}, nil)
	}
	w.Must(bob, &chat.CreateChannel{Name: "bobs", Private: true, Join: state.JoinInvite}, nil)
	for _, place := range []string{"#one", "#two"} {
		var page chat.MembersPage
		w.Told(ann, &chat.Members{Place: place}, &page)
		require.Len(t, page.Members, 1, place)
		require.Equal(t, "ann", page.Members[0].Name, place)
	}
}
