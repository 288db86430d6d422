package server

import (
	"time"

	"parley/raft/node"
)

// The bounds of one server. With them a node's memory for clients is at most about
//
//	connectionsMax x (streamsMax x 16 KiB of stream state + connectionWindowBytes)
//	+ streams that are not read x (64 KiB that gRPC queues + one message)
//
// beside the requests and subscriptions that the host admits, which has bounds of its own.
const (
	// connectionsMax bounds the connections of clients. A client needs one; the
	// next one waits in the kernel's backlog until another closes.
	connectionsMax = 4096
	// connectionShare bounds those of one address, which may be an office behind one router: a quarter of all.
	connectionShare = 4
	// callWorkers is how many goroutines are kept for calls. A new one for every call begins with a small stack, which is copied
	// three times on the way through gRPC and a handler: a seventh of a short read. Calls beyond them, and beside streams,
	// of which each keeps one, have goroutines of their own as ever. They hold some 2 MiB between them.
	callWorkers = 256
	// callsPerUserMax bounds the calls of one user that are under way: a quarter of what a host takes (host's callsMax), and
	// far beyond the window of a session.
	callsPerUserMax = 4096
	// streamsMax bounds the calls under way on one connection. A client's session
	// allows 256 commands in flight, and a few streams run beside them.
	streamsMax = 512
	// messageBytesMax bounds a request: a document of 1 MiB, one byte more so that it is refused in words, and its
	// envelope. Replies are bounded by the state machine.
	messageBytesMax = 1<<20 + 32<<10
	// lockWaitMax is how long the answer about a place in line may take: below what a client waits for an answer.
	lockWaitMax = time.Second
	// streamWindowBytes is how much a client may send on one stream before a handler has read it, and connectionWindowBytes on
	// all of one connection: half a file's megabyte is 10 MB/s over 50 ms. They are fixed, because gRPC would find them out by
	// asking for a sign of life beside every request and its answer, which costs a lone call a tenth more, and would let
	// them grow to 16 MiB.
	streamWindowBytes     = 512 << 10
	connectionWindowBytes = 1 << 20
	// headerBytesMax bounds a request's headers.
	headerBytesMax = 16 << 10

	// A connection must finish its handshake within handshakeMax.
	handshakeMax = 5 * time.Second
	// Of a client that says nothing for pingAfter the server asks for a sign of
	// life; without one within pingMax the connection is closed.
	pingAfter = 20 * time.Second
	pingMax   = 5 * time.Second
	// A client may ask for a sign of life itself, but not more often than this.
	clientPingMin = 2 * time.Second

	// A stream on which only other channels' events pass says so this often.
	progressEvery = time.Second

	// addressBytesMax bounds the addresses of a new node: a host name has at most 253 bytes.
	addressBytesMax = 300

	// batchMax bounds the messages of one batch: a session's window.
	batchMax = node.DefaultWindow
	// shortPage is how many messages a page may have that is read in the node's own loop, where it costs some tens of
	// microseconds. A longer one is read beside it.
	shortPage = 50

	// streamsPerLoginMax bounds the streams of one login at one node: a window for each channel, and some more.
	streamsPerLoginMax = 128

	// anonymousIDBytesMin is the least length of a request id of nobody's, which all share who have not logged in:
	// 16 random letters and digits are 82 bits.
	anonymousIDBytesMin = 16

	// chunkBytesMax bounds a chunk of an upload, and chunkBytesSent is how large those of a download are: a window's worth.
	chunkBytesMax  = 128 << 10
	chunkBytesSent = 64 << 10
	// readBytes is how much of a file is read at once: a millisecond of a disk.
	readBytes = 256 << 10
	// A node that lacks a file's content is asked for it again every fetchAgain, for as long as fetchMax: on a healthy
	// network 10 MiB come in less than a second.
	fetchAgain = 100 * time.Millisecond
	fetchMax   = 15 * time.Second
	// fileNameBytesMax bounds a file's name as a request carries it, before it is cleaned.
	fileNameBytesMax = 255

	// The server looks after its duties every dutyEvery, and when a user's first stream begins or his last ends. One
	// round gets no more than dutyMax. Until somebody can log in it looks every dutyHaste.
	dutyEvery = time.Second
	dutyHaste = 50 * time.Millisecond
	dutyMax   = 10 * time.Second
	// goneAfter is how long the leader hears nothing of a node before the users there are offline. Together with an
	// election that is less than the 30 s after which a crash shows.
	goneAfter = 15 * time.Second

	// Between two comparisons of the nodes' states checkEvery passes: each is an entry and a report of every node. Who asks
	// meanwhile shares the next. checkMax is how long the nodes have to tell, and every checkLook the leader looks.
	checkEvery = 250 * time.Millisecond
	checkMax   = 5 * time.Second
	checkLook  = 20 * time.Millisecond

	// freezesMax bounds how often a backup freezes the state; each time only what came meanwhile is left to be sent. After
	// more than freezeAgain files it freezes again, so that it is not old when it ends.
	freezesMax  = 10
	freezeAgain = 16
	// haveMax bounds what a client names that has some of a backup already: half of a request.
	haveMax = 16384
	// retentionSecondsMax is 100 years.
	retentionSecondsMax = 100 * 365 * 24 * 3600

	// What somebody was refused because he may not do it is in the audit log: deniedBurst times, then once every
	// deniedEvery, each user and node apart; wrong passwords as often for each node. A script that runs wild must not push out
	// of the log what others are to find in it.
	deniedBurst = 20
	deniedEvery = time.Minute
	// auditMax is how long such a note may take to be written: so much later comes the refusal, where there is no quorum.
	auditMax = time.Second

	// readyMax bounds the frames that are kept as they went to clients, for those who come to them a little later: more than
	// happen while the slowest stream that is not behind is served, and with the longest texts some 8 MiB.
	readyMax = 256

	// One node takes so many notices of all its users at once, and then one every heraldEvery: with each of them every node
	// looks at every stream that it has, 5,000 perhaps. What is beyond is not told.
	heraldBurst = 100
	heraldEvery = 10 * time.Millisecond

	// watchPlacesMax bounds the places that one stream is about.
	watchPlacesMax = 256

	// codeBytesMax and codeLettersMin bound the codes of invites and resets that are not drawn as rpc/auth draws them.
	codeBytesMax   = 64
	codeLettersMin = 20

	// requestIDBytesMax bounds a request id, as the nodes' rules do (node.Rules).
	requestIDBytesMax = 128

	// stopMax is how long a stop waits for calls under way. Their waiting callers
	// are answered by the host as it stops, so that it is hardly ever reached.
	stopMax = 2 * time.Second
	// healthEvery is how often the health service looks whether there is a leader.
	healthEvery = 500 * time.Millisecond
)
