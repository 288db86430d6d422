package host

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"log/slog"

	"parley/raft"
	"parley/raft/node"
	"parley/raft/vfs"
	"parley/raft/wal"
)

// Config says what a host runs.
type Config struct {
	// ID is the node's id; a directory of another node is refused.
	ID raft.NodeID
	// Dir is the data directory, made if it does not exist. With FS nil it is a path
	// of the operating system, else a name in FS, which several goroutines use at a time.
	Dir string
	FS  vfs.FS
	// WAL may say another SegmentBytes, at every start. The cluster and the snapshots are filled in.
	WAL wal.Options

	// Settings of the node. Zero Seed and Cluster are drawn at random.
	Settings node.Settings
	// Machine is the state machine, empty: the log refills it.
	Machine node.StateMachine
	// Transport reaches the peers. The host starts it, and closes it in the end or
	// when Start fails.
	Transport Transport

	// Logger gets a line for what an operator wants to know; nil is slog.Default().
	Logger *slog.Logger
	// OnNotes gets the notes of every Step, on the loop: it must be quick, must
	// not keep the slice, and must not call the host. Nil is nobody.
	OnNotes func([]raft.Note)
	// Probe is told what the host does.
	Probe Probe
	// TraceOf returns the number under which notes speak of a request that is made with a context
	// (raft.Note.Trace), zero if nobody traces it. Nil is nobody.
	TraceOf func(context.Context) uint64
}

// withDefaults checks the configuration and fills in what is missing.
func (c Config) withDefaults() (Config, error) {
	switch {
	case c.ID == 0:
		return c, errors.New("host: no node id")
	case c.Machine == nil:
		return c, errors.New("host: no state machine")
	case c.Transport == nil:
		return c, errors.New("host: no transport")
	case c.Dir == "":
		return c, errors.New("host: no data directory")
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Settings.Cluster == 0 {
		c.Settings.Cluster = raft.ClusterID(draw())
	}
	if err := c.Settings.Validate(c.ID); err != nil {
		return c, err
	}
	if c.Settings.Seed == 0 {
		c.Settings.Seed = draw()
	}
	return c, nil
}

// draw returns a random number that is not zero.
func draw() uint64 {
	var b [8]byte
	for {
		rand.Read(b[:]) // never fails, says its documentation
		if n := binary.LittleEndian.Uint64(b[:]); n != 0 {
			return n
		}
	}
}
