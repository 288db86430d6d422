package answer

import "time"

const (
	// atOnce bounds the texts that one node waits for. The LLM server makes four at a time and lets 16 wait; who would
	// be behind those is answered without it.
	atOnce = 16
	// ownBytesMax bounds the text of which the node itself makes a summary: in some milliseconds. What is
	// beyond is not looked at.
	ownBytesMax = 64 << 10

	// textMax bounds one text, whatever its caller's deadline: what clients wait for, less what an answer without the model takes.
	textMax = 80 * time.Second
	// reserve is how long before the caller's deadline the model is given up, so that he gets the other answer.
	reserve = 1500 * time.Millisecond
	// reserveParts bounds it for a short deadline: at most a third of it.
	reserveParts = 3
	// describeMax bounds the question which backend there is. A server that does not answer it answers nothing.
	describeMax = 2 * time.Second
	// downFor is how long nobody is asked after a server did not answer: others would wait for nothing.
	downFor = 3 * time.Second

	// A server that says nothing for pingAfter while a text is waited for is asked for a sign of life, and given up
	// without one after pingMax: a process that was stopped keeps its connections.
	pingAfter = 10 * time.Second
	pingMax   = 3 * time.Second
	// reconnectMin and reconnectMax are the waits between attempts to reach a server that is gone.
	reconnectMin = 100 * time.Millisecond
	reconnectMax = 2 * time.Second
	connectMax   = 2 * time.Second

	// replyBytesMax bounds one message from the LLM server.
	replyBytesMax = 2 << 20

	// The answers that are kept: so many, of so many bytes together, for so long. A place that nobody writes to has the same
	// summary for everybody in it.
	cacheMax      = 256
	cacheBytesMax = 4 << 20
	cacheAge      = 10 * time.Minute
)
