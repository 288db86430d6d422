package node

import (
	"time"

	"parley/raft"
)

// Status is what an operator, a judge or a page may know about a node.
type Status struct {
	Self    raft.Ident
	Cluster raft.ClusterID // zero: not formed
	Waiting []raft.NodeID  // founding members that formation waits for
	Stopped error

	Role        raft.Role
	Term        raft.Term
	Leader      raft.NodeID
	LeaderQuiet time.Duration // since the leader was last heard, as of the last Step

	Commit  raft.Index
	Applied raft.Index
	Base    raft.Index // a snapshot covers everything up to here, and the log begins behind it
	Hole    raft.Index // the first entry that the disk lost and that is not repaired, zero if none
	Lost    raft.Index // the entry that no member has any more, zero if none is known
	Floor   raft.Index // where the log ended before damage cut it, zero if it is as up to date again
	// Snapshots are the last entries of those that are kept. FetchHave of FetchSize bytes are there of
	// one that is on its way from FetchFrom.
	Snapshots            []raft.Index
	FetchFrom            raft.NodeID
	FetchHave, FetchSize int64
	Last                 raft.Index
	Stored               raft.Index
	LogTime              raft.LogTime
	Level                uint32
	Agreed               raft.Index // a majority had this node's state after this entry, as far as it knows

	Marks   []StateMark    // of the members, as they told lately: by member and then by rising index
	Members []MemberStatus // of the configuration in force
	Removed raft.Index     // the committed entry that removed this node, as far as it knows
	// Contacts are others whom this node has to reach though they are not in the configuration
	// in force. Former are members that were removed: they don't run, most likely.
	Contacts, Former []raft.Member

	Sessions     int
	Requests     int
	Blobs        uint64 // named or pinned; BlobsMissing of them are not on this node yet
	BlobsMissing int
	Uploads      int // that wait for a majority or for their pin
	Waiters      int
	Reads        int
	Subscribers  int
}

// MemberStatus is a member as this node sees it. Match, Lag and Alive are known
// to the leader only.
type MemberStatus struct {
	raft.Member
	Match raft.Index
	Lag   uint64 // entries behind the leader's last
	Alive bool   // answered within the last four heartbeats, or is this node
}

// Status returns a copy of what the node knows.
func (n *Node) Status() Status {
	s := Status{
		Self: n.self, Cluster: n.identity.Cluster, Waiting: n.waiting(), Stopped: n.stopping,
		Role: n.role, Term: n.term, Leader: n.leader, LeaderQuiet: n.leaderQuiet(),
		Applied: n.applied, LogTime: n.logTime, Level: n.level, Agreed: n.reporting.agreed,
		Sessions: n.sessions.used, Requests: n.requests.used, Waiters: n.waiters.len(), Reads: n.reads.len(), Subscribers: len(n.hub.subs),
	}
	s.Contacts, s.Former = n.contacts()
	if n.raft == nil {
		return s
	}
	r := n.raft.Status()
	s.Commit, s.Last, s.Stored, s.Removed = r.Commit, r.Last, r.Stored, r.Removed
	s.Base, s.Hole, s.Lost, s.Floor = r.Base.Index, r.Hole, r.Lost, r.Hard.Floor.Index
	s.Blobs, s.BlobsMissing, s.Uploads = n.pins.table.Count(), n.blobs.replicator.Missing(), len(n.uploads.pinning)
	for i := range n.snapshots.made {
		s.Snapshots = append(s.Snapshots, n.snapshots.made[i].Entry.Index)
	}
	if f := &n.fetch; !f.from.IsZero() {
		s.FetchFrom, s.FetchHave, s.FetchSize = f.from.ID, f.have, f.id.Size
	}
	s.Marks = n.marksOf()
	members := n.raft.InForce().Members
	s.Members = make([]MemberStatus, 0, len(members))
	for _, m := range members {
		s.Members = append(s.Members, n.memberStatus(m, &r))
	}
	return s
}

func (n *Node) memberStatus(m raft.Member, r *raft.Status) MemberStatus {
	s := MemberStatus{Member: m}
	if m.Ident == n.self {
		s.Match, s.Alive = r.Stored, true
		return s
	}
	heartbeat := n.settings.Heartbeat
	if heartbeat == 0 {
		heartbeat = raft.DefaultHeartbeat
	}
	for _, p := range r.Peers {
		if p.Ident == m.Ident {
			s.Match, s.Lag = p.Match, uint64(r.Last-p.Match)
			s.Alive = n.now.Sub(p.Heard) <= 4*heartbeat
		}
	}
	return s
}

// Raft returns the protocol's state machine, for judges. They must not call
// Step on it; nil before the node belongs to a cluster.
func (n *Node) Raft() *raft.Raft { return n.raft }

// Machine returns the state machine, for judges that compare states.
func (n *Node) Machine() StateMachine { return n.sm }

// Identity returns what the data directory knows about itself.
func (n *Node) Identity() Identity { return n.identity }

// Applied returns the index of the last entry applied.
func (n *Node) Applied() raft.Index { return n.applied }
