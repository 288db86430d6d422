package node

import "parley/raft"

// Identity is what a data directory knows about itself. It is drawn when the
// directory is made, gains the formation record once, be it by founding the
// cluster or by joining it, and never changes again.
type Identity struct {
	Self    raft.Ident
	Cluster raft.ClusterID     // zero: no formation record accepted yet
	Members raft.Configuration // of the formation record: the configuration at index 0, without Self if it joined later
}
