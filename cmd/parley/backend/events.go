package backend

import (
	"context"
	"errors"
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
	// eventsMax is how many events wait for the shell: beyond it, the stream waits, and the node cuts off who waits
	// too long.
	eventsMax = 256
	// againAfter is the wait before a stream that could not begin is tried again.
	againAfter = time.Second
)

// errAnother ends a stream whose user wants another node, or is another one.
var errAnother = errors.New("backend: another stream is wanted")

// Events returns what happens from now on; see shell.Backend.
func (b *Backend) Events(ctx context.Context) <-chan shell.Event {
	f := &feed{b: b, out: make(chan shell.Event, eventsMax)}
	go func() {
		defer close(f.out)
		f.run(ctx)
	}()
	return f.out
}

// Reconnect gives up the node in use, and returns when another one streams.
func (b *Backend) Reconnect(ctx context.Context) error {
	found := make(chan string, 1)
	select {
	case b.reconnect <- found:
	case <-ctx.Done():
		return meant(errNobody)
	}
	select {
	case <-found:
		return nil
	case <-ctx.Done():
		return meant(errNobody)
	}
}

var errNobody = &client.Error{Code: codes.Unavailable, Reason: client.ReasonUnavailable, Text: "No node streams what happens."}

// feed follows what happens over log-ins, log-outs and broken streams. Its fields are of the goroutine that runs it, but for caught.
type feed struct {
	b    *Backend
	out  chan shell.Event
	user string

	from    *raft.Position // everything up to here was delivered; nil: from now on
	addr    string         // of the node that streams; "": none does
	avoid   string         // of the node that was given up
	lost    bool           // the shell was told that the connection is lost
	asking  bool           // somebody asks how much it has missed
	caught  atomic.Uint64  // when everything up to here has come, nothing is missing; 0: not known
	waiting []chan string  // of Reconnect
}

// run follows one login after the other.
func (f *feed) run(ctx context.Context) {
	for ctx.Err() == nil {
		who := f.b.c.Credentials()
		if !who.LoggedIn() {
			select {
			case <-f.b.login:
			case found := <-f.b.reconnect:
				found <- "" // nobody is logged in: there is nothing to stream
			case <-ctx.Done():
			}
			continue
		}
		if who.User != f.user {
			f.user, f.from = who.User, nil
		}
		f.follow(ctx)
	}
}

// follow streams until the login, or the node in use, is to be another one.
func (f *feed) follow(parent context.Context) {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		f.stream(ctx)
	}()
	select {
	case <-watched:
	case <-f.b.login:
	case found := <-f.b.reconnect:
		cancel(errAnother)
		<-watched
		f.waiting = append(f.waiting, found)
		f.avoid, f.addr = f.addr, ""
		f.tell(parent, shell.Event{Kind: shell.Lost, Text: "given up"}, shell.Event{Kind: shell.Reconnecting})
		f.lost = true
		return
	case <-parent.Done():
	}
	cancel(errAnother)
	<-watched
}

// stream is one Watch, to its end.
func (f *feed) stream(ctx context.Context) {
	f.asking = false
	login := f.b.c.Credentials().Login
	o := client.WatchOptions{StreamOptions: client.StreamOptions{
		From: f.from, Avoid: f.avoid,
		OnTrouble:  func(err error) { f.trouble(ctx, err) },
		OnProgress: func(addr string, through raft.Position) { f.progress(ctx, addr, through) },
	}}
	for frame, err := range f.b.c.Watch(ctx, o) {
		if err != nil {
			if f.b.c.Credentials().Login == login { // otherwise it ended because somebody else is logged in
				f.ended(ctx, err)
			}
			return
		}
		for _, e := range f.b.eventsOf(frame) {
			f.tell(ctx, e)
		}
		f.through(ctx, raft.Position(frame.GetPosition()))
	}
}

// tell hands events on, for as long as somebody may want them.
func (f *feed) tell(ctx context.Context, events ...shell.Event) {
	for _, e := range events {
		select {
		case f.out <- e:
		case <-ctx.Done():
		}
	}
}

// trouble: the stream has broken, and the next node is tried.
func (f *feed) trouble(ctx context.Context, err error) {
	if f.lost {
		return
	}
	f.lost, f.addr = true, ""
	f.tell(ctx, shell.Event{Kind: shell.Lost, Text: sayOf(err)}, shell.Event{Kind: shell.Reconnecting})
}

// sayOf is what an error says, without gRPC's own framing.
func sayOf(err error) string {
	if s, ok := status.FromError(err); ok {
		return s.Message()
	}
	return err.Error()
}

// progress: a node streams, and everything up to a position has come.
func (f *feed) progress(ctx context.Context, addr string, through raft.Position) {
	if f.addr != addr {
		f.addr = addr
		f.tell(ctx, shell.Event{Kind: shell.Connected, Text: addr})
		for _, found := range f.waiting {
			found <- addr
		}
		f.waiting = nil
		if f.lost && !f.asking {
			f.asking = true
			f.caught.Store(0)
			go f.ask(ctx)
		}
	}
	f.through(ctx, through)
}

// ask finds out where everything that was missed ends.
func (f *feed) ask(ctx context.Context) {
	for ctx.Err() == nil {
		if me, err := f.b.c.WhoAmI(ctx); err == nil {
			f.caught.Store(me.GetPosition())
			return
		}
		sleep(ctx, againAfter)
	}
}

