package server

import (
	"fmt"
	"slices"

	"google.golang.org/grpc"

	"parley/raft"
	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// events serves EventService.
type events struct {
	pb.UnimplementedEventServiceServer
	*edge
}

func (s *events) Watch(r *pb.WatchRequest, out grpc.ServerStreamingServer[pb.WatchResponse]) error {
	ctx := out.Context()
	w := &watch{me: actorOf(ctx)}
	for _, t := range r.GetTopics() {
		if pb.Topic_name[int32(t)] == "" || t == pb.Topic_TOPIC_UNSPECIFIED {
			return fieldError("topics", "There is no such topic.")
		}
		w.topics = append(w.topics, t)
	}
	if len(r.GetPlaces()) > watchPlacesMax {
		return fieldError("places", fmt.Sprintf("A stream is about at most %d places.", watchPlacesMax))
	}
	var at raft.Position
	for _, ref := range r.GetPlaces() {
		place, here, err := s.resolve(ctx, ref)
		if err != nil {
			return err
		}
		at = here
		w.places = append(w.places, tail{place: place, me: w.me})
	}
	if len(w.places) == 0 {
		var err error
		if at, err = s.ask(ctx, pb.Consistency_CONSISTENCY_STALE, &account.WhoAmI{}, &account.Me{}); err != nil {
			return err
		}
	}
	return follow(s.edge, out, followed[pb.WatchResponse]{
		from: r.From, at: at, cluster: r.GetCluster(), take: w.take, notice: w.notice,
		join:     func(first, next *pb.WatchResponse) { first.Frames = append(first.Frames, next.GetFrames()...) },
		progress: func(p *pb.Progress) *pb.WatchResponse { return &pb.WatchResponse{Progress: p} },
	})
}

// watch picks what one stream shows out of what happens.
type watch struct {
	me     *actor
	places []tail     // none: everywhere
	topics []pb.Topic // none: all
}

// take returns what a frame holds for the stream: all of it in one response.
func (w *watch) take(f *node.Frame) ([]*pb.WatchResponse, error) {
	frame := &pb.Frame{Position: uint64(f.Position)}
	err := eachShown(f.Body, func(e *state.Shown) error {
		event, topic := convert.Event(e, w.me.user)
		if event != nil && w.wants(e, topic) {
			frame.Events = append(frame.Events, event)
		}
		return nil
	})
	if err != nil || len(frame.Events) == 0 {
		return nil, err
	}
	return []*pb.WatchResponse{{Frames: []*pb.Frame{frame}}}, nil
}

// notice returns what others do right now.
func (w *watch) notice(f *node.Frame) (r *pb.WatchResponse, err error) {
	err = eachShown(f.Body, func(e *state.Shown) error {
		if n, topic := convert.Notice(e, w.me.user); n != nil && w.wants(e, topic) {
			r = &pb.WatchResponse{Notices: append(r.GetNotices(), n)}
		}
		return nil
	})
	return r, err
}

func (w *watch) wants(e *state.Shown, topic pb.Topic) bool {
	if len(w.topics) > 0 && !slices.Contains(w.topics, topic) {
		return false
	}
	return len(w.places) == 0 || e.Place == 0 || slices.ContainsFunc(w.places, func(t tail) bool { return t.here(e) })
}
