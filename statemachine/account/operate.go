package account

import (
	"strconv"

	"parley/statemachine/state"
)

// Deed is something that admins of the cluster have its nodes do, and that changes nothing of this state: who belongs
// to the cluster, who leads it, a copy of everything. The numbers are in logs; they never change.
type Deed uint8

// The deeds.
const (
	DeedTransfer Deed = 1 // leadership to a node
	DeedAdd      Deed = 2 // a node
	DeedReplace  Deed = 3 // a node by another
	DeedRemove   Deed = 4 // a node
	DeedBackup   Deed = 5 // of the cluster
	DeedExport   Deed = 6 // of the audit log
)

// deedNames are the deeds as the audit log has them.
var deedNames = [...]string{DeedTransfer: "cluster.transfer", DeedAdd: "cluster.add", DeedReplace: "cluster.replace",
	DeedRemove: "cluster.remove", DeedBackup: "cluster.backup", DeedExport: "audit.export"}

// Operate writes down a deed. Servers propose it before they do what is asked, and do it only when it is written: what
// an admin did is in the audit log even if nobody lived to answer him. That it was carried out it does not say.
type Operate struct {
	Deed   Deed
	Object string // a node, say
	Detail string // such as its addresses
}

// Kind is the command's number.
func (*Operate) Kind() uint8 { return kindOperate }

// Code passes the fields.
func (o *Operate) Code(c *state.Coder) {
	state.Byte(c, &o.Deed)
	c.String(&o.Object)
	c.String(&o.Detail)
}

// noteBytesMax bounds what a server writes of what was asked: two addresses and some words.
const noteBytesMax = 700

// Check refuses what is no deed.
func (o *Operate) Check(*state.Limits) *state.Refusal {
	if int(o.Deed) >= len(deedNames) || deedNames[o.Deed] == "" {
		return state.Invalidf("deed", "FIELD_INVALID", "There is no such deed.")
	}
	if refusal := state.CheckLine("object", "An object", o.Object, noteBytesMax); refusal != nil {
		return refusal
	}
	return state.CheckLine("detail", "A detail", o.Detail, noteBytesMax)
}

// Apply writes it down, for admins of the cluster.
func (o *Operate) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	if refusal := needAdmin(&t.View); refusal != nil {
		return nil, refusal
	}
	t.Audit(deedNames[o.Deed], o.Object, o.Detail)
	return done(t), nil
}

// Denied writes down that somebody was refused what he may not do. It is for servers, which see reads as well as
// writes: a refusal itself changes nothing, on no node.
type Denied struct {
	User    state.UserID
	Login   state.LoginID
	Method  string // that was called
	Reason  string // of the refusal
	Dropped uint64 // denials of this user before it that were too many to be written down
}

// Kind is the command's number.
func (*Denied) Kind() uint8 { return kindDenied }

// Code passes the fields.
func (d *Denied) Code(c *state.Coder) {
	state.Number(c, &d.User)
	state.Number(c, &d.Login)
	c.String(&d.Method)
	c.String(&d.Reason)
	state.Number(c, &d.Dropped)
}

// Check refuses what no server writes.
func (d *Denied) Check(*state.Limits) *state.Refusal {
	if refusal := state.CheckLine("method", "A method", d.Method, noteBytesMax); refusal != nil {
		return refusal
	}
	return state.CheckLine("reason", "A reason", d.Reason, noteBytesMax)
}

// Apply writes it down, as a deed of who was refused.
func (d *Denied) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	u, ok := t.State.User(d.User)
	if !ok {
		return nil, state.Refusef(state.NotFound, "USER_NOT_FOUND", "There is no such user.")
	}
	t.View.User, t.View.Login = u, state.Login{ID: d.Login}
	t.Audit("denied", d.Method, d.Reason+dropped(d.Dropped))
	return done(t), nil
}

// LogInFailed writes down that somebody tried to log in with a wrong password. It is for servers. What he wrote in the
// place of a name is not written down where nobody has it: it may be his password.
type LogInFailed struct {
	Name    string
	Address string
	Dropped uint64 // failures at this node before it that were too many to be written down
}

// Kind is the command's number.
func (*LogInFailed) Kind() uint8 { return kindLogInFailed }

// Code passes the fields.
func (f *LogInFailed) Code(c *state.Coder) {
	c.String(&f.Name)
	c.String(&f.Address)
	state.Number(c, &f.Dropped)
}

// Check refuses what no server writes.
func (f *LogInFailed) Check(*state.Limits) *state.Refusal {
	if refusal := state.CheckLine("name", "A name", f.Name, noteBytesMax); refusal != nil {
		return refusal
	}
	return state.CheckLine("address", "An address", f.Address, noteBytesMax)
}

// Apply writes it down.
func (f *LogInFailed) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	object := ""
	if u, ok := t.UserNamed(f.Name); ok {
		object = u.ID.String()
	}
	t.Audit("login.failed", object, f.Address+dropped(f.Dropped))
	return done(t), nil
}

// dropped says how many more there were.
func dropped(n uint64) string {
	if n == 0 {
		return ""
	}
	return "; " + strconv.FormatUint(n, 10) + " more before it"
}
