package raft_test

import (
	"fmt"

	"parley/raft"
)

// Three nodes elect a leader and commit a command. What they need of a driver is done by hand: messages lie in a map until their
// receiver's next Step, and a write is stored as soon as it is asked for. Time stands still, so that nobody's election timer fires.
func Example() {
	// All logs begin behind the same base: no entries yet, and who votes.
	var base raft.Base
	for id := raft.NodeID(1); id <= 3; id++ {
		base.Config.Members = append(base.Config.Members, raft.Member{Ident: raft.Ident{ID: id, Inc: 7}, Voter: true})
	}
	nodes := make(map[raft.NodeID]*raft.Raft)
	for _, m := range base.Config.Members {
		nodes[m.ID] = raft.New(raft.Config{Self: m.Ident, Cluster: 1}, raft.Restored{Base: base}, 0)
	}

	inputs := make(map[raft.NodeID][]raft.Input) // of each node's next Step
	send := func(messages []raft.Message) {
		for _, m := range messages {
			inputs[m.To.ID] = append(inputs[m.To.ID], raft.Input{Kind: raft.InputMessage, Message: &m})
		}
	}
	step := func(id raft.NodeID) {
		var out raft.Output
		out.Reset()
		in := inputs[id]
		delete(inputs, id)
		nodes[id].Step(0, in, &out)
		send(out.Send)
		for _, s := range out.Store {
			// A driver writes s to its log here, and syncs: only then may the promises leave.
			inputs[id] = append(inputs[id], raft.Input{Kind: raft.InputStored, Stored: s.Seq})
			send(s.Then)
		}
		for _, e := range out.Committed {
			if e.Kind == raft.EntryCommand { // the protocol's own entries do nothing to a state machine
				fmt.Printf("node %d applies %q at index %d of term %d\n", id, e.Payload, e.Index, e.Term)
			}
		}
	}
	tell := func(id raft.NodeID, in raft.Input) {
		inputs[id] = append(inputs[id], in)
		for len(inputs) > 0 {
			for id := raft.NodeID(1); id <= 3; id++ {
				step(id)
			}
		}
	}

	tell(1, raft.Input{Kind: raft.InputCampaign})
	for id := raft.NodeID(1); id <= 3; id++ {
		fmt.Printf("node %d is a %s; the leader of term %d is node %d\n", id, nodes[id].Role(), nodes[id].Term(), nodes[id].Leader().ID)
	}
	tell(1, raft.Input{Kind: raft.InputPropose, Proposal: raft.Proposal{Kind: raft.EntryCommand, Payload: []byte("hello")}})
	fmt.Println("commitIndex:", nodes[1].Commit(), nodes[2].Commit(), nodes[3].Commit())

	// Output:
	// node 1 is a leader; the leader of term 1 is node 1
	// node 2 is a follower; the leader of term 1 is node 1
	// node 3 is a follower; the leader of term 1 is node 1
	// node 1 applies "hello" at index 2 of term 1
	// node 2 applies "hello" at index 2 of term 1
	// node 3 applies "hello" at index 2 of term 1
	// commitIndex: 2 2 2
}
