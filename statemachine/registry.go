package statemachine

import (
	"parley/statemachine/account"
	"parley/statemachine/assist"
	"parley/statemachine/chat"
	"parley/statemachine/document"
	"parley/statemachine/file"
	"parley/statemachine/lock"
	"parley/statemachine/presence"
	"parley/statemachine/state"
)

// commandSpec is a kind of command: how to make one to decode into, and whether it takes a login.
type commandSpec struct {
	make      func() state.Command
	anonymous bool // it comes from nobody, or says itself from whom
}

// querySpec is a kind of query.
type querySpec struct {
	make      func() state.Query
	anonymous bool // of servers, for themselves: no caller reaches it
}

// commands are all kinds of commands. The numbers are in logs; they never change.
var commands = [...]commandSpec{
	// package account
	1:  {func() state.Command { return new(account.SignUp) }, true},
	2:  {func() state.Command { return new(account.LogIn) }, true},
	3:  {func() state.Command { return new(account.Bootstrap) }, true},
	4:  {func() state.Command { return new(account.OfferAdmin) }, true},
	5:  {func() state.Command { return new(account.DemoUsers) }, true},
	6:  {func() state.Command { return new(account.RenewLogin) }, false},
	7:  {func() state.Command { return new(account.LogOut) }, false},
	8:  {func() state.Command { return new(account.RevokeLogin) }, false},
	9:  {func() state.Command { return new(account.ChangePassword) }, false},
	10: {func() state.Command { return new(account.ResetPassword) }, true},
	11: {func() state.Command { return new(account.CreateReset) }, false},
	12: {func() state.Command { return new(account.SetProfile) }, false},
	13: {func() state.Command { return new(account.DisableUser) }, false},
	14: {func() state.Command { return new(account.EnableUser) }, false},
	15: {func() state.Command { return new(account.GrantAdmin) }, false},
	16: {func() state.Command { return new(account.RevokeAdmin) }, false},
	17: {func() state.Command { return new(account.ClaimAdmin) }, false},
	18: {func() state.Command { return new(account.CreateInvite) }, false},
	19: {func() state.Command { return new(account.SetSignUpMode) }, false},
	20: {func() state.Command { return new(account.RotateKey) }, false},
	25: {func() state.Command { return new(account.Operate) }, false},
	26: {func() state.Command { return new(account.Denied) }, true},
	27: {func() state.Command { return new(account.LogInFailed) }, true},
	28: {func() state.Command { return new(account.SetRetention) }, false},

	// package presence
	30: {func() state.Command { return new(presence.Announce) }, true},
	31: {func() state.Command { return new(presence.NodeGone) }, true},

	// package chat
	40: {func() state.Command { return new(chat.Send) }, false},
	41: {func() state.Command { return new(chat.Edit) }, false},
	42: {func() state.Command { return new(chat.Unsend) }, false},
	43: {func() state.Command { return new(chat.React) }, false},
	44: {func() state.Command { return new(chat.Unreact) }, false},
	45: {func() state.Command { return new(chat.MarkRead) }, false},
	50: {func() state.Command { return new(chat.CreateChannel) }, false},
	51: {func() state.Command { return new(chat.Join) }, false},
	52: {func() state.Command { return new(chat.Leave) }, false},
	53: {func() state.Command { return new(chat.AddMember) }, false},
	54: {func() state.Command { return new(chat.RemoveMember) }, false},
	55: {func() state.Command { return new(chat.Promote) }, false},
	56: {func() state.Command { return new(chat.Demote) }, false},
	57: {func() state.Command { return new(chat.Archive) }, false},
	58: {func() state.Command { return new(chat.Unarchive) }, false},
	59: {func() state.Command { return new(chat.UpdateChannel) }, false},
	60: {func() state.Command { return new(chat.InspectChannel) }, false},
	61: {func() state.Command { return new(chat.InspectChannels) }, false},

	// package file
	100: {func() state.Command { return new(file.Attach) }, false},
	101: {func() state.Command { return new(file.Remove) }, false},

	// package lock
	120: {func() state.Command { return new(lock.Acquire) }, false},
	121: {func() state.Command { return new(lock.Renew) }, false},
	122: {func() state.Command { return new(lock.Release) }, false},
	123: {func() state.Command { return new(lock.Break) }, false},
	124: {func() state.Command { return new(lock.Cancel) }, false},

	// package document
	140: {func() state.Command { return new(document.Create) }, false},
	141: {func() state.Command { return new(document.Update) }, false},
	142: {func() state.Command { return new(document.Restore) }, false},
	143: {func() state.Command { return new(document.Delete) }, false},
	144: {func() state.Command { return new(document.Undelete) }, false},
	145: {func() state.Command { return new(document.Share) }, false},
	146: {func() state.Command { return new(document.Unshare) }, false},
	147: {func() state.Command { return new(document.Configure) }, false},
	148: {func() state.Command { return new(document.Inspect) }, false},
	149: {func() state.Command { return new(document.InspectAll) }, false},

	// package assist
	160: {func() state.Command { return new(assist.Consult) }, false},
	161: {func() state.Command { return new(assist.SetExternal) }, false},
	162: {func() state.Command { return new(assist.NameBackend) }, false},
}

