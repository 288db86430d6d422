package raft

// half is one majority of a configuration: the incoming voters, or the
// outgoing ones while the configuration is joint [§6].
type half bool

const (
	incoming half = false
	outgoing half = true
)

func (h half) votes(m *Member) bool {
	if h == outgoing {
		return m.VoterOld
	}
	return m.Voter
}

// quorumValue returns the largest v that a quorum reaches: more than half of the
// voters have value(voter) >= v, in both halves if the configuration
// is joint [§6]. A configuration without voters reaches nothing: 0.
func quorumValue(c *Configuration, value func(m *Member) int64) int64 {
	v, _ := halfValue(c, incoming, value)
	if old, joint := halfValue(c, outgoing, value); joint {
		v = min(v, old)
	}
	return v
}

// halfValue returns the largest v that more than half of one half's voters reach; ok is false if it has none.
func halfValue(c *Configuration, h half, value func(m *Member) int64) (v int64, ok bool) {
	var buf [8]int64
	values := buf[:0]
	for i := range c.Members {
		m := &c.Members[i]
		if !h.votes(m) {
			continue
		}
		values = append(values, value(m))
		for at := len(values) - 1; at > 0 && values[at-1] > values[at]; at-- { // they are a handful: each goes where it belongs
			values[at-1], values[at] = values[at], values[at-1]
		}
	}
	if len(values) == 0 {
		return 0, false
	}
	// Of n sorted values, the one at (n-1)/2 is reached by n - (n-1)/2 voters:
	// 3 of 5, 3 of 4, 2 of 3, 2 of 2, 1 of 1.
	return values[(len(values)-1)/2], true
}

// quorumHas reports whether a quorum of voters has the property.
func quorumHas(c *Configuration, has func(m *Member) bool) bool {
	return quorumValue(c, func(m *Member) int64 {
		if has(m) {
			return 1
		}
		return 0
	}) == 1
}

// reached returns the largest v that a quorum of the configuration in force reaches, as this leader knows it: the node itself
// counts with own, each peer with what of says. A node that is no member counts nowhere.
func (r *Raft) reached(own int64, of func(p *progress) int64) int64 {
	return quorumValue(r.config(), func(m *Member) int64 {
		if m.Ident == r.cfg.Self {
			return own
		}
		if p := r.peer(m.Ident); p != nil {
			return of(p)
		}
		return 0
	})
}
