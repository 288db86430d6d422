package state

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
)

// Rows are in snapshots, which newer releases read: these are their bytes.
func TestRowsOfLocksAndDocumentsAreTheseBytes(t *testing.T) {
	n := func(v string) string { return v + strings.Repeat("00", 8-len(v)/2) }
	for want, row := range map[string]Coded{
		n("01") + n("02") + n("03") + n("04") + n("05") + n("06") + n("07") + n("08") + n("09") + n("0a"): &Hold{
			Fence: 1, User: 2, Login: 3, Ticket: 4, Since: 5, TTL: 6, Deadline: 7, Written: 8, Waits: 9, Wall: 10},
		n("01") + n("02") + n("03") + n("04") + n("05"): &Wait{User: 1, Login: 2, TTL: 3, Deadline: 4, Wall: 5},
		"020000005469" + n("01") + "02" + "01" + n("03") + n("04") + n("05") + n("06") + n("07") + n("08") + n("09") + n("0a") + n("0b") + n("0c") + n("0d"): &Document{
			Title: "Ti", Author: 1, Mode: LockAdvisory, NoAI: true, Version: 3, Size: 4, Kept: 5, Owners: 6, Grants: 7, Wall: 8, Last: 9, LastBy: 10, LastWall: 11,
			DeletedBy: 12, DeletedAt: 13},
		n("01") + n("02") + n("03") + n("04") + n("05") + n("06") + "010000006e" + n("07") + "08" + strings.Repeat("00", 31) + n("09") + n("0a") + n("0b") + "0100000064": &DocRevision{
			Position: 1, Time: 2, Wall: 3, Author: 4, Fence: 5, Restored: 6, Note: "n", Size: 7, Sum: [32]byte{8}, Base: 9, Depth: 10, Work: 11, Delta: []byte("d")},
	} {
		require.Equal(t, want, hex.EncodeToString(Append(nil, row)), "%T", row)
	}
}

// lockTown is a state with two logins that live.
func lockTown() (*State, func(login LoginID, at raft.Position) *Txn) {
	s := newState()
	for id := LoginID(1); id <= 2; id++ {
		s.PutLogin(&Login{ID: id, User: UserID(id), Deadline: 1 << 60})
	}
	return s, func(login LoginID, at raft.Position) *Txn {
		l, _ := s.Login(login)
		return &Txn{View: View{State: s, User: User{ID: l.User}, Login: l}, At: node.Applied{Position: at, Term: 1, Time: raft.LogTime(at) * raft.LogTime(time.Second)}}
	}
}

// A hand-over passes over so many dead waits and no more: the rest has its turn with the next entry, and nobody else gets
// the lock meanwhile.
func TestALineOfDeadWaitsIsPassedOverInSteps(t *testing.T) {
	s, as := lockTown()
	s.Limits.LocksPerPrincipalMax, s.Limits.LockExpiriesMax = 1000, 2 // so that waits don't end before they are passed over
	first := as(1, 10)
	h, granted, _, refusal := first.Take("x", time.Hour, 0)
	require.Nil(t, refusal)
	require.True(t, granted)
	for i := range raft.Position(100) {
		_, _, waits, refusal := as(2, 11+i).Take("x", time.Minute, time.Second)
		require.Nil(t, refusal)
		require.True(t, waits)
	}
	_, _, waits, _ := as(2, 111).Take("x", time.Minute, time.Hour)
	require.True(t, waits)

	last := as(1, 200)
	h, _ = s.hold("x")
	last.GiveUp(&h, false)
	_, held := s.Held("x", last.At.Time)
	require.False(t, held)
	require.Equal(t, 101-handOnStepsMax, s.Len(TableWaits))
	_, granted, _, refusal = as(1, 201).Take("x", time.Minute, 0)
	require.Nil(t, refusal)
	require.False(t, granted, "who comes now passes nobody")
	got, held := s.Held("x", as(1, 201).At.Time)
	require.True(t, held)
	require.Equal(t, []any{LoginID(2), raft.Position(111), raft.Position(201)}, []any{got.Login, got.Ticket, got.Fence})
	require.Zero(t, s.Len(TableWaits))
	require.Equal(t, s.Recompute(), s.Hash())
}

func TestRolesAreTheHighestThatAnyLineGivesAndNoByteIsARoleByChance(t *testing.T) {
	s, _ := lockTown()
	d := Document{ID: 50}
	room := Place{ID: 60, Name: "room", Private: true}
	s.MakeChannel(&room)
	s.PutMember(&room, 2, &Member{})
	s.PutGrant(&d, Grantee{GranteeUser, 1}, Owner)
	s.PutGrant(&d, Grantee{GranteeAll, 0}, Viewer)
	s.PutGrant(&d, Grantee{GranteeChannel, 60}, Editor)
	require.Equal(t, []Role{Owner, Editor, Viewer}, []Role{s.RoleIn(50, 1), s.RoleIn(50, 2), s.RoleIn(50, 3)})
	require.Equal(t, []uint64{1, 3}, []uint64{d.Owners, d.Grants})
	s.Write(TableGrants, grantKey(50, Grantee{GranteeUser, 3}), []byte{200})
	require.Equal(t, Viewer, s.RoleIn(50, 3))
	s.PutGrant(&d, Grantee{GranteeChannel, 60}, 0)
	s.PutGrant(&d, Grantee{GranteeUser, 1}, Editor)
	require.Equal(t, []Role{Editor, Viewer}, []Role{s.RoleIn(50, 1), s.RoleIn(50, 2)})
	require.Equal(t, []uint64{0, 2}, []uint64{d.Owners, d.Grants})
}
