package raft

// Member is one node of a configuration.
type Member struct {
	Ident
	// Voter: counts in the (new) majority. VoterOld: counts in the outgoing
	// majority of a joint configuration [§6]. Neither: a learner [T§4.2.1].
	Voter    bool
	VoterOld bool
	// Promote: the leader makes this learner a voter when it has caught up.
	Promote bool
	// Replaces: the voter that leaves in the change that promotes this learner; zero
	// if none does.
	Replaces NodeID
	// PeerAddr and ClientAddr are where the node listens, "host:port". The
	// protocol carries them and never reads them.
	PeerAddr   string
	ClientAddr string
}

// Configuration is a membership, ordered by node id. It is joint if any member
// has VoterOld set.
type Configuration struct {
	Members []Member
}

// Joint reports whether decisions need both majorities [§6].
func (c *Configuration) Joint() bool {
	for i := range c.Members {
		if c.Members[i].VoterOld {
			return true
		}
	}
	return false
}

// Find returns the member with this id.
func (c *Configuration) Find(id NodeID) (Member, bool) {
	if m := c.find(id); m != nil {
		return *m, true
	}
	return Member{}, false
}

// find is Find without a copy; nil if there is none.
func (c *Configuration) find(id NodeID) *Member {
	for i := range c.Members {
		if m := &c.Members[i]; m.ID == id {
			return m
		}
	}
	return nil
}

// Has reports whether exactly this incarnation of the node is a member.
func (c *Configuration) Has(who Ident) bool {
	m := c.find(who.ID)
	return m != nil && m.Ident == who
}

// IsVoter reports whether who counts in any majority of the configuration.
func (c *Configuration) IsVoter(who Ident) bool {
	m := c.find(who.ID)
	return m != nil && m.Ident == who && (m.Voter || m.VoterOld)
}

// Quorum reports whether a quorum has the property: more than half of the voters, in both
// halves if the configuration is joint [§6].
func (c *Configuration) Quorum(has func(m *Member) bool) bool { return quorumHas(c, has) }

// Clone returns a copy that shares nothing.
func (c *Configuration) Clone() Configuration {
	return Configuration{Members: append([]Member(nil), c.Members...)}
}
