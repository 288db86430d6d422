package main

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"parley/cmd/bench/load"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

const (
	// busyPlace is where callers write, and followedPlace what streams follow.
	busyPlace     = "#random"
	followedPlace = "#general"
	// batchMax is what a batch takes: a session's window.
	batchMax = client.BatchMax
	// payloadMax is the longest text of a message.
	payloadMax = client.TextBytesMax
	// backoff keeps a caller that is refused from asking as fast as it can.
	backoff = time.Millisecond
)

// textOf is a message of some bytes: words, as people write them.
func textOf(bytes int) string { return strings.Repeat("some words ", bytes/11+1)[:bytes] }

// voice is how one caller speaks to the cluster: over a connection that it shares, under a login, in a client session
// of its own.
type voice struct {
	conn    *grpc.ClientConn
	who     person
	session uint64
	seq     uint64
	open    bool            // the command with this seq is not done
	ctx     context.Context // with the token; made once, as every request of a run has the same
}

// as returns the context of the caller's requests.
func (v *voice) as(ctx context.Context) context.Context {
	if v.ctx == nil {
		v.ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+v.who.token)
	}
	return v.ctx
}

// command is the context of the next command, or of the last one if it is not known to be done: a repetition happens
// once.
func (v *voice) command(span uint64) *pb.CommandContext {
	if !v.open {
		v.seq, v.open = v.seq+span, true
	}
	return &pb.CommandContext{Session: v.session, Seq: v.seq - span + 1, AckedBelow: v.seq - span + 1}
}

// complaint tells once what went wrong first.
var complaint sync.Once

// done takes note of how a request ended.
func (v *voice) done(ctx context.Context, err error) (bool, error) {
	if err == nil {
		v.open = false
		return true, nil
	}
	if ctx.Err() == nil {
		complaint.Do(func() { say("the first request that failed: %v", err) })
	}
	return false, load.Pause(ctx, backoff)
}

// callers makes the closed loops.
func (t *team) callers(ctx context.Context, o serviceOptions, count int) (list []load.Caller, err error) {
	if err := t.crowd(ctx, o.peopleOf(count)); err != nil {
		return nil, err
	}
	if o.op == "history" {
		if err := t.write(ctx, o); err != nil {
			return nil, err
		}
	}
	if o.through == "client" {
		return t.clientCallers(ctx, o, count)
	}
	conns, err := t.dial(t.leading, o.connectionsOf(count))
	if err != nil {
		return nil, err
	}
	for n := range count {
		v := &voice{conn: conns[n%len(conns)], who: t.people[n%min(o.peopleOf(count), peopleMax)]}
		r, err := pb.NewSessionServiceClient(v.conn).Open(v.as(ctx), &pb.OpenRequest{Nonce: 1 + mathrand.Uint64N(1<<62)})
		if err != nil {
			return nil, fmt.Errorf("open a session: %w", err)
		}
		v.ctx, v.session = nil, r.GetSession()
		list = append(list, newCaller(v, &o, n))
	}
	return list, nil
}

// newCaller makes the n-th caller of an operation.
func newCaller(v *voice, o *serviceOptions, n int) load.Caller {
	chat, locks := pb.NewChatServiceClient(v.conn), pb.NewLockServiceClient(v.conn)
	switch o.op {
	case "batch":
		b := &batcher{voice: v, chat: chat}
		for range o.batch {
			b.messages = append(b.messages, &pb.BatchMessage{Place: busyPlace, Text: textOf(o.payload)})
		}
		return b
	case "history":
		return &historian{voice: v, chat: chat, request: historyRequest(o)}
	case "lock", "acquire":
		name := fmt.Sprint("bench:", n)
		if o.one {
			name = "bench"
		}
		l := &locker{voice: v, locks: locks, name: name}
		if o.op == "acquire" {
			return &acquirer{l}
		}
		return l
	case "login":
		return &visitor{voice: v, accounts: pb.NewAccountServiceClient(v.conn)}
	}
	return &sender{voice: v, chat: chat, text: textOf(o.payload)}
}

