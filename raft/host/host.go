package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"parley/raft"
	"parley/raft/node"
	"parley/raft/vfs/osfs"
)

// Host runs one node in this process. Its methods may be called from any
// goroutine.
type Host struct {
	cfg      Config
	root     io.Closer // of the file system, if it is this host's
	log      *slog.Logger
	node     *node.Node // the loop's, once it runs
	self     raft.Ident
	inbox    *inbox
	calls    *calls
	subs     subscriptions
	turns    *turnstile
	disk     *disk
	work     *worker
	store    *storer
	patience *patience
	start    time.Time // Mono zero

	stop     chan struct{} // closed to ask for a clean stop
	stopOnce sync.Once
	done     chan struct{} // closed when nothing runs any more
	err      error         // read after done
	last     node.Status   // read after done
}

// ErrBusy tells that a subscription was not taken because too many requests wait.
var ErrBusy = errors.New("host: too many requests wait; try again")

// Start opens the data directory, recovers the node and runs it. When Start
// returns an error, nothing runs and directory and transport are closed.
func Start(cfg Config) (*Host, error) {
	h, err := open(cfg)
	if err != nil && cfg.Transport != nil {
		err = errors.Join(err, cfg.Transport.Close())
	}
	return h, err
}

// open finds the file system.
func open(cfg Config) (*Host, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if cfg.FS != nil {
		return start(cfg, nil)
	}
	root, err := osfs.New(cfg.Dir)
	if err != nil {
		return nil, err
	}
	cfg.FS, cfg.Dir = root, "."
	h, err := start(cfg, root)
	if err != nil {
		_ = root.Close() // err is the one that matters
	}
	return h, err
}

// start runs a node in a file system; root, if not nil, is closed in the end.
func start(cfg Config, root io.Closer) (*Host, error) {
	dir, boot, err := node.OpenDisk(cfg.FS, cfg.Dir, node.DiskOptions{
		ID:      cfg.ID,
		Inc:     raft.Incarnation(draw()),
		WAL:     cfg.WAL,
		Machine: cfg.Machine.Clone(),
		Rules:   cfg.Settings.Rules,
		Blobs:   cfg.Settings.Blobs,
	})
	if err != nil {
		return nil, err
	}
	h := &Host{
		cfg:   cfg,
		root:  root,
		log:   cfg.Logger.With("node", uint64(cfg.ID)),
		self:  boot.Identity.Self,
		inbox: newInbox(),
		subs:  subscriptions{live: make(map[node.Ticket]*Subscription)},
		turns: newTurnstile(),
		disk:  newDisk(dir),
		start: time.Now(),
		stop:  make(chan struct{}),
		done:  make(chan struct{}),
	}
	h.calls = newCalls(&h.inbox.gather.coming)
	h.patience = newPatience(h.calls)
	h.tellFound(&boot.Found)
	if size := cfg.WAL.SegmentBytes; size > 0 {
		h.disk.every = min(prepareEvery, max(int(size/prepareShare), 1)) // each segment brings the next, and removes what is old
	}
	// Nodes that write the same bytes should not prepare at the same moment.
	h.disk.unpaced = rand.IntN(h.disk.every)
	h.disk.told = cfg.Probe.Batch
	h.disk.send = cfg.Transport.Send
	h.disk.report = h.inbox.note
	h.disk.saved = func(id *node.Identity) {
		if id.Members.Has(h.self) { // who joins is called by the leader, and follows the loop
			cfg.Transport.SetLocal(h.local(id.Cluster, id.Members.Members))
		}
	}
	h.node = node.New(cfg.Settings, boot, cfg.Machine, h.now())
	if err := cfg.Transport.Start(h.localNow(), h); err != nil {
		_ = dir.Close() // nothing was written
		return nil, fmt.Errorf("host: start transport: %w", err)
	}
	h.work = newWorker(dir.Snapshots(), h.inbox.note)
	h.work.told = cfg.Probe.Task
	h.store = newStorer(dir.Blobs, h.inbox.note)
	go h.disk.run()
	go h.work.run()
	go h.store.run()
	go h.patience.run()
	go h.run()
	return h, nil
}

// now reads the monotonic clock.
func (h *Host) now() raft.Mono { return raft.Mono(time.Since(h.start)) }

