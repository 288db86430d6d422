package server

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"parley/raft"
	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/chat"
	"parley/statemachine/state"
)

// Tail streams what is said in one place. What it is asked for is what the place meant when the stream began: a
// direct conversation may begin later.
func (s *messages) Tail(r *pb.TailRequest, out grpc.ServerStreamingServer[pb.TailResponse]) error {
	ctx := out.Context()
	me := actorOf(ctx)
	place, at, err := s.resolve(ctx, r.GetPlace())
	if err != nil {
		return err
	}
	audiences := []string{place.Audience, state.ForUser(me.user).Word()}
	if place.Place == 0 {
		audiences = nil // of what is still to begin nobody knows the number
	}
	t := &tail{edge: s.edge, ctx: ctx, ref: r.GetPlace(), place: place, me: me}
	return follow(s.edge, out, followed[pb.TailResponse]{
		from: r.From, at: at, cluster: r.GetCluster(), audiences: audiences, take: t.take,
		progress: func(p *pb.Progress) *pb.TailResponse {
			return &pb.TailResponse{Step: &pb.TailResponse_Progress{Progress: p}}
		},
	})
}

// resolve returns what a place means to the caller, who may read there, and where this node stands. A node that has not come as
// far as where the place began, or the caller joined it, does not say that there is none: it waits until it has.
func (e *edge) resolve(ctx context.Context, ref string) (place chat.Resolved, at raft.Position, err error) {
	place, at, err = e.resolveHere(ctx, ref)
	if status.Code(err) == codes.NotFound {
		at, err = e.ask(ctx, pb.Consistency_CONSISTENCY_LINEARIZABLE, &chat.PlaceOf{Place: ref}, &place)
	}
	return place, at, err
}

// resolveHere is resolve as far as this node has come.
func (e *edge) resolveHere(ctx context.Context, ref string) (place chat.Resolved, at raft.Position, err error) {
	at, err = e.ask(ctx, pb.Consistency_CONSISTENCY_STALE, &chat.PlaceOf{Place: ref}, &place)
	return place, at, err
}

// tail picks the messages of one place out of what happens.
type tail struct {
	*edge
	ctx   context.Context
	ref   string
	place chat.Resolved
	me    *actor
}

// take returns what a frame holds for the stream.
func (t *tail) take(f *node.Frame) (responses [][]byte, err error) {
	all, err := t.ready.of(f)
	if err != nil {
		return nil, err
	}
	for i := range all.events {
		one := &all.events[i]
		e := &one.shown
		switch {
		case e.Kind == state.EventMessage && t.here(e):
			response := one.tail
			if dependsOnReader(e) {
				if response, err = encodeTail(convert.MessageShown(e, t.me.user)); err != nil {
					return responses, err
				}
			}
			responses = append(responses, response)
		case e.Kind == state.EventLeft && e.User == t.me.user && e.Place == t.place.Place:
			// The stream ends as a new one would. Who is a member again stays.
			if _, _, err := t.resolveHere(t.ctx, t.ref); err != nil {
				return responses, err
			}
		}
	}
	return responses, nil
}

func (t *tail) here(e *state.Shown) bool {
	if t.place.Place != 0 {
		return e.Place == t.place.Place
	}
	return e.Pair == [2]state.UserID{t.me.user, t.place.Partner} || e.Pair == [2]state.UserID{t.place.Partner, t.me.user}
}

// progressOf says how far a stream has come.
func progressOf(cluster uint64, at raft.Position, quiet time.Duration) *pb.Progress {
	return &pb.Progress{Position: uint64(at), Cluster: cluster, LeaderQuietMs: uint64(max(quiet, 0).Milliseconds())}
}
