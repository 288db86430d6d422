package account

import (
	"fmt"
	"strings"
	"time"

	"parley/raft"
	"parley/statemachine/state"
)

// SetRetention says for how long things are kept. It is for admins of the cluster.
type SetRetention struct {
	SetMessages, SetFiles, SetEvents bool // what stays as it is is not set
	To                               state.Retention
}

// Kind is the command's number.
func (*SetRetention) Kind() uint8 { return kindSetRetention }

// Code passes the fields.
func (r *SetRetention) Code(c *state.Coder) {
	c.Bool(&r.SetMessages)
	c.Bool(&r.SetFiles)
	c.Bool(&r.SetEvents)
	r.To.Code(c)
}

// Check refuses times that nobody can mean.
func (r *SetRetention) Check(l *state.Limits) *state.Refusal { return l.CheckRetention(&r.To) }

// Kept answers SetRetention and RetentionOf: for how long things are kept.
type Kept struct {
	Retention state.Retention
	Position  raft.Position // of the command
}

// Code passes the fields.
func (k *Kept) Code(c *state.Coder) {
	k.Retention.Code(c)
	state.Number(c, &k.Position)
}

// Apply writes it. What is older goes with the next entries.
func (r *SetRetention) Apply(t *state.Txn) (state.Coded, *state.Refusal) {
	if refusal := needAdmin(&t.View); refusal != nil {
		return nil, refusal
	}
	to := t.Retention()
	var said []string
	for _, one := range [...]struct {
		set  bool
		what string
		is   *time.Duration
		want time.Duration
	}{{r.SetMessages, "messages", &to.Messages, r.To.Messages}, {r.SetFiles, "files", &to.Files, r.To.Files}, {r.SetEvents, "events", &to.Events, r.To.Events}} {
		if one.set && *one.is != one.want {
			*one.is = one.want
			said = append(said, fmt.Sprintf("%s %s", one.what, forHowLong(one.want)))
		}
	}
	if len(said) > 0 {
		t.SetRetention(t.At.Time, to)
		t.Audit("retention.set", "", strings.Join(said, ", "))
	}
	return &Kept{to, t.At.Position}, nil
}

func forHowLong(d time.Duration) string {
	if d == 0 {
		return "for ever"
	}
	return "for " + d.String()
}

// RetentionOf asks for how long things are kept.
type RetentionOf struct{}

// Kind is the query's number.
func (*RetentionOf) Kind() uint8 { return kindRetentionOf }

// Code passes no fields.
func (*RetentionOf) Code(*state.Coder) {}

// Answer reads.
func (*RetentionOf) Answer(v *state.View) (state.Coded, *state.Refusal) {
	return &Kept{Retention: v.Retention()}, nil
}
