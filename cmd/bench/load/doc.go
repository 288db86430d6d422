// Package load is the generator that cmd/bench measures with: closed loops, or a pace; a histogram of their latencies, what
// the processors did meanwhile, and the line that all this makes. It knows nothing of what it measures, so that
// Parley and its peers (cmd/bench/peers, a module of its own) are driven by the same code and print the same
// fields.
//
//	Caller   does one operation after another
//	Run      drives callers: warms up, measures
//	Stretch  what came of a part of a long one
//	Result   what came of it
//	Point    one line of results
package load
