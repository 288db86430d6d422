package account

import (
	"parley/raft"
	"parley/statemachine/state"
)

// Done answers what has nothing to tell but where it was done.
type Done struct{ Position raft.Position }

// Code passes the fields.
func (d *Done) Code(c *state.Coder) { state.Number(c, &d.Position) }

func done(t *state.Txn) *Done { return &Done{t.At.Position} }

// Until answers what makes something that ends with time.
type Until struct {
	Position raft.Position
	Until    raft.LogTime
	Left     int64 // nanoseconds from the entry on, for who has no log time
}

// Code passes the fields.
func (u *Until) Code(c *state.Coder) {
	state.Number(c, &u.Position)
	state.Number(c, &u.Until)
	state.Number(c, &u.Left)
}

func until(t *state.Txn, end raft.LogTime) *Until {
	return &Until{t.At.Position, end, int64(end - t.At.Time)}
}

// needAdmin refuses who is no admin of the cluster.
func needAdmin(v *state.View) *state.Refusal {
	if v.User.Admin {
		return nil
	}
	return state.Refusef(state.NotPermitted, "NOT_CLUSTER_ADMIN", "Only an admin of the cluster may do that.")
}

// named returns the user whom a command or query means. A name that none can have is not repeated.
func named(v *state.View, name string) (state.User, *state.Refusal) {
	u, ok := v.UserNamed(name)
	switch {
	case ok:
		return u, nil
	case v.Limits.CheckUserName("username", name) != nil:
		return u, state.Refusef(state.NotFound, "USER_NOT_FOUND", "There is no user of that name.")
	}
	return u, state.Refusef(state.NotFound, "USER_NOT_FOUND", "There is no user %s.", name)
}

// governs returns the user whom an admin of the cluster means.
func governs(t *state.Txn, name string) (state.User, *state.Refusal) {
	if refusal := needAdmin(&t.View); refusal != nil {
		return state.User{}, refusal
	}
	return named(&t.View, name)
}

// checkHash refuses what is no password's hash.
func checkHash(hash []byte) *state.Refusal {
	if len(hash) == 0 || len(hash) > hashBytesMax {
		return state.Invalidf("password", "PASSWORD_INVALID", "The password's hash is not one.")
	}
	return nil
}

// hashBytesMax bounds a password's hash: bcrypt's has 60.
const hashBytesMax = 100

// checkDigest refuses what is the digest of nothing: zero stands for none.
func checkDigest(field string, digest [32]byte) *state.Refusal {
	if digest == ([32]byte{}) {
		return state.Invalidf(field, "FIELD_INVALID", "The %s is missing.", field)
	}
	return nil
}
