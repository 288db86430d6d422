package raft

import "slices"

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
// is joint [§6]. A configuration without voters reaches nothing: floor.
func quorumValue(c *Configuration, floor int64, value func(m *Member) int64) int64 {
	v, ok := halfValue(c, incoming, value)
	if !ok {
		v = floor
	}
	if old, joint := halfValue(c, outgoing, value); joint {
		v = min(v, old)
	}
	return v
}

func halfValue(c *Configuration, h half, value func(m *Member) int64) (int64, bool) {
	var buf [8]int64
	values := buf[:0]
	for i := range c.Members {
		if m := &c.Members[i]; h.votes(m) {
			values = append(values, value(m))
		}
	}
	if len(values) == 0 {
		return 0, false
	}
	slices.Sort(values)
	// Of n sorted values, the one at (n-1)/2 is reached by n - (n-1)/2 voters:
	// 3 of 5, 3 of 4, 2 of 3, 2 of 2, 1 of 1.
	return values[(len(values)-1)/2], true
}

// quorumHas reports whether a quorum of voters has the property.
func quorumHas(c *Configuration, has func(m *Member) bool) bool {
	return quorumValue(c, 0, func(m *Member) int64 {
		if has(m) {
			return 1
		}
		return 0
	}) == 1
}
