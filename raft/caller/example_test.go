package caller_test

import (
	"fmt"

	"parley/raft"
	"parley/raft/caller"
	"parley/raft/node"
)

// A caller by hand: what goes in, what is to be sent, and how an operation ends. A driver has a clock and a network in the
// place of these lines, and calls Step no later than WakeAt.
func Example() {
	now := raft.Mono(0)
	c := caller.New(caller.Config{Targets: []string{"a", "b", "c"}, Seed: 1, Principal: "me"}, now)

	// step tells the caller what happened, waits until it wants to send something or something has ended, and returns the
	// request that was sent.
	step := func(in caller.Input) (sent caller.Request) {
		var out caller.Output
		c.Step(now, []caller.Input{in}, &out)
		for len(out.Send)+len(out.Done) == 0 {
			now = out.WakeAt
			out.Reset()
			c.Step(now, nil, &out)
		}
		for _, r := range out.Send {
			switch sent = r; r.Kind {
			case caller.RequestOpenSession:
				fmt.Printf("to %s: open a session\n", r.Target)
			case caller.RequestCommand:
				fmt.Printf("to %s: command %d of session %d: %s\n", r.Target, r.Command.Seq, r.Command.Session, r.Command.Body)
			}
		}
		for _, r := range out.Done {
			fmt.Printf("operation %d: %v, %s\n", r.Ticket, r.Outcome, r.Reply)
		}
		return sent
	}
	answer := func(r caller.Request, a node.Answer, hint string) caller.Input {
		return caller.Input{Kind: caller.InputResponse, ID: r.ID, Answer: a, HintAddr: hint}
	}

	r := step(caller.Input{Kind: caller.InputSubmit, Op: caller.Op{Ticket: 1, Body: []byte("plant tomatoes")}})
	r = step(answer(r, node.Answer{Outcome: node.Refused, Code: node.CodeNotLeader, Hint: 2}, "b"))
	r = step(answer(r, node.Answer{Outcome: node.Done, Session: 7}, ""))
	r = step(caller.Input{Kind: caller.InputLost, ID: r.ID}) // executed or not: it is the same command again
	step(answer(r, node.Answer{Outcome: node.Done, Reply: []byte("planted")}, ""))

	// Output:
	// to a: open a session
	// to b: open a session
	// to b: command 1 of session 7: plant tomatoes
	// to c: command 1 of session 7: plant tomatoes
	// operation 1: done, planted
}
