package front

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"parley/cmd/bench/load"
)

// Fanout sends every message to every stream. A message is encoded once, and a stream has a queue of its own: one that is slow
// keeps no other waiting.
type Fanout struct {
	mu      sync.Mutex
	streams map[*listener]bool
}

type listener struct {
	stream grpc.ServerStream
	queue  chan *shared
}

// shared is a message that the first stream to send it encodes for all.
type shared struct {
	once     sync.Once
	value    *wrapperspb.BytesValue
	prepared grpc.PreparedMsg
	err      error
}

// queueMax is how many messages may wait for a stream; one that falls further behind is cut off.
const queueMax = 256

var errBehind = errors.New("front: the stream fell behind and was cut off")

// NewFanout makes one.
func NewFanout() *Fanout { return &Fanout{streams: map[*listener]bool{}} }

func (f *Fanout) serve(stream grpc.ServerStream) error {
	l := &listener{stream: stream, queue: make(chan *shared, queueMax)}
	f.mu.Lock()
	f.streams[l] = true
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.streams, l)
		f.mu.Unlock()
	}()
	if err := stream.SendHeader(nil); err != nil { // the client knows now that it is heard
		return err
	}
	for {
		select {
		case m, ok := <-l.queue:
			if !ok {
				return errBehind
			}
			if err := m.send(stream); err != nil {
				return err
			}
		case <-stream.Context().Done():
			return stream.Context().Err()
		}
	}
}

func (m *shared) send(stream grpc.ServerStream) error {
	m.once.Do(func() { m.err = m.prepared.Encode(stream, m.value) })
	if m.err != nil {
		return m.err
	}
	return stream.SendMsg(&m.prepared)
}

// Publish sends a message to all streams.
func (f *Fanout) Publish(value []byte) {
	m := &shared{value: &wrapperspb.BytesValue{Value: value}}
	f.mu.Lock()
	defer f.mu.Unlock()
	for l := range f.streams {
		select {
		case l.queue <- m:
		default:
			delete(f.streams, l)
			close(l.queue)
		}
	}
}

// Listeners is streams that measure when they hear what was published.
type Listeners struct {
	begin  time.Time // publishers stamp against it
	each   []*heard
	got    atomic.Int64 // messages of all streams
	reads  sync.WaitGroup
	cancel context.CancelFunc
}

// heard is what one stream measured: when each message came, by its number.
type heard struct{ after []time.Duration }

// Listen opens streams on a client's connections, and returns when all are heard. Each takes so many messages at
// most.
func (c *Client) Listen(ctx context.Context, streams, messages int) (*Listeners, error) {
	ctx, cancel := context.WithCancel(ctx)
	l := &Listeners{begin: time.Now(), cancel: cancel}
	for n := range streams {
		s, err := c.conns[n%len(c.conns)].NewStream(ctx, &service.Streams[0], methodListen)
		if err == nil {
			err = s.SendMsg(&emptypb.Empty{})
		}
		if err == nil {
			err = s.CloseSend()
		}
		if err == nil {
			_, err = s.Header()
		}
		if err != nil {
			cancel()
			return nil, err
		}
		h := &heard{after: make([]time.Duration, messages)}
		l.each = append(l.each, h)
		l.reads.Go(func() { l.read(s, h) })
	}
	return l, nil
}

// head of a message: its number and its stamp, 8 bytes each.
const head = 16

// Message makes the n-th message, stamped now.
func (l *Listeners) Message(n, payload int) []byte {
	m := binary.LittleEndian.AppendUint64(make([]byte, 0, max(head, payload)), uint64(n))
	m = binary.LittleEndian.AppendUint64(m, uint64(time.Since(l.begin)))
	return m[:cap(m)]
}

// read takes messages until the stream ends. What one that was cut off did not hear is missing in the end.
func (l *Listeners) read(s grpc.ClientStream, h *heard) {
	var m wrapperspb.BytesValue
	for s.RecvMsg(&m) == nil {
		n, sent := binary.LittleEndian.Uint64(m.Value), binary.LittleEndian.Uint64(m.Value[8:])
		if n < uint64(len(h.after)) {
			h.after[n] = max(1, time.Since(l.begin)-time.Duration(sent))
		}
		l.got.Add(1)
	}
}

// Got is how many messages all streams have heard so far.
func (l *Listeners) Got() int { return int(l.got.Load()) }

// Heard ends the streams and tells of the messages from one number on: how long each took to each stream, how long each
// took to the last of all streams, and how many never came.
func (l *Listeners) Heard(from, to int) (all, latest load.Histogram, missing int) {
	l.cancel()
	l.reads.Wait()
	for n := from; n < to; n++ {
		last := time.Duration(0)
		for _, h := range l.each {
			if h.after[n] == 0 {
				missing++
				continue
			}
			all.Add(h.after[n])
			last = max(last, h.after[n])
		}
		latest.Add(last)
	}
	return all, latest, missing
}
