package node

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"parley/raft"
	"parley/raft/blob"
	"parley/raft/snap"
)

// LevelMax is the newest level this program knows. Every change of what Apply
// does with an entry gets a level of its own.
const LevelMax = LevelTeam

// Settings is what the operator decides.
type Settings struct {
	// Seeds are the founding members, this node among them. They are read until
	// the cluster is formed and never again. Without seeds a directory that
	// belongs to no cluster waits for a cluster to add it.
	Seeds []Seed
	// PeerAddr and ClientAddr are where a node without seeds listens: it is
	// added under these addresses, and with no others.
	PeerAddr   string
	ClientAddr string
	// Cluster is the id that a new cluster gets if this node forms it: drawn at
	// random by the driver at every start.
	Cluster raft.ClusterID
	// Seed keys every draw the node makes.
	Seed uint64
	// ElectionTimeout, Heartbeat and Priority: see raft.Config.
	ElectionTimeout time.Duration
	Heartbeat       time.Duration
	Priority        int
	// Lease and ClockDriftPPM: see raft.Config. All nodes of a cluster should have the same. A
	// node whose lease is taken away must have been down for an election timeout.
	Lease         time.Duration
	ClockDriftPPM int64
	// CommitDelay: see raft.Config. Zero is DefaultCommitDelay, and less is no delay.
	CommitDelay time.Duration
	// LeaderReadsOnly refuses linearizable queries unless this node leads, instead of asking
	// the leader how far this node's state must have come.
	LeaderReadsOnly bool
	// MaxLevel is the newest level this node takes part in, LevelMax if zero. A lower
	// one plays an older release.
	MaxLevel uint32
	// HoldLevel keeps this node, when it leads, from raising the level. Without it the leader
	// does so as soon as every member takes part in a newer one.
	HoldLevel bool
	// HashEvery is at how many entries nodes compare their state hashes, 1,024 if zero. All
	// nodes should have the same: they compare where their multiples meet.
	HashEvery raft.Index

	Limits Limits
	Rules  Rules
	Blobs  blob.Options // as in DiskOptions
	Raft   raft.Limits
}

// Seed is a founding member and where it listens, "host:port". ClientAddr
// matters for this node alone: the others tell theirs.
type Seed struct {
	ID         raft.NodeID
	PeerAddr   string
	ClientAddr string
}

// Validate reports what keeps a node with this id from starting on the settings.
func (s *Settings) Validate(self raft.NodeID) error {
	if err := cmp.Or(s.validateTimers(), s.validateLease()); err != nil {
		return err
	}
	if len(s.Seeds) == 0 {
		return nil
	}
	ids := make([]raft.NodeID, 0, len(s.Seeds))
	for _, seed := range s.Seeds {
		if seed.ID == 0 {
			return fmt.Errorf("founding member with id 0: ids start at 1")
		}
		if slices.Contains(ids, seed.ID) {
			return fmt.Errorf("founding member %d is named twice", seed.ID)
		}
		ids = append(ids, seed.ID)
	}
	if !slices.Contains(ids, self) {
		return fmt.Errorf("node %d is not among the founding members %v", self, ids)
	}
	if s.Cluster == 0 {
		return fmt.Errorf("cluster id 0 means none: draw one")
	}
	return nil
}

// validateTimers refuses heartbeats that do not keep followers from standing for election.
func (s *Settings) validateTimers() error {
	election := cmp.Or(s.ElectionTimeout, raft.DefaultElectionTimeout)
	heartbeat := cmp.Or(s.Heartbeat, raft.DefaultHeartbeat)
	switch {
	case election < 0 || heartbeat < 0:
		return fmt.Errorf("an election timeout of %v and a heartbeat every %v: neither can be negative", election, heartbeat)
	case heartbeat >= election:
		return fmt.Errorf("a heartbeat every %v is no earlier than the election timeout of %v: every leader would be replaced before it shows that it lives; "+
			"make Heartbeat a fifth of ElectionTimeout or less", heartbeat, election)
	}
	return nil
}

// validateLease refuses a lease that voters would not keep.
func (s *Settings) validateLease() error {
	election := cmp.Or(s.ElectionTimeout, raft.DefaultElectionTimeout)
	drift := cmp.Or(s.ClockDriftPPM, raft.DefaultClockDriftPPM)
	switch most := raft.LeaseMax(election, drift); {
	case s.Lease < 0 || drift < 0:
		return fmt.Errorf("a lease of %v with clocks that drift by %d ppm: neither can be negative", s.Lease, drift)
	case s.Lease > most:
		return fmt.Errorf("a lease of %v is longer than voters keep: with an election timeout of %v and clocks that drift by %d ppm at most %v",
			s.Lease, election, drift, most)
	}
	return nil
}

// DefaultCommitDelay is more than a caller on the same network takes from his answer to his next request, and less than
// anybody notices who reads a follower's stream.
const DefaultCommitDelay = time.Millisecond

func (s Settings) withDefaults() Settings {
	s.CommitDelay = max(cmp.Or(s.CommitDelay, DefaultCommitDelay), 0)
	s.Seeds = slices.Clone(s.Seeds)
	slices.SortFunc(s.Seeds, func(a, b Seed) int { return cmp.Compare(a.ID, b.ID) })
	if s.MaxLevel == 0 {
		s.MaxLevel = LevelMax
	}
	if s.HashEvery == 0 {
		s.HashEvery = 1024
	}
	s.Limits = s.Limits.withDefaults()
	s.Rules = s.Rules.withDefaults()
	return s
}

// Boot is what the data directory knew when the process started.
type Boot struct {
	Identity Identity
	Hard     raft.HardState
	Base     raft.Base    // entry zero: the log begins at index 1
	Entries  []raft.Entry // behind the base
	// Applied is what State holds, the newest snapshot's state; nil if there is none.
	Applied   raft.Index
	State     *State
	Snapshots []snap.Info // durable and good, oldest first
	Blobs     blob.Found
	Found     Found
}
