package tracing

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"parley/raft"
)

// The bounds of a recorder.
const (
	// queueMax bounds the Steps that wait to be looked at: a second of a busy node's.
	queueMax = 4096
	// window is how many of the newest entries a node remembers the times of: seconds of a busy node's.
	window = 1 << 13
	// flightsMax bounds the traced calls that are not entries yet. One that never becomes any is forgotten after flightMax.
	flightsMax = 4096
	flightMax  = 10 * time.Second
	// linksAheadMax bounds the links of entries that are not here yet.
	linksAheadMax = 4096
)

// Recorder makes spans of one node's notes. TraceOf, Notes and Heard are called by others and never wait; one goroutine does the rest.
type Recorder struct {
	node    uint64
	tracer  trace.Tracer
	tell    func([]byte)
	in      chan told
	batches sync.Pool // of *[]raft.Note
	dropped atomic.Uint64
	next    atomic.Uint64
	quit    chan struct{}
	done    chan struct{}

	mu      sync.Mutex
	flights map[uint64]flight

	entries entries // the goroutine's
}

// told is what the goroutine is handed: the notes of a Step, or what the leader said.
type told struct {
	at    time.Time
	notes *[]raft.Note
	links []link
}

// flight is a traced call on its way into the log.
type flight struct {
	caller trace.SpanContext
	begun  time.Time
}

// Record starts a recorder. tell passes what a leader says beside the protocol to all peers; it must not block.
func (p *Provider) Record(node raft.NodeID, tell func([]byte)) *Recorder {
	r := &Recorder{
		node: uint64(node), tracer: p.sdk.Tracer(scope), tell: tell,
		in: make(chan told, queueMax), quit: make(chan struct{}), done: make(chan struct{}), flights: map[uint64]flight{},
	}
	r.batches.New = func() any { return new([]raft.Note) }
	r.entries.init(r.tracer, r.node)
	go r.run()
	return r
}

// Close ends the recorder; spans that are open are lost.
func (r *Recorder) Close() {
	close(r.quit)
	<-r.done
}

// Dropped returns how many Steps were not looked at because too many waited.
func (r *Recorder) Dropped() uint64 { return r.dropped.Load() }

// TraceOf returns the number under which the notes speak of a call; 0 of one that is not traced. It is host.Config.TraceOf.
func (r *Recorder) TraceOf(ctx context.Context) uint64 {
	caller := trace.SpanContextFromContext(ctx)
	if !caller.IsSampled() {
		return 0
	}
	number := r.next.Add(1)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.flights) >= flightsMax {
		return 0
	}
	r.flights[number] = flight{caller, time.Now()}
	return number
}

// landed takes a call out that became an entry.
func (r *Recorder) landed(number uint64) (flight, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f, ok := r.flights[number]
	delete(r.flights, number)
	return f, ok
}

// forget drops calls that became no entry, as refused ones and reads never do.
func (r *Recorder) forget(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for number, f := range r.flights {
		if now.Sub(f.begun) > flightMax {
			delete(r.flights, number)
		}
	}
}

// Notes takes the notes of a Step. It is called on the loop (host.Config.OnNotes).
func (r *Recorder) Notes(notes []raft.Note) {
	batch := r.batches.Get().(*[]raft.Note)
	*batch = (*batch)[:0]
	for i := range notes {
		switch notes[i].Kind {
		case raft.NoteAppend, raft.NoteStored, raft.NoteCommit, raft.NoteApply, raft.NoteTruncate, raft.NoteRole:
			*batch = append(*batch, notes[i])
		}
	}
	if len(*batch) == 0 {
		r.batches.Put(batch)
		return
	}
	r.put(told{at: time.Now(), notes: batch})
}

// Heard takes what a leader said beside the protocol.
func (r *Recorder) Heard(_ raft.NodeID, aside []byte) {
	if links := decodeLinks(aside); len(links) > 0 {
		r.put(told{links: links})
	}
}

func (r *Recorder) put(t told) {
	select {
	case r.in <- t:
	default:
		r.dropped.Add(1)
	}
}

// run looks at what was handed over.
func (r *Recorder) run() {
	defer close(r.done)
	sweep := time.NewTicker(flightMax)
	defer sweep.Stop()
	for {
		select {
		case t := <-r.in:
			r.look(t)
		case now := <-sweep.C:
			r.forget(now)
		case <-r.quit:
			return
		}
	}
}

func (r *Recorder) look(t told) {
	for _, l := range t.links {
		r.entries.linked(l)
	}
	if t.notes == nil {
		return
	}
	var aside []byte
	for i := range *t.notes {
		n := &(*t.notes)[i]
		if n.Kind != raft.NoteAppend {
			r.entries.note(n, t.at)
			continue
		}
		e := r.entries.appended(n, t.at)
		if n.Trace == 0 {
			continue
		}
		if f, ok := r.landed(n.Trace); ok {
			aside = appendLink(aside, r.entries.proposed(e, f, t.at))
			if len(aside) > linkBytes*(linksMax-1) {
				r.tell(aside)
				aside = nil
			}
		}
	}
	r.batches.Put(t.notes)
	if len(aside) > 0 {
		r.tell(aside)
	}
}
