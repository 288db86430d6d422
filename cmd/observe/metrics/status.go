package metrics

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
)

// statusMax is how long the loop may take to say how the node is. Prometheus waits for ten seconds.
const statusMax = 2 * time.Second

// reading is what is read off a node when somebody looks.
type reading struct {
	host *host.Host
	free func() (free, size uint64, ok bool) // of the data directory's disk

	all []*readOff
	// responsive is set even if the node does not answer.
	responsive, diskFree, diskSize *readOff
}

// readOff is one family: what it is called, and how its series come from a status.
type readOff struct {
	desc *prometheus.Desc
	read func(s *node.Status, put func(value float64, labels ...string))
}

// Watch adds what is read off a host, and of the disk that dir is on, to what is served. It is called once.
func (m *Metrics) Watch(h *host.Host, dir string) {
	r := &reading{host: h, free: func() (uint64, uint64, bool) { return diskSpace(dir) }}
	r.describe(m)
	m.registry.MustRegister(r)
}

// roles are those of raft.Role, as the label has them.
var roles = [...]string{raft.Follower: "follower", raft.PreCandidate: "pre_candidate", raft.Candidate: "candidate", raft.Leader: "leader"}

func (r *reading) describe(m *Metrics) {
	family := func(name, help string, labels ...string) *readOff {
		m.family("gauge", name, help, labels)
		return &readOff{desc: prometheus.NewDesc(name, help, labels, nil)}
	}
	each := func(name, help string, read func(s *node.Status, put func(float64, ...string)), labels ...string) {
		f := family(name, help, labels...)
		f.read = read
		r.all = append(r.all, f)
	}
	one := func(name, help string, value func(s *node.Status) float64) {
		each(name, help, func(s *node.Status, put func(float64, ...string)) { put(value(s)) })
	}
	r.responsive = family("parley_loop_responsive", "1 if the node's loop answered within 2 s, else 0: then what is read off it is missing.")
	r.diskFree = family("parley_data_disk_free_bytes", "Free space on the disk of the data directory.")
	r.diskSize = family("parley_data_disk_bytes", "Size of the disk of the data directory.")

	each("parley_node_info", "1; the labels say which node of which cluster this is.", func(s *node.Status, put func(float64, ...string)) {
		put(1, id(uint64(s.Self.ID)), s.Cluster.String())
	}, "node", "cluster")
	each("parley_raft_role", "1 for the role that the node has, 0 for the others.", func(s *node.Status, put func(float64, ...string)) {
		for role, name := range roles {
			if name != "" {
				put(truth(raft.Role(role) == s.Role), name)
			}
		}
	}, "role")
	one("parley_raft_term", "The current term.", func(s *node.Status) float64 { return float64(s.Term) })
	one("parley_raft_leader", "The id of the leader, 0 if none is known.", func(s *node.Status) float64 { return float64(s.Leader) })
	one("parley_raft_leader_quiet_seconds", "Time since the leader was heard.", func(s *node.Status) float64 { return s.LeaderQuiet.Seconds() })
	one("parley_raft_commit_index", "The last entry that is known to be committed.", func(s *node.Status) float64 { return float64(s.Commit) })
	one("parley_raft_applied_index", "The last entry that was applied to the state.", func(s *node.Status) float64 { return float64(s.Applied) })
	one("parley_raft_last_index", "The last entry of the log.", func(s *node.Status) float64 { return float64(s.Last) })
	one("parley_raft_stored_index", "The last entry that the own disk has.", func(s *node.Status) float64 { return float64(s.Stored) })
	one("parley_raft_base_index", "The last entry that a snapshot stands for: the log begins behind it.", func(s *node.Status) float64 { return float64(s.Base) })
	one("parley_raft_agreed_index", "The last entry after which a majority is known to have had this node's state.", func(s *node.Status) float64 { return float64(s.Agreed) })
	one("parley_raft_level", "The cluster's level: what every node's release knows.", func(s *node.Status) float64 { return float64(s.Level) })
	one("parley_raft_removed", "1 if this node was removed from the cluster.", func(s *node.Status) float64 { return truth(s.Removed != 0) })
	each("parley_raft_members", "Members of the configuration in force.", func(s *node.Status, put func(float64, ...string)) {
		voters := 0
		for i := range s.Members {
			if s.Members[i].Voter || s.Members[i].VoterOld {
				voters++
			}
		}
		put(float64(voters), "voter")
		put(float64(len(s.Members)-voters), "learner")
	}, "kind")
	each("parley_raft_peer_lag_entries", "On the leader: entries of its log that it does not know the peer to have.", func(s *node.Status, put func(float64, ...string)) {
		r.peers(s, func(p *node.MemberStatus) { put(float64(p.Lag), id(uint64(p.ID))) })
	}, "peer")
	each("parley_raft_peer_alive", "On the leader: 1 if the peer answered within the last four heartbeats.", func(s *node.Status, put func(float64, ...string)) {
		r.peers(s, func(p *node.MemberStatus) { put(truth(p.Alive), id(uint64(p.ID))) })
	}, "peer")
	one("parley_log_damaged", "1 while entries are missing that the disk lost: nothing from there on is served.", func(s *node.Status) float64 { return truth(s.Hole != 0) })
	one("parley_log_lost", "1 if no member has an entry any more that this node's disk lost.", func(s *node.Status) float64 { return truth(s.Lost != 0) })
	one("parley_snapshot_index", "The last entry of the newest snapshot.", func(s *node.Status) float64 {
		if len(s.Snapshots) == 0 {
			return 0
		}
		return float64(s.Snapshots[len(s.Snapshots)-1])
	})
	one("parley_snapshot_fetch_bytes", "How much of a snapshot is here that comes from a peer; 0 if none does.", func(s *node.Status) float64 { return float64(s.FetchHave) })
	one("parley_snapshot_fetch_size_bytes", "Size of the snapshot that comes from a peer; 0 if none does.", func(s *node.Status) float64 { return float64(s.FetchSize) })
	one("parley_requests_in_flight", "Requests that wait for an answer, in the inbox or in the node.", func(*node.Status) float64 { return float64(r.host.Calls()) })
	one("parley_proposals_in_flight", "Commands that are appended and not yet applied.", func(s *node.Status) float64 { return float64(s.Waiters) })
	one("parley_reads_in_flight", "Linearizable queries that wait for a round of heartbeats.", func(s *node.Status) float64 { return float64(s.Reads) })
	one("parley_sessions", "Client sessions that are open in the cluster.", func(s *node.Status) float64 { return float64(s.Sessions) })
	one("parley_request_ids", "Request ids of one-shot commands that are remembered.", func(s *node.Status) float64 { return float64(s.Requests) })
	one("parley_event_streams", "Streams of events that this node feeds.", func(s *node.Status) float64 { return float64(s.Subscribers) })
	one("parley_blobs", "Contents of files that the cluster names or keeps for an upload under way.", func(s *node.Status) float64 { return float64(s.Blobs) })
	one("parley_blobs_missing", "Contents of files that the cluster names and this node does not have yet.", func(s *node.Status) float64 { return float64(s.BlobsMissing) })
	one("parley_uploads_waiting", "Uploads that wait for a majority to store them.", func(s *node.Status) float64 { return float64(s.Uploads) })
}