// queries are all kinds of queries.
var queries = [...]querySpec{
	// package account
	1:  {func() state.Query { return new(account.CredentialsOf) }, true},
	2:  {func() state.Query { return new(account.SigningKeys) }, true},
	3:  {func() state.Query { return new(account.EdgeState) }, true},
	4:  {func() state.Query { return new(account.WhoAmI) }, false},
	5:  {func() state.Query { return new(account.Logins) }, false},
	6:  {func() state.Query { return new(account.Users) }, false},
	7:  {func() state.Query { return new(account.UserOf) }, false},
	8:  {func() state.Query { return new(account.Audit) }, false},
	12: {func() state.Query { return new(account.RetentionOf) }, false},

	// package presence
	30: {func() state.Query { return new(presence.Who) }, false},
	31: {func() state.Query { return new(presence.Edges) }, true},
	32: {func() state.Query { return new(presence.Nodes) }, true},
	33: {func() state.Query { return new(presence.Difference) }, true},
	34: {func() state.Query { return new(presence.MayNotice) }, false},

	// package chat
	40: {func() state.Query { return new(chat.History) }, false},
	41: {func() state.Query { return new(chat.Thread) }, false},
	42: {func() state.Query { return new(chat.EditsOf) }, false},
	43: {func() state.Query { return new(chat.GetMessage) }, false},
	44: {func() state.Query { return new(chat.Mentions) }, false},
	45: {func() state.Query { return new(chat.Search) }, false},
	50: {func() state.Query { return new(chat.Channels) }, false},
	51: {func() state.Query { return new(chat.ChannelOf) }, false},
	52: {func() state.Query { return new(chat.Members) }, false},
	53: {func() state.Query { return new(chat.Conversations) }, false},
	54: {func() state.Query { return new(chat.PlaceOf) }, false},

	// package file
	100: {func() state.Query { return new(file.Files) }, false},
	101: {func() state.Query { return new(file.FileOf) }, false},
	102: {func() state.Query { return new(file.MayAttach) }, false},

	// package lock
	120: {func() state.Query { return new(lock.Get) }, false},
	121: {func() state.Query { return new(lock.List) }, false},

	// package document
	140: {func() state.Query { return new(document.Show) }, false},
	141: {func() state.Query { return new(document.History) }, false},
	142: {func() state.Query { return new(document.List) }, false},
	143: {func() state.Query { return new(document.AccessList) }, false},

	// package assist
	160: {func() state.Query { return new(assist.Talk) }, false},
	161: {func() state.Query { return new(assist.Draft) }, false},
	162: {func() state.Query { return new(assist.Policy) }, false},
}
