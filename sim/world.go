package sim

import (
	"crypto/sha256"
	"fmt"
	"io"
	"time"

	"parley/raft"
	"parley/raft/node"
	"parley/raft/vfs/memfs"
	"parley/raft/wal"
	"parley/sim/linear"
)

// World is one simulated cluster with its network, disks, clocks, clients and
// judges. One agenda of events drives it; nothing happens between events.
type World struct {
	plan   *Plan
	chance chance
	now    int64 // simulated nanoseconds
	agenda agenda
	trace  trace

	net          network
	servers      []*server // by id - 1
	seeds        []node.Seed
	clients      []*client     // by number - 1
	subscribers  []*subscriber // by number - 1
	operations   []operation   // of all clients, by number - 1
	history      history
	answers      pool[answer]
	requests     pool[request]
	frames       pool[delivery]
	logs         wal.Memory  // into which all of them are read
	uploaders    []*uploader // by number - 1
	files        []file
	fileRequests pool[fileRequest]
	fileAnswers  pool[fileAnswer]
	uses         pool[use]
	fading       bool   // disks lose files
	live         []live // by place in plan.Faults
	waiting      []int  // places of those that wait for a leader
	healed       bool
	deliveries   uint64 // messages between nodes that arrived
	oneShots     oneShots
	resources    []resource // by the lock that protects each
	scheduler    scheduler
	rotten       []rotten
	levelAt      int64 // when a node first applied an entry that raised the level; zero: not yet
	newestAt     int64 // and the one that raised it to the newest
	harms        bool  // disks may lose what they had stored
	team         *team // nil: there is none

	judges    judges
	violation *Violation
	cover     Cover

	acknowledged raft.Position // the highest that anybody was told
	backups      []backedUp
	lately       lately
	stopAt       uint64
	blind        bool
	disturb      func() uint64
	recorder     recorder
}

// Options says what is wanted of a run beside its verdict.
type Options struct {
	Trace    io.Writer  // gets the trace as text; nil: none
	From, To uint64     // only these events as text or data; zero To: to the end
	StopAt   uint64     // end after this event; zero: at the plan's end
	Record   *Recording // gets the same events as data; nil: none
	LetPanic bool       // a panic of the code under test goes through, with its stack

	// History asks for what clients did and saw, in Result.History.
	History bool

	// Blind leaves out the judges that look into disks: the commit rule, promises,
	// recovery and absence. What is left sees a bug only by what it does to logs, states
	// and clients, which shows how hard the faults hit.
	Blind bool

	// Disturb is drawn once an event and breaks determinism if its answers
	// differ between runs. It is there for the test that shows that such a
	// world is caught; nil otherwise.
	Disturb func() uint64
}

// Result is the outcome of a run.
type Result struct {
	Seed        uint64
	Hash        [sha256.Size]byte
	Checkpoints [][sha256.Size]byte // see trace
	Events      uint64
	Simulated   time.Duration
	Ops         int    // operations that were answered
	Deliveries  uint64 // messages between nodes that arrived
	Violation   *Violation
	Cover       Cover
	TraceError  error
	History     *linear.History // nil unless Options.History asks for it
}

// Verdict is "ok" or the invariant that broke.
func (r *Result) Verdict() string {
	if r.Violation != nil {
		return r.Violation.Invariant
	}
	return "ok"
}

// String is the line that scripts read.
func (r *Result) String() string {
	ms := r.Simulated.Milliseconds()
	return fmt.Sprintf("seed=%d hash=%x events=%d simulated=%d.%03ds ops=%d verdict=%s",
		r.Seed, r.Hash, r.Events, ms/1000, ms%1000, r.Ops, r.Verdict())
}

// eventsMax ends a run that never ends: some ten times what a busy minute takes.
const eventsMax = 20_000_000

// Run runs a plan from the first event to its verdict.
func Run(p *Plan, o Options) *Result {
	w := newWorld(p, o)
	w.runGuarded(o.LetPanic)
	r := w.result()
	if o.History {
		w.finishHistory()
		r.History = &w.history.kept
	}
	return r
}

