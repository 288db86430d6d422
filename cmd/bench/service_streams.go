package main

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	"parley/cmd/bench/load"
	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

const (
	// followConnections is how many connections streams share.
	followConnections = 50
	// streamsPerPerson is below what one login may have at one node.
	streamsPerPerson = 100
	// publishers send what streams follow: an open loop, as one that waited would slow down with what it measures.
	publishers = 32
	// settleMax is how long to wait for what the last streams have not heard yet.
	settleMax = 15 * time.Second

	mark      = "mark "
	markBytes = len(mark) + 10 + 1
)

// following is streams that follow a channel to which numbered messages come at a pace. How long one took to a stream
// is counted from when it was due, so that a stall counts against every message that it held up.
type following struct {
	conns []*grpc.ClientConn
	every time.Duration
	start time.Time // message n is due n intervals later

	ears   []*ear
	got    atomic.Int64 // by all ears
	reads  sync.WaitGroup
	cancel context.CancelFunc

	publish     sync.WaitGroup
	stopBeat    context.CancelFunc // nothing more becomes due
	stopPublish context.CancelFunc
	due         chan int
	next        atomic.Int64 // the number of the next message
	sent        atomic.Int64
	rate        int

	first, last int // what is measured: from first on, up to last
	all         load.Histogram
}

// ear is one stream.
type ear struct{ after []time.Duration } // of each message, by its number; 0: not heard

// follow opens the streams, and has messages come when all stand.
func (t *team) follow(ctx context.Context, o serviceOptions) (*following, error) {
	if err := t.crowd(ctx, min(peopleMax, max(publishers, o.streams/streamsPerPerson+1))); err != nil {
		return nil, err
	}
	most := int((o.warm+o.measure).Seconds()+settleMax.Seconds()) * o.rate
	f := &following{every: time.Second / time.Duration(o.rate), rate: o.rate, due: make(chan int, most)}
	listening, cancel := context.WithCancel(ctx)
	f.cancel = cancel
	connections := followConnections
	if o.connections > 0 {
		connections = o.connections
	}
	for i := range connections {
		at := t.leading
		if o.spread {
			at = i % o.nodes
		}
		conns, err := t.dial(at, 1)
		if err != nil {
			return f, err
		}
		f.conns = append(f.conns, conns...)
	}
	say("opening %d streams over %d connections", o.streams, connections)
	begin := time.Now()
	f.start = begin
	for i := range o.streams {
		e := &ear{after: make([]time.Duration, most)}
		f.ears = append(f.ears, e)
		v := &voice{conn: f.conns[i%len(f.conns)], who: t.people[i/streamsPerPerson%len(t.people)]}
		if err := f.open(v.as(listening), v.conn, e); err != nil {
			f.close()
			return nil, fmt.Errorf("stream %d: %w", i+1, err)
		}
	}
	say("they stand after %.1f s", time.Since(begin).Seconds())
	return f, f.publishTo(ctx, t, o.payload)
}

var watchStream = &grpc.StreamDesc{ServerStreams: true}

// open opens a stream, and returns when it stands.
func (f *following) open(ctx context.Context, conn *grpc.ClientConn, e *ear) error {
	s, err := conn.NewStream(ctx, watchStream, pb.EventService_Watch_FullMethodName, grpc.ForceCodecV2(unread{}))
	if err != nil {
		return err
	}
	request := &pb.WatchRequest{Places: []string{followedPlace}, Topics: []pb.Topic{pb.Topic_TOPIC_MESSAGES}}
	if err := s.SendMsg(request); err != nil {
		return err
	}
	if err := s.CloseSend(); err != nil {
		return err
	}
	var response []byte
	if err := s.RecvMsg(&response); err != nil { // it says at once how far it is
		return err
	}
	f.reads.Go(func() {
		var response []byte
		for s.RecvMsg(&response) == nil { // what it does not hear when it ends early is missing
			f.hear(e, response)
		}
	})
	return nil
}

