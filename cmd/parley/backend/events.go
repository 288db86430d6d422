package backend

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"parley/cmd/parley/shell"
	"parley/raft"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

const (
	// againAfter is the wait before a stream that could not go on is tried again. Within a stream the client knows better.
	againAfter = time.Second
	// While nobody is logged in there is nothing to stream, and a node is looked for every reachEvery; reachMax bounds that.
	reachEvery = 3 * time.Second
	reachMax   = 2 * time.Second
)

// errAnother ends a stream in whose place another one is wanted: of another user, or at another node.
var errAnother = errors.New("backend: another stream is wanted")

// Events returns what happens from now on; see shell.Backend.
func (b *Backend) Events(ctx context.Context) <-chan shell.Event {
	f := &feed{b: b, out: make(chan shell.Event)}
	go func() {
		defer close(f.out)
		for ctx.Err() == nil {
			if who := b.c.Credentials(); who.LoggedIn() {
				f.follow(ctx, who)
			} else {
				f.idle(ctx)
			}
		}
	}()
	return f.out
}

// Reconnect gives up the node in use, and returns when another one streams.
func (b *Backend) Reconnect(ctx context.Context) error {
	found := make(chan error, 1)
	nobody := &shell.Error{Kind: shell.Unavailable, Text: "No node streams what happens."}
	select {
	case b.reconnect <- found:
	case <-ctx.Done():
		return nobody
	}
	select {
	case err := <-found:
		return meant(err)
	case <-ctx.Done():
		return nobody
	}
}

// feed follows what happens over log-ins, log-outs and nodes that die. One goroutine at a time runs it.
type feed struct {
	b   *Backend
	out chan shell.Event
	// queue is what the shell has not taken yet. What a stream has brought stays in it when that stream is given up: last
	// says that it was delivered.
	queue []shell.Event

	login   string        // whose position last is
	last    raft.Position // all up to here is in queue, or was taken
	addr    string        // of the node in use; "": none
	avoid   string        // of the node that somebody wanted to leave
	broken  bool          // the shell was told that there is no connection
	missed  bool          // the shell may have missed something, and was not told that it has come
	through *atomic.Uint64
	waiting []chan<- error // of Reconnect
}

// idle passes the time while nobody is logged in: there is nothing to stream, but a person likes to know whether anybody is there.
func (f *feed) idle(ctx context.Context) {
	if err := f.reach(ctx); err != nil && ctx.Err() == nil {
		f.breaks(ctx, err)
	}
	timer := time.NewTimer(reachEvery)
	defer timer.Stop()
	select {
	case <-f.b.changed:
	case found := <-f.b.reconnect:
		found <- f.reach(ctx)
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (f *feed) reach(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, reachMax)
	defer cancel()
	addr, err := f.b.c.Reach(ctx)
	if err == nil {
		f.missed = false // of nobody's
		f.stands(ctx, addr)
	}
	return err
}

// follow streams under one login, until the stream ends or another one is wanted.
func (f *feed) follow(parent context.Context, who client.Credentials) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if err := f.watch(ctx, who); err != nil && ctx.Err() == nil {
			f.ended(ctx, who, err)
		}
	}()
	select {
	case <-watched:
	case <-f.b.changed:
	case found := <-f.b.reconnect:
		cancel(errAnother)
		<-watched
		f.waiting, f.avoid = append(f.waiting, found), f.addr
		f.breaks(parent, errors.New("another node is looked for"))
	}
	cancel(errAnother)
	<-watched
}

// watch streams until it can't go on, and returns why.
func (f *feed) watch(ctx context.Context, who client.Credentials) error {
	from, err := f.b.begun(ctx, who.Login)
	if err != nil {
		return err
	}
	if f.login != who.Login {
		f.login, f.last = who.Login, from
	}
	last := f.last
	heard := func(n *pb.Notice) {
		event := noticeOf(n)
		event.Reader = who.User
		f.queue = append(f.queue, event)
		f.flush(ctx)
	}
	o := client.WatchOptions{OnNotice: heard, StreamOptions: client.StreamOptions{
		From: &last, Avoid: f.avoid,
		OnTrouble: func(err error) { f.breaks(ctx, err) },
		OnProgress: func(addr string, through raft.Position) {
			f.stands(ctx, addr)
			f.came(ctx, through)
		},
	}}
	for frame, err := range f.b.c.Watch(ctx, o) {
		if err != nil {
			return err
		}
		for _, event := range f.b.events(frame) {
			event.Reader = who.User
			f.queue = append(f.queue, event)
		}
		f.came(ctx, raft.Position(frame.GetPosition()))
	}
	return nil
}

