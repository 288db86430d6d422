package client

import "time"

// TextBytesMax is the longest text that Send sends anywhere: far beyond what clusters
// take (16 KiB), and below the request that a node reads at all.
const TextBytesMax = 128 << 10

// requestBytesMax is the longest request that is sent anywhere: what a node reads at all is 1 MiB and 32 KiB, its head and its
// command's number included.
const requestBytesMax = 1<<20 + 30<<10

// pageMax is how many entries of a list are asked for at a time, where all are wanted: the most that a page has.
const pageMax = 1000

// secretBytes is how long the secret of a login is.
const secretBytes = 32

// RequestIDBytesMax is the longest request id that clusters take.
const RequestIDBytesMax = 128

const (
	// attemptMax bounds one try at one node: far beyond a healthy answer, yet a
	// few of them fit into the 10 s that a person waits. What raft/caller repeats of large commands gets more.
	attemptMax = 2 * time.Second
	// changeMax bounds one try to change the membership: the leader looks for a new node
	// for 5 s before it says that there is none.
	changeMax = 7 * time.Second
	// statusMax bounds the question to one node for its status.
	statusMax = time.Second
	// nowMax bounds the question of a stream without From for the newest position, if
	// its caller sets no bound: a few elections.
	nowMax = 10 * time.Second
	// streamQuietMax is how long a stream may say nothing. Progress notes come
	// every second.
	streamQuietMax = 4 * time.Second
	// leaderQuietMax is how long the node behind a stream may be without a leader
	// before another node is tried: beyond any election, as every
	// node is without one during an election.
	leaderQuietMax = 4 * time.Second
	// closeMax bounds what a client that ends spends on giving its session back: a
	// person does not notice it, and without it the session expires by itself.
	closeMax = 200 * time.Millisecond
	// A token is renewed when two of three parts of its life are over: the third is for trying again, and longer than most
	// clusters are ever away.
	renewParts = 3
	// renewMax bounds one try to do so, and renewAgain is the wait before the next.
	renewMax   = 10 * time.Second
	renewAgain = time.Second
	// waitMax is how long one answer about a place in line may take, and leaveMax bounds what leaving it may.
	waitMax  = time.Second
	leaveMax = 2 * time.Second
	// chunkBytes is how much of a file travels in one message.
	chunkBytes = 64 << 10
	// uploadQuietMax is how long a node may take nothing of an upload, or leave it without an answer: longer than the
	// slowest disk and an election. downloadQuietMax is the same for what a node sends; one that has to fetch the
	// content first takes a while.
	uploadQuietMax   = 20 * time.Second
	downloadQuietMax = 20 * time.Second
	// A backup may take backupMax, and the node nothing to send for backupQuietMax: it looks for files that nobody has.
	backupMax      = 24 * time.Hour
	backupQuietMax = time.Minute
	// haveMax is how many contents of a backup that was broken off the node is told of; more are sent again, and written once.
	haveMax = 16384
	// pieceBytes is what of a backup is in memory at a time: a piece of raft/backup.
	pieceBytes = 256 << 10
	// readyEvery is how often Ready asks.
	readyEvery = 50 * time.Millisecond
	// Between two rounds through all nodes a stream waits from streamBackoffMin on,
	// doubling, up to streamBackoffMax.
	streamBackoffMin = 50 * time.Millisecond
	streamBackoffMax = time.Second
)
