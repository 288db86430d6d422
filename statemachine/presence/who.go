package presence

import (
	"parley/raft"
	"parley/statemachine/state"
)

// The kinds of the queries of this package.
const (
	kindWho        = 30
	kindEdges      = 31
	kindNodes      = 32
	kindDifference = 33
	kindMayNotice  = 34
)

// Who asks who is online, in the order of the folded names. Any user may.
type Who struct {
	All    bool   // also those who are offline
	Cursor string // the name behind which the page begins; empty: the first
	Limit  uint64 // zero: Limits.UsersPage; more than Limits.UsersPageMax is cut to it
}

// Kind is the query's number.
func (*Who) Kind() uint8 { return kindWho }

// Code passes the fields.
func (q *Who) Code(c *state.Coder) {
	c.Bool(&q.All)
	c.String(&q.Cursor)
	state.Number(c, &q.Limit)
}

// Present answers Who.
type Present struct {
	Users  []User
	Next   string // the cursor of the next page; empty: this is the last. A page may be short and not the last
	Online uint64 // of all users
}

// User is whether somebody is there. It has no email address: presence is for all users.
type User struct {
	ID       state.UserID
	Name     string
	Display  string
	Online   bool
	LastSeen raft.Wall // of who is offline: when he went; zero: he never was online
}

// Code passes the fields.
func (p *Present) Code(c *state.Coder) {
	state.List(c, &p.Users, func(c *state.Coder, u *User) {
		state.Number(c, &u.ID)
		c.String(&u.Name)
		c.String(&u.Display)
		c.Bool(&u.Online)
		state.Number(c, &u.LastSeen)
	})
	c.String(&p.Next)
	state.Number(c, &p.Online)
}

// Answer reads. It looks at a bounded number of accounts, and then says where to go on.
func (q *Who) Answer(v *state.View) (state.Coded, *state.Refusal) {
	limit, looked, last := v.Limits.UsersLimit(q.Limit), 0, ""
	list := &Present{Online: v.Online()}
	v.UsersByName(q.Cursor, func(u *state.User) bool {
		if len(list.Users) == limit || looked == v.Limits.UsersLookMax {
			list.Next = last
			return false
		}
		looked++
		last = state.FoldName(u.Name)
		p := v.Presence(u.ID)
		if online := p.Online(); online || q.All && !u.Disabled {
			one := User{ID: u.ID, Name: u.Name, Display: u.Display, Online: online}
			if !online {
				one.LastSeen = p.Seen
			}
			list.Users = append(list.Users, one)
		}
		return true
	})
	return list, nil
}

// Edges asks which users the state takes to be connected at a node. It is for servers.
type Edges struct {
	Node raft.NodeID
	From state.UserID // the page begins with this user, or with the next
}

// Kind is the query's number.
func (*Edges) Kind() uint8 { return kindEdges }

// Code passes the fields.
func (e *Edges) Code(c *state.Coder) {
	state.Number(c, &e.Node)
	state.Number(c, &e.From)
}

// Connected answers Edges, in the order of the ids.
type Connected struct {
	Users []state.UserID
	More  bool // there are others behind the last
}

// Code passes the fields.
func (l *Connected) Code(c *state.Coder) {
	state.List(c, &l.Users, func(c *state.Coder, id *state.UserID) { state.Number(c, id) })
	c.Bool(&l.More)
}

// Answer reads.
func (e *Edges) Answer(v *state.View) (state.Coded, *state.Refusal) {
	most := v.Limits.UsersLookMax
	users := v.ConnectedAt(e.Node, e.From, most+1)
	return &Connected{users[:min(len(users), most)], len(users) > most}, nil
}

// Nodes asks at which nodes the state takes users to be connected, so that the leader's server finds those that are
// gone. It is for servers.
type Nodes struct{}

// Kind is the query's number.
func (*Nodes) Kind() uint8 { return kindNodes }

// Code passes no fields.
func (*Nodes) Code(*state.Coder) {}

// NodeList answers Nodes.
type NodeList struct{ Nodes []raft.NodeID }

// Code passes the fields.
func (l *NodeList) Code(c *state.Coder) {
	state.List(c, &l.Nodes, func(c *state.Coder, id *raft.NodeID) { state.Number(c, id) })
}

// Answer reads.
func (*Nodes) Answer(v *state.View) (state.Coded, *state.Refusal) {
	return &NodeList{v.NodesConnected()}, nil
}
