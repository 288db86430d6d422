// Package bare is a loop around five nodes of etcd-io/raft and nothing else: what simulating a Raft costs before it has
// disks, faults, clients or judges. Parley's simulator is measured beside it.
package bare

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"time"

	"go.etcd.io/raft/v3"
	pb "go.etcd.io/raft/v3/raftpb"
)

const (
	size = 5
	// tick, and the two counts of ticks, are etcd's own defaults: a heartbeat every 100 ms, an election after a second.
	tick          = 100 * time.Millisecond
	electionTicks = 10
	// compactEvery bounds the memory that applied entries take.
	compactEvery = 1000
)

// Loop is five nodes with their logs in memory. Time passes when it is told to.
type Loop struct {
	nodes   [size]*node
	pending []pb.Message // sent and not delivered, oldest first
	ticks   int64
	asked   float64 // proposals made, and the part of one that is due
	payload [128]byte
	Events  uint64 // ticks, messages, proposals
	Applied [size]uint64
}

type node struct {
	raw     *raft.RawNode
	storage *raft.MemoryStorage
	kept    uint64 // the log begins behind it
}

// New returns a loop whose nodes have not yet elected a leader.
func New() (*Loop, error) {
	var voters []uint64
	for id := range uint64(size) {
		voters = append(voters, id+1)
	}
	l := &Loop{}
	for i := range l.nodes {
		n := &node{storage: raft.NewMemoryStorage()}
		err := n.storage.ApplySnapshot(pb.Snapshot{Metadata: pb.SnapshotMetadata{ConfState: pb.ConfState{Voters: voters}, Index: 1, Term: 1}})
		if err != nil {
			return nil, err
		}
		n.kept = 1
		n.raw, err = raft.NewRawNode(&raft.Config{
			ID: uint64(i + 1), ElectionTick: electionTicks, HeartbeatTick: 1, Storage: n.storage, Applied: 1,
			MaxSizePerMsg: 1 << 20, MaxInflightMsgs: 256, CheckQuorum: true, PreVote: true,
			Logger: &raft.DefaultLogger{Logger: log.New(io.Discard, "", 0)},
		})
		if err != nil {
			return nil, err
		}
		l.nodes[i] = n
	}
	return l, nil
}

// Run lets so much time pass, in which so many commands of 128 bytes a second are proposed to the leader. Messages
// arrive in the order in which they were sent, before the next tick.
func (l *Loop) Run(long time.Duration, perSecond float64) error {
	for end := l.ticks + int64(long/tick); l.ticks < end; l.ticks++ {
		for i := range l.nodes {
			l.Events++
			l.nodes[i].raw.Tick()
			if err := l.settle(i); err != nil {
				return err
			}
		}
		if err := l.deliver(); err != nil {
			return err
		}
		for l.asked += perSecond * tick.Seconds(); l.asked >= 1; l.asked-- {
			if err := errors.Join(l.propose(), l.deliver()); err != nil {
				return err
			}
		}
	}
	return nil
}

// propose asks the leader; without one the command is lost.
func (l *Loop) propose() error {
	for i, n := range l.nodes {
		if n.raw.BasicStatus().RaftState != raft.StateLeader {
			continue
		}
		l.Events++
		command := append([]byte(nil), l.payload[:]...)
		binary.LittleEndian.PutUint64(command, l.Events)
		if err := n.raw.Propose(command); err != nil {
			return fmt.Errorf("node %d: %w", i+1, err)
		}
		return l.settle(i)
	}
	return nil
}

// deliver has all messages arrive, and those that are sent because of them.
func (l *Loop) deliver() error {
	for next := 0; next < len(l.pending); next++ {
		m := l.pending[next]
		to := int(m.To - 1)
		l.Events++
		if err := l.nodes[to].raw.Step(m); err != nil {
			return fmt.Errorf("node %d takes a %v: %w", m.To, m.Type, err)
		}
		if err := l.settle(to); err != nil {
			return err
		}
	}
	l.pending = l.pending[:0]
	return nil
}

// settle stores, sends and applies what a node has ready.
func (l *Loop) settle(i int) error {
	n := l.nodes[i]
	for n.raw.HasReady() {
		ready := n.raw.Ready()
		if !raft.IsEmptyHardState(ready.HardState) {
			if err := n.storage.SetHardState(ready.HardState); err != nil {
				return err
			}
		}
		if err := n.storage.Append(ready.Entries); err != nil {
			return err
		}
		l.pending = append(l.pending, ready.Messages...)
		if last := len(ready.CommittedEntries); last > 0 {
			l.Applied[i] = ready.CommittedEntries[last-1].Index
		}
		n.raw.Advance(ready)
	}
	if l.Applied[i] < n.kept+2*compactEvery {
		return nil
	}
	n.kept = l.Applied[i] - compactEvery
	return n.storage.Compact(n.kept)
}