func (w *World) result() *Result {
	hash := w.trace.finish()
	return &Result{
		Seed: w.plan.Seed, Hash: hash, Checkpoints: w.trace.checkpoints, Events: w.trace.events,
		Simulated: time.Duration(w.now), Ops: w.answered(), Deliveries: w.deliveries,
		Violation: w.violation, Cover: w.cover, TraceError: w.trace.err,
	}
}

// runGuarded turns a panic of the code under test into a verdict, so that one
// bad seed of a thousand does not end the other 999.
func (w *World) runGuarded(letPanic bool) {
	if !letPanic {
		defer func() {
			if r := recover(); r != nil {
				w.violate(Panicked, "%v", r)
				w.trace.end()
				w.recordLine(nil, nil)
			}
		}()
	}
	w.run()
}

func newWorld(p *Plan, o Options) *World {
	w := &World{plan: p, chance: chance{p.Seed}, net: newNetwork(chance{p.Seed}, p), stopAt: o.StopAt, blind: o.Blind, disturb: o.Disturb}
	w.trace.text, w.trace.from, w.trace.to = o.Trace, o.From, o.To
	w.trace.lines = o.Trace != nil || o.Record != nil
	if o.To == 0 {
		w.trace.to = ^uint64(0)
	}
	w.recorder.into = o.Record
	if o.Record != nil {
		o.Record.Nodes = p.servers()
	}
	w.judges.applied.byBody = make(map[string]int)
	w.history = newHistory()
	w.oneShots.taken = make(map[requestKey][]execution)
	w.live = make([]live, len(p.Faults))
	w.harms = p.harms()
	for id := raft.NodeID(1); int(id) <= p.servers(); id++ {
		if int(id) <= p.Nodes {
			w.seeds = append(w.seeds, node.Seed{ID: id, PeerAddr: peerAddr(id), ClientAddr: clientAddr(id)})
		}
		s := &server{w: w, id: id, addr: clientAddr(id), old: contains(p.Old, id), fs: memfs.New(w.chance.draw(purposeFileSystem, uint64(id), 0)),
			busy: w.chance.series(purposeLoop, uint64(id))}
		s.blank = &machine{Machine: w.newMachine(), w: w, s: s}
		for _, c := range p.Clocks {
			if c.Node == id {
				s.clock.ppm, s.clock.wall = c.PPM, int64(c.Wall)
			}
		}
		w.servers = append(w.servers, s)
		w.agenda.push(event{at: int64(below(w.chance.draw(purposeArrival, uint64(id), 0), uint64(200*time.Millisecond))),
			priority: priorityNormal, kind: eventStart, who: int32(id)})
	}
	for i := range p.Faults {
		w.agenda.push(event{at: int64(p.Faults[i].At), priority: priorityFault, kind: eventFault, arg: uint64(i)})
	}
	w.agenda.push(event{at: int64(p.Heal), priority: priorityFault, kind: eventHeal})
	for i := range p.Clients {
		w.clients = append(w.clients, newClient(w, i+1, &p.Clients[i]))
	}
	for i := range p.Subscribers {
		w.subscribers = append(w.subscribers, newSubscriber(w, i+1, &p.Subscribers[i]))
	}
	for i := range p.Uploaders {
		w.uploaders = append(w.uploaders, newUploader(w, i+1, &p.Uploaders[i]))
	}
	w.newTeam()
	w.fading = p.fades()
	w.schedule()
	return w
}

// run takes events off the agenda until the time is over or a judge speaks.
func (w *World) run() {
	end := int64(w.plan.Duration)
	for w.violation == nil {
		if w.turnComes(end) {
			w.turn()
			continue
		}
		if w.agenda.empty() || w.agenda.next() > end {
			break
		}
		e := *w.agenda.pop()
		w.now = e.at
		if until := w.heldUp(&e); until > w.now {
			e.at = until
			w.agenda.push(e)
			continue
		}
		if w.scheduler.plan.Kind != SchedulerUniform && w.putsOff(&e) {
			continue
		}
		before := w.trace.events
		w.happen(&e)
		if w.trace.events == before {
			continue // void: its process is gone, or its deadline moved
		}
		if w.disturb != nil {
			w.trace.put(w.disturb())
		}
		w.trace.end()
		if w.recorder.into != nil {
			w.record()
		}
		if w.trace.events == w.stopAt {
			return
		}
		if w.trace.events >= eventsMax {
			w.violate(Runaway, "After %d events the run is only at %s.", w.trace.events, formatClock(w.now))
		}
	}
	if w.violation == nil {
		w.now = end
		w.judgeLiveness()
	}
	if w.violation == nil {
		w.judgeHistory()
	}
	if w.violation == nil {
		w.judgeSurvivor()
	}
	if w.violation == nil {
		w.judgeBackups()
	}
	w.coverOutcomes()
}

