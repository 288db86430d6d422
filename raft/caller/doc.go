// Package caller is a client as a state machine: it finds the leader, opens a
// client session, numbers commands, repeats what got lost, and ends every
// operation in exactly one of three ways.
//
//	Submit ──> pending ──> in flight ──> Done      the answer, and its position
//	              ^            │    └──> Refused   not executed and never will be
//	              └── again ───┘    └──> Unknown   may have been executed; nobody can tell any more
//
// Like everything below the line it is a function of its inputs: it sends nothing
// itself, but says what to send, and names the time at which it wants to be called
// again. rpc/client drives it in production, sim in the simulator, and the package's Example
// by hand.
//
// # Reading order
//
//	op.go       what goes into a Step and what comes out of it
//	caller.go   the caller, Step, and the way of an operation from its submission to its end
//	route.go    whom to ask next, and when
//	oneshot.go  commands without a session
//	state.go    for who looks on
//
// # How a command stays at one execution
//
// A command keeps its (session, seq) for life. An attempt that was lost, or ended as Unknown, leaves
// the command in doubt: it may be in the log. It is repeated as the same command, which
// the session table of raft/node executes once, however many copies arrive. When
// the session has expired the table can't tell any more, and a command in doubt ends as
// Unknown; it is never sent anew under another session. One that is not in doubt
// was refused at every attempt, and may be. A session that the caller itself closes
// is to its commands as one that expired.
//
// A one-shot command needs no session: it keeps its request id for life, and the request table of
// raft/node executes it once, whichever process sends it. It is repeated under the same id at
// any node until it has its answer, so that its outcome stays unknown for no longer than
// its deadline; but for RepeatMax at most, as the table forgets.
//
// # What it asks of its driver
//
//   - Call Step on every input and no later than WakeAt, with a time that never falls.
//   - Hand each Request to its target once. A transport that doubles requests breaks
//     the rule that a refused attempt was not executed.
//   - Report for each Request an answer or its loss. A loss that is not
//     reported is noticed after Request.Patience.
package caller
