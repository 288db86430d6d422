package account

import (
	"parley/statemachine/state"
)

// SetProfile changes the caller's display name and email address. Usernames never change.
type SetProfile struct {
	SetDisplay bool // otherwise it stays
	Display    string
	SetEmail   bool // otherwise it stays
	Email      string
}

// Kind is the command's number.
func (*SetProfile) Kind() uint8 { return kindSetProfile }

// Code passes the fields.
func (p *SetProfile) Code(c *state.Coder) {
	c.Bool(&p.SetDisplay)
	c.String(&p.Display)
	c.Bool(&p.SetEmail)
	c.String(&p.Email)
}

// Check refuses what no account may have.
func (p *SetProfile) Check(l *state.Limits) *state.Refusal {
	if p.SetDisplay && p.Display == "" {
		return state.Invalidf("display_name", "EMPTY", "The display name is empty.")
	}
	if refusal := state.CheckLine("display_name", "A display name", p.Display, l.DisplayBytesMax); refusal != nil {
		return refusal
	}
	if p.SetEmail {
		return l.CheckEmail("email", p.Email)
	}
	return nil
}

// Apply changes what is to change.
func (p *SetProfile) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	u := t.User
	if p.SetEmail && state.FoldName(p.Email) != state.FoldName(u.Email) {
		if refusal := freeEmail(t, p.Email); refusal != nil {
			return nil, refusal
		}
	}
	if p.SetEmail && p.Email != u.Email {
		u.Email = p.Email
		t.Audit("user.email", u.ID.String(), "")
	}
	if p.SetDisplay && p.Display != u.Display {
		u.Display = p.Display
		t.Record(t.At.Position, &state.Event{Kind: state.EventUserChanged, Audience: state.ForAll(), User: u.ID})
	}
	t.PutUser(&u)
	return &Person{u}, nil
}

// Person is an account, as whoever asks may see it.
type Person struct{ state.User }

// Code passes the fields.
func (p *Person) Code(c *state.Coder) {
	state.Number(c, &p.ID)
	p.User.Code(c)
}

// seen returns an account as the caller may see it: without the address, unless it is his own or he is an admin of
// the cluster.
func seen(v *state.View, u state.User) Person {
	if u.ID != v.User.ID && !v.User.Admin {
		u.Email = ""
	}
	return Person{u}
}

// WhoAmI asks who the caller is.
type WhoAmI struct{}

// Kind is the query's number.
func (*WhoAmI) Kind() uint8 { return kindWhoAmI }

// Code passes no fields.
func (*WhoAmI) Code(*state.Coder) {}

// Me answers WhoAmI.
type Me struct {
	Person Person
	Login  LoginInfo
	SignUp state.SignUpMode // for admins of the cluster; others see zero
}

// Code passes the fields.
func (m *Me) Code(c *state.Coder) {
	m.Person.Code(c)
	m.Login.Code(c)
	state.Byte(c, &m.SignUp)
}

// Answer reads.
func (*WhoAmI) Answer(v *state.View) (state.Coded, *state.Refusal) {
	me := &Me{Person: seen(v, v.User), Login: infoOf(v, &v.Login)}
	if v.User.Admin {
		me.SignUp = v.Settings().SignUp
	}
	return me, nil
}

// UserOf asks for an account by its name.
type UserOf struct{ Name string }

// Kind is the query's number.
func (*UserOf) Kind() uint8 { return kindUserOf }

// Code passes the fields.
func (q *UserOf) Code(c *state.Coder) { c.String(&q.Name) }

// Answer reads.
func (q *UserOf) Answer(v *state.View) (state.Coded, *state.Refusal) {
	u, refusal := named(v, q.Name)
	if refusal != nil {
		return nil, refusal
	}
	p := seen(v, u)
	return &p, nil
}

// Users asks for the accounts in the order of their folded names.
type Users struct {
	Cursor string // the name behind which the page begins; empty: the first
	Limit  uint64 // zero: Limits.UsersPage; more than Limits.UsersPageMax is cut to it
}

// Kind is the query's number.
func (*Users) Kind() uint8 { return kindUsers }

// Code passes the fields.
func (q *Users) Code(c *state.Coder) {
	c.String(&q.Cursor)
	state.Number(c, &q.Limit)
}

// UserList answers Users.
type UserList struct {
	Users []Person
	Next  string // the cursor of the next page; empty: this is the last
	Total uint64 // of all accounts
}

// Code passes the fields.
func (l *UserList) Code(c *state.Coder) {
	state.List(c, &l.Users, func(c *state.Coder, p *Person) { p.Code(c) })
	c.String(&l.Next)
	state.Number(c, &l.Total)
}

// Answer reads.
func (q *Users) Answer(v *state.View) (state.Coded, *state.Refusal) {
	limit := v.Limits.UsersLimit(q.Limit)
	list := &UserList{Total: uint64(v.Len(state.TableUsers))}
	v.UsersByName(q.Cursor, func(u *state.User) bool {
		if len(list.Users) == limit {
			list.Next = state.FoldName(list.Users[limit-1].Name)
			return false
		}
		list.Users = append(list.Users, seen(v, *u))
		return true
	})
	return list, nil
}
