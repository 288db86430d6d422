// Package client is the Go client of a Parley cluster.
//
//	c, err := client.New(client.Config{Addrs: []string{"127.0.0.1:50051"}})
//	who, err := c.LogIn(ctx, "alice", password)
//	sent, err := c.Send(ctx, "#general", "hello")
//	page, err := c.History(ctx, &pb.HistoryRequest{Place: "#general"})
//	for m, err := range c.Tail(ctx, client.TailOptions{Place: "#general"}) { … }
//
// There is a method for every one of the API, and the API's comments, in rpc/proto/parley/v1, say what each does and
// which errors it has. The address of any one node that runs suffices: the client follows the nodes'
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
// Watch and Tail are gapless and without repetition over any number of broken streams; Upload and Download go on
// where they were broken off.
//
// # Who is logged in
//
// A client is nobody's until LogIn, or until it is given the [Credentials] of an earlier one. It
// renews their token by itself and tells Config.Renewed. They are the user's password while they last: the client
// writes them nowhere.
//
// # In the clear
//
// To addresses on loopback a client talks in the clear, to all others by TLS, with the CAs of the machine; Config.TLS has it
// talk by TLS to all, with those of a cluster. Only Config.Insecure has it send anything in the clear to another machine.
//
// # How it is made
//
// Whom to ask, when to repeat and what the outcome is is decided in
// raft/caller, which is a function of its inputs and is tested in the simulator. Reading order:
//
//	client.go, credentials.go    a client, and who it is
//	method.go                    one way for all methods: requests into bodies, answers into responses
//	conns.go, protect.go         connections, and how they are protected
//	calls.go, wire.go            drives the machine of raft/caller: a mutex, a timer and a goroutine for each attempt
//	account.go, channel.go, chat.go, batch.go, file.go, presence.go    the methods
//	lock.go, document.go         locks and documents; held.go a lock that is kept, and what ends when it is lost
//	stream.go, tail.go, watch.go    streams that outlive their nodes
//	upload.go, download.go       contents of files
//	cluster.go, status.go        operators
package client
