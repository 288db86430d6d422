package client

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"parley/raft"
	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

// Config says how to reach a cluster.
type Config struct {
	// Addrs are the nodes' client addresses, "host:port"; at least one.
	Addrs []string
	// Dial adds options to every connection, for instance credentials.
	Dial []grpc.DialOption
	// ReadAnywhere has reads stay with whatever node answers them, the first of Addrs to begin
	// with, instead of following the writes to the leader. They are no less fresh, and take a
	// round trip to the leader more; the leader is spared the reading.
	ReadAnywhere bool
}

// Client talks to one cluster, over one connection for each node that it asks. Its
// methods may be called from any goroutine.
type Client struct {
	addrs []string
	conns *conns
	calls *calls
}

// New returns a client. It connects to nobody until it is asked for something.
func New(cfg Config) (*Client, error) {
	if len(cfg.Addrs) == 0 {
		return nil, errors.New("client: no addresses")
	}
	conns := newConns(cfg.Dial)
	return &Client{addrs: cfg.Addrs, conns: conns, calls: newCalls(&cfg, conns)}, nil
}

// Close ends every call under way, as unknown where that is the truth, gives the
// client's session back to the cluster, for which it waits at most closeMax, and
// hangs up.
func (c *Client) Close() {
	c.calls.close()
	c.conns.close()
}

// Send puts a message into a channel. When it returns no error, the message is
// stored on a majority of the nodes.
func (c *Client) Send(ctx context.Context, channel, text string) (*pb.SendResponse, error) {
	return c.SendOnce(ctx, "", channel, text)
}

// SendOnce is Send under a request id, if that is not empty: for 24 hours whoever sends the same under
// it gets the same answer, and no second message is made. An outcome that is unknown is
// found out by calling it again, in this process or another.
func (c *Client) SendOnce(ctx context.Context, requestID, channel, text string) (*pb.SendResponse, error) {
	if len(requestID) > RequestIDBytesMax || !utf8.ValidString(requestID) {
		return nil, &Error{Outcome: node.Refused, Reason: "MALFORMED", Text: fmt.Sprintf("The request id is not UTF-8 of at most %d bytes.", RequestIDBytesMax)}
	}
	if len(text) > TextBytesMax {
		return nil, &Error{Outcome: node.Refused, Reason: "TEXT_TOO_LONG", Text: fmt.Sprintf("The text is longer than %d bytes.", TextBytesMax)}
	}
	body, err := encodeBody(methodSend, &pb.SendRequest{Place: convert.PlaceOf(channel), Text: text})
	if err != nil { // only a text that is no UTF-8 can't be encoded
		return nil, &Error{Outcome: node.Refused, Reason: "TEXT_NOT_UTF8", Text: "The text is not UTF-8."}
	}
	sent := &pb.SendResponse{}
	return sent, c.calls.do(ctx, operation{body: body, requestID: requestID}, sent)
}

// HistoryOptions says which messages to return; see HistoryRequest in
// parley/v1/chat.proto.
type HistoryOptions struct {
	Channel string
	Limit   int           // 0 is 20
	Before  raft.Position // 0 is no bound
	After   raft.Position // 0 is no bound
	Forward bool          // the first ones after After, not the last ones before Before; set whenever After is
	Stale   bool          // any node may answer, from what it has
}

// History returns a page of a channel's messages, oldest first.
func (c *Client) History(ctx context.Context, o HistoryOptions) (*pb.HistoryResponse, error) {
	request := &pb.HistoryRequest{
		Place: convert.PlaceOf(o.Channel), Limit: uint32(max(0, min(o.Limit, 1<<30))), Before: uint64(o.Before),
		Consistency: pb.Consistency_CONSISTENCY_LINEARIZABLE,
	}
	if o.Forward || o.After != 0 {
		request.After = proto.Uint64(uint64(o.After))
	}
	op := operation{query: true, consistency: node.Linearizable}
	if o.Stale {
		request.Consistency, op.consistency = pb.Consistency_CONSISTENCY_STALE, node.Stale
	}
	var err error
	if op.body, err = encodeBody(methodHistory, request); err != nil {
		return nil, &Error{Outcome: node.Refused, Reason: "CHANNEL_NOT_FOUND", Text: "There is no channel of that name."}
	}
	page := &pb.HistoryResponse{}
	return page, c.calls.do(ctx, op, page)
}

// Ready waits until the cluster takes writes: it opens a session, which is one,
// and gives it back.
func (c *Client) Ready(ctx context.Context) error {
	nonce, hint := draw(), ""
	for tries := 0; ; tries++ {
		addr := cmp.Or(hint, c.addrs[tries%len(c.addrs)])
		hint = ""
		if conn, err := c.conns.get(addr); err == nil {
			attempt, cancel := context.WithTimeout(ctx, attemptMax)
			a, leader, ok := open(attempt, conn, nonce)
			cancel()
			if ok && a.Outcome == node.Done && a.Session != 0 {
				c.conns.giveBack(addr, a.Session, nonce)
				return nil
			}
			hint = leader
		}
		if err := pause(ctx, readyEvery); err != nil {
			return unavailable("no node of %v took a write: %v", c.addrs, err)
		}
	}
}

// draw returns a random number that is not zero.
func draw() uint64 {
	var b [8]byte
	for {
		rand.Read(b[:]) // never fails, says its documentation
		if n := binary.LittleEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}
