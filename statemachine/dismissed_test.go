package statemachine

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/statemachine/state"
)

// A process that takes up a snapshot of a peer has streams of logins that ended in between. It looks at them only if the
// number that Dismissed returned has changed, whatever the number was before.
func TestARestoredStateIsNeverTakenForOneInWhichNoLoginEnded(t *testing.T) {
	login := state.Login{ID: 1, User: 1}
	written := func(m *Machine) *bytes.Buffer {
		var b bytes.Buffer
		require.NoError(t, m.WriteSnapshot(&b))
		return &b
	}
	m := New()
	m.PutLogin(&login)
	before := written(m)
	m.EndLogin(5, &login)
	after := written(m)

	empty := New()
	first, second := empty.Clone().(*Machine), empty.Clone().(*Machine)
	require.NoError(t, first.Restore(before))
	require.NoError(t, second.Restore(after))
	require.NotEqual(t, first.Dismissed(), second.Dismissed(), "one restored state takes the place of another")
	require.NotEqual(t, m.Dismissed(), second.Dismissed(), "it takes the place of one in which a login ended")
	require.NotEqual(t, New().Dismissed(), second.Dismissed(), "it takes the place of the first one")
}
