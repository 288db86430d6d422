package account

import (
	"parley/statemachine/state"
)

// DemoUsers makes alice, bob and charlie, who exist in dev mode: all three members and admins of the channels that
// every cluster is born with, alice an admin of the cluster. It is for servers. Once they were made a repetition
// changes nothing, whatever became of them since.
type DemoUsers struct {
	Hashes [3][]byte // bcrypt's, of their passwords
}

// demo are the users of dev mode. Their ids are fixed, as those of the channels are: no entry of so low a position
// holds a command.
var demo = [3]state.User{
	{ID: 1, Name: "alice", Email: "alice@demo.invalid", Display: "Alice", Admin: true, Demo: true},
	{ID: 2, Name: "bob", Email: "bob@demo.invalid", Display: "Bob", Demo: true},
	{ID: 3, Name: "charlie", Email: "charlie@demo.invalid", Display: "Charlie", Demo: true},
}

// Kind is the command's number.
func (*DemoUsers) Kind() uint8 { return kindDemoUsers }

// Code passes the fields.
func (d *DemoUsers) Code(c *state.Coder) {
	for i := range d.Hashes {
		c.Bytes(&d.Hashes[i])
	}
}

// Check refuses what is no hash.
func (d *DemoUsers) Check(*state.Limits) *state.Refusal {
	for _, hash := range d.Hashes {
		if refusal := checkHash(hash); refusal != nil {
			return refusal
		}
	}
	return nil
}

// Apply makes the three, or none of them.
func (d *DemoUsers) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	if t.Settings().Demo {
		return done(t), nil
	}
	for i := range demo {
		if refusal := free(t, &demo[i]); refusal != nil {
			return nil, refusal
		}
	}
	if t.Len(state.TableUsers)+len(demo) > t.Limits.UsersMax {
		return nil, refuseUsersFull(t)
	}
	for i, u := range demo {
		u.Wall = t.Wall
		makeUser(t, &u, d.Hashes[i])
		for _, place := range [...]state.PlaceID{state.General, state.Random, state.Tech} {
			join(t, place, u.ID, true)
		}
	}
	o := t.Settings()
	o.Demo = true
	t.PutSettings(&o)
	t.Audit("demo.users", "", "")
	return done(t), nil
}

// IsDemo says whether an id is that of one of the users of dev mode, whom a server refuses where strangers reach it.
func IsDemo(id state.UserID) bool { return id >= demo[0].ID && id <= demo[len(demo)-1].ID }
