package state

import (
	"parley/raft"
	"parley/raft/node"
)

// State is all that is replicated: rows, and the limits by which commands are judged. The limits are part of the
// function that Apply computes, and no rows: all nodes of a cluster use the same.
type State struct {
	Tables
	Limits Limits

	// Revocations counts how often a login ended or a member was removed, as far as this process applied it. It is no
	// replicated state: it only spares the event hub the question whether readers are still who they were.
	Revocations uint64
}

// Clone returns an independent copy in a few words; both share their rows until one of them changes.
func (s *State) Clone() *State {
	return &State{Tables: s.Tables.Clone(), Limits: s.Limits, Revocations: s.Revocations}
}

// Head is what every command and query begins with: under which login it comes.
//
//	u64 login | 16 bytes proof | u64 wall
type Head struct {
	Login LoginID   // zero: nobody has logged in
	Proof Proof     // of the login's secret
	Wall  raft.Wall // the edge's clock, for display only
}

// Code passes the fields.
func (h *Head) Code(c *Coder) {
	Number(c, &h.Login)
	c.Array(h.Proof[:])
	Number(c, &h.Wall)
}

// Proof shows that whoever speaks for a login has its secret: the first half of the secret's SHA-256.
type Proof [16]byte

// Command is one change of the state that somebody wants.
type Command interface {
	Coded
	// Kind is the command's number; it is in logs and never changes.
	Kind() uint8
	// Check returns the refusal of a command that is refused whatever the state is, or nil. Servers ask before
	// such a command costs the log anything; Apply asks again.
	Check(l *Limits) *Refusal
	// Apply changes the state and returns the reply, or changes nothing and returns a refusal. What it finds in
	// the command was checked.
	Apply(t *Txn) (Coded, *Refusal)
}

// Query is a question to the state.
type Query interface {
	Coded
	// Kind is the query's number.
	Kind() uint8
	// Answer reads; it changes nothing.
	Answer(v *View) (Coded, *Refusal)
}

// View is the state as a query reads it, on behalf of somebody.
type View struct {
	*State
	User  User // who asks; zero for nobody
	Login Login
}

// Txn is the state as a command changes it, on behalf of somebody.
type Txn struct {
	View
	At    node.Applied
	Wall  raft.Wall  // the edge's clock, for display only
	Blobs node.Names // where the contents of files are named; nil: there are none
}

// Authenticate returns who speaks: the login that a head names, if it lives and the proof fits, and its user.
func (s *State) Authenticate(h *Head) (User, Login, *Refusal) {
	login, ok := s.Login(h.Login)
	if !ok || login.Proof() != h.Proof {
		return User{}, Login{}, refuseLogin
	}
	user, ok := s.User(login.User)
	if !ok || user.Disabled {
		return User{}, Login{}, refuseLogin
	}
	return user, login, nil
}

// refuseLogin is the one answer to a login that is unknown, ended or forged, so that it tells nobody which.
var refuseLogin = &Refusal{Code: Unauthenticated, Reason: "LOGIN_ENDED", Text: "You are not logged in any more. Log in again."}