// sender sends one message a call.
type sender struct {
	*voice
	chat pb.ChatServiceClient
	text string
}

func (s *sender) Do(ctx context.Context) (bool, error) {
	_, err := s.chat.Send(s.as(ctx), &pb.SendRequest{Command: s.command(1), Place: busyPlace, Text: s.text})
	return s.done(ctx, err)
}

// batcher sends many messages a call.
type batcher struct {
	*voice
	chat     pb.ChatServiceClient
	messages []*pb.BatchMessage
}

func (b *batcher) Do(ctx context.Context) (bool, error) {
	r, err := b.chat.SendBatch(b.as(ctx), &pb.SendBatchRequest{Command: b.command(uint64(len(b.messages))), Messages: b.messages})
	for _, one := range r.GetOutcomes() {
		if refused := one.GetRefused(); refused != nil {
			return false, fmt.Errorf("a message of a batch was refused: %s", refused.GetText())
		}
	}
	return b.done(ctx, err)
}

// historian reads the newest page of a channel.
type historian struct {
	*voice
	chat    pb.ChatServiceClient
	request *pb.HistoryRequest
}

func historyRequest(o *serviceOptions) *pb.HistoryRequest {
	r := &pb.HistoryRequest{Place: busyPlace, Limit: uint32(o.page)}
	if o.stale {
		r.Consistency = pb.Consistency_CONSISTENCY_STALE
	}
	return r
}

func (h *historian) Do(ctx context.Context) (bool, error) {
	r, err := h.chat.History(h.as(ctx), h.request)
	if err == nil && len(r.GetMessages()) != int(h.request.GetLimit()) {
		return false, fmt.Errorf("a page has %d messages instead of %d", len(r.GetMessages()), h.request.GetLimit())
	}
	return h.done(ctx, err)
}

// write writes what historians read.
func (t *team) write(ctx context.Context, o serviceOptions) error {
	conns, err := t.dial(t.leading, 1)
	if err != nil {
		return err
	}
	w := &voice{conn: conns[0], who: t.people[0]}
	for range o.page {
		r := &pb.SendRequest{Command: &pb.CommandContext{RequestId: rand.Text()}, Place: busyPlace, Text: textOf(o.payload)}
		if _, err := pb.NewChatServiceClient(w.conn).Send(w.as(ctx), r); err != nil {
			return fmt.Errorf("write what is to be read: %w", err)
		}
	}
	return nil
}

// visitor logs in, again and again: a password is compared and a token made.
type visitor struct {
	*voice
	accounts pb.AccountServiceClient
}

func (v *visitor) Do(ctx context.Context) (bool, error) {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails, says its documentation
	_, err := v.accounts.LogIn(ctx, &pb.LogInRequest{
		Command: &pb.CommandContext{RequestId: rand.Text()}, Username: v.who.name, Password: password, Secret: secret, Client: "bench"})
	return v.done(ctx, err)
}

// clientCallers are callers that share the clients of rpc/client, one for each connection.
func (t *team) clientCallers(ctx context.Context, o serviceOptions, count int) (list []load.Caller, err error) {
	var clients []*client.Client
	for i := range o.connectionsOf(count) {
		c, err := t.client(t.people[i%len(t.people)])
		if err != nil {
			return nil, err
		}
		clients = append(clients, c)
	}
	for n := range count {
		list = append(list, &clientCaller{client: clients[n%len(clients)], o: &o, text: textOf(o.payload)})
	}
	return list, nil
}

// clientCaller asks through rpc/client.
type clientCaller struct {
	client *client.Client
	o      *serviceOptions
	text   string
}

func (c *clientCaller) Do(ctx context.Context) (bool, error) {
	var err error
	if c.o.op == "send" {
		_, err = c.client.Send(ctx, busyPlace, c.text)
	} else {
		_, err = c.client.History(ctx, historyRequest(c.o))
	}
	return (&voice{}).done(ctx, err)
}
