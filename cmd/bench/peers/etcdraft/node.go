package etcdraft

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"

	"parley/cmd/bench/peers/kv"
)

const (
	tickEvery     = 50 * time.Millisecond
	electionTicks = 10
	// messageBytesMax is what one MsgApp carries at most: a batch of 1,024 callers fits, and a follower that is
	// behind does not block others for long.
	messageBytesMax = 1 << 20
	// inflightMax bounds the MsgApps to one peer that it has not answered.
	inflightMax = 512
	// readRoundsMax bounds the rounds of ReadIndex under way: the second begins while the first is on its way, and what comes
	// meanwhile shares the third.
	readRoundsMax = 2
	// snapshotEvery is how many entries are applied between two snapshots, and catchUp how many stay in memory
	// behind one for a follower that is slow. etcd's own are 10,000 and 5,000; rarer is cheaper.
	snapshotEvery = 100_000
	catchUp       = 10_000
)

var (
	// ErrNotLeader is the answer of a node that does not lead: nothing has happened.
	ErrNotLeader = errors.New("etcdraft: not the leader")
	// ErrUnknown is the answer when a node ceased to lead: the command may still be applied.
	ErrUnknown = errors.New("etcdraft: leadership lost, the outcome is unknown")
	errStopped = errors.New("etcdraft: the node has stopped")
)

// Node is one node of the cluster.
type Node struct {
	id     uint64
	raw    *raft.RawNode
	disk   *disk
	net    *network
	in     inbox
	done   chan struct{} // closed when the loop has ended
	stop   chan struct{}
	once   sync.Once
	leads  atomic.Bool
	Wins   atomic.Int64 // how often it was elected
	Errors chan error   // one, if the node had to stop: its disk failed

	// The loop's own.
	table    kv.Table
	voters   *pb.ConfState
	applied  uint64
	snapshot uint64 // the index of the newest
	writes   fifo
	waiting  []*call
	rounds   []readRound // under way, oldest first
	round    uint64
	ready    []readRound // confirmed, and waiting to be applied
}

// call is one request and its caller, who waits.
type call struct {
	command []byte // nil: a read
	key     uint64
	value   []byte
	term    uint64 // of its proposal
	answer  chan error
}

// readRound is the reads that share one ReadIndex.
type readRound struct {
	id    uint64
	index uint64
	calls []*call
}

// start opens a node's directory and runs it.
func start(id uint64, dir string, peers map[uint64]string, net *network) (*Node, error) {
	n := &Node{
		id: id, net: net, table: kv.Table{}, done: make(chan struct{}), stop: make(chan struct{}), Errors: make(chan error, 1),
	}
	n.in.init()
	var voters []uint64
	for peer := range peers {
		voters = append(voters, peer)
	}
	n.voters = &pb.ConfState{Voters: voters}
	d, snapshot, err := openDisk(dir, n.voters)
	if err != nil {
		return nil, err
	}
	n.disk = d
	if err := n.table.Restore(snapshot.Data); err != nil {
		return nil, errors.Join(err, d.close())
	}
	n.applied = snapshot.Metadata.Index
	n.snapshot = n.applied
	n.raw, err = raft.NewRawNode(&raft.Config{
		ID: id, ElectionTick: electionTicks, HeartbeatTick: 1,
		Storage: d.storage, Applied: n.applied, AsyncStorageWrites: true,
		MaxSizePerMsg: messageBytesMax, MaxInflightMsgs: inflightMax,
		CheckQuorum: true, PreVote: true, DisableProposalForwarding: true,
		Logger: &raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)},
	})
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	net.run(peers, n)
	go d.run(n)
	go n.loop()
	return n, nil
}

// Leads tells whether the node leads, as far as it knows.
func (n *Node) Leads() bool { return n.leads.Load() }

// Close stops the node and closes its files.
func (n *Node) Close() error {
	n.end(nil)
	<-n.done
	n.net.close()
	return n.disk.close()
}

// end has the loop end, for a reason if it is not what the caller wanted.
func (n *Node) end(err error) {
	n.once.Do(func() {
		if err != nil {
			n.Errors <- err
		}
		close(n.stop)
	})
}

// Session is one caller's: one request at a time, without an allocation but the command's. When a context cut one off, the session
// must not be used again.
type Session struct {
	node *Node
	call call
}

// Session makes one.
func (n *Node) Session() *Session {
	return &Session{node: n, call: call{answer: make(chan error, 1)}}
}

// Put replicates a command and applies it: a key of 8 bytes, and a value. The command's bytes belong to the log from
// then on.
func (s *Session) Put(ctx context.Context, command []byte) error {
	s.call.command = command
	return s.do(ctx)
}

// Get reads a key, linearizably.
func (s *Session) Get(ctx context.Context, key uint64) ([]byte, error) {
	s.call.command, s.call.key = nil, key
	err := s.do(ctx)
	return s.call.value, err
}

func (s *Session) do(ctx context.Context) error {
	s.node.in.ask(&s.call)
	select {
	case err := <-s.call.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.node.done:
		return errStopped
	}
}

// loop owns the RawNode: it takes all that has come and handles what comes of it.
func (n *Node) loop() {
	defer close(n.done)
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	var b batch
	for {
		select {
		case <-n.in.wake:
		case <-tick.C:
			n.raw.Tick()
		case <-n.stop:
			return
		}
		n.in.take(&b)
		for _, m := range b.messages {
			_ = n.raw.Step(m) // what is stale or strange is dropped, as a network may drop it
		}
		for _, f := range b.reports {
			f(n.raw)
		}
		n.propose(b.writes)
		n.waiting = append(n.waiting, b.reads...)
		n.readIndex()
		for n.raw.HasReady() {
			n.handle(n.raw.Ready())
			n.readIndex()
		}
	}
}

