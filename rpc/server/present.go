package server

import (
	"context"
	"fmt"
	"time"

	"parley/raft"
	"parley/raft/node"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
	"parley/statemachine/presence"
	"parley/statemachine/state"
)

// present tells who has a stream here, if the state says otherwise. Every node tells of itself; it is said again until
// it shows, so that nobody need wait for it.
func (d *duties) present(ctx context.Context, self raft.NodeID) error {
	var due presence.ToAnnounce
	if _, err := d.ask(ctx, pb.Consistency_CONSISTENCY_STALE, &presence.Difference{Node: self, Wanted: d.streams.wanted()}, &due); err != nil {
		return fmt.Errorf("compare who is here: %w", err)
	}
	for i := range due.Announces {
		d.sayAll(&due.Announces[i])
	}
	return nil
}

// missing tells, on the leader, which nodes are gone that users were connected to. A node that has only just begun
// to lead gives each the same time as one that hears a node fall silent.
func (d *duties) missing(ctx context.Context, s *node.Status) error {
	now := d.now()
	if d.term != s.Term || d.seen == nil {
		d.term, d.seen = s.Term, map[raft.NodeID]time.Time{}
	}
	for i := range s.Members {
		if m := &s.Members[i]; m.Alive {
			d.seen[m.ID] = now
		}
	}
	var list presence.NodeList
	if _, err := d.ask(ctx, pb.Consistency_CONSISTENCY_STALE, &presence.Nodes{}, &list); err != nil {
		return fmt.Errorf("read where users are: %w", err)
	}
	for _, id := range list.Nodes {
		last, known := d.seen[id]
		switch {
		case !known:
			d.seen[id] = now
		case now.Sub(last) >= d.cfg.GoneAfter && id != s.Self.ID:
			d.sayAll(&presence.NodeGone{Node: id})
		}
	}
	return nil
}

// sayAll tells the state machine of all nodes.
func (d *duties) sayAll(c state.Command) {
	d.host.Tell(statemachine.AppendCommand(nil, state.Head{Wall: raft.Wall(d.now().UnixNano())}, c))
}