// local is what the transport must know: who this node is, and the members of
// the configuration in force, or before there is a cluster the seeds that it is
// to be formed of.
func (h *Host) local(cluster raft.ClusterID, members []raft.Member) Local {
	l := Local{Self: h.self, Cluster: cluster}
	for _, m := range members {
		if m.ID != h.self.ID {
			l.Peers = append(l.Peers, m)
		}
	}
	if cluster != 0 {
		return l
	}
	for _, s := range h.cfg.Settings.Seeds {
		if s.ID != h.self.ID {
			l.Peers = append(l.Peers, raft.Member{
				Ident:      raft.Ident{ID: s.ID},
				PeerAddr:   s.PeerAddr,
				ClientAddr: s.ClientAddr,
			})
		}
	}
	return l
}

// localNow asks the node itself. Only the loop may, once it runs.
func (h *Host) localNow() Local {
	s := h.node.Status()
	members := make([]raft.Member, len(s.Members))
	for i := range members {
		members[i] = s.Members[i].Member
	}
	l := h.local(s.Cluster, members)
	l.Peers = append(l.Peers, s.Contacts...)
	l.Former = s.Former
	return l
}

// Do hands an EventOpenSession, EventCloseSession, EventCommand, EventQuery, EventUploadBegin,
// EventUploadAppend, EventUploadCommit, EventReadBlob or EventMark to the node and waits for its answer. Do gives the event its ticket. The error is that of
// the context and comes with Outcome Unknown, since the node may have acted; a
// full or stopping host is an answer, not an error. A query or a read of a blob never ends Unknown:
// it changes nothing, so that one without an answer is Refused. That the context of a linearizable query has ended is noticed
// up to ten milliseconds late. Other kinds are not for callers: the node believes an EventStored, and panics at a kind that there is not.
func (h *Host) Do(ctx context.Context, e node.Event) (node.Answer, error) {
	w, a := h.submit(ctx, &e, gathers(&e))
	if w == nil {
		return h.ended(a), nil
	}
	a, err := h.await(ctx, w, &e)
	return h.ended(a), err
}

// DoAll is Do for many events at once, which the node gets in their order. The error is the context's; each answer
// stands for itself.
func (h *Host) DoAll(ctx context.Context, events []node.Event) ([]node.Answer, error) {
	answers, waiting := make([]node.Answer, len(events)), make([]*call, len(events))
	for i := range events {
		waiting[i], answers[i] = h.submit(ctx, &events[i], false) // he is busy with those before it
	}
	var late error
	for i, w := range waiting {
		if w != nil {
			var err error
			if answers[i], err = h.await(ctx, w, &events[i]); err != nil {
				late = err
			}
		}
		h.ended(answers[i])
	}
	return answers, late
}

// submit gives an event its ticket and puts it into the inbox; without a call its answer is known already. counts is whether
// others may wait for its caller once it is answered (gather.go).
func (h *Host) submit(ctx context.Context, e *node.Event, counts bool) (*call, node.Answer) {
	w, ticket, ok := h.calls.open(counts)
	if !ok {
		return nil, node.Answer{Outcome: node.Refused, Code: node.CodeBusy}
	}
	e.Ticket = ticket
	if h.cfg.TraceOf != nil && e.Trace == 0 {
		e.Trace = h.cfg.TraceOf(ctx)
	}
	at := h.inbox.call(e)
	if at == placedIn {
		return w, node.Answer{}
	}
	if _, answered := w.leave(ticket); answered {
		h.back(ticket)
	}
	h.calls.close(ticket)
	code := node.CodeBusy
	if at == placedClosed {
		code = node.CodeStopping
	}
	return nil, node.Answer{Ticket: ticket, Outcome: node.Refused, Code: code}
}

// await returns the answer to what was submitted, and gives its slot back.
func (h *Host) await(ctx context.Context, w *call, e *node.Event) (node.Answer, error) {
	ticket := e.Ticket
	defer h.calls.close(ticket)
	if a, ok := h.patience.wait(ctx, w, ticket); ok {
		h.back(ticket)
		return certain(e, answered(e, a)), nil
	}
	h.inbox.note(node.Event{Kind: node.EventCancel, Ticket: ticket})
	return certain(e, node.Answer{Ticket: ticket, Outcome: node.Unknown}), ctx.Err()
}

// back tells that a caller who was answered has been run.
func (h *Host) back(ticket node.Ticket) {
	if ticket&readBit != 0 {
		h.inbox.came()
	}
}

// answered reads the reply to a query that the node left to the caller.
func answered(e *node.Event, a node.Answer) node.Answer {
	if a.View != nil {
		a.Reply, a.View = a.View.Query(e.Query.Body), nil
	}
	return a
}

// Tell has the state machine told something, by way of the leader, sooner or later or not at all: nobody hears what
// comes of it. It is for what is said again until it shows.
func (h *Host) Tell(body []byte) {
	_ = h.inbox.call(&node.Event{Kind: node.EventTell, Command: node.Command{Body: body}})
}

