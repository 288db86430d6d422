package server

import (
	"slices"
	"sync"

	"parley/statemachine/state"
)

// streams are those that stand at this node: they make their users online, and each login has so many at most.
type streams struct {
	mu     sync.Mutex
	users  map[state.UserID]int
	logins map[state.LoginID]int
	stir   chan struct{} // somebody came or went; of capacity 1
}

func newStreams() *streams {
	return &streams{users: map[state.UserID]int{}, logins: map[state.LoginID]int{}, stir: make(chan struct{}, 1)}
}

// begin counts a stream; false means that its login has as many as it may.
func (s *streams) begin(a *actor) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logins[a.head.Login] >= streamsPerLoginMax {
		return false
	}
	s.logins[a.head.Login]++
	if s.users[a.user]++; s.users[a.user] == 1 {
		s.ring()
	}
	return true
}

// end counts it no more.
func (s *streams) end(a *actor) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.logins[a.head.Login]--; s.logins[a.head.Login] == 0 {
		delete(s.logins, a.head.Login)
	}
	if s.users[a.user]--; s.users[a.user] == 0 {
		delete(s.users, a.user)
		s.ring()
	}
}

func (s *streams) ring() {
	select {
	case s.stir <- struct{}{}:
	default: // rung already
	}
}

// wanted returns who has a stream here, by rising id.
func (s *streams) wanted() []state.UserID {
	s.mu.Lock()
	defer s.mu.Unlock()
	users := make([]state.UserID, 0, len(s.users))
	for id := range s.users {
		users = append(users, id)
	}
	slices.Sort(users)
	return users
}
