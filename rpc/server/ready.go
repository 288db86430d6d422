package server

import (
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
	"parley/statemachine/state"
)

// ready is what happened lately, as it goes to clients: a frame is decoded and encoded once, by the first stream that has
// it, and thousands of others send the same bytes. Who may see a frame, or some of it, was judged when it was pushed: what
// is shared here has passed that already, as all who see the same have the same body.
type ready struct {
	mu     sync.Mutex
	frames map[*byte]*readyFrame // by where the body begins: the frame keeps it, so that nothing else comes to lie there
	order  [readyMax]*byte       // the oldest goes first
	next   int
}

func newReady() *ready { return &ready{frames: map[*byte]*readyFrame{}} }

// readyFrame is what a body holds.
type readyFrame struct {
	once   sync.Once
	body   []byte
	events []readyEvent
	whole  []byte // a WatchResponse's frame with all events; nil: some differ from reader to reader, or there are none
	err    error
}

// readyEvent is one event.
type readyEvent struct {
	shown state.Shown
	topic pb.Topic
	event []byte // a Frame's event; nil: the wire has nothing for it, or it differs from reader to reader
	tail  []byte // of a message: a TailResponse
}

// of returns what a frame holds.
func (r *ready) of(f *node.Frame) (*readyFrame, error) {
	key := &f.Body[0]
	r.mu.Lock()
	one := r.frames[key]
	if one == nil || len(one.body) != len(f.Body) {
		one = &readyFrame{body: f.Body}
		delete(r.frames, r.order[r.next])
		r.frames[key], r.order[r.next] = one, key
		r.next = (r.next + 1) % readyMax
	}
	r.mu.Unlock()
	one.once.Do(func() { one.err = one.read(uint64(f.Position)) })
	return one, one.err
}

// read decodes the events and encodes what is the same for all readers.
func (r *readyFrame) read(position uint64) error {
	whole := true
	var frame []byte
	err := eachShown(r.body, func(e *state.Shown) (err error) {
		one := readyEvent{shown: *e}
		if dependsOnReader(e) {
			_, one.topic = convert.Event(e, e.Pair[0])
			r.events, whole = append(r.events, one), false
			return nil
		}
		var event *pb.Event
		if event, one.topic = convert.Event(e, 0); event != nil {
			if one.event, err = encodeEvent(event); err != nil {
				return err
			}
			frame = append(frame, one.event...)
		}
		if e.Kind == state.EventMessage {
			one.tail, err = encodeTail(convert.MessageShown(e, 0))
		}
		r.events = append(r.events, one)
		return err
	})
	if err == nil && whole && len(frame) > 0 {
		r.whole = encodeFrame(position, frame)
	}
	return err
}

// dependsOnReader says whether an event reads differently for different readers: each party of a conversation calls it by
// the other's name.
func dependsOnReader(e *state.Shown) bool { return e.PlaceName == "" && e.Pair != [2]state.UserID{} }

// The numbers of the fields that are put together here.
const (
	fieldWatchFrames   = 1 // WatchResponse.frames
	fieldFramePosition = 1 // Frame.position
	fieldFrameEvents   = 2 // Frame.events
	fieldTailMessage   = 1 // TailResponse.message
)

// encodeEvent returns an event as a field of a Frame.
func encodeEvent(event *pb.Event) ([]byte, error) {
	b, err := proto.Marshal(event)
	return protowire.AppendBytes(protowire.AppendTag(nil, fieldFrameEvents, protowire.BytesType), b), err
}

// encodeFrame returns a frame with such fields, as a field of a WatchResponse.
func encodeFrame(position uint64, events []byte) []byte {
	frame := protowire.AppendTag(make([]byte, 0, len(events)+16), fieldFramePosition, protowire.VarintType)
	frame = append(protowire.AppendVarint(frame, position), events...)
	return protowire.AppendBytes(protowire.AppendTag(nil, fieldWatchFrames, protowire.BytesType), frame)
}

// encodeTail returns a TailResponse with a message.
func encodeTail(m *pb.Message) ([]byte, error) {
	b, err := proto.Marshal(m)
	return protowire.AppendBytes(protowire.AppendTag(nil, fieldTailMessage, protowire.BytesType), b), err
}

// eachShown visits the events of a frame that this release knows, until visit returns an error.
func eachShown(body []byte, visit func(e *state.Shown) error) error {
	bodies, err := statemachine.DecodeBodies(body)
	if err != nil {
		return err // our own bytes: a bug, and an error without ErrorInfo says so
	}
	for _, b := range bodies {
		e, ok, err := statemachine.DecodeShown(b)
		if err != nil {
			return err
		}
		if !ok {
			continue // of a newer release, or of nobody's interest
		}
		if err := visit(&e); err != nil {
			return err
		}
	}
	return nil
}