// Notice has the streams of all nodes told something now, or not at all; see node.Herald.
func (h *Host) Notice(body []byte) {
	_ = h.inbox.call(&node.Event{Kind: node.EventNotice, Command: node.Command{Body: body}})
}

// certain makes an unknown query, or read of a blob, a refused one.
func certain(e *node.Event, a node.Answer) node.Answer {
	if (e.Kind == node.EventQuery || e.Kind == node.EventReadBlob) && a.Outcome == node.Unknown {
		a.Outcome = node.Refused
	}
	return a
}

// Subscribe begins a stream of the frames after position from: first what is
// kept, then what happens. If the node refuses it, Next tells.
func (h *Host) Subscribe(ctx context.Context, from raft.Position) (*Subscription, error) {
	return h.SubscribeFor(ctx, from, "")
}

// SubscribeFor is Subscribe on behalf of a reader, who gets what he may see (node.Discreet): only what concerns one of the
// audiences, if any are named.
func (h *Host) SubscribeFor(ctx context.Context, from raft.Position, reader string, audiences ...string) (*Subscription, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := newSubscription(h, from)
	h.subs.add(s)
	switch h.inbox.call(&node.Event{Kind: node.EventSubscribe, Ticket: s.ticket, From: from, Reader: reader, Audiences: audiences}) {
	case placedFull:
		h.subs.remove(s.ticket)
		return nil, ErrBusy
	case placedClosed:
		h.subs.remove(s.ticket)
		s.end(h.stoppingAnswer(s))
	}
	return s, nil
}

// Status returns what the node says of itself, as of its latest Step; of a
// stopped host, as of its last.
func (h *Host) Status() node.Status {
	reply := make(chan node.Status, 1)
	if h.inbox.ask(reply) {
		select {
		case s := <-reply:
			return s
		case <-h.done:
		}
	}
	<-h.done
	return h.last
}

// StatusWithin is Status for whoever wants to know whether the loop turns: the error is the context's.
func (h *Host) StatusWithin(ctx context.Context) (node.Status, error) {
	reply := make(chan node.Status, 1)
	if h.inbox.ask(reply) {
		select {
		case s := <-reply:
			return s, nil
		case <-h.done:
		case <-ctx.Done():
			return node.Status{}, ctx.Err()
		}
	}
	select {
	case <-h.done:
		return h.last, nil
	case <-ctx.Done():
		return node.Status{}, ctx.Err()
	}
}

// Calls returns how many requests wait for an answer.
func (h *Host) Calls() int { return h.calls.used() }

// Self returns the node's id and incarnation.
func (h *Host) Self() raft.Ident { return h.self }

// Deliver hands over messages from peers; see Receiver.
func (h *Host) Deliver(msgs []raft.Message) { h.inbox.deliver(msgs) }

// PeerLost tells that messages to the peer may be lost; see Receiver.
func (h *Host) PeerLost(peer raft.NodeID) { h.inbox.peerLost(peer) }

// HandOver asks the node, if it leads, to hand leadership to another voter: to the
// fittest if to is zero. It returns when somebody else leads, when nobody took
// over within an election timeout, or when the node does not lead.
func (h *Host) HandOver(ctx context.Context, to raft.NodeID) (node.Answer, error) {
	return h.Do(ctx, node.Event{Kind: node.EventTransfer, Peer: to})
}

// Change asks the leader to change the membership, and waits until that is committed: an addition, until the new node is a
// learner, which the leader makes a voter when it has caught up. It needs the id and addresses; who it is, the leader finds out.
func (h *Host) Change(ctx context.Context, ch raft.Change) (node.Answer, error) {
	return h.Do(ctx, node.Event{Kind: node.EventChange, Change: ch})
}

// Stop ends the host cleanly: a leader hands over first, requests under way are
// answered, what the node wanted stored is stored, the log is sealed. It returns when
// nothing runs any more, or when the context ends, whichever is first.
func (h *Host) Stop(ctx context.Context) error {
	h.stopOnce.Do(func() {
		// Whoever does not lead, or finds nobody to hand over to, stops all the
		// same: then the others elect somebody as after a crash.
		_, _ = h.HandOver(ctx, 0)
		close(h.stop)
	})
	select {
	case <-h.done:
		return h.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Done is closed when the host has stopped, by Stop or by itself.
func (h *Host) Done() <-chan struct{} { return h.done }

// Err says why the host stopped; nil after a clean stop, and before Done is closed.
func (h *Host) Err() error {
	select {
	case <-h.done:
		return h.err
	default:
		return nil
	}
}
