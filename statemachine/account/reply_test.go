package account_test

import (
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// The bytes below are in logs; a change of any of them needs a new kind.
func TestBytesOfCommandsStayAsTheyAre(t *testing.T) {
	head := state.Head{Login: 3, Proof: state.Proof{0xaa, 15: 0xbb}, Wall: 4}
	begin := func(kind string) string {
		return "02" + kind + "0300000000000000" + "aa0000000000000000000000000000bb" + "0400000000000000"
	}
	for want, c := range map[string]state.Command{
		begin("06"):                       &account.RenewLogin{},
		begin("08") + "02000000" + "6869": &account.RevokeLogin{Login: "hi"},
		begin("09") + "0500000000000000" + "01000000" + "63":       &account.ChangePassword{Version: 5, Hash: []byte("c")},
		begin("0c") + "01" + "01000000" + "61" + "00" + "00000000": &account.SetProfile{SetDisplay: true, Display: "a"},
		begin("13") + "02": &account.SetSignUpMode{Mode: state.SignUpInvite},
		begin("14") + "01000000" + "09" + "00e1f50500000000": &account.RotateKey{Key: []byte{9}, Keep: 100_000_000},
	} {
		require.Equal(t, want, hex.EncodeToString(statemachine.AppendCommand(nil, head, c)), "%T", c)
	}
}

func TestRepliesComeBackAsTheyWere(t *testing.T) {
	user := state.User{ID: 7, Name: "ann", Email: "a@b.cd", Display: "Ann", Admin: true, Disabled: true, Demo: true, Wall: 5}
	info := account.LoginInfo{ID: 1, Client: "c", Address: "a", Wall: 2, Deadline: 3, Current: true}
	record := state.AuditRecord{Position: 1, Number: 2, Before: digest("x"), Time: 3, Wall: 4, Actor: 5, Login: 6, Action: "a", Object: "o", Detail: "d"}
	for _, c := range []struct{ is, back state.Coded }{
		{&account.Done{Position: 9}, &account.Done{}},
		{&account.Until{Position: 9, Until: 8, Left: -7}, &account.Until{}},
		{&account.SignedUp{User: user}, &account.SignedUp{}},
		{&account.LoggedIn{User: user, Login: 3, Deadline: 4}, &account.LoggedIn{}},
		{&account.Credentials{User: 1, Hash: []byte("h"), Version: 2, Demo: true}, &account.Credentials{}},
		{&account.PasswordChanged{Position: 1, Ended: 2}, &account.PasswordChanged{}},
		{&account.Person{User: user}, &account.Person{}},
		{&account.Me{Person: account.Person{User: user}, Login: info, SignUp: state.SignUpInvite}, &account.Me{}},
		{&account.UserList{Users: []account.Person{{User: user}}, Next: "n", Total: 9}, &account.UserList{}},
		{&account.LoginList{Logins: []account.LoginInfo{info}}, &account.LoginList{}},
		{&account.KeyList{Current: 1, Keys: []account.Key{{ID: 1, Secret: []byte("s")}}}, &account.KeyList{}},
		{&account.Edge{SignUp: 1, Offer: digest("o"), Admins: 2, Demo: true}, &account.Edge{}},
		{&account.AuditPage{Records: []account.AuditEntry{{AuditRecord: record, ActorName: "n"}}, More: true}, &account.AuditPage{}},
	} {
		bytes := state.AppendReply(nil, c.is, nil)
		require.NoError(t, state.DecodeReply(bytes, c.back), "%T", c.is)
		require.Equal(t, c.is, c.back)
		require.ErrorIs(t, state.DecodeReply(bytes[:len(bytes)-1], c.back), state.ErrMalformed, "%T", c.is)
	}
}