// peers visits the other members, on the leader: nobody else knows anything about them.
func (r *reading) peers(s *node.Status, visit func(*node.MemberStatus)) {
	if s.Role != raft.Leader {
		return
	}
	for i := range s.Members {
		if p := &s.Members[i]; p.Ident != s.Self {
			visit(p)
		}
	}
}

// Describe implements prometheus.Collector.
func (r *reading) Describe(ch chan<- *prometheus.Desc) {
	for _, f := range append(r.all, r.responsive, r.diskFree, r.diskSize) {
		ch <- f.desc
	}
}

// Collect asks the node, and gives up when its loop does not answer.
func (r *reading) Collect(ch chan<- prometheus.Metric) {
	put := func(f *readOff) func(float64, ...string) {
		return func(value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(f.desc, prometheus.GaugeValue, value, labels...)
		}
	}
	if free, size, ok := r.free(); ok {
		put(r.diskFree)(float64(free))
		put(r.diskSize)(float64(size))
	}
	ctx, cancel := context.WithTimeout(context.Background(), statusMax)
	defer cancel()
	s, err := r.host.StatusWithin(ctx)
	put(r.responsive)(truth(err == nil))
	if err != nil {
		return
	}
	for _, f := range r.all {
		f.read(&s, put(f))
	}
}

func truth(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
