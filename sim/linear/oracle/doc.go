// Package oracle asks others whether a history is linearizable: Porcupine, which looks for any order that
// explains it, and brute force, which tries them all. Package linear checks one order, the one that the positions
// in the answers claim, and is quick; whether it is right is what this package is for.
//
//	                       the claimed order        any order
//	quick, for millions    linear.Check
//	slow, for dozens                                Window.Search (Porcupine)
//	very slow, for eight   Brute, with claims       Brute, without
//
// What stands in one row or column must agree:
//
//   - Check and Brute with claims say the same about every history.
//   - Search and Brute without claims say the same about every history.
//   - What Check accepts Search accepts, since the claimed order is one.
//   - What Check refuses and Search accepts claims a wrong order; another explains every answer.
//
// So what no order explains, all refuse. Tests draw histories, right and wrong ones, and compare; they take
// stretches of the simulator's runs as well. A search that runs out of time is Undecided, which is
// neither yes nor no, and fails whatever relies on it.
//
// Without claims a history is about each object by itself. An answer still says more than one thinks: messages
// have numbers that rise in their log, grants have fences, and what is told about a lock is of a log time that
// never falls. Only where pages, refusals and the rest say that they stand is left open.
//
// The specification is written down here a second time (spec.go) and shares nothing with package linear.
package oracle