// came: everything up to a position is in the queue.
func (f *feed) came(ctx context.Context, at raft.Position) {
	f.last = max(f.last, at)
	if f.missed && f.through != nil {
		if end := f.through.Load(); end != 0 && uint64(f.last) >= end {
			f.missed, f.through = false, nil
			f.queue = append(f.queue, shell.Event{Kind: shell.CaughtUp, Position: shell.Position(f.last)})
		}
	}
	f.flush(ctx)
}

// stands: a node streams, or takes the connection.
func (f *feed) stands(ctx context.Context, addr string) {
	if f.addr == addr {
		return
	}
	f.addr, f.avoid, f.broken = addr, "", false
	f.queue = append(f.queue, shell.Event{Kind: shell.Connected, Text: addr})
	for _, found := range f.waiting {
		found <- nil
	}
	f.waiting = nil
	if f.missed {
		f.through = new(atomic.Uint64)
		go f.b.findEnd(ctx, f.through)
	}
	f.flush(ctx)
}

// findEnd finds out where that ends which was missed: no single node can tell, as the one that streams may lag.
func (b *Backend) findEnd(ctx context.Context, end *atomic.Uint64) {
	for ctx.Err() == nil {
		if me, err := b.c.WhoAmI(ctx); err == nil {
			end.Store(me.GetPosition())
			return
		}
		sleep(ctx, againAfter)
	}
}

// breaks: no node streams, or this one no longer.
func (f *feed) breaks(ctx context.Context, err error) {
	if !f.broken {
		text := why(err)
		if f.addr != "" {
			text = f.addr + ": " + text
		}
		f.queue = append(f.queue, shell.Event{Kind: shell.Lost, Text: text})
	}
	f.addr, f.broken, f.missed, f.through = "", true, true, nil
	f.queue = append(f.queue, shell.Event{Kind: shell.Reconnecting})
	f.flush(ctx)
}

// ended: the stream can't go on as it was.
func (f *feed) ended(ctx context.Context, who client.Credentials, err error) {
	e, ok := errors.AsType[*client.Error](err)
	switch {
	case f.b.c.Credentials().Login != who.Login:
		return
	case ok && e.Reason == client.ReasonCompacted:
		if err = f.resync(ctx); err == nil {
			return
		}
	case ok && e.Code == codes.Unauthenticated:
		if !f.b.lost(who, e.Reason) {
			sleep(ctx, againAfter) // the user logs out, and the answer is on its way
			return
		}
		f.queue = append(f.queue, shell.Event{Kind: shell.Revoked, Reader: who.User})
		f.flush(ctx)
		return
	}
	f.breaks(ctx, err)
	sleep(ctx, againAfter)
}

// resync goes on from now, when what happened before is not kept any more. What the shell reads anew is not older than
// where the stream goes on.
func (f *feed) resync(ctx context.Context) error {
	me, err := f.b.c.WhoAmI(ctx)
	if err != nil {
		return err
	}
	f.last, f.missed, f.through = raft.Position(me.GetPosition()), false, nil
	f.queue = append(f.queue, shell.Event{Kind: shell.Resync, Position: shell.Position(f.last)})
	f.flush(ctx)
	return nil
}

// flush hands the queue over. What the shell has not taken when the context ends stays in it.
func (f *feed) flush(ctx context.Context) {
	for len(f.queue) > 0 {
		select {
		case f.out <- f.queue[0]:
			f.queue = f.queue[1:]
		case <-ctx.Done():
			return
		}
	}
}

// why says why a connection broke, in few words: what gRPC puts around them is of no use to a person.
func why(err error) string {
	s, ok := status.FromError(err)
	if !ok {
		return err.Error()
	}
	text := s.Message()
	if s.Code() != codes.Unavailable || len(s.Details()) > 0 { // a node has said it
		return text
	}
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = strings.Trim(text[i+2:], `"`)
	}
	if text == "EOF" || strings.Contains(text, "reset by peer") {
		return "the connection broke"
	}
	return fmt.Sprintf("the node does not answer (%s)", text)
}

// sleep waits, or until the context ends.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