// Kinds of events, a bit each: what happens to a process, and on its disk, which has a goroutine of its own.
const (
	toProcess = 1<<eventMessage | 1<<eventPeerLost | 1<<eventWake | 1<<eventStored | 1<<eventTask | 1<<eventBlob | 1<<eventStep |
		1<<eventRequest | 1<<eventFileRequest | 1<<eventTaken | 1<<eventCancel | toDisk
	toDisk = 1<<eventWrite | 1<<eventSync | 1<<eventSeal
)

// heldUp returns until when an event has to wait because its process is paused, or the loop that it is for is busy; zero or a time
// that is over: it need not.
func (w *World) heldUp(e *event) int64 {
	if toProcess>>e.kind&1 == 0 {
		return 0
	}
	s := w.servers[e.who-1]
	if toDisk>>e.kind&1 == 1 {
		return s.pausedUntil
	}
	return max(s.pausedUntil, s.busyUntil)
}

// happen is the dispatcher: one call a kind.
func (w *World) happen(e *event) {
	switch e.kind {
	case eventFault:
		w.fault(e)
	case eventFaultEnds:
		w.faultEnds(e)
	case eventHeal:
		w.heal(e)
	case eventStart:
		w.start(e)
	case eventMessage:
		w.arrive(e)
	case eventPeerLost:
		w.tellPeerLost(e)
	case eventWake:
		w.wake(e)
	case eventWrite:
		w.write(e)
	case eventSync:
		w.sync(e)
	case eventStored:
		w.stored(e)
	case eventTask:
		w.task(e)
	case eventBlob:
		w.blob(e)
	case eventUploader:
		w.uploader(e)
	case eventFileRequest:
		w.fileRequest(e)
	case eventFileAnswer:
		w.fileAnswer(e)
	case eventSeal:
		w.seal(e)
	case eventOperation:
		w.operation(e)
	case eventQuit:
		w.quit(e)
	case eventRequest:
		w.request(e)
	case eventCancel:
		w.cancel(e)
	case eventAnswer:
		w.deliver(e)
	case eventLost:
		w.giveUp(e)
	case eventCaller:
		w.callerWakes(e)
	case eventStep:
		w.step(e)
	case eventSubscribe:
		w.subscribe(e)
	case eventFrame:
		w.frame(e)
	case eventTaken:
		w.taken(e)
	case eventOperator:
		w.operator(e)
	case eventReplace:
		w.replace(e)
	case eventResource:
		w.used(e)
	case eventFlap:
		w.flap(e)
	}
}

// node returns the server with this id.
func (w *World) node(id raft.NodeID) *server { return w.servers[id-1] }

// clientAddr is where clients find a node.
func clientAddr(id raft.NodeID) string { return "node-" + formatUint(uint64(id)) }

// peerAddr is where a node says that its peers find it; the simulated network goes by ids.
func peerAddr(id raft.NodeID) string { return "peer-" + formatUint(uint64(id)) }

// nodeAt is the way back; zero if there is none.
func (w *World) nodeAt(addr string) raft.NodeID {
	for _, s := range w.servers {
		if s.addr == addr {
			return s.id
		}
	}
	return 0
}

// pool keeps things that are on their way, by number; numbers are used again.
type pool[T any] struct {
	items []T
	free  []uint64
}

func (p *pool[T]) put(v T) uint64 {
	if n := len(p.free); n > 0 {
		at := p.free[n-1]
		p.free = p.free[:n-1]
		p.items[at] = v
		return at
	}
	p.items = append(p.items, v)
	return uint64(len(p.items) - 1)
}

func (p *pool[T]) take(at uint64) T {
	var zero T
	v := p.items[at]
	p.items[at] = zero
	p.free = append(p.free, at)
	return v
}