// through: everything up to a position has come.
func (f *feed) through(ctx context.Context, at raft.Position) {
	f.from = &at
	if caught := f.caught.Load(); f.lost && f.asking && caught != 0 && uint64(at) >= caught {
		f.lost, f.asking = false, false
		f.tell(ctx, shell.Event{Kind: shell.CaughtUp, Position: shell.Position(at)})
	}
}

// ended: the stream can't go on as it was.
func (f *feed) ended(ctx context.Context, err error) {
	e, ok := errors.AsType[*client.Error](err)
	switch {
	case ctx.Err() != nil || !ok:
		return
	case e.Reason == client.ReasonCompacted:
		f.from = &e.Position
		f.tell(ctx, shell.Event{Kind: shell.Resync, Position: shell.Position(e.Position)})
		return
	case e.Code == codes.Unauthenticated:
		f.tell(ctx, shell.Event{Kind: shell.Revoked})
		f.b.c.Use(client.Credentials{})
		_ = f.b.keep(client.Credentials{}) // what is kept is refused next time
		return
	}
	f.trouble(ctx, err)
	sleep(ctx, againAfter)
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

// eventsOf are the events of a frame. Messages of streams do not say whom they mention: an event beside them does.
func (b *Backend) eventsOf(frame *pb.Frame) (all []shell.Event) {
	mentioned := ""
	for _, e := range frame.GetEvents() {
		if m := e.GetMention(); m != nil {
			mentioned = m.GetMessageId()
		}
	}
	for _, e := range frame.GetEvents() {
		if event, ok := b.event(frame.GetPosition(), e); ok {
			event.Message.Mentioned = event.Message.Mentioned || mentioned != "" && event.Message.ID == mentioned
			all = append(all, event)
		}
	}
	return all
}

// event is an event as the shell has it; ok is false for those that the shell does not show.
func (b *Backend) event(position uint64, e *pb.Event) (out shell.Event, ok bool) {
	out = shell.Event{Position: shell.Position(position)}
	switch k := e.GetKind().(type) {
	case *pb.Event_Message:
		out.Kind, out.Message = shell.Posted, b.message(k.Message, position)
		out.Place, out.User = out.Message.Place, out.Message.Sender
	case *pb.Event_Edited:
		out.Kind, out.Message = shell.Edited, b.message(k.Edited.GetMessage(), position)
		out.Place, out.User = out.Message.Place, out.Message.Sender
	case *pb.Event_Deleted:
		d := k.Deleted
		out.Kind, out.Place, out.User = shell.Deleted, shell.PlaceID(d.GetPlace()), d.GetUsername()
		out.Message = shell.Message{ID: d.GetMessageId(), Place: out.Place, Position: shell.Position(d.GetMessagePosition()), Deleted: deletion(d.GetByAdmin()), AsOf: out.Position}
	case *pb.Event_Reaction:
		r := k.Reaction
		out.Kind, out.Place, out.User = shell.Reacted, shell.PlaceID(r.GetPlace()), r.GetUsername()
		out.Message = shell.Message{ID: r.GetMessageId(), Place: out.Place, Position: shell.Position(r.GetMessagePosition()), AsOf: out.Position}
	case *pb.Event_Read:
		out.Kind, out.Place, out.Through = shell.WasRead, shell.PlaceID(k.Read.GetPlace()), shell.Position(k.Read.GetRead())
	case *pb.Event_ChannelCreated:
		out.Kind, out.Place, out.User = shell.ChannelCreated, channelID(k.ChannelCreated.GetChannel().GetName()), k.ChannelCreated.GetBy()
	case *pb.Event_ChannelChanged:
		out.Kind, out.Place, out.User = shell.ChannelChanged, channelID(k.ChannelChanged.GetChannel().GetName()), k.ChannelChanged.GetBy()
	case *pb.Event_ChannelArchived:
		out.Kind, out.Place, out.User = shell.ChannelChanged, channelID(k.ChannelArchived.GetChannel()), k.ChannelArchived.GetBy()
	case *pb.Event_ChannelUnarchived:
		out.Kind, out.Place, out.User = shell.ChannelChanged, channelID(k.ChannelUnarchived.GetChannel()), k.ChannelUnarchived.GetBy()
	case *pb.Event_MemberRoleChanged:
		out.Kind, out.Place, out.User = shell.ChannelChanged, channelID(k.MemberRoleChanged.GetChannel()), k.MemberRoleChanged.GetUsername()
	case *pb.Event_MemberJoined:
		out.Kind, out.Place, out.User = shell.Joined, channelID(k.MemberJoined.GetChannel()), k.MemberJoined.GetUsername()
		if by := k.MemberJoined.GetBy(); by != out.User {
			out.By = by
		}
	case *pb.Event_MemberLeft:
		out.Kind, out.Place, out.User = shell.Left, channelID(k.MemberLeft.GetChannel()), k.MemberLeft.GetUsername()
		if by := k.MemberLeft.GetBy(); by != out.User {
			out.Kind, out.By = shell.Removed, by
		}
	case *pb.Event_Presence:
		out.Kind, out.User, out.Time = shell.Offline, k.Presence.GetUsername(), timeOf(k.Presence.GetLastSeen())
		if k.Presence.GetOnline() {
			out.Kind = shell.Online
		}
	default:
		// Mentions are put into the messages, the end of the login is the end of the stream, and accounts are read when they are shown.
		return shell.Event{}, false
	}
	return out, true
}
