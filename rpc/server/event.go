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
	w := &watch{me: actorOf(ctx), ready: s.ready}
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
		from: r.From, at: at, cluster: r.GetCluster(), audiences: w.audiences(), take: w.take, notice: w.notice, join: true,
		progress: func(p *pb.Progress) *pb.WatchResponse { return &pb.WatchResponse{Progress: p} },
	})
}

// watch picks what one stream shows out of what happens.
type watch struct {
	me     *actor
	ready  *ready
	places []tail     // none: everywhere
	topics []pb.Topic // none: all
}

// elsewhere are the topics of what happens in no place, and reaches whoever may see what it is about; everybodys are those
// of what reaches everybody.
var (
	elsewhere  = []pb.Topic{pb.Topic_TOPIC_DOCUMENTS, pb.Topic_TOPIC_LOCKS}
	everybodys = []pb.Topic{pb.Topic_TOPIC_ACCOUNTS, pb.Topic_TOPIC_PRESENCE}
)

// audiences returns whom what this stream shows can concern; none: it can't be told. A stream that is about some places
// alone hears of nothing else, and what happens elsewhere costs it nothing.
func (w *watch) audiences() (all []string) {
	if len(w.places) == 0 || len(w.topics) == 0 || slices.ContainsFunc(w.topics, func(t pb.Topic) bool { return slices.Contains(elsewhere, t) }) {
		return nil
	}
	all = append(all, state.ForUser(w.me.user).Word())
	if slices.ContainsFunc(w.topics, func(t pb.Topic) bool { return slices.Contains(everybodys, t) }) {
		all = append(all, state.ForAll().Word())
	}
	for i := range w.places {
		if w.places[i].place.Place == 0 {
			return nil // of what is still to begin nobody knows the number
		}
		all = append(all, state.ForPlace(w.places[i].place.Place).Word(), state.ForSeers(w.places[i].place.Place).Word())
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// take returns what a frame holds for the stream: all of it in one response.
func (w *watch) take(f *node.Frame) ([][]byte, error) {
	all, err := w.ready.of(f)
	if err != nil {
		return nil, err
	}
	wanted := 0
	for i := range all.events {
		if w.wants(&all.events[i].shown, all.events[i].topic) {
			wanted++
		}
	}
	switch {
	case wanted == 0:
		return nil, nil
	case wanted == len(all.events) && all.whole != nil:
		return [][]byte{all.whole}, nil
	}
	var events []byte
	for i := range all.events {
		one := &all.events[i]
		if !w.wants(&one.shown, one.topic) {
			continue
		}
		b := one.event
		if dependsOnReader(&one.shown) {
			event, _ := convert.Event(&one.shown, w.me.user)
			if event == nil {
				continue
			}
			if b, err = encodeEvent(event); err != nil {
				return nil, err
			}
		}
		events = append(events, b...)
	}
	if len(events) == 0 {
		return nil, nil
	}
	return [][]byte{encodeFrame(uint64(f.Position), events)}, nil
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
