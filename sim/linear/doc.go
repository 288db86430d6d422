// Package linear checks histories for linearizability: each operation took effect at one instant
// between its call and its answer. In general that takes a search through orders, exponential in
// how many operations overlap. Here every answer carries the position of the log where its operation
// took effect, so the order is claimed, and checking a claim takes no search.
//
//	history ──▶ arrange by position ──▶ replay: does the order explain every answer?
//	                                ──▶ sweep:  does it respect real time?
//
// # Why acceptance is a proof
//
// Let every operation that has a place stand in the claimed order, and everything else nowhere: what was
// refused, reads without an answer, writes without an answer that no log holds. To show is
// that (a) run one after the other in this order the operations give the answers that were
// given, and (b) whenever one was answered before another was called, it stands before it.
// That is the definition of Herlihy and Wing.
//
//   - replay does (a) word by word.
//   - sweep compares the place of each operation with the highest place of any that was answered
//     before its call, its floor. No operation below its floor is (b): the floor is the highest of all
//     that must stand before it. Reads in one place see the same state, and are put in the
//     order of their calls.
//   - A command that was sent twice and executed once is the only one whose place is not
//     its own. Whichever was called first counts as the one that was executed; the others
//     stand anywhere behind it, where they change nothing: at their floor, if that is higher.
//
// Stale reads are no part of the order. Each must be explained by its place, whatever its time.
//
// # What a refusal means
//
// The claimed order is wrong. Either no other is right, and the service broke its promise; or another one is,
// and an answer named a position where its operation did not take effect. That is a fault as well,
// since clients go by positions in what they ask next. Which of the two it is takes a
// search: sim/linear/oracle looks for any order with Porcupine and draws what it finds.
//
// # Reading order
//
// history.go says what a history is; witness.go has the claimed order and the rule of real time, which
// the simulator applies while it runs; check.go does both for whole histories; chat.go and
// lock.go say what an object would answer.
package linear
