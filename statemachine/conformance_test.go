package statemachine

import (
	"testing"

	"pgregory.net/rapid"

	"parley/raft/node"
	"parley/raft/node/machinetest"
)

// What every state machine owes its node: this one, too.
func TestTheTeamToolIsAStateMachine(t *testing.T) {
	commands := rapid.Custom(drawCommand)
	machinetest.Run(t, machinetest.Machine{
		New:     func() node.StateMachine { return NewLimited(smallLimits()) },
		Command: func(n uint64) []byte { return commands.Example(int(n)) },
	})
}
