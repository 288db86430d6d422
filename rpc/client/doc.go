// Package client is the Go client of a Parley cluster.
//
//	c, err := client.New(client.Config{Addrs: []string{"127.0.0.1:50051"}})
//	sent, err := c.Send(ctx, "general", "hello")
//	page, err := c.History(ctx, client.HistoryOptions{Channel: "general"})
//	for m, err := range c.Tail(ctx, client.TailOptions{Channel: "general"}) { … }
//
// The address of any one node that runs suffices: the client follows the nodes'
// hints to the leader. More addresses let it go on when that one node is down.
//
// # What it promises
//
// A command happens at most once, however often it was sent: the client opens a
// session and repeats a command whose outcome it does not know, unchanged, until it is
// answered or the context ends. Every method ends with a result or
// with an [*Error], whose Outcome tells what became of the request: done (the
// cluster said no, and would again), refused (it did not happen) or unknown (it
// may have happened).
//
// A Tail is gapless and without repetition over any number of broken streams.
//
// # How it is made
//
// Whom to ask, when to repeat and what the outcome is is decided in
// raft/caller, which is a function of its inputs and is tested in the simulator.
// calls.go drives it: a mutex, a timer and a goroutine for each request on the wire.
// wire.go turns its requests into gRPC calls and errors into its answers.
package client
