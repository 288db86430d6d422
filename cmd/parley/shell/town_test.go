package shell

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// A town is a cluster of one process that keeps everything in memory: real users, channels and messages, in one order of
// positions. A visitor is one user's connection to it, and a Backend.
type town struct {
	mu       sync.Mutex
	position Position
	users    []*resident
	places   []*square
	visitors []*visitor
	sent     map[string]Sent // by the key of a draft
	revoked  map[string]bool
}

type resident struct {
	Account
	password string
	off      bool
}

type square struct {
	Place
	members  []string
	admins   []string
	messages []*posting
	read     map[string]Position
	files    []File
	contents map[string][]byte
	closed   bool // joined by invitation
	edits    map[string][]Revision
}

// A posting is a message with all that the town knows of it.
type posting struct {
	Message
	chosen []choosing
}

type choosing struct {
	emoji string
	users []string
}

// shownTo is a message as a user sees it.
func (t *town) shownTo(p *posting, me string) Message {
	msg := p.Message
	msg.Mentioned, msg.AsOf = strings.Contains(msg.Text, "@"+me), t.position
	for _, c := range p.chosen {
		if len(c.users) > 0 {
			msg.Reactions = append(msg.Reactions, Reaction{c.emoji, len(c.users), slices.Contains(c.users, me)})
		}
	}
	return msg
}

// newTown makes a town with alice, bob and charlie in general, random and tech.
func newTown() *town {
	t := &town{sent: map[string]Sent{}, revoked: map[string]bool{}, position: 100}
	for _, u := range []string{"alice", "bob", "charlie"} {
		t.users = append(t.users, &resident{Account: Account{Username: u, DisplayName: strings.ToUpper(u[:1]) + u[1:], Email: u + "@example.org"}, password: u + "123"})
	}
	for i, c := range []string{"general", "random", "tech"} {
		t.places = append(t.places, &square{
			Place:   Place{ID: PlaceID(fmt.Sprintf("chan_%d", i+1)), Name: c, Description: "about " + c},
			members: []string{"alice", "bob", "charlie"}, admins: []string{"alice"},
		})
	}
	return t
}

// clock makes every position a minute of one Sunday.
func (t *town) clock() time.Time {
	return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC).Add(time.Duration(t.position-100) * time.Minute)
}

// A visitor is a Backend. Its connection can be cut and mended; while it is cut, calls wait.
type visitor struct {
	town   *town
	user   *resident
	wake   chan struct{}
	queue  []Event
	isCut  bool
	mended chan struct{} // closed: calls go through
	refuse error         // what the next Send answers
	unsure bool          // the next Send stores the message and does not know it
}

func (t *town) visit() *visitor {
	v := &visitor{town: t, wake: make(chan struct{}, 1), mended: make(chan struct{})}
	close(v.mended)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.visitors = append(t.visitors, v)
	v.push(Event{Kind: Connected, Text: "node-1"})
	return v
}

// visitAs is a visit of somebody who is logged in already.
func (t *town) visitAs(user string) *visitor {
	v := t.visit()
	v.user = t.resident(user)
	return v
}

func (t *town) resident(username string) *resident {
	for _, u := range t.users {
		if strings.EqualFold(u.Username, username) {
			return u
		}
	}
	return nil
}

func (t *town) square(id PlaceID) *square {
	for _, s := range t.places {
		if s.ID == id {
			return s
		}
	}
	return nil
}

func (t *town) named(name string) *square {
	for _, s := range t.places {
		if !s.Direct && strings.EqualFold(s.Name, name) {
			return s
		}
	}
	return nil
}

func (s *square) has(user string) bool { return slices.Contains(s.members, user) }

func (v *visitor) push(e Event) {
	v.queue = append(v.queue, e)
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// tell gives an event to all who may see it; of a place, its members.
func (t *town) tell(e Event, who func(user string) bool) {
	for _, v := range t.visitors {
		if v.user != nil && who(v.user.Username) {
			seen := e
			seen.Message.Mentioned = strings.Contains(e.Message.Text, "@"+v.user.Username)
			v.push(seen)
		}
	}
}

func everybody(string) bool { return true }

// cut and mend are what happens to a connection when the node behind it dies.
func (v *visitor) cut(why string) {
	v.town.mu.Lock()
	defer v.town.mu.Unlock()
	v.push(Event{Kind: Lost, Text: why})
	v.push(Event{Kind: Reconnecting})
	v.isCut, v.mended = true, make(chan struct{})
	v.queue = append(v.queue, Event{}) // what is behind it waits
}

func (v *visitor) mend(node string) {
	v.town.mu.Lock()
	defer v.town.mu.Unlock()
	i := slices.IndexFunc(v.queue, func(e Event) bool { return e.Kind == 0 })
	v.queue[i] = Event{Kind: Connected, Text: node}
	v.push(Event{Kind: CaughtUp})
	v.isCut = false
	close(v.mended)
}

// through waits until the connection stands, and takes the town's lock.
func (v *visitor) through(ctx context.Context) (*town, error) {
	for {
		v.town.mu.Lock()
		mended := v.mended
		if !v.isCut {
			return v.town, ctx.Err()
		}
		v.town.mu.Unlock()
		select {
		case <-mended:
		case <-ctx.Done():
			v.town.mu.Lock()
			return v.town, ctx.Err()
		}
	}
}

func (v *visitor) Events(ctx context.Context) <-chan Event {
	out := make(chan Event)
	go func() {
		defer close(out)
		for {
			v.town.mu.Lock()
			var ready []Event
			for len(v.queue) > 0 && v.queue[0].Kind != 0 {
				ready, v.queue = append(ready, v.queue[0]), v.queue[1:]
			}
			v.town.mu.Unlock()
			for _, e := range ready {
				select {
				case out <- e:
				case <-ctx.Done():
					return
				}
			}
			select {
			case <-v.wake:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}

// pending takes the events that have come, for tests without goroutines.
func (v *visitor) pending() (events []Event) {
	v.town.mu.Lock()
	defer v.town.mu.Unlock()
	for len(v.queue) > 0 && v.queue[0].Kind != 0 {
		events, v.queue = append(events, v.queue[0]), v.queue[1:]
	}
	return events
}

// as calls f for a user who is logged in, over a connection that stands.
func (v *visitor) as(ctx context.Context, f func(t *town, me string) error) error {
	t, err := v.through(ctx)
	defer t.mu.Unlock()
	switch {
	case err != nil:
		return err
	case v.user == nil:
		return &Error{Kind: NotLoggedIn, Text: "Nobody is logged in"}
	}
	return f(t, v.user.Username)
}

// in is as, in a place that the user is in.
func (v *visitor) in(ctx context.Context, id PlaceID, f func(t *town, s *square, me string) error) error {
	return v.as(ctx, func(t *town, me string) error {
		if s := t.square(id); s != nil && s.has(me) {
			return f(t, s, me)
		}
		return &Error{Kind: NotFound, Text: "There is no such place"}
	})
}