// propose appends the commands of all callers in one step.
func (n *Node) propose(calls []*call) {
	if len(calls) == 0 {
		return
	}
	entries := make([]pb.Entry, len(calls))
	for i, c := range calls {
		entries[i].Data = c.command
	}
	err := n.raw.Step(pb.Message{Type: pb.MsgProp, From: n.id, Entries: entries})
	if err != nil {
		for _, c := range calls {
			c.answer <- ErrNotLeader
		}
		return
	}
	term := n.raw.BasicStatus().Term
	for _, c := range calls {
		c.term = term
		n.writes.push(c)
	}
}

// readIndex begins a round for all reads that wait, unless enough are under way.
func (n *Node) readIndex() {
	if len(n.waiting) == 0 || len(n.rounds) >= readRoundsMax {
		return
	}
	if !n.leads.Load() {
		fail(n.waiting, ErrNotLeader)
		n.waiting = nil
		return
	}
	n.round++
	n.rounds = append(n.rounds, readRound{id: n.round, calls: n.waiting})
	n.waiting = nil
	n.raw.ReadIndex(binary.BigEndian.AppendUint64(nil, n.round))
}

// handle does what a Ready asks for. Messages leave first: the leader's append travels while it is written here.
func (n *Node) handle(rd raft.Ready) {
	if rd.SoftState != nil {
		n.lead(rd.RaftState == raft.StateLeader)
	}
	for _, s := range rd.ReadStates {
		n.confirmed(s)
	}
	n.net.send(rd.Messages)
	for _, m := range rd.Messages {
		switch m.To {
		case raft.LocalAppendThread:
			if s := m.Snapshot; s != nil {
				n.install(s)
			}
			n.disk.submit(m)
		case raft.LocalApplyThread:
			n.apply(m)
		}
	}
	n.answerReads()
}

// lead takes note of who leads. What was proposed before a change has an unknown outcome.
func (n *Node) lead(leads bool) {
	if n.leads.Swap(leads) == leads {
		return
	}
	if leads {
		n.Wins.Add(1)
	}
	fail(n.writes.all(), ErrUnknown)
	for _, r := range append(n.rounds, n.ready...) {
		fail(r.calls, ErrNotLeader)
	}
	n.rounds, n.ready = nil, nil
}

func fail(calls []*call, err error) {
	for _, c := range calls {
		c.answer <- err
	}
}

// apply applies committed entries and answers their callers.
func (n *Node) apply(m pb.Message) {
	for _, e := range m.Entries {
		n.applied = e.Index
		if len(e.Data) == 0 {
			continue // a leader's first
		}
		n.table.Apply(e.Data)
		if c := n.writes.pop(e.Term); c != nil {
			c.answer <- nil
		}
	}
	for _, r := range m.Responses {
		_ = n.raw.Step(r) // never fails for a local message
	}
	if n.applied-n.snapshot >= snapshotEvery {
		n.snapshot = n.applied
		n.disk.keep(n.applied, n.table.Bytes())
	}
}

// install takes over a snapshot that the leader sent.
func (n *Node) install(s *pb.Snapshot) {
	if err := n.table.Restore(s.Data); err != nil {
		n.end(fmt.Errorf("a snapshot of the leader: %w", err))
		return
	}
	n.applied = s.Metadata.Index
	n.snapshot = n.applied
}

// confirmed: a majority has said that this node still led when the round began.
func (n *Node) confirmed(s raft.ReadState) {
	id := binary.BigEndian.Uint64(s.RequestCtx)
	for len(n.rounds) > 0 && n.rounds[0].id <= id { // a later round confirms the earlier ones
		r := n.rounds[0]
		n.rounds = n.rounds[1:]
		r.index = s.Index
		n.ready = append(n.ready, r)
	}
}

// answerReads answers what is applied far enough.
func (n *Node) answerReads() {
	for len(n.ready) > 0 && n.ready[0].index <= n.applied {
		for _, c := range n.ready[0].calls {
			c.value = n.table.Get(c.key)
			c.answer <- nil
		}
		n.ready = n.ready[1:]
	}
}

// fifo is the writes under way, in the order of their proposals. raft does not tell their indexes, and need not:
// the entries of a term are its leader's alone, in its order, so that the next one of the term is the next one here.
type fifo struct {
	calls []*call
	first int
}

func (f *fifo) push(c *call) {
	if f.first > 1024 && f.first*2 > len(f.calls) {
		f.calls = f.calls[:copy(f.calls, f.calls[f.first:])]
		f.first = 0
	}
	f.calls = append(f.calls, c)
}

// pop takes the write that an entry of a term belongs to; nil if it is not one of this node's.
func (f *fifo) pop(term uint64) *call {
	if f.first == len(f.calls) || f.calls[f.first].term != term {
		return nil
	}
	c := f.calls[f.first]
	f.first++
	return c
}

func (f *fifo) all() []*call {
	rest := f.calls[f.first:]
	f.calls, f.first = nil, 0
	return rest
}

// isLocal: a message to a thread of this node.
func isLocal(to uint64) bool { return to >= math.MaxUint64-1 }