// hear finds the marks in a response. It is not decoded: that would be the work of other machines.
func (f *following) hear(e *ear, response []byte) {
	now := time.Since(f.start)
	for {
		at := bytes.Index(response, []byte(mark))
		if at < 0 || at+markBytes > len(response) {
			return
		}
		n, err := strconv.Atoi(string(response[at+len(mark) : at+markBytes-1]))
		if err == nil && n < len(e.after) && e.after[n] == 0 {
			e.after[n] = max(1, now-time.Duration(n)*f.every)
			f.got.Add(1)
		}
		response = response[at+markBytes:]
	}
}

// publishTo has messages be sent at the pace.
func (f *following) publishTo(ctx context.Context, t *team, payload int) error {
	ctx, f.stopPublish = context.WithCancel(ctx)
	beat, stop := context.WithCancel(ctx)
	f.stopBeat = stop
	for i := range publishers {
		c, err := t.client(t.people[i%len(t.people)])
		if err != nil {
			return err
		}
		f.publish.Go(func() { f.send(ctx, c, payload) })
	}
	m, err := newMetronome(f.every)
	if err != nil {
		return err
	}
	f.start = time.Now()
	f.publish.Go(func() {
		defer close(f.due)
		defer m.close()
		for n := 0; n < cap(f.due); n++ {
			for time.Since(f.start) < time.Duration(n)*f.every {
				if beat.Err() != nil || m.wait() != nil {
					return
				}
			}
			f.due <- n
			f.next.Store(int64(n + 1))
		}
	})
	return nil
}

// send sends what is due, through a client that finds another leader if there is one.
func (f *following) send(ctx context.Context, c *client.Client, payload int) {
	padding := textOf(payload)
	for n := range f.due {
		text := fmt.Sprintf("%s%010d ", mark, n)
		if _, err := c.Send(ctx, followedPlace, text+padding[:payload-len(text)]); err == nil {
			f.sent.Add(1)
		}
	}
}

// begin and end say what is measured: messages that become due in between.
func (f *following) begin() { f.first = int(f.next.Load()) }
func (f *following) end()   { f.last = int(f.next.Load()) }

// seen waits for what is on its way, ends the streams, and says what they heard.
func (f *following) seen(ctx context.Context) *beside {
	f.stopBeat()
	late := time.AfterFunc(settleMax, f.stopPublish)
	defer late.Stop()
	f.publish.Wait() // what was due is sent, or given up
	for end := time.Now().Add(settleMax); time.Now().Before(end) && f.got.Load() < f.sent.Load()*int64(len(f.ears)); {
		if load.Pause(ctx, 5*time.Millisecond) != nil {
			break
		}
	}
	f.close()
	b := &beside{Streams: len(f.ears), Rate: f.rate, Messages: f.last - f.first, Unsent: int(f.next.Load() - f.sent.Load())}
	var latest load.Histogram
	for n := f.first; n < f.last; n++ {
		slowest := time.Duration(0)
		for _, e := range f.ears {
			if e.after[n] == 0 {
				b.Missing++
				continue
			}
			f.all.Add(e.after[n])
			slowest = max(slowest, e.after[n])
		}
		latest.Add(slowest)
	}
	b.Each50, b.Each99 = load.Micros(f.all.At(0.5)), load.Micros(f.all.At(0.99))
	b.LatestP50, b.LatestP99, b.LatestMax = load.Micros(latest.At(0.5)), load.Micros(latest.At(0.99)), load.Micros(latest.At(1))
	return b
}

// close ends all streams and messages.
func (f *following) close() {
	if f.stopPublish != nil {
		f.stopPublish()
	}
	f.publish.Wait()
	f.cancel()
	f.reads.Wait()
}

// unread is a codec for streams whose responses are bytes.
type unread struct{}

func (unread) Name() string { return "proto" }

func (unread) Marshal(v any) (mem.BufferSlice, error) {
	b, err := proto.Marshal(v.(proto.Message))
	return mem.BufferSlice{mem.SliceBuffer(b)}, err
}

func (unread) Unmarshal(data mem.BufferSlice, v any) error {
	b := v.(*[]byte)
	*b = (*b)[:0]
	for _, part := range data {
		*b = append(*b, part.ReadOnlyData()...)
	}
	return nil
}
