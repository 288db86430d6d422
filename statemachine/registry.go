package statemachine

import (
	"parley/statemachine/account"
	"parley/statemachine/chat"
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
	1: {func() state.Command { return new(account.SignUp) }, true},
	2: {func() state.Command { return new(account.LogIn) }, true},

	// package chat
	40: {func() state.Command { return new(chat.Send) }, false},
}

// queries are all kinds of queries.
var queries = [...]querySpec{
	// package account
	1: {func() state.Query { return new(account.CredentialsOf) }, true},

	// package chat
	40: {func() state.Query { return new(chat.History) }, false},
}
